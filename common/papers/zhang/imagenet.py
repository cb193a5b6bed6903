"""Table 2 and Figure 2a: Inception v3 on ImageNet, true and random labels, with and without explicit regularizers.

The paper says that it takes data, preprocessing and set-up from TensorFlow's package, which are these: RMSProp with an
epsilon of 1, a rate of 0.045 that falls by 0.94 every two epochs, batch norm that only shifts, its statistics kept by
0.9997, smoothed labels, an auxiliary head and an average of the weights, in rows without regularizers too. What it
leaves open or we change: 50 workers that each normalized 32 images and went their own pace are one batch of 1,600 in
groups of 32, so that averages of weights and of statistics follow steps of 1,600 where each worker's 32 moved them; 250
epochs are the 10 million steps of Figure 2a, of 32 images each; dropout of 0.2 and a weight decay of 0.00004 are
TensorFlow's; images are stored with sides of 320 pixels; without augmentation training sees what tests see, the central
0.875 of each side; colours are not distorted.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from operator import methodcaller
from typing import TYPE_CHECKING, Any

from common.cli import LARGE_PRESETS, LargePreset
from common.errors import check_choice
from common.papers.zhang.batch_norm import MARKS, draw_best, early_stopping_gain
from common.papers.zhang.curves import over_training
from common.papers.zhang.recipes import RANDOM_LABELS, Fields
from common.papers.zhang.targets import TARGETS, tested
from common.report import figures
from common.report.claims import Finding, judged_number
from common.report.fitting import by_seed, one_recipe
from common.report.numbers import Number, cell, estimate, less, number, over
from common.report.published import Target, outcome, subject_of
from common.report.runs import FULL_TRAIN_N, Measure, Run, Runs, setting_text
from common.report.tables import Table
from common.runs.config import Config
from common.study import Call, Seeds, Study, run

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BySetting = Mapping[str, float | None]
EPOCHS = 250
ENDS: dict[str, Any] = {"linestyle": (0, (4, 2)), "linewidth": 1.0, "alpha": 0.7}
PAPER: Fields = {
    **{"model": "inception_v3", "framework": "torch", "dataset": "imagenet_320"},
    **{"preprocessing": "minus_one_one", "crop": 299, "center_box": 0.875, "initializer": "inception_v3"},
    **{"batch_norm_momentum": 0.9997, "batch_norm_group": 32, "auxiliary_weight": 0.4, "label_smoothing": 0.1},
    **{"optimizer": "rmsprop", "learning_rate": 0.045, "momentum": 0.9, "weight_average": 0.9999},
    **{"schedule": "steps", "decay": 0.94, "decay_epochs": tuple(range(2, EPOCHS, 2))},
    **{"batch_size": 1600, "epochs": EPOCHS, "train_evaluation_size": 50_000},
}
AUGMENTATION: Fields = {"random_box": True, "flip": True}
REGULARIZERS: dict[str, Fields] = {
    "augmentation": AUGMENTATION, "dropout": {"dropout": 0.2}, "weight_decay": {"weight_decay": 4e-5},
}  # fmt: skip
OFF: Fields = {name: getattr(Config, name) for each in (*REGULARIZERS.values(), RANDOM_LABELS) for name in each}
TRUE = ("augmentation_dropout_weight_decay", "augmentation", "weight_decay", "true_labels")
RANDOM = ("random_labels_dropout_weight_decay", "random_labels_weight_decay", "random_labels")
TRAINED = 0.85
"""Training accuracy from which a row is compared: the least that Table 2 gives is 87.8 %."""
TESTED = 4000
"""Test images from which a best epoch tells: a share of fewer has a standard error of half the least gain that counts,
and the best of many epochs lies above the last by two of these where nothing can be gained."""
EARLY = ("augmentation_dropout_weight_decay", "weight_decay", "true_labels")
"""Rows of Table 2, and the curves of Figure 2a, by the names that the targets have for them."""
COLOURS = dict(zip(EARLY, (figures.BLUE, figures.ORANGE, figures.GREEN), strict=True))

MEDIUM: Fields = {
    **{"dataset": "tiny_imagenet_10", "crop": 128, "batch_size": 256, "epochs": 60, "train_evaluation_size": None},
    **{"decay_epochs": tuple(range(2, 60, 2)), "batch_norm_momentum": 0.99, "weight_average": 0.99},
}
"""Ten minutes of a GPU: ten classes of Tiny ImageNet, its whole images enlarged to 128 pixels."""
SMALL: Fields = {
    **{"dataset": "tiny_imagenet_10", "train_size": 500, "test_size": 250, "width": 4, "crop": 64},
    **{"batch_size": 32, "epochs": 40, "decay_epochs": tuple(range(2, 40, 2)), "train_evaluation_size": None},
    **{"batch_norm_momentum": 0.9, "batch_norm_group": 16, "weight_average": 0.95},
}
"""Two cores: 500 images of ten classes at 64 pixels, an eighth of the channels. Averages are of hundreds of steps, and
groups of batch norm so small that two processes have one each."""
REDUCED: dict[str, Fields] = {"paper": {}, "medium": MEDIUM, "small": SMALL}

ALEXNET: Fields = {
    **{"model": "alexnet_large", "framework": "torch", "dataset": "imagenet_320", "preprocessing": "per_channel"},
    **{"crop": 224, "center_box": 0.875, "initializer": "torch", "dropout": 0.5, "weight_decay": 1e-4},
    **{"learning_rate": 0.01, "schedule": "steps", "decay": 0.1, "decay_epochs": (30, 60), "epochs": 90},
    **{"batch_size": 256, "train_evaluation_size": 50_000, **AUGMENTATION, "box_area": (0.08, 1.0)},
}
"""torchvision's recipe."""
ALEXNET_SMALL: Fields = {
    **{"dataset": "tiny_imagenet_10", "train_size": 500, "test_size": 250, "crop": 64, "batch_size": 32},
    **{"epochs": 30, "decay_epochs": (20,), "train_evaluation_size": None},
}
ALEXNET_ROWS = ("true_labels", "random_labels")
ALEXNET_MEDIUM: Fields = {**ALEXNET_SMALL, "train_size": None, "test_size": None, "crop": 224, "epochs": 60}

LARGE_IMAGES: Fields = {
    **{"model": "inception_v3", "framework": "torch", "dataset": "imagenet_320", "preprocessing": "per_channel"},
    **{"crop": 299, "center_box": 1.0, "initializer": "inception_v3", "batch_norm_scale": True, "batch_size": 32},
    **{"batch_norm_group": 32, "learning_rate": 0.1, "momentum": 0.9, "train_evaluation_size": 50_000},
    "dropout": 0.5,  # torchvision's, where nothing else is said
}
SGD_ROWS: dict[str, Fields] = {
    "true_labels": {},
    "flip_rotation_25": {"flip": True, "rotation": 25.0},
    "constant_rate": {"schedule": "constant"},
}
"""Rows of an older reproduction's public logs: torchvision's network by SGD in batches of 32."""
OF_RMSPROP = ("decay_epochs", "weight_average", "batch_norm_momentum", "batch_norm_group")
"""What the reduced sizes change of that recipe alone."""
QUANTITIES = {
    "train_top1_accuracy": "train_accuracy",
    "test_top1_accuracy": "test_accuracy",
    "best_test_top1_accuracy": "best_test_accuracy",
    "train_top1_accuracy_at_the_end": "train_accuracy",
    "test_top1_accuracy_at_the_end": "test_accuracy",
}
"""Quantities of targets whose names in a record differ."""
Values = Mapping[tuple[str, str], float]  # by row and quantity
TITLE = "Early stopping on ImageNet: Inception v3"


def fields(setting: str, preset: str = "paper") -> Fields:
    """What a row of Table 2 is trained with."""
    chosen = [name for name in REGULARIZERS if name in setting]
    labels = RANDOM_LABELS if setting.startswith("random_labels") else {}
    used = {key: value for name in chosen for key, value in REGULARIZERS[name].items()}
    return {**PAPER, **labels, **used, **REDUCED[preset]}


def setting_of(run: Run) -> str:
    """The row of Table 2 that a run stands for."""
    config = run.config
    used = [name for name, regularizer in REGULARIZERS.items() if any(getattr(config, key) for key in regularizer)]
    name = "random_labels" if config.corruption_fraction == 1 else "true_labels"
    return "_".join(used if used and name == "true_labels" else [name, *used])


def measure_of(quantity: str) -> Measure:
    """What a target's quantity is in a run."""
    name = QUANTITIES.get(quantity, quantity)
    return lambda run: run.outcome.get(name)  # type: ignore[return-value]


def published(file: str, source: str) -> Values:
    """Published values by row and quantity."""
    targets = [target for target in TARGETS.of(file) if target["source"].startswith(source)]
    return {(target["setting"], target["quantity"]): target["value"] for target in targets}


def rows_of(runs: Runs) -> Runs:
    """Those that are a row of Table 2, of any size."""
    return runs.where(lambda run: setting_of(run) in (*TRUE, *RANDOM), model="inception_v3", optimizer="rmsprop")


def regularizer_table(runs: Runs) -> Table:
    """Table 2: accuracies of the first guess and of the first five, in training and in test."""

    def described(setting: str) -> list[object]:
        labels = "random" if setting in RANDOM else "true"
        return [labels, *("yes" if name in setting else "no" for name in REGULARIZERS)]

    names = ["labels", *(name.replace("_", " ") for name in REGULARIZERS)]
    rows = {setting: described(setting) for setting in (*TRUE, *RANDOM)}
    return accuracy_table("Zhang et al. 2017, Table 2", names, rows, rows_of(runs), published("imagenet", "Table 2"))


def accuracy_table(
    title: str, names: Sequence[str], rows: Mapping[str, Sequence[object]], runs: Runs, values: Values
) -> Table:
    """Measured beside published accuracies of rows, which have cells under these names."""
    measures = [(split, top) for split in ("train", "test") for top in ("top1", "top5")]
    lines = []
    for setting, cells in rows.items():
        for group in runs.where(is_row(setting)).recipes():
            line: list[object] = [*cells, group.sizes(), len(group)]
            for split, top in measures:
                line += [measured_cell(group, split, top), published_cell(values, setting, split, top)]
            lines.append(line)
    heads = [f"{'training' if split == 'train' else split}, {top[:3]} {top[3:]}" for split, top in measures]
    columns = [name for head in heads for name in (f"{head} (%)", f"published, {head}")]
    note = "Means over seeds with 95 % intervals, in brackets the best while training. Published: all of ImageNet."
    return Table(f"{title}: published and measured", [*names, "train_n", "seeds", *columns], lines, note)


def measured_cell(group: Runs, split: str, top: str) -> str | None:
    """A measure of these runs as text, with the best of a test."""
    found = group.over_seeds(measure_of(f"{split}_{top}_accuracy"), split=split)
    best = group.over_seeds(measure_of(f"best_test_{top}_accuracy")) if split == "test" else None
    return with_best(found, Number(best.value) if best else None) if found else None


def published_cell(values: Values, setting: str, split: str, top: str) -> str | None:
    """The same of what was published."""
    found = values.get((setting, f"{split}_{top}_accuracy"))
    best = values.get((setting, f"best_test_{top}_accuracy")) if split == "test" else None
    return None if found is None else with_best(found, best)


def with_best(found: object, best: object) -> str:
    """A number, and in brackets that of the best epoch."""
    return f"{cell(found)} ({cell(best)})" if best is not None else cell(found)


def early_stopping_curves(runs: Runs, title: str) -> Figure:
    """Training and test accuracy (%) of three rows over epochs, early stopping marked; means over seeds.

    Dotted: the best test accuracy so far; ring: its last value, square: the final one. Dashed: what the published
    curves end at.
    """
    figure, panels = figures.new_figure(title, (6.6, 8.0), (2, 1))
    values = published("imagenet", "Figure 2a")
    for setting, colour in COLOURS.items():
        group = one_recipe(rows_of(runs).where(is_row(setting)), setting)
        for axes, split in zip(panels, ("train", "test"), strict=True):
            curve = over_training(group, methodcaller("over_epochs", f"{split}_accuracy"), 1)
            figures.draw_curve(axes, curve, 100, label=setting, color=colour)
            axes.axhline(100 * values[setting, f"{split}_top1_accuracy_at_the_end"], color=colour, **ENDS)
        draw_best(panels[1], curve, colour)
    for axes, split in zip(panels, ("training", "test"), strict=True):
        axes.set(ylabel=f"{split} accuracy (%)", xlabel=f"epoch (of {runs.sizes()} examples)")
    arms = [figures.handle(setting_text(name), color=colour) for name, colour in COLOURS.items()]
    ends = figures.handle("published, at the end, on ImageNet", color=figures.GREY, **ENDS)
    figures.add_legend(figure, [*arms, ends, *(figures.handle(name, **style) for name, style in MARKS)])
    return figure


def findings(runs: Runs, call: Call) -> list[Finding]:
    """What the rows say of fitting random labels, of what regularizers do for it and of what is left without them."""
    rows = rows_of(runs)
    train, test = (by_seed(rows, setting_of, partial(above_chance, split=split)) for split in ("train", "test"))
    fitted = by_seed(rows, setting_of, partial(outcome, quantity="train_accuracy"))
    bare, whole = RANDOM[-1], TRUE[0]
    return [
        *(tested("zhang-fit-imagenet", _subject(row), rows, [seed.get(row) for seed in fitted]) for row in RANDOM),
        tested("zhang-chance-imagenet", _subject(bare), rows,
               [over(after.get(bare), before.get(bare)) for after, before in zip(test, train, strict=True)]),
        *(tested("zhang-regularizers-imagenet", _subject(row), rows,
                 [less(seed.get(bare), seed.get(row)) for seed in fitted]) for row in RANDOM[:-1]),
        tested("zhang-generalizes-imagenet", _subject("true_labels"), rows,
               [over(seed.get("true_labels"), seed.get(whole)) for seed in test],
               undecided=_untrained(fitted, "true_labels", whole)),
        tested("zhang-augmentation-imagenet", "inception v3", rows,
               [less(seed.get("augmentation"), seed.get("weight_decay")) for seed in test],
               undecided=_untrained(fitted, "augmentation", "weight_decay")),
    ]  # fmt: skip


def _untrained(fitted: Sequence[BySetting], *rows: str) -> str:
    """Says of a comparison which of its rows have not learned their training images; nothing where all have."""
    shares = {row: estimate([seed.get(row) for seed in fitted]).mean for row in rows}
    told = [
        f"{setting_text(row)} {cell(number([share]))} %" for row, share in shares.items() if share and share < TRAINED
    ]
    return f"right on few of their training images: {', '.join(told)}" if told else ""


def _subject(setting: str) -> str:
    return f"inception v3, {setting_text(setting)}"


def above_chance(run: Run, split: str) -> float | None:
    """Accuracy less that of guessing one of the classes that there are."""
    return less(run.outcome[f"{split}_accuracy"], 1 / len({*run.arrays["test_true_labels"].tolist()}))  # type: ignore[literal-required]


def early_stopping_findings(runs: Runs, call: Call) -> list[Finding]:
    """What the best epoch has over the last, without augmentation."""
    found = []
    for setting in EARLY[1:]:
        own = rows_of(runs).where(is_row(setting))
        gains = list(map(early_stopping_gain, own))
        few = min((run.data["test_n"] for run in own), default=TESTED)
        noisy = f"the best of many epochs on {few:,} test images" if few < TESTED else ""
        found.append(tested("zhang-early-stopping-imagenet", _subject(setting), own, gains, undecided=noisy))
    return found


def numbers(runs: Runs) -> list[Finding]:
    """Every number of Table 2, Figure 2a and the older logs beside the runs on all of ImageNet."""
    whole = runs.where(lambda run: run.train_n == FULL_TRAIN_N[PAPER["dataset"]])
    own, logs = rows_of(whole), sgd_rows(whole)
    return [
        *(found for target in TARGETS.of("imagenet") for found in _number(target, own)),
        *(found for target in TARGETS.of("imagenet_sgd") for found in _number(target, logs)),
    ]


def _number(target: Target, runs: Runs) -> list[Finding]:
    measure, subject = measure_of(target["quantity"]), subject_of(target)
    groups = runs.where(is_row(target["setting"])).recipes()
    found = [judged_number(target, subject, group, [measure(run) for run in group]) for group in groups]
    return found or [judged_number(target, subject)]


def sgd_rows(runs: Runs) -> Runs:
    """Runs by the older recipe."""
    return runs.where(model="inception_v3", optimizer="sgd")


def row_of(run: Run) -> str:
    """The row of a table that a run stands for, by its network and recipe."""
    if run.config.optimizer == "rmsprop":
        return setting_of(run)
    if run.config.model != "inception_v3":
        return ALEXNET_ROWS[run.config.corruption_fraction == 1]
    return next(name for name in reversed(SGD_ROWS) if SGD_ROWS[name].items() <= run.fields.items())


def is_row(name: str) -> Callable[[Run], bool]:
    """Whether a run stands for this row."""
    return lambda run: row_of(run) == name


@dataclasses.dataclass(frozen=True)
class Rows(Seeds):
    """Rows of Table 2."""

    settings: tuple[str, ...] = (*TRUE, *RANDOM)
    """Rows, by labels and regularizers."""

    def rows(self, preset: str) -> Iterable[Fields]:
        """Each with what its regularizers set, and what all have in common."""
        for setting in self.settings:
            check_choice("settings", setting, (*TRUE, *RANDOM))
            yield {**OFF, **fields(setting, preset)}


def sgd_fields(row: str, preset: str = "paper") -> Fields:
    """What a row of the older logs is trained with."""
    reduced = {name: value for name, value in REDUCED[preset].items() if name not in OF_RMSPROP}
    return {**LARGE_IMAGES, **SGD_ROWS[row], **reduced}


def alexnet_fields(setting: str, preset: str = "paper") -> Fields:
    """What AlexNet is trained with."""
    labels = RANDOM_LABELS if setting == "random_labels" else {}
    return {**ALEXNET, **labels, **{"paper": {}, "medium": ALEXNET_MEDIUM, "small": ALEXNET_SMALL}[preset]}


def row(doc: str | None, of: Callable[[str, str], Fields], setting: str) -> None:
    """The main of a script that stands for one run on ImageNet."""
    whole, medium, small = (of(setting, preset) for preset in LARGE_PRESETS)
    run(doc, Config(**whole), small, medium)


def report(runs: Runs, call: Call) -> dict[str, Table]:
    """Table 2."""
    return {"table": regularizer_table(runs)}


def early_stopping_report(runs: Runs, call: Call) -> dict[str, Figure]:
    """Figure 2a."""
    return {"accuracy": early_stopping_curves(runs, TITLE)}


def sgd_report(runs: Runs, call: Call) -> dict[str, Table]:
    """What the older logs say, and measured."""
    rows = {setting: [setting_text(setting)] for setting in SGD_ROWS}
    values = published("imagenet_sgd", "")
    return {"table": accuracy_table("Inception v3 by SGD", ["setting"], rows, sgd_rows(runs), values)}


def alexnet_report(runs: Runs, call: Call) -> dict[str, Table]:
    """Table 2's line on AlexNet, which trained on true labels with all regularizers."""
    values = {("true_labels", quantity): value for (_, quantity), value in published("imagenet", "Table 2, of").items()}
    rows = {name: [setting_text(name)] for name in ALEXNET_ROWS}
    return {"table": accuracy_table("AlexNet", ["labels"], rows, runs.where(model="alexnet_large"), values)}


class SgdRows(Seeds):
    """The older logs."""

    def rows(self, preset: str) -> Iterable[Fields]:
        """Without augmentation, with it, and at a constant rate."""
        return [sgd_fields(row, preset) for row in SGD_ROWS]


class AlexNetRows(Seeds):
    """AlexNet."""

    def rows(self, preset: str) -> Iterable[Fields]:
        """On true and on random labels."""
        return [alexnet_fields(setting, preset) for setting in ALEXNET_ROWS]


STUDY_OF = partial(Study, default=Config(framework="torch"), preset=LargePreset(), frameworks=("torch",))
REGULARIZATION = STUDY_OF("imagenet_regularization", Rows(), report=report, findings=findings)
EARLY_STOPPING = STUDY_OF(
    "imagenet_early_stopping", Rows(settings=EARLY), report=early_stopping_report, findings=early_stopping_findings
)
SGD = STUDY_OF("imagenet_sgd", SgdRows(), report=sgd_report)
ALEXNET_STUDY = STUDY_OF("imagenet_alexnet", AlexNetRows(), report=alexnet_report)
STUDIES = (REGULARIZATION, EARLY_STOPPING, SGD, ALEXNET_STUDY)
