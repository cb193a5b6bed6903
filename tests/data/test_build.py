"""Arrays of folders of images: the same bytes however they are made, and one line for what cannot be one."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import Future
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import psutil
import pytest
from pictures import MODES, make_source, picture
from PIL import Image

from common.data import build, datasets, stored
from common.data.listing import list_source
from common.files import replacing
from common.runs.config import Config, run_id

SIDE, LUMA = 16, (0.299, 0.587, 0.114)


def content(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def run(*words, **settings):
    command = [sys.executable, "-m", "common.data.datasets", *map(str, words)]
    return subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, **settings)


@pytest.fixture
def in_process(monkeypatch):
    """Chunks are decoded here, not by other processes."""

    class Processes:
        def __init__(self, *_):
            pass

        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

        def submit(self, function, *arguments):
            future = Future()
            try:
                future.set_result(function(*arguments))
            except BaseException as error:
                future.set_exception(error)
            return future

        def shutdown(self, **_):
            pass

    monkeypatch.setattr(build, "ProcessPoolExecutor", Processes)
    monkeypatch.setattr(build, "CHUNK", 4)


@pytest.fixture
def source(tmp_path):
    return make_source(tmp_path / "source")


def made(source, tmp_path, capsys=None, side=SIDE, name="things"):
    """What the command says and what it leaves."""
    words = [name, "--source", source, "--side", side, "--workers", 1, "--data-dir", tmp_path]
    status = datasets.main([*map(str, words)])
    return status, capsys.readouterr() if capsys else None


def refused(source, tmp_path, capsys):
    status, printed = made(source, tmp_path, capsys)
    lines = [line for line in printed.err.splitlines() if "%" not in line]
    assert status == 2 and len(lines) == 1 and not (tmp_path / f"things_{SIDE}" / stored.SIDECAR).exists()
    assert lines[0].startswith("error: ")
    return lines[0].removeprefix("error: ")


def test_a_folder_of_images_is_a_data_set_with_everything_known_of_each(source, tmp_path, capsys, in_process):
    status, printed = made(source, tmp_path, capsys)
    assert (status, printed.out) == (0, "things_16: train (21, 16, 16, 3), test (9, 16, 16, 3), 3 classes\n")
    data = datasets.load("things_16", tmp_path)
    files = sorted((source / "train").rglob("*.JPEG"))
    assert json.loads((tmp_path / "things_16" / "train_files.json").read_text())[0] == [
        str(file.relative_to(source)) for file in files
    ]
    assert data.y_train.tolist() == [0] * 7 + [1] * 7 + [2] * 7 and data.y_test.tolist() == [0] * 3 + [1] * 3 + [2] * 3
    whole = np.asarray(data.x_train)
    for place, file in enumerate(files):
        with Image.open(file) as opened:
            np.testing.assert_array_equal(whole[place], opened.resize((SIDE, SIDE), Image.Resampling.BILINEAR))
            assert data.x_train.ratios[place] == pytest.approx(opened.width / opened.height)
    assert data.num_classes == 3 and data.kind == datasets.kind_of("things_16") == "images"
    parts = [f"{split}{end}" for split in ("test", "train") for end in (".npy", "_facts.npy", "_files.json")]
    assert sorted(content(tmp_path / "things_16")) == ["array.json", *parts]
    shutil.rmtree(source)  # it is not needed any more, and what is there is not made again
    assert made(source, tmp_path, capsys)[1].out == printed.out
    assert datasets.main(["things_16", "--data-dir", str(tmp_path)]) == 0


def test_its_name_in_a_config_may_hold_its_checksum_and_its_path_does(source, tmp_path, in_process):
    made(source, tmp_path)
    folder = tmp_path / "things_16"
    sha256 = datasets.load("things_16", tmp_path).sha256
    assert datasets.load(f"things_16@{sha256[:8]}", tmp_path).sha256 == sha256 == datasets.load(str(folder)).sha256
    assert datasets.identified(str(folder)) == f"{folder}@{sha256[:8]}"
    assert run_id(Config(dataset="things_16", framework="torch")).startswith("mlp3-things_16-true-torch-seed0-")
    for name in ("things_16@00000000", f"{folder}@00000000"):
        with pytest.raises(
            ValueError, match=f"things_16 is not the data set of before: expected 0{{8}}, found {sha256[:8]}"
        ):
            datasets.load(name, tmp_path)
    other = make_source(tmp_path / "other", test=2)
    made(other, tmp_path, name="others")
    assert datasets.load("others_16", tmp_path).sha256 != sha256


@pytest.mark.slow
def test_an_array_that_was_killed_twice_is_the_same_bytes_and_its_processes_end_with_it(tmp_path):
    source = make_source(tmp_path / "source", train=200, test=4)
    for folder in ("whole", "killed"):
        (tmp_path / folder).mkdir()
    words = ["things", "--source", source, "--side", "64", "--workers", "2", "--data-dir"]
    assert run(*words, tmp_path / "whole").wait() == 0
    script = (  # slow enough to be killed half-way
        "import sys, time; from common.data import build, datasets; build.MARK_SECONDS = 0.0; build.CHUNK = 20\n"
        "keep = build.write\n"
        "def write(path, text):\n    keep(path, text); path.name.endswith('_done') and time.sleep(0.2)\n"
        "build.write = write\n"
        "if __name__ == '__main__': sys.exit(datasets.main(sys.argv[1:]))"
    )
    (tmp_path / "slow.py").write_text(script)
    counts = []
    for _ in range(2):
        process = subprocess.Popen(
            [sys.executable, tmp_path / "slow.py", *map(str, words), tmp_path / "killed"], stderr=subprocess.DEVNULL
        )
        mark, before = tmp_path / "killed" / "things_64" / "train_done", counts[-1] if counts else 0
        while process.poll() is None and not (mark.exists() and sum(mark.read_bytes()) > before + 4):
            time.sleep(0.02)
        children = psutil.Process(process.pid).children(recursive=True)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        counts.append(sum(mark.read_bytes()))
        assert len(children) > 1 and not psutil.wait_procs(children, timeout=20)[1]
    assert 0 < counts[0] < counts[1] < 30 and not (tmp_path / "killed" / "things_64" / stored.SIDECAR).exists()
    (tmp_path / "slow.py").write_text(script.replace("time.sleep(0.2)", "None"))
    assert subprocess.run([sys.executable, tmp_path / "slow.py", *map(str, words), tmp_path / "killed"]).returncode == 0
    assert content(tmp_path / "killed" / "things_64") == content(tmp_path / "whole" / "things_64")


def test_grey_cmyk_and_palette_images_become_rgb(tmp_path, in_process):
    source = make_source(tmp_path / "source", classes=("a", "b"), train=1, test=1)
    for mode in MODES:
        form = "PNG" if mode in ("P", "RGBA") else "JPEG"
        picture(99, mode=mode).save(source / "train" / "a" / f"x{mode}.{form}", form, quality=95)
    made(source, tmp_path)
    images = dict(
        zip(MODES, np.asarray(datasets.load("things_16", tmp_path).x_train)[[4, 2, 1, 3, 5]].astype(int), strict=True)
    )
    assert np.ptp(images["L"], -1).max() == 0 and np.abs(images["RGB"] @ LUMA - images["L"][..., 0]).mean() < 4
    for mode in ("CMYK", "P", "RGBA"):
        assert np.abs(images[mode] - images["RGB"]).mean() < 12


def test_a_truncated_image_is_refused_by_name_and_others_are_kept(source, tmp_path, capsys, monkeypatch, in_process):
    bad = [source / "train" / "bee" / "bee003.JPEG", source / "val" / "ant" / "ant001.JPEG"]
    whole = [file.read_bytes() for file in bad]
    bad[0].write_bytes(whole[0][: len(whole[0]) // 2])
    bad[1].write_text("no image")
    line = refused(source, tmp_path, capsys)
    assert line.startswith(
        f"every file must be an image: replace these, all listed in {tmp_path}/things_16/bad_files.txt, and"
    )
    assert "Received: 2 that cannot be read, " in line and f"{bad[0]} (" in line and f"{bad[1]} (" in line
    assert len((tmp_path / "things_16" / "bad_files.txt").read_text().splitlines()) == 2
    for file, text in zip(bad, whole, strict=True):
        file.write_bytes(text)
    decoded, decode = [], build.decode
    monkeypatch.setattr(build, "decode", lambda file, side: (decoded.append(file), decode(file, side))[1])
    assert made(source, tmp_path)[0] == 0
    assert {*bad} <= {*decoded} and len(decoded) == 8  # the chunks of 4 that they are in
    again = tmp_path / "again"
    again.mkdir()
    made(source, again)
    assert content(tmp_path / "things_16") == content(again / "things_16")


def test_a_source_that_is_none_is_refused_in_one_line(source, tmp_path, capsys, in_process):
    empty = tmp_path / "empty"
    empty.mkdir()
    rule = "a source must hold train/CLASS/ or CLASS/ with the images of each class. Received: "
    assert refused(empty, tmp_path, capsys) == f"{rule}{empty}"
    shutil.copytree(source / "val", empty / "val")
    assert refused(empty, tmp_path, capsys) == f"{rule}{empty}"
    assert refused(tmp_path / "nowhere", tmp_path, capsys) == f"there is no folder {tmp_path / 'nowhere'}"
    shutil.rmtree(source / "val" / "bee")
    every = f"{source}/val must hold images of every class of the training set. Received: without bee"
    assert refused(source, tmp_path, capsys) == every
    shutil.rmtree(source / "val" / "cow")
    assert refused(source, tmp_path, capsys) == f"{every} and 1 more"
    shutil.rmtree(source / "val" / "ant")
    assert (
        refused(source, tmp_path, capsys) == f"{source}/val must hold a folder of images for each class. Received: none"
    )
    (source / "train" / "dog").mkdir()
    assert refused(source, tmp_path, capsys) == f"each class must have images. Received: {source}/train without dog"


def test_a_class_that_only_tests_have_is_refused(source, tmp_path, capsys, in_process):
    shutil.copytree(source / "val" / "ant", source / "val" / "owl")
    assert refused(source, tmp_path, capsys) == (
        f"{source}/val must hold no class that the training set lacks. Received: owl"
    )


@pytest.mark.parametrize(
    "words, line",
    [
        (["--side", "7"], "side must be at least 8 pixels. Received: side=7"),
        (["--workers", "0"], "workers must be positive. Received: workers=0"),
        (["--name", "../x"], "NAME must be a word that is no other data set's. Received: ../x"),
        (
            ["--name", "tiny_imagenet", "--side", "10"],
            "NAME must be a word that is no other data set's. Received: tiny_imagenet",
        ),
    ],
)
def test_wrong_flags_are_refused_in_one_line(source, tmp_path, capsys, words, line):
    name = words[1] if words[0] == "--name" else "things"
    rest = words[2:] if words[0] == "--name" else words
    assert datasets.main([name, "--source", str(source), "--data-dir", str(tmp_path), *rest]) == 2
    assert capsys.readouterr().err == f"error: {line}\n"
    assert [path.name for path in tmp_path.iterdir()] == ["source"]


def test_a_disk_without_room_is_said_before_and_a_full_one_loses_nothing(
    source, tmp_path, capsys, monkeypatch, in_process
):
    with monkeypatch.context() as patch:
        patch.setattr(build.shutil, "disk_usage", lambda _: build.shutil._ntuple_diskusage(10**9, 10**9, 1000))
        line = refused(source, tmp_path, capsys)
    assert line.startswith(
        f"the disk of {tmp_path}/things_16 must have 0.0 GB free. Received: 0.0 GB; a smaller --side"
    )

    decode_chunk, calls = build.decode_chunk, []

    def full(chunk):
        calls.append(chunk.number)
        if len(calls) == 4:
            raise OSError(build.errno.ENOSPC, "No space left on device")
        return decode_chunk(chunk)

    def fuller(path, text):  # so full that not even the mark can be written
        with replacing(path):
            raise OSError(build.errno.ENOSPC, "No space left on device")

    for name, fails in (("decode_chunk", full), ("write", fuller)):
        with monkeypatch.context() as patch:
            patch.setattr(build, name, fails)
            line = refused(source, tmp_path, capsys)
        assert line == f"the disk of {tmp_path}/things_16 is full; make room and {build.GOES_ON}"
    assert made(source, tmp_path)[0] == 0
    again = tmp_path / "again"
    again.mkdir()
    made(source, again)
    assert content(tmp_path / "things_16") == content(again / "things_16")


def test_bytes_on_the_disk_are_those_of_a_sparse_file_where_the_system_tells(tmp_path, monkeypatch):
    path = tmp_path / "sparse"
    with path.open("wb") as file:
        file.truncate(2**20)
    assert build.on_disk(path) < 2**20
    monkeypatch.setattr(Path, "stat", lambda self: SimpleNamespace(st_size=1000))
    assert build.on_disk(path) == 1000


def test_other_files_than_it_was_begun_with_are_refused(source, tmp_path, capsys, in_process):
    (source / "train" / "ant" / "ant000.JPEG").write_bytes(b"")
    refused(source, tmp_path, capsys)
    (source / "train" / "ant" / "ant000.JPEG").unlink()
    line = f"the source must have the files that {tmp_path}/things_16 was begun with; delete it to begin anew"
    assert refused(source, tmp_path, capsys) == line


def test_other_files_than_it_was_made_of_are_refused(source, tmp_path, capsys, in_process):
    made(source, tmp_path)
    assert made(source, tmp_path)[0] == 0
    (source / "train" / "ant" / "ant000.JPEG").unlink()
    status, printed = made(source, tmp_path, capsys)
    assert status == 2 and printed.err == (
        f"error: the source must have the files that {tmp_path}/things_16 was begun with; delete it to begin anew\n"
    )


def test_pixels_of_more_than_8_bits_are_refused_by_name(source, tmp_path, capsys, in_process):
    deep = Image.fromarray(np.arange(400, dtype=np.uint16).reshape(20, 20) * 160)
    deep.save(source / "train" / "ant" / "deep.png")
    line = refused(source, tmp_path, capsys)
    assert f"{source}/train/ant/deep.png (pixels must have 8 bits a channel. Received: mode=I;16)" in line


def test_a_mark_that_was_cut_says_nothing(source, tmp_path, capsys, in_process):
    bad = source / "train" / "bee" / "bee003.JPEG"
    whole = bad.read_bytes()
    bad.write_bytes(b"")
    refused(source, tmp_path, capsys)
    (tmp_path / "things_16" / "train_done").write_bytes(b"")
    bad.write_bytes(whole)
    again = tmp_path / "again"
    again.mkdir()
    made(source, tmp_path), made(source, again)
    assert content(tmp_path / "things_16") == content(again / "things_16")


def test_an_array_that_was_changed_or_cut_is_refused(source, tmp_path, in_process):
    made(source, tmp_path)
    folder = tmp_path / "things_16"
    for name in ("train.npy", "train_facts.npy", "test_facts.npy", "array.json"):
        kept = (folder / name).read_bytes()
        (folder / name).write_bytes(kept[:-3] + (b"" if name in ("train.npy", "array.json") else b"xyz"))
        with pytest.raises(ValueError, match="things_16 is not the array that was made there, make it again: "):
            datasets.load("things_16", tmp_path)
        (folder / name).write_bytes(kept)
    datasets.load("things_16", tmp_path)


def test_an_array_that_is_not_there_is_said_with_the_command_that_makes_it(tmp_path):
    with pytest.raises(FileNotFoundError) as caught:
        datasets.load("imagenet_320", tmp_path)
    assert str(caught.value) == (
        f"{tmp_path}/imagenet_320 has no array of images. Make it: python -m common.data.datasets imagenet "
        f"--source FOLDER --side 320 --data-dir {tmp_path}"
    )


def test_every_layout_of_a_source_gives_its_images(source, tmp_path):
    classes, (train, test) = list_source(source)
    assert classes == ["ant", "bee", "cow"] and (train.split, test.split) == ("train", "test")
    assert len(train.files) == 21 and test.files[3] == "val/bee/bee000.JPEG" and test.labels[3] == 1
    (source / "test").mkdir()  # ImageNet's has no classes
    picture(5).save(source / "test" / "x.JPEG")
    assert list_source(source)[1][1] == test
    nested = tmp_path / "nested"  # Tiny ImageNet's
    for name in classes:
        shutil.copytree(source / "train" / name, nested / "train" / name / "images")
        (nested / "train" / name / f"{name}_boxes.txt").write_text("x")
    (nested / "val" / "images").mkdir(parents=True)
    rows = []
    for number, file in enumerate(sorted((source / "val").rglob("*.JPEG"), reverse=True)):
        shutil.copy(file, nested / "val" / "images" / f"val_{number}.JPEG")
        rows.append(f"val_{number}.JPEG\t{file.parent.name}\t0\t0\t1\t1")
    (nested / "val" / "val_annotations.txt").write_text("\n".join([*rows, "val_9.JPEG\tother\t0\t0\t1\t1"]) + "\n")
    names, (train, test) = list_source(nested)
    assert names == classes and train.files[0] == "train/ant/images/ant000.JPEG" and len(train.files) == 21
    assert test.files[:4] == [f"val/images/val_{number}.JPEG" for number in (6, 7, 8, 3)]
    assert test.labels == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    names, (train, test) = list_source(source / "train")  # classes alone
    assert names == classes and train.files[0] == "ant/ant000.JPEG" and test.files == test.labels == []


def test_classes_alone_are_a_data_set_without_tests(source, tmp_path, in_process, capsys):
    status, printed = made(source / "train", tmp_path, capsys)
    assert status == 0 and "test (0, 16, 16, 3)" in printed.out
    assert len(datasets.load("things_16", tmp_path).y_test) == 0


@pytest.mark.slow
def test_a_process_that_is_killed_is_said_and_an_interrupt_too(source, tmp_path, capsys, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(build, "end_with_parent", die)
        assert "a process that decodes images was killed; run it again" in refused(source, tmp_path, capsys)
    monkeypatch.setattr(build, "list_source", interrupted)
    assert made(source, tmp_path, capsys)[0] == 130


def interrupted(source):
    raise KeyboardInterrupt


def die():
    os._exit(1)
