"""A study is told how it was called, and what it is told reaches what it calls."""

import dataclasses
import inspect
import sys

import pytest

from common import study
from common.papers.arpit import studies as arpit
from common.papers.decoding import studies as decoding
from common.papers.language import studies as language
from common.papers.zhang import studies as zhang
from common.runs.config import Actions, Config, Options
from common.study import Call, Seeds, Study

pytestmark = pytest.mark.slow

MEASURES = ("decode_run", "decode_controls", "measured_run", "critical_run", "sharpness_run", "sensitivity_run",
            "statistics_run", "similarity_run")  # fmt: skip
BASE = Config(model="mlp1", dataset="digits", train_size=200, crop=6, epochs=2, batch_size=32)


def names_of(read):
    """Globals of the module of a study's `read`."""
    return getattr(read, "func", read).__globals__


READ = [
    each for wing in (zhang, decoding, arpit, language) for each in wing.STUDIES
    if each.read is not Study.read and not names_of(each.read).keys().isdisjoint(MEASURES)
]  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Widths(Seeds):
    widths: tuple[int, ...] = (4, 8)

    def rows(self, preset):
        return [{"width": width} for width in self.widths]


def test_a_study_does_what_the_command_line_says_and_knows_how_it_was_called(tmp_path, monkeypatch):
    ran, called = [], []
    monkeypatch.setattr(
        study, "run_all", lambda configs, options, actions: ran.append((configs, options, actions)) or []
    )
    monkeypatch.setattr(
        sys, "argv", ["widths.py", "--force", "--smoke", "--widths", "8", "--output-dir", str(tmp_path)]
    )
    widths = Study(
        "widths", Widths(), dataclasses.replace(BASE, model="mlp2"), keep_epochs=(1,), stack=False,
        smoke={"widths": (4,), "seeds": (3,)},
        report=lambda runs, call: called.append(call) or {}, read=lambda configs, call: called.append(call),
    )  # fmt: skip
    widths.main("doc")
    config, options = dataclasses.replace(BASE, model="mlp2", width=8, seed=3), Options(output_dir=tmp_path)
    trained = dataclasses.replace(options, keep_epochs=(1,), stack=False)
    assert ran == [([config], trained, Actions(force=True, smoke=True))]
    assert called == [Call("small", Widths(seeds=(3,), widths=(8,)), options, force=True, changed=True)] * 2


@pytest.mark.parametrize(
    "flag, changed", [("seed", False), ("framework", False), ("precision", False), ("models", False), ("epochs", True)]
)
def test_runs_that_flags_change_in_more_than_framework_precision_and_seed_are_reduced(flag, changed):
    assert study.changes([flag], Actions()) is changed and study.changes([], Actions(smoke=True))


@pytest.mark.parametrize("forced", [False, True])
@pytest.mark.parametrize("reading", READ, ids=lambda each: each.name)
def test_whatever_a_study_reads_out_it_reads_out_again_when_forced(reading, forced, tmp_path, monkeypatch):
    told, names = [], names_of(reading.read)
    for name in names.keys() & set(MEASURES):
        signature = inspect.signature(names[name])

        def measure(*arguments, signature=signature, **keywords):
            told.append(signature.bind(*arguments, **keywords).arguments.get("force", False))
            return []

        monkeypatch.setitem(names, name, measure)
    call = Call("small", reading.grid, Options(output_dir=tmp_path), forced)
    reading.read(reading.configs(reading.default, reading.grid, "small"), call)
    assert set(told) == {forced}


def test_most_studies_read_out_more_than_records():
    assert len(READ) >= 10
