"""What a script does with its configs: list, train, read out, draw and say what came out."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

from common import frameworks, progress
from common.analysis.readout import decode_run
from common.cli import LargePreset, Preset, given_flags, one_line_errors, parse
from common.data import datasets
from common.data.inputs import TokenInputs
from common.errors import check_choice
from common.groups import Item
from common.report import figures
from common.report.claims import FULL, REDUCED, Finding
from common.report.layers import run_table
from common.report.runs import Run, Runs
from common.report.tables import Table, claims_table
from common.runs import processes, sweep
from common.runs.computation import (
    Computation,
    Computed,
    Result,
    carry_out,
    computation_id,
    seconds_known,
    settings_of,
)
from common.runs.config import CHOICES, SEEDS, Actions, Config, Options, from_dict, overlay, run_id, smoke
from common.runs.deadline import in_time
from common.runs.estimates import Estimates, known_records, listing, time_left
from common.runs.record import processor_flags
from common.runs.store import PUBLISHED, Record, Store
from common.runs.threads import limit_threads

BFLOAT16 = {"avx512_bf16", "amx_bf16", "bf16"}
Fields = Mapping[str, Any]


def run(doc: str | None, config: Config, small: Fields | None = None, medium: Fields | None = None) -> None:
    """The main of a script that stands for one run: train it unless done, draw its curves, say what came out."""
    with one_line_errors():
        presets = {"preset": LargePreset() if medium else Preset()} if small else {}
        arguments = parse(doc, config=config, options=Options(), actions=Actions(), **presets)
        preset = arguments.preset.preset if presets else "paper"
        reduced = {"small": small, "medium": medium}.get(preset) or {}
        given = given_flags()
        chosen = overlay(arguments.config, config, reduced, f"--preset {preset}", given)
        if chosen.corruption != "none" and not chosen.corruption_fraction and "corruption_fraction" not in given:
            raise ValueError(
                "corruption_fraction must be above 0 where a rule is named. "
                f"Received: corruption={chosen.corruption!r}, corruption_fraction=0"
            )
        for record in run_all([chosen], arguments.options, arguments.actions):
            print(summary(record, arguments.options))
            if arguments.actions.decode:
                print(f"\n{run_table(Run(record, Store.of(arguments.options)).readout).markdown()}")


@dataclasses.dataclass(frozen=True)
class Seeds:
    """Repetitions; the grids of studies add fields of flags and say in `rows` what their runs are."""

    seeds: tuple[int, ...] = (0,)
    """Seeds of weights, order and augmentation."""

    def rows(self, preset: str) -> Iterable[Fields]:
        """Fields of a run for each row of a table, or curve of a figure, but for the seed."""
        raise NotImplementedError

    def runs(self, preset: str) -> list[Fields]:
        """Fields of every run, seed by seed, so that whatever is done first is a whole set."""
        return [{"seed": seed, **row} for seed, row in product(self.seeds, self.rows(preset))]


@dataclasses.dataclass(frozen=True)
class Combinations(Seeds):
    """A run for each combination of these values."""

    seeds: tuple[int, ...] = (0, 1, 2)
    """Seeds of weights and order."""
    models: tuple[str, ...] = ("mlp1", "mlp3")
    """Architectures."""
    rule: str = "uniform"
    """Rule that corrupts, at fractions above 0."""
    fractions: tuple[float, ...] = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
    """Corrupted fractions of the training set; 0 means true labels, whatever the rule."""
    frameworks: tuple[str, ...] = ("keras", "torch")
    """Frameworks."""

    def rows(self, preset: str) -> Iterable[Fields]:
        """Fraction by fraction."""
        names = "corruption", "corruption_fraction", "model", "framework"
        rules = [(self.rule if fraction else "none", fraction) for fraction in self.fractions]
        for rule, model, framework in product(rules, self.models, self.frameworks):
            yield dict(zip(names, (*rule, model, framework), strict=True))


FEWEST: Mapping[str, tuple[Any, ...]] = {"seeds": (0,), "models": ("mlp1",), "fractions": (0.0, 1.0)}
"""Of `Combinations`, in a smoke test."""


@dataclasses.dataclass(frozen=True)
class Call:
    """How a study was called: what its read-outs and reports may depend on beside the runs.

    With `force` what was read out is read out again. `changed` says that flags changed runs in more than
    their framework, precision and seed.
    """

    preset: str
    grid: Any
    options: Options
    force: bool = False
    changed: bool = False

    @property
    def size(self) -> str:
        """Whether the runs are of the paper's size, and may decide on its numbers."""
        return FULL if self.preset == "paper" and not self.changed else REDUCED

    @property
    def store(self) -> Store:
        """Where the runs lie."""
        return Store.of(self.options)


def changes(flags: Collection[str], actions: Actions) -> bool:
    """Whether flags change runs in more than framework, precision and seed, as a smoke test does."""
    own = {field.name for field in dataclasses.fields(Config)} & set(flags) - {"framework", "precision", *SEEDS}
    return actions.smoke or bool(own)


@dataclasses.dataclass(frozen=True)
class Study:
    """A script that stands for many runs.

    `grid` gives the fields of each run (`Seeds.runs`), which the flags' config must not contradict; `report` makes
    figures and tables of the runs. Where these need more than records, `keep_epochs` of every run are kept and `read`
    makes what is missing of the read-outs; `check` raises ValueError before anything is trained that could not be
    read. Without `stack` each run is trained alone, so that it can be trained again to the same bits. `smoke` are the
    fewest values of the grid's fields that still draw everything, for a smoke test whose flags do not give them.
    `findings` are what becomes of the published statements that the runs test. `preset` is the size where none is
    named, of those that there are; `frameworks` can train the runs. What is reported does not depend on the `free`
    fields, in which published runs may differ from the grid.
    """

    name: str
    grid: Seeds
    default: Config
    report: Callable[[Runs, Call], Mapping[str, Table | figures.Figure]]
    keep_epochs: tuple[int, ...] = ()
    read: Callable[[Sequence[Config], Call], None] = lambda configs, call: None
    check: Callable[[Config], object] = lambda config: None
    stack: bool = True
    smoke: Mapping[str, tuple[Any, ...]] = dataclasses.field(default_factory=dict)
    findings: Callable[[Runs, Call], list[Finding]] = lambda runs, call: []
    preset: Preset = Preset()
    frameworks: tuple[str, ...] = CHOICES["framework"]
    free: tuple[str, ...] = ()

    def configs(self, given: Config, grid: Seeds, preset: str, flags: Collection[str] = ()) -> list[Config]:
        """The runs, over the fields that flags have given."""
        rows = grid.runs(preset)
        for name in sorted(flags):
            if len({repr(fields[name]) for fields in rows if name in fields}) > 1:
                value = getattr(given, name)
                raise ValueError(
                    f"{name} must be left to the study, whose runs differ in it. Received: {name}={value!r}"
                )
        return [overlay(given, self.default, fields, f"--preset {preset}", flags) for fields in rows]

    def reduced(self, grid: Seeds, flags: Collection[str]) -> Seeds:
        """The grid of a smoke test, over which flags have the last word."""
        return dataclasses.replace(grid, **{name: few for name, few in self.smoke.items() if name not in flags})

    def grid_of(self, arguments: Any) -> Seeds:
        """The grid of a command line."""
        return self.reduced(arguments.grid, given_flags()) if arguments.actions.smoke else arguments.grid

    def configs_of(self, arguments: Any) -> list[Config]:
        """The runs of a command line."""
        return self.configs(arguments.config, self.grid_of(arguments), preset_of(arguments), given_flags())

    def kept_epochs(self, options: Options) -> tuple[int, ...]:
        """Epochs whose networks are kept."""
        return tuple(sorted({*self.keep_epochs, *options.keep_epochs}))

    def main(self, doc: str | None) -> None:
        """The whole script."""
        with one_line_errors():
            self.carry_out(self.parse(doc))

    def parse(self, doc: str | None, **more: Any) -> Any:
        """The command line: grid, preset, config and options, and what else a script has."""
        own = {"grid": self.grid, "preset": self.preset, "config": self.default, "options": Options()}
        return parse(doc, **own, actions=Actions(), **more)

    def carry_out(self, arguments: Any) -> None:
        """Train what is missing, read it out, save and print what it shows."""
        options, actions = arguments.options, arguments.actions
        configs = self.configs_of(arguments)
        for config in configs:
            self.check(config)
        kept = self.kept_epochs(options)
        training = dataclasses.replace(options, stack=options.stack and self.stack, keep_epochs=kept)
        records = run_all(configs, training, actions)
        changed = changes(given_flags(), actions)
        call = Call(preset_of(arguments), self.grid_of(arguments), options, actions.force, changed)
        self.read([from_dict(record["config"]) for record in records], call)
        self.show(Runs.of(records, call.store), call)

    def judged(self, runs: Runs, call: Call) -> list[Finding]:
        """What becomes of the published statements that these runs test, at the size of the call."""
        return [dataclasses.replace(found, size=call.size, study=self.name) for found in self.findings(runs, call)]

    def claims(self, runs: Runs, call: Call) -> dict[str, Table]:
        """The table of these, where there are any."""
        return claims_of(self.name, self.judged(runs, call))

    def show(self, runs: Runs, call: Call) -> None:
        """Save figures and tables in a folder of the study's name, and print the tables."""
        show({**self.report(runs, call), **self.claims(runs, call)}, call.store.results / self.name)


@dataclasses.dataclass(frozen=True)
class ComputedStudy:
    """A script that stands for computations, which train nothing.

    `cases` gives the fields of each of a preset; `check` raises ValueError before anything is computed that could not
    be, and `report` makes figures and tables of the records, of any number of them; `findings` are what becomes of the
    published statements that they test, `numbers` of the published numbers, those that none decides on too.
    """

    name: str
    default: Computation
    cases: Callable[[str], Iterable[Fields]]
    smoke: Fields
    compute: Callable[[Any, Options], Result]
    report: Callable[[Sequence[Computed]], Mapping[str, Table | figures.Figure]]
    check: Callable[[Any, Options], object] = lambda computation, options: None
    findings: Callable[[Sequence[Computed]], list[Finding]] = lambda computed: []
    numbers: Callable[[Sequence[Computed]], list[Finding]] = lambda computed: []

    def computations(self, given: Computation, preset: str, flags: Collection[str] = ()) -> list[Computation]:
        """Those of a preset, once each; a flag picks those that have its value, and where none has it holds for all."""
        cases = [dataclasses.replace(self.default, **case) for case in self.cases(preset)]
        for name in settings_of(given):
            if name in flags:
                value = getattr(given, name)
                picked = [case for case in cases if getattr(case, name) == value]
                cases = picked or [dataclasses.replace(case, **{name: value}) for case in cases]
        return list(dict.fromkeys(cases))

    def cases_of(self, arguments: Any, flags: Collection[str] = ()) -> list[Computation]:
        """The computations of a command line."""
        cases = self.computations(arguments.computation, arguments.preset.preset, flags)
        smoke = self.smoke if arguments.actions.smoke else {}
        return list(dict.fromkeys(dataclasses.replace(case, **smoke) for case in cases))

    def main(self, doc: str | None) -> None:
        """The whole script."""
        with one_line_errors():
            own = {"computation": self.default, "preset": Preset(), "options": Options(), "actions": Actions()}
            self.carry_out(parse(doc, **own), given_flags())

    def carry_out(self, arguments: Any, flags: Collection[str] = ()) -> None:
        """Compute what is missing, save and print what it shows; with --list only say what there is."""
        options, actions = arguments.options, arguments.actions
        cases = self.cases_of(arguments, flags)
        store = Store.of(options)
        folders = {case: store.computation(computation_id(case)) for case in cases}
        done = {case: store.computed(folder.name) and not actions.force for case, folder in folders.items()}
        if actions.list:
            lines = [f"{state_of(folder, done[case])} {folder.name} {case}" for case, folder in folders.items()]
            left = time_left([(seconds_known(case, store), False) for case in cases if not done[case]], "computing")
            return print("\n".join([*lines, f"{progress.counted(len(cases), 'computation')}, {left}"]))
        limit_threads(options.threads)
        for case in cases:
            if not done[case]:
                self.check(case, options)
        for case in cases:
            carry_out(case, partial(self.compute, case, options), options, actions.force)
        computed = [Computed(folder) for folder in folders.values()]
        show({**self.report(computed), **self.claims(computed)}, store.results / self.name)

    def judged(self, computed: Sequence[Computed]) -> list[Finding]:
        """What becomes of the published statements and numbers."""
        findings = [*(self.findings(computed) if computed else []), *self.numbers(computed)]
        return [dataclasses.replace(found, study=self.name) for found in findings]

    def claims(self, computed: Sequence[Computed]) -> dict[str, Table]:
        """The table of these, where there are any."""
        return claims_of(self.name, [found for found in self.judged(computed) if found.measured])


def state_of(folder: Path, done: bool) -> str:
    """Of a computation, by its folder."""
    return "done" if done else "recorded" if Store(PUBLISHED).computed(folder.name) else "missing"


def claims_of(name: str, findings: Sequence[Finding]) -> dict[str, Table]:
    """The table of a study's findings, where there are any."""
    return {"claims": claims_table(findings, name.replace("_", " ").capitalize())} if findings else {}


def preset_of(arguments: Any) -> str:
    """That of the command line; a smoke test is of the small one where it names none."""
    unnamed = arguments.actions.smoke and "preset" not in given_flags()
    return "small" if unnamed else str(arguments.preset.preset)


@dataclasses.dataclass(frozen=True)
class Publishing:
    """What becomes of the records."""

    publish: bool = False
    """Copy them to results/published, where runs of other networks stay, and make its report anew."""

    def check(self, actions: Actions) -> None:
        """ValueError for a smoke test, whose runs say nothing."""
        if self.publish and actions.smoke:
            raise ValueError("publish must be off in a smoke test. Received: publish=True")


def with_progress(runs: Sequence[Item], options: Options) -> Iterator[Item]:
    """Runs, or pairs of these, that are read out one after the other, with a bar on a terminal, until time is over."""
    for run in progress.bar("run", iterable=runs, desc="read out"):
        with in_time(options.time_limit, "read-outs"):
            yield run


def show(items: Mapping[str, Table | figures.Figure], folder: Path) -> None:
    """Save figures and tables in a folder, and print the tables."""
    for title, item in items.items():
        save(item, folder / title)
        if isinstance(item, Table):
            print(item.markdown())
    print(folder)


def save(item: Table | figures.Figure, path: Path) -> None:
    """A table as Markdown and CSV, a figure as PNG, under a path without suffix."""
    if isinstance(item, Table):
        item.save(path)
    else:
        figures.save(item, path.with_suffix(".png"))


def run_all(configs: Sequence[Config], options: Options, actions: Actions) -> list[Record]:
    """Train what is missing and draw learning curves; with --list only say what there is, and exit."""
    if actions.smoke:
        configs = list(dict.fromkeys(smoke(config) for config in configs))
    if not configs:
        raise ValueError("a list among the flags must name at least one value. Received: no runs")
    check_models(configs)
    check_datasets(configs, options)
    store = Store.of(options)
    if actions.list:
        if processes.is_first():
            print(listing(configs, store, options))
        sys.exit()

    trained: set[str] = set()

    def begin(missing: Sequence[Config]) -> None:
        trained.update(map(run_id, missing))
        if len(missing) > 1:
            left = time_left([*map(Estimates(known_records(store), options).guess, missing)])
            print(f"{progress.counted(len(missing), 'run')}, {left}", file=sys.stderr)
        warn_of_slow_bfloat16(missing, options)

    limit_threads(options.threads)  # of what is read out here, too
    records = sweep.run(configs, options, begin, actions.force, actions.decode, actions.smoke)
    if not processes.is_first():
        sys.exit()
    if actions.decode:
        for config in configs:
            with in_time(options.time_limit, "read-outs"):
                decode_run(config, options, force=actions.force and len(trained) == 1)  # more were read out on the way
    for record in records[: 1 if actions.smoke else None]:  # drawings take longer there than runs
        if record["outcome"]["epochs"] < 2:
            continue  # no curve
        path = store.folder(record["run_id"]) / "learning_curves.png"
        if record["run_id"] in trained or not path.exists():
            history = {record["run_id"]: store.history(record["run_id"])}
            figures.save(figures.learning_curves(history, record["run_id"]), path)
    return records


def check_models(configs: Sequence[Config]) -> None:
    """ValueError for a model that its framework does not have, before any is trained."""
    for framework, model in dict.fromkeys((config.framework, config.model) for config in configs):
        check_choice(f"model in {framework}", model, frameworks.model_names(framework))


def check_datasets(configs: Sequence[Config], options: Options) -> None:
    """ValueError for a data set that there cannot be, and for more training examples than one is known to have."""
    for name, train_size in dict.fromkeys((config.dataset, config.train_size) for config in configs):
        datasets.check_name(name, options.data_dir)
        if name in datasets.DATASETS:
            datasets.check_train_size(name, train_size)


def warn_of_slow_bfloat16(configs: Sequence[Config], options: Options) -> None:
    """Say in one line that a processor without instructions for bfloat16 is to train in it; on texts none can."""
    flags = processor_flags()
    if not flags or flags & BFLOAT16 or options.scheduler:
        return
    slow = [c for c in configs if c.precision == "bfloat16" and datasets.kind_of(c.dataset) != TokenInputs.name]
    frameworks_used = {config.framework for config in slow}
    if any(str(frameworks.module(name, "trainer").find_device(options.device)) == "cpu" for name in frameworks_used):
        print(
            "warning: bfloat16 is slow on this processor, which has no instructions for it "
            f"({', '.join(sorted(BFLOAT16))})",
            file=sys.stderr,
        )


def summary(record: Record, options: Options) -> str:
    """What came out of a run, in a few lines."""
    outcome, store = record["outcome"], Store.of(options)
    fitted, seconds = outcome["epochs_to_fit"], record["time"]["train_seconds"]
    names = ("train_accuracy", "test_accuracy", "test_accuracy_corrupted_labels")
    train, test, corrupted = (percent(outcome[name]) for name in names)
    return "\n".join(
        [
            f"{record['run_id']}: {outcome['epochs']} epochs ({outcome['stop_reason']}), {seconds:.0f} s",
            f"  training accuracy {train}, test accuracy {test} (against equally corrupted labels {corrupted})",
            f"  fitted ({outcome['fit_criterion']}): " + ("no" if fitted is None else f"epoch {fitted}"),
            f"  model  {store.models / record['model']['path']}",
            f"  record {store.folder(record['run_id'])}",
        ]
    )


def percent(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.2f} %"
