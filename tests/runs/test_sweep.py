"""Sweeps: every run once, whatever dies or fails meanwhile, in child processes with pinned threads."""

import dataclasses
import importlib.util
import json
import os
import sys
from pathlib import Path
from types import SimpleNamespace

import distributed
import psutil
import pytest

from common import frameworks, job
from common.runs import sweep, threads
from common.runs.children import Answer, end_children
from common.runs.config import Config, Options, as_dict, from_dict, run_id
from common.runs.deadline import Deadline
from common.runs.store import READOUT, Store
from common.runs.sweep import RunsFailed, child, decode, distribute, encode, grid, lack
from common.runs.training import train

pytestmark = pytest.mark.slow

BASE = Config(model="mlp1", dataset="digits", framework="torch", train_size=200, crop=6, epochs=2, batch_size=32)
LONG = dataclasses.replace(BASE, epochs=40, batch_size=1)
SMALL = dataclasses.replace(BASE, model="mlp2", width=16, corruption="uniform", corruption_fraction=0.5)
LARGE = dataclasses.replace(BASE, model="mlp2", width=1024)


def options(folder, **changes):
    return Options(output_dir=folder, **{"threads": 1, **changes})


def below(*parts):
    """Processes anywhere below this one with one of these parts in their command line."""
    found = []
    for process in psutil.Process().children(recursive=True):
        try:
            if any(part in " ".join(process.cmdline()) for part in parts):
                found.append(process)
        except psutil.Error:
            pass
    return found


def test_workers_of_a_cluster_keep_no_child_after_a_sweep(tmp_path):
    settings = {"n_workers": 1, "threads_per_worker": 1, "processes": False, "dashboard_address": None}
    with distributed.LocalCluster(**settings) as cluster:
        distribute([BASE], options(tmp_path, scheduler=cluster.scheduler_address))
        assert not below("common.job") and Store(tmp_path).done(BASE)


def test_a_sweep_trains_stacks_and_a_run_that_fails_is_reported_with_its_reason(tmp_path):
    wrong = dataclasses.replace(BASE, model="nope")
    configs = [*grid(SMALL, seed=range(3)), LARGE]
    with pytest.raises(RunsFailed) as caught:
        sweep.run([wrong, *configs], options(tmp_path, workers=1, threads=2), decode=True)
    summary, line = str(caught.value).splitlines()
    assert summary == "1 of 5 runs failed:"
    assert line.startswith(f"{run_id(wrong)}: ValueError: model must be one of mlp1, ") and line.endswith("'nope'")
    store = Store(tmp_path)
    found = [store.done(config)["environment"] for config in configs]
    assert store.done(wrong) is None and [environment["threads"] for environment in found] == [2] * 4
    assert [environment["stacked"] for environment in found] == [3, 3, 3, 1]
    for config in configs:
        assert {line["layer"] for line in store.lines(run_id(config), READOUT)} >= {"input", "fc1", "logits"}


@pytest.fixture
def cluster(monkeypatch):
    """A cluster that runs nothing and notes what it was asked for; `failures` maps a run id to an exception."""
    noted = SimpleNamespace(tasks=[], clusters=[], address=None, closed=False, failures={}, ended=[], workers={"a": 1})
    noted.lacks, noted.foreign = {}, False  # what each worker answers, and whether the scheduler lacks the package

    class Client:
        def __init__(self, address):
            noted.address = address

        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

        def scheduler_info(self):
            return {"workers": noted.workers}

        def wait_for_workers(self, count, timeout):
            assert count == 1
            if not noted.workers:
                raise TimeoutError(timeout)

        def run(self, function, *given, on_error):
            if function is end_children:
                return noted.ended.append(on_error)
            assert on_error == "return"
            return noted.lacks or {address: lack(*given) for address in noted.workers}

        def run_on_scheduler(self, function):
            if noted.foreign:
                raise ModuleNotFoundError("No module named 'common'")
            return function()

        def map(self, function, stacks, seconds, options, force, decode, pure, retries, resources):
            assert (
                function is child
                and resources is None
                and not pure
                and not force
                and not decode
                and seconds == [0.0] * len(stacks)
            )
            noted.tasks += [([run_id(config) for config in stack], options) for stack in stacks]
            return [future(run_id(stack[0])) for stack in stacks]

    def future(name):
        error = noted.failures.get(name)
        return SimpleNamespace(
            key=f"key of {name}", status="error" if error else "finished",
            exception=lambda: error, result=lambda: Answer("", sound=True), done=lambda: True,
        )  # fmt: skip

    def local(**settings):
        noted.clusters.append(settings)
        return SimpleNamespace(close=lambda: setattr(noted, "closed", True))

    monkeypatch.setattr(distributed, "Client", Client)
    monkeypatch.setattr(distributed, "LocalCluster", local)
    monkeypatch.setattr(distributed, "as_completed", reversed)
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: range(8), raising=False)
    return noted


@pytest.mark.parametrize(
    "given, workers, threads",
    [
        ({}, 4, 2),
        ({"workers": 2}, 2, 4),
        ({"workers": 2, "threads": 3}, 2, 3),
        ({"workers": 3}, 3, 2),
        ({"workers": 20}, 4, 2),
        ({"device": "cuda", "stack": False}, 1, 8),
        ({"device": "cuda", "stack": False, "workers": 3}, 3, 2),
    ],
)
def test_workers_share_the_cores(tmp_path, cluster, given, workers, threads):
    configs = list(grid(LARGE, seed=range(4)))
    assert distribute(configs, Options(output_dir=tmp_path, **given)) == []
    assert [(settings["n_workers"], settings["threads_per_worker"]) for settings in cluster.clusters] == [(workers, 1)]
    assert [names for names, _ in cluster.tasks] == [[run_id(config)] for config in configs] and cluster.closed
    assert {options.threads for _, options in cluster.tasks} == {threads}


def test_each_finished_run_says_what_is_left(tmp_path, cluster, capsys, monkeypatch):
    seconds = iter(range(0, 600, 60))
    monkeypatch.setattr(sweep, "time", SimpleNamespace(monotonic=lambda: next(seconds)))
    distribute(list(grid(LARGE, seed=range(4))), options(tmp_path, workers=2))
    found = [(line.split()[0], line.split(" ", 2)[2]) for line in capsys.readouterr().err.splitlines()]
    left = ["", ", about 2 minutes left", ", about 60 seconds left", ""]  # the first run alone says nothing yet
    assert found == [(f"{number}/4", f"done{told}") for number, told in enumerate(left, 1)]


def test_runs_are_stacked_where_that_is_faster_and_each_worker_has_some(tmp_path, cluster):
    small = list(grid(SMALL, corruption_fraction=[0.5, 1.0], seed=range(3)))
    others = [LARGE, dataclasses.replace(LARGE, seed=1), dataclasses.replace(SMALL, epochs=5)]
    keras = list(grid(SMALL, framework=["keras"], seed=range(2)))
    noisy = list(grid(dataclasses.replace(SMALL, dropout=0.5), seed=range(2)))
    unknown = list(grid(SMALL, dataset=["nowhere"], seed=range(2)))
    distribute([*small[:3], *others, *small[3:], *keras, *noisy, *unknown], options(tmp_path, workers=2))
    stacked = [[run_id(config) for config in stack] for stack in (small[:3], small[3:])]
    alone = [[run_id(config)] for config in (*others, *keras, *noisy, *unknown)]
    assert [names for names, _ in cluster.tasks] == stacked + alone
    cluster.tasks.clear()
    distribute(small, options(tmp_path, workers=1))
    distribute(small, options(tmp_path, workers=4, device="cuda"))
    assert [names for names, _ in cluster.tasks] == [sum(stacked, [])] * 2
    cluster.tasks.clear()
    distribute(small, options(tmp_path, workers=1, stack=False))
    assert [names for names, _ in cluster.tasks] == [[run_id(config)] for config in small]


def test_a_sweep_leaves_numpy_its_threads_for_what_is_read_out_afterwards(tmp_path, cluster, monkeypatch):
    monkeypatch.setattr(threads, "threadpool_limits", lambda count: pytest.fail(f"{count} threads"))
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    distribute(list(grid(SMALL, seed=range(4))), options(tmp_path, workers=2, threads=0))
    assert [len(names) for names, _ in cluster.tasks] == [2, 2] and os.environ["OMP_NUM_THREADS"] == "3"


def test_nothing_is_stacked_where_torch_would_be_imported_after_tensorflow(tmp_path, cluster, monkeypatch):
    monkeypatch.delitem(sys.modules, "torch")
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    distribute(list(grid(SMALL, seed=range(3))), options(tmp_path, workers=1))
    assert [len(names) for names, _ in cluster.tasks] == [1, 1, 1] and "torch" not in sys.modules


def test_a_stack_that_failed_names_its_runs_and_progress_counts_runs(tmp_path, cluster, capsys, monkeypatch):
    seconds = iter([0.0, 600.0, 1200.0])
    monkeypatch.setattr(sweep, "time", SimpleNamespace(monotonic=lambda: next(seconds)))
    configs = list(grid(SMALL, seed=range(3)))
    cluster.failures[run_id(configs[0])] = RuntimeError("worker died 4 times")
    failures = distribute([*configs, LARGE], options(tmp_path, workers=1))
    names = [run_id(config) for config in configs]
    assert failures == [f"{name}: worker died 4 times" for name in names]
    shown = [f"1/4 {run_id(LARGE)} done", *(f"{place}/4 {name} failed" for place, name in enumerate(names, 2))]
    assert capsys.readouterr().err.splitlines() == shown


def test_a_running_scheduler_is_used_and_not_closed(tmp_path, cluster):
    distribute([BASE], options(tmp_path, scheduler="tcp://host:8786"))
    assert cluster.ended == ["ignore"]  # a worker that is gone has none
    assert cluster.address == "tcp://host:8786" and cluster.clusters == [] and not cluster.closed


def test_a_scheduler_without_workers_is_named_and_not_waited_for_without_end(tmp_path, cluster, capsys, monkeypatch):
    cluster.workers, address = {}, "tcp://host:8786"
    monkeypatch.setattr(sweep, "PATIENCE", 7)
    with pytest.raises(ValueError, match=rf"^scheduler must have workers \(dask worker {address}\). Received: 0 in 7"):
        distribute([BASE], options(tmp_path, scheduler=address))
    assert capsys.readouterr().err == f"{address} has 0 workers: waiting 7 seconds for the first\n"


def lacking(cluster, folder, *configs, **given):
    """What a sweep says in one line that a scheduler or its workers lack."""
    with pytest.raises(ValueError) as caught:
        distribute(configs, options(folder, scheduler="tcp://host:8786", **given))
    assert not cluster.tasks and "\n" not in str(caught.value)
    return str(caught.value)


def test_what_a_scheduler_or_its_workers_lack_is_said_before_anything_is_trained(tmp_path, cluster, monkeypatch):
    every = "every worker must have this package, the frameworks, the data and the folder of results. Received: "
    mnist = dataclasses.replace(BASE, dataset="mnist", crop=None)
    told = lacking(cluster, tmp_path, BASE, mnist, data_dir=tmp_path / "nowhere")
    assert told.startswith(f"{every}1 of 1 without, a: {tmp_path / 'nowhere' / 'MNIST' / 'raw'} has no ")
    with monkeypatch.context() as patch:
        patch.setattr(importlib.util, "find_spec", lambda name: None)
        assert lacking(cluster, tmp_path, BASE) == (
            f"{every}1 of 1 without, a: framework must be installed. Received: framework='torch'"
        )
    with monkeypatch.context() as patch:
        patch.setattr(sweep, "decode", lambda fields: options(tmp_path / "other"))
        assert lacking(cluster, tmp_path, BASE).endswith(
            f"a: {tmp_path / 'other'} is another folder than where the sweep was started"
        )
    cluster.lacks = {"a": "", "b": ModuleNotFoundError("No module named 'common'")}
    assert lacking(cluster, tmp_path, BASE) == f"{every}1 of 2 without, b: No module named 'common'"
    cluster.foreign = True
    assert lacking(cluster, tmp_path, BASE).startswith("scheduler must have this package. Received: tcp://host:8786")
    assert not list(tmp_path.glob(".shared-*"))


def test_a_single_run_that_failed_is_one_run(tmp_path, cluster):
    cluster.failures[run_id(BASE)] = RuntimeError("worker died 4 times")
    with pytest.raises(RunsFailed, match="^1 of 1 run failed:\n"):
        sweep.run([BASE], options(tmp_path, scheduler="tcp://host:8786"))


def test_a_run_that_the_cluster_gave_up_is_a_failure_with_its_id(tmp_path, cluster):
    first, second = grid(BASE, seed=[0, 1])
    cluster.failures[run_id(second)] = RuntimeError("worker died 4 times")
    assert distribute([first, second], options(tmp_path)) == [f"{run_id(second)}: worker died 4 times"]


def test_a_child_gets_a_stack_and_its_options(tmp_path, monkeypatch):
    found = []
    answer = Answer("no", sound=True)
    monkeypatch.setattr(sweep.CHILDREN, "carry_out", lambda *what: found.append(what) or answer)
    given = options(tmp_path, threads=3)
    assert child([BASE, LONG], 7.0, given, force=True) == answer
    ((framework, threads, line),) = found
    job = json.loads(line)
    assert (framework, threads) == ("torch", 3) and decode(job["options"]) == given and "\n" not in line
    assert list(map(from_dict, job["configs"])) == [BASE, LONG] and (job["force"], job["decode"]) == (True, False)


@pytest.fixture
def distributed_runs(monkeypatch):
    """The run ids that went to a cluster; they are trained in this process instead."""
    found = []

    def local(configs, options, force, decode):
        found.extend(run_id(config) for config in configs)
        for config in configs:
            train(config, options, force)
        return []

    monkeypatch.setattr(sweep, "distribute", local)
    return found


def test_only_missing_runs_go_to_a_cluster_and_each_once(tmp_path, distributed_runs):
    configs = list(grid(BASE, seed=[0, 1, 2]))
    train(configs[1], options(tmp_path))
    records = sweep.run([*configs, configs[0]], options(tmp_path))
    assert distributed_runs == [run_id(configs[0]), run_id(configs[2])]
    assert [record["config"]["seed"] for record in records] == [0, 1, 2, 0]
    distributed_runs.clear()
    assert sweep.run(configs, options(tmp_path)) == records[:3] and distributed_runs == []
    sweep.run(configs[:2], options(tmp_path), force=True)
    assert distributed_runs == [run_id(configs[0]), run_id(configs[1])]


def test_a_single_missing_run_trains_here_unless_a_scheduler_is_named(tmp_path, distributed_runs):
    (record,) = sweep.run([BASE], options(tmp_path / "here"))
    assert record["outcome"]["epochs"] == 2 and distributed_runs == []
    sweep.run([BASE], options(tmp_path / "there", scheduler="tcp://host:8786"))
    assert distributed_runs == [run_id(BASE)]


def test_small_runs_train_here_one_after_the_other_unless_flags_say_how_many_side_by_side(tmp_path, distributed_runs):
    configs = list(grid(BASE, seed=[0, 1]))
    assert len(sweep.run(configs, options(tmp_path / "here"), here=True)) == 2 and distributed_runs == []
    sweep.run(configs, options(tmp_path / "there", workers=1), here=True)
    assert distributed_runs == list(map(run_id, configs))


def test_torch_is_imported_before_keras_trains_here_beside_its_runs(tmp_path, monkeypatch):
    first = []
    monkeypatch.setattr(sweep, "train", lambda config, *_: first.append(config.framework))
    monkeypatch.setattr(frameworks, "torch_first", lambda framework: first.append("torch first"))
    keras = dataclasses.replace(BASE, framework="keras")
    sweep.run([keras], options(tmp_path))
    sweep.run([keras, BASE], options(tmp_path), here=True)
    assert first == ["keras"] * 2 + ["torch first", "keras", "torch", "keras", "torch"]


@pytest.mark.parametrize(
    "given",
    [
        Options(time_limit=Deadline.after("1h30m")),
        Options(data_dir=Path("/data"), output_dir=Path("/out"), threads=3, scheduler="tcp://a:1"),
    ],
)
def test_options_survive_the_way_to_a_child(given):
    assert decode(json.loads(json.dumps(encode(given)))) == given


@pytest.mark.parametrize("force, decode", [(False, False), (True, True), (True, False)])
def test_a_job_does_what_its_task_says(tmp_path, monkeypatch, force, decode):
    given, done = options(tmp_path), []
    task = {"configs": [as_dict(BASE)], "options": encode(given), "force": force, "decode": decode}
    monkeypatch.setattr(job, "train_stacked", lambda *arguments: done.append(("train", *arguments)))
    monkeypatch.setattr(job, "decode_run", lambda *arguments, force: done.append(("decode", *arguments, force)))
    assert job.carry_out(json.dumps(task)) == Answer("", sound=True)
    assert done == [("train", [BASE], given, force), ("decode", BASE, given, force)][: 1 + decode]


def test_relative_folders_stay_the_callers(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    sent = decode(encode(Options(data_dir=Path("data"), output_dir=Path("."))))
    assert (sent.data_dir, sent.output_dir) == (tmp_path / "data", tmp_path)


def test_a_grid_has_every_combination_with_the_last_field_varying_fastest():
    configs = list(grid(BASE, framework=["keras", "torch"], seed=[3, 1, 2]))
    assert [(config.framework, config.seed) for config in configs] == [
        ("keras", 3), ("keras", 1), ("keras", 2), ("torch", 3), ("torch", 1), ("torch", 2),
    ]  # fmt: skip
    assert {dataclasses.replace(config, framework="torch", seed=0) for config in configs} == {BASE}
    assert list(grid(BASE)) == [BASE]
