"""What is made of attributions of runs that never were."""

import numpy as np
import pytest
from made_up import Files, a_run, mean_lines, seed_lines

from common.papers.zhang import attributions
from common.papers.zhang.attributions import STUDY, Attributed, report, stages
from common.report.runs import Runs

GENERATOR = np.random.default_rng(0)
COMMON = GENERATOR.random((8, 8))


class Attributions(Files):
    """Files with attributions."""

    def kept_arrays(self, name, file):
        return self.values if file == "attributions.npz" else {}


def attributed(seed, noise, epochs=(0, 5, 9), fitted=9, **changes):
    """A run whose maps share something with those of other seeds, the more the less noise."""
    run = a_run(seed=seed, dataset="mnist", outcome={"epochs_to_fit": fitted}, **changes)
    maps = COMMON + noise * GENERATOR.random((len(epochs), 2, 10, 8, 8))
    shares = np.broadcast_to(np.linspace(0.5, 0.8, len(epochs))[:, None, None], (len(epochs), 2, 50))
    images = np.zeros((10, 8, 8, 1), np.uint8)
    images[:, 2:6] = 200
    run.source.__class__ = Attributions
    run.source.values = {
        "epochs": np.array(epochs), "maps": maps.astype(np.float16), "share": shares, "images": images,
        "completeness": np.full(shares.shape, 2e-4), "indices": np.arange(50),
    }  # fmt: skip
    return run


@pytest.fixture
def runs():
    noise = {"corruption": "uniform", "corruption_fraction": 1.0}
    return Runs([*(attributed(seed, 0.1) for seed in range(3)), *(attributed(seed, 50, **noise) for seed in range(3))])


def test_stages_are_named_by_epoch_and_the_last_is_fitted(runs):
    assert stages(runs[0]) == {"untrained": 0, "epoch 5": 1, "fitted": 2}
    assert list(stages(attributed(0, 0.1, fitted=None))) == ["untrained", "epoch 5", "at the end, not fitted"]


def test_images_without_attributions_are_counted_and_have_no_part():
    runs = Runs([attributed(seed, 0.1) for seed in range(3)])
    for run in runs:
        maps, shares = run.source.values["maps"], run.source.values["share"].copy()
        maps[2, :, 1:], shares[2, :, 25:], shares[1] = 0, np.nan, np.nan
        run.source.values |= {"share": shares, "completeness": np.where(np.isnan(shares), np.nan, 1e-3)}
    table = report(runs, None)["attributions"]
    assert [row[3] for row in table.rows] == [0.0, 1.0, 0.5] and table.rows[1][2] is None
    assert table.rows[2][2].value == pytest.approx(0.8) and table.rows[2][4].value > 0.9 and table.rows[2][5] == "1e-03"
    shares, _ = report(runs, None)["over_epochs"].axes
    assert list(mean_lines(shares)[0].get_xdata()) == [0, 9]


def test_a_row_for_each_setting_and_stage(runs):
    table = report(runs, None)["attributions"]
    assert [row[:2] for row in table.rows][::3] == [["true labels", "untrained"], ["random labels", "untrained"]]
    assert [row[2].value for row in table.rows[:3]] == pytest.approx([0.5, 0.65, 0.8])
    assert table.rows[0][4].value > 0.9 > 0.3 > table.rows[3][4].value and table.rows[0][5] == "2e-04"
    assert "50.0% of the pixels" in table.note and {row[-1] for row in table.rows} == {3}


def test_pictures_and_curves(runs):
    figures = report(runs, None)
    assert len(figures["pictures"].axes) == 4 * 10
    shares, correlations = figures["over_epochs"].axes
    assert [list(line.get_xdata()) for line in mean_lines(shares)] == [[0, 5, 9]] * 2
    assert len(seed_lines(shares)) == 2 * 3 and list(mean_lines(correlations)[0].get_xdata()) == [0, 5]


def test_runs_without_attributions_show_nothing():
    run = a_run()
    run.source.__class__ = Attributions
    assert report(Runs([run]), None) == {}


def test_three_settings_and_three_seeds_of_pytorch_alone():
    configs = STUDY.configs(attributions.BASE, Attributed(), "small")
    assert len(configs) == 9 and {config.corruption for config in configs} == {"none", "uniform", "gaussian"}
    assert {config.train_size for config in configs} == {5000}
    with pytest.raises(ValueError, match="framework must be torch"):
        STUDY.check(attributions.Config())
