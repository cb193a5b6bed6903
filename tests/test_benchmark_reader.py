"""The benchmark of reading from disk at its smallest size: every part runs on the same images and is tabulated."""

import pytest
from pictures import make_source

import benchmark_reader as benchmark
from common.report.benchmarks import flat
from common.runs.store import code_version

pytestmark = pytest.mark.slow


def test_all_parts_are_measured_on_the_images_of_a_folder(monkeypatch, tmp_path, capsys):
    source = make_source(tmp_path / "photographs", train=15)
    words = ["--smoke", "--source", str(source), "--device", "cpu", "--model", "mlp1", "--output-dir", str(tmp_path)]
    monkeypatch.setattr("sys.argv", ["benchmark_reader.py", *words])
    benchmark.main()
    printed = capsys.readouterr()
    (path,) = tmp_path.glob("computations/benchmark_reader-*/table.md")
    assert printed.out.strip() == path.read_text().strip() and "40 images, photographs; array of 16 px" in printed.out
    assert all(f"| {a} / {b} |" in printed.out for a, b in benchmark.CLAIMS)
    monkeypatch.setattr("measure", None)  # what is done is not measured again
    benchmark.main()
    assert capsys.readouterr().out == printed.out


def test_claims_are_about_ratios_of_medians_and_without_a_folder_files_are_as_large_as_imagenets(tmp_path):
    rates = {
        "usual loader": [9, 10, 30],
        "read": [60, 20, 100],
        "read and prepared": [30],
        "trained": [2],
        "trained in memory": [3],
    }
    settings = {"source": "", "side": 320, "crop": 299, "batch_size": 32, "model": "alexnet", "repeats": 3}
    record = {"settings": settings | {"hardware": "a GPU", "threads": 2}, "outcome": {"rates": rates, "images": 7}}
    found = benchmark.table(flat(record | {"code": code_version()}))
    assert [row[3].value for row in found.rows] == [6, 3, 15, 1.5]
    assert [row[4:] for row in found.rows] == [["at least 5", "yes"], [None, None], [None, None], ["at most 1.1", "no"]]
    assert "7 images, JPEGs of 500 x 375 pixels" in found.note
    from PIL import Image

    files = sorted(benchmark.made_up(tmp_path, 12).rglob("*.JPEG"))
    assert len(files) == 12 and len({file.parent for file in files}) == 10
    assert {Image.open(file).size for file in files} == {(500, 375)}
