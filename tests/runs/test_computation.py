"""A computation without a network: an identity, one record, done once, written last."""

import json
from dataclasses import dataclass

import numpy as np
import pytest

from common.errors import OutOfTime
from common.runs import computation
from common.runs.computation import Computation, Result, carry_out, computation_id, seconds_known
from common.runs.config import Options
from common.runs.deadline import Deadline
from common.runs.store import Store, locked


@dataclass(frozen=True)
class Sum(Computation):
    """The sum of the first numbers."""

    slug = "sum"
    n: int = 10
    weights: tuple[float, ...] = ()


class Compute:
    """Counts how often it was called."""

    def __init__(self, n):
        self.n, self.calls = n, 0

    def __call__(self):
        self.calls += 1
        numbers = np.arange(self.n)
        return Result({"sum": int(numbers.sum())}, {"digits": "ab" * 32}, {"numbers": numbers})


def folder(options, computation):
    return Store.of(options).results / "computations" / computation_id(computation)


def test_an_identity_is_the_slug_and_the_settings_that_differ_from_their_default():
    assert computation_id(Sum()) == "sum-9e44c41d" and computation_id(Sum(10, ())) == computation_id(Sum())
    others = {computation_id(Sum(n=11)), computation_id(Sum(weights=(1.0,))), computation_id(Sum())}
    assert len(others) == 3 and all(name.startswith("sum-") and len(name) == 12 for name in others)

    @dataclass(frozen=True)
    class Other(Sum):
        slug = "other"

    assert computation_id(Other())[-8:] != computation_id(Sum())[-8:]


def test_it_is_computed_once_and_again_where_forced(tmp_path):
    options, compute = Options(output_dir=tmp_path), Compute(10)
    record = carry_out(Sum(), compute, options)
    assert record["outcome"] == {"sum": 45} and record["settings"] == {"n": 10, "weights": []}
    assert record["data"] == {"digits": "ab" * 32} and record["id"] == computation_id(Sum())
    assert {"commit", "dirty"} == set(record["code"]) and record["environment"]["numpy"] == np.__version__
    assert record["time"]["seconds"] >= 0 and record["schema"] == 1
    assert json.loads((folder(options, Sum()) / "record.json").read_text()) == record
    with np.load(folder(options, Sum()) / "arrays.npz") as file:
        np.testing.assert_array_equal(file["numbers"], np.arange(10))
    assert carry_out(Sum(), compute, options) == record and compute.calls == 1
    carry_out(Sum(n=11), compute, options)
    assert compute.calls == 2
    carry_out(Sum(), compute, options, force=True)
    assert compute.calls == 3


def test_one_that_fails_leaves_no_record_and_is_computed_again(tmp_path):
    options = Options(output_dir=tmp_path)

    def fail():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        carry_out(Sum(), fail, options)
    assert not (folder(options, Sum()) / "record.json").exists()
    assert carry_out(Sum(), Compute(10), options)["outcome"] == {"sum": 45}


@pytest.mark.parametrize(
    "content, message",
    [
        ('{"settings": {"n": 9}, "code": {}, "outcome": {}}', "a folder must hold its own settings"),
        ('{"settings": {"n": 9}, "code": {}}', "record must be a record.json"),
        ('{"settings": 3, "code": {}, "outcome": {}}', "record must be a record.json"),
        ("{", "record must be a record.json"),
    ],
)
def test_a_foreign_or_broken_record_is_an_error_that_names_it_unless_forced(tmp_path, content, message):
    options = Options(output_dir=tmp_path)
    path = folder(options, Sum()) / "record.json"
    path.parent.mkdir(parents=True)
    path.write_text(content)
    with pytest.raises(ValueError, match=f"^{message}.*Received: .*{computation_id(Sum())}"):
        carry_out(Sum(), Compute(10), options)
    assert path.read_text() == content
    carry_out(Sum(), Compute(10), options, force=True)
    assert carry_out(Sum(), Compute(10), options)["outcome"] == {"sum": 45}


def test_its_folder_has_one_writer(tmp_path):
    import threading

    options, order = Options(output_dir=tmp_path), []
    with locked(folder(options, Sum())):
        other = threading.Thread(target=lambda: order.append(carry_out(Sum(), Compute(10), options)["id"]))
        other.start()
        other.join(0.3)
        assert order == []
    other.join()
    assert order == [computation_id(Sum())]


def test_how_long_it_takes_is_on_record_else_that_of_the_longest_that_is_called_so(tmp_path, monkeypatch):
    monkeypatch.setattr(computation, "PUBLISHED", tmp_path / "published")
    store, options = Store(tmp_path), Options(output_dir=tmp_path)
    assert seconds_known(Sum(), store) is None
    for n, seconds in ((10, 5.0), (20, 50.0), (30, 20.0)):
        record = carry_out(Sum(n=n), Compute(n), options)
        path = folder(options, Sum(n=n)) / "record.json"
        path.write_text(json.dumps({**record, "time": {"seconds": seconds}}))
    assert seconds_known(Sum(), store) == 5 and seconds_known(Sum(n=40), store) == 50


def test_what_would_not_end_in_time_is_not_begun(tmp_path, monkeypatch):
    monkeypatch.setattr(computation, "seconds_known", lambda *_: 100.0)
    limited = Options(output_dir=tmp_path, time_limit=Deadline.after("90s"))
    with pytest.raises(OutOfTime, match="^not all computations are done$"):
        carry_out(Sum(), Compute(10), limited)
    assert not (folder(limited, Sum()) / "record.json").exists()
    done = carry_out(Sum(), Compute(10), Options(output_dir=tmp_path))
    assert carry_out(Sum(), Compute(10), limited) == done
