"""Networks to decode at once: each opens in its own framework alone, and is the one of its published record."""

import importlib
import sys
from pathlib import Path

import keras
import pytest
import torch

from common.analysis.evaluator import metadata
from common.errors import OutOfTime
from common.runs.config import Config, Options, from_dict, run_id
from common.runs.store import PUBLISHED, Store, file_sha256
from common.runs.training import train

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
FILES = sorted((ROOT / "saved_models" / "published").glob("*"))
CONFIG = Config(model="mlp2", width=8, dataset="digits", framework="torch", train_size=60, crop=6, epochs=1)


@pytest.fixture
def script(monkeypatch, tmp_path):
    """The script, with one small network that goes to a folder of its own."""
    monkeypatch.syspath_prepend(str(ROOT / "experiments"))
    module = importlib.import_module("publish_models")
    monkeypatch.setattr(module, "RUNS", {"small.pt": CONFIG})
    monkeypatch.setattr(module, "FOLDER", tmp_path / "published_models")
    for owner in (
        module,
        importlib.import_module("common.runs.store"),
        importlib.import_module("common.runs.estimates"),
    ):
        monkeypatch.setattr(owner, "PUBLISHED", tmp_path / "published")
    return module


@pytest.fixture
def command(monkeypatch, tmp_path):
    """A function that sets the command line."""
    given = ["publish_models.py", "--output-dir", str(tmp_path / "own"), "--threads", "1"]
    return lambda *words: monkeypatch.setattr(sys, "argv", [*given, *words])


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_published_network_opens_plainly_and_is_its_records(path):
    record = Store(PUBLISHED).record(run_id(from_dict(metadata(path)["config"])))
    assert record["model"]["sha256"] == file_sha256(path)
    if path.suffix == ".pt":
        state = torch.load(path, weights_only=True)["state_dict"]
        assert sum(tensor.numel() for tensor in state.values()) >= record["model"]["parameters"]
    else:
        assert keras.models.load_model(path).count_params() >= record["model"]["parameters"]


def test_published_networks_are_light_and_named(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "experiments"))
    module = importlib.import_module("publish_models")
    assert {path.name for path in FILES} <= set(module.RUNS)
    assert sum(path.stat().st_size for path in FILES) <= module.MOST_BYTES == 90 * 10**6


def test_what_is_trained_is_copied_with_its_record(script, command, capsys, tmp_path):
    command("--names", "small")
    script.main()
    store, file = Store(tmp_path / "own"), tmp_path / "published_models" / "small.pt"
    assert file.read_bytes() == store.model_path(CONFIG).read_bytes()
    assert (tmp_path / "published" / "runs" / run_id(CONFIG) / "run.json").exists()
    assert capsys.readouterr().out == f"small.pt: {file.stat().st_size / 1e6:.1f} MB\n"
    script.main()
    assert [path.name for path in file.parent.iterdir()] == ["small.pt"]


def test_what_differs_from_its_published_record_is_said_and_not_copied(script, tmp_path):
    store = Store(tmp_path / "own")
    train(CONFIG, Options(output_dir=store.results, threads=1))
    script.copy("small.pt", store)
    record = tmp_path / "published" / "runs" / run_id(CONFIG) / "run.json"
    sha256 = store.record(run_id(CONFIG))["model"]["sha256"]
    record.write_text(record.read_text().replace(sha256, "0" * 64).replace('"numpy": "', '"numpy": "1.'))
    (tmp_path / "published_models" / "small.pt").unlink()
    assert script.copy("small.pt", store) == (
        "small.pt: not the published record's hash; its environment differs in numpy"
    )
    assert script.copy("small.pt", Store(tmp_path / "nowhere")) == "small.pt: not trained"
    assert not [*(tmp_path / "published_models").iterdir()]


def test_networks_that_are_too_many_for_a_clone_are_an_error(script, command, monkeypatch):
    monkeypatch.setattr(script, "MOST_BYTES", 10)
    command()
    with pytest.raises(ValueError, match="^files in .* must hold at most 0 MB. Received: 0.0 MB$"):
        script.main()


def test_what_is_done_is_copied_where_time_is_over_before_the_rest(script, command, monkeypatch, capsys, tmp_path):
    train(CONFIG, Options(output_dir=tmp_path / "own", threads=1))
    monkeypatch.setattr(script, "run_all", lambda *_: (_ for _ in ()).throw(OutOfTime("over")))
    command()
    with pytest.raises(OutOfTime):
        script.main()
    assert capsys.readouterr().out.startswith("small.pt: 0.")


def test_a_wrong_name_is_one_line(script, command):
    command("--names", "smal")
    with pytest.raises(ValueError, match="^names must be one of small.pt, small. Did you mean small"):
        script.main()
