"""All that the papers measured, and texts: every full-size run of every wing, what decides most in an hour first.

Run:       python experiments/reproduce_papers.py [--papers arpit zhang] [--preset small] [--list] [--time-limit 8m]
           python experiments/reproduce_papers.py --campaign --device cuda --time-limit 8m
Result:    what the studies' own scripts make; --export runs.tar packs records, read-outs and, with --with-models,
           networks of what is done, and all of what is begun, in parts of --part-size 16M where asked, for
           published_report.py --import. A study that fails is said at the end, after the others
Time:      --list says it, and the order: published numbers and statements that no full-size run has decided, for each
           hour that a study's missing runs take by the records of like runs, else (~) by those of its networks at other
           sizes; what no record tells comes last. --campaign has an order of its own: what minutes of a GPU decide
"""

from __future__ import annotations

import csv
import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from common.cli import Preset, given_flags, one_line_errors, parse
from common.errors import OutOfTime, RunsFailed, check_choice
from common.papers.arpit import replication
from common.papers.decoding import subspaces
from common.papers.zhang import corruption, randomization, tables
from common.progress import counted
from common.publishing import COMPUTED, QUESTIONS, WINGS
from common.report.runs import FULL_TRAIN_N, Run, Runs
from common.report.tables import Table
from common.runs.archive import Files, files_of, pack, read_size, split, whole
from common.runs.computation import Computation, computation_id, seconds_known
from common.runs.config import Actions, Config, Options, as_dict, from_dict, run_id, smoke
from common.runs.deadline import check_force
from common.runs.estimates import Estimates, known_records
from common.runs.run import place_of
from common.runs.store import CHECKPOINT, HISTORY, PUBLISHED, Store
from common.study import ComputedStudy, Study, preset_of

PAPERS = {wing.__name__.split(".")[2]: paper for paper, (wing, _) in WINGS.items()}
"""Short names."""
SETTINGS = Config()
SEEDS = (0, 1, 2)
MLP = {"models": ("mlp4",), "fractions": (0.4, 0.8)}
BFLOAT16 = {"precision": "bfloat16"}
INCEPTION = {**BFLOAT16, "train_evaluation_every": 10}
"""To measure a whole training set in float32 takes a GPU as long as an epoch's steps do."""
PACKING_SECONDS, PACKING_BYTES = 3.0, 20e6
"""For the start of packing, and what a second of it does."""


@dataclass(frozen=True)
class Plan:
    """Which studies, and what becomes of their runs."""

    papers: tuple[str, ...] = ()
    """Papers by their short names; none means all."""
    studies: tuple[str, ...] = ()
    """Studies by the names of their scripts; none means all."""
    seeds: tuple[int, ...] | None = None
    """Seeds of weights and order; none means three, or as many as a study has where it needs more."""
    campaign: bool = False
    """Only what minutes of a GPU decide, in its own order."""
    export: Path | None = None
    """File for what is done."""
    part_size: str | None = None
    """Most bytes of a part of it, as 16M; none means one file."""
    with_models: bool = False
    """Pack the networks of what is done, too."""

    def __post_init__(self) -> None:
        for name in ("part_size", "with_models"):
            if getattr(self, name) and not self.export:
                raise ValueError(f"{name} must go with export. Received: {name}={getattr(self, name)!r}")
        for paper in self.papers:
            check_choice("papers", paper, PAPERS)
        if self.seeds == ():
            raise ValueError("seeds must name at least one. Received: no seeds")
        if self.part_size:
            read_size(self.part_size)


@dataclass(frozen=True)
class Piece:
    """A study, or some of its runs, to be carried out; `own` are fields of its grid, `fields` those of its config."""

    paper: str
    study: Study | ComputedStudy
    own: dict[str, Any] = field(default_factory=dict)
    fields: dict[str, Any] = field(default_factory=dict)
    keras_backend: str | None = None

    def arguments(self, arguments: Any) -> Any:
        """The command line as the study's own script would have it."""
        common = {name: getattr(arguments, name) for name in ("preset", "options", "actions")}
        if isinstance(self.study, ComputedStudy):
            return SimpleNamespace(computation=self.study.default, **common)
        given = {name: getattr(arguments.config, name) for name in given_flags() if hasattr(arguments.config, name)}
        seeds = {"seeds": arguments.plan.seeds} if arguments.plan.seeds else {}
        for name, value in {**given, **seeds}.items():
            if (own := {**self.fields, **self.own}.get(name, value)) != value:
                raise ValueError(f"{name} of {self.study.name} must be {own!r} in the campaign. Received: {value!r}")
        config = replace(self.study.default, **{**given, **self.fields})
        few = {"seeds": max(SEEDS, self.study.grid.seeds, key=len)}
        grid = replace(self.study.grid, **{**few, **seeds, **self.own})
        return SimpleNamespace(config=config, grid=grid, **common)

    def configs(self, arguments: Any) -> list[Config]:
        """Its runs; a study of computations has none."""
        configs = self.study.configs_of(self.arguments(arguments)) if isinstance(self.study, Study) else []
        return list(dict.fromkeys(map(smoke, configs) if arguments.actions.smoke else configs))

    def cases(self, arguments: Any) -> list[Computation]:
        """Its computations; a study of runs has none."""
        return self.study.cases_of(self.arguments(arguments)) if isinstance(self.study, ComputedStudy) else []

    def computations(self, arguments: Any) -> list[str]:
        """Ids of these."""
        return [computation_id(case) for case in self.cases(arguments)]

    def keep_epochs(self, options: Options) -> tuple[int, ...]:
        """Epochs whose networks it reads, or that are to be kept."""
        return self.study.kept_epochs(options) if isinstance(self.study, Study) else ()

    @contextmanager
    def backend(self) -> Iterator[None]:
        """Around what it trains, and asks how long that takes: its backend of Keras, which processes inherit."""
        before = os.environ.get("KERAS_BACKEND")
        if self.keras_backend:
            os.environ["KERAS_BACKEND"] = self.keras_backend
        try:
            yield
        finally:
            if self.keras_backend:
                os.environ.pop("KERAS_BACKEND")
                os.environ.update({"KERAS_BACKEND": before} if before else {})


CAMPAIGN = (
    Piece("zhang", randomization.STUDY, {}, INCEPTION),
    *(Piece("zhang", study, {}, INCEPTION) for study in tables.BY_MODEL[:2]),
    Piece("zhang", tables.BY_MODEL[2], {}, BFLOAT16),
    Piece("zhang", corruption.SLOWDOWN, {"models": ("mlp1",)}),
    Piece("zhang", corruption.SLOWDOWN, {"models": ("alexnet",)}, BFLOAT16),
    *(Piece("decoding", subspaces.STUDY, {**MLP, "datasets": (dataset,)}) for dataset in ("mnist", "cifar10")),
    Piece("arpit", replication.STUDY, {"widths": (512, 1024)}),
    Piece("zhang", tables.BY_MODEL[-1], {"seeds": (0,)}, {"framework": "keras"}, "torch"),
)
"""Figure 1a; the convolutional rows of Table 1; Figures 1b and 1c; stacks of the decoding papers' MLPs; a replication;
and Keras on PyTorch."""


def pieces(plan: Plan) -> list[Piece]:
    """All that is wanted, in the order of the wings' registries, or of the campaign."""
    registered = [
        Piece(short, study)
        for short, paper in PAPERS.items()
        for study in (*WINGS[paper][0].STUDIES, *QUESTIONS.get(paper, ()), *COMPUTED.get(paper, ()))
    ]
    known = CAMPAIGN if plan.campaign else registered
    for name in plan.studies:
        check_choice("studies", name, [piece.study.name for piece in known])
    wanted = plan.papers or tuple(PAPERS)
    return [
        piece for piece in known if piece.paper in wanted and (piece.study.name in plan.studies or not plan.studies)
    ]


class Nothing:
    """Where the parts of a run lie that is only planned: nowhere."""

    def lines(self, name: str, file: str) -> list[dict[str, Any]]:
        return [defaultdict(type(None), epoch=1)] if file == HISTORY else []

    def arrays(self, name: str) -> dict[str, Any]:
        return {}

    def kept_arrays(self, name: str, file: str) -> dict[str, Any]:
        return {}


def planned(config: Config) -> Run:
    """A run as a reader would see it before it is trained: what it is, and nothing measured."""
    nothing: Any = defaultdict(type(None))
    n = (config.train_size or FULL_TRAIN_N.get(config.dataset, 0)) - config.validation_size
    data = {"train_n": n, "validation_n": config.validation_size, "test_n": None}
    record = {"run_id": run_id(config), "config": as_dict(config), "outcome": nothing, "data": data, "model": nothing}
    return Run(record, Nothing())


@cache
def recorded_findings() -> list[dict[str, str]]:
    """Rows of the published table of findings."""
    path = PUBLISHED / "tables" / "findings.csv"
    return list(csv.DictReader(path.read_text("utf-8").splitlines())) if path.exists() else []


def numbers_of(paper: str, configs: Iterable[Config]) -> set[str]:
    """Ids of the published numbers that runs of a paper's may decide."""
    judged = WINGS[PAPERS[paper]][0].numbers(Runs(planned(config) for config in configs))
    return {found.statement.id for found in judged if found.runs}


def whole_sets(stores: Iterable[Store]) -> list[Runs]:
    """Runs on whole training sets, of each store that has runs."""
    there = [store for store in stores if any(store.results.glob("runs/*/run.json"))]
    return [Runs.under(store).where(lambda run: not run.config.train_size) for store in there]


def measured(paper: str, groups: Iterable[Runs]) -> set[str]:
    """Ids of the published numbers that such runs were measured for, or asked in vain."""
    found = [each for runs in groups for each in WINGS[PAPERS[paper]][0].numbers(runs)]
    return {each.statement.id for each in found if each.measured or each.numbers}


def statements_of(study: str) -> set[str]:
    """Statements that a study tests, as published runs of any size show, and that no full-size run has decided."""
    rows = [row for row in recorded_findings() if row["kind"] == "statement" and row["verdict"] != "not measured"]
    decided = {row["statement"] for row in rows if row["size"] == "full size"}
    return {row["statement"] for row in rows if row["study"] == study.replace("_", " ")} - decided


class Costs:
    """How long runs and computations take that are not done."""

    def __init__(self, options: Options):
        self.store = Store.of(options)
        self.estimates = Estimates(known_records(self.store), options)

    def of(self, configs: Sequence[Config], cases: Sequence[Any], keep_epochs: Iterable[int] = ()) -> Cost:
        """What is missing of these runs, with their networks of some epochs, and computations."""
        missing = [config for config in configs if not self.store.done(config, keep_epochs)]
        known = [self.estimates.guess(config) for config in missing]
        new = [case for case in cases if not self.store.computed(computation_id(case))]
        seconds = [*(each for each, _ in known), *(seconds_known(case, self.store) for case in new)]
        total = None if None in seconds else sum(filter(None, seconds))
        return Cost(len(seconds), len(configs) + len(cases), total, any(rough for _, rough in known))

    def recorded(self, configs: Iterable[Config], cases: Iterable[Any]) -> bool:
        """Whether all of these have a record, here or published, so that statements which are open stay open."""
        known, stores = {record["run_id"] for record in self.estimates.records}, (self.store, Store(PUBLISHED))
        computed = [any(store.computed(computation_id(case)) for store in stores) for case in cases]
        return {run_id(config) for config in configs} <= known and all(computed)


@dataclass(frozen=True)
class Cost:
    """What is missing of a piece, and how many seconds it takes: known, roughly, or not at all."""

    missing: int
    wanted: int
    seconds: float | None
    rough: bool

    @property
    def text(self) -> str:
        """In hours."""
        return "no estimate" if self.seconds is None else f"{'~' * self.rough}{self.seconds / 3600:.2f}"


@dataclass(frozen=True)
class Ordered:
    """A piece with what it is worth and costs."""

    piece: Piece
    worth: int
    cost: Cost

    @property
    def per_hour(self) -> float | None:
        """Numbers and statements decided in an hour; null where nobody knows the hours."""
        return None if self.cost.seconds is None else self.worth / max(self.cost.seconds / 3600, 1e-3)


def ordered(arguments: Any) -> list[Ordered]:
    """Pieces, what decides most in an hour first, or in the campaign's own order."""
    costs, plan = Costs(arguments.options), []
    groups = whole_sets((costs.store, Store(PUBLISHED)))
    decided = {paper: measured(paper, groups) for paper in dict.fromkeys(p.paper for p in pieces(arguments.plan))}
    for piece in pieces(arguments.plan):
        configs = piece.configs(arguments)
        numbers = numbers_of(piece.paper, configs if preset_of(arguments) == "paper" else []) - decided[piece.paper]
        cases = piece.cases(arguments)
        statements = set() if costs.recorded(configs, cases) else statements_of(piece.study.name)
        with piece.backend():
            cost = costs.of(configs, cases, piece.keep_epochs(arguments.options))
        plan.append(Ordered(piece, len(numbers) + len(statements), cost))
    if arguments.plan.campaign:
        return plan
    return sorted(plan, key=lambda entry: (entry.per_hour is None, -(entry.per_hour or 0)))


def order_table(plan: Sequence[Ordered]) -> Table:
    """What is done in which order, and why."""
    rows = [
        [
            *(number, entry.piece.paper, entry.piece.study.name, f"{entry.cost.missing} of {entry.cost.wanted}"),
            *(entry.worth, entry.cost.text, "–" if entry.per_hour is None else f"{entry.per_hour:.1f}"),
        ]
        for number, entry in enumerate(plan, 1)
    ]
    columns = ["", "paper", "study", "missing", "may decide", "hours", "decided per hour"]
    return Table("What is trained, in this order", columns, rows, "Numbers and statements; ~: from other sizes.")


def carry_out(piece: Piece, arguments: Any) -> None:
    """As the study's own script does."""
    with piece.backend():
        piece.study.carry_out(piece.arguments(arguments))


def carry_out_all(plan: Sequence[Ordered], arguments: Any) -> tuple[list[str], OutOfTime | None]:
    """Every piece, in the time that packing leaves: a line for each that failed, and what was left when time was over.

    What one lacks, as a data set, is no reason to leave the others.
    """
    failures: list[str] = []
    for entry in plan:
        try:
            carry_out(entry.piece, with_time_to_pack(arguments))
        except OutOfTime as late:
            return failures, late
        except (RunsFailed, ValueError, OSError) as error:
            failures.append(f"{entry.piece.study.name}: {error}")
    return failures, None


def with_time_to_pack(arguments: Any) -> Any:
    """The command line with so much less time as it takes to pack what there is."""
    options, limit = arguments.options, arguments.options.time_limit
    if not limit or not arguments.plan.export:
        return arguments
    size = sum(file.stat().st_size for file in wanted(arguments).values())
    limit = replace(limit, ends=limit.ends - PACKING_SECONDS - size / PACKING_BYTES)
    return SimpleNamespace(**{**vars_of(arguments), "options": replace(options, time_limit=limit)})


def vars_of(arguments: Any) -> dict[str, Any]:
    """The parts of a command line."""
    return {name: getattr(arguments, name) for name in ("plan", "preset", "config", "options", "actions")}


def wanted(arguments: Any) -> Files:
    """Files of what is done, and begun, of the plan, and of runs that go on from its networks."""
    plan, store, configs = arguments.plan, Store.of(arguments.options), all_configs(arguments)
    computations = [name for piece in pieces(plan) for name in piece.computations(arguments) if store.computed(name)]
    return files_of(store, [*configs, *following(store, configs)], computations, plan.with_models)


def following(store: Store, configs: Iterable[Config]) -> Iterator[Config]:
    """Runs that are done, or begun, from files that these runs left, and are named after them."""
    names = tuple(run_id(config) for config in configs)
    for folder in sorted(store.results.glob("runs/*-continued-*")):
        record, checkpoint = store.record(folder.name), folder / CHECKPOINT
        if record or checkpoint.exists():
            config = from_dict(record["config"]) if record else place_of(checkpoint).config
            if str(config.initial_model).startswith(names):
                yield config


def all_configs(arguments: Any) -> list[Config]:
    """Runs of the plan, each once."""
    return list(dict.fromkeys(config for piece in pieces(arguments.plan) for config in piece.configs(arguments)))


def export(arguments: Any) -> Iterator[Path]:
    """Pack what is done and begun of the plan; the files written."""
    plan, files = arguments.plan, whole(wanted(arguments))
    pack(plan.export, files)
    print(", ".join(f"{count} {what}" for what, count in counts_of(files).items()))
    yield from split(plan.export, read_size(plan.part_size)) if plan.part_size else [plan.export]


def counts_of(files: Files) -> dict[str, int]:
    """Of what there is how much among the files."""
    ends = {"runs": "/run.json", "begun runs": f"/{CHECKPOINT}", "computations": "/record.json"}
    counts = {what: sum(name.endswith(end) for name in files) for what, end in ends.items()}
    return {**counts, "networks": sum(name.startswith("saved_models/") for name in files)}


def check_export(path: Path) -> None:
    """ValueError, before hours are spent, for a place where no file can be written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_dir() or not os.access(path.parent, os.W_OK):
        raise ValueError(f"export must be a file that can be written. Received: export={path}")


def progress_of(arguments: Any) -> str:
    """How much of the plan is done."""
    options, configs, own = arguments.options, all_configs(arguments), pieces(arguments.plan)
    store = Store.of(options)
    names = [name for piece in own for name in piece.computations(arguments)]
    left = {c for piece in own for c in piece.configs(arguments) if not store.done(c, piece.keep_epochs(options))}
    ready = len(configs) - len(left) + sum(store.computed(name) for name in names)
    begun = sum(store.checkpoint(config).exists() for config in left)
    return f"of {len(configs) + len(names)} runs and computations {ready} are done, {begun} at a checkpoint"


def main() -> None:
    """List, or carry out and export, also where time is over before the last piece, or one has failed."""
    settings = {"plan": Plan(), "preset": Preset(), "config": SETTINGS}
    arguments = parse(__doc__, **settings, options=Options(), actions=Actions())
    check_force(arguments.actions.force, arguments.options.time_limit)
    plan = ordered(arguments)
    print(order_table(plan).markdown())
    if arguments.actions.list:
        return
    if arguments.plan.export:
        check_export(arguments.plan.export)
    failures, late = carry_out_all(plan, arguments)
    try:
        for path in export(arguments) if arguments.plan.export else ():
            print(path)
    except (ValueError, OSError) as error:
        failures.append(f"export: {error}")
    finish(failures, late, progress_of(arguments) if late else "")


def finish(failures: Sequence[str], late: OutOfTime | None, progress: str) -> None:
    """Say what failed, and where time is over what is done: of both the failures are the end."""
    ended = OutOfTime(f"{progress} ({late})")
    if failures:
        told = [f"time limit: {ended}"] if late else []
        raise RunsFailed("\n".join([f"{counted(len(failures), 'part')} of the plan failed:", *failures, *told]))
    if late:
        raise ended


if __name__ == "__main__":
    with one_line_errors():
        main()
