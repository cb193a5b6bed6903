"""The benchmark of stacked training at its smallest size: both ways run, agree and are tabulated."""

import dataclasses

import pytest

import benchmark_stacked as benchmark
from common.report.benchmarks import flat
from common.runs.config import Options
from common.runs.store import code_version

pytestmark = pytest.mark.slow


def test_both_ways_are_compared_in_one_run(monkeypatch, tmp_path, capsys):
    arguments = ["benchmark_stacked.py", "--smoke", "--device", "cpu", "--output-dir", str(tmp_path)]
    monkeypatch.setattr("sys.argv", arguments)
    benchmark.main()
    printed = capsys.readouterr().out
    (path,) = tmp_path.glob("computations/benchmark_stacked-*/table.md")
    assert printed.strip() == path.read_text().strip()
    assert all(f"| {name} |" in printed for name in ("an epoch", "an evaluation", "both"))
    assert "3 MLPs 2x16, 300 images" in printed
    monkeypatch.setattr(benchmark, "rounds", None)  # what is done is not measured again
    benchmark.main()
    assert capsys.readouterr().out == printed


def test_ratios_are_of_medians_and_weights_are_compared(monkeypatch):
    smallest = benchmark.Benchmark(**benchmark.Benchmark.small | {"repeats": 3})
    seconds = iter(range(1000))
    monkeypatch.setattr(benchmark, "now", lambda device: next(seconds) ** 2)
    found = benchmark.rounds(smallest, Options(device="cpu"))
    # Each measurement takes three moments; a repeat has three networks alone, then all together.
    alone, stacked = (
        [3 + 12 * repeat + 3 * place for repeat in range(3) for place in places] for places in (range(3), [3])
    )
    parts = [[2 * moment + 1 + 2 * part for moment in alone] for part in range(2)]
    record = {"settings": dataclasses.asdict(smallest), "outcome": found, "code": code_version()}
    rows = benchmark.table(flat(record)).rows
    for row, part, second in zip(rows, parts, range(2), strict=False):
        assert row[1].value == sum(part[3:6]) and row[2].value == 2 * stacked[1] + 1 + 2 * second
        assert row[3].value == row[1].value / row[2].value
    assert rows[2][1].value == sum(row[1].value for row in rows[:2])
    memory = found["memory"]
    assert memory["stacked"] >= memory["alone"] > 0.05 and 0 < found["apart"] < 1e-6


@pytest.mark.parametrize("fields, least", [({"runs": 1}, 2), ({"width": 0}, 1), ({"examples": 0}, 1)])
def test_sizes_out_of_range_are_refused(fields, least):
    ((name, value),) = fields.items()
    with pytest.raises(ValueError, match=f"^{name} must be at least {least}. Received: {name}={value}$"):
        benchmark.Benchmark(**fields)
