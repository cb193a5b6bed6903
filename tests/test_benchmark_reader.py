"""The benchmark of reading from disk at its smallest size: every part runs on the same images and is tabulated."""

import dataclasses

import pytest
from pictures import make_source, stored_set

import benchmark_reader as benchmark
from common.data import stored
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
    monkeypatch.setattr(benchmark, "measure", None)  # what is done is not measured again
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
    settings = dataclasses.asdict(benchmark.Benchmark())
    record = {"settings": settings | {"hardware": "a GPU", "threads": 2}, "outcome": {"rates": rates, "images": 7}}
    found = benchmark.table(flat(record | {"code": code_version()}))
    assert [row[3].value for row in found.rows] == [6, 3, 30, 15, 1.5]
    assert [row[4] for row in found.rows] == ["at least 5", None, None, None, "at most 1.1"]
    assert [row[5] for row in found.rows] == ["yes", None, None, None, "no"]
    assert "7 images, JPEGs of 500 x 375 pixels" in found.note
    from PIL import Image

    files = sorted(benchmark.made_up(tmp_path, 12).rglob("*.JPEG"))
    assert len(files) == 12 and len({file.parent for file in files}) == 10
    assert {Image.open(file).size for file in files} == {(500, 375)}


def test_images_that_are_too_many_to_be_read_at_once_elsewhere_are_put_in_memory(monkeypatch, tmp_path):
    images, labels, *_ = stored.load(stored_set(tmp_path / "things_12", 10, 12))
    monkeypatch.setattr(stored, "WHOLE", 0)
    parts = benchmark.ours(images, labels, benchmark.Benchmark(model="mlp1", crop=8, batch_size=5, device="cpu"))
    assert parts[benchmark.MEMORY]().loss == parts[benchmark.TRAINED]().loss


def test_a_synthetic_array_is_read_and_trained_on_alone_and_inception_v3_by_the_papers_recipe(
    monkeypatch, tmp_path, capsys
):
    words = ["--smoke", "--synthetic", "--precision", "bfloat16", "--model", "mlp1", "--device", "cpu"]
    monkeypatch.setattr("sys.argv", ["benchmark_reader.py", *words, "--output-dir", str(tmp_path)])
    benchmark.main()
    printed = capsys.readouterr().out
    assert "40 images, random pixels; array of 16 px" in printed and "mlp1 in bfloat16" in printed
    assert "usual loader" not in printed and printed.count("/ trained |") == 3
    config = benchmark.config_of(benchmark.Benchmark(model="inception_v3", batch_size=256, precision="bfloat16"))
    assert (config.crop, config.batch_size, config.precision) == (299, 256, "bfloat16")
    assert (config.batch_norm_group, config.optimizer, config.auxiliary_weight) == (32, "rmsprop", 0.4)
    assert config.random_box and config.weight_average and config.initializer == "inception_v3"
