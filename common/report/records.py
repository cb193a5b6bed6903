"""Records."""

import json
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any

from common.report.claims import NOT_MEASURED, Finding
from common.report.runs import FRAMEWORKS
from common.runs.config import Config
from common.runs.parts import Mark

Record = Mapping[str, Any]  # run.json
Line = Mapping[str, Any]  # of readout.jsonl

FULL_EPOCHS = 60
FULL_TRAIN_N = {"cifar10": 50_000, "mnist": 60_000, "fashion_mnist": 60_000}  # the whole training set
OWN = ("test_size", *Config.marked(Mark.FILE), *Config.marked(Mark.STOP))  # none in a published run
SEEDS = Config.marked(Mark.SEED)
REGULARIZERS = sorted(Config.marked(Mark.REGULARIZER), key=lambda name: name != "weight_decay")  # named first


def recipe(config: Record, without: Sequence[str] = SEEDS) -> str:
    """Equal for runs that differ in the named fields alone."""
    return json.dumps({name: value for name, value in config.items() if name not in without}, sort_keys=True)


def model_of(config: Record) -> str:
    """Model of a run in the words of the published tables: `_without_batch_norm` follows its name where that is off."""
    return config["model"] + ("" if config["batch_norm"] else "_without_batch_norm")


def setting_of(config: Record) -> str:
    """Setting of a run in the words of the published tables, from its corruption and regularizers.

    Labels replaced by uniform classes (`uniform`, `ketha`) are `random_labels` at fraction 1 and `corrupted_labels`
    below; any other corruption goes by its own name. The regularizers follow, rotation with its degrees:
    `random_labels_flip_rotation_25`; with true labels they stand alone: `weight_decay_random_crop`.
    """
    rule, fraction = config["corruption"], config["corruption_fraction"]
    name = "true_labels"
    if rule != "none" and fraction > 0:
        name = ("random_labels" if fraction == 1 else "corrupted_labels") if rule in ("uniform", "ketha") else rule
    used = [f"rotation_{config[n]:g}" if n == "rotation" else n for n in REGULARIZERS if config[n]]
    return "_".join(used if used and name == "true_labels" else [name, *used])


def setting_text(setting: str) -> str:
    """A setting as it is read: random labels, flip, rotation 25."""
    for name in REGULARIZERS:
        setting = setting.replace(f"_{name}", f", {name}")
    return setting.replace("_", " ")


def reduced(record: Record) -> bool:
    """Whether a run trained on less than the whole training set."""
    return bool(record["data"]["train_n"] != FULL_TRAIN_N.get(record["config"]["dataset"]))


def full_size(record: Record) -> bool:
    """Whether a run may stand for a published one: the whole training and test set, at least 60 epochs, to the end."""
    config = record["config"]
    whole = config["downscale"] == 1 and all(config[name] is None for name in OWN)
    return whole and not reduced(record) and config["epochs"] >= FULL_EPOCHS


def scale_of(record: Record) -> list[str]:
    """How a run is smaller than a published one, or less exact: examples, size of images, precision."""
    config = record["config"]
    parts = [f"train_n={record['data']['train_n']}"] if reduced(record) else []
    parts += [f"images {config['downscale']} times smaller"] if config["downscale"] > 1 else []
    return parts + ([] if config["precision"] == "float32" else [config["precision"]])


def group_names(groups: Sequence[Sequence[Record]]) -> list[str]:
    """Framework of each group of runs of one recipe, and what `scale_of` says of them.

    Where several groups have both in common, the fields in which their configs differ too.
    """
    kinds = [(group[0]["config"]["framework"], scale_of(group[0])) for group in groups]
    configs = [group[0]["config"] for group in groups]
    names = []
    for config, kind in zip(configs, kinds, strict=True):
        rivals = [other for other, its in zip(configs, kinds, strict=True) if its == kind]
        fields = [name for name in config if name not in SEEDS and any(o[name] != config[name] for o in rivals)]
        framework, scale = kind
        text = ", ".join([*scale, *(f"{name}={config[name]}" for name in fields)])
        names.append(FRAMEWORKS.get(framework, framework) + (f" ({text})" if text else ""))
    return names


def by_recipe(records: Iterable[Record]) -> list[list[Record]]:
    """Runs that differ in their seeds alone, together; a run that is given twice counts once."""
    unique = {record["run_id"]: record for record in records}.values()
    ordered = sorted(unique, key=lambda r: (r["config"]["framework"], not full_size(r), recipe(r["config"])))
    return [list(group) for _, group in groupby(ordered, key=lambda r: recipe(r["config"]))]


def run_on(group: Sequence[Record]) -> str:
    """Hardware and commits; + where tracked files differed from the commit."""
    machines = [record["environment"] for record in group]
    devices = {m.get("processor") or "cpu" if m["device"] == "cpu" else m["device"] for m in machines}
    commits = {(r["code"]["commit"] or "no commit")[:9] + ("+" if r["code"]["dirty"] else "") for r in group}
    return f"{', '.join(sorted(devices))}; {', '.join(sorted(commits))}"


def finding(
    target: Record,
    subject: str,
    runs: Sequence[Record] = (),
    numbers: str | None = None,
    n: str | None = None,
    verdict: str = NOT_MEASURED,
) -> Finding:
    """A statement tested on some runs, which it describes."""
    sizes: dict[tuple[str, str], set[int]] = {}
    for run in runs:
        kind = run["config"]["framework"], run["config"]["precision"]
        sizes.setdefault(kind, set()).add(run["data"]["train_n"])
    texts = [
        f"{FRAMEWORKS[framework]}, {precision}, train_n={', '.join(map(str, sorted(found)))}"
        for (framework, precision), found in sorted(sizes.items())
    ]
    described = "; ".join(texts) or None
    cited = target["statement"], target["source"], target["band_source"]
    return Finding(*cited, subject, described, numbers, n, verdict)
