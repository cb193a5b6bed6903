"""A Config is valid or says in one line why not, and has one identity that never changes by itself."""

import dataclasses
import json
import math
from typing import Annotated

import pytest
import tyro

import common.runs.config
from common.runs.config import (
    CHOICES,
    FOUNDING,
    STACKED,
    Actions,
    Config,
    Options,
    as_dict,
    from_dict,
    model_options,
    obstacles,
    overlay,
    run_id,
    smoke,
)
from common.runs.parts import Mark, Slug
from common.runs.store import PUBLISHED

FIELDS = [field.name for field in dataclasses.fields(Config)]
NOISE = ("input_dropout", "input_noise", "hidden_noise", "adversarial_weight")
TORCH_ONLY = (*NOISE, "center_box", "auxiliary_weight", "label_smoothing", "weight_average")
NUMBERS = [name for name, (kind, _) in Config.types().items() if kind in (float, float | None)]
PUBLISHED_RUNS = 1567
CORRUPTED = Config(corruption="uniform", corruption_fraction=0.5)
STEPS = Config(schedule="steps", decay_epochs=(3, 5))
OTHER = {  # another valid value of every field
    "model": "mlp1", "dataset": "mnist", "framework": "torch", "train_size": 100, "test_size": 50,
    "validation_size": 10,
    "corruption": "ketha", "corruption_fraction": 0.25, "gaussian_statistics": "all", "preprocessing": "per_channel",
    "crop": None, "random_crop": True, "flip": True, "rotation": 25.0, "batch_norm": False,
    "batch_norm_momentum": 0.99, "dropout": 0.5, "initializer": "torch", "optimizer": "adam",
    "learning_rate": 0.1, "momentum": 0.0, "weight_decay": 1e-4, "schedule": "constant", "decay": 0.5,
    "decay_epochs": (3,), "batch_size": 64, "epochs": 10, "stop_accuracy": 0.999, "stop_loss": 0.01,
    "stop_counted": "while_training", "fit_accuracy": 1.0,
    "precision": "bfloat16", "labels": "labels.npy", "initial_model": "model.h5", "shuffle": False,
    "patience": 3, "seed": 1, "data_seed": 1, "recipe": 2, "balanced": True, "downscale": 2, "clean_validation": True,
    "unique_labels": True, "width": 16, "padding": "same_stride_2", "input_dropout": 0.2, "input_noise": 0.5,
    "hidden_noise": 0.1, "adversarial_weight": 0.5, "adversarial_iterations": 3, "train_evaluation_every": 4,
    "vocabulary": 50, "length": 9, "embedding_width": 8, "random_window": True, "word_dropout": 0.1,
    "embedding_dropout": 0.2,
    "train_evaluation_size": 20,
    "batch_norm_scale": True, "batch_norm_group": 4, "auxiliary_weight": 0.4,
    "label_smoothing": 0.1, "weight_average": 0.9,
    "center_box": 0.875, "random_box": True, "box_area": (0.1, 1.0), "box_aspect": (0.5, 2.0),
}  # fmt: skip
WRONG = [
    ({"corruption_fraction": 1.5, "corruption": "uniform"}, "between 0 and 1"),
    ({"corruption_fraction": -0.1, "corruption": "uniform"}, "between 0 and 1"),
    ({"corruption_fraction": 0.5}, "0 where corruption is none (name a rule with --corruption)"),
    ({"stop_accuracy": 0.0}, "above 0 and at most 1"),
    ({"stop_accuracy": 1.1}, "above 0 and at most 1"),
    ({"stop_loss": 0.0}, "positive and finite"),
    ({"fit_accuracy": 0.0}, "above 0 and at most 1"),
    ({"fit_accuracy": 99.0}, "above 0 and at most 1"),
    ({"patience": 0}, "positive"),
    ({"patience": 3}, "none where validation_size is 0"),
    ({"train_size": 0}, "positive"),
    ({"test_size": 0}, "positive"),
    ({"test_size": -1}, "positive"),
    ({"validation_size": -1}, "0 or more"),
    ({"crop": 0}, "positive"),
    ({"random_crop": True, "crop": None}, "off where crop is none"),
    ({"random_crop": True, "center_box": 1.0, "framework": "torch"}, "off where boxes are taken"),
    *[({"center_box": share, "framework": "torch"}, "above 0 and at most 1") for share in (0.0, -0.5, 1.1)],
    ({"crop": None, "center_box": 1.0, "framework": "torch"}, "the side that a center_box is resized to"),
    ({"random_box": True}, "off where tests have no center_box"),
    *[
        ({"box_area": area}, "two shares in order, above 0 and at most 1")
        for area in ((0.0, 1.0), (0.5, 0.1), (0.5, 1.5), (math.nan, 1.0), (0.5, math.nan))
    ],
    *[
        ({"box_aspect": aspect}, "two positive ratios in order")
        for aspect in ((0.0, 1.0), (2.0, 1.0), (1.0, math.inf), (math.nan, 1.0), (0.5, math.nan))
    ],
    ({"rotation": -1.0}, "between 0 and 180 degrees"),
    ({"rotation": 180.5}, "between 0 and 180 degrees"),
    ({"batch_norm_momentum": 1.0}, "at least 0 and below 1"),
    ({"batch_norm_momentum": -0.1}, "at least 0 and below 1"),
    ({"batch_norm_group": 1}, "above 1"),
    ({"auxiliary_weight": -0.1, "framework": "torch"}, "finite and 0 or more"),
    ({"label_smoothing": 1.0, "framework": "torch"}, "at least 0 and below 1"),
    ({"weight_average": 1.0, "framework": "torch"}, "at least 0 and below 1"),
    ({"optimizer": "rmsprop"}, "sgd or adam in Keras"),
    ({"dropout": 1.0}, "at least 0 and below 1"),
    ({"dropout": -0.1}, "at least 0 and below 1"),
    ({"epochs": -1}, "0 or more"),
    ({"seed": -1}, "0 or more, and below 2**32"),
    ({"data_seed": 2**32}, "0 or more, and below 2**32"),
    ({"train_evaluation_every": 0}, "positive"),
    ({"train_evaluation_size": 0}, "positive"),
    ({"batch_size": 0}, "positive"),
    ({"learning_rate": 0.0}, "positive and finite"),
    ({"learning_rate": math.inf}, "positive and finite"),
    ({"momentum": 1.0}, "at least 0 and below 1"),
    ({"momentum": -0.5}, "at least 0 and below 1"),
    ({"weight_decay": -1e-4}, "finite and 0 or more"),
    ({"decay": 0.0}, "above 0 and at most 1"),
    ({"decay": 1.5}, "above 0 and at most 1"),
    ({"decay_epochs": (3,)}, "given with the schedule steps, and only there"),
    ({"decay_epochs": (), "schedule": "steps"}, "given with the schedule steps, and only there"),
    ({"input_dropout": 1.0, "framework": "torch"}, "at least 0 and below 1"),
    ({"input_noise": -0.5, "framework": "torch"}, "finite and 0 or more"),
    ({"hidden_noise": math.inf, "framework": "torch"}, "finite and 0 or more"),
    ({"adversarial_weight": 1.5, "framework": "torch"}, "between 0 and 1"),
    ({"adversarial_iterations": 0}, "positive"),
    *[({name: 0.5}, "off in Keras") for name in TORCH_ONLY],
    ({"width": 0}, "positive"),
    ({"downscale": 0}, "positive"),
    ({"vocabulary": 0}, "positive"),
    ({"length": 0}, "positive"),
    ({"embedding_width": 0}, "positive"),
    ({"embedding_dropout": 1.0}, "at least 0 and below 1"),
    ({"word_dropout": -0.1}, "at least 0 and below 1"),
    ({"random_window": True}, "off where length is none"),
    ({"clean_validation": True}, "off where none is held out"),
    ({"unique_labels": True, "validation_size": 5}, "off where examples are held out"),
    ({"unique_labels": True, "corruption": "uniform"}, "off where labels are given or corrupted"),
    ({"unique_labels": True, "labels": "labels.npy"}, "off where labels are given or corrupted"),
]


def base(name):
    """A config in which the field can be changed alone."""
    return {
        "corruption_fraction": CORRUPTED,
        "corruption": CORRUPTED,
        "decay_epochs": STEPS,
        "patience": Config(validation_size=5),
        "clean_validation": Config(validation_size=5),
        "random_window": Config(length=9),
        **dict.fromkeys(TORCH_ONLY, Config(framework="torch")),
        "random_box": Config(framework="torch", center_box=1.0),
    }.get(name, Config())


@pytest.mark.parametrize("changes, rule", WRONG, ids=str)
def test_a_wrong_value_is_refused_in_one_line_with_the_field_the_rule_and_the_value(changes, rule):
    name, value = next(iter(changes.items()))
    with pytest.raises(ValueError) as caught:
        Config(**changes)
    assert str(caught.value) == f"{name} must be {rule}. Received: {name}={value!r}"


def test_every_rule_is_broken_above():
    expected = {(name, rule) for name, _, rule in Config().rules()}
    assert {(next(iter(changes)), rule) for changes, rule in WRONG} == expected


@pytest.mark.parametrize("name", NUMBERS)
def test_what_is_not_a_number_is_refused(name):
    with pytest.raises(ValueError, match=f"^{name} must be .* Received: {name}=nan$"):
        dataclasses.replace(CORRUPTED, **{name: math.nan})


@pytest.mark.parametrize("name", CHOICES)
def test_a_misspelt_choice_is_refused_with_the_nearest_name(name):
    nearest = CHOICES[name][-1]
    with pytest.raises(ValueError) as caught:
        Config(**{name: nearest + "x"})
    allowed = ", ".join(CHOICES[name])
    hint = f"Did you mean {nearest}? Received: {name}='{nearest}x'"
    assert str(caught.value) == f"{name} must be one of {allowed}. {hint}"


@pytest.mark.parametrize("name, value", [(n, value) for n, values in CHOICES.items() for value in values])
def test_every_choice_is_valid(name, value):
    changes = {"steps": {"decay_epochs": (1,)}, "rmsprop": {"framework": "torch"}}.get(value, {})
    assert getattr(Config(**{name: value}, **changes), name) == value


@pytest.mark.parametrize("kind", [Config, Options, Actions])
def test_the_help_names_every_flag_with_its_choices_and_default(kind, capsys):
    with pytest.raises(SystemExit):
        tyro.cli(kind, args=["--help"])
    shown = "".join(capsys.readouterr().out.replace("│", "").split())
    for field in dataclasses.fields(kind):
        choices = "|".join(CHOICES.get(field.name, ())) if kind is Config else ""
        assert f"--{field.name.replace('_', '-')}{choices}" in shown
    assert shown.count("(default:") == len(dataclasses.fields(kind))


def test_of_many_numbers_the_help_shows_a_few_and_the_command_line_takes_any(capsys):
    whole = Config(schedule="steps", decay_epochs=tuple(range(2, 250, 2)))
    with pytest.raises(SystemExit):
        tyro.cli(Config, args=["--help"], default=whole)
    assert "(default:24...248)" in "".join(capsys.readouterr().out.replace("│", "").split())
    assert tyro.cli(Config, args=[], default=whole) == whole
    assert tyro.cli(Config, args=["--decay-epochs", "3", "5"], default=whole).decay_epochs == (3, 5)


def test_run_ids_are_pinned():
    assert run_id(Config()) == "mlp3-cifar10-true-keras-seed0-44136fa3"
    random_labels = Config(model="mlp1", corruption="uniform", corruption_fraction=1.0, framework="torch", seed=1)
    assert run_id(random_labels) == "mlp1-cifar10-uniform1-torch-seed1-1d17f2a0"


def test_every_published_run_has_the_id_of_its_config():
    records = [json.loads(path.read_text()) for path in PUBLISHED.glob("runs/*/run.json")]
    assert len(records) == PUBLISHED_RUNS
    assert [run_id(from_dict(record["config"])) for record in records] == [record["run_id"] for record in records]


@dataclasses.dataclass(frozen=True)
class Later(Config):
    """A Config with a field more."""

    mixed: Annotated[float, Mark.NOISE, Mark.TORCH, Slug(9, "mixed")] = 0.0
    """Share of another example that is mixed into each."""

    def rules(self):
        return [*super().rules(), ("mixed", 0 <= self.mixed < 1, "at least 0 and below 1")]


def test_a_new_field_needs_no_more_than_its_declaration(monkeypatch):
    older, name = as_dict(CORRUPTED), run_id(CORRUPTED)
    monkeypatch.setattr(common.runs.config, "Config", Later)
    assert run_id(from_dict(older)) == name and as_dict(from_dict(older)) == older | {"mixed": 0.0}
    mixed = Later(framework="torch", weight_decay=0.1, mixed=0.5)
    assert from_dict(as_dict(mixed)) == mixed and run_id(mixed).startswith("mlp3-cifar10-true-wd-mixed-torch-seed0-")
    assert mixed.noisy and obstacles([mixed, mixed]) == ["noisy=True"]
    for changes, rule in (
        ({"framework": "torch", "mixed": 1.0}, "at least 0 and below 1"),
        ({"mixed": 0.5}, "off in Keras"),
    ):
        with pytest.raises(ValueError, match=f"^mixed must be {rule}. Received: mixed={changes['mixed']}$"):
            Later(**changes)
    assert tyro.cli(Later, args=["--framework", "torch", "--mixed", "0"]) == Later(framework="torch")


def test_seeds_and_corruption_are_where_runs_of_a_stack_may_differ():
    assert STACKED == ("seed", "data_seed", "corruption", "corruption_fraction")


@pytest.mark.parametrize("name", FIELDS)
def test_every_field_is_part_of_the_identity(name):
    changed = dataclasses.replace(base(name), **{name: OTHER[name]})
    assert changed != base(name) and run_id(changed) != run_id(base(name))
    assert run_id(changed) == run_id(dataclasses.replace(changed))


@pytest.mark.parametrize("name", FIELDS)
def test_naming_a_default_changes_no_identity(name):
    assert run_id(Config(**{name: getattr(Config(), name)})) == run_id(Config())


def test_the_identity_has_a_slug_that_can_be_read():
    name = run_id(Config(dataset="digits", corruption="other_class", corruption_fraction=0.2, weight_decay=0.1))
    assert name.rsplit("-", 1)[0] == "mlp3-digits-other_class0.2-wd-keras-seed0"
    assert len(name.rsplit("-", 1)[1]) == 8
    assert run_id(Config(model="mlp2", width=64)).startswith("mlp2-64-cifar10-true-keras-seed0-")


@pytest.mark.parametrize(
    "changes, marks",
    [
        ({}, ""),
        ({"batch_norm": False}, "-nobn"),
        ({"rotation": 25.0}, "-aug"),
        ({"flip": True, "weight_decay": 0.1}, "-aug-wd"),
        ({"unique_labels": True}, "-unique"),
        ({"batch_norm": False, "random_crop": True, "weight_decay": 0.1}, "-nobn-aug-wd"),
        ({"batch_norm": False, "initial_model": "a.h5", "labels": "a.npy"}, "-relabelled-continued-nobn"),
        ({"batch_norm": False, "unique_labels": True, "flip": True}, "-nobn-unique-aug"),
    ],
)
def test_the_slug_says_in_a_fixed_order_what_is_unusual(changes, marks):
    assert run_id(Config(**changes)).rsplit("-", 1)[0] == f"mlp3-cifar10-true{marks}-keras-seed0"


@pytest.mark.parametrize("name", NUMBERS)
def test_1_and_1_point_0_are_one_config_with_one_identity(name):
    below_1 = (
        *("momentum", "batch_norm_momentum", "label_smoothing", "weight_average"),
        *("dropout", "input_dropout", "embedding_dropout", "word_dropout"),
    )
    value = 0 if name in below_1 else 1
    config = dataclasses.replace(CORRUPTED, framework="torch")
    one, other = (dataclasses.replace(config, **{name: value}) for value in (value, float(value)))
    assert one == other and run_id(one) == run_id(other) and type(getattr(one, name)) is float


@pytest.mark.parametrize("other", [Options(), None, {}, as_dict(Config())])
def test_nothing_but_a_config_has_an_identity(other):
    with pytest.raises(TypeError, match=f"^only a Config has an identity. Received: {type(other).__name__}$"):
        run_id(other)


@pytest.mark.parametrize(
    "config",
    [
        Config(),
        CORRUPTED,
        STEPS,
        Config(
            **{
                **OTHER,
                "crop": 6,
                "random_crop": False,
                "train_evaluation_size": None,
                "schedule": "steps",
                "unique_labels": False,
            }
        ),
    ],
)
def test_a_config_survives_json(config):
    fields = as_dict(config)
    assert list(fields) == FIELDS and json.loads(json.dumps(fields)) == fields
    assert from_dict(fields) == config and run_id(from_dict(fields)) == run_id(config)


@pytest.mark.parametrize(
    "change, differing", [({"seed": None}, ["seed"]), ({"sead": 1}, ["sead"]), ({"seed": None, "a": 1}, ["a", "seed"])]
)
def test_a_missing_or_unknown_field_is_refused(change, differing):
    given = as_dict(Config()) | change
    fields = {name: value for name, value in given.items() if value is not None or name != "seed"}
    with pytest.raises(ValueError) as caught:
        from_dict(fields)
    assert str(caught.value) == f"config must hold every field once. Received: fields that differ={differing}"


def test_a_record_of_the_founding_fields_is_of_their_defaults_and_keeps_its_identity():
    fields = {name: value for name, value in as_dict(CORRUPTED).items() if name in FOUNDING}
    assert set(fields) == set(FOUNDING) < set(FIELDS)
    assert from_dict(fields) == CORRUPTED and run_id(from_dict(fields)) == run_id(CORRUPTED)
    assert as_dict(from_dict(fields)) == as_dict(CORRUPTED)
    assert from_dict(fields | {"dropout": 0.5}) == dataclasses.replace(CORRUPTED, dropout=0.5)


@pytest.mark.parametrize("name", FOUNDING)
def test_a_record_without_a_founding_field_is_refused(name):
    fields = {other: value for other, value in as_dict(Config()).items() if other != name}
    with pytest.raises(ValueError) as caught:
        from_dict(fields)
    assert str(caught.value) == f"config must hold every field once. Received: fields that differ={[name]}"


@pytest.mark.parametrize(
    "changes, expected",
    [
        ({}, False),
        ({"random_crop": True}, True),
        ({"flip": True}, True),
        ({"rotation": 0.1}, True),
        ({"rotation": 0.0, "dropout": 0.5, "corruption": "gaussian", "corruption_fraction": 1.0}, False),
    ],
)
def test_what_moves_the_pixels_of_an_example_is_augmentation(changes, expected):
    assert Config(**changes).augmented is expected


@pytest.mark.parametrize("name", FIELDS)
def test_some_fields_move_examples_some_draw_in_a_step_and_some_the_network_must_know(name):
    config = dataclasses.replace(base(name), **{name: OTHER[name]})
    moving = ("random_crop", "random_box", "flip", "rotation", "random_window", "word_dropout")
    assert config.augmented is (name in moving)
    assert config.counts_correct is (config.augmented or name.startswith(("train_evaluation", "stop_counted")))
    assert config.noisy is (name in ("dropout", "embedding_dropout", *NOISE))
    try:
        refused = bool(model_options(config, lambda input_shape, num_classes: None))
    except ValueError:
        refused = True
    inside = (
        *("width", "embedding_width", "padding", "dropout", "embedding_dropout", "hidden_noise", "auxiliary_weight"),
        *("batch_norm", "batch_norm_scale", "batch_norm_group"),
    )
    assert refused is (name in inside)


FULL = {"batch_norm": False, "batch_norm_momentum": 0.99, "dropout": 0.5}


def test_a_model_is_given_the_options_that_it_knows():
    def bare(input_shape, num_classes): ...
    def dropping(input_shape, num_classes, dropout=0.0): ...
    def full(input_shape, num_classes, batch_norm=True, batch_norm_momentum=0.9, dropout=0.0): ...

    assert model_options(Config(), bare) == {}
    assert model_options(Config(batch_norm_momentum=0.99), bare) == {}
    assert model_options(Config(dropout=0.25), dropping) == {"dropout": 0.25}
    assert model_options(Config(), full) == {"batch_norm": True, "batch_norm_momentum": 0.9, "dropout": 0.0}
    assert model_options(Config(**FULL), full) == FULL
    for changes, model, rule in (
        ({"batch_norm": False}, bare, "batch_norm must be True"),
        ({"batch_norm": False}, dropping, "batch_norm must be True"),
        ({"dropout": 0.5}, bare, "dropout must be 0.0"),
    ):
        (name, value), *_ = changes.items()
        with pytest.raises(ValueError) as caught:
            model_options(Config(**changes), model)
        assert str(caught.value) == f"{rule} for mlp3. Received: {name}={value}"


def test_a_model_that_reads_texts_is_told_how_many_ids_there_are_and_no_other_reads_them():
    def reading(input_shape, num_classes, ids, embedding_width=None): ...
    def seeing(input_shape, num_classes): ...

    texts = Config(model="reading", dataset="trec")
    assert model_options(texts, reading) == {"embedding_width": None, "ids": 8468}
    assert model_options(dataclasses.replace(texts, vocabulary=50), reading)["ids"] == 52
    assert model_options(dataclasses.replace(texts, vocabulary=9000), reading)["ids"] == 8468
    for config, model, rule in (
        (Config(model="reading"), reading, "model must be one for images: this one takes tokens"),
        (dataclasses.replace(texts, model="seeing"), seeing, "model must be one for tokens: this one takes images"),
    ):
        with pytest.raises(ValueError) as caught:
            model_options(config, model)
        assert str(caught.value) == f"{rule}. Received: model={config.model!r}"


def test_the_fields_of_an_experiment_are_laid_over_what_no_flag_has_changed():
    default = Config(framework="torch")
    fields = {"model": "inception", "learning_rate": 0.1, "batch_norm": False, "seed": 0}
    laid = overlay(dataclasses.replace(default, seed=0, flip=True), default, fields, "this experiment")
    assert laid == dataclasses.replace(default, flip=True, **fields)
    assert overlay(default, default, {}, "this experiment") == default


def test_a_flag_may_repeat_what_an_experiment_says():
    default, fields = Config(), {"learning_rate": 0.1, "train_size": 3000}
    given = dataclasses.replace(default, **fields, seed=2)
    assert overlay(given, default, fields, "this experiment") == given


def test_a_flag_that_repeats_the_default_is_still_a_contradiction():
    default, fields = Config(), {"epochs": 70}
    assert overlay(default, default, fields, "--preset small", {"seed"}).epochs == 70
    with pytest.raises(ValueError, match="^epochs must be 70 with --preset small. Received: epochs=60$"):
        overlay(default, default, fields, "--preset small", {"epochs"})


@pytest.mark.parametrize("name, value", [("learning_rate", 0.5), ("batch_norm", True), ("train_size", 100)])
def test_a_flag_that_contradicts_an_experiment_is_refused_in_one_line(name, value):
    default = Config(batch_norm=name != "batch_norm")
    fields = {"learning_rate": 0.1, "batch_norm": False, "train_size": 3000}
    with pytest.raises(ValueError) as caught:
        overlay(dataclasses.replace(default, **{name: value}), default, fields, "--preset small")
    assert str(caught.value) == f"{name} must be {fields[name]} with --preset small. Received: {name}={value!r}"


@pytest.mark.parametrize(
    "changes, expected",
    [
        ({"schedule": "constant", "decay": 0.5}, [0.1, 0.1, 0.1, 0.1, 0.1]),
        ({"schedule": "exponential", "decay": 0.5}, [0.1, 0.05, 0.025, 0.0125, 0.00625]),
        ({"schedule": "steps", "decay": 0.1, "decay_epochs": (2, 3)}, [0.1, 0.1, 0.01, 0.001, 0.001]),
    ],
)
def test_the_learning_rate_follows_the_schedule(changes, expected):
    config = Config(learning_rate=0.1, **changes)
    assert [config.learning_rate_at(epoch) for epoch in range(5)] == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("validation_size, kept", [(0, 0), (5000, 40), (10, 10)])
def test_smoke_is_the_same_experiment_on_200_digits(validation_size, kept):
    unlike = {"crop": 6, "validation_size": validation_size, "schedule": "steps", "patience": None}
    config = Config(
        **{
            **OTHER,
            **unlike,
            "clean_validation": False,
            "unique_labels": False,
            "center_box": None,
            "random_box": False,
        }
    )
    small = smoke(config)
    expected = {
        "dataset": "digits", "train_size": 200, "test_size": None, "validation_size": kept, "epochs": 2,
        "train_evaluation_size": None,
        "batch_size": 32, "crop": 6 // config.downscale, "length": 8,
    }  # fmt: skip
    assert config.test_size == 50 and config.rotation == 25
    assert as_dict(small) == as_dict(config) | expected
    assert smoke(Config(dataset="imdb", length=100)) == smoke(Config(dataset="phrases", length=100))
    assert smoke(Config(dataset="imdb", length=100, random_window=True)).length == 8  # of the 12 words of a phrase
    assert (
        smoke(Config(epochs=0)).epochs == 0 and smoke(Config(random_crop=True)).crop == 6 and smoke(Config()).crop == 28
    )  # digits have 8 x 8 pixels
    deep = smoke(Config(model="inception_v3", framework="torch", batch_norm_group=32))
    assert deep.batch_size == 8 * deep.batch_norm_group  # eight processes have a group each
