"""How a run is watched: a bar on a terminal, plain lines elsewhere, TensorBoard where asked."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any, Self

from common.runs.config import Config, Options, run_id

QUICK = 5  # seconds of work of which nobody asks how much is left


def bar(unit: str, **settings: Any) -> Any:
    """A tqdm bar of these units on a terminal, and nowhere else."""
    from tqdm import tqdm

    return tqdm(unit=unit, disable=not sys.stderr.isatty(), **settings)


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


class Work:
    """Shows how much of a known amount of work is done and the time that is left: a bar, or a line each tenth."""

    def __init__(self, name: str, total: float):
        self.name, self.total, self.tenth, self.start = name, total, 0, time.perf_counter()
        self.bar = bar("%", total=100, desc=name, bar_format="{l_bar}{bar}| {elapsed}<{remaining}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.bar.close()

    def done(self, amount: float) -> None:
        """So much of it is done by now."""
        share = amount / self.total
        self.bar.update(100 * share - self.bar.n)
        taken = time.perf_counter() - self.start
        if self.bar.disable and taken > QUICK and int(10 * share) > self.tenth:
            self.tenth = int(10 * share)
            left = taken * (1 - share) / share
            print(f"{self.name} {share:.0%}, {left:.0f} s left", file=sys.stderr, flush=True)
