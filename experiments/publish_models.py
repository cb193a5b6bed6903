"""Networks to decode at once: trained as their records say, and copied to saved_models/published under plain names.

Run:       python experiments/publish_models.py [--names mlp3_random_labels] [--list] [--time-limit 30m]
           python experiments/decode_layers.py saved_models/published/mlp3_random_labels.h5
Result:    NAME.h5 and NAME.pt of the named runs that are done, each with its own run's record beside it (NAME.h5.json);
           those that are there stay, but with --force; where results/published has a record of the same run from
           another processor, whose bits differ, that is said
Time:      --list says it for each, and trains nothing; an MLP takes some minutes, small AlexNet hours without a GPU
"""

import dataclasses
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from common.cli import one_line_errors, parse
from common.errors import OutOfTime, RunsFailed, check_choice
from common.files import replacing
from common.papers.decoding.recipes import fields as decoding_fields
from common.papers.zhang.recipes import fields
from common.runs.config import Actions, Config, Options, run_id
from common.runs.estimates import by_cost
from common.runs.store import PUBLISHED, ROOT, SUFFIX, Record, Store, file_sha256, read_record
from common.study import run_all

FOLDER = ROOT / "saved_models" / "published"
MOST_BYTES = 90 * 10**6
"""Of all files, which every clone fetches."""
MLPS = {
    f"{model}_{name}": fields(model, name)
    for name in ("true_labels", "random_labels", "weight_decay")
    for model in ("mlp1", "mlp3")
}
LESS: dict[str, Any] = {"epochs": 70, "precision": "bfloat16", "train_evaluation_every": 10}
"""What nearly halves a CPU's time; files are float32 all the same."""
ALEXNETS = {
    f"alexnet_{name}": {**LESS, **fields("alexnet", name)}
    for name in ("true_labels", "random_crop", "random_labels", "weight_decay", "weight_decay_random_crop")
}
CORRUPTED = {f"{model}_mnist_80_percent": decoding_fields(model, "mnist", 0.8, "small") for model in ("mlp3", "cnn")}
"""The decoding papers' effect, in networks of a few megabytes."""
TWINS = {name: MLPS[name] for name in ("mlp3_true_labels", "mlp3_random_labels")}
"""In PyTorch too: as many as a clone has room for."""
KERAS, TORCH = {**MLPS, **ALEXNETS}, {**TWINS, **CORRUPTED}
RUNS = {
    f"{name}{SUFFIX[framework]}": Config(framework=framework, **run)
    for framework, runs in (("keras", KERAS), ("torch", TORCH))
    for name, run in runs.items()
}
"""The run of each file."""


@dataclasses.dataclass(frozen=True)
class Names:
    """Which networks."""

    names: tuple[str, ...] = ()
    """Files, or their names without suffix for both frameworks; none means all."""

    def files(self) -> list[str]:
        """Of these names."""
        for name in self.names:
            check_choice("names", name, [*RUNS, *dict.fromkeys(Path(file).stem for file in RUNS)])
        return [file for file in RUNS if not self.names or {file, Path(file).stem} & {*self.names}]


def is_there(file: str) -> bool:
    """Whether it is published, whole and with the record of its run."""
    model, path = FOLDER / file, FOLDER / f"{file}.json"
    if not model.exists() or not path.exists():
        return False
    record = read_record(path)
    return record["run_id"] == run_id(RUNS[file]) and record["model"]["sha256"] == file_sha256(model)


def copy(file: str, store: Store) -> str:
    """Copy a run's model under its plain name, and its record beside it; says what became of it."""
    config = RUNS[file]
    record, published = store.done(config), Store(PUBLISHED).record(run_id(config))
    if record is None:
        return f"{file}: not trained"
    FOLDER.mkdir(parents=True, exist_ok=True)
    for source, name in ((store.model_path(config), file), (store.folder(run_id(config)) / "run.json", f"{file}.json")):
        with replacing(FOLDER / name) as temporary:
            shutil.copyfile(source, temporary)
    said = f"{file}: {(FOLDER / file).stat().st_size / 1e6:.1f} MB"
    if published and published["model"]["sha256"] != record["model"]["sha256"]:
        said += f", other bits than the published record's ({differing(published, record)})"
    return said


def differing(first: Record, second: Record) -> str:
    """In what the environments of two runs differ."""
    names = [name for name, value in second["environment"].items() if first["environment"].get(name) != value]
    return f"environment: {', '.join(names)}" if names else "the same environment: a processor's instructions"


def check_size(files: Iterable[str], store: Store) -> None:
    """ValueError where these, beside those that are there, would be too much for a clone."""
    paths = {path.name: path for path in FOLDER.glob("*")}
    paths |= {file: path for file in files if (path := store.model_path(RUNS[file])).exists()}
    size = sum(path.stat().st_size for path in paths.values())
    if size > MOST_BYTES:
        raise ValueError(
            f"files in {FOLDER} must hold at most {MOST_BYTES / 1e6:.0f} MB. Received: {size / 1e6:.1f} MB"
        )


def main() -> None:
    """Train what is missing, the cheapest first, and copy what is done, also where the rest is late or has failed."""
    arguments = parse(__doc__, networks=Names(), options=Options(), actions=Actions())
    files, store = arguments.networks.files(), Store.of(arguments.options)
    if not (arguments.actions.force or arguments.actions.smoke):
        there = [file for file in files if is_there(file)]
        for file in there:
            print(f"{file}: published")
        files = [file for file in files if file not in there]
    if not files:
        return
    ended = None
    try:
        run_all(by_cost([RUNS[file] for file in files], store, arguments.options), arguments.options, arguments.actions)
    except (OutOfTime, RunsFailed) as error:
        ended = error
    if not arguments.actions.smoke:
        check_size(files, store)
        print("\n".join(copy(file, store) for file in files))
    if ended:
        raise ended


if __name__ == "__main__":
    with one_line_errors():
        main()
