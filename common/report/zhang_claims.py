"""What becomes of the statements of Zhang et al. (2017) on CIFAR-10: each with its runs, numbers, n and verdict.

Orders and growth are judged per seed, on runs of any size, which is stated; numbers on full-size runs alone.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from common.groups import grouped
from common.report.claims import (
    NOT_MEASURED,
    Finding,
    claim_of,
    grows,
    growth,
    judge,
    judge_seeds,
    load_targets,
    ordered,
)
from common.report.numbers import Number, cell, estimate
from common.report.records import SEEDS, Record, by_recipe, finding, model_of, recipe, setting_of, setting_text
from common.report.zhang import (
    FIT_LOSS,
    SETTINGS,
    Histories,
    Row,
    corruption_rows,
    fit_epochs,
    line_of,
    published,
    published_loss,
    stated,
    with_setting,
)

ARCHITECTURES = ("inception", "alexnet", "mlp1", "mlp3")
MODELS = ("inception", "inception_without_batch_norm")


def findings(records: Iterable[Record], histories: Histories, threshold: float = FIT_LOSS) -> list[Finding]:
    """Every statement on every set of the paper's runs that tests it; one that none tests is not measured."""
    records = [r for r in records if r["config"]["dataset"] == "cifar10" and r["config"]["model"] in ARCHITECTURES]
    rows = corruption_rows(records, histories, threshold)
    return [
        *convergence_findings(records, histories, threshold),
        *slowdown_findings(rows),
        *error_findings(rows),
        *batch_norm_findings(records),
        *early_stopping_findings(records),
    ]


def convergence_findings(records: Iterable[Record], histories: Histories, threshold: float = FIT_LOSS) -> list[Finding]:
    """Figure 1a: the order in which five settings reach a training loss of `threshold`, and that all are fitted."""
    records = with_setting(records, SETTINGS, "inception")
    histories = published_loss(records, histories)
    lines = [
        runs
        for runs in grouped(records, lambda r: line_of(r["config"])).values()
        if {setting_of(r["config"]) for r in runs} == set(SETTINGS)
    ]
    orders = [_order_finding(runs, histories, threshold) for runs in lines]
    fits = [_fit_finding(runs) for runs in lines]
    return [*(orders or [_finding("zhang-order")]), *(fits or [_finding("zhang-fit")])]


def _order_finding(runs: Sequence[Record], histories: Histories, threshold: float) -> Finding:
    seeds = _by_seed((r, setting_of(r["config"]), fit_epochs(r, histories, threshold)) for r in runs)
    levels = _target("zhang-order")["levels"]
    holds = [ordered([[seed.get(setting) for setting in level] for level in levels]) for seed in seeds]
    means = {name: estimate([seed.get(name) for seed in seeds]).mean for level in levels for name in level}
    texts = [f"{setting_text(name)} {_text(mean, 1)}" for name, mean in means.items()]
    numbers = f"epochs to loss {threshold:g}: {', '.join(texts)}"
    return _finding("zhang-order", "inception", runs, numbers, *judge_seeds(holds))


def _fit_finding(runs: Sequence[Record]) -> Finding:
    seeds = _by_seed((r, setting_of(r["config"]), r["outcome"]["train_accuracy"]) for r in runs)
    worst = [_least([seed.get(setting) for setting in SETTINGS]) for seed in seeds]
    above = _target("zhang-fit")["band"][0]
    holds = [None if value is None else value > above for value in worst]
    least = _least([value for value in worst if value is not None])
    return _finding("zhang-fit", "inception", runs, f"at least {cell(least)} %", *judge_seeds(holds))


def _least(values: Sequence[float | None]) -> float | None:
    """The least value; null where one is missing."""
    measured = [value for value in values if value is not None]
    return min(measured) if measured and len(measured) == len(values) else None


def slowdown_findings(rows: Sequence[Row]) -> list[Finding]:
    """Figure 1b: epochs to fit grow with corruption, and how many times as many random labels take, for each model."""
    return [*_growth_findings("zhang-slowdown", rows, "epochs"), *_ratio_findings(rows)]


def _ratio_findings(rows: Sequence[Row]) -> list[Finding]:
    found = []
    for model in published("Figure 1b", "model"):
        here = []
        for line in grouped((row for row in rows if row["model"] == model), lambda row: row["line"]).values():
            ends = [row for row in line if row["corruption_fraction"] in (0, 1)]
            based = {row["seeds"] for row in ends if not row["corruption_fraction"]}
            ratios = [row["ratio"] for row in ends if row["corruption_fraction"] and row["seeds"] in based]
            name, runs = f"zhang-slowdown-{model}", [row["record"] for row in ends]
            if None in ratios:
                fitted = (
                    f"{sum(ratio is not None for ratio in ratios)} of {len(ratios)} seeds reach a loss of {FIT_LOSS:g}"
                )
                here.append(_finding(name, model, runs, fitted))
            else:
                here += _judged(name, model, runs, ratios, ("ratio", "times"))
        found += here or [_finding(f"zhang-slowdown-{model}", model)]
    return found


def error_findings(rows: Sequence[Row]) -> list[Finding]:
    """Figure 1c: test error on equally corrupted labels grows with corruption, for each model."""
    return _growth_findings("zhang-error", rows, "test_error_corrupted_labels")


def _growth_findings(name: str, rows: Sequence[Row], key: str) -> list[Finding]:
    lines = grouped(rows, lambda row: row["line"]).values()
    several = [line for line in lines if len({row["corruption_fraction"] for row in line}) > 2]
    models = dict.fromkeys([*published("Figure 1b", "model"), *(line[0]["model"] for line in several)])
    found = []
    for model in models:
        here = [_growth_finding(name, line, key) for line in several if line[0]["model"] == model]
        found += here or [_finding(name, model)]
    return found


def _growth_finding(name: str, line: Sequence[Row], key: str) -> Finding:
    seeds = _by_seed((row["record"], row["corruption_fraction"], row[key]) for row in line)
    correlations = ", ".join(_text(growth(seed), 2) for seed in seeds)
    fractions = [row["corruption_fraction"] for row in line]
    first, last = (estimate([seed.get(end) for seed in seeds]).mean for end in (min(fractions), max(fractions)))
    ends = f"{_text(first, 1)} to {_text(last, 1)} epochs" if key == "epochs" else f"{cell(first)} to {cell(last)} %"
    holds = [grows(seed, _target(name)["band"][0]) for seed in seeds]
    runs = [row["record"] for row in line]
    return _finding(name, line[0]["model"], runs, f"rank correlation {correlations}; {ends}", *judge_seeds(holds))


def batch_norm_findings(records: Iterable[Record]) -> list[Finding]:
    """Section 3.1: test accuracy of small Inception with batch norm less without, same seeds and all else the same."""
    runs = [r for r in with_setting(records, ["true_labels"]) if model_of(r["config"]) in MODELS]
    found = []
    for group in grouped(runs, lambda r: recipe(r["config"], (*SEEDS, "batch_norm"))).values():
        seeds = _by_seed((r, model_of(r["config"]), r["outcome"]["test_accuracy"]) for r in group)
        gains = [_less(*(seed.get(model) for model in MODELS)) for seed in seeds]
        found += _judged("zhang-batch-norm", "inception", group, gains)
    return found or [_finding("zhang-batch-norm")]


def early_stopping_findings(records: Iterable[Record]) -> list[Finding]:
    """Figure 2b: best less final test accuracy of small Inception, with and without batch norm, of whole trainings."""
    records, found = list(records), []
    for model in MODELS:
        here = []
        runs = with_setting(records, ["true_labels"], model)
        for group in by_recipe(run for run in runs if run["outcome"]["stop_reason"] == "epochs"):
            outcomes = [record["outcome"] for record in group]
            gains = [_less(outcome["best_test_accuracy"], outcome["test_accuracy"]) for outcome in outcomes]
            here += _judged("zhang-early-stopping", model, group, gains)
        found += here or [_finding("zhang-early-stopping", model)]
    return found


def _less(first: float | None, second: float | None) -> float | None:
    return None if first is None or second is None else first - second


def _judged(
    name: str,
    model: str,
    runs: Sequence[Record],
    values: Sequence[float | None],
    unit: tuple[str, str] = ("fraction", "points"),
) -> list[Finding]:
    """The verdict on a number, where there is one; reduced runs show theirs and decide nothing."""
    found = judge(claim_of(_target(name)), values)
    if found.mean is None:
        return []
    numbers = f"{cell(Number(found.mean, unit[0], found.low, found.high))} {unit[1]}"
    verdict = found.verdict if all(map(stated, runs)) else NOT_MEASURED
    return [_finding(name, model, runs, numbers, found.interval_kind, verdict)]


def _target(name: str) -> dict[str, Any]:
    return next(target for target in load_targets("zhang_claims") if target["id"] == name)


def _finding(name: str, model: str = "inception", *tested: Any) -> Finding:
    return finding(_target(name), model.replace("_", " "), *tested)


def _text(value: float | None, decimals: int) -> str:
    return "–" if value is None else f"{value:.{decimals}f}"


def _by_seed(runs: Iterable[tuple[Record, Any, Any]]) -> list[dict[Any, Any]]:
    """{key: value} of each seed from (run, key, value); of two runs with one key, that of the more epochs."""
    ordered_runs = sorted(runs, key=lambda run: run[0]["config"]["epochs"])
    seeds = grouped(ordered_runs, lambda run: tuple(run[0]["config"][name] for name in SEEDS))
    return [{key: value for _, key, value in seed} for _, seed in sorted(seeds.items())]
