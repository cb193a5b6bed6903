"""Watching a run: a line per epoch where stderr is no terminal, a bar where it is, TensorBoard where asked."""

import sys

import pytest

from common.runs.config import Config, Options, run_id
from common.runs.progress import Progress, event_writer, shown

CONFIG = Config(dataset="digits", epochs=3)
LINE = {"epoch": 2, "learning_rate": 0.01, "train_loss": 0.5, "train_accuracy": 0.75, "test_accuracy": None}


def test_a_line_per_epoch_goes_to_stderr(tmp_path, capsys):
    with Progress(CONFIG, Options(), tmp_path) as progress:
        progress.update(LINE)
    printed = capsys.readouterr()
    assert printed.err == f"{run_id(CONFIG)} epoch 2/3 loss 0.5000 train 0.7500 test –\n" and printed.out == ""
    assert list(tmp_path.iterdir()) == []


def test_a_terminal_gets_a_bar_instead(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    with Progress(CONFIG, Options(), tmp_path) as progress:
        progress.update(LINE)
        assert progress.bar.n == 2 and progress.bar.total == 3
    assert progress.bar.disable  # closed
    printed = capsys.readouterr().err
    assert "2/3" in printed and "loss 0.5000 train 0.7500 test –" in printed and "epoch 2/3" not in printed


@pytest.mark.parametrize("value, text", [(None, "–"), (0.12345, "0.1235"), (12.0, "12.0000")])
def test_what_was_not_measured_is_a_dash(value, text):
    assert shown(value) == text


def scalars(folder):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder)).Reload()
    return {
        name: [(event.step, event.value) for event in events.Scalars(name)]
        if name in events.Tags()["scalars"]
        else [(event.step, event.tensor_proto.float_val[0]) for event in events.Tensors(name)]
        for name in events.Tags()["scalars"] + events.Tags()["tensors"]
    }


@pytest.mark.slow
def test_tensorboard_holds_every_measure_of_every_epoch(tmp_path):
    with Progress(CONFIG, Options(tensorboard=True), tmp_path) as progress:
        progress.update(LINE | {"epoch": 1})
        progress.update(LINE)
    found = scalars(tmp_path / "tensorboard")
    assert set(found) == {"learning_rate", "train_loss", "train_accuracy"}
    assert found["train_loss"] == [(1, 0.5), (2, 0.5)]


def test_an_event_writer_needs_no_framework(tmp_path):
    writer = event_writer(tmp_path)
    writer.add_scalar("a", 1.0, 3)
    writer.close()
    assert scalars(tmp_path) == {"a": [(3, 1.0)]}
