"""Processes that are killed and files that are broken: nothing lost, nothing twice, one clear line."""

import random
from collections import Counter

import pytest

import durability_files as files
import durability_kills as kills
from common.runs.config import Options

pytestmark = pytest.mark.slow


def test_what_is_killed_ends_in_the_same_and_leaves_nothing():
    found = kills.measure(kills.Benchmark(kills=3, epochs=8, seeds=1), Options())
    assert sum(found["kills"].values()) == 3 and found["runs"] >= 2 + found["kills"].get("run", 0)
    assert set(found["wrong"].values()) == {0}
    assert "3 kills at random moments" in kills.table({**found, **described(kills.Benchmark())}).markdown()


def described(settings):
    return {"hardware": "a processor", "benchmark": {"repeats": 1}, "code": {"commit": None, "dirty": False}}


def test_other_bits_lost_runs_and_what_is_left_are_seen(tmp_path):
    command = kills.Command("run", ("none.py",), ("run",), tmp_path)
    (tmp_path / "runs" / "a").mkdir(parents=True)
    command.start()
    assert not command.wait() and not command.ended_well and not command.running
    (tmp_path / "runs" / "a" / "checkpoint.npz").write_bytes(b"")
    assert [path.name for path in kills.left_over(tmp_path)] == ["checkpoint.npz"]
    before = kills.times(tmp_path)
    (tmp_path / "runs" / "a" / "run.json").write_text("{}")
    assert before == {} and set(kills.times(tmp_path)) == {"a"}


def test_a_checkpoint_that_goes_back_is_seen(tmp_path, monkeypatch):
    command = kills.Command("run", (), (), tmp_path)
    monkeypatch.setattr(kills, "checkpoints", lambda folder: [("a", 3)])
    command.watch()
    monkeypatch.setattr(kills, "checkpoints", lambda folder: [("a", 2)])
    command.watch()
    assert command.wrong == Counter({"went back": 1}) and command.written == 1


def test_broken_files_of_every_kind_are_refused_in_one_line():
    found = files.measure(files.Benchmark(files=2 * len(files.KINDS)), Options())
    assert found["wrong"] == {}
    assert all(sum(counts.values()) == 2 for counts in found["counts"].values())
    assert f"{2 * len(files.KINDS)} broken files" in files.table({**found, **described(files.Benchmark())}).markdown()


def test_files_are_broken_in_six_ways(tmp_path):
    choose, content, marker = random.Random(0), bytes(range(200)), tmp_path / "marker"
    made = {name: way(content, choose, b"other", marker) for name, way in files.BREAK.items()}
    assert len(made["cut"]) < 200 and content.startswith(made["cut"]) and made["empty"] == b""
    assert len(made["bits flipped"]) == 200 and made["bits flipped"] != content and made["swapped"] == b"other"
    assert b"1152921504606846976" in made["huge header"] and b"touch" in made["pickle with code"]
    assert not marker.exists()


def test_answers_are_judged_by_what_a_user_sees():
    answer, kind, judged = files.Answer, files.KINDS[0], files.judged
    whole = answer(0, "the same", [])
    refused = answer(2, "", ["error: a model must be whole"])
    two_lines = answer(2, "", ["a warning", "error: a model must be whole"])
    answers = [answer(None, "", ["Traceback"]), two_lines, refused, whole, answer(0, "another", [])]
    expected = ["ended in a traceback", "ended in a traceback", "refused in one line", "read as the whole file"]
    assert [judged(kind, whole, found) for found in answers] == [*expected, "not seen to be altered"]
