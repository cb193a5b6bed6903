"""A run is done where record, config and model file agree; nonsense on disk is one clear line."""

import gzip
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import zipfile
from pathlib import Path

import numpy as np
import pytest

from common.runs import store as module
from common.runs.config import FOUNDING, Config, Options, as_dict, run_id
from common.runs.store import (
    EXPORTED,
    ROOT,
    Store,
    all_records,
    code_version,
    copy_packed,
    file_sha256,
    packed,
    publish,
    read_arrays,
    read_lines,
    read_record,
    write_arrays,
    write_lines,
)

CONFIG = Config(dataset="digits", framework="torch")
MODEL = b"weights"
RECORD = {
    "run_id": run_id(CONFIG),
    "config": as_dict(CONFIG),
    "code": {},
    "environment": {},
    "data": {},
    "outcome": {"epochs": 1, "train_accuracy": 1.0, "test_accuracy": None},
    "model": {"sha256": hashlib.sha256(MODEL).hexdigest()},
    "time": {"train_seconds": 1.0, "evaluate_seconds": 0.5},
}


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path)


@pytest.fixture
def finished(store):
    """The store with one finished run."""
    store.folder(run_id(CONFIG)).mkdir(parents=True)
    (store.folder(run_id(CONFIG)) / "run.json").write_text(json.dumps(RECORD))
    store.models.mkdir()
    store.model_path(CONFIG).write_bytes(MODEL)
    return store


def test_everything_lies_under_the_output_folder(tmp_path):
    store = Store.of(Options(output_dir=tmp_path))
    assert store.folder("name") == tmp_path / "runs" / "name"
    assert store.model_path(CONFIG) == tmp_path / "saved_models" / f"{run_id(CONFIG)}.pt"
    assert store.model_path(Config()) == tmp_path / "saved_models" / f"{run_id(Config())}.h5"


def test_without_an_output_folder_it_is_the_checkouts_own():
    root = Path(__file__).parents[2]
    store = Store.of(Options())
    assert store.folder("name") == root / "results" / "runs" / "name"
    assert store.model_path(CONFIG).parent == root / "saved_models"


def test_a_run_is_done_where_record_config_and_model_agree(finished):
    assert finished.done(CONFIG) == finished.record(run_id(CONFIG)) == RECORD


def test_a_run_without_a_record_is_not_done(finished):
    (finished.folder(run_id(CONFIG)) / "run.json").unlink()
    assert finished.done(CONFIG) is None and finished.record(run_id(CONFIG)) is None
    assert finished.done(Config()) is None


@pytest.mark.parametrize("spoil", [Path.unlink, lambda path: path.write_bytes(MODEL + b"!")])
def test_a_run_whose_model_is_missing_or_altered_is_not_done_but_its_record_reads(finished, spoil):
    spoil(finished.model_path(CONFIG))
    assert finished.done(CONFIG) is None and finished.record(run_id(CONFIG)) == RECORD


def test_a_record_of_another_config_is_an_error_and_stays(finished):
    path = finished.folder(run_id(CONFIG)) / "run.json"
    text = json.dumps(RECORD | {"config": as_dict(Config(seed=5))})
    path.write_text(text)
    with pytest.raises(ValueError) as caught:
        finished.done(CONFIG)
    expected = f"a run folder must hold its own config; move it away or use --force. Received: {path.parent}"
    assert str(caught.value) == expected and path.read_text() == text


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe" * 1000,
        *(
            json.dumps(RECORD | change).encode()
            for change in (
                {"config": None},
                {"model": {}},
                {"model": {"sha256": None}},
                {"run_id": 7},
                {"outcome": {"train_accuracy": 1.0}},
                {"outcome": {"train_accuracy": 99.5, "test_accuracy": 0.5}},
                {"outcome": {"train_accuracy": 1.0, "test_accuracy": -0.5}},
                {"outcome": {"train_accuracy": 1.0, "test_accuracy": "high"}},
                {"outcome": {"train_accuracy": 1.0, "test_accuracy": float("nan")}},
            )
        ),
        *(
            json.dumps({name: part for name, part in RECORD.items() if name != left_out}).encode()
            for left_out in RECORD
        ),
    ],
)
def test_what_is_no_record_is_one_short_line_that_names_the_file(finished, content):
    path = finished.folder(run_id(CONFIG)) / "run.json"
    path.write_bytes(content)
    for read in (lambda: read_record(path), lambda: finished.record(run_id(CONFIG)), lambda: finished.done(CONFIG)):
        with pytest.raises(ValueError) as caught:
            read()
        assert str(caught.value).startswith("record must be a run.json that the suite wrote; restore it or use --force")
        assert str(path) in str(caught.value) and "\n" not in str(caught.value) and len(str(caught.value)) < 500
    assert path.read_bytes() == content


def test_a_record_of_before_the_added_fields_reads_as_one_of_their_defaults_and_is_done(finished):
    path = finished.folder(run_id(CONFIG)) / "run.json"
    config = {name: value for name, value in RECORD["config"].items() if name in FOUNDING}
    text = json.dumps(RECORD | {"config": config})
    path.write_text(text)
    assert len(config) == len(FOUNDING) < len(RECORD["config"])
    assert read_record(path) == finished.done(CONFIG) == RECORD and all_records(finished) == [RECORD]
    assert path.read_text() == text


@pytest.mark.parametrize("change", [{"seed": None}, {"sead": 1}, {"dropout": 2.0}, {"decay_epochs": 3}])
def test_a_record_without_another_field_or_with_a_wrong_one_is_no_record(finished, change):
    path = finished.folder(run_id(CONFIG)) / "run.json"
    config = RECORD["config"] | change
    if change == {"seed": None}:
        del config["seed"]
    path.write_text(json.dumps(RECORD | {"config": config}))
    with pytest.raises(ValueError) as caught:
        read_record(path)
    assert str(caught.value).startswith("record must be a run.json that the suite wrote; ")
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_publishing_copies_what_was_recorded_but_neither_the_model_nor_what_is_temporary(
    finished, tmp_path, monkeypatch
):
    monkeypatch.setattr(module, "PUBLISHED", tmp_path / "published")
    folder = finished.folder(run_id(CONFIG))
    recorded = {
        "run.json",
        "history.jsonl",
        "readout.jsonl",
        "arrays.npz",
        "loss_sensitivity.npz",
        "sensitivity_choices.jsonl",
    }
    line = {"epoch": 1, "layer": "fc1", "probe": "masc", "fitted_on": "true_labels", "scored_on": "test", "n": 9}
    own, only_there = line | {"correct": 3}, line | {"probe": "qda", "correct": 4}
    for name in ("history.jsonl", "readout.jsonl", "sensitivity_choices.jsonl"):
        write_lines(folder / name, [line | {"correct": 2}])
    for name in ("checkpoint.npz", "lock", "learning_curves.png"):
        (folder / name).write_text(f"content of {name}")
    arrays = {"train_indices": np.arange(5000), "test_labels": np.arange(10) % 3}
    for name in ("arrays.npz", "loss_sensitivity.npz"):
        np.savez_compressed(folder / name, **arrays)
    assert publish(finished, [RECORD]) == []
    target = tmp_path / "published" / "runs" / run_id(CONFIG)
    lines = {name for name in recorded if name.endswith(".jsonl")}
    assert {file.name for file in target.iterdir()} == (recorded - lines) | {f"{name}.gz" for name in lines}
    assert all(gzip.decompress(packed(target / name).read_bytes()) == (folder / name).read_bytes() for name in lines)
    assert (target / "run.json").read_bytes() == (folder / "run.json").read_bytes()
    smaller = target / "arrays.npz"
    assert smaller.stat().st_size < (folder / "arrays.npz").stat().st_size
    with np.load(smaller) as kept:
        assert {name: kept[name].tolist() for name in kept} == {name: array.tolist() for name, array in arrays.items()}
    before = smaller.read_bytes()
    (folder / "readout.jsonl").unlink()
    write_lines(folder / "history.jsonl", [{"epoch": 2}])
    publish(finished, [RECORD])
    assert read_lines(target / "history.jsonl.gz") == [{"epoch": 2}] and smaller.read_bytes() == before
    assert all_records(Store(tmp_path / "published")) == [RECORD]
    write_lines(target / "readout.jsonl.gz", [line | {"correct": 1}, only_there])
    write_lines(folder / "readout.jsonl", [own])
    publish(finished, [RECORD])
    assert read_lines(target / "readout.jsonl.gz") == [own, only_there]
    np.savez_compressed(folder / "arrays.npz", test_labels=np.zeros(10), test_words=np.ones(10))
    publish(finished, [RECORD])
    with np.load(smaller) as kept:
        assert sorted(kept) == ["test_labels", "test_words", "train_indices"] and not kept["test_labels"].any()
    with zipfile.ZipFile(smaller) as kept:
        assert {entry.compress_type for entry in kept.infolist()} == {zipfile.ZIP_LZMA}
    other = RECORD | {"model": RECORD["model"] | {"sha256": "another network's"}}
    (folder / "run.json").write_text(json.dumps(other))
    there = {file: file.read_bytes() for file in target.iterdir()}
    assert publish(finished, [other]) == [run_id(CONFIG)]
    assert {file: file.read_bytes() for file in target.iterdir()} == there


def test_a_run_is_named_by_its_id_and_a_wrong_one_is_told_the_nearest(finished):
    name = run_id(CONFIG)
    assert finished.named(name) == finished.record(name)
    runs = f"a run must be named by the id of a run under {finished.results / 'runs'}"
    for wrong, otherwise, told in ((name[:-2], ", or else", f", or else. Did you mean {name}?"), ("x", "", ".")):
        with pytest.raises(ValueError) as caught:
            finished.named(wrong, otherwise)
        assert str(caught.value) == f"{runs}{told} Received: {wrong}"


def test_all_records_come_in_the_order_of_their_ids(finished):
    for name in ("b", "a"):
        finished.folder(name).mkdir()
        (finished.folder(name) / "run.json").write_text(json.dumps(RECORD | {"run_id": name}))
    finished.folder("unfinished").mkdir()
    assert [record["run_id"] for record in all_records(finished)] == ["a", "b", run_id(CONFIG)]


def test_a_store_without_records_is_an_error_that_names_it(store):
    with pytest.raises(FileNotFoundError, match=f"^there are no records under {store.results / 'runs'}$"):
        all_records(store)


def test_lines_survive_the_disk_and_are_none_where_there_is_no_file(store):
    lines = [{"epoch": 0, "train_loss": None}, {"epoch": 1, "train_loss": 0.1 + 0.2}]
    assert store.lines("a", "history.jsonl") == []
    write_lines(store.folder("a") / "history.jsonl", lines)
    assert store.lines("a", "history.jsonl") == store.history("a") == lines
    write_lines(store.folder("b") / "history.jsonl.gz", lines)  # as they are published
    assert store.lines("b", "history.jsonl") == store.history("b") == lines
    write_lines(store.folder("b") / "history.jsonl", lines[:1])
    assert store.history("b") == lines[:1]


def test_histories_and_arrays_of_runs_are_read_by_their_ids(store):
    lines = {name: [{"epoch": 0}, {"epoch": number}] for number, name in enumerate("ab", 1)}
    for name in lines:
        write_lines(store.folder(name) / "history.jsonl", lines[name])
        write_arrays(store.folder(name) / "arrays.npz", {"x": np.arange(3), "y": np.zeros((2, 2))}, compress=True)
    assert {name: store.history(name) for name in lines} == lines
    arrays = store.arrays("a")
    assert set(arrays) == {"x", "y"}
    np.testing.assert_array_equal(arrays["x"], [0, 1, 2])


def test_a_number_that_json_does_not_know_is_never_written(store):
    path = store.folder("a") / "history.jsonl"
    with pytest.raises(ValueError):
        write_lines(path, [{"epoch": 0}, {"train_loss": float("nan")}])
    assert not path.exists()


@pytest.mark.parametrize("text", ['{"epoch": 0}\n{"epo', '{"epoch": 0}\n[0]', "\udcff"])
def test_a_broken_line_is_one_line_that_names_the_file(tmp_path, text):
    (tmp_path / "history.jsonl").write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(ValueError) as caught:
        read_lines(tmp_path / "history.jsonl")
    expected = f"every line must be JSON; --force makes it again. Received: {tmp_path / 'history.jsonl'} ("
    assert str(caught.value).startswith(expected) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "damage", [lambda data: data[:-9], lambda data: b"x" + data, lambda data: data[:30] + b"y" * 9]
)
def test_packed_lines_that_are_not_whole_are_one_line_that_names_the_file(tmp_path, damage):
    path = tmp_path / "history.jsonl.gz"
    write_lines(path, [{"epoch": epoch} for epoch in range(30)])
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(
        ValueError, match=f"^every line must be JSON; --force makes it again. Received: {path} .*"
    ) as caught:
        read_lines(path)
    assert "\n" not in str(caught.value)
    write_lines(path, [{"loss": 1.0}])
    with pytest.raises(ValueError, match="no epoch"):
        read_lines(path)


@pytest.mark.parametrize("keep", [0, 100])
def test_arrays_that_are_not_whole_are_one_line(store, keep):
    path = store.folder("a") / "arrays.npz"
    write_arrays(path, {"x": np.arange(300)})
    path.write_bytes(path.read_bytes()[:keep])
    assert store.kept_arrays("a", "more.npz") == {}
    for read in (store.arrays, lambda name: store.kept_arrays(name, "arrays.npz")):
        with pytest.raises(
            ValueError, match=f"^arrays must be a whole .npz; --force makes it again. Received: {path} "
        ):
            read("a")


def test_published_arrays_that_are_damaged_are_one_line_wherever_the_damage_is(store, tmp_path):
    write_arrays(store.folder("a") / "arrays.npz", {"x": np.arange(300) % 7})
    copy_packed(store.folder("a") / "arrays.npz", tmp_path / "arrays.npz")
    whole = (tmp_path / "arrays.npz").read_bytes()
    assert (read_arrays(tmp_path / "arrays.npz")["x"] == np.arange(300) % 7).all()
    for place in range(0, len(whole), 3):
        (tmp_path / "arrays.npz").write_bytes(whole[:place] + bytes([whole[place] ^ 0x55]) + whole[place + 1 :])
        try:
            read_arrays(tmp_path / "arrays.npz")
        except ValueError as error:
            assert str(tmp_path / "arrays.npz") in str(error)


def test_arrays_are_added_beside_and_over_those_that_there_are(store, monkeypatch):
    write_arrays(store.folder("a") / "arrays.npz", {"x": np.arange(3), "y": np.zeros(2)})
    store.add_arrays("a", {"y": np.ones(1), "z": np.array([True])})
    expected = {"x": [0, 1, 2], "y": [1], "z": [True]}
    assert {key: array.tolist() for key, array in store.arrays("a").items()} == expected
    assert sorted(os.listdir(store.folder("a"))) == ["arrays.npz", "lock"]  # one writer at a time
    monkeypatch.setattr(np, "savez_compressed", lambda file, **arrays: file.write(b"half") and 1 / 0)
    with pytest.raises(ZeroDivisionError):
        store.add_arrays("a", {"z": np.array([False])})
    assert {key: array.tolist() for key, array in store.arrays("a").items()} == expected


@pytest.mark.parametrize("compress", [False, True])
def test_arrays_survive_the_disk(tmp_path, compress):
    arrays = {"a/b": np.zeros((100, 100)), "json": np.frombuffer(b"{}", np.uint8)}
    write_arrays(tmp_path / "arrays.npz", arrays, compress)
    with np.load(tmp_path / "arrays.npz") as file:
        assert set(file) == set(arrays)
        for name in file:
            np.testing.assert_array_equal(file[name], arrays[name])
    assert ((tmp_path / "arrays.npz").stat().st_size < 10000) == compress
    assert os.listdir(tmp_path) == ["arrays.npz"]


def test_a_files_hash_is_sha256_of_its_content(tmp_path):
    content = gzip.compress(bytes(3_000_000), mtime=0) + bytes(100_000)
    (tmp_path / "file").write_bytes(content)
    assert file_sha256(tmp_path / "file") == hashlib.sha256(content).hexdigest()


HOLDER = """
import sys, time
from pathlib import Path
from common.runs.store import Store
with Store(Path(sys.argv[1])).lock("a"):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_run_has_one_writer_and_the_lock_dies_with_its_holder(store):
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, str(store.results)], stdout=subprocess.PIPE, text=True)
    acquired = threading.Event()

    def wait():
        with store.lock("a"):
            acquired.set()

    try:
        assert holder.stdout.readline() == "held\n"
        waiting = threading.Thread(target=wait, daemon=True)
        waiting.start()
        with store.lock("b"):  # another run is free
            assert not acquired.wait(0.5)
        holder.send_signal(signal.SIGKILL)
        assert acquired.wait(50)
    finally:
        holder.kill()
        holder.communicate()


def test_the_lock_is_free_again_after_an_error(store):
    with pytest.raises(KeyError), store.lock("a"):
        raise KeyError
    with store.lock("a"):
        assert store.folder("a").is_dir()


def git(folder, *arguments):
    identity = ("-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false")
    command = ["git", *identity, *arguments]
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


def test_the_code_is_dirty_where_tracked_files_outside_results_differ(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "ROOT", tmp_path)
    git(tmp_path, "init", "-q")
    (tmp_path / "results").mkdir()
    for name in ("code.py", "results/table.md"):
        (tmp_path / name).write_text("one")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "one")
    commit = git(tmp_path, "rev-parse", "HEAD")
    assert code_version() == {"commit": commit, "dirty": False}
    (tmp_path / "new.py").write_text("untracked")
    (tmp_path / "results" / "table.md").write_text("two")
    assert code_version() == {"commit": commit, "dirty": False}
    (tmp_path / "code.py").write_text("two")
    assert code_version() == {"commit": commit, "dirty": True}


@pytest.mark.parametrize("path", [None, ""])
def test_outside_a_checkout_or_without_git_the_code_is_unknown(tmp_path, monkeypatch, path):
    monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    if path is not None:
        monkeypatch.setenv("PATH", path)
    assert code_version() == {"commit": None, "dirty": None}


def test_an_archive_knows_its_commit_and_a_checkout_has_only_the_place_for_it(tmp_path, monkeypatch):
    attributes = (ROOT / ".gitattributes").read_text()
    assert f"{EXPORTED} export-subst" in attributes.splitlines()
    assert (ROOT / EXPORTED).read_text() == "$Format:%H$\n"
    (tmp_path / ".gitattributes").write_text(attributes)
    (tmp_path / EXPORTED).write_bytes((ROOT / EXPORTED).read_bytes())
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "one")
    archive = tmp_path / "archive"
    archive.mkdir()
    git(tmp_path, "archive", "-o", "one.tar", "HEAD")
    shutil.unpack_archive(tmp_path / "one.tar", archive)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    monkeypatch.setattr(module, "ROOT", archive)
    assert code_version() == {"commit": git(tmp_path, "rev-parse", "HEAD"), "dirty": None}
    (archive / EXPORTED).write_bytes((ROOT / EXPORTED).read_bytes())
    assert code_version() == {"commit": None, "dirty": None}
