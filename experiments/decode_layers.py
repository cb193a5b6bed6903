"""What do the layers of a saved network still know? The minimum angle subspace classifier on every layer.

Claim:     Ketha & Ramaswamy (2025), arXiv 2501.14687: in a network that has memorized corrupted labels, class subspaces
           of a layer, fitted on those same corrupted labels, classify the test set better than the network itself.
Run:       python experiments/decode_layers.py RUN_ID_OR_FILE …      (.h5 or .pt, or the id of a run)
           python experiments/decode_layers.py model.h5 --dataset mnist --preprocessing minus_one_one
           python experiments/decode_layers.py state_dict.pt --model cnn --dataset mnist --labels labels.npy
Result:    for each model layers.md, layers.csv, layers.png (of masc; of other probes layers_PROBE.*) and readout.jsonl
           under results/decoding/; for a run of the suite readout.jsonl is kept in the run's folder too
Time:      under a second for a network on digits; 1 to 3 minutes for an MLP on CIFAR-10 on one core
Deviations: the layer is chosen on training examples held out from the network (--validation-size at training), scored
           with the labels a user has; the papers choose it on test data, which is reported beside it
"""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import tyro

from common.analysis.readout import FOREIGN, Line, Probes, decode, decode_run, named
from common.cli import given_flags, one_line_errors, parse
from common.report import figures
from common.report.layers import run_table
from common.runs.config import Actions, Config, Options, from_dict
from common.runs.parts import Data, Inputs
from common.runs.store import Store, file_sha256, write_lines
from common.runs.threads import limit_threads
from common.study import save


@dataclass(frozen=True, kw_only=True)
class Decoding(Inputs, Data):
    """What is decoded, on which data. Where a flag of the data is not given, the model file's own word counts."""

    models: Annotated[tuple[str, ...], tyro.conf.Positional]
    """Model files (.h5, .pt) or run ids."""
    model: str | None = None
    """Architecture of a .pt that holds a bare state dict under that architecture's names."""
    probes: tuple[str, ...] = ("masc",)
    """Probes, by their names in common/analysis/probes.py."""
    layers: tuple[str, ...] = ()
    """Layers to read; none means all but the last."""
    variance: float = 0.99
    """Share of each class's variance that its subspace holds."""
    dataset: str = FOREIGN.dataset
    """Data set."""
    crop: int | None = FOREIGN.crop
    """Side of the centre crop in pixels; none keeps all of it."""
    labels: str | None = None
    """Labels that the network was trained on (.npy): one for each training example, or each of the subset."""
    data_seed: int = FOREIGN.data_seed
    """Seed of subset and corruption."""

    def __post_init__(self) -> None:
        for name in ("models", "probes"):
            if not getattr(self, name):
                raise ValueError(f"{name} must name at least one. Received: {name}=()")
        named(self.probes)
        if "variance" in given_flags() and "masc" not in self.probes:
            raise ValueError(f"variance must go with masc among the probes. Received: variance={self.variance}")

    def given(self) -> dict[str, Any]:
        """Fields of a Config that the command line names."""
        fields = dataclasses.asdict(self) | {"labels": self.labels and str(Path(self.labels).absolute())}
        return {name: fields[name] for name in sorted(given_flags() & Config.types().keys() & fields.keys())}

    def made(self) -> Probes:
        """Functions that make the named probes, `masc` with the given variance."""
        probes = named(self.probes)
        return {**probes, "masc": partial(probes["masc"], self.variance)} if "masc" in probes else probes


def find(name: str, store: Store) -> tuple[Path, Config | None]:
    """The named model file, or that of the named run and the run's config; an error where there is none."""
    if name.endswith((".h5", ".pt")):
        if not Path(name).is_file():
            raise FileNotFoundError(f"there is no model file {name}")
        return Path(name), None
    if (record := store.record(name)) is None:
        raise ValueError(
            f"a model must be a .h5 or .pt file, or a run id under {store.results / 'runs'}. Received: {name}"
        )
    config = from_dict(record["config"])
    return store.model_path(config), config


def read(name: str, decoding: Decoding, options: Options, force: bool) -> list[Line]:
    """The read-out of one model file or run id."""
    path, config = find(name, Store.of(options))
    if config and decoding.model is not None:
        raise ValueError(f"model must be none for a run, which says its own. Received: model={decoding.model!r}")
    if config and not decoding.given() and not decoding.layers and decoding.variance == Decoding.variance:
        if not (lines := decode_run(config, options, decoding.probes, force=force)):
            raise ValueError(f"a run must not have diverged to be read out. Received: {name}")
        return lines
    made_of = {"model_sha256": file_sha256(path)}
    return [line | made_of for line in decode(path, decoding.given(), options, decoding.layers, decoding.made())]


def label_of(name: str) -> str:
    """Run id, or file name without its ending."""
    return Path(name).name.removesuffix(".h5").removesuffix(".pt")


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


def decode_and_draw(name: str, decoding: Decoding, options: Options, force: bool) -> None:
    """Read one model out, and keep lines, table and figure."""
    label = label_of(name)
    folder = Store.of(options).results / "decoding" / label
    readout = read(name, decoding, options, force)
    write_lines(folder / "readout.jsonl", readout)
    for probe in decoding.probes:
        table = run_table(readout, f"{label}: test accuracy by layer, {probe}", probe)
        figure = figures.layer_accuracies({label: readout}, f"Layer accuracies, {probe}", probe)
        save(table, folder / title_of(probe))
        save(figure, folder / title_of(probe))
        print(table.markdown())
    print(folder)


def main() -> None:
    arguments = parse(__doc__, decoding=Decoding, options=Options(), actions=Actions())
    decoding, options, actions = arguments.decoding, arguments.options, arguments.actions
    if actions.smoke:
        raise ValueError("smoke must be off where nothing is trained. Received: smoke=True")
    check_names(decoding.models, Store.of(options))
    limit_threads(options.threads)
    for name in decoding.models:
        if actions.list:
            folder = Store.of(options).results / "decoding" / label_of(name)
            done = all((folder / f"{title_of(probe)}.md").exists() for probe in decoding.probes)
            print(f"{'done' if done else 'missing':8}{name}")
        else:
            decode_and_draw(name, decoding, options, actions.force)


if __name__ == "__main__":
    with one_line_errors():
        main()
