"""What do the layers of a saved network still know? The minimum angle subspace classifier on every layer.

Claim:     Ketha & Ramaswamy (2025), arXiv 2501.14687: in a network that has memorized corrupted labels, class subspaces
           of a layer, fitted on those same corrupted labels, classify the test set better than the network itself.
Run:       python experiments/decode_layers.py RUN_ID_OR_FILE …      (the id of a run, or a model file)
           python experiments/decode_layers.py model.keras --dataset mnist --preprocessing zero_one
           python experiments/decode_layers.py weights.pth --module my_file.py:Net --dataset cifar10 --check
           python experiments/decode_layers.py state_dict.pt --model cnn --layout nhwc --dataset mnist …
Result:    for each model layers.md, layers.csv, layers.png (of masc; of other probes layers_PROBE.*) and readout.jsonl
           under results/decoding/; for a run of the suite readout.jsonl is kept in the run's folder too
Time:      under a second for a network on digits; under two minutes for an MLP on CIFAR-10 on one core, most of
           them for the input's subspaces, which --layers fc1 fc2 fc3 leaves out
Deviations: the layer is chosen on training examples held out from the network (--validation-size at training), scored
           with the labels a user has; the papers choose it on test data, which is reported beside it
"""

import dataclasses
import math
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import tyro

from common.analysis.check import at_chance, chance, doubts, own_accuracy, rescaled, trials
from common.analysis.evaluator import FRAMEWORKS, load, metadata
from common.analysis.readout import Line, Probes, decode_run, named, opened, read_out
from common.cli import check_off, given_flags, one_line_errors, parse
from common.data.datasets import kind_of
from common.data.inputs import ImageInputs
from common.report import figures
from common.report.layers import run_table
from common.report.runs import last_epoch
from common.runs.config import Actions, Config, Options, Untimed, from_dict, run_id
from common.runs.foreign import Declared
from common.runs.store import PUBLISHED, Store, file_sha256, read_lines, read_record, write_lines
from common.runs.task import prepare
from common.runs.threads import limit_threads

UNPREPARED = {"preprocessing": "raw"}  # what a list of layers does not depend on
OPTIONAL = {"crop", "labels", "test_size", "train_size"}  # fields that a Config may hold none of


@dataclass(frozen=True)
class Decoding:
    """What is decoded, and where the model file does not say so or is to be overruled, on which data."""

    models: Annotated[tuple[str, ...], tyro.conf.Positional]
    """Model files (.h5, .keras, .pt, .pth, .ckpt, .safetensors, .pt2) or run ids."""
    check: bool = False
    """Try every preprocessing on 1,000 training examples, say which fits the network, and stop."""
    probes: tuple[str, ...] = ("masc",)
    """Probes, by their names in common/analysis/probes.py."""
    layers: tuple[str, ...] = ()
    """Layers to read; none means all but the last."""
    variance: float = 0.99
    """Share of each class's variance that its subspace holds."""
    dataset: str | None = None
    """Data set, by name, or one's own: an .npz with x_train, y_train, x_test, y_test, or a folder of train/CLASS and
    test/CLASS."""
    preprocessing: str | None = None
    """Input scale."""
    crop: int | None = None
    """Side of the centre crop in pixels; `None` keeps all of square images, as for a file that does not say."""
    vocabulary: int | None = None
    """Most frequent words of the training texts that the network knows; none means all."""
    length: int | None = None
    """Last tokens of each text that the network reads; none means all."""
    train_size: int | None = None
    """Stratified subset of the training set; `None` keeps all of it."""
    test_size: int | None = None
    """Stratified subset of the test set; `None` keeps all of it."""
    validation_size: int | None = None
    """Training examples held out from the probe and the network, to choose the layer on."""
    corruption: str | None = None
    """Rule that corrupted the training labels."""
    corruption_fraction: float | None = None
    """Fraction of the training labels that was corrupted."""
    data_seed: int | None = None
    """Seed of subset and corruption."""
    labels: Path | None = None
    """Labels that the network was trained on (.npy, .csv, .txt): one for each training example, or each of the
    subset."""

    def __post_init__(self) -> None:
        for name in ("models", "probes"):
            if not getattr(self, name):
                raise ValueError(f"{name} must name at least one. Received: {name}=()")
        named(self.probes)
        if "variance" in given_flags() and "masc" not in self.probes:
            raise ValueError(f"variance must go with masc among the probes. Received: variance={self.variance}")

    def given(self) -> dict[str, Any]:
        """Fields of a Config that are named here, none where a flag says `None`."""
        fields, emptied = dataclasses.asdict(self), OPTIONAL & given_flags()
        given = {name: value for name, value in fields.items() if value is not None or name in emptied}
        if self.labels:
            if not self.labels.is_file():
                raise FileNotFoundError(f"there is no file of labels {self.labels}")
            given["labels"] = str(self.labels.absolute())
        return {name: value for name, value in given.items() if name in Config.types()}

    @property
    def is_default(self) -> bool:
        """Whether nothing is asked for but probes with their own settings on all layers of what the file says."""
        return not self.given() and not self.layers and self.variance == Decoding.variance

    def made(self) -> Probes:
        """Functions that make the named probes, `masc` with the given variance."""
        probes = named(self.probes)
        return {**probes, "masc": partial(probes["masc"], self.variance)} if "masc" in probes else probes


def find(name: str, store: Store) -> tuple[Path, Config | None]:
    """The named model file, or that of the named run and the run's config; an error where there is none."""
    if Path(name).suffix in FRAMEWORKS:
        if not Path(name).is_file():
            raise FileNotFoundError(f"there is no model file {name}")
        record = Path(f"{name}.json")  # as published networks have
        if record.is_file() and recorded_hash(record) not in ("", file_sha256(Path(name))):
            raise ValueError(f"a model must be the one of the record beside it. Received: {name}")
        return Path(name), None
    if store.record(name) is None and Store(PUBLISHED).record(name):
        raise FileNotFoundError(f"of a published run there is the record alone, no network: train it. Received: {name}")
    config = from_dict(store.named(name, f", or a model by its file ({', '.join(FRAMEWORKS)})")["config"])
    return store.model_path(config), config


def recorded_hash(path: Path) -> str:
    """That of the model of a run's record; "" for any other file."""
    try:
        return str(read_record(path)["model"]["sha256"])
    except ValueError:
        return ""


def read(name: str, decoding: Decoding, declared: Declared, options: Options, force: bool) -> list[Line]:
    """The read-out of one model file or run id; what casts doubt on it is printed as a warning."""
    store = Store.of(options)
    path, config = find(name, store)
    if config and declared.model is not None:
        raise ValueError(f"model must be none for a run, which says its own. Received: model={declared.model!r}")
    record = store.record(run_id(config)) if config else None
    recorded = record["outcome"]["train_accuracy"] if record else None
    if config and decoding.is_default and declared == Declared():
        if not (lines := last_epoch(decode_run(config, options, decoding.probes, force=force))):
            raise ValueError(f"a run must not have diverged to be read out. Received: {name}")
        warn(doubts(lines, chance(prepare(config, options.data_dir, store.models).train.labels), recorded))
        return lines
    if decoding.layers and metadata(path):  # what it says itself is asked before data are looked for
        own = load(path, declared)
        for layer in decoding.layers:
            own.layer(layer)
    model, config, task = opened(path, decoding.given(), options, declared)
    made_of = {"model_sha256": file_sha256(path)}
    lines = [line | made_of for line in read_out(model, config, task, decoding.layers, decoding.made())]
    reasons = {f"no results of {line['reason']}": None for line in lines if "reason" in line}
    warn([*doubts(lines, chance(task.train.labels), recorded), *rescaled(model, config), *reasons])
    return lines


def warn(doubts: Iterable[str]) -> None:
    """Print them, a line each."""
    for doubt in doubts:
        print(f"warning: {doubt}", file=sys.stderr)


def label_of(name: str) -> str:
    """Run id, or file name without its ending."""
    return Path(name).stem if Path(name).suffix in FRAMEWORKS else name


def title_of(probe: str) -> str:
    """Name of a probe's table and figure."""
    return "layers" if probe == "masc" else f"layers_{probe}"


def check_names(names: Sequence[str], store: Store) -> None:
    """An error unless all models are there, and no two write into one folder."""
    paths: dict[str, Path] = {}
    for name in names:
        path = find(name, store)[0].resolve()
        if paths.setdefault(label_of(name), path) != path:
            raise ValueError(
                f"models must have file names of their own, which name their results. Received: {label_of(name)} twice"
            )


def decode_and_draw(name: str, decoding: Decoding, declared: Declared, options: Options, force: bool) -> None:
    """Read one model out, and keep lines, table and figure; the network's own accuracy stands first."""
    label = label_of(name)
    folder = Store.of(options).results / "decoding" / label
    readout = read(name, decoding, declared, options, force)
    write_lines(folder / "readout.jsonl", readout)
    for split, words in (("train_corrupted_labels", "training examples"), ("test", "test examples")):
        if found := own_accuracy(readout, split):
            print(f"the network itself: {found[0] / found[1]:.2%} of {found[1]:,} {words}")
    for probe in decoding.probes:
        table = run_table(readout, f"{label}: test accuracy by layer, {probe}", probe)
        table.save(folder / title_of(probe))
        figures.save(
            figures.layer_accuracies({label: readout}, f"Layer accuracies, {probe}", probe),
            folder / f"{title_of(probe)}.png",
        )
        print(table.markdown())
    print(folder)


def check(name: str, decoding: Decoding, declared: Declared, options: Options) -> None:
    """Print how well a network does with its images prepared in every way, and which way fits it."""
    tried = trials(find(name, Store.of(options))[0], decoding.given(), options, declared)
    for trial in tried:
        print(f"{trial.correct / trial.n:8.2%} of {trial.n:,} training examples: {trial.flags}")
    best, n = tried[0], tried[0].n
    share = best.correct / n
    alike = [
        trial.flags for trial in tried[1:] if best.correct - trial.correct <= 2 * math.sqrt(n * share * (1 - share))
    ]
    if at_chance(best.correct, best.n, best.chance):
        print("none fits: labels, the order of the classes, the crop or the weights are not the network's own")
    else:
        print(f"fits best: {best.flags}" + "".join(f"\nwithin two standard errors: {flags}" for flags in alike))


def show_layers(name: str, decoding: Decoding, declared: Declared, options: Options) -> None:
    """Print whether a model's results are there, and its layers in order."""
    folder, (path, _) = Store.of(options).results / "decoding" / label_of(name), find(name, Store.of(options))
    lines = read_lines(folder / "readout.jsonl") if (folder / "readout.jsonl").exists() else []
    own = file_sha256(path) in (line.get("model_sha256") for line in lines)  # not of another file of its name
    done = own and all((folder / f"{title_of(probe)}.md").exists() for probe in decoding.probes)
    print(f"{'done' if done else 'to decode':11}{name}")
    given = decoding.given()
    if kind_of(given.get("dataset", "")) == ImageInputs.name:
        given = {**UNPREPARED, **given}
    if metadata(path):
        model = load(path, declared)
    else:
        model = opened(path, given, options, declared)[0]  # which needs the images' shape
    print("\n".join(f"        {line}" for line in model.described()))


def main() -> None:
    arguments = parse(__doc__, decoding=Decoding, declared=Declared(), options=Untimed(), actions=Actions())
    decoding, declared, options = arguments.decoding, arguments.declared, arguments.options
    check_off(arguments.actions, "smoke")
    check_names(decoding.models, Store.of(options))
    limit_threads(options.threads)
    for name in decoding.models:
        if arguments.actions.list:
            show_layers(name, decoding, declared, options)
        elif decoding.check:
            check(name, decoding, declared, options)
        else:
            decode_and_draw(name, decoding, declared, options, arguments.actions.force)


if __name__ == "__main__":
    with one_line_errors():
        main()
