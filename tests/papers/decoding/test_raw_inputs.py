"""Subspaces of raw inputs as computations, and the published numbers that their records judge."""

import json

import numpy as np
import pytest

from common.analysis.probes import MASC
from common.papers.decoding.raw_inputs import PUBLISHED, STUDY, RawInputs, compute, numbers, table
from common.runs.computation import Computed, computation_id, settings_of
from common.runs.config import Config, Options
from common.runs.store import Store
from common.runs.task import prepare


def kept(folder, case, labels, *probes):
    """A record as a computation writes it."""
    path = Store(folder).computation(computation_id(case)) / "record.json"
    path.parent.mkdir(parents=True)
    names = ("probe", "correct", "components")
    lines = [{**dict(zip(names, probe, strict=True)), "n": 10_000} for probe in probes]
    outcome = {"labels": {"n": 60_000, "correct": labels}, "probes": lines}
    path.write_text(json.dumps({"settings": settings_of(case), "code": {}, "outcome": outcome}))


def test_cases_are_what_is_published():
    found = STUDY.computations(RawInputs(), "paper")
    assert len(found) == 6 + 6 + 5 and len(PUBLISHED) == 94
    assert RawInputs("mnist", 0.4, ("masc", "masc_0.25", "masc_0.50", "masc_0.75", "masc_1pc")) in found
    assert RawInputs("cifar10", 0.6, ("masc",)) in found and RawInputs("mnist", 1.0, ()) in found
    assert {target["layer"] for target in PUBLISHED} == {"input", None}


def test_numbers_are_judged_by_the_record_of_their_data_and_fraction(tmp_path):
    kept(tmp_path, RawInputs("mnist", 0.8), 16_722, ("masc", 7108, 190.6), ("masc_1pc", 7700, 1.0))
    computed = Computed.under(Store(tmp_path), RawInputs.slug)
    found = {finding.statement.id.removeprefix("decoding-"): finding for finding in numbers(computed)}
    verdicts = {name: finding.verdict for name, finding in found.items() if finding.measured}
    assert verdicts["golden-mnist-0.99-0.8"] == verdicts["golden-mnist-0.99-components-0.8"] == "in band"
    assert verdicts["golden-mnist-unchanged-0.8"] == "in band" and verdicts["golden-mnist-1pc-0.8"] == "outside band"
    assert "golden-mnist-0.25-0.8" not in verdicts and not any(name.endswith("-0.6") for name in verdicts)
    golden = found["golden-mnist-0.99-0.8"]
    assert (golden.subject, golden.effect.mean, golden.size) == ("mnist, 80 %", 0.7108, "full size")
    assert golden.effect.interval_kind == "Wilson, 1 seed"
    assert found["golden-mnist-0.99-components-0.8"].effect.mean == 190.6
    made = table(computed)
    assert [row[-1] for row in made.rows] == [finding.verdict for finding in numbers(computed)]
    assert "| 71.08 | 71.08 [70.18, 71.96] | in band |" in made.markdown()


@pytest.mark.parametrize("fraction", [0.0, 0.8])
def test_what_is_computed(fraction):
    case = RawInputs("digits", fraction, ("masc", "masc_1pc", "nearest_class_mean"))
    found = compute(case, Options())
    rule = "ketha" if fraction else "none"
    task = prepare(Config(dataset="digits", corruption=rule, corruption_fraction=fraction, crop=None))
    scaled = [split.inputs.reshape(len(split), -1) / 127.5 - 1 for split in (task.train, task.test)]
    probe = MASC().fit(scaled[0], task.train.labels)
    line = found.outcome["probes"][0]
    assert line["components"] == np.mean(probe.n_components_) and line["n"] == len(task.test)
    assert line["correct"] == pytest.approx((probe.predict(scaled[1]) == task.test.true_labels).sum(), abs=1)
    assert found.outcome["labels"] == {"n": 1437, "correct": 1437 if not fraction else 408}
    assert [line["components"] for line in found.outcome["probes"][1:]] == [1, None]
    assert found.data == {"digits": task.sha256}
