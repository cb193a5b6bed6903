"""The command line of every script: flags from dataclasses, and one clear line for an error."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import json
import os
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar, NoReturn, TextIO

import tyro

from common.data import datasets
from common.errors import OutOfTime, Parser, RunsFailed, check_choice, in_short
from common.runs import processes

PRESETS = ("paper", "small")
LARGE_PRESETS = ("paper", "medium", "small")
os.environ.setdefault("TYPEGUARD_DISABLE_PLUGIN_AUTOLOAD", "1")  # tyro's typeguard else asks every package for plugins


@dataclasses.dataclass(frozen=True)
class FlagFile:
    """Flags that lie in a file."""

    config: Path | None = None
    """A file of flags: a JSON object with a value for each, or for a script of one run a record, run.json, whose run
    is meant. Flags of the command line come before it."""


def parse(doc: str | None, **defaults: Any) -> Any:
    """Flags of all dataclasses given by name, in one flat namespace; returns them as attributes of those names.

    A dataclass given as a type, not as a value with defaults, has arguments that must be named.
    """
    sys.argv[1:] = with_file(sys.argv[1:])
    defaults["flag_file"] = FlagFile()
    fields: list[Any] = [
        (name, value) if isinstance(value, type) else (name, type(value), dataclasses.field(default=value))
        for name, value in defaults.items()
    ]
    arguments = dataclasses.make_dataclass("arguments", fields, frozen=True)
    settings = (tyro.conf.OmitArgPrefixes, tyro.conf.OmitSubcommandPrefixes)
    printed = io.StringIO()
    try:
        with contextlib.redirect_stderr(printed):
            return settled(tyro.cli(arguments, description=with_lines(doc or ""), config=settings))
    except SystemExit as ended:
        if ended.code:
            raise ValueError(reason(ended, printed.getvalue())) from None
        raise


def with_lines(doc: str) -> str:
    """The text with an empty line before each part as `Run:`, which would else be joined to the one before."""
    return re.sub(r"\n+(?=[A-Z]\w+:)", "\n\n", doc)


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


def with_file(words: Sequence[str]) -> list[str]:
    """The command line with the flags of the file that it names, but for those that it has itself."""
    own = Parser(add_help=False, allow_abbrev=False)
    own.add_argument("--config", type=Path)
    named, rest = own.parse_known_args(words)
    if named.config is None:
        return list(words)
    given = flags_of(rest)
    flags = {name: value for name, value in read_flags(named.config.expanduser()).items() if name not in given}
    return [*rest, *(word for name, value in flags.items() for word in as_words(name, value))]


def read_flags(path: Path) -> dict[str, Any]:
    """Values of flags by their names, as fields: of a JSON object, or of the config in a run's record."""
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ValueError(f"config must be a file of JSON. Received: {path} ({in_short(error)})") from error
    if not isinstance(found, dict) or not isinstance(found := found.get("config", found), dict):
        raise ValueError(f"config must hold a value for each flag, or be a run's record. Received: {path}")
    return {name.removeprefix("--").replace("-", "_"): value for name, value in found.items()}


def as_words(name: str, value: Any) -> list[str]:
    """A flag as it is typed."""
    flag = "--" + name.replace("_", "-")
    if isinstance(value, bool):
        return [flag if value else flag.replace("--", "--no-", 1)]
    return [flag, *map(str, value if isinstance(value, list) else [value])]


def print_anything() -> None:
    """Characters that the terminal's encoding lacks are replaced: no finished work ends in an error of printing."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def given_flags() -> set[str]:
    """Names of the flags on the command line, as fields."""
    return flags_of(sys.argv[1:])


def flags_of(words: Iterable[str]) -> set[str]:
    """Names of the flags among the words of a command line, as fields."""
    flags = (word.split("=")[0] for word in words if word.startswith("--"))
    return {flag[2:].replace("-", "_").removeprefix("no_") for flag in flags}


def reason(ended: BaseException, printed: str) -> str:
    """Why the flags were refused, in one line: our own rule's words, else what tyro printed in its box."""
    error: BaseException | None = ended
    while error is not None and not (isinstance(error, ValueError) and "Received: " in str(error)):
        error = error.__context__
    text = str(error) if error else re.sub(r"╭.*╮|[─━╰╯│]|-{3,}", " ", printed)
    return " ".join(text.split())


@contextlib.contextmanager
def one_line_errors() -> Iterator[None]:
    """Wrong input ends in one line on stderr and exit status 2, failed runs in 1; a defect keeps its traceback."""
    print_anything()
    processes.watch()
    with processes.leaving():
        try:
            yield
        except (ValueError, OSError) as error:
            if isinstance(error, BrokenPipeError) and is_closed(sys.stdout):  # by whoever read it, as `head` does
                sys.exit(1)
            end(f"error: {error}", 2)
        except RunsFailed as error:
            end(f"error: {error}", 1)
        except OutOfTime as late:
            processes.say(f"time limit: {late}; the same command goes on")
        except KeyboardInterrupt:
            end("interrupted: run the same command again to go on from the last checkpoint", 130)


def check_off(actions: object, *names: str) -> None:
    """ValueError for flags of what trains, where nothing is trained."""
    for name in names:
        if getattr(actions, name):
            raise ValueError(f"{name} must be off where nothing is trained. Received: {name}=True")


def is_closed(stream: TextIO) -> bool:
    """Whether nobody reads it any more; then what is left for it goes nowhere."""
    try:
        stream.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        return True
    return False


def end(text: str, status: int) -> NoReturn:
    """Say why and exit; of the processes of one run one says it."""
    processes.say(text)
    sys.exit(status)


@dataclasses.dataclass(frozen=True)
class Preset:
    """Size of an experiment."""

    choices: ClassVar[tuple[str, ...]] = PRESETS
    preset: Annotated[str, tyro.conf.arg(metavar="|".join(PRESETS))] = "paper"
    """paper: the published size; small: a subset for two cores, which shows orders and not the published numbers."""

    def __post_init__(self) -> None:
        check_choice("preset", self.preset, self.choices)


@dataclasses.dataclass(frozen=True)
class LargePreset(Preset):
    """Size of an experiment that is large."""

    choices: ClassVar[tuple[str, ...]] = LARGE_PRESETS
    preset: Annotated[str, tyro.conf.arg(metavar="|".join(LARGE_PRESETS))] = "paper"
    """paper: the published size; medium: a subset for ten minutes of a GPU; small: one for two cores. They show orders
    and not the published numbers."""
