"""The benchmark of MASC at its smallest size: every part runs, agrees and is tabulated."""

import dataclasses
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import benchmark_probes as benchmark
from common.analysis.linalg import principal_subspace
from common.report.benchmarks import flat
from common.runs.config import Options
from common.runs.store import code_version

pytestmark = pytest.mark.slow

EXPERIMENTS = Path(__file__).parents[1] / "experiments"


def test_every_target_has_its_row(tmp_path):
    command = [sys.executable, EXPERIMENTS / "benchmark_probes.py", "--smoke", "--threads", "1"]
    done = subprocess.run([*command, "--output-dir", tmp_path], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (path,) = tmp_path.glob("computations/benchmark_probes-*/table.md")
    table = path.read_text()
    assert done.stdout == table + "\n"
    for target in ("at most 1.5", "at least 3", "at most 1 |", "| predictions that differ | – | – | 0 | 0 | yes |"):
        assert target in table


def test_masc_alone(capsys):
    alone = benchmark.Benchmark(**benchmark.Benchmark.small, masc_only=True, threads=1)
    record = {
        "settings": dataclasses.asdict(alone),
        "outcome": benchmark.rounds(alone, Options()),
        "code": code_version(),
    }
    table = benchmark.table(flat(record))
    ((seconds, peak, features, subspaces),) = table.rows
    assert features.value == 1100 * 64 * 4 / 1e9 < peak.value and 0 < subspaces.value <= 4 * 32 * 64 * 8 / 1e9
    assert "time goes to" in table.note and "published" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"test_rows": 0}, "test_rows must be at least 1. Received: test_rows=0"),
        ({"rows": 9}, "rows must be at least 2 for each class. Received: rows=9, classes=10"),
    ],
)
def test_sizes_out_of_range_are_refused(fields, message):
    with pytest.raises(ValueError) as error:
        benchmark.Benchmark(**fields)
    assert str(error.value) == message


@pytest.mark.parametrize("shape", [(90, 20), (20, 90)], ids=["tall", "wide"])
@pytest.mark.parametrize("size", [4, 15])
def test_the_products_alone_have_the_shapes_of_mascs(shape, size):
    rows = np.random.default_rng(0).standard_normal(shape)
    bases = benchmark.basis(rows, size), principal_subspace(rows, components=size).basis
    projectors = [basis.T @ basis for basis in bases]  # signs of directions are free
    np.testing.assert_allclose(*projectors, atol=1e-12)
