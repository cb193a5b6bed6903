"""Figures 3 and 4 of Arpit et al. on sensitivities written out by hand."""

import numpy as np
import pytest
from arpit_runs import Runs, a_run, verdicts

from common.analysis.loss_sensitivity import NORMS, SENSITIVITY
from common.papers.arpit.sensitivity import (
    CLASS_STUDY,
    STUDY,
    by_task,
    class_figure,
    class_findings,
    class_matrices,
    class_table,
    diagonal_ratio,
    gini_figure,
    gini_findings,
    gini_table,
    mean_gini,
)
from common.runs.config import Options
from common.study import Call

STEPS = np.array([10, 20, 30, 40])


def matrix(diagonal, off):
    """Class-specific sensitivity with one value on the diagonal and one off it."""
    return np.full((4, 4), off) + (diagonal - off) * np.eye(4)


def study(
    real=(0.6, 4.0, 2.0),
    noise=(0.3, 4.0, 1.0),
    seeds=2,
    unique=(False, True),
    early=((0.9, 0.1),) * 2,
    fitted=(1, 1),
    **changes,
):
    """Runs of two kinds of data with late Gini coefficient, diagonal and rest of the class matrix.

    `early` are the first two coefficients of each kind, `fitted` the training accuracies of each task.
    """
    runs = []
    for rule, start, (late, diagonal, off) in zip(("none", "gaussian"), early, (real, noise), strict=True):
        for seed in range(seeds):
            for own in unique:
                fields = {"corruption": rule, "corruption_fraction": float(rule != "none"), "unique_labels": own}
                curve = np.array([*start, late - 0.05, late + 0.05]) + 0.01 * seed
                arrays = {"steps": STEPS, "gini": np.array([curve, curve / 2, curve / 3])}
                arrays |= {} if own else {"classes": np.array([matrix(diagonal, off)] * 3)}
                runs.append(
                    a_run(
                        (),
                        {"train_accuracy": fitted[own]},
                        1000,
                        files={SENSITIVITY: arrays},
                        width=16,
                        dataset="mnist",
                        seed=seed,
                        **fields,
                        **changes,
                    )
                )
    return Runs(runs)  # fmt: skip


def test_runs_are_put_together_by_task_and_data():
    found = by_task(study())
    assert {unique: {noise: len(runs) for noise, runs in groups.items()} for unique, groups in found.items()} == {
        False: {"real data": 2, "random inputs": 2}, True: {"real data": 2, "random inputs": 2},
    }  # fmt: skip


def test_the_second_half_of_training_decides_on_the_gini_coefficient():
    assert mean_gini(np.array([0.9, 0.1, 0.55, 0.65])) == pytest.approx(0.6)
    found = gini_findings(study())
    assert verdicts(found) == ["confirmed"] * 12 and {finding.n for finding in found} == {"2 of 2 seeds"}
    assert found[0].numbers == "0.605 [0.541, 0.669] on real data, 0.305 [0.241, 0.369] on random inputs"
    assert [finding.subject.split(", ")[-1] for finding in found[::2]] == [*NORMS, *NORMS]
    assert verdicts(gini_findings(study(real=(0.2, 1, 1)))) == ["not confirmed"] * 12


def test_beside_it_stands_all_of_training_after_the_first_epoch():
    late, whole = gini_findings(study(seeds=1, batch_size=50, early=((0, 0.9), (0, 0.1))))[:2]
    assert late.numbers == "0.600 on real data, 0.300 on random inputs"
    assert whole.numbers == "0.700 on real data, 0.233 on random inputs" and whole.statement.endswith("first epoch on")


def test_networks_that_have_hardly_begun_to_learn_have_no_verdict():
    assert verdicts(gini_findings(study(fitted=(0.5, 0.01)))) == ["confirmed"] * 6 + ["not measured"] * 6


def test_the_curve_begins_when_every_example_was_used():
    axes = gini_figure(study(unique=(False,), batch_size=50), "l1", "title").axes[0]
    assert [line.get_xdata().tolist() for line in axes.lines] == [[20, 30, 40]] * 2
    assert axes.lines[0].get_ydata() == pytest.approx([0.105, 0.555, 0.655])


def test_without_its_counterpart_a_run_says_nothing():
    real = study().where(corruption="none")
    assert set(verdicts(gini_findings(real))) == {"not measured"}
    assert set(verdicts(class_findings(real))) == {"confirmed", "not measured"}
    assert class_findings(study().where(unique_labels=True)) == []


def test_the_ratio_is_of_means_off_and_on_the_diagonal():
    assert diagonal_ratio(matrix(4.0, 1.0)) == pytest.approx(0.25)
    assert diagonal_ratio(matrix(1.0, 1.0)) == pytest.approx(1)


def test_classes_share_patterns_where_the_rest_of_the_matrix_is_relatively_larger():
    found = class_findings(study())
    assert verdicts(found) == ["confirmed"] * 9
    assert found[0].numbers == "off the diagonal / on it 0.50 [0.50, 0.50]"
    assert found[2].numbers == "0.50 [0.50, 0.50] on real data, 0.25 [0.25, 0.25] on random inputs"
    crossed = class_findings(study(real=(4.0, 4.0, 0.5)))
    assert verdicts(crossed[2::3]) == ["not confirmed"] * 3
    assert verdicts(class_findings(study(real=(1, 1.0, 2.0)))[::3]) == ["not confirmed"] * 3


def test_the_table_says_what_a_checkpoint_took_where_runs_know_it():
    runs = study(seeds=3, unique=(False,))
    assert {row[-1] for row in gini_table(runs, "title").rows} == {None}
    for place, run in enumerate(runs):
        run.source.files[SENSITIVITY]["seconds"] = np.array([0.1, 0.2, 0.9][place % 3])
    table = gini_table(runs, "title")
    assert table.columns[-1] == "seconds per checkpoint, median"
    assert [row[-1].value for row in table.rows] == pytest.approx([0.2] * 6)
    del runs[2].source.files[SENSITIVITY]["seconds"]
    assert gini_table(runs, "title").rows[0][-1].value == pytest.approx(0.15)


def test_figures_draw_means_and_the_tables_say_them():
    runs = study()
    panels = gini_figure(runs, "l2", "title").axes
    assert [panel.get_title() for panel in panels] == ["class labels", "a class for each example"]
    assert panels[0].lines[0].get_ydata() == pytest.approx(np.array([0.905, 0.105, 0.555, 0.655]) / 2)
    assert list(panels[0].lines[0].get_xdata()) == STEPS.tolist()
    rows = gini_table(runs, "title").rows
    assert rows[0][:5] == ["class labels", "real data", "l1", 2, 40] and len(rows) == 12
    assert [cell.value for cell in rows[0][5:7]] == pytest.approx([0.605, 0.655])
    maps = class_figure(runs, "l1", "title").axes[:2]
    np.testing.assert_allclose(maps[0].images[0].get_array(), matrix(1.0, 0.5))
    assert [panel.images[0].get_clim() for panel in maps] == [(0.25, 1)] * 2
    rows = class_table(runs, "title").rows
    assert rows[0][:3] == ["real data", "l1", 2] and len(rows) == 6
    assert [cell.value for cell in rows[0][3:]] == pytest.approx([24 / 40, 0.5])
    assert list(class_matrices(runs, "l1")) == ["real data", "random inputs"]


def test_where_nothing_was_measured_there_is_nothing_to_see():
    unmeasured = Runs([a_run(dataset="mnist")])
    for of, measure in (STUDY, "gini"), (CLASS_STUDY, "classes"):
        items = of.report(unmeasured, Call("small", of.grid, Options()))
        assert [axes.has_data() for norm in NORMS for axes in items[f"{measure}_{norm}"].axes] == [False] * 3
        assert items[measure].rows == items["claims"].rows == []
        assert list(of.report(study(), Call("small", of.grid, Options()))) == list(items)
