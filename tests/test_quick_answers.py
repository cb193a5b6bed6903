"""--help and --list answer without importing what only training, reading out or drawing needs."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

EXPERIMENTS = Path(__file__).parents[1] / "experiments"
SCRIPTS = sorted(path.name for path in EXPERIMENTS.glob("*.py"))
HEAVY = ("dask", "distributed", "keras", "matplotlib", "pandas", "scipy", "sklearn", "tensorflow", "torch", "tqdm")

RUN_ALL = """
import contextlib
import io
import json
import runpy
import sys

folder, flag, scripts, heavy = sys.argv[1], sys.argv[2], json.loads(sys.argv[3]), json.loads(sys.argv[4])
sys.path.insert(0, folder)
for script in scripts:
    sys.argv = [script, flag]
    with contextlib.redirect_stdout(io.StringIO()) as text, contextlib.suppress(SystemExit):
        runpy.run_path(f"{folder}/{script}", run_name="__main__")
    print(json.dumps([text.getvalue(), [name for name in heavy if name in sys.modules]]))
"""


def answers(flag, scripts):
    """What each script prints, run with a flag one after the other in one process, and what was imported by then."""
    arguments = [str(EXPERIMENTS), flag, json.dumps(scripts), json.dumps(HEAVY)]
    process = subprocess.run([sys.executable, "-c", RUN_ALL, *arguments], text=True, capture_output=True, check=True)
    return dict(zip(scripts, map(json.loads, process.stdout.splitlines()), strict=True))


def test_help_names_the_common_flags_and_imports_nothing_heavy_and_the_docstring_says_how_to_run():
    assert len(SCRIPTS) > 50
    for script, (text, imported) in answers("--help", SCRIPTS).items():
        assert imported == [], script
        for flag in ("--data-dir", "--output-dir", "--device", "--smoke", "--force", "--list"):
            assert flag in text, script
        assert f"experiments/{script}" in (EXPERIMENTS / script).read_text().split('"""')[1]


@pytest.mark.parametrize("script", ["mlp3_random_labels.py", "critical_sample_ratio.py", "masc_decoding.py"])
def test_a_list_imports_nothing_heavy(script):
    ((text, imported),) = answers("--list", [script]).values()
    assert text.split()[0] in ("missing", "recorded") and imported == []
