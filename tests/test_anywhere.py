"""Nothing assumes one system, a writable home, ASCII paths, or the folder of the checkout as the current one."""

import os
import re
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from common.runs import record

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
SOURCES = [
    path for name in ("common", "keras_models", "torch_models", "experiments") for path in ROOT.glob(f"{name}/**/*.py")
]
POSIX = (
    r"\bfcntl\b|getppid|os\.sched_|\.st_blocks|/dev/"
    r"|os\.fork|os\.kill|signal\.(SIG(KILL|STOP|CONT|ALRM|CHLD|HUP|USR)|alarm|pause)|pass_fds"
    r"|preexec_fn|start_new_session|os\.uname|[\"']/tmp"
)
ONE_ENCODING = r"\.(read|write)_text\((?![^)]*utf-8)|(?<![.\w])open\((?![^)]*(\"[rwx]\+?b\"|utf-8))"
BLOCKED = """
import importlib, pkgutil, psutil, sys
for name in ("fcntl", "resource", "termios", "pwd", "grp"):
    sys.modules[name] = None
import common
for module in pkgutil.walk_packages(common.__path__, "common."):
    importlib.import_module(module.name)
from pathlib import Path
from common.runs.store import locked
with locked(Path(sys.argv[1])):
    print(len(sys.modules) > 100)
"""


@pytest.mark.parametrize("pattern", [POSIX, ONE_ENCODING], ids=["posix", "encoding"])
def test_no_source_holds_what_one_system_alone_has(pattern):
    found = {
        f"{path.relative_to(ROOT)}: {line.strip()}"
        for path in SOURCES
        for line in path.read_text("utf-8").splitlines()
        if re.search(pattern, line)
    }
    assert found == set()


def test_every_script_may_be_imported_by_the_processes_that_it_starts():
    scripts = [path for path in SOURCES if path.parent.name == "experiments"]
    assert all('if __name__ == "__main__":' in path.read_text("utf-8") for path in scripts)


def test_the_package_does_without_what_windows_lacks(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", BLOCKED, tmp_path], cwd=tmp_path, capture_output=True, text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.stdout == "True\n", done.stderr


@pytest.mark.parametrize("system, unit", [("linux", 1024), ("darwin", 1)])
def test_peak_memory_is_in_bytes_on_every_system(monkeypatch, system, unit):
    import resource

    monkeypatch.setattr(sys, "platform", system)
    assert record.peak_memory() == unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    monkeypatch.setitem(sys.modules, "resource", None)
    monkeypatch.setattr(psutil.Process, "memory_info", lambda self: type("Memory", (), {"peak_wset": 7}))
    assert record.peak_memory() == 7


def test_a_sweep_runs_through_any_path_with_any_home_and_terminal(tmp_path):
    checkout, output, elsewhere = (tmp_path / name for name in ("Проект в 東京", "Läufe & more", "anderswo"))
    checkout.symlink_to(ROOT)
    elsewhere.mkdir()
    output.symlink_to(elsewhere)
    arguments = ["--smoke", "--fractions", "1", "--workers", "1", "--decode", "--output-dir", output]
    done = subprocess.run(
        [sys.executable, checkout / "experiments" / "label_corruption_sweep.py", *arguments],
        cwd=elsewhere, capture_output=True,
        env=os.environ | {"PYTHONPATH": str(checkout), "HOME": os.devnull, "LC_ALL": "C"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    assert {path.suffix for path in (elsewhere / "saved_models").iterdir() if path.is_file()} == {".h5", ".pt"}
    assert len(list(elsewhere.glob("runs/*/readout.jsonl"))) == 2
    assert not [
        path for path in elsewhere.iterdir() if path.name not in ("runs", "saved_models", "label_corruption_sweep")
    ]


def test_the_python_of_the_readme_runs_in_an_empty_folder(tmp_path):
    text = (ROOT / "README.md").read_text("utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "") and "config.corruption_fraction" in done.stdout
    assert len(code.splitlines()) <= 10
