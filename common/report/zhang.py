"""Zhang et al. (2017) on CIFAR-10: what figures 1a, 1b and 1c are made of, and their tables.

Records are `run.json`; histories are the lines of `history.jsonl` by run id.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

from common.errors import check_choice
from common.groups import grouped
from common.report.claims import NOT_MEASURED, Claim, claim_of, epochs_to, judge, load_targets
from common.report.numbers import Number, number
from common.report.records import (
    CORRUPTION,
    SEEDS,
    Line,
    Record,
    as_stated,
    by_recipe,
    group_names,
    model_of,
    recipe,
    setting_of,
    setting_text,
)
from common.report.tables import Table
from common.runs.parts import Stopping

Histories = Mapping[str, Sequence[Line]]
Row = Mapping[str, Any]

STEPS = 391  # an epoch of 50,000 examples in batches of 128
FIT_LOSS = 0.05  # the criterion that gives Figure 1b's ratios on Figure 1a's curves
THRESHOLDS = (1.0, 0.1, 0.01)
SETTINGS = ("true_labels", "random_labels", "shuffled_pixels", "random_pixels", "gaussian")  # of Figure 1a
READINGS = {"random_scalars": "random_pixels"}
"""Settings that read another of Figure 1a's differently: all values of an image move, and not whole pixels."""
LABELS = ("true_labels", "corrupted_labels", "random_labels")  # of Figures 1b and 1c
ENDING = tuple(Stopping.types())
ERRORS = ("test_error_corrupted_labels", "test_error")
NO_CLAIM = Claim("", "", None, None, "")
NO_BAND = "No band: nothing says how close is close enough."
REDUCED = (
    "Published: one run on 50,000 training examples; runs on fewer (train_n), or on smaller images, say nothing about "
    "its numbers."
)


def published(source: str, key: str = "id") -> dict[str, list[tuple[float, float]]]:
    """Published curves of a figure as points (x, y), by their `key`: setting, model, or id."""
    curves = load_targets("zhang_curves")
    check_choice("source", source, dict.fromkeys(curve["source"] for curve in curves))
    return {curve[key]: [(x, y) for x, y in curve["points"]] for curve in curves if curve["source"] == source}


def in_epochs(points: Iterable[tuple[float, float]]) -> list[tuple[float, float]]:
    """A published curve over thousands of steps, over epochs."""
    return [(1000 * x / STEPS, y) for x, y in points]


def with_setting(records: Iterable[Record], settings: Sequence[str], model: str | None = None) -> list[Record]:
    """Runs on one of these settings, each once; images are corrupted all or not at all."""
    unique = {record["run_id"]: record for record in records}.values()
    return [
        record
        for record in unique
        if setting_of(record["config"]) in settings
        and (record["config"]["corruption_fraction"] in (0, 1) or "corrupted_labels" in settings)
        and model in (None, model_of(record["config"]))
    ]


def line_of(config: Record) -> str:
    """Equal for runs that may be compared over corruptions: seeds, corruption and when training ends may differ."""
    return recipe(config, (*SEEDS, *CORRUPTION, *ENDING))


def fit_epochs(record: Record, histories: Histories, threshold: float = FIT_LOSS) -> int | None:
    """First epoch whose training loss is at most `threshold` (nats)."""
    return epochs_to(histories.get(record["run_id"], []), "train_loss", threshold)


def published_loss(records: Iterable[Record], histories: Histories) -> Histories:
    """Histories whose training loss is Figure 1a's, the mean over an epoch's steps, where all runs of a line kept it.

    Elsewhere it stays that of the network after the epoch: what is compared is one or the other.
    """
    found = dict(histories)
    for runs in grouped(records, lambda record: line_of(record["config"])).values():
        trained = {
            name: [line for line in histories.get(name, []) if line["epoch"]]
            for name in (record["run_id"] for record in runs)
        }
        if all("online_train_loss" in line for lines in trained.values() for line in lines):
            for name, lines in trained.items():
                found[name] = [{**line, "train_loss": line["online_train_loss"]} for line in lines]
    return found


def corruption_rows(
    records: Iterable[Record], histories: Histories, threshold: float = FIT_LOSS
) -> list[dict[str, Any]]:
    """A row for each run on true, corrupted or random labels without regularizer, as Figures 1b and 1c show it.

    `epochs` is the first whose training loss is at most `threshold` (nats), `ratio` that over the epochs of the run on
    true labels with the same seeds; errors are fractions of the test examples. Null is not measured.
    """
    runs = with_setting(records, LABELS)
    histories = published_loss(runs, histories)
    rows = [_corruption_row(record, fit_epochs(record, histories, threshold)) for record in runs]
    true = [row for row in rows if row["epochs"] and not row["corruption_fraction"]]
    bases = {(row["line"], row["seeds"]): row["epochs"] for row in true}
    for row in rows:
        base = bases.get((row["line"], row["seeds"]))
        row["ratio"] = row["epochs"] / base if row["epochs"] and base else None
    return rows


def _corruption_row(record: Record, epochs: int | None) -> dict[str, Any]:
    config, outcome = record["config"], record["outcome"]
    accuracies = {name: outcome[name.replace("error", "accuracy")] for name in ERRORS}
    return {
        "record": record,
        "line": line_of(config),
        "seeds": tuple(config[name] for name in SEEDS),
        "model": model_of(config),
        "corruption_fraction": config["corruption_fraction"],
        "epochs": epochs,
        **{name: None if value is None else 1 - value for name, value in accuracies.items()},
    }


def corruption_table(rows: Sequence[Row]) -> Table:
    """Figures 1b and 1c: a row for each model, fraction and recipe, over its seeds."""
    slowdown, error = ({m: dict(p) for m, p in published(f"Figure {f}", "model").items()} for f in ("1b", "1c"))
    claims = corruption_claims()
    by_id = {row["record"]["run_id"]: row for row in rows}
    shown: list[list[object]] = []
    for model, fraction in sorted({(row["model"], row["corruption_fraction"]) for row in rows}):
        here = [r["record"] for r in rows if (r["model"], r["corruption_fraction"]) == (model, fraction)]
        groups = by_recipe(here)
        for name, group in zip(group_names(groups), groups, strict=True):
            runs = [by_id[record["run_id"]] for record in group]
            epochs, ratio = (number((run[key] for run in runs), "ratio") for key in ("epochs", "ratio"))
            corrupted, clean = (error_of(runs, key) for key in ERRORS)
            size = [group[0]["data"]["train_n"], len(group)]
            described = [model.replace("_", " "), f"{100 * fraction:g} %", name, *size]
            verdicts = [
                verdict(claims.get((model, fraction, key)), [run[key] for run in runs], group)
                for key in ("ratio", ERRORS[0])
            ]
            relative = [ratio, Number(slowdown.get(model, {}).get(fraction), "ratio"), verdicts[0]]
            errors = [corrupted, error.get(model, {}).get(fraction), verdicts[1], clean]
            shown.append([*described, epochs, *relative, *errors])
    columns = [
        "model",
        "corruption",
        "framework",
        "train_n",
        "seeds",
        "epochs to fit",
        "relative",
        "published relative",
        "verdict, relative",
    ]
    columns += ["test error, corrupted labels, %", "published, %", "verdict, error", "test error, clean labels, %"]
    note = (
        f"Means over seeds with 95 % t intervals; errors of one seed with Wilson's, over its test examples. Bands of "
        f"errors are Table 1's. {NO_BAND} "
    )
    note += REDUCED
    return Table("Zhang et al. 2017, Figures 1b and 1c: published and measured", columns, shown, note)


@cache
def of_tables() -> tuple[dict[str, Any], ...]:
    """The published numbers of Tables 1 and 4."""
    return (*load_targets("zhang_cifar10"), *load_targets("zhang_mlp"))


def corruption_claims() -> dict[tuple[str, float, str], Claim]:
    """What is claimed of a model at a fraction: its ratio, and by Table 1's bands its test error.

    At 0 and 1 equally corrupted test labels are true, or have nothing to do with the images, as clean ones then have.
    Where Figure 1c itself is outside Table 1's band, as for AlexNet on true labels, there is none.
    """
    ends, found = {"true_labels": 0.0, "random_labels": 1.0}, {}
    own = {model: dict(points) for model, points in published("Figure 1c", "model").items()}
    for target in of_tables():
        if target["setting"] in ends and target["quantity"] == "test_accuracy":
            claim, (low, high), end = claim_of(target), target["band"], ends[target["setting"]]
            if low <= 1 - own.get(target["model"], {}).get(end, 1 - target["value"]) <= high:
                error = replace(claim, published=1 - target["value"], band=(1 - high, 1 - low))
                found[target["model"], end, ERRORS[0]] = error
    for target in load_targets("zhang_claims"):
        model = target["id"].removeprefix("zhang-slowdown-")
        if model in published("Figure 1b", "model"):
            found[model, 1.0, "ratio"] = claim_of(target)
    return found


def stated(record: Record) -> bool:
    """Whether a run may decide on a figure: at full size, by the recipe of its model's rows in Table 1."""
    own = (model_of(record["config"]), "true_labels")
    return any((target["model"], target["setting"]) == own and as_stated(record, target) for target in of_tables())


def verdict(claim: Claim | None, values: Sequence[float | None], group: Sequence[Record]) -> str:
    """The verdict on runs as stated that all have a value; others decide nothing, and without a claim is no band."""
    judged = judge(claim or NO_CLAIM, values).verdict
    return judged if all(map(stated, group)) and None not in values else NOT_MEASURED


def error_of(runs: Sequence[Row], key: str) -> Number | None:
    """Mean error and its interval, of one seed over its test examples; null where nothing was measured."""
    sizes, values = [run["record"]["data"]["test_n"] for run in runs], [run[key] for run in runs]
    return number(values, counts=[None if v is None else (round(v * n), n) for v, n in zip(values, sizes, strict=True)])


def convergence_table(
    records: Iterable[Record], histories: Histories, thresholds: Sequence[float] = THRESHOLDS
) -> Table:
    """Figure 1a: epochs until the training loss (nats) is at most each threshold, measured and published."""
    curves = published("Figure 1a", "setting")
    records, rows = with_setting(records, (*SETTINGS, *READINGS), "inception"), []
    histories = published_loss(records, histories)
    for setting in (*SETTINGS, *READINGS):
        points = in_epochs(curves[READINGS.get(setting, setting)])
        line = [{"epoch": round(epoch), "train_loss": loss} for epoch, loss in points]
        groups = by_recipe(with_setting(records, [setting], "inception"))
        for name, group in zip(group_names(groups), groups, strict=True):
            row: list[object] = [setting_text(setting), name, group[0]["data"]["train_n"], len(group)]
            for threshold in thresholds:
                row.append(number((fit_epochs(record, histories, threshold) for record in group), "ratio"))
                row.append(epochs_to(line, "train_loss", threshold))
            fitted = [fit_epochs(record, histories, max(thresholds)) for record in group]
            rows.append([*row, verdict(None, fitted, group)])
    columns = ["setting", "framework", "train_n", "seeds"]
    columns += [name for value in thresholds for name in (f"epochs to loss {value:g}", f"published, {value:g}")]
    columns.append("verdict")
    note = f"Means over seeds with 95 % t intervals; published in epochs of {STEPS} steps. {NO_BAND} {REDUCED}"
    return Table("Zhang et al. 2017, Figure 1a: published and measured", columns, rows, note)
