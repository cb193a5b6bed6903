"""What is published of the runs under results/published, from their records alone: findings, tables, figures, page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import chain, product
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from common.analysis.examples import well_known
from common.files import write
from common.groups import grouped
from common.papers.arpit import studies as arpit
from common.papers.decoding import studies as decoding
from common.papers.language import studies as language
from common.papers.zhang import studies as zhang
from common.papers.zhang.randomization import convergence_table
from common.papers.zhang.targets import NUMBERS
from common.progress import counted
from common.report import figures, overview
from common.report.charts import chart, runs_script
from common.report.claims import FULL, Finding, Statement
from common.report.classes import classes_over_runs
from common.report.comparison import comparison_table
from common.report.documents import PARTS, fill, findings_document
from common.report.examples import agreement_table, joined, trained_on
from common.report.page import INDEX, SHARED, Block, Code, Folded, Heading, Picture, Row, Section, page, save_shared
from common.report.published import published_table
from common.report.runs import FRAMEWORKS, Run, Runs, group_names, setting_text
from common.report.tables import Link, Table
from common.runs.computation import Computed
from common.runs.config import CHOICES, Config, Options, run_id
from common.runs.store import PUBLISHED, ROOT, Store
from common.study import Call, ComputedStudy, Seeds, Study

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WINGS = {
    "Zhang et al. 2017": (zhang, tuple(CHOICES["framework"])),
    "Ketha & Ramaswamy": (decoding, tuple(CHOICES["framework"])),
    "Arpit et al. 2017": (arpit, ("torch",)),
    "LSTMs on text": (language, tuple(CHOICES["framework"])),
}
"""Papers with the frameworks in which their studies can be trained."""
QUESTIONS = {"Zhang et al. 2017": zhang.QUESTIONS}
"""Studies beside a paper's own."""
COMPUTED = {"Zhang et al. 2017": zhang.COMPUTED, "Ketha & Ramaswamy": decoding.COMPUTED}
"""A paper's studies of computations."""
MOST_SEEDS = range(10)
OVER_RUNS = "All runs", "runs.html"
"""What is shown of them: its group in the contents, and its page."""
OPEN_ROWS = 3  # a table of at most so many is not folded
LEAD = "Every number here is computed from a committed record, runs/<run id>/run.json; runs.csv has a row for each."
RECORDS = (
    "A record names config, versions, hardware, the data's checksum and the commit: + where the code had changed, "
    "? where an archive of it ran."
)


Computations = Mapping[str, Sequence[tuple[ComputedStudy, Sequence[Computed]]]]


@dataclass(frozen=True)
class Group:
    """Published runs of a study at a size, in one framework and precision, and how many their seeds would have."""

    study: Study
    preset: str
    runs: Runs
    wanted: int

    @property
    def call(self) -> Call:
        """As if the study had been called with the seeds there are."""
        grid = of_seeds(self.study.grid, sorted({*MOST_SEEDS, *self.study.grid.seeds}))
        return Call(self.preset, grid, Options(output_dir=PUBLISHED))

    @property
    def kind(self) -> tuple[str, str]:
        """Framework and precision."""
        return self.runs[0].config.framework, self.runs[0].config.precision

    @property
    def label(self) -> str:
        """These in words."""
        return f"{FRAMEWORKS[self.kind[0]]}, {self.kind[1]}"

    @cached_property
    def shown(self) -> Mapping[str, Table | Figure]:
        """What the study reports of these."""
        return self.study.report(self.runs, self.call)

    @property
    def tables(self) -> dict[str, Table]:
        """Those that have rows."""
        return {name: item for name, item in self.shown.items() if isinstance(item, Table) and item.rows}

    @property
    def figures(self) -> dict[str, Figure]:
        """The others."""
        return {name: item for name, item in self.shown.items() if not isinstance(item, Table)}


def groups_of(runs: Runs) -> dict[str, list[Group]]:
    """By paper: each study at each size, framework and precision where enough of its runs of some seed are there."""
    known = {run.id: run for run in runs}
    by_paper = {}
    for paper, (wing, frameworks) in WINGS.items():
        groups = [
            of_study(study, *kind, known)
            for study in (*wing.STUDIES, *QUESTIONS.get(paper, ()))
            for kind in product(study.preset.choices, frameworks, CHOICES["precision"])
            if kind[1] in study.frameworks
        ]
        by_paper[paper] = [group for group in groups if group.runs]
    return by_paper


def computations_of(store: Store) -> Computations:
    """By paper: each study of computations with those of its computations that are there."""
    return {
        paper: [(study, Computed.under(store, study.default.slug)) for study in studies]
        for paper, studies in COMPUTED.items()
    }


def of_study(study: Study, preset: str, framework: str, precision: str, known: Mapping[str, Run]) -> Group:
    """A study's runs that are there, of all draws of labels; none where no seed has half, or all of one model."""
    base = replace(study.default, framework=framework, precision=precision)
    alike = [run for run in known.values() if (run.config.framework, run.config.precision) == (framework, precision)]
    seeds = {*MOST_SEEDS, *study.grid.seeds} & {run.config.seed for run in alike}
    wanted = [dict.fromkeys(study.configs(base, of_seeds(study.grid, [seed]), preset)) for seed in sorted(seeds)]
    free = {name: getattr(base, name) for name in study.free}
    named = {**{run_id(replace(run.config, **free)): run for run in alike if free}, **known}
    there = [Runs(named[name] for name in map(run_id, seed) if name in named) for seed in wanted]
    if not any(map(enough, there, wanted)):
        return Group(study, preset, Runs(), 0)
    ids, drawn = {*map(run_id, chain(*wanted))}, {**free, "data_seed": base.data_seed}
    others = [run for run in alike if run.config.data_seed != base.data_seed]
    draws = [run for run in others if run_id(replace(run.config, **drawn)) in ids]
    return Group(study, preset, Runs(chain(*there, draws)), len(wanted[0]) * sum(map(bool, there)) + len(draws))


def enough(there: Runs, wanted: Collection[Config]) -> bool:
    """Whether a seed has half of its runs, or all of one model's."""
    missing = Counter(config.model for config in wanted) - Counter(run.config.model for run in there)
    return 2 * len(there) >= len(wanted) or {config.model for config in wanted} > missing.keys()


def of_seeds(grid: Seeds, seeds: Sequence[int]) -> Seeds:
    """The grid with these seeds in place of its own."""
    return replace(grid, seeds=tuple(seeds))


def all_findings(runs: Runs, by_paper: Mapping[str, Sequence[Group]], computed: Computations) -> list[Finding]:
    """Statements that a study measured, those that none did, once, and all numbers, paper by paper."""
    findings = []
    for paper, (wing, _) in WINGS.items():
        judged = [found for group in by_paper[paper] for found in group.study.judged(group.runs, group.call)]
        judged += [found for study, there in computed.get(paper, ()) for found in study.judged(there)]
        measured = [found for found in judged if found.measured and not found.is_number]
        known = {found.statement.id for found in measured}
        said = [Statement.of(target) for target in wing.TARGETS.of("statements")]
        missing = [Finding(statement, "", size=FULL) for statement in said if statement.id not in known]
        findings += [*measured, *missing, *wing.numbers(runs), *(found for found in judged if found.is_number)]
    return findings


@dataclass
class Page:
    """The parts of the page, and the tables and figures that lie beside it, by name."""

    runs: Runs
    tables: dict[str, Table] = field(default_factory=dict)
    figures: dict[str, Figure] = field(default_factory=dict)

    def table(self, name: str, table: Table) -> Folded:
        """A table, folded where it is long."""
        self.tables[name] = table
        rows = counted(len(table.rows), "row")
        return Folded(f"{table.title} ({rows})", [table], opened=len(table.rows) <= OPEN_ROWS)

    def picture(self, name: str, figure: Figure, caption: str = "") -> Picture:
        """A figure."""
        self.figures[name] = figure
        return Picture(f"figures/{name}.png", name.replace("_", " "), caption, *figures.looks(figure))

    def study(self, groups: Sequence[Group], findings: Sequence[Finding], paper: str) -> Section:
        """A study at all its sizes, frameworks side by side."""
        name, runs = groups[0].study.name, Runs(chain(*(group.runs for group in groups)))
        heading, blocks = opening(name, findings)
        blocks.append(chart(f"{heading}: learning curves and corruption", runs, self.runs))
        for preset, at in grouped(groups, lambda group: group.preset).items():
            blocks += [Heading(size_text(at)), *self.size(f"{name}_{preset}", at)]
        return Section(heading, blocks, paper, address_of(paper))

    def computations(
        self, study: ComputedStudy, computed: Sequence[Computed], findings: Sequence[Finding], paper: str
    ) -> Section:
        """A study of computations: its claim, figures in a row, and tables."""
        heading, blocks = opening(study.name, findings)
        named = {f"{study.name}_{name}": item for name, item in study.report(computed).items()}
        tables = [self.table(name, item) for name, item in named.items() if isinstance(item, Table)]
        drawn = [self.picture(name, item) for name, item in named.items() if not isinstance(item, Table)]
        command = Code(f"python experiments/{overview.script_of(study.name)}")
        return Section(heading, [*blocks, command, Row(drawn), *tables], paper, address_of(paper))

    def size(self, name: str, groups: Sequence[Group]) -> Iterator[Block]:
        """Commands, what there is of the runs, figures of each framework in a row, and tables of all together."""
        yield Code("\n".join(overview.study_command(group.study.name, group.preset, *group.kind) for group in groups))
        for group in groups:
            yield f"{group.label}: {len(group.runs)} of {group.wanted} runs; {group.runs.run_on()}."
        drawn = [(key, group, figure) for group in groups for key, figure in group.figures.items()]
        for same in grouped(drawn, lambda one: one[0].removesuffix(f"_{one[1].kind[0]}")).values():
            yield Row([self.picture("_".join([name, *of.kind, key]), figure, of.label) for key, of, figure in same])
        tables = [(key, group, table) for group in groups for key, table in group.tables.items()]
        for (key, _), alike in grouped(tables, lambda one: (one[0], tuple(one[2].columns))).items():
            own = f"{name}_{key}" if f"{name}_{key}" not in self.tables else "_".join([name, *alike[0][1].kind, key])
            yield self.table(own, together({group.label: table for _, group, table in alike}))


def address_of(paper: str) -> str:
    """Of the page of a paper's studies."""
    return f"{WINGS[paper][0].TARGETS.wing}.html"


def opening(name: str, findings: Sequence[Finding]) -> tuple[str, list[Block]]:
    """The heading of a study's section, and its beginning: what it is about, its claim, its verdicts."""
    own = [found for found in findings if found.study == name]
    document = overview.scripts().get(overview.script_of(name), "")
    blocks: list[Block] = [document.split("\n")[0], overview.stated(document, "Claim") or ""]
    if own:
        text = f"Verdicts: {overview.verdicts_text(own)}"
        query = urlencode({"study": name.replace("_", " ")})
        blocks.append(Row([Link(text, f"{INDEX}?{query}{overview.LIST}")]))
    return name.replace("_", " ").capitalize(), blocks


def together(tables: Mapping[str, Table]) -> Table:
    """Tables of the same columns as one, whose first column is the label of each where there are several."""
    first, *others = tables.values()
    if not others:
        return first
    rows = [[label, *row] for label, table in tables.items() for row in table.rows]
    note = " ".join(dict.fromkeys(table.note for table in tables.values() if table.note))
    return replace(first, columns=["in", *first.columns], rows=rows, note=note)


def size_text(groups: Sequence[Group]) -> str:
    """Preset of these, number of examples, size of images."""
    sizes = Runs(chain(*(group.runs for group in groups))).sizes()
    scales = sorted({run.config.downscale for group in groups for run in group.runs} - {1})
    smaller = "".join(f", images {scale} times smaller" for scale in scales)
    return f"Preset {groups[0].preset}: {sizes} training examples{smaller}"


def summary(made: Page, findings: Sequence[Finding]) -> list[Section]:
    """The matrix; then what held, what did not, what is open, what it cost, what deviates; then all findings."""
    runs, verdicts, listed = made.runs, overview.matrix_table(findings), overview.findings_table(findings)
    made.tables |= {"verdicts": verdicts, "findings": listed}
    power = overview.power_text(findings)
    said = [overview.chance_text(findings), *([power] if power else [])]
    reduced = sum(not run.full_size for run in runs)
    sizes = (
        f"{reduced} of {len(runs)} runs are reduced, in examples, size of images or epochs; they decide on no number."
    )
    criteria = overview.criteria_table(findings)
    return [
        Section("Verdicts", [verdicts, *said]),
        *(Section(heading, overview.verdict_lists(findings, some)) for heading, some in PARTS.items()),
        Section("What it cost", [RECORDS, overview.costs_table(runs)]),
        Section("What deviates", [sizes, Folded("By script", [overview.deviations_table(overview.scripts())])]),
        Section("Findings", [listed, Folded(criteria.title, [criteria])]),
    ]


def over_runs(made: Page, benchmarks: Mapping[str, Mapping[str, Table]]) -> list[Section]:
    """What is shown of all runs, and what benchmarks have measured."""
    runs = made.runs
    whole, digits = runs.where(lambda run: run.full_size), trained_on(runs, "mnist")
    table = well_known(joined(digits))
    note = f"{len(digits)} runs, {len(table['index'])} training examples: {digits.run_on()}."
    agreement = agreement_table(table, f"Examples of mnist, {len(digits)} runs")
    pictures = [made.picture(name, figure) for name, figure in curves(whole)]
    tables = {
        "Test accuracy by class": {"classes": classes_over_runs(true_labels(whole))},
        "Keras and PyTorch": {"frameworks": comparison_table(runs)},
        "float32 and bfloat16": {"precisions": comparison_table(runs, "precision")},
        **benchmarks,
    }
    return [
        Section(
            "Tables 1 and 4 of Zhang et al. 2017",
            [made.table("zhang_tables_1_and_4", published_table(NUMBERS, runs))],
            *OVER_RUNS,
        ),
        Section("Learning curves at full size", [chart("Full-size runs", whole, runs), Row(pictures)], *OVER_RUNS),
        Section("Real MNIST digits", [note, made.table("examples_mnist_agreement", agreement)], *OVER_RUNS),
        *(
            Section(heading, [made.table(*named) for named in part.items()], *OVER_RUNS)
            for heading, part in tables.items()
        ),
    ]


def true_labels(runs: Runs) -> Runs:
    """Those on CIFAR-10 without any corruption or regularizer."""
    return runs.where(lambda run: run.setting == "true_labels", dataset="cifar10")


def curves(runs: Runs) -> Iterator[tuple[str, Figure]]:
    """Learning curves of each model on CIFAR-10: one run for each setting and recipe, seed 0."""
    for model, first in runs.where(seed=0, dataset="cifar10").by("model").items():
        labelled = {}
        for setting, group in first.grouped(lambda run: run.setting).items():
            recipes = group.recipes()
            for name, (run, *_) in zip(group_names(recipes), recipes, strict=True):
                labelled[f"{setting_text(setting)}, {name}"] = run.history
        yield f"{model}_learning_curves", figures.learning_curves(labelled, f"{model} on CIFAR-10, seed 0")


def made_of(runs: Runs, benchmarks: Mapping[str, Mapping[str, Table]]) -> tuple[dict[Path, str], dict[Path, Figure]]:
    """Everything that is published of these runs: text and figures by path."""
    made, by_paper, computed = Page(runs), groups_of(runs), computations_of(Store(PUBLISHED))
    findings, studies = all_findings(runs, by_paper, computed), []
    for paper, shown in by_paper.items():
        by_study = grouped(shown, lambda group: group.study.name).values()
        studies += [made.study(groups, findings, paper) for groups in by_study]
        of_paper = computed.get(paper, ())
        studies += [made.computations(study, there, findings, paper) for study, there in of_paper if there]
    sections = [*summary(made, findings), *studies, *over_runs(made, benchmarks)]
    beside = ["assets/runs.js", *(f"assets/{name}" for name in SHARED)]
    readme, changes = ROOT / "README.md", ROOT / "docs" / "changes.md"
    superseded = convergence_table(Runs.under(Store(PUBLISHED / "superseded")))
    pages = {INDEX: "Published results", **{address_of(paper): paper for paper in WINGS}, OVER_RUNS[1]: OVER_RUNS[0]}
    texts = {
        **{PUBLISHED / name: page(title, LEAD, sections, beside, name) for name, title in pages.items()},
        **{PUBLISHED / "tables" / f"{name}.md": table.markdown() for name, table in made.tables.items()},
        **{PUBLISHED / "tables" / f"{name}.csv": table.csv() for name, table in made.tables.items()},
        PUBLISHED / "runs.csv": runs.csv(),
        PUBLISHED / "assets" / "runs.js": runs_script(runs),
        ROOT / "docs" / "findings.md": findings_document(findings),
        changes: fill(changes.read_text("utf-8"), "superseded runs", superseded.markdown()),
        readme: fill(readme.read_text("utf-8"), "matrix", overview.readme_matrix(made.tables["verdicts"]).markdown()),
    }
    return texts, {PUBLISHED / "figures" / f"{name}.png": figure for name, figure in made.figures.items()}


def publish(runs: Runs, benchmarks: Mapping[str, Mapping[str, Table]]) -> None:
    """Make everything anew, and remove tables and figures of runs or studies that are no more."""
    texts, drawn = made_of(runs, benchmarks)
    for path, text in texts.items():
        write(path, text)
    for path, figure in drawn.items():
        figures.save(figure, path)
    save_shared(PUBLISHED)
    for path in chain.from_iterable(map(PUBLISHED.glob, ("*.html", "tables/*", "figures/*"))):
        if path not in texts and path not in drawn:
            path.unlink()
