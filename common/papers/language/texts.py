"""Which texts are hard, which are learned by heart, and whether rare words are the keys by which they are."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import fmean
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from common.analysis.examples import join, measured
from common.analysis.keys import NO_WORD, own_words
from common.analysis.readout import own_task
from common.data import datasets
from common.data.inputs import TokenInputs
from common.data.texts import sentence
from common.groups import grouped
from common.papers.language.learning_curves import kind_text
from common.papers.language.recipes import BASE, SMOKE, Fields, Texts, fields, labels
from common.papers.language.targets import TARGETS
from common.report import figures
from common.report.claims import Finding
from common.report.examples import joined
from common.report.fitting import by_seed, epochs_to_fit, slowdown, told
from common.report.numbers import Number, compared, less, over
from common.report.runs import Measure, Run, Runs, setting_text
from common.report.tables import Table
from common.runs.config import Config, run_id
from common.runs.learning import NEVER
from common.study import Call, Study, with_progress

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLE = "Texts that are hard and texts that are learned by heart"
SHOWN = 6
"""Texts of each kind that are shown."""
KINDS = ("easiest", "hardest", "most forgotten")
WHOLE: Fields = {"vocabulary": None}
CUT: dict[str, tuple[int, ...]] = {"trec": (2000, 500), "rt_polarity": (2000, 500)}
"""Smaller vocabularies, in which hardly any text has a word of its own, of data sets that are read with all words too.

Of IMDB hardly any text has a word of its own with the preset's vocabulary, which is its largest here.
"""
SETTINGS = {"true_labels": 0.0, "random_labels": 1.0}
OWN_WORD: dict[str, dict[str, Any]] = {
    "with a word of its own": {"color": figures.GREEN}, "without": {"color": figures.PURPLE},
}  # fmt: skip


@dataclass(frozen=True)
class Vocabularies(Texts):
    """A run on true and one on random labels with each vocabulary."""

    models: tuple[str, ...] = ("lstm",)
    """Architectures."""
    vocabularies: tuple[int, ...] = ()
    """Smaller vocabularies, in words, beside the largest; none means two for each data set, but for IMDB."""

    def rows(self, preset: str) -> Iterator[Fields]:
        for dataset, model in self.kinds(preset):
            largest = WHOLE if dataset in CUT else {}
            for words in (largest, *({"vocabulary": size} for size in self.vocabularies or CUT.get(dataset, ()))):
                for fraction in SETTINGS.values():
                    yield fields(model, dataset, preset, **labels(fraction), **words)


def check(config: Config) -> None:
    """ValueError where nothing can be said of when a text was learned."""
    if config.epochs < 2:
        raise ValueError(f"epochs must be 2 or more to tell texts apart. Received: epochs={config.epochs}")


def read(configs: Sequence[Config], call: Call) -> None:
    """Keep with each run the words that its texts have alone, and with the first seed's the texts that are shown."""
    for config in with_progress(configs, call.options):
        if call.force or "train_own_words" not in call.store.arrays(run_id(config)):
            task = own_task(config, call.options)
            call.store.add_arrays(run_id(config), {"train_own_words": own_words(task.train.inputs)})
    kinds = grouped(
        configs, lambda config: (config.dataset, config.model, config.vocabulary, config.corruption_fraction)
    )
    for same in kinds.values():
        keep_shown(same, call)


def keep_shown(configs: Sequence[Config], call: Call) -> None:
    """Keep with the first of these runs, which differ in their seeds, the texts that are shown of all."""
    store, first = call.store, configs[0]
    arrays = [store.arrays(run_id(config)) for config in configs]
    epochs = [(store.record(run_id(config)) or {})["outcome"]["epochs"] for config in configs]
    indices = extreme(join(zip(arrays, epochs, strict=True)))
    if call.force or not np.array_equal(arrays[0].get("shown_indices", ()), indices):
        data = datasets.load(first.dataset, call.options.data_dir)
        own = dict(zip(arrays[0]["train_indices"], arrays[0]["train_own_words"], strict=True))
        texts = [sentence(row, data.words) for row in TokenInputs.reduce(data.x_train[indices.ravel()], first)]
        words = [data.words[own[index]] for index in indices.ravel()]
        store.add_arrays(
            run_id(first), {"shown_indices": indices, "shown_texts": np.array(texts), "shown_words": np.array(words)}
        )


def extreme(table: Mapping[str, NDArray[Any]]) -> NDArray[Any]:
    """Data set's indices (kinds, SHOWN) of the easiest texts of a table, the hardest, and those forgotten most.

    Easy is what is first right early, and then seldom forgotten.
    """
    first, forgotten = table["learned"], table["times_forgotten"]
    orders = [np.lexsort((forgotten, first)), np.lexsort((-forgotten, -first)), np.argsort(-forgotten, kind="stable")]
    return np.array([table["index"][order[:SHOWN]] for order in orders])


def report(runs: Runs, call: Call) -> dict[str, Table | Figure]:
    """The texts themselves, how fast those with a word of their own are memorized, and what smaller vocabularies do."""
    runs = runs.where(lambda run: run.setting in SETTINGS)
    largest = whole(runs)
    return {
        "own_words": own_word_figure(largest.where(corruption_fraction=1.0), "Texts with random labels"),
        "texts": text_table(largest, TITLE),
        "vocabularies": vocabulary_table(runs, "Rare words as keys"),
    }


def whole(runs: Runs) -> Runs:
    """Those with the largest vocabulary of their data set."""
    largest = {name: max(map(words_of, group)) for name, group in runs.by("dataset").items()}
    return runs.where(lambda run: words_of(run) == largest[run.config.dataset])


def words_of(run: Run) -> float:
    """Size of its vocabulary; infinite where nothing was cut."""
    return math.inf if run.config.vocabulary is None else run.config.vocabulary


def learned(run: Run, own: bool) -> NDArray[Any]:
    """Shares of the training that pass until texts with a word of their own, or those without, are first right."""
    _, shares = measured(run.arrays, run.outcome["epochs"])["learned"]
    return shares[(run.arrays["train_own_words"] != NO_WORD) == own]


def own_word_figure(runs: Runs, title: str) -> Figure:
    """Texts that have been right (%) over epochs, with a word of their own and without, a panel for each data set."""
    kinds = runs.where(has_own_words).by("dataset", "model")
    figure, panels = figures.panel_figure(title, [kind_text(*kind) for kind in kinds], 3, (3.2, 2.8))
    for axes, group in zip(panels, kinds.values(), strict=True):
        for own, style in zip((True, False), OWN_WORD.values(), strict=True):
            seeds = [right_until(run, own) for run in group if len(learned(run, own))]
            figures.draw_curve(axes, figures.shared_epochs(seeds), 100, **style)
        axes.set_xlabel("epoch")
        figures.percent_axis(axes, "texts that have been right (%)")
    figures.add_legend(figure, [figures.handle(name, **style) for name, style in OWN_WORD.items()])
    return figure


def has_own_words(run: Run) -> bool:
    """Whether it is known which words its texts have alone."""
    return "train_own_words" in run.arrays


def right_until(run: Run, own: bool) -> dict[int, float]:
    """Share of the texts with a word of their own, or without, that have been right by each epoch."""
    first = run.arrays["train_learned_epochs"][(run.arrays["train_own_words"] != NO_WORD) == own]
    return {epoch: float(np.mean((first != NEVER) & (first <= epoch))) for epoch in range(run.outcome["epochs"] + 1)}


def text_table(runs: Runs, title: str) -> Table:
    """The texts: easiest, hardest, most forgotten, on true and on random labels, with the word that each has alone."""
    rows: list[list[object]] = []
    for (dataset, model), of_kind in runs.by("dataset", "model").items():
        for setting, group in of_kind.grouped(lambda run: run.setting).items():
            first = next((run.arrays for run in group if "shown_texts" in run.arrays), None)
            if first is not None:
                head = [kind_text(dataset, model), setting_text(setting)]
                rows += [[*head, *cells] for cells in shown(group, first)]
    columns = ["data and model", "labels", "which", "text", "word of its own", "epochs until right", "times forgotten"]
    note = "Means over seeds; one that was never right counts as right after the end. As the network reads them."
    return Table(title, columns, rows, note)


def shown(runs: Runs, arrays: Mapping[str, NDArray[Any]]) -> Iterator[list[object]]:
    """Kind, text, word and numbers of each text that is shown."""
    table = joined(runs)
    epochs = fmean(run.outcome["epochs"] for run in runs)
    places = np.searchsorted(table["index"], arrays["shown_indices"].ravel())
    kinds = np.repeat(KINDS, arrays["shown_indices"].shape[1])
    for kind, text, word, place in zip(kinds, arrays["shown_texts"], arrays["shown_words"], places, strict=True):
        numbers = table["learned"][place] * epochs + 1, table["times_forgotten"][place]
        yield [str(kind), str(text), str(word) or None, *(Number(float(value), "epochs") for value in numbers)]


def vocabulary_table(runs: Runs, title: str) -> Table:
    """A row for each model, data set and vocabulary: texts with a word of their own, and epochs to fit."""
    epochs, rows = epochs_to_fit(runs), []
    ratio = slowdown(runs, epochs)
    for (dataset, model), of_kind in runs.by("dataset", "model").items():
        for words, group in sorted(of_kind.grouped(words_of).items(), reverse=True):
            sides = [group.where(corruption_fraction=fraction) for fraction in SETTINGS.values()]
            size = "all" if math.isinf(words) else f"{words:,.0f}"
            shares = group.where(has_own_words).over_seeds(own_share)
            counts = [side.over_seeds(epochs, "epochs") for side in sides]
            rows.append(
                [model, kind_text(dataset), size, group.sizes(), shares, *counts, sides[1].over_seeds(ratio, "ratio")]
            )
    columns = ["model", "data", "words", "train_n", "texts with a word of their own, %"]
    more = ["epochs to fit, true labels", "random labels", "ratio"]
    note = "Means over seeds with 95 % t intervals. Texts that a smaller vocabulary makes equal are left out but one."
    return Table(title, [*columns, *more], rows, note)


def own_share(run: Run) -> float:
    """Share of its texts that have a word of their own."""
    return float(np.mean(run.arrays["train_own_words"] != NO_WORD))


def findings(runs: Runs, call: Call) -> list[Finding]:
    """Whether networks agree on hard texts, and whether rare words are keys, of each model on each data set."""
    kinds = runs.where(lambda run: run.setting in SETTINGS).by("dataset", "model")
    return [found for kind, group in kinds.items() for found in of_kind(group, kind_text(*kind))]


def of_kind(runs: Runs, subject: str) -> list[Finding]:
    """Of one model on one data set."""
    largest, tested = whole(runs), partial(TARGETS.tested, subject=subject)
    alike = {name: agreement(largest.where(corruption_fraction=fraction)) for name, fraction in SETTINGS.items()}
    both = [[alike[name].get(seed) for name in SETTINGS] for seed in sorted(set().union(*alike.values()))]
    noise = largest.where(has_own_words, corruption_fraction=1.0)
    text = compared(both, ["with true labels", "with random ones"])
    return [
        tested("language-same-texts", runs=largest, effects=[less(*pair) for pair in both], numbers=text),
        tested("language-keys", runs=noise, effects=list(map(later_without, noise))),
        *without_rare_words(runs, subject),
    ]


def without_rare_words(runs: Runs, subject: str) -> list[Finding]:
    """Whether a smaller vocabulary slows memorizing down, in the seeds that have its runs and the largest one's."""
    sizes = sorted({words_of(run) for run in runs})
    ends = [(size, 1.0) for size in (sizes[0], sizes[-1])]
    needed = {(size, fraction) for size, _ in ends for fraction in SETTINGS.values()}

    def tested(name: str, measure: Measure, of: str, unit: str) -> Finding:
        seeds = [seed for seed in by_seed(runs, place_of, measure) if needed <= seed.keys() and len(sizes) > 1]
        effects = [over(*(told(seed, at) for at in ends)) for seed in seeds]
        names = [f"{of} with the smallest vocabulary", "with the largest"]
        numbers = compared([[seed[at] for at in ends] for seed in seeds], names, unit)
        return TARGETS.tested(name, subject, runs, effects, numbers)

    return [
        tested("language-cut-vocabulary", steps_to_fit(runs), "steps", "parameters"),
        tested("language-cut-slowdown", slowdown(runs, epochs_to_fit(runs)), "times as long", "ratio"),
    ]


def steps_to_fit(runs: Runs) -> Measure:
    """Steps of the optimizer to the end of the epoch in which each of these runs is fitted; null for one that never is.

    Texts that a smaller vocabulary makes equal are left out but one, so that its epochs have fewer steps.
    """
    epochs = epochs_to_fit(runs)

    def steps(run: Run) -> float | None:
        found = epochs(run)
        return found and found * math.ceil(run.train_n / run.config.batch_size)

    return steps


def place_of(run: Run) -> tuple[float, float]:
    """Vocabulary and corrupted fraction."""
    return words_of(run), run.config.corruption_fraction


def later_without(run: Run) -> float | None:
    """How much later texts without a word of their own are first right, a share of the training; null without both."""
    with_, without = (learned(run, own) for own in (True, False))
    return float(without.mean() - with_.mean()) if len(with_) and len(without) else None


def agreement(runs: Runs) -> dict[int, float]:
    """By seed, the rank correlation over texts of when each was first right and when it was in the other seeds.

    The mean over labels of that over the texts with the same one, by their number: the label that a network answers
    everywhere at first says nothing of texts.
    """
    from scipy import stats

    shares = {run.config.seed: measured(run.arrays, run.outcome["epochs"])["learned"][1] for run in runs}
    found = {}
    for run in runs:
        own, labels = shares[run.config.seed], run.arrays["train_labels"]
        if others := [values for seed, values in shares.items() if seed != run.config.seed]:
            rest = np.mean(others, axis=0)
            pairs = [(own[labels == label], rest[labels == label]) for label in np.unique(labels)]
            told = [pair for pair in pairs if all(len(np.unique(values)) > 1 for values in pair)]
            if told:
                alike = [stats.spearmanr(*pair).statistic for pair in told]
                found[run.config.seed] = float(np.average(alike, weights=[len(texts) for texts, _ in told]))
    return found


STUDY = Study(
    "language_texts", Vocabularies(), BASE, report, read=read, check=check, smoke={**SMOKE, "vocabularies": (20,)},
    findings=findings,
)  # fmt: skip
