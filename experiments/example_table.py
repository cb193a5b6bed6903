"""What many runs say of each example: correctness, first learned epoch, forgetting, sensitivity, critical or not.

Run:       python experiments/example_table.py [--dataset mnist] [--corruption uniform --corruption-fraction 1]
           python experiments/example_table.py --records results/published
Result:    examples.csv, a row for each training example by the data set's own index; how the columns agree; pictures of
           those that are learned first and last in each class, where runs say when; all under results/example_table/
Time:      seconds; it reads records and trains nothing
"""

from dataclasses import dataclass
from pathlib import Path

from common.analysis.examples import SHOWN, extremes, well_known
from common.cli import one_line_errors, parse
from common.data import datasets
from common.errors import check_choice
from common.files import write
from common.progress import counted
from common.report.examples import agreement_table, image_grid, joined, trained_on
from common.report.runs import Runs
from common.runs.config import Actions, Config, Options
from common.runs.store import Store
from common.study import run_all, save


@dataclass(frozen=True)
class Selection:
    """Which runs are put together."""

    dataset: str = "mnist"
    """Data set."""
    corruption: str = "none"
    """What was corrupted in their training set."""
    corruption_fraction: float = 0.0
    """And how much of it."""
    records: Path | None = None
    """A folder with runs/; none means those of --output-dir."""

    def __post_init__(self) -> None:
        check_choice("data set", self.dataset, datasets.IMAGE_SETS)
        Config(dataset=self.dataset, corruption=self.corruption, corruption_fraction=self.corruption_fraction)


def main() -> None:
    """Show what the runs say; a smoke test trains one of its own where there are none."""
    arguments = parse(__doc__, selection=Selection(), options=Options(), actions=Actions())
    options, actions, chosen = arguments.options, arguments.actions, arguments.selection
    store = Store(chosen.records) if chosen.records else Store.of(options)
    dataset = "digits" if actions.smoke else chosen.dataset
    if actions.smoke and not any(store.results.glob("runs/*/run.json")):
        corrupted = {"corruption": chosen.corruption, "corruption_fraction": chosen.corruption_fraction}
        run_all([Config(model="mlp1", framework="torch", **corrupted)], options, Actions(smoke=True))
    runs = trained_on(Runs.under(store), dataset, chosen.corruption, chosen.corruption_fraction)
    if actions.list or not runs:
        print(f"{counted(len(runs), 'run')} of {dataset}, corruption {chosen.corruption}, under {store.results}")
        return
    import pandas

    table = joined(runs)
    folder = Store.of(options).results / "example_table"
    write(folder / "examples.csv", pandas.DataFrame(table).to_csv(index=False, lineterminator="\n"))
    title = f"Examples of {dataset}, {counted(len(runs), 'run')}"
    known = well_known(table)
    save(agreement := agreement_table(known, title), folder / "agreement")
    data = datasets.load(dataset, options.data_dir)
    indices = extremes(known, data.y_train, "learned")
    if len(indices):
        save(image_grid(data.x_train[indices], title), folder / "first_and_last_learned")
    else:
        print(f"no pictures: no class has {SHOWN} examples of which a run says when they were learned")
    print(f"{agreement.markdown()}\n{folder}")


if __name__ == "__main__":
    with one_line_errors():
        main()
