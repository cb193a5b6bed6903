"""Accuracies that others publish of networks trained on true labels, beside runs of the recipe that each states.

Numbers of networks that the suite does not have are left out: of two layers of LSTMs (Keras' example on keras.io) and
of embeddings made on other texts (TextAttack's). Where no recipe is stated it is that of the preset paper.
"""

from common.papers.language.recipes import BASE, fields
from common.papers.language.targets import TARGETS
from common.report.claims import Finding, judged_number
from common.report.numbers import counted
from common.report.peaks import stopped_accuracy
from common.report.published import Target, subject_of
from common.report.runs import FRAMEWORKS, Run, Runs
from common.runs.config import SEEDS, as_dict, recipe


def numbers(runs: Runs) -> list[Finding]:
    """Every number beside the runs on whole data sets that may decide on it, in each framework; others, too."""
    return [found for target in TARGETS.of("true_labels") for found in judged(target, runs)]


def judged(target: Target, runs: Runs) -> list[Finding]:
    """One number: measured in each framework, or not."""
    subject = f"{subject_of(target)}, {target['dataset'].replace('_', ' ')}"
    found = []
    for framework, group in runs.where(lambda run: as_stated(run, target)).by("framework").items():
        values = [stopped_accuracy(run) for run in group]
        counts = counted(values, [run.data["test_n"] for run in group])
        found.append(judged_number(target, f"{subject}, {FRAMEWORKS[framework]}", group, values, counts))
    return found or [judged_number(target, subject)]


def as_stated(run: Run, target: Target) -> bool:
    """Whether a run is of a number's model and data set, on true labels, in its recipe: the preset's but as stated."""
    if (run.config.model, run.config.dataset) != (target["model"], target["dataset"]):
        return False
    own = {**as_dict(BASE), **fields(target["model"], target["dataset"], **target.get("recipe", {}))}
    return recipe(run.fields, (*SEEDS, "framework")) == recipe(own, (*SEEDS, "framework"))
