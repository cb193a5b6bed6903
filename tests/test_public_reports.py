"""Inputs from other projects' bug reports: what surrounds a run changes no number and loses no result.

Files of models from such reports are among those of `tests/foreign.py`.
"""

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import foreign
import h5py
import keras
import numpy as np
import pytest
import torch
from filelock import FileLock

from common import cli
from common.analysis import evaluator, probes, readout
from common.data import datasets
from common.report.layers import accuracy, run_table
from common.runs import store
from common.runs.config import Actions, Config, Options
from common.runs.foreign import Declared

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
GIVEN = {"dataset": "digits", "preprocessing": "zero_one", "train_size": 200, "test_size": 50}


def python(code, **environment):
    """What a new process prints, and how it ends."""
    variables = os.environ | {"PYTHONPATH": str(ROOT)} | environment
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=variables, cwd=ROOT)


def test_every_layer_is_read_whatever_its_name(tmp_path):
    written = foreign.CASES["Keras 3: hyphens in names"](tmp_path)
    model = evaluator.load(written.path)
    assert model.layers[1:] == ("fc1", "fc1-bn", "fc1-relu", "head")


def test_layers_within_a_nested_network_are_read(tmp_path):
    for kind in ("Keras 3: nested, .keras", "Keras 2: nested"):
        (tmp_path / kind).mkdir()
        model = evaluator.load(foreign.CASES[kind](tmp_path / kind).path)
        assert "backbone/conv" in model.layers and model.layers[-1] == "head"


def test_a_keras_json_in_the_home_folder_changes_nothing(tmp_path):
    settings = {"floatx": "float16", "epsilon": 0.5, "image_data_format": "channels_first", "backend": "tensorflow"}
    (tmp_path / "keras.json").write_text(json.dumps(settings))
    code = (
        "import keras_models, keras; print(keras.config.image_data_format(), keras.config.floatx(), "
        "keras.config.epsilon(), keras_models.MODELS['alexnet']((28, 28, 3), 10).output_shape)"
    )
    assert python(code, KERAS_HOME=str(tmp_path)).stdout == "channels_last float32 1e-07 (None, 10)\n"


def test_a_backend_that_is_not_installed_is_one_line():
    ended = python(
        "from common.cli import one_line_errors\nwith one_line_errors():\n import keras_models", KERAS_BACKEND="jax"
    )
    assert ended.returncode == 2 and len(ended.stderr.splitlines()) == 1
    assert "KERAS_BACKEND must be a framework that is installed. Received: jax" in ended.stderr


@pytest.mark.parametrize("code", [errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP])
def test_a_file_system_without_locks_is_said_once_and_used(code, tmp_path, monkeypatch, capsys):
    def refuse(*_, **__):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(FileLock, "acquire", refuse)
    for _ in range(2):
        with store.locked(tmp_path / "run"):
            (tmp_path / "run" / "written").touch()
    assert capsys.readouterr().err.count(f"warning: {tmp_path / 'run'} is on a file system without locks") == 1


def test_a_lock_that_fails_for_another_reason_names_the_file(tmp_path, monkeypatch):
    monkeypatch.setattr(FileLock, "acquire", lambda *_, **__: (_ for _ in ()).throw(OSError(errno.EIO, "I/O error")))
    with pytest.raises(OSError, match=f"^{tmp_path / 'run' / 'lock'} could not be locked: I/O error$"):
        with store.locked(tmp_path / "run"):
            pass


def test_a_tilde_is_the_home_folder_in_every_path(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    flags = ["script", "--output-dir=~/runs", "--data-dir=~/data", "--import", "~/a.py", "~/b.py"]
    monkeypatch.setattr(sys, "argv", flags)
    found = cli.parse("", options=Options(), actions=Actions(), declared=Declared())
    assert found.options.output_dir == tmp_path / "runs" and found.options.data_dir == tmp_path / "data"
    assert found.declared.imports == (tmp_path / "a.py", tmp_path / "b.py")


def test_a_data_set_of_ones_own_is_named_with_its_checksum_on_the_command_line(monkeypatch, tmp_path):
    path = foreign.tinted(tmp_path)
    monkeypatch.setattr(sys, "argv", ["script", "--dataset", path])
    found = cli.parse("", config=Config(), options=Options(), actions=Actions())
    assert found.config.dataset == f"{path}@{datasets.load(path).sha256[:8]}"


def test_a_terminal_that_lacks_characters_gets_others():
    code = "from common.cli import one_line_errors\nwith one_line_errors():\n print('\\u2026 95\\u202f%')"
    ended = python(code, PYTHONIOENCODING="ascii")
    assert ended.returncode == 0 and ended.stdout == "? 95?%\n"
    script = [sys.executable, "experiments/decode_layers.py", "--help"]
    helped = subprocess.run(script, cwd=ROOT, capture_output=True, env=os.environ | {"PYTHONIOENCODING": "ascii"})
    assert helped.returncode == 0 and b"RUN_ID_OR_FILE" in helped.stdout


class Dead(torch.nn.Module):
    """A network whose second layer is dead: 0 for every input."""

    def __init__(self):
        super().__init__()
        self.flatten, self.fc1, self.fc2 = torch.nn.Flatten(), torch.nn.Linear(64, 32), torch.nn.Linear(32, 32)
        self.dead, self.head = torch.nn.ReLU(), torch.nn.Linear(96, 10)
        torch.nn.init.zeros_(self.fc2.weight), torch.nn.init.constant_(self.fc2.bias, -1)

    def forward(self, x):
        x = self.flatten(x)
        y = self.fc1(x)
        return self.head(torch.cat([x, self.dead(self.fc2(y))], 1))


def dead(tmp_path):
    """Its file and the code that makes it."""
    made = Dead()
    torch.save(made.state_dict(), tmp_path / "dead.pt")
    return tmp_path / "dead.pt", Declared(module=f"{__file__}:Dead")


def test_one_dead_layer_has_no_results_and_the_others_have_theirs(tmp_path):
    path, declared = dead(tmp_path)
    lines = readout.decode(path, GIVEN, Options(), ("fc1", "dead"), declared=declared)
    read = {line["layer"]: line for line in lines if line["scored_on"] == "test" and line["probe"] == "masc"}
    assert read["fc1"]["correct"] > 25 and "reason" not in read["fc1"]
    assert read["dead"]["correct"] is None and read["dead"]["n"] == 50
    assert read["dead"]["reason"].startswith("masc of dead in dead.pt: ")
    assert accuracy(lines, "dead") is None and accuracy(lines, "fc1") == read["fc1"]["correct"] / 50
    assert "| fc1 |" in run_table(lines).markdown()
    with pytest.raises(ValueError, match="^masc of dead in dead.pt: "):
        readout.decode(path, GIVEN, Options(), ("dead",), declared=declared)


def test_a_layer_too_wide_for_a_probe_leaves_the_others(tmp_path, monkeypatch):
    path, declared = dead(tmp_path)

    class TooWide(probes.NearestClassMean):
        def fit(self, features, labels):
            if features.shape[1] > 40:
                raise MemoryError("Unable to allocate 98.9 GiB for an array with shape (115200, 115200)")
            return super().fit(features, labels)

    lines = readout.decode(path, GIVEN, Options(), ("input", "fc1"), {"qda": TooWide}, declared)
    assert accuracy(lines, "fc1", "qda") > 0.5 and accuracy(lines, "input", "qda") is None
    assert "98.9 GiB" in next(line["reason"] for line in lines if line["layer"] == "input")


def test_a_file_that_is_being_written_is_not_called_broken(tmp_path):
    model = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten(), keras.layers.Dense(10)])
    model.save(tmp_path / "m.h5")
    code = (
        f"import h5py, sys; f = h5py.File({str(tmp_path / 'm.h5')!r}, 'a'); print('open', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as writer:
        writer.stdout.readline()
        with pytest.raises(ValueError, match="m.h5 is open in another process, which may be writing it"):
            evaluator.load(tmp_path / "m.h5")
        writer.stdin.close()
    with h5py.File(tmp_path / "m.h5"):
        assert np.isfinite(evaluator.load(tmp_path / "m.h5").logits(np.zeros((1, 8, 8, 1)))).all()
