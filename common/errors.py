"""How a wrong value is reported: what must hold, the nearest allowed name, and what was received."""

import argparse
from collections.abc import Iterable
from difflib import get_close_matches
from typing import NoReturn


class RunsFailed(Exception):
    """Some runs of a sweep failed; the message has a line for each."""


class OutOfTime(Exception):
    """A time limit is over; the message says what is done. The same command goes on."""


class Undeclared(ValueError):
    """A user must say what a file does not."""


class Parser(argparse.ArgumentParser):
    """Of flags; what is wrong with them is a ValueError."""

    def error(self, message: str) -> NoReturn:
        raise ValueError(message)


def in_short(error: Exception) -> str:
    """An error of another library in one short line, its begin and its end, where the reason is; its kind if silent."""
    text = " ".join(str(error).split())
    return (text if len(text) <= 250 else f"{text[:120]} ... {text[-125:]}") or type(error).__name__


def nearest(value: object, names: Iterable[str]) -> str:
    """A question after the nearest name, "" where none is near."""
    found = get_close_matches(str(value).lower(), names, n=1)
    return f" Did you mean {found[0]}?" if found else ""


def check_choice(field: str, value: object, allowed: Iterable[str]) -> None:
    """Raise a one-line ``ValueError`` with the nearest allowed name unless `value` is one of `allowed`."""
    names = list(allowed)
    if value in names:
        return
    raise ValueError(f"{field} must be one of {', '.join(names)}.{nearest(value, names)} Received: {field}={value!r}")
