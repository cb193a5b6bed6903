"""Threads are pinned through the environment, before a framework is imported."""

import os
from types import SimpleNamespace

import pytest

from common.cores import cores
from common.runs import threads as module
from common.runs.threads import NAMES, limit_threads, thread_environment


@pytest.fixture
def limits(monkeypatch):
    """Numbers of threads that loaded libraries were given, as a list that grows."""
    found = []
    monkeypatch.setattr(module, "threadpool_limits", found.append)
    return found


@pytest.fixture
def environment(monkeypatch, limits):
    """An empty environment in place of the process's own, on a machine of six cores."""
    variables = {}
    monkeypatch.setattr(module, "os", SimpleNamespace(environ=variables))
    monkeypatch.setattr(module, "cores", lambda: 6)
    return variables


def test_a_list_of_threads_is_its_first_and_an_empty_one_is_none(environment):
    for text, expected in (("", 6), (" ", 6), ("4,2", 4), ("3", 3)):
        environment["OMP_NUM_THREADS"] = text
        assert limit_threads(0) == expected
    environment["OMP_NUM_THREADS"] = "many"
    with pytest.raises(ValueError, match="^OMP_NUM_THREADS must be a number. Received: OMP_NUM_THREADS='many'$"):
        limit_threads(0)


def test_cores_are_those_that_the_process_may_use(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {3}, raising=False)
    assert cores() == 1
    monkeypatch.delattr(os, "sched_getaffinity")  # as on other systems
    assert cores() == os.cpu_count()


WAITING = {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "1000"}


def pinned(number, waiting=WAITING):
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "TF_NUM_INTRAOP_THREADS")
    return {name: str(number) for name in names} | waiting


def test_one_thread_is_one_for_every_library_and_for_tensorflows_second_pool(environment):
    assert thread_environment(1) == pinned(1) | {"TF_NUM_INTEROP_THREADS": "1"}


def test_several_threads_leave_tensorflows_second_pool_alone(environment):
    assert thread_environment(3) == pinned(3) and set(NAMES) < set(pinned(3))


def test_a_way_of_waiting_that_is_set_stays_alone(environment):
    environment["OMP_WAIT_POLICY"] = "ACTIVE"
    assert thread_environment(2) == pinned(2, {})
    assert limit_threads(2) == 2 and environment == pinned(2, {"OMP_WAIT_POLICY": "ACTIVE"})


@pytest.mark.parametrize("threads, given, expected", [(2, {}, 2), (2, {"OMP_NUM_THREADS": "4"}, 2), (0, {}, 6),
                                                      (0, {"OMP_NUM_THREADS": "4"}, 4)])  # fmt: skip
def test_the_limit_is_the_option_else_the_environment_else_all_cores(environment, limits, threads, given, expected):
    environment.update(given)
    assert limit_threads(threads) == expected
    assert environment == pinned(expected) and limits == [threads] * (threads > 0)


def test_planning_a_childs_environment_changes_nothing_here(environment):
    thread_environment(2)
    assert environment == {}
