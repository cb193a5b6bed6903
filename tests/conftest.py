"""Every test runs on one thread without network; those marked `data` need the real data sets."""

import gc
import os
from pathlib import Path

os.environ.update(
    {
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
        "TF_NUM_INTRAOP_THREADS": "1",
        "TF_NUM_INTEROP_THREADS": "1",
        "OFFLINE": "1",
    }
)

import pytest  # noqa: E402
from keras_on_torch import on_torch  # noqa: E402, F401
from smoke import SMOKE  # noqa: E402

from common import frameworks  # noqa: E402
from common.data.datasets import DATASETS, find_data_dir  # noqa: E402

QUICK = "not slow"


def pytest_configure(config: pytest.Config) -> None:
    """Tests use both frameworks, but for the quick ones, and what starts other processes of pytest runs none itself."""
    if config.getoption("markexpr") != QUICK and not config.getoption("numprocesses", None):
        frameworks.torch_first("keras")


def pytest_collection_finish() -> None:
    """What is imported stays: the garbage of tests is found faster without it."""
    gc.collect()
    gc.freeze()


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Where slow tests are left out, files of nothing else are not even imported, which takes frameworks seconds."""
    slow = collection_path.suffix == ".py" and "\npytestmark = pytest.mark.slow\n" in collection_path.read_text()
    return True if slow and config.getoption("markexpr") == QUICK else None


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The CPU seconds that each script's --smoke took, the slowest first."""
    taken = [dict(report.user_properties).get(SMOKE) for report in terminalreporter.getreports("passed")]
    if shown := sorted(filter(None, taken), key=lambda pair: -pair[0]):
        terminalreporter.write_line(f"{SMOKE}: " + ", ".join(f"{name} {seconds:.1f}" for seconds, name in shown))


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """Folder of the real data sets; where CI is set, missing data is a failure."""
    folder = find_data_dir()
    missing = [name for name in ("mnist", "fashion_mnist", "cifar10") if not (folder / DATASETS[name].folder).is_dir()]
    if missing:
        message = f"{', '.join(missing)} not in {folder.absolute()}: python -m common.data.datasets NAME"
        pytest.fail(message) if os.environ.get("CI") else pytest.skip(message)
    return folder.absolute()
