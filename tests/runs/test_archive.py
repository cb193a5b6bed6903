"""Runs travel as one file: what comes home is what went, and a file that is anything else is refused unwritten."""

import dataclasses
import io
import json
import shutil
import tarfile

import numpy as np
import pytest

import published_report
from common.papers.decoding.raw_inputs import RawInputs
from common.runs import archive
from common.runs.archive import files_of, pack, read_size, split, take_in, whole
from common.runs.computation import computation_id, of_settings, settings_of
from common.runs.config import Config, Options, run_id
from common.runs.run import Run, place_of
from common.runs.store import (
    ARRAYS,
    HISTORY,
    LOCK,
    MEASURED,
    PUBLISHED,
    READ,
    Store,
    measured,
    new_lines,
    read_lines,
    write_arrays,
    write_lines,
)
from common.runs.training import train
from common.runs.writer import Writer

pytestmark = pytest.mark.slow

CONFIG = Config(
    **{"model": "mlp2", "width": 8, "dataset": "digits", "framework": "torch", "train_size": 60, "crop": 6},
    **{"epochs": 1, "corruption": "uniform", "corruption_fraction": 0.5},  # whose id has a dot
)
NAME = run_id(CONFIG)
BEGUN = dataclasses.replace(CONFIG, epochs=3)
KINDS = {RawInputs.slug: RawInputs()}
COMPUTATION = computation_id(RawInputs())


class Stopped(Exception):
    """What ends a run."""


def begin(config, options, steps):
    """Train a run until it has been at a checkpoint within an epoch so many times."""
    write, left = Writer.checkpoint, [None] * steps

    def stop(writer, run):
        write(writer, run)
        left.pop()
        if not left:
            raise Stopped

    with pytest.MonkeyPatch.context() as patch, pytest.raises(Stopped):
        patch.setattr(Writer, "checkpoint", stop)
        train(config, dataclasses.replace(options, checkpoint_steps=1))


def computed(store, name=COMPUTATION, **changes):
    """A computation's record in its place."""
    settings = settings_of(RawInputs())
    content = {"schema": 1, "id": name, "settings": settings, "code": {}, "outcome": {}, "time": {"seconds": 1.0}}
    store.computation(name).mkdir(parents=True)
    (store.computation(name) / "record.json").write_text(json.dumps({**content, **changes}))


@pytest.fixture(scope="module")
def away(tmp_path_factory):
    """Where a run was trained and something measured of it, another begun, and an archive of both."""
    folder = tmp_path_factory.mktemp("away")
    store, options = Store(folder), Options(output_dir=folder, threads=1, keep_epochs=(0,))
    train(CONFIG, options)
    (store.folder(NAME) / "statistics.jsonl").write_text('{"epoch": 1, "of": "weights", "layer": "fc1", "mean": 1.0}\n')
    (store.folder(NAME) / "learning_curves.png").write_bytes(b"not packed")
    begin(BEGUN, options, 1)
    computed(store)
    pack(folder / "runs.tar", files_of(store, [CONFIG, BEGUN], [COMPUTATION], networks=True))
    return store


@pytest.fixture
def home(tmp_path):
    """Published results and a user's own, and the computations that are known."""
    return Store(tmp_path / "published"), Store(tmp_path / "own"), KINDS


def contents(*stores):
    return {
        path: path.read_bytes() for store in stores if isinstance(store, Store)
        for path in store.results.rglob("*") if path.is_file() and path.name not in (LOCK, READ)
    }  # fmt: skip


def test_what_comes_home_is_what_went(away, home):
    published, own, _ = home
    assert take_in(away.results / "runs.tar", *home) == ([NAME], [run_id(BEGUN)], [COMPUTATION], [])
    for file in ("run.json", "history.jsonl", "arrays.npz", "statistics.jsonl"):
        assert (own.folder(NAME) / file).read_bytes() == (away.folder(NAME) / file).read_bytes()
    for file in ("history.jsonl", "statistics.jsonl"):
        assert published.lines(NAME, file) == away.lines(NAME, file)
    assert {path.name for path in published.folder(NAME).iterdir()} == {
        "run.json", "history.jsonl.gz", "statistics.jsonl.gz", "arrays.npz",
    }  # fmt: skip
    arrays, smaller = away.arrays(NAME), published.arrays(NAME)
    assert arrays.keys() == smaller.keys() and all(np.array_equal(arrays[name], smaller[name]) for name in arrays)
    assert own.done(CONFIG, (0,)) == away.record(NAME)
    for store in (published, own):
        assert (store.computation(COMPUTATION) / "record.json").exists()
    assert len(contents(published)) == 5 and len(contents(own)) == 5 + 2 + 2  # networks; a checkpoint with one of its
    before = contents(*home)
    assert take_in(away.results / "runs.tar", *home).stays == []
    assert contents(*home) == before


def test_a_run_that_is_done_takes_the_place_of_one_that_is_begun(away, home):
    own = home[1]
    begin(CONFIG, Options(output_dir=own.results, threads=1, keep_epochs=(0,)), 1)
    own.snapshot_path(CONFIG, 1).write_bytes(b"the other one's")
    take_in(away.results / "runs.tar", *home)
    assert own.done(CONFIG, (0,)) and list(own.snapshots(CONFIG)) == [0] and not own.checkpoint(CONFIG).exists()


def test_what_was_measured_later_comes_home_too(away, home, tmp_path):
    take_in(away.results / "runs.tar", *home)
    shutil.copytree(away.results, tmp_path / "later")
    later, kept = Store(tmp_path / "later"), away.arrays(NAME)
    write_arrays(later.folder(NAME) / ARRAYS, {**dict.fromkeys(kept, np.zeros(1)), "train_critical": np.ones(3)})
    pack(tmp_path / "later.tar", files_of(later, [CONFIG], [], networks=True))
    take_in(tmp_path / "later.tar", *home)
    for store in home[:2]:
        arrays = store.arrays(NAME)
        assert arrays.pop("train_critical").tolist() == [1, 1, 1] and arrays.keys() == kept.keys()
        assert all(np.array_equal(arrays[name], kept[name]) for name in kept)  # what is there stays


@pytest.mark.parametrize("file", [LOCK, READ])
def test_an_archive_waits_for_nobody_and_writes_nothing_beside_another_process(away, home, file):
    take_in(away.results / "runs.tar", *home)
    before = contents(*home)
    with home[1].lock(NAME, file), pytest.raises(ValueError) as caught:
        take_in(away.results / "runs.tar", *home)
    busy = f"another process is at {NAME}"
    assert str(caught.value) == f"an archive must come while nothing writes its runs. Received: {busy}"
    assert contents(*home) == before


def test_a_run_that_is_begun_goes_on_elsewhere_from_where_it_was(away, home, tmp_path, monkeypatch):
    published, own, _ = home
    take_in(away.results / "runs.tar", *home)
    checkpoint = own.checkpoint(BEGUN)
    assert place_of(checkpoint) == (BEGUN, 0, 1) and not published.folder(run_id(BEGUN)).exists()
    options = Options(output_dir=own.results, threads=1, keep_epochs=(0,))
    begin(BEGUN, options, 1)
    further = checkpoint.read_bytes()
    assert place_of(checkpoint).epoch == 1
    take_in(away.results / "runs.tar", *home)
    assert checkpoint.read_bytes() == further
    pack(tmp_path / "back.tar", files_of(own, [BEGUN], []))
    take_in(tmp_path / "back.tar", Store(tmp_path / "other"), away, KINDS)
    assert away.checkpoint(BEGUN).read_bytes() == further
    monkeypatch.setattr(Run, "measure_held_out", lambda run: pytest.fail("began anew") if not run.history else HELD_OUT)
    train(BEGUN, options)
    take_in(tmp_path / "back.tar", *home)
    assert own.done(BEGUN, (0,)) and not checkpoint.exists()


def test_a_begun_run_brings_the_network_that_it_began_from(away, home, tmp_path):
    _, own, _ = home
    follower = dataclasses.replace(BEGUN, initial_model=f"{NAME}.pt")
    begin(follower, Options(output_dir=away.results, threads=1), 1)
    pack(tmp_path / "begun.tar", files_of(away, [follower], []))
    take_in(tmp_path / "begun.tar", *home)
    place = own.models / f"{NAME}.pt"
    assert place.read_bytes() == away.model_path(CONFIG).read_bytes()
    train(follower, Options(output_dir=own.results, threads=1))
    place.write_bytes(b"another's")
    begin(dataclasses.replace(follower, epochs=4), Options(output_dir=away.results, threads=1), 1)
    pack(tmp_path / "begun.tar", files_of(away, [dataclasses.replace(follower, epochs=4)], []))
    take_in(tmp_path / "begun.tar", *home)
    assert place.read_bytes() == b"another's"  # what is there stays


HELD_OUT = dict.fromkeys(["validation_accuracy", "test_loss", "test_accuracy", "test_accuracy_corrupted_labels"])


def test_the_same_runs_give_the_same_file_without_networks_where_none_is_wanted(away, tmp_path):
    again, light = tmp_path / "again.tar", tmp_path / "light.tar"
    for _ in range(2):
        pack(again, files_of(away, [CONFIG], [COMPUTATION], networks=True))
        light.write_bytes(again.read_bytes())
    assert again.read_bytes() == light.read_bytes()
    pack(light, files_of(away, [CONFIG], []))
    published, own = Store(tmp_path / "published"), Store(tmp_path / "own")
    assert take_in(light, published, own, {}).runs == [NAME]
    assert published.record(NAME) and not own.results.exists()  # where it would not be done
    away.model_path(CONFIG).rename(hidden := tmp_path / "hidden")
    assert not [name for name in files_of(away, [CONFIG], [], networks=True) if name.endswith(f"{NAME}.pt")]
    hidden.rename(away.model_path(CONFIG))


def test_a_run_with_a_damaged_file_is_left_out_and_named(away, tmp_path, capsys):
    cut = tmp_path / "cut.npz"
    cut.write_bytes(away.folder(NAME).joinpath("arrays.npz").read_bytes()[:100])
    files = files_of(away, [CONFIG, BEGUN], [COMPUTATION], networks=True)
    damaged = {**files, f"runs/{NAME}/arrays.npz": cut, f"runs/{run_id(BEGUN)}/checkpoint.npz": tmp_path / "gone.npz"}
    assert whole(files) == files and not capsys.readouterr().err
    assert [*whole(damaged)] == [f"computations/{COMPUTATION}/record.json"]
    assert [line.split()[1] for line in capsys.readouterr().err.splitlines()] == [NAME, run_id(BEGUN)]


def test_an_archive_comes_in_parts(away, home, tmp_path):
    whole = tmp_path / "parts.tar"
    files = files_of(away, [CONFIG, BEGUN], [COMPUTATION], networks=True)
    for size in ("4K", "8K"):  # parts of an earlier one go
        pack(whole, files)
        assert [*tmp_path.glob("parts.tar*")] == [whole]
        parts = split(whole, read_size(size))
    assert not whole.exists() and len(parts) > 1 and all(part.stat().st_size <= 8 * 2**10 for part in parts)
    assert sorted(tmp_path.glob("parts.tar*")) == parts
    assert take_in(parts[0], *home).runs == [NAME]
    parts[1].unlink()
    with pytest.raises(ValueError, match="^an archive must be one of whole runs. Received: "):
        take_in(parts[0], *home)


@pytest.mark.parametrize("text", ["", "0M", "M", "16 M", "1.5M", "-1"])
def test_a_size_is_a_number_and_a_unit(text):
    with pytest.raises(ValueError, match=f"^part_size must be a size as 500K or 16M. Received: part_size='{text}'$"):
        read_size(text)


def test_lines_that_are_new_are_added_to_those_that_are_published_and_a_history_stays(away, home):
    published, *_ = home
    same = {"epoch": 1, "of": "weights", "layer": "fc1", "mean": 1.25, "model_sha256": None}
    lines, history = (published.folder(NAME) / f"{name}.jsonl.gz" for name in ("statistics", "history"))
    earlier = [{"epoch": 1, "seconds": 0.5}]
    write_lines(history, earlier)
    for here, added in ((same, []), ({**same, "layer": "fc2"}, away.lines(NAME, "statistics.jsonl"))):
        write_lines(lines, [here])
        take_in(away.results / "runs.tar", *home)
        assert read_lines(lines) == [here, *added] and read_lines(history) == earlier
    assert {path.suffix for path in lines.parent.iterdir()} == {".json", ".gz", ".npz"}


def test_no_two_published_lines_of_a_file_measure_the_same_thing():
    names = set()
    for path in PUBLISHED.glob("runs/*/*.jsonl.gz"):
        if path.stem != HISTORY:
            lines = read_lines(path)
            assert new_lines(path.stem, [], lines) == lines and not new_lines(path.stem, lines, lines)
            assert len({*map(measured, lines)}) == len(lines), path
            names |= {name for line in lines for name in line}
    assert names & MEASURED == MEASURED - {"reason"}


def test_published_computations_are_of_the_settings_in_their_records():
    kinds = published_report.kinds()
    records = {
        path.parent.name: json.loads(path.read_text("utf-8")) for path in PUBLISHED.glob("computations/*/record.json")
    }
    for name, record in records.items():
        assert computation_id(of_settings(kinds[name.rpartition("-")[0]], record["settings"])) == name
    assert records


def test_what_is_damaged_at_home_is_said_before_anything_is_written(away, home):
    _, own, _ = home
    own.folder(NAME).mkdir(parents=True)
    (own.folder(NAME) / "statistics.jsonl").write_text("{")
    before = contents(*home)
    with pytest.raises(ValueError, match="every line must be JSON"):
        take_in(away.results / "runs.tar", *home)
    assert contents(*home) == before


def repacked(path, change, tmp_path, manifest=None):
    """The archive with `change` made of its {name: bytes}; the manifest's hashes are made anew, or as given."""
    with tarfile.open(path) as tar:
        content = {entry.name: tar.extractfile(entry).read() for entry in tar}
    content.pop(archive.MANIFEST)
    change(content)
    hashes = {name: archive.hashlib.sha256(data).hexdigest() for name, data in content.items()}
    text = json.dumps(manifest(hashes) if manifest else {"format": archive.FORMAT, "files": hashes}).encode()
    with tarfile.open(tmp_path / "changed.tar", "w") as tar:
        for name, data in {archive.MANIFEST: text, **content}.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    return tmp_path / "changed.tar"


def record_with(name=f"runs/{NAME}/run.json", **changes):
    def change(content):
        content[name] = json.dumps({**json.loads(content[name]), **changes}).encode()

    return change


def named(name, data=b"{}"):
    return lambda content: content.update({name: data})


OTHER = dataclasses.asdict(dataclasses.replace(CONFIG, epochs=2))
RECORD = f"computations/{COMPUTATION}/record.json"


def moved(name, other):
    return lambda content: content.update({other: content.pop(name)})


REFUSED = {
    "outside": (named("../../escaped.json"), "must be a run's"),
    "absolute": (named("/tmp/escaped.json"), "must be a run's"),
    "within": (named(f"runs/{NAME}/../../../escaped.json"), "must be a run's"),
    "above": (named("runs/../run.json"), "must be a run's"),
    "here": (named("computations/./record.json"), "must be a run's"),
    "hidden": (named(f"runs/{NAME}/.lock"), "must be a run's"),
    "another epoch's name": (named(f"saved_models/{NAME}/epoch00001.pt"), "must be a run's"),
    "script": (named(f"runs/{NAME}/run.py"), "must be one that is published with it. Received: run.py"),
    "checkpoint beside a record": (named(f"runs/{NAME}/checkpoint.npz"), "Received: checkpoint.npz"),
    "arrays that are none": (named(f"runs/{NAME}/arrays.npz", b"PK"), "arrays must be a whole .npz"),
    "foreign schema": (record_with(schema=99), "schema 99"),
    "foreign record": (record_with(config=OTHER), "holds a record of"),
    "another's id": (record_with(run_id="other"), "holds a record of schema 1, other"),
    "another's network": (record_with(model={"path": "../a.pt", "sha256": "0", "parameters": 1}), "holds a record of"),
    "no record": (lambda content: content.pop(f"runs/{NAME}/run.json"), "must have a run.json"),
    "no checkpoint": (named("runs/other/history.jsonl"), "must have a run.json"),
    "a checkpoint that is none": (named(f"runs/{run_id(BEGUN)}/checkpoint.npz"), "arrays must be a whole .npz"),
    "a checkpoint in another's place": (
        moved(f"runs/{run_id(BEGUN)}/checkpoint.npz", "runs/other/checkpoint.npz"), "other holds a record of"
    ),
    "no runs": (lambda content: content.clear(), "it holds no run"),
    "broken lines": (named(f"runs/{NAME}/readout.jsonl", b'{"epoch": 1'), "every line must be JSON"),
    "another model": (named(f"saved_models/{NAME}.pt", b"other"), "not the model of a run's record"),
    "nobody's epoch": (named("saved_models/other/epoch0001.pt", b"other"), "not the model of a run's record"),
    "a computation in another's place": (moved(RECORD, "computations/raw_input_subspaces-1/record.json"), "-1 holds"),
    "a computation of other settings": (
        record_with(RECORD, settings={**settings_of(RawInputs()), "dataset": "mnist", "n": 1}), "n"
    ),
    "a computation of another id": (record_with(RECORD, id="other"), "holds a record of schema 1, other"),
    "a computation that nobody knows": (moved(RECORD, "computations/sum-1/record.json"), "must be one of raw"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_run_is_refused_in_one_line_and_nothing_is_written(away, home, tmp_path, case):
    change, reason = REFUSED[case]
    path = repacked(away.results / "runs.tar", change, tmp_path)
    with pytest.raises(ValueError, match="^an archive must be one of whole runs. Received: ") as caught:
        take_in(path, *home)
    assert reason in str(caught.value) and "\n" not in str(caught.value)
    assert not contents(*home) and not [*tmp_path.rglob("escaped*")]


def test_a_hash_that_differs_a_damaged_file_a_link_and_another_version_are_refused(away, home, tmp_path):
    path, damaged = away.results / "runs.tar", tmp_path / "damaged.tar"
    wrong = repacked(
        path, lambda content: None, tmp_path, lambda hashes: {"format": 1, "files": dict.fromkeys(hashes, "0")}
    )
    for content in (wrong.read_bytes(), path.read_bytes()[:3000], b"no tar", b"", linked(path), hollow(path)):
        damaged.write_bytes(content)
        with pytest.raises(ValueError, match="^an archive must be one of whole runs. Received: [^\n]+$"):
            take_in(damaged, *home)
    for manifest in (
        lambda hashes: {"format": 2, "files": hashes},
        lambda hashes: {"format": 1, "files": {}},
        lambda _: [],
    ):
        with pytest.raises(ValueError, match="^an archive must be one of whole runs. Received: [^\n]+$"):
            take_in(repacked(path, lambda content: None, tmp_path, manifest), *home)
    assert not contents(*home)


def linked(path):
    """An archive with a link in it."""
    entry = tarfile.TarInfo(f"runs/{NAME}/link.json")
    entry.type, entry.linkname = tarfile.SYMTYPE, "/etc/passwd"
    return followed_by(path, entry)


def hollow(path):
    """An archive with a file in it that is said to be a terabyte of nothing."""
    entry = tarfile.TarInfo(f"runs/{NAME}/readout.jsonl")
    entry.pax_headers = {"GNU.sparse.size": str(2**40), "GNU.sparse.map": "0,0"}
    return followed_by(path, entry)


def followed_by(path, entry):
    """An archive with one more entry."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w", format=tarfile.PAX_FORMAT) as tar, tarfile.open(path) as whole:
        for each in whole:
            tar.addfile(each, whole.extractfile(each))
        tar.addfile(entry)
    return content.getvalue()


def test_a_run_that_is_there_with_another_network_stays_and_all_else_comes_in(away, home, tmp_path):
    published, own, _ = home
    record = away.record(NAME)
    record["model"] = {**record["model"], "sha256": "0" * 64}
    place = published.folder(NAME) / "run.json"
    place.parent.mkdir(parents=True)
    place.write_text(json.dumps(record))
    assert take_in(away.results / "runs.tar", *home).stays == [f"{NAME} in {published.results}"]
    assert published.record(NAME) == record and [*published.folder(NAME).iterdir()] == [place]
    assert own.done(CONFIG) and (published.computation(COMPUTATION) / "record.json").exists()
    third = Store(tmp_path / "third")
    third.folder(NAME).mkdir(parents=True)
    (third.folder(NAME) / "run.json").write_text(json.dumps(record))
    assert take_in(away.results / "runs.tar", published, third, KINDS).stays[1:] == [f"{NAME} in {third.results}"]
    assert third.record(NAME) == record and not third.model_path(CONFIG).exists()
