"""The command line of every script: flags from dataclasses, and one clear line for an error."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import tyro

from common.data import datasets
from common.errors import RunsFailed, check_choice

PRESETS = ("paper", "small")
os.environ.setdefault("TYPEGUARD_DISABLE_PLUGIN_AUTOLOAD", "1")  # tyro's typeguard else asks every package for plugins


def parse(doc: str | None, **defaults: Any) -> Any:
    """Flags of all dataclasses given by name, in one flat namespace; returns them as attributes of those names.

    A dataclass given as a type, not as a value with defaults, has arguments that must be named.
    """
    fields: list[Any] = [
        (name, value) if isinstance(value, type) else (name, type(value), dataclasses.field(default=value))
        for name, value in defaults.items()
    ]
    arguments = dataclasses.make_dataclass("arguments", fields, frozen=True)
    settings = (tyro.conf.OmitArgPrefixes, tyro.conf.OmitSubcommandPrefixes)
    printed = io.StringIO()
    try:
        with contextlib.redirect_stderr(printed):
            return settled(tyro.cli(arguments, description=doc, config=settings))
    except SystemExit as ended:
        if ended.code:
            raise ValueError(reason(ended, printed.getvalue())) from None
        raise


def settled(arguments: Any) -> Any:
    """The arguments with whole paths where they name a home, ~, and a user's own data set with its checksum."""

    def whole(name: str, value: Any) -> Any:
        if isinstance(value, Path):
            return value.expanduser()
        if isinstance(value, tuple):
            return tuple(whole(name, each) for each in value)
        return datasets.identified(value) if name == "dataset" and isinstance(value, str) else value

    parts = {field.name: getattr(arguments, field.name) for field in dataclasses.fields(arguments)}
    for name, part in parts.items():
        fields = {field.name: getattr(part, field.name) for field in dataclasses.fields(part) if field.init}
        changed = {field: new for field, value in fields.items() if (new := whole(field, value)) != value}
        parts[name] = dataclasses.replace(part, **changed) if changed else part
    return dataclasses.replace(arguments, **parts)


def print_anything() -> None:
    """Characters that the terminal's encoding lacks are replaced: no finished work ends in an error of printing."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def given_flags() -> set[str]:
    """Names of the flags on the command line, as fields."""
    words = (word.split("=")[0] for word in sys.argv[1:] if word.startswith("--"))
    return {word[2:].replace("-", "_").removeprefix("no_") for word in words}


def reason(ended: BaseException, printed: str) -> str:
    """Why the flags were refused, in one line: our own rule's words, else what tyro printed in its box."""
    error: BaseException | None = ended
    while error is not None and not (isinstance(error, ValueError) and "Received: " in str(error)):
        error = error.__context__
    text = str(error) if error else re.sub(r"[─━╭╮╰╯│]|-{3,}", " ", printed)
    return " ".join(text.split())


@contextlib.contextmanager
def one_line_errors() -> Iterator[None]:
    """Wrong input ends in one line on stderr and exit status 2, failed runs in 1; a defect keeps its traceback."""
    print_anything()
    try:
        yield
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    except RunsFailed as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print("interrupted: run the same command again to go on from the last checkpoint", file=sys.stderr)
        sys.exit(130)


@dataclasses.dataclass(frozen=True)
class Preset:
    """Size of an experiment."""

    preset: Annotated[str, tyro.conf.arg(metavar="|".join(PRESETS))] = "paper"
    """paper: the published size; small: a subset for two cores, which shows orders and not the published numbers."""

    def __post_init__(self) -> None:
        check_choice("preset", self.preset, PRESETS)
