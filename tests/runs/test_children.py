"""Warm children: the same bits as from a new process, and nothing but its own run is lost with one."""

import dataclasses
import gc
import hashlib
import json
import os
import subprocess
import sys
import threading
import time
from functools import partial

import psutil
import pytest

from common import job
from common.runs import children, trainers
from common.runs.children import Answer, Child, Children
from common.runs.config import Config, Options, as_dict
from common.runs.store import Store
from common.runs.sweep import encode
from common.runs.threads import MEMORY
from common.runs.training import train

pytestmark = pytest.mark.slow

BASE = Config(model="mlp1", dataset="digits", framework="torch", train_size=200, crop=6, epochs=2, batch_size=32)
LARGE = dataclasses.replace(BASE, random_crop=True, dropout=0.3, weight_decay=0.001)
ROUGH = dataclasses.replace(BASE, model="mlp2", width=16, precision="bfloat16", optimizer="adam", dropout=0.5)
ACTIONS = {"force": False, "decode": False}


def job_line(configs, output_dir, **options):
    given = Options(output_dir=output_dir, threads=1, **options)
    return json.dumps({"configs": list(map(as_dict, configs)), "options": encode(given), **ACTIONS})


@pytest.fixture(scope="module")
def pool():
    """Children of this module."""
    made = Children()
    yield made
    made.end()


def sha256(folder, config):
    return hashlib.sha256(Store(folder).model_path(config).read_bytes()).hexdigest()


@pytest.mark.parametrize("framework", ["torch", "keras"])
def test_a_warm_child_trains_to_the_bits_of_a_new_process(tmp_path, pool, framework):
    large, rough = (dataclasses.replace(config, framework=framework) for config in (LARGE, ROUGH))
    for folder, config in (("new", large), ("warm", rough), ("warm", large)):
        assert pool.carry_out(framework, 1, job_line([config], tmp_path / folder)).reason == ""
    train(large, Options(output_dir=tmp_path / "here", threads=1))
    assert sha256(tmp_path / "new", large) == sha256(tmp_path / "warm", large) == sha256(tmp_path / "here", large)
    assert [child.framework for child in pool.idle].count(framework) == 1


STAND_IN = """
import json, os, sys
from common.job import answers_alone
answers = answers_alone()
def answer(**fields):
    os.write(answers, json.dumps(fields).encode() + b"\\n")
for line in sys.stdin:
    print("to be read by nobody", flush=True)
    os.system("echo nor this")
    exec(json.loads(line))
"""


@pytest.fixture
def stand_in(monkeypatch):
    """A child that carries out Python code."""
    start = subprocess.Popen

    def popen(command, **settings):
        assert command[:3] == [sys.executable, "-m", "common.job"]
        return start([sys.executable, "-c", STAND_IN], **settings)

    monkeypatch.setattr(subprocess, "Popen", popen)
    child = Child("torch", 3)
    yield child
    child.end()


NOTE = "import os, sys; sys.stderr.write('epoch 1\\n\\nlast words\\n'); sys.stderr.flush();"


@pytest.mark.parametrize(
    "code, expected",
    [
        (NOTE + "answer(reason='', sound=True)", Answer("", True)),
        (NOTE + "answer(reason='ValueError: no', sound=False)", Answer("ValueError: no", False)),
        (NOTE + "os._exit(1)", Answer("last words", False)),
        ("import os; os._exit(1)", Answer("ended with status 1", False)),
        (NOTE + "os._exit(0)", Answer("ended with status 0", False)),
        (NOTE + "os.kill(os.getpid(), 9)", Answer("ended with status -9", False)),
    ],
)
def test_a_child_answers_whatever_libraries_print_and_however_it_ends(stand_in, code, expected):
    assert stand_in.answer(json.dumps("answer(reason='first', sound=True)")) == Answer("first", True)
    assert stand_in.answer(json.dumps(code)) == expected


def test_what_a_child_says_of_its_end_is_of_its_last_job(stand_in):
    stand_in.answer(json.dumps(NOTE + "answer(reason='', sound=True)"))
    assert stand_in.answer(json.dumps("import os; os._exit(3)")) == Answer("ended with status 3", False)
    assert stand_in.answer(json.dumps("")) == Answer("ended with status 3", False)  # nobody reads it


def test_a_child_has_pinned_threads_and_our_malloc(monkeypatch):
    monkeypatch.setenv("MALLOC_TRIM_THRESHOLD_", "0")  # dask's own, slow in a training loop
    monkeypatch.setenv("OMP_WAIT_POLICY", "PASSIVE")  # set, so that it stays alone
    monkeypatch.setenv("GOMP_SPINCOUNT", "7")
    environment = children.child_environment(3)
    assert environment["MALLOC_TRIM_THRESHOLD_"] == MEMORY["MALLOC_TRIM_THRESHOLD_"] == str(2**32)
    assert environment["MALLOC_MMAP_THRESHOLD_"] == MEMORY["MALLOC_MMAP_THRESHOLD_"] == str(2**30) and len(MEMORY) == 2
    assert environment["OMP_NUM_THREADS"] == environment["TF_NUM_INTRAOP_THREADS"] == "3"
    assert environment["GOMP_SPINCOUNT"] == "7" and environment["PATH"] == os.environ["PATH"]


def test_a_child_is_started_with_that_environment(stand_in):
    code = "answer(reason=os.environ['OMP_NUM_THREADS'] + os.environ['MALLOC_TRIM_THRESHOLD_'], sound=True)"
    assert stand_in.answer(json.dumps(code)) == Answer(f"3{2**32}", True)


@pytest.fixture
def made(monkeypatch):
    """Every child that was made, all of them asleep; what each is to answer can be set."""
    found = []

    class Asleep(Child):
        said = Answer("", sound=True)

        def __init__(self, framework, threads):
            super().__init__(framework, threads)
            found.append(self)

        def answer(self, job):
            time.sleep(float(job))
            return self.said

    start = partial(subprocess.Popen, ["sleep", "100"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    monkeypatch.setattr(subprocess, "Popen", lambda command, **settings: start())
    monkeypatch.setattr(children, "Child", Asleep)
    yield found
    for child in found:
        child.end()


def alive(children):
    return [child.process.poll() is None for child in children]


def test_a_child_takes_jobs_of_its_framework_and_threads_one_at_a_time(made):
    pool = Children()
    for framework, threads in [("torch", 1), ("keras", 1), ("torch", 2), ("torch", 1), ("keras", 1)]:
        assert pool.carry_out(framework, threads, "0").reason == ""
    assert [(child.framework, child.threads) for child in made] == [("torch", 1), ("keras", 1), ("torch", 2)]
    workers = [threading.Thread(target=pool.carry_out, args=["torch", 1, "0.3"]) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(made) == 4 and len(pool.idle) == 4 and alive(made) == [True] * 4
    pool.end()
    assert alive(made) == [False] * 4 and pool.idle == []


def test_a_child_that_is_not_sound_or_died_is_replaced(made):
    pool = Children()
    pool.carry_out("torch", 1, "0")
    made[0].said = Answer("ValueError: no", sound=True)
    assert pool.carry_out("torch", 1, "0").reason == "ValueError: no" and len(made) == 1
    made[0].said = Answer("KeyError: 'no'", sound=False)
    assert pool.carry_out("torch", 1, "0").reason == "KeyError: 'no'" and alive(made) == [False]
    pool.carry_out("torch", 1, "0")
    made[1].process.kill()
    made[1].process.wait()
    assert pool.carry_out("torch", 1, "0").reason == "" and alive(made) == [False, False, True]


def test_a_child_without_a_job_ends_after_a_while(made, monkeypatch):
    pool = Children()
    monkeypatch.setattr(children, "IDLE_SECONDS", 0.3)
    pool.carry_out("torch", 1, "0")
    pool.carry_out("torch", 1, "0.6")  # at work it does not
    assert alive(made) == [True]
    made[0].process.wait(20)
    while pool.idle:
        time.sleep(0.01)


def test_all_children_of_this_process_end(made):
    children.CHILDREN.carry_out("torch", 1, "0")
    children.end_children()
    assert alive(made) == [False] and children.CHILDREN.idle == []


@pytest.fixture
def jobs(monkeypatch):
    """A function that has this process carry out jobs, as a child does, each with what its training raises or none."""
    forgotten = []
    monkeypatch.setattr(job, "forget", forgotten.append)

    def carry_out(errors, rss=0):
        remaining = iter(errors)

        def training(configs, options, force):
            if error := next(remaining):
                raise error

        monkeypatch.setattr(job, "train_stacked", training)
        monkeypatch.setattr(job, "lines", lambda: [job_line([BASE], None)] * len(errors))
        monkeypatch.setattr(psutil.Process, "memory_info", lambda self: type("Memory", (), {"rss": rss}))
        monkeypatch.setattr(job.gc, "freeze", lambda: None)
        reading, writing = os.pipe()
        monkeypatch.setattr(job, "answers_alone", lambda: writing)
        job.main()
        os.close(writing)
        with open(reading) as answers:
            return [Answer(**json.loads(line)) for line in answers]

    carry_out.forgotten = forgotten
    return carry_out


def test_a_child_lives_on_after_wrong_input_and_not_after_what_is_unknown(jobs):
    memory = ValueError("the GPU's memory must hold it")
    memory.__cause__ = RuntimeError("CUDA out of memory")
    errors = [None, ValueError("no\nnever"), FileNotFoundError("gone"), memory, KeyError("key"), MemoryError()]
    assert jobs(errors) == [
        Answer("", True), Answer("never", True), Answer("FileNotFoundError: gone", True),
        Answer("ValueError: the GPU's memory must hold it", False), Answer("KeyError: 'key'", False),
        Answer("MemoryError", False),
    ]  # fmt: skip
    assert jobs.forgotten == ["torch"] * 3


def test_a_child_is_replaced_after_some_runs_and_where_it_has_grown(jobs):
    assert [answer.sound for answer in jobs([None] * job.MOST_RUNS)] == [True] * (job.MOST_RUNS - 1) + [False]
    assert jobs([None], rss=job.MOST_BYTES) == [Answer("", True)]
    assert jobs([None], rss=job.MOST_BYTES + 1) == [Answer("", False)]


@pytest.mark.parametrize("framework", ["torch", "keras"])
def test_what_a_run_leaves_in_its_framework_is_forgotten(framework):
    trainers.forget(framework)
    if framework == "keras":
        import keras

        names = []
        for _ in range(2):
            names.append(keras.layers.Dense(1).name)
            keras.config.set_dtype_policy("mixed_bfloat16")
            trainers.forget("keras")
        assert names == ["dense", "dense"] and keras.config.dtype_policy().name == "float32"
    else:

        class Ring:
            def __init__(self):
                self.ring = self

            def __del__(self):
                freed.append(self)

        freed = []
        gc.disable()
        try:
            Ring()
            trainers.forget("torch")
        finally:
            gc.enable()
        assert len(freed) == 1
