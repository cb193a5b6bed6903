"""The benchmark of texts at its smallest size: both loops of both frameworks run and are compared."""

import numpy as np
import pytest

import benchmark_texts as benchmark
from common.data.datasets import load
from common.report.benchmarks import flat
from common.runs.store import code_version

pytestmark = pytest.mark.slow


def test_both_loops_are_compared_in_one_run(monkeypatch, tmp_path, capsys):
    arguments = ["benchmark_texts.py", "--smoke", "--threads", "1", "--output-dir", str(tmp_path)]
    monkeypatch.setattr("sys.argv", arguments)
    benchmark.main()
    printed = capsys.readouterr().out
    (path,) = tmp_path.glob("computations/benchmark_texts-*/table.md")
    assert printed.strip() == path.read_text().strip()
    assert "| torch |" in printed and "| keras |" in printed and "128 texts of 20 words" in printed
    monkeypatch.setattr(benchmark, "rounds", None)  # what is done is not measured again
    benchmark.main()
    assert capsys.readouterr().out == printed


def test_a_ratio_is_of_medians_and_must_reach_its_bound():
    seconds = {"torch usual": [3.0, 9.0, 4.0], "torch own": [2.0], "keras usual": [1.0], "keras own": [1.0]}
    settings = {"repeats": 3, "examples": 9, "hardware": "", "threads": 1}
    record = {"settings": settings, "outcome": {"seconds": seconds}, "code": code_version()}
    rows = [[getattr(cell, "value", cell) for cell in row] for row in benchmark.table(flat(record)).rows]
    assert rows == [
        ["torch", 4.0, 2.0, 2.0, "at least 1.5", "yes"],
        ["keras", 1.0, 1.0, 1.0, "at least 1.5", "no"],
    ]


@pytest.mark.data
def test_texts_are_of_trecs_size(data_dir):
    texts, labels = benchmark.data(5380)
    trec = load("trec", data_dir).x_train[:, -20:]
    assert texts.shape == (5380, 20) and labels.max() == 5 and 1 < texts[texts > 0].min() + 1
    assert abs((texts > 0).sum(1).mean() - (trec > 0).sum(1).mean()) < 1
    assert texts.max() == benchmark.IDS - 1 and np.mean(texts[texts > 0] > 1000) == pytest.approx(
        np.mean(trec[trec > 0] > 1000), abs=0.1
    )
