"""Watching long work: a line at each tenth where stderr is no terminal, a bar where it is."""

import sys

import pytest

from common import progress
from common.progress import Work, about


def test_work_says_at_each_tenth_how_much_is_left(capsys, monkeypatch):
    clock = iter([0.0, 1.0, 6.0, 7.0, 8.0])
    monkeypatch.setattr(progress.time, "perf_counter", lambda: next(clock))
    with Work("factor", 200) as work:
        for amount in (40, 60, 65, 80):
            work.done(amount)
    assert capsys.readouterr().err == "factor 30%, about 14 seconds left\nfactor 40%, about 12 seconds left\n"


def test_work_is_a_bar_on_a_terminal(capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    with Work("factor", 200) as work:
        work.done(50)
        assert work.bar.n == 25 and work.bar.total == 100
    assert "factor" in capsys.readouterr().err


@pytest.mark.parametrize(
    "seconds, text",
    [(0.2, "1 second"), (89, "89 seconds"), (91, "2 minutes"), (5401, "2 hours"), (2e5, "2 days"), (60, "60 seconds")],
)
def test_a_time_is_said_in_one_number_that_is_not_zero(seconds, text):
    assert about(seconds) == f"about {text}"
