"""What findings come to: a matrix for who has ten seconds; then what held and what did not, cost, deviations."""

import ast
import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from functools import cache
from itertools import chain, compress

from common.groups import grouped
from common.progress import counted
from common.report.claims import (
    CONFIRMED,
    FULL,
    IN_BAND,
    INDICATED,
    LEAST_SEEDS,
    NO_BAND,
    NOT_MEASURED,
    OUTSIDE,
    REDUCED,
    SIZES,
    STATEMENT_VERDICTS,
    Finding,
)
from common.report.documents import published_text
from common.report.numbers import Number, t_quantile
from common.report.page import Block, Folded, Items
from common.report.runs import FRAMEWORKS, Run, Runs, setting_text
from common.report.tables import Link, Links, Table, band_text, effect_text
from common.report.verdicts import by_chance, evidence, independent, matrix, owners, power
from common.runs.store import ROOT

LIST = "#findings"
STATEMENT, NUMBER = KINDS = "statement", "number"
KIND_VERDICTS = {STATEMENT: STATEMENT_VERDICTS, NUMBER: (IN_BAND, OUTSIDE, NO_BAND)}
ALL_VERDICTS = tuple(chain(*KIND_VERDICTS.values()))
MATRIX_NOTE = (
    "Statements of the same evidence count once for each network or data set that they were tested on. Confirmed: from "
    f"{LEAST_SEEDS} seeds on, all of the 95 % interval of the effect lies where it counts; fewer seeds only indicate. "
    "Numbers are judged at full size alone, by their bands; how many parameters a network has needs no training. One "
    "that a paper prints in several tables counts in each."
)
NEITHER = "at neither size"
POWER_SEEDS, ENOUGH = 5, 0.8
PRESETS = {FULL: "paper", REDUCED: "small"}


def kind_of(finding: Finding) -> str:
    """Whether it is of a statement or of a number."""
    return NUMBER if finding.is_number else STATEMENT


def matrix_table(findings: Sequence[Finding]) -> Table:
    """Papers by size against verdicts; each count leads to its findings. What no size measured stands at full size."""
    at_size, papers, rows = matrix(findings), owners(findings), []
    for paper, group in grouped(findings, lambda finding: papers[evidence(finding)]).items():
        for size in SIZES:
            at = at_size.get((paper, size), {})
            if at or size == FULL:
                rows.append(
                    [paper, size, *(count for kind in KINDS for count in _counts(paper, size, kind, group, at))]
                )
    verdicts = [NEITHER if verdict == NOT_MEASURED else verdict for verdict in STATEMENT_VERDICTS]
    columns = ["paper", "size", "statements tested", *verdicts, "numbers measured", *KIND_VERDICTS[NUMBER]]
    note = MATRIX_NOTE + _of_no_network(findings)
    return Table("What became of what the papers say", columns, rows, note, "matrix")


def _of_no_network(findings: Sequence[Finding]) -> str:
    """How many of the numbers measured need no trained network, and how many networks the others are of."""
    measured = [found for found in independent(findings) if found.is_number]
    trained = [[run.id for run in found.runs if run.config.epochs] for found in measured]
    few, networks = trained.count([]), len(set(chain(*trained)))
    said = (
        f" Of the {len(measured)} measured {few} need no trained network (they are of raw inputs, labels, kernels, "
        f"untrained networks, or parameters); the others are of {counted(networks, 'trained network')}."
    )
    return said if few else ""


def _counts(
    paper: str, size: str, kind: str, group: Sequence[Finding], at: Mapping[str, Sequence[Finding]]
) -> list[Link | None]:
    """How many of all were measured at a size, and how many of these have each verdict."""
    chosen = {"kind": kind, "paper": paper, "size": size}
    of_kind = [finding for finding in group if kind_of(finding) == kind]
    total, known = (len({evidence(found) for found in some}) for some in (of_kind, filter(_measured, of_kind)))
    counts = {verdict: len(at.get(verdict, ())) for verdict in KIND_VERDICTS[kind]}
    measured = sum(counts.values())
    if NOT_MEASURED in counts and size == FULL:
        counts[NOT_MEASURED] = total - known
    links = [Link(str(n), LIST, {**chosen, "verdict": verdict}) if n else None for verdict, n in counts.items()]
    of_all = Link(f"{measured} of {total}", LIST, chosen) if total and (measured or size == FULL) else None
    return [of_all, *links]


def _measured(finding: Finding) -> bool:
    return finding.measured


def tested(findings: Sequence[Finding]) -> list[Finding]:
    """Independent statements with their measurements."""
    return [finding for finding in independent(findings) if not finding.is_number]


def readme_matrix(table: Table) -> Table:
    """The matrix without what has no room in a README: the columns of no entry."""
    kept = [place for place in range(len(table.columns)) if place < 3 or any(row[place] for row in table.rows)]
    return table.only(kept)


def verdicts_text(findings: Sequence[Finding]) -> str:
    """How many of independent ones have each verdict, and of how many measurements where these are more."""
    counts, measured = Counter(finding.verdict for finding in independent(findings)), sum(map(_measured, findings))
    told = ", ".join(f"{counts[verdict]} {verdict}" for verdict in ALL_VERDICTS if counts[verdict])
    return f"{told}, of {measured} measurements" if measured > counts.total() else told


def chance_text(findings: Sequence[Finding]) -> str:
    """How much of what was confirmed and indicated chance alone would give."""
    own = tested(findings)
    chance, several = by_chance(own), sum(finding.effect.n >= LEAST_SEEDS for finding in own)
    found = {verdict: sum(finding.verdict == verdict for finding in own) for verdict in (CONFIRMED, INDICATED)}
    return (
        f"If none of the statements were true, chance would confirm at most {chance[CONFIRMED]:.1f} of the {several} "
        f"tested on {LEAST_SEEDS} seeds or more ({found[CONFIRMED]} are), and indicate {chance[INDICATED]:.1f} of the "
        f"{len(own) - several} tested on fewer ({found[INDICATED]} are); many are of the same networks."
    )


def power_text(findings: Sequence[Finding]) -> str | None:
    """How many statements the rule would confirm, with the spread measured, of effects twice the smallest that counts.

    Of those whose effect has a smallest size above 0, no largest one and three seeds; null without any.
    """
    powers = [
        [power(least, 2 * least, spread, n) for n in (LEAST_SEEDS, POWER_SEEDS)]
        for finding in tested(findings)
        if (least := _smallest(finding)) is not None and (spread := _spread(finding)) is not None
    ]
    if not powers:
        return None
    few, many = (sum(value >= ENOUGH for value in column) for column in zip(*powers, strict=True))
    return (
        f"Of the {len(powers)} statements that ask for a least effect and have three seeds, {many} would be confirmed, "
        f"with the spread over seeds that was measured, with probability {ENOUGH:g} or more from {POWER_SEEDS} seeds "
        f"if the effect were twice the smallest that counts, {few} from {LEAST_SEEDS}."
    )


def _smallest(finding: Finding) -> float | None:
    """The size that an effect must have at least; null where it is an interval, a ratio or nothing."""
    least, most = finding.statement.band or (None, None)
    if finding.statement.unit == "ratio" or (least is None) == (most is None):
        return None
    return least if least and least > 0 else -most if most and most < 0 else None


def _spread(finding: Finding) -> float | None:
    """Standard deviation over seeds, from the ends of its t interval; null below three seeds."""
    effect = finding.effect
    if effect.n < LEAST_SEEDS or effect.low is None or effect.high is None:
        return None
    half: float = (effect.high - effect.low) / 2
    return half * effect.n**0.5 / t_quantile(effect.n - 1)


def verdict_lists(findings: Sequence[Finding], verdicts: Collection[str]) -> list[Block]:
    """Statements with these verdicts, those of full size first and open; of numbers how many."""
    parts: list[Block] = []
    own = [finding for finding in independent(findings) if finding.verdict in verdicts]
    by_place = grouped(own, lambda finding: (SIZES.index(finding.size), kind_of(finding), finding.verdict))
    for (place, kind, verdict), group in sorted(by_place.items()):
        heading = f"{counted(len(group), kind)} {verdict}, {SIZES[place]}"
        said = grouped(group, lambda finding: (finding.statement.paper, finding.statement.statement))
        lines = [f"{paper}: {text} ({'; '.join(map(_briefly, found))})" for (paper, text), found in said.items()]
        parts.append(Folded(heading, [Items(lines)], opened=SIZES[place] == FULL and kind == STATEMENT))
    return parts


def _briefly(finding: Finding) -> str:
    effect = effect_text(finding)
    return f"{finding.subject}: {effect}" if effect else finding.subject


def findings_table(findings: Sequence[Finding]) -> Table:
    """A row for each finding: verdict, effect, the size that counts, records of the runs and what makes them.

    Numbers that no run of full size has measured are one row for each table or figure.
    """
    known = [finding for finding in findings if finding.measured or not finding.is_number]
    others = grouped(findings, lambda finding: (finding.statement.paper, finding.statement.source))
    missing = {source: sum(f.is_number and not f.measured for f in group) for source, group in others.items()}
    columns = ["statement", "verdict", "of", "measured", "counts", "n", "size", "framework", "records", "from", "kind",
               "paper", "source", "study"]  # fmt: skip
    rows = [_finding_cells(finding) for finding in known]
    rows += [_missing_cells(n, *source) for source, n in missing.items() if n]
    return Table("Findings", columns, rows, kind="findings")


def _missing_cells(n: int, paper: str, source: str) -> list[object]:
    said = f"{counted(n, 'number')} of {source}"
    return [said, NOT_MEASURED, *[""] * 4, FULL, *[""] * 3, NUMBER, paper, source, ""]


def _finding_cells(finding: Finding) -> list[object]:
    said, runs = finding.statement, finding.runs
    counts = "; ".join(text for text in (*published_text(said), band_text(said)) if text)
    frameworks = ", ".join(sorted({FRAMEWORKS[run.config.framework] for run in runs}))
    made = Links(counted(len(runs), "run"), _records(runs), command(finding)) if runs else ""
    return [said.statement, finding.verdict, finding.subject, effect_text(finding) or "", counts,
            finding.effect.n or "", finding.size, frameworks, made, finding.told, kind_of(finding),
            said.paper, said.source, finding.study.replace("_", " ")]  # fmt: skip


def _records(runs: Runs) -> list[Link]:
    """A link to each record, named by its seed and by those of model, setting and fraction that differ."""
    kinds = [(run.model, setting_text(run.setting), f"{100 * run.config.corruption_fraction:g} %") for run in runs]
    differ = [len(set(names)) > 1 for names in zip(*kinds, strict=True)]
    return [
        Link(", ".join([*compress(names, differ), f"seed {run.config.seed}"]), f"runs/{run.id}/run.json")
        for run, names in zip(runs, kinds, strict=True)
    ]


def command(finding: Finding) -> str:
    """What makes the runs of a finding; nothing where no study does."""
    if not finding.study:
        return ""
    kinds = dict.fromkeys((run.config.framework, run.config.precision) for run in finding.runs)
    return "; ".join(study_command(finding.study, PRESETS[finding.size], *kind) for kind in kinds)


def study_command(study: str, preset: str, framework: str, precision: str) -> str:
    """What makes the runs of a study at a size, in a framework and precision."""
    own = "" if preset == "paper" else f" --preset {preset}"
    exact = "" if precision == "float32" else f" --precision {precision}"
    return f"python experiments/{script_of(study)}{own} --framework {framework}{exact}"


def criteria_table(findings: Sequence[Finding]) -> Table:
    """How each statement is decided: what is measured, the size that counts and why, and what it would be else."""
    said = dict.fromkeys(finding.statement for finding in findings if not finding.is_number)
    columns = ["statement", "effect, of each seed", "counts", "why", "without effect", "evidence", "paper", "source"]
    rows = [[one.statement, one.effect, band_text(one), one.band_source, one.null, one.evidence, one.paper, one.source]
            for one in said]  # fmt: skip
    return Table("How each statement is decided", columns, rows)


def costs_table(runs: Runs) -> Table:
    """Hours that the runs took, those of all their threads where no other device computed."""

    def machine(run: Run) -> tuple[str, str]:
        environment = run.record["environment"]
        device = environment["device"]
        name = environment.get("processor") or "cpu" if device == "cpu" else device
        return f"{name}, core-hours" if device == "cpu" else f"{name}, hours", FRAMEWORKS[run.config.framework]

    rows = []
    for (name, framework), group in sorted(runs.grouped(machine).items()):
        hours = [Number(sum(_hours(run, part) for run in group), "components") for part in ("train", "evaluate")]
        rows.append([name, framework, len(group), *hours])
    return Table("What the published runs cost", ["hardware", "framework", "runs", "training", "evaluation"], rows)


def _hours(run: Run, part: str) -> float:
    environment = run.record["environment"]
    threads = environment["threads"] if environment["device"] == "cpu" else 1
    seconds: float = run.record["time"][f"{part}_seconds"]
    return threads * seconds / 3600


@cache
def scripts() -> dict[str, str]:
    """The docstring of each script, by file name."""
    paths = sorted((ROOT / "experiments").glob("*.py"))
    return {path.name: ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "" for path in paths}


def script_of(study: str) -> str:
    """The script of a study's name, or of the longest beginning of it: of the whole of which the study is a part."""
    words = study.split("_")
    names = ("_".join(words[:count]) + ".py" for count in range(len(words), 0, -1))
    return next((name for name in names if name in scripts()), f"{study}.py")


def stated(document: str, field: str) -> str | None:
    """What a script's docstring says under a field, `Deviations` say; null where it has none."""
    found = re.search(rf"^{field}:(.*?)(?=^\S[^:\n]*:|\Z)", document, re.MULTILINE | re.DOTALL)
    return " ".join(found[1].split()) if found else None


def deviations_table(documents: Mapping[str, str]) -> Table:
    """Where each script leaves its paper, in its own words, from its docstring."""
    said = {name: stated(document, "Deviations") for name, document in documents.items()}
    rows = [[name, deviation] for name, deviation in said.items() if deviation]
    return Table("Where the scripts leave the papers", ["script", "deviation"], rows)
