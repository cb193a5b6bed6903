"""A question of ours: which pixels decide for networks that fitted true labels, random labels and random inputs?

Integrated gradients on the same test images, through networks of the settings of Figure 1 and before any training. The
paper claims nothing of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from common.analysis.attributions import ATTRIBUTIONS, BASELINES, attribute_run, check, rank_correlation
from common.errors import check_choice
from common.papers.zhang.recipes import SETTINGS, Fields
from common.report import figures
from common.report.numbers import number, share
from common.report.runs import Run, Runs, data_text
from common.report.tables import Table
from common.runs.config import Config
from common.study import Call, Seeds, Study, with_progress

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLE = "Attributions: integrated gradients on test images"
SHOWN = ("true_labels", "random_labels", "gaussian")
EPOCHS = (0, 1, 5, 20)
UNTRAINED, FITTED, NOT_FITTED, MEAN = "untrained", "fitted", "at the end, not fitted", "mean"
BASE = Config(
    model="mlp3",
    dataset="mnist",
    framework="torch",
    preprocessing="minus_one_one",
    crop=None,
    learning_rate=0.005,
    schedule="constant",
    epochs=200,
    stop_accuracy=1.0,
)
SMALL: Fields = {"train_size": 5000, "batch_size": 50}


@dataclass(frozen=True)
class Attributed(Seeds):
    """A run for each combination of these values."""

    seeds: tuple[int, ...] = (0, 1, 2)
    """Seeds of weights and order; rank correlations are between them."""
    settings: tuple[str, ...] = SHOWN
    """True labels, random labels or random inputs."""

    def rows(self, preset: str) -> list[Fields]:
        """Each setting, until it is fitted."""
        for setting in self.settings:
            check_choice("setting", setting, SETTINGS)
        return [{**SETTINGS[setting], **(SMALL if preset == "small" else {})} for setting in self.settings]


def read(configs: Sequence[Config], call: Call) -> None:
    """The attributions of every run at the epochs that were kept."""
    for config in with_progress(configs, call.options):
        attribute_run(config, call.options, EPOCHS, call.force)


def kept(run: Run) -> dict[str, Any]:
    """What was attributed in a run; nothing where it was not."""
    return run.kept_arrays(ATTRIBUTIONS)


def stages(run: Run) -> dict[str, int]:
    """Places of the networks of a run by their stage: untrained, after so many epochs, fitted or at the end."""
    epochs = kept(run)["epochs"].tolist()
    last = FITTED if run.outcome["epochs_to_fit"] is not None else NOT_FITTED
    names = [*(f"epoch {epoch}" if epoch else UNTRAINED for epoch in epochs[:-1]), last]
    return {name: place for place, name in enumerate(names)}


def at_stage(run: Run, name: str, stage: str, baseline: str = MEAN) -> NDArray[Any]:
    """An array of a run's network at a stage, with a baseline."""
    values: NDArray[Any] = kept(run)[name][stages(run)[stage], BASELINES.index(baseline)]
    return values


def over_images(values: NDArray[Any]) -> float | None:
    """Mean over images; those that a network answers as it does the baseline have no attributions, nan, nor a part."""
    return float(np.nanmean(values)) if np.isfinite(values).any() else None


def correlations(runs: Sequence[Run], stage: str) -> list[float | None]:
    """Rank correlations of maps between each two seeds, means over the images that are shown."""
    maps = [at_stage(run, "maps", stage) for run in runs]
    return [over_images(rank_correlation(*pair)) for pair in combinations(maps, 2)]


def table(runs: Runs) -> Table:
    """A row for each setting and stage: where attributions lie, how seeds agree, how exactly they add up."""
    rows = []
    for setting, seeds in runs.grouped(lambda run: run.setting).items():
        for stage in dict.fromkeys(stage for run in seeds for stage in stages(run)):
            there = [run for run in seeds if stage in stages(run)]
            shares = [over_images(at_stage(run, "share", stage)) for run in there]
            silent = np.isnan([at_stage(run, "share", stage) for run in there]).mean()
            sums = [at_stage(run, "completeness", stage, name) for run in there for name in BASELINES]
            exact = np.nan_to_num(sums).max()
            cells = number(shares), float(silent), number(correlations(there, stage), "ratio"), f"{exact:.0e}"
            rows.append([data_text(setting), stage, *cells, len(there)])
    images = kept(runs[0])["images"]
    note = (
        f"Of {kept(runs[0])['indices'].size} test images, five of each class, from their mean; those whose "
        "output is the baseline's have no attributions. "
        f"{share(ink(images)):.1%} of the pixels of those shown are not black. Rank correlations are of absolute "
        "attributions between the seeds' pairs, on an image of each class; means, with 95 % t intervals. Completeness: "
        "the largest distance of a sum of attributions from what the output changed by, relative to that of their "
        "absolute values."
    )
    columns = [
        "trained on",
        "network",
        "attribution on the digit, %",
        "images without any, %",
        "rank correlation of seeds",
        "completeness, at most",
    ]
    return Table(TITLE, [*columns, "n"], rows, note)


def ink(images: NDArray[np.uint8]) -> tuple[int, int]:
    """Pixels that are not black, of how many."""
    inside = (images > 0).any(axis=3)
    return int(inside.sum()), inside.size


def pictures(runs: Runs) -> Figure:
    """The first image of each class, and its attributions by networks of the first seed: orange for, purple against."""
    first = {setting: seeds[0] for setting, seeds in runs.grouped(lambda run: run.setting).items()}
    some = next(iter(first.values()))
    rows = {UNTRAINED: at_stage(some, "maps", UNTRAINED)}
    rows |= {data_text(setting): kept(run)["maps"][-1, BASELINES.index(MEAN)] for setting, run in first.items()}
    images = kept(some)["images"]
    figure, panels = figures.new_figure(
        TITLE, (0.75 * len(images), 0.8 * len(rows) + 1.4), (1 + len(rows), len(images))
    )
    for axes, image in zip(panels, images, strict=False):
        axes.imshow(np.squeeze(image), cmap="gray")
    shown = [(name, values) for name, maps in rows.items() for values in maps.astype(np.float64)]
    for axes, (_, values) in zip(panels[len(images) :], shown, strict=True):
        largest = np.abs(values).max() or 1.0
        axes.imshow(values, cmap="PuOr_r", vmin=-largest, vmax=largest)
    for axes in panels:
        axes.grid(visible=False)
        axes.set(xticks=[], yticks=[])
    for axes, name in zip(panels[:: len(images)], ["image", *rows], strict=True):
        axes.set_ylabel(name.replace(" ", "\n"), fontsize=7)
    return figure


def over_epochs(runs: Runs) -> Figure:
    """Share on the digit (%) and rank correlation of seeds over training, a curve for each setting."""
    names = ["attribution on the digit", "rank correlation of seeds"]
    figure, panels = figures.panel_figure(TITLE, names, 2, (4.2, 3.2))
    settings = runs.grouped(lambda run: run.setting)
    colours = figures.palette(list(settings))
    for setting, seeds in settings.items():
        shared = figures.shared_epochs(shares_by_epoch(run) for run in seeds)
        figures.draw_curve(panels[0], shared, 100, color=colours[setting], marker=".")
        stage_of = {epoch: f"epoch {epoch}" if epoch else UNTRAINED for epoch in shared}
        agreed = {epoch: correlations(seeds, stage) for epoch, stage in stage_of.items() if stage in stages(seeds[0])}
        figures.draw_curve(panels[1], agreed, color=colours[setting], marker=".")
    for axes, label in zip(panels, ("share (%)", "rank correlation"), strict=True):
        figures.doubling_axis(axes, "epoch", from_zero=True)
        axes.set_ylabel(label)
    figures.add_legend(figure, figures.handles({data_text(name): colour for name, colour in colours.items()}))
    return figure


def shares_by_epoch(run: Run) -> dict[int, float]:
    """Mean share of attributions on the digit by epoch."""
    means = {
        epoch: over_images(values[BASELINES.index(MEAN)])
        for epoch, values in zip(kept(run)["epochs"].tolist(), kept(run)["share"], strict=True)
    }
    return {epoch: mean for epoch, mean in means.items() if mean is not None}


def report(runs: Runs, call: Call) -> dict[str, Table | Figure]:
    """Where attributions lie and whether seeds agree; nothing of runs that were not attributed."""
    measured = runs.where(kept)
    if not measured:
        return {}
    return {"attributions": table(measured), "pictures": pictures(measured), "over_epochs": over_epochs(measured)}


SMOKE = {"seeds": (0, 1), "settings": ("true_labels",)}
STUDY = Study("attributions", Attributed(), BASE, report, EPOCHS, read, check, smoke=SMOKE)
