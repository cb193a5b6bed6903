"""Networks to decode at once: each opens in its own framework alone, and is the one of the record beside it."""

import dataclasses
import json
import shutil
import sys
from pathlib import Path

import keras
import pytest
import torch

import publish_models as module
from common.analysis.evaluator import metadata
from common.data.datasets import DATASETS
from common.data.inputs import make
from common.errors import OutOfTime, RunsFailed
from common.runs import estimates
from common.runs.config import Config, Options, run_id
from common.runs.store import Store, file_sha256
from common.runs.training import train
from torch_models.trainer import make_model

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
FILES = sorted((ROOT / "saved_models" / "published").glob("*.*[!n]"))
CONFIG = Config(model="mlp2", width=8, dataset="digits", framework="torch", train_size=60, crop=6, epochs=1)


@pytest.fixture
def script(monkeypatch, tmp_path):
    """The script, with one small network that goes to a folder of its own."""
    monkeypatch.setattr(module, "RUNS", {"small.pt": CONFIG})
    monkeypatch.setattr(module, "FOLDER", tmp_path / "published_models")
    for owner in (module, estimates):
        monkeypatch.setattr(owner, "PUBLISHED", tmp_path / "published")
    return module


@pytest.fixture
def command(monkeypatch, tmp_path):
    """A function that sets the command line."""
    given = ["publish_models.py", "--output-dir", str(tmp_path / "own"), "--threads", "1"]
    return lambda *words: monkeypatch.setattr(sys, "argv", [*given, *words])


def assert_published(path, names):
    """Whether it has one of the names, its run's record beside it, and opens plainly."""
    record = json.loads(Path(f"{path}.json").read_text())
    assert path.name in names and record["model"]["sha256"] == file_sha256(path)
    assert record["config"] == metadata(path)["config"]
    if path.suffix == ".pt":
        state = torch.load(path, weights_only=True)["state_dict"]
        parameters = sum(tensor.numel() for tensor in state.values())
    else:
        parameters = keras.models.load_model(path).count_params()
    assert parameters == record["model"]["parameters"]


def test_published_networks_have_their_names_and_records_and_open_plainly():
    for path in FILES:
        assert_published(path, module.RUNS)
    assert sum(path.stat().st_size for path in FILES) <= module.MOST_BYTES == 90 * 10**6


def test_all_that_are_promised_are_light_enough_for_a_clone():
    parameters = 0
    for config in module.RUNS.values():
        source = DATASETS[config.dataset]
        kind = make(source.kind, config, source.shape[1:])
        network = make_model(config, kind.input_shape, source.num_classes, "meta")  # as many as in Keras
        parameters += sum(values.numel() for values in network.state_dict().values())
    assert 80e6 < 4 * parameters < 0.98 * module.MOST_BYTES  # two percent for what files say beside
    assert sum(file.endswith(".h5") for file in module.RUNS) == 11


def test_what_is_trained_is_copied_with_its_record(script, command, capsys, tmp_path):
    command("--names", "small")
    script.main()
    file = tmp_path / "published_models" / "small.pt"
    assert file.read_bytes() == Store(tmp_path / "own").model_path(CONFIG).read_bytes()
    assert capsys.readouterr().out == f"small.pt: {file.stat().st_size / 1e6:.1f} MB\n"
    script.main()
    assert capsys.readouterr().out == "small.pt: published\n"
    file.write_bytes(file.read_bytes()[:-100])  # by a kill, or a hand
    script.main()
    assert capsys.readouterr().out.startswith("small.pt: 0.")
    assert file.read_bytes() == Store(tmp_path / "own").model_path(CONFIG).read_bytes()
    command("--names", "small", "--force")
    script.main()
    assert capsys.readouterr().out == f"small.pt: {file.stat().st_size / 1e6:.1f} MB\n"
    assert {path.name for path in file.parent.iterdir()} == {"small.pt", "small.pt.json"}
    assert_published(file, {"small.pt"})
    with pytest.raises(AssertionError):
        assert_published(file, {})


def test_a_network_in_keras_is_published_as_well(script, command, monkeypatch, tmp_path):
    monkeypatch.setattr(script, "RUNS", {"small.h5": dataclasses.replace(CONFIG, framework="keras")})
    command()
    script.main()
    assert_published(tmp_path / "published_models" / "small.h5", {"small.h5"})


def test_what_differs_from_its_published_record_is_said(script, tmp_path):
    own, published = Store(tmp_path / "own"), Store(tmp_path / "published")
    train(CONFIG, Options(output_dir=own.results, threads=1))
    shutil.copytree(own.folder(run_id(CONFIG)), published.folder(run_id(CONFIG)))
    assert script.copy("small.pt", own).endswith(" MB")
    path, record = published.folder(run_id(CONFIG)) / "run.json", own.record(run_id(CONFIG))
    record["model"]["sha256"] = "0" * 64
    path.write_text(json.dumps(record))
    assert script.copy("small.pt", own).endswith(
        " MB, other bits than the published record's (the same environment: a processor's instructions)"
    )
    record["environment"]["numpy"] = "1.2.3"
    path.write_text(json.dumps(record))
    assert script.copy("small.pt", own).endswith(" MB, other bits than the published record's (environment: numpy)")
    assert script.copy("small.pt", Store(tmp_path / "nowhere")) == "small.pt: not trained"


def test_networks_that_are_too_many_for_a_clone_are_an_error_and_are_not_copied(script, command, monkeypatch, tmp_path):
    monkeypatch.setattr(script, "MOST_BYTES", 10)
    command()
    with pytest.raises(ValueError, match="^files in .* must hold at most 0 MB. Received: 0.0 MB$"):
        script.main()
    assert not (tmp_path / "published_models").exists()
    monkeypatch.setattr(script, "RUNS", {"other.pt": dataclasses.replace(CONFIG, seed=1)})
    (tmp_path / "published_models").mkdir()
    (tmp_path / "published_models" / "small.pt").write_bytes(b"x" * 11)
    with pytest.raises(ValueError, match="^files in .* must hold at most 0 MB"):
        script.check_size([], Store(tmp_path / "own"))


@pytest.mark.parametrize("error", [OutOfTime, RunsFailed])
def test_what_is_done_is_copied_where_the_rest_is_late_or_has_failed(
    script, command, monkeypatch, capsys, tmp_path, error
):
    train(CONFIG, Options(output_dir=tmp_path / "own", threads=1))
    monkeypatch.setattr(script, "run_all", lambda *_: (_ for _ in ()).throw(error("over")))
    command()
    with pytest.raises(error):
        script.main()
    assert capsys.readouterr().out.startswith("small.pt: 0.")


def test_a_wrong_name_is_one_line(script, command):
    command("--names", "smal")
    with pytest.raises(ValueError, match="^names must be one of small.pt, small. Did you mean small"):
        script.main()
