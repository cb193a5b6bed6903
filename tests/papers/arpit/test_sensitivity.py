"""Figures 3 and 4 of Arpit et al. on sensitivities written out by hand."""

import numpy as np
import pytest
from arpit_runs import SMALL, Runs, a_run, found, verdicts
from made_up import mean_lines, seed_lines

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
    learned=1,
    high=0.95,
    **changes,
):
    """Runs of two kinds of data with late Gini coefficient, diagonal and rest of the class matrix.

    `early` are the first two coefficients of each kind, `fitted` the training accuracies of each task, on noise times
    `learned`; `high` is the share of examples with a sensitivity of 1, others have 0.1.
    """
    runs = []
    for rule, start, (late, diagonal, off) in zip(("none", "gaussian"), early, (real, noise), strict=True):
        for seed in range(seeds):
            for own in unique:
                fields = {"corruption": rule, "corruption_fraction": float(rule != "none"), "unique_labels": own}
                history = [{"epoch": e, "train_accuracy": fitted[own] * e / 5 * (learned if rule != "none" else 1)}
                           for e in range(6)]  # fmt: skip
                curve = np.array([*start, late - 0.05, late + 0.05]) + 0.01 * seed
                arrays = {"steps": STEPS, "gini": np.array([curve, curve / 2, curve / 3])}
                arrays["sensitivity"] = np.where(np.arange(1000) < 1000 * high, 1.0, 0.1)[None] * np.ones((3, 1))
                arrays |= {} if own else {"classes": np.array([matrix(diagonal, off)] * 3)}
                runs.append(
                    a_run(
                        history,
                        {"train_accuracy": history[-1]["train_accuracy"]},
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
    tasks = by_task(study())
    assert {unique: {noise: len(runs) for noise, runs in groups.items()} for unique, groups in tasks.items()} == {
        False: {"real data": 2, "random inputs": 2}, True: {"real data": 2, "random inputs": 2},
    }  # fmt: skip


def test_the_coefficient_is_compared_when_networks_have_fitted_as_much():
    findings = gini_findings(study(seeds=3), SMALL)
    for name in ("arpit-gini", "arpit-gini-unique"):
        finding = found(findings, name)
        assert (finding.verdict, finding.effect.n, finding.effect.mean) == ("confirmed", 3, pytest.approx(0.3))
    assert found(findings, "arpit-gini").numbers == (
        "at 100.00 [100.00, 100.00] % training accuracy: "
        "0.660 [0.635, 0.685] on real data, 0.360 [0.335, 0.385] on random inputs"
    )
    slower = found(gini_findings(study(seeds=3, learned=0.6), SMALL), "arpit-gini")
    assert slower.effect.mean == pytest.approx(0.2)  # real data at epoch 3 of 5, 24 of 40 steps
    assert slower.numbers.startswith("at 60.00 [60.00, 60.00] % training accuracy: 0.560 [0.535, 0.585] on real data")
    assert found(gini_findings(study(real=(0.2, 1, 1), seeds=3), SMALL), "arpit-gini").verdict == "contradicted"


def test_networks_that_have_hardly_begun_to_learn_say_nothing():
    findings = gini_findings(study(fitted=(0.5, 0.01)), SMALL)
    names = "arpit-gini", "arpit-gini-unique"
    assert [found(findings, name).verdict for name in names] == ["indicated", "not measured"]


def test_virtually_all_examples_have_a_high_sensitivity_or_only_a_subset():
    findings = gini_findings(study(seeds=3, unique=(False,)), SMALL)
    of = {name: found(findings, f"arpit-sensitivity-{name}") for name in ("noise", "real")}
    assert {name: finding.effect.mean for name, finding in of.items()} == pytest.approx(dict.fromkeys(of, 0.95))
    assert {name: finding.verdict for name, finding in of.items()} == {"noise": "confirmed", "real": "contradicted"}
    assert of["noise"].subject == "mlp2 of width 16, mnist, class labels, random inputs"
    findings = gini_findings(study(seeds=3, unique=(False,), high=0.6), SMALL)
    assert found(findings, "arpit-sensitivity-noise").verdict == "contradicted"
    assert found(findings, "arpit-sensitivity-real").verdict == "confirmed"


def test_norms_are_as_far_apart_as_the_coefficients_of_their_second_half():
    runs = study(seeds=3, unique=(False,))
    assert mean_gini(np.array([0.9, 0.1, 0.55, 0.65])) == pytest.approx(0.6)
    norms = found(gini_findings(runs, SMALL), "arpit-norms", "real data")
    assert norms.effect.mean == pytest.approx(0.61 * 2 / 3) and norms.verdict == "contradicted"
    for run in runs:
        arrays = run.source.files[SENSITIVITY]
        arrays["gini"] = arrays["gini"][:1] + np.array([[0], [0.01], [-0.02]])
    norms = found(gini_findings(runs, SMALL), "arpit-norms", "real data")
    assert norms.effect.mean == pytest.approx(0.02) and norms.verdict == "confirmed"


def test_the_curve_begins_when_every_example_was_used():
    axes = gini_figure(study(unique=(False,), batch_size=50), "l1", "title").axes[0]
    assert [line.get_xdata().tolist() for line in axes.lines] == [[20, 30, 40]] * 2 * 3
    real, noise = mean_lines(axes)
    assert real.get_ydata() == pytest.approx([0.105, 0.555, 0.655])


def test_without_its_counterpart_a_run_is_not_compared():
    real = study().where(corruption="none")
    assert found(gini_findings(real, SMALL), "arpit-gini").verdict == "not measured"
    diagonal, spread = class_findings(real, SMALL)
    assert diagonal.measured and spread.verdict == "not measured"
    assert class_findings(study().where(unique_labels=True), SMALL) == []


def test_the_ratio_is_of_means_off_and_on_the_diagonal():
    assert diagonal_ratio(matrix(4.0, 1.0)) == pytest.approx(0.25)
    assert diagonal_ratio(matrix(1.0, 1.0)) == pytest.approx(1)


def test_classes_share_patterns_where_the_rest_of_the_matrix_is_relatively_larger():
    findings = class_findings(study(seeds=3), SMALL)
    assert verdicts(findings) == ["confirmed"] * 3
    assert [finding.effect.mean for finding in findings] == pytest.approx([2, 4, 2])
    assert findings[2].numbers == "0.50 [0.50, 0.50] on real data, 0.25 [0.25, 0.25] on random inputs"
    crossed = class_findings(study(real=(4.0, 4.0, 0.5), seeds=3), SMALL)
    assert found(crossed, "arpit-class-spread").verdict == "contradicted"
    assert found(class_findings(study(real=(1, 1.0, 2.0), seeds=3), SMALL), "arpit-class-diagonal", "real").verdict == (
        "contradicted"
    )


def test_spread_is_undecided_where_networks_have_not_fitted_as_much_of_both():
    spread = found(class_findings(study(seeds=3, learned=0.94), SMALL), "arpit-class-spread")
    assert spread.verdict == "undecided" and spread.effect.mean == pytest.approx(2)
    assert spread.numbers.endswith(
        "; with training accuracy (%) 100.00 [100.00, 100.00] on real data, 94.00 [94.00, 94.00] on random inputs"
    )
    assert found(class_findings(study(seeds=3, learned=0.96), SMALL), "arpit-class-spread").verdict == "confirmed"


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
    mean, _ = mean_lines(panels[0])
    assert mean.get_ydata() == pytest.approx(np.array([0.905, 0.105, 0.555, 0.655]) / 2)
    assert list(mean.get_xdata()) == STEPS.tolist() and len(seed_lines(panels[0])) == 2 * 2
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
        items = of.report(unmeasured, SMALL)
        assert [axes.has_data() for norm in NORMS for axes in items[f"{measure}_{norm}"].axes] == [False] * 3
        assert items[measure].rows == of.findings(unmeasured, SMALL) == []
        assert list(of.report(study(), SMALL)) == list(items)
