"""A script of computations: cases, flags, what is done once, what is refused before anything is computed."""

import dataclasses
import sys

import pytest

from common import study
from common.report.tables import Table
from common.runs.computation import Computation, Computed, Result
from common.runs.config import Options
from common.runs.store import Store
from common.study import ComputedStudy


@dataclasses.dataclass(frozen=True)
class Power(Computation):
    """A power."""

    slug = "power"

    base: int = 2
    """Base."""
    exponent: int = 1
    """Exponent."""


COMPUTED = []


def compute(computation, options):
    COMPUTED.append(computation)
    return Result({"value": computation.base**computation.exponent}, arrays={"base": [computation.base]})


def check(computation, options):
    if computation.exponent > 9:
        raise ValueError(f"exponent must be at most 9. Received: exponent={computation.exponent}")


def report(computed):
    rows = [[one.settings["base"], one.settings["exponent"], one.outcome["value"]] for one in computed]
    return {"powers": Table("Powers", ["base", "exponent", "value"], rows)}


def cases(preset):
    return [{"base": 3}, {"base": 5, "exponent": 2}] if preset == "paper" else [{"base": 3}]


STUDY = ComputedStudy("powers", Power(), cases, {"base": 1}, compute, report, check)


@pytest.fixture
def script(monkeypatch, capsys, tmp_path):
    """Runs the study as a script; returns what was computed, what was printed, and the exit status."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["powers.py", "--output-dir", str(tmp_path), *arguments])
        COMPUTED.clear()
        try:
            status = STUDY.main("Powers.") or 0
        except SystemExit as ended:
            status = ended.code
        return [(one.base, one.exponent) for one in COMPUTED], capsys.readouterr(), status

    return run


def test_each_case_is_computed_once_and_shown(script, tmp_path):
    computed, printed, _ = script()
    assert computed == [(3, 1), (5, 2)] and "| 5 | 2 | 25 |" in printed.out
    assert (tmp_path / "powers" / "powers.csv").read_text() == "base,exponent,value\n3,1,3\n5,2,25\n"
    computed, again, _ = script()
    assert computed == [] and again.out == printed.out
    assert script("--force", "--preset", "small")[0] == [(3, 1)]


def test_a_flag_picks_cases_or_holds_for_all(script):
    assert script("--base", "5")[0] == [(5, 2)]
    assert script("--exponent", "4")[0] == [(3, 4), (5, 4)]
    assert script("--base", "7", "--exponent", "2")[0] == [(7, 2)]
    assert script("--smoke")[0] == [(1, 1), (1, 2)]


def test_what_there_is_is_listed(script):
    script("--preset", "small")
    _, printed, _ = script("--list")
    *lines, total = printed.out.splitlines()
    assert [line.split()[0] for line in lines] == ["done", "missing"]
    assert total == "2 computations, about 1 second of computing left, one after the other"
    assert "Power(base=5, exponent=2)" in printed.out


def test_what_is_published_is_recorded(script, monkeypatch, tmp_path):
    script("--preset", "small")
    monkeypatch.setattr(study, "PUBLISHED", tmp_path)
    _, printed, _ = script("--list", "--output-dir", str(tmp_path / "own"))
    assert [line.split()[0] for line in printed.out.splitlines()[:2]] == ["recorded", "missing"]


def test_what_cannot_be_computed_is_refused_before_anything_is(script):
    computed, printed, status = script("--exponent", "10")
    assert computed == [] and status == 2
    assert printed.err == "error: exponent must be at most 9. Received: exponent=10\n"


def test_computations_are_read_as_they_were_written(script, tmp_path):
    script()
    found = Computed.under(Store.of(Options(output_dir=tmp_path)), "power")
    assert {one.outcome["value"] for one in found} == {3, 25} and [one.id for one in found] == sorted(
        one.id for one in found
    )
    assert {int(one.arrays["base"][0]) for one in found} == {3, 5}
    (found[0].folder / "arrays.npz").unlink()
    assert Computed(found[0].folder).arrays == {}
