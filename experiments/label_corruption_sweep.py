"""Label corruption from 0 to 100 %: networks fit every fraction, and generalize the worse the larger it is.

Claim:     Zhang et al. (2017), Figures 1b and 1c: the training set is fitted at every corruption, the time to fit grows
           by a small factor, and the test error grows to chance. Ketha & Ramaswamy (2025): a layer's class subspaces
           still classify the test set better than the network's own output does.
Run:       python experiments/label_corruption_sweep.py [--models mlp1 mlp3] [--fractions 0 0.5 1] [--seeds 0 1 2]
                                                        [--frameworks keras torch] [--decode] [--smoke]
Result:    a figure for each model, and one table as Markdown and CSV, under results/label_corruption_sweep/
Time:      --list estimates it; about 4 minutes a run of 60 epochs on CIFAR-10 on one core
Deviations: test error is shown against true labels; the record also holds it against equally corrupted ones, which is
           what the published Figure 1c shows
"""

from common.cli import one_line_errors, parse
from common.report import figures
from common.report.comparison import corruption_row
from common.report.numbers import Number
from common.report.tables import Table
from common.runs.config import Actions, Config, Options
from common.runs.store import Store
from common.study import Grid, run_all


def sweep_table(rows):
    """Every run, a row each."""
    columns = [name for name in rows[0] if name != "test_n"]
    shown = [[Number(v, "ratio") if (v := r[c]) is not None and "fraction" in c else v for c in columns] for r in rows]
    return Table("Label corruption", [name.replace("_", " ") for name in columns], shown)


def main():
    arguments = parse(__doc__, config=Config(corruption="uniform"), grid=Grid(), options=Options(), actions=Actions())
    options = arguments.options
    records = run_all(arguments.grid.configs(arguments.config), options, arguments.actions)
    rows = [corruption_row(record, Store.of(options).readout(record["run_id"])) for record in records]
    folder = Store.of(options).results / "label_corruption_sweep"
    for model in arguments.grid.models:
        chosen = [row for row in rows if row["model"] == model]
        figures.save(figures.corruption_sweep(chosen, f"{model}: label corruption"), folder / f"{model}.png")
    sweep_table(rows).save(folder / "table")
    print(f"{sweep_table(rows).markdown()}\n{folder}")


if __name__ == "__main__":
    with one_line_errors():
        main()
