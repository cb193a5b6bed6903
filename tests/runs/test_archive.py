"""Runs travel as one file: what comes home is what went, and a file that is anything else is refused unwritten."""

import dataclasses
import io
import json
import tarfile

import numpy as np
import pytest

from common.runs import archive
from common.runs.archive import pack, read_size, split, take_in
from common.runs.config import Config, Options, run_id
from common.runs.store import Store
from common.runs.training import train

pytestmark = pytest.mark.slow

CONFIG = Config(model="mlp2", width=8, dataset="digits", framework="torch", train_size=60, crop=6, epochs=1)
NAME = run_id(CONFIG)


@pytest.fixture(scope="module")
def away(tmp_path_factory):
    """Where a run was trained and something measured of it, and an archive of it."""
    folder = tmp_path_factory.mktemp("away")
    store = Store(folder)
    record = train(CONFIG, Options(output_dir=folder, threads=1))
    (store.folder(NAME) / "statistics.jsonl").write_text('{"a": 1}\n')
    computation = store.computation("sum-9e44c41d")
    computation.mkdir(parents=True)
    content = {"schema": 1, "id": computation.name, "settings": {}, "code": {}, "outcome": {}, "time": {"seconds": 1.0}}
    (computation / "record.json").write_text(json.dumps(content))
    pack(folder / "runs.tar", store, [record], [computation.name], [NAME])
    return store


@pytest.fixture
def home(tmp_path):
    """Published results and a user's own."""
    return Store(tmp_path / "published"), Store(tmp_path / "own")


def files(*stores):
    return {path for store in stores for path in store.results.rglob("*") if path.is_file()}


def test_what_comes_home_is_what_went(away, home):
    published, own = home
    assert take_in(away.results / "runs.tar", *home) == [NAME]
    for file in ("run.json", "history.jsonl", "arrays.npz", "statistics.jsonl"):
        assert (published.folder(NAME) / file).read_bytes() == (away.folder(NAME) / file).read_bytes()
    assert (own.models / f"{NAME}.pt").read_bytes() == away.model_path(CONFIG).read_bytes()
    assert (published.computation("sum-9e44c41d") / "record.json").exists()
    assert len(files(*home)) == 6
    before = {path: path.read_bytes() for path in files(*home)}
    assert take_in(away.results / "runs.tar", *home) == [NAME]
    assert {path: path.read_bytes() for path in files(*home)} == before


def test_the_same_runs_give_the_same_file_without_models_where_none_is_wanted(away, tmp_path):
    again, light = tmp_path / "again.tar", tmp_path / "light.tar"
    record = away.record(NAME)
    pack(again, away, [record], ["sum-9e44c41d"], [NAME])
    assert again.read_bytes() == (away.results / "runs.tar").read_bytes()
    pack(light, away, [record], [], [])
    assert take_in(light, Store(tmp_path / "published"), Store(tmp_path / "own")) == [NAME]
    assert not (tmp_path / "own").exists()


def test_an_archive_comes_in_parts(away, home, tmp_path):
    whole = tmp_path / "parts.tar"
    whole.write_bytes((away.results / "runs.tar").read_bytes())
    parts = split(whole, read_size("8K"))
    assert not whole.exists() and len(parts) > 1 and all(part.stat().st_size <= 8 * 2**10 for part in parts)
    assert take_in(parts[0], *home) == [NAME]
    parts[1].unlink()
    with pytest.raises(ValueError, match="^an archive must be one of whole runs. Received: "):
        take_in(parts[0], *home)


@pytest.mark.parametrize("text", ["", "0M", "M", "16 M", "1.5M", "-1"])
def test_a_size_is_a_number_and_a_unit(text):
    with pytest.raises(ValueError, match=f"^part_size must be a size as 500K or 16M. Received: part_size='{text}'$"):
        read_size(text)


def test_lines_that_are_new_are_added_to_those_that_are_published(away, home):
    published, _ = home
    lines = published.folder(NAME) / "statistics.jsonl"
    lines.parent.mkdir(parents=True)
    lines.write_text('{"b": 2}\n')
    take_in(away.results / "runs.tar", *home)
    assert lines.read_text() == '{"b": 2}\n{"a": 1}\n'


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


def record_with(**changes):
    def change(content):
        name = f"runs/{NAME}/run.json"
        content[name] = json.dumps({**json.loads(content[name]), **changes}).encode()

    return change


def named(name, data=b"{}"):
    return lambda content: content.update({name: data})


OTHER = dataclasses.asdict(dataclasses.replace(CONFIG, epochs=2))
REFUSED = {
    "outside": (named("../../escaped.json"), "must be a run's"),
    "absolute": (named("/tmp/escaped.json"), "must be a run's"),
    "within": (named(f"runs/{NAME}/../../../escaped.json"), "must be a run's"),
    "script": (named(f"runs/{NAME}/run.py"), "must be a run's"),
    "foreign schema": (record_with(schema=99), "schema 99"),
    "foreign record": (record_with(config=OTHER), "holds a record of"),
    "no record": (lambda content: content.pop(f"runs/{NAME}/run.json"), "run.json"),
    "no runs": (lambda content: content.clear(), "it holds no run"),
    "broken lines": (named(f"runs/{NAME}/readout.jsonl", b'{"epoch": 1'), "every line must be JSON"),
    "another model": (named(f"saved_models/{NAME}.pt", b"other"), "not the model of a run's record"),
    "a computation in another's place": (
        named("computations/a-1/record.json", b'{"schema": 1, "id": "b", "settings": {}, "code": {}, "outcome": {}, '
              b'"time": {"seconds": 1}}'), "a-1 holds a record of schema 1, b",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_run_is_refused_in_one_line_and_nothing_is_written(away, home, tmp_path, case):
    change, reason = REFUSED[case]
    path = repacked(away.results / "runs.tar", change, tmp_path)
    with pytest.raises(ValueError, match="^an archive must be one of whole runs. Received: ") as caught:
        take_in(path, *home)
    assert reason in str(caught.value) and "\n" not in str(caught.value)
    assert not files(*home) and not [*tmp_path.rglob("escaped*")]


def test_a_hash_that_differs_a_damaged_file_a_link_and_another_version_are_refused(away, home, tmp_path):
    path, damaged = away.results / "runs.tar", tmp_path / "damaged.tar"
    wrong = repacked(
        path, lambda content: None, tmp_path, lambda hashes: {"format": 1, "files": dict.fromkeys(hashes, "0")}
    )
    for content in (wrong.read_bytes(), path.read_bytes()[:3000], b"no tar", b"", linked(path)):
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
    assert not files(*home)


def linked(path):
    """An archive with a link in it."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as tar, tarfile.open(path) as whole:
        for entry in whole:
            tar.addfile(entry, whole.extractfile(entry))
        entry = tarfile.TarInfo(f"runs/{NAME}/link.json")
        entry.type, entry.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(entry)
    return content.getvalue()


def test_a_run_that_is_published_with_another_model_stays(away, home):
    published, _ = home
    record = away.record(NAME)
    record["model"] = {**record["model"], "sha256": "0" * 64}
    place = published.folder(NAME) / "run.json"
    place.parent.mkdir(parents=True)
    place.write_text(json.dumps(record))
    with pytest.raises(ValueError, match="is published with another model"):
        take_in(away.results / "runs.tar", *home)
    assert files(*home) == {place} and np.array_equal(json.loads(place.read_text())["model"]["sha256"], "0" * 64)
