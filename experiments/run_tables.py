"""What any run says class by class, and what its network looks like: confusion, accuracy, weights, feature maps.

Run:       python experiments/run_tables.py RUN_ID … [--records results/published] [--image 0] [--layers conv1 conv2]
Result:    for each run classes.md, classes.csv and confusion.png, against the labels it was given, the true ones and
           equally corrupted test labels; where its model file is there also weights.md, weight_histograms.png (with
           minimum and maximum) and, of a network with convolutions, feature_maps.png of one test image; all under
           results/run_tables/<run id>/
Time:      seconds; it reads records and models and trains nothing
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro

from common.analysis import evaluator
from common.cli import one_line_errors, parse
from common.progress import counted
from common.report.classes import class_table, confusion_figure, title_of
from common.report.network_figures import feature_map_grids, feature_maps, weight_histograms, weight_table
from common.report.runs import Run
from common.runs.config import Actions, Config, Options, run_id, smoke
from common.runs.store import Store, file_sha256
from common.runs.task import prepare
from common.study import run_all, show


@dataclass(frozen=True)
class Selection:
    """Which runs, and what of their networks."""

    runs: Annotated[tuple[str, ...], tyro.conf.Positional] = ()
    """Run ids."""
    records: Path | None = None
    """A folder with runs/; none means those of --output-dir."""
    image: int = 0
    """Test image that feature maps are of, by its place."""
    layers: tuple[str, ...] = ()
    """Layers that feature maps are of; none means all that have them."""

    def __post_init__(self) -> None:
        if self.image < 0:
            raise ValueError(f"image must be 0 or more. Received: image={self.image}")


def items(run: Run, store: Store, selection: Selection, options: Options) -> Iterator[tuple[str, Any]]:
    """Tables and figures of a run by name."""
    yield "classes", class_table(run)
    yield "confusion", confusion_figure(run)
    path = store.model_path(run.config)
    if not path.exists():
        return
    if file_sha256(path) != run.record["model"]["sha256"]:
        raise ValueError(f"a model must be the one of its run's record. Received: {path}")
    model, title = evaluator.load(path), title_of(run)
    yield "weights", weight_table(model.get_weights(), f"Weights: {title}")
    yield "weight_histograms", weight_histograms(model.get_weights(), f"Weights: {title}")
    if selection.layers or any(len(model.shape(layer)) == 3 for layer in model.layers if layer != model.input_layer):
        inputs = prepare(run.config, options.data_dir, store.models).test.inputs
        if selection.image >= len(inputs):
            raise ValueError(f"image must be below {len(inputs)}. Received: image={selection.image}")
        image = model.prepare(inputs[[selection.image]], run.config)[0]
        yield "feature_maps", feature_map_grids(feature_maps(model, image, selection.layers), f"Feature maps: {title}")


def main() -> None:
    """Show each of the runs; a smoke test trains one of its own."""
    arguments = parse(__doc__, selection=Selection(), options=Options(), actions=Actions())
    selection, options, actions = arguments.selection, arguments.options, arguments.actions
    store = Store(selection.records) if selection.records else Store.of(options)
    names = selection.runs
    if actions.smoke:
        config = smoke(Config(model="alexnet", framework="torch"))
        run_all([config], options, Actions(smoke=True))
        names = (run_id(config),)
    runs = [Run(store.named(name), store) for name in names]
    if not (actions.list or runs):
        raise ValueError("runs must name at least one. Received: no runs")
    if actions.list:
        return print(f"{counted(len(runs), 'run')} named, of those under {store.results / 'runs'}")
    for run in runs:
        show(dict(items(run, store, selection, options)), Store.of(options).results / "run_tables" / run.id)


if __name__ == "__main__":
    with one_line_errors():
        main()
