"""Runs as readers see them: what is read when, and how they are chosen, grouped, paired and averaged."""

import numpy as np
import pandas
import pytest
from made_up import Files, a_run

from common.report.numbers import Number
from common.report.runs import Run, Runs, epochs_to, group_names, model_of, setting_of, setting_text
from common.runs.config import Config, as_dict, recipe
from common.runs.learning import NEVER
from common.runs.store import PUBLISHED, Store

LINES = [
    {"epoch": 0, "train_loss": 0.01, "test_accuracy": 0.9},
    {"epoch": 1, "train_loss": None, "test_accuracy": 0.4},
    {"epoch": 2, "train_loss": 0.5, "test_accuracy": 0.6},
    {"epoch": 3, "train_loss": 0.1, "test_accuracy": 0.6},
]


def test_parts_are_read_when_they_are_asked_for_and_once():
    asked = []

    class Watched(Files):
        def lines(self, name, file):
            asked.append(file)
            return super().lines(name, file)

    run = a_run(LINES, lines={"readout.jsonl": [{"epoch": 3}]}, arrays={"a": 1})
    watched = Run(run.record, Watched(run.source.kept, run.source.values))
    assert asked == []
    assert watched.history == watched.history == LINES and watched.arrays == {"a": 1}
    assert watched.readout == [{"epoch": 3}] and watched.lines("other.jsonl") == []
    assert asked == ["history.jsonl", "readout.jsonl", "other.jsonl"]


def test_the_untrained_network_is_no_epoch_of_training():
    run = a_run(LINES)
    assert [line["epoch"] for line in run.trained] == [1, 2, 3]
    assert run.best("test_accuracy")["epoch"] == 2  # the first of equals, and not the untrained network's 0.9
    assert run.epochs_to("train_loss", 0.5) == 2 and run.epochs_to("test_accuracy", 0.95) is None
    assert run.over_epochs("train_loss") == {2: 0.5, 3: 0.1}
    assert epochs_to(LINES, "train_loss", 0.02) == 0


def test_the_first_epoch_of_training_at_a_threshold():
    losses = [0.01, None, 0.7, 0.05, 0.2, 0.01]
    run = a_run([{"epoch": e, "train_loss": v, "test_accuracy": e / 5} for e, v in enumerate(losses)])
    assert run.epochs_to("train_loss", 0.05) == 3  # epoch 0 is untrained, null no measurement, the end included
    assert run.epochs_to("train_loss", 0.02) == 5
    assert run.epochs_to("train_loss", 0.001) is None
    assert run.epochs_to("test_accuracy", 0.5) == 3
    assert run.epochs_to("validation_loss", 1.0) is None and a_run().epochs_to("train_loss", 1.0) is None


def test_a_run_that_never_trained_has_no_best_epoch():
    with pytest.raises(ValueError, match="must have trained"):
        a_run(LINES[:1]).best("test_accuracy")


def test_a_run_is_of_full_size_or_says_how_it_is_smaller():
    assert a_run().full_size and a_run().scale == []
    small = a_run(train_n=3000, train_size=3000, downscale=2, precision="bfloat16")
    assert not small.full_size and small.scale == ["train_n=3000", "images 2 times smaller", "bfloat16"]
    for changes in ({"stop_loss": 0.1}, {"epochs": 59}, {"downscale": 2}, {"test_size": 10}, {"labels": "a.npy"}):
        assert not a_run(**changes).full_size
    diverged = a_run()
    diverged.outcome["stop_reason"] = "diverged"
    assert not diverged.full_size


def test_runs_are_each_there_once_and_in_order():
    first, second = a_run(seed=1), a_run(seed=0)
    runs = Runs([first, second, first])
    assert list(runs) == [first, second] and len(runs + [second, a_run(seed=2)]) == 3
    assert runs[0] is first and list(runs[1:]) == [second]


def grid():
    return Runs(
        a_run(model=model, width=width, seed=seed, outcome={"test_accuracy": 0.5 + 0.1 * seed})
        for model in ("mlp2", "cnn2")
        for width in (64, None)
        for seed in (0, 1)
    )


def test_runs_are_chosen_by_fields_and_tests():
    assert len(grid().where(model="mlp2", seed=0)) == 2
    assert len(grid().where(lambda run: run.config.width, model="mlp2")) == 2
    assert len(grid().where(model="mlp1")) == 0


def test_runs_are_grouped_by_fields_sorted_and_by_keys_as_they_come():
    assert list(grid().by("width")) == [None, 64]
    assert list(grid().by("model", "seed")) == [("cnn2", 0), ("cnn2", 1), ("mlp2", 0), ("mlp2", 1)]
    assert list(grid().grouped(lambda run: run.config.model)) == ["mlp2", "cnn2"]
    assert all(isinstance(runs, Runs) and len(runs) == 4 for runs in grid().by("seed").values())


def test_pairs_have_one_seed():
    wide, narrow = grid().where(model="mlp2", width=None), grid().where(model="mlp2", width=64, seed=1)
    assert [(a.config.seed, b.config.seed) for a, b in wide.pairs(narrow)] == [(1, 1)]


def test_recipes_differ_in_more_than_seeds_and_full_size_comes_first():
    short, whole = a_run(epochs=5), [a_run(seed=0), a_run(seed=1)]
    assert [list(group) for group in Runs([short, *whole]).recipes()] == [whole, [short]]
    assert group_names(Runs([short, *whole]).recipes()) == ["PyTorch (epochs=60)", "PyTorch (epochs=5)"]
    assert recipe({"seed": 1, "a": 2}) == recipe({"seed": 3, "a": 2}) != recipe({"seed": 1, "a": 3})


def test_a_measure_over_seeds_has_its_interval():
    pair = grid().where(model="mlp2", width=64)
    found = pair.over_seeds("test_accuracy")
    assert (found.value, found.low, found.high) == (pytest.approx(0.55), 0, 1)  # the t interval is wider
    found = pair.over_seeds("test_accuracy", "ratio")
    assert (found.value, found.low) == pytest.approx((0.55, 0.55 - 0.6353), abs=1e-4)
    assert pair.over_seeds(lambda run: None) is None
    assert pair.over_seeds(lambda run: run.config.seed or None, "ratio") == Number(1, "ratio", n=1)


def test_one_seed_has_wilsons_interval_over_the_examples_of_its_split():
    (one,) = grid().where(model="mlp2", width=64, seed=0)
    assert Runs([one]).over_seeds("test_accuracy").low is None
    found = Runs([one]).over_seeds("test_accuracy", split="test")
    assert (found.low, found.high) == pytest.approx((0.4902, 0.5098), abs=1e-4)


def test_hardware_and_commits_are_named():
    runs = [a_run(seed=seed) for seed in range(4)]
    runs[0].record["code"] = {"commit": None, "dirty": None}
    for run, dirty in zip(runs[1:], (True, False, None), strict=True):
        run.record["code"]["dirty"] = dirty
    assert Runs(runs).run_on() == "Processor; 012345678, 012345678+, 012345678?, no commit"
    assert Runs([a_run(), a_run(train_n=500)]).sizes() == "500, 50,000"


def test_a_frame_has_a_row_for_each_run_and_a_column_for_each_entry():
    frame = grid().frame()
    assert len(frame) == 8 and frame["config.width"][0] == 64 and frame["config.width"].isna()[2]
    assert frame["outcome.test_accuracy"][1] == pytest.approx(0.6)
    assert grid().csv().splitlines()[0].startswith("run_id,config.model,")


def test_every_published_run_is_under_its_store():
    runs = Runs.under(Store(PUBLISHED))
    assert len(runs) == len(list(PUBLISHED.glob("runs/*/run.json"))) > 700
    assert runs[0].history[-1]["epoch"] == runs[0].outcome["epochs"] and "train_labels" in runs[0].arrays


@pytest.mark.parametrize(
    ("corruption", "fraction", "weight_decay", "expected"),
    [
        ("none", 0.0, 0.0, "true_labels"),
        ("uniform", 0.0, 0.0, "true_labels"),
        ("uniform", 1.0, 0.0, "random_labels"),
        ("ketha", 1.0, 0.0, "random_labels"),
        ("uniform", 0.2, 0.0, "corrupted_labels"),
        ("none", 0.0, 5e-5, "weight_decay"),
        ("uniform", 1.0, 5e-5, "random_labels_weight_decay"),
        ("other_class", 1.0, 0.0, "other_class"),
        ("gaussian", 1.0, 1e-4, "gaussian_weight_decay"),
    ],
)
def test_setting_of(corruption, fraction, weight_decay, expected):
    config = Config(corruption=corruption, corruption_fraction=fraction, weight_decay=weight_decay)
    assert setting_of(config) == expected


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"random_crop": True}, "random_crop"),
        ({"random_crop": True, "weight_decay": 5e-5}, "weight_decay_random_crop"),
        ({"corruption": "uniform", "corruption_fraction": 1.0, "random_crop": True}, "random_labels_random_crop"),
        ({"corruption": "uniform", "corruption_fraction": 1.0, "flip": True, "rotation": 25.0},
         "random_labels_flip_rotation_25"),
        ({"flip": True, "rotation": 10}, "flip_rotation_10"),
        ({"dropout": 0.5}, "dropout"),
        ({"random_crop": False, "flip": False, "rotation": 0, "dropout": 0.0, "weight_decay": 0.0}, "true_labels"),
    ],
)  # fmt: skip
def test_regularizers_are_part_of_the_setting(changes, expected):
    assert setting_of(Config(**changes)) == expected == a_run(**changes).setting


def test_settings_as_they_are_read():
    assert setting_text("random_labels_flip_rotation_25") == "random labels, flip, rotation 25"
    assert setting_text("weight_decay_random_crop") == "weight decay, random crop"
    assert setting_text("shuffled_pixels") == "shuffled pixels"


def test_a_model_goes_by_its_batch_norm_and_a_recipe_by_all_but_the_seeds():
    assert model_of(Config(model="inception")) == "inception"
    assert a_run(model="inception", batch_norm=False).model == "inception_without_batch_norm"
    fields = as_dict(Config())
    assert recipe(fields) == recipe({**fields, "seed": 5}) != recipe({**fields, "rotation": 25.0})


def test_histories_read_outs_and_examples_are_frames():
    arrays = {
        "train_indices": np.array([7, 3, 5]), "train_labels": np.array([1, 0, 1]),
        "train_true_labels": np.array([1, 2, 1]), "train_predictions": np.array([1, 0, 0]),
        "train_learned_epochs": np.array([2, 1, NEVER]),
        "train_times_forgotten": np.array([0, 1, 0]), "train_loss_sensitivity": np.array([0.5, 0.25, 1.0]),
        "train_critical_indices": np.array([5, 3]), "train_critical": np.array([True, False]),
        "validation_critical_indices": np.array([9]), "validation_critical": np.array([True]),
        "test_indices": np.array([0]), "test_labels": np.array([4]), "test_predictions": np.array([4]),
        "first_layer_filters": np.zeros((1, 2, 2, 3)),
    }  # fmt: skip
    lines = {"readout.jsonl": [{"epoch": 3, "layer": "fc1", "n": 8}, {"epoch": 3, "layer": "fc2", "labels_rule": "x"}]}
    runs = Runs([a_run(LINES, lines=lines, arrays=arrays), a_run(seed=1)])
    histories, readouts, examples = runs.histories(), runs.readouts(), runs.examples()
    assert list(histories["run_id"]) == [runs[0].id] * 4 and list(histories["epoch"]) == [0, 1, 2, 3]
    assert histories["train_loss"].isna().tolist() == [False, True, False, False]
    assert readouts.to_dict("records") == [{"run_id": runs[0].id, "epoch": 3, "layer": "fc1", "n": 8}]
    assert list(examples["split"]) == ["train"] * 3 + ["validation", "test"]
    table = examples.set_index(["split", "index"])
    assert table.loc["train", "learned_epochs"].dropna().to_dict() == {7: 2, 3: 1}
    assert table.loc[("train", 3), "critical"] is np.False_ and pandas.isna(table.loc[("train", 7), "critical"])
    assert table.loc[("validation", 9), "critical"] and pandas.isna(table.loc[("validation", 9), "labels"])
    assert table.loc[("test", 0), "predictions"] == 4 and table["loss_sensitivity"].dropna().tolist() == [
        0.5,
        0.25,
        1.0,
    ]
    assert list(Runs().examples().columns) == list(examples.columns) and len(Runs().examples()) == 0
