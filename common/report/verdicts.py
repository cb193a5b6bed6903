"""Findings counted: a matrix of papers and sizes by verdict, and what chance alone would give of it."""

import math
from collections.abc import Iterable, Mapping, Sequence

from common.groups import grouped
from common.report.claims import (
    CONFIRMED,
    CONTRADICTED,
    INDICATED,
    LEAST_SEEDS,
    NOT_INDICATED,
    UNDECIDED,
    Finding,
)
from common.report.numbers import CONFIDENCE, t_quantile

LEAST_FAVOURABLE_FIRST = (CONTRADICTED, NOT_INDICATED, UNDECIDED, INDICATED, CONFIRMED)
CONFIRMED_BY_CHANCE = (1 - CONFIDENCE) / 2
INDICATED_BY_CHANCE = 0.5


def independent(findings: Iterable[Finding]) -> list[Finding]:
    """What is the same evidence once: that of the most seeds, and of several the least favourable verdict.

    The same evidence is that of one name, subject and size; the frameworks share seeds, so that both are one.
    """

    def evidence(finding: Finding) -> tuple[str, ...]:
        said = finding.statement
        return said.evidence, finding.subject, finding.size

    def rank(finding: Finding) -> tuple[int, int]:
        return -finding.effect.n, LEAST_FAVOURABLE_FIRST.index(finding.verdict)

    measured = [finding for finding in findings if finding.verdict in LEAST_FAVOURABLE_FIRST]
    return [min(group, key=rank) for group in grouped(measured, evidence).values()]


def matrix(findings: Iterable[Finding]) -> dict[tuple[str, str], dict[str, list[Finding]]]:
    """{(paper, size): {verdict: findings}}; what was not measured stands at full size."""
    by_row = grouped(findings, lambda finding: (finding.statement.paper, finding.size))
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
