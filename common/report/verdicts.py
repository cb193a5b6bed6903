"""Findings counted: a matrix of papers and sizes by verdict, and what chance alone would give of it."""

import math
from collections.abc import Iterable, Mapping, Sequence

from common.groups import grouped
from common.report.claims import (
    CONFIRMED,
    CONTRADICTED,
    IN_BAND,
    INDICATED,
    LEAST_SEEDS,
    NO_BAND,
    NOT_INDICATED,
    OUTSIDE,
    UNDECIDED,
    Finding,
)
from common.report.numbers import CONFIDENCE, t_quantile

LEAST_FAVOURABLE_FIRST = CONTRADICTED, NOT_INDICATED, OUTSIDE, UNDECIDED, NO_BAND, INDICATED, IN_BAND, CONFIRMED
CONFIRMED_BY_CHANCE = (1 - CONFIDENCE) / 2
INDICATED_BY_CHANCE = 0.5


def evidence(finding: Finding) -> tuple[str, ...]:
    """What findings have in common that are the same evidence, at any size: a statement's name and subject, a number.

    The frameworks share seeds, so that both are one.
    """
    said = finding.statement
    return (said.id,) if finding.is_number else (said.evidence, finding.subject)


def independent(findings: Iterable[Finding]) -> list[Finding]:
    """What is the same evidence at the same size once: that of the most seeds, then of the least favourable verdict."""

    def rank(finding: Finding) -> tuple[int, int]:
        return -finding.effect.n, LEAST_FAVOURABLE_FIRST.index(finding.verdict)

    groups = grouped((found for found in findings if found.measured), lambda found: (evidence(found), found.size))
    return [min(group, key=rank) for group in groups.values()]


def owners(findings: Sequence[Finding]) -> dict[tuple[str, ...], str]:
    """The paper of each evidence: the first that says something of it."""
    return {evidence(finding): finding.statement.paper for finding in reversed(findings)}


def matrix(findings: Sequence[Finding]) -> dict[tuple[str, str], dict[str, list[Finding]]]:
    """{(paper, size): {verdict: independent findings}}."""
    papers = owners(findings)
    by_row = grouped(independent(findings), lambda finding: (papers[evidence(finding)], finding.size))
    return {row: grouped(group, lambda finding: finding.verdict) for row, group in by_row.items()}


def by_chance(findings: Sequence[Finding]) -> Mapping[str, float]:
    """How many of these findings, if no effect existed, would at most be confirmed and indicated."""
    several = sum(finding.effect.n >= LEAST_SEEDS for finding in findings)
    few = sum(finding.effect.n < LEAST_SEEDS for finding in findings)
    return {CONFIRMED: several * CONFIRMED_BY_CHANCE, INDICATED: few * INDICATED_BY_CHANCE}


def power(smallest: float, effect: float, spread: float, n: int) -> float:
    """Probability that n seeds confirm a true effect above the smallest one, their standard deviation being `spread`.

    Of Student's t: the lower end of the 95 % interval lies above the smallest effect.
    """
    if spread == 0:
        return float(effect >= smallest)
    from scipy import stats

    return float(stats.nct.sf(t_quantile(n - 1), n - 1, (effect - smallest) * math.sqrt(n) / spread))
