"""On how many examples does training depend? Gradients of the loss with each example, through all steps before.

Claim:     Arpit et al. (2017), Figure 3: the loss during training is sensitive to a part of the real examples only, and
           to nearly all random inputs, so that the Gini coefficient of the sensitivity is higher on real data; also
           where each example has a class of its own
Run:       python experiments/loss_sensitivity.py [--preset small] [--seeds 0 1 2 3 4]
Expected:  that order; no numbers are published
Measured:  results/published/index.html, with n, interval, hardware and commit, where it has been
Result:    figures, table and verdicts under results/loss_sensitivity/; loss_sensitivity.npz beside each run, which
           class_loss_sensitivity.py shares
Time:      --preset small takes a minute a run on one core, where each example has a class (3,000 steps) four
Deviations: learning rate (0.1), batch (50) and number of steps are unknown; the loss that is differentiated is the mean
           over the training set
"""

from dataclasses import dataclass

from common.analysis.loss_sensitivity import NORMS, Sensitivity, check, kept_sensitivity, sensitivity_run
from common.papers.arpit.recipes import BASE, fields
from common.report.sensitivity import gini_figure, gini_findings, gini_table
from common.report.tables import claims_table
from common.study import Seeds, Study, with_progress

TITLE = "Loss-sensitivity"
TINY = {
    "width": 16,
    "downscale": 2,
    "train_size": 1000,
    "test_size": None,
    "validation_size": 0,
    "clean_validation": False,
    "learning_rate": 0.1,
    "batch_size": 50,
}
"""The 16-16 network on 1,000 digits of 14 x 14 pixels."""
EPOCHS = {"paper": 250, "small": 50}
"""Of 20 steps each; three times as many where each example has a class of its own, which takes longer to learn."""


@dataclass(frozen=True)
class Sensitivities(Seeds):
    """Real data and random inputs, with class labels and with a class for each example."""

    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    """Seeds of weights and order."""
    unique: tuple[bool, ...] = (False, True)
    """Whether each example has a class of its own."""

    def rows(self, preset):
        for unique in self.unique:
            task = TINY | {"unique_labels": unique, "epochs": EPOCHS[preset] * (3 if unique else 1)}
            yield from (fields("mlp2", "mnist", preset, noise, **task) for noise in ("none", "gaussian"))


def every(config):
    """Steps between a hundred checkpoints."""
    return max(1, config.epochs // 5)


def read(configs, call):
    """The sensitivity of every run, at a hundred checkpoints."""
    for config in with_progress(configs):
        sensitivity_run(config, call.options, Sensitivity(every=every(config)), call.force)


def kept(records, store):
    """Runs that were measured, and what was."""
    arrays = {record["run_id"]: kept_sensitivity(store, record["run_id"]) for record in records}
    return [record for record in records if arrays[record["run_id"]]], arrays


def report(runs, call):
    """Figure 3 in three norms, its numbers and the verdicts."""
    records, store = [run.record for run in runs], call.store
    records, arrays = kept(records, store)
    return {
        **{f"gini_{norm}": gini_figure(records, arrays, norm, TITLE) for norm in NORMS},
        "gini": gini_table(records, arrays, TITLE),
        "claims": claims_table(gini_findings(records, arrays), TITLE),
    }


def study(name, grid, report):
    """A study of networks whose training is replayed, which one that was alone allows to the bit."""
    return Study(name, grid, BASE, report, (), read, lambda config: check(config, config.epochs), stack=False)


STUDY = study("loss_sensitivity", Sensitivities(), report)

if __name__ == "__main__":
    STUDY.main(__doc__)
