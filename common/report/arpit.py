"""What the reports of Arpit et al. (2017) share: claims, names of networks and of noise, runs by what they have."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from matplotlib import colormaps

from common.groups import grouped
from common.report.claims import Finding, Held, judge_seeds, load_targets
from common.report.numbers import cell, number
from common.report.records import Line, Record, finding

NOISE = {"gaussian": "random inputs", "uniform": "random labels", "none": "real data"}


def target(name: str) -> dict[str, Any]:
    """The statement of an id."""
    return next(target for target in load_targets("arpit_claims") if target["id"] == name)


def judged(
    name: str,
    subject: str,
    runs: Sequence[Record] = (),
    numbers: str | None = None,
    holds: Sequence[Held] = (),
    n: str | None = None,
) -> Finding:
    """A statement with what was measured: confirmed where it holds in every seed; `n` says more than their number."""
    seeds, verdict = judge_seeds(holds)
    return finding(target(name), subject, runs, numbers, n or seeds, verdict)


def network(record: Record) -> str:
    """Architecture, its width where it is not the published one, and data set."""
    config = record["config"]
    width = f" of width {config['width']}" if config["width"] else ""
    return f"{config['model']}{width}, {config['dataset'].replace('_', ' ')}"


def noise_of(record: Record) -> str:
    """What is random in the training set, in words."""
    return NOISE.get(record["config"]["corruption"], record["config"]["corruption"].replace("_", " "))


def best_validation_accuracy(history: Sequence[Line]) -> float:
    """Best validation accuracy over the epochs, the untrained network left out."""
    return max(line["validation_accuracy"] or 0 for line in history[1:])


def compared(
    seeds: Iterable[Sequence[Any]],
    unit: str = "ratio",
    names: Sequence[str] = ("on real data", "on noise"),
    text: Callable[[Sequence[Any]], str] | None = None,
) -> str | None:
    """Named values over the seeds that have all: 1.00 on real data, 2.00 on noise; `text` describes those of a name."""
    columns = list(zip(*(seed for seed in seeds if None not in seed), strict=True))
    if not columns:
        return None
    texts = [text(column) if text else cell(number(column, unit)) for column in columns]
    return ", ".join(f"{found} {name}" for found, name in zip(texts, names, strict=True))


def shades(keys: Sequence[Any]) -> dict[Any, Any]:
    """A colour for each of these, from dark to light."""
    return {key: colormaps["viridis"](0.9 * place / max(1, len(keys) - 1)) for place, key in enumerate(keys)}


def pairs(first: Iterable[Record], second: Iterable[Record]) -> list[tuple[Record, Record]]:
    """Runs of the two sides that have the same seed."""
    by_seed = {record["config"]["seed"]: record for record in second}
    return [(record, by_seed[seed]) for record in first if (seed := record["config"]["seed"]) in by_seed]


def by_fields(records: Iterable[Record], *fields: str) -> dict[tuple[Any, ...], list[Record]]:
    """Runs by values of fields of their config, in the order of these, each run once."""
    unique = {record["run_id"]: record for record in records}.values()
    groups = grouped(unique, lambda record: tuple(record["config"][field] for field in fields))
    return dict(sorted(groups.items(), key=lambda item: [(value is not None, value) for value in item[0]]))
