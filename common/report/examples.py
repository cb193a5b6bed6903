"""Runs that were trained on the same, and what they say of its examples."""

from collections.abc import Iterable
from typing import Any

from numpy.typing import NDArray

from common.analysis.examples import join
from common.report.records import Record
from common.runs.store import Store


def trained_on(
    records: Iterable[Record], dataset: str, corruption: str = "none", corruption_fraction: float = 0.0
) -> list[Record]:
    """Those of the runs that saw a data set so corrupted, with its own classes."""
    wanted = {"dataset": dataset, "corruption": corruption, "corruption_fraction": corruption_fraction}
    wanted["unique_labels"] = False
    return [record for record in records if all(record["config"][name] == value for name, value in wanted.items())]


def joined(records: Iterable[Record], store: Store) -> dict[str, NDArray[Any]]:
    """The table of examples of runs and of what the store holds of them."""
    return join((store.arrays(record["run_id"]), record["outcome"]["epochs"]) for record in records)
