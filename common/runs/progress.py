"""How a run is watched: a bar on a terminal, plain lines elsewhere, TensorBoard where asked."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, Self

from common.progress import bar
from common.runs.config import Config, Options, run_id


class Progress:
    """Shows each finished epoch on stderr."""

    def __init__(self, config: Config, options: Options, folder: Path):
        self.name, self.epochs = run_id(config), config.epochs
        self.bar = bar("epoch", total=config.epochs, desc=self.name)
        self.board = event_writer(folder / "tensorboard") if options.tensorboard else None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.bar.close()
        if self.board:
            self.board.close()

    def update(self, line: dict[str, Any]) -> None:
        """Show one line of the history."""
        loss, train, test = (shown(line[name]) for name in ("train_loss", "train_accuracy", "test_accuracy"))
        text = f"loss {loss} train {train} test {test}"
        self.bar.n = line["epoch"]
        self.bar.set_postfix_str(text)
        if self.bar.disable:
            print(f"{self.name} epoch {line['epoch']}/{self.epochs} {text}", file=sys.stderr, flush=True)
        if self.board:
            for name, value in line.items():
                if isinstance(value, float):
                    self.board.add_scalar(name, value, line["epoch"])


def shown(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"


def event_writer(folder: Path) -> Any:
    """A TensorBoard writer that needs no framework."""
    from tensorboard.summary import Writer

    return Writer(str(folder))
