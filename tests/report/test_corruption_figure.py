"""Accuracy over label corruption."""

import numpy as np
import pytest
from made_up import a_run, seed_lines

from common.report.corruption import corruption_figure, corruption_table
from common.report.figures import FRAMEWORK_STYLES
from common.report.runs import Runs


def sweep():
    return Runs(
        a_run(framework=framework, corruption_fraction=fraction, corruption="uniform", seed=seed,
              outcome={"test_accuracy": accuracy})
        for framework in ("keras", "torch")
        for fraction, seed, accuracy in ((0.0, 0, 0.5), (0.2, 0, 0.4), (0.2, 1, 0.42), (0.8, 0, None))
    )  # fmt: skip


def test_a_line_for_each_framework_and_measure():
    (axes,) = corruption_figure(sweep(), "Title").axes
    drawn = {line.get_label(): list(line.get_ydata()) for line in axes.lines}
    assert drawn["Keras, test accuracy, the network's own"] == pytest.approx([50, 41])  # null at 80 % is no point
    assert drawn["PyTorch, training accuracy, corrupted labels"] == [100, 100, 100]
    assert not any("chosen layer" in label for label in drawn)
    keras = [line for line in seed_lines(axes) if line.get_color() == FRAMEWORK_STYLES["keras"]["color"]]
    seeds = [list(line.get_ydata()) for line in keras if len(line.get_xdata()) == 2]  # what has no point at 80 %
    assert np.array(seeds) == pytest.approx(np.array([[50, 40], [np.nan, 42]]), nan_ok=True)
    assert not axes.collections
    assert axes.get_xlabel() == "corrupted training examples (%)"


def test_a_row_for_each_run():
    lines = corruption_table(sweep()).csv().splitlines()
    assert lines[0].split(",")[:5] == ["model", "framework", "seed", "corruption fraction", "train accuracy"]
    assert lines[2] == "mlp3,keras,0,0.20,100.00,40.00,86.00,,"
