"""The phenomenon in two minutes: networks that fit corrupted labels generalize badly, yet their layers know better.

Claim:     Zhang et al. (2017), Figure 1: an MLP fits any corruption of its training labels. Ketha & Ramaswamy (2025):
           class subspaces of its layers, fitted on those corrupted labels, classify the test set far better than it.
Run:       make demo, or python experiments/demo.py
Result:    results/demo/index.html, one self-contained page; the runs and models (.h5, .pt) lie beside it
Time:      under 2 minutes on two cores: 24 runs of an MLP 3x512 on scikit-learn's embedded digits
Deviations: digits of 8x8 pixels instead of CIFAR-10 and MNIST, so no number here is compared with a published one
"""

from common.cli import one_line_errors, parse
from common.report import figures, html
from common.report.comparison import best_layer_accuracy, comparison_table, corruption_row
from common.report.layers import choose_layer, run_table
from common.report.numbers import Number, estimate
from common.report.runs import FRAMEWORKS
from common.report.tables import Table
from common.runs.config import Actions, Config, Options
from common.runs.store import ROOT, Store
from common.study import Grid, run_all

CONFIG = Config(
    model="mlp3",
    dataset="digits",
    corruption="uniform",
    preprocessing="minus_one_one",
    validation_size=200,
    learning_rate=0.1,
    batch_size=64,
    epochs=100,
    stop_accuracy=1.0,
)
GRID = Grid(models=("mlp3",), seeds=(0, 1))
SHOWN = 0.6
LEAD = (
    "A network trained on partly wrong labels learns them by heart: its training accuracy reaches 100 % and its test "
    "accuracy falls. But read out with the minimum angle subspace classifier (MASC), fitted on the very same wrong "
    "labels, a hidden layer still tells most test examples right."
)


def row(record, readout):
    """One run, with the papers' choice of the layer beside ours."""
    layers = {"best_layer_accuracy": best_layer_accuracy(readout), "layer": choose_layer(readout)}
    return corruption_row(record, readout) | layers


def corruption_table(rows):
    """Means over seeds for each fraction and framework, and how far the chosen layer is above the network."""
    measures = ("train_accuracy", "test_accuracy", "chosen_layer_accuracy", "best_layer_accuracy")
    cells = []
    for fraction in sorted({row["corruption_fraction"] for row in rows}):
        for framework, name in FRAMEWORKS.items():
            here = [r for r in rows if (r["framework"], r["corruption_fraction"]) == (framework, fraction)]
            found = [estimate([r[measure] for r in here]) for measure in measures]
            numbers = [Number(e.mean, "fraction", e.low, e.high) for e in found]
            above = estimate([r["chosen_layer_accuracy"] - r["test_accuracy"] for r in here])
            layers = ", ".join(sorted({r["layer"] for r in here}))
            cells.append([f"{100 * fraction:g} %", name, *numbers, layers, Number(above.mean, "fraction")])
    columns = ["corrupted", "framework", "training, %", "test, %", "chosen layer, %", "best layer on test, %"]
    note = (
        "Means with 95 % t intervals over 2 seeds. The layer is chosen on 200 training examples held out from the "
        "network, scored with corrupted labels; the papers choose the best on test data."
    )
    return Table("Training and test accuracy, and what a layer still knows", [*columns, "layer", "above the network"],
                 cells, note)  # fmt: skip


def page(records, readouts):
    """The whole page."""
    rows = [row(record, readouts[record["run_id"]]) for record in records]
    figure = figures.corruption_sweep(rows, "An MLP 3x512 on handwritten digits")
    shown = {r["run_id"]: r for r in records if r["config"]["corruption_fraction"] == SHOWN and not r["config"]["seed"]}
    labels = {name: FRAMEWORKS[record["config"]["framework"]] for name, record in shown.items()}
    layers = figures.layer_accuracies({labels[name]: readouts[name] for name in shown}, "Test accuracy by layer")
    alt = "Accuracy against the corrupted fraction of the training labels"
    blocks = [html.Picture(figures.png(figure), alt), corruption_table(rows)]
    inside = [html.Picture(figures.png(layers), "Test accuracy of each layer's subspace classifier")]
    inside += [run_table(readouts[name], f"{labels[name]}, 60 % corrupted, seed 0") for name in shown]
    return html.page(
        "Memorized, and still known",
        LEAD,
        [
            html.Section("From true to random labels", blocks),
            html.Section("Inside a network that has memorized 60 % wrong labels", inside),
            html.Section("Keras and PyTorch", [comparison_table(records, readouts)]),
        ],
    )


def main():
    arguments = parse(__doc__, options=Options(output_dir=ROOT / "results" / "demo"), actions=Actions(decode=True))
    store = Store.of(arguments.options)
    records = run_all(GRID.configs(CONFIG), arguments.options, arguments.actions)
    readouts = {record["run_id"]: store.readout(record["run_id"]) for record in records}
    html.write(store.results / "index.html", page(records, readouts))
    print(store.results / "index.html")


if __name__ == "__main__":
    with one_line_errors():
        main()
