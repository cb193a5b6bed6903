"""MLPs on MNIST with random inputs beside an independent replication whose logs are public.

Claim:     github.com/csdai0324/MLDS2017FinalProject: an MLP with two layers of 16 units that sees a share p of random
           inputs fits about its accuracy on real digits times 1 - p, and loses little test accuracy
Run:       python experiments/independent_replication.py [--preset small] [--widths 16] [--seeds 0 1 2]
Expected:  training accuracy 96.8, 81.0, 64.8, 48.1, 33.8, 15.7 % at 16 units and 0, 20, 40, 60, 80, 100 % random inputs
Measured:  results/published/index.html, with n, interval, hardware and commit, where it has been
Result:    table and learning curves under results/independent_replication/
Time:      --preset small (width 16; full size, 1,000 epochs) takes half an hour on two cores; other widths hours
Deviations: none known; their recipe is in their logs: SGD 0.01 without momentum, batches of 1,024, pixels / 255
"""

from dataclasses import dataclass

from common.papers.arpit.recipes import BASE, fields
from common.report import figures
from common.report.arpit import noise_of
from common.report.claims import load_targets
from common.report.replication import replication_table
from common.study import Seeds, Study

TITLE = "An independent replication"
TARGETS = load_targets("arpit_replication")
RECIPE = {"validation_size": 0, "clean_validation": False, "batch_size": 1024, "gaussian_statistics": "all"}


@dataclass(frozen=True)
class Widths(Seeds):
    """A run for each share of random inputs, and one on random labels."""

    widths: tuple[int, ...] = ()
    """Units of each hidden layer; none means 16, 512 and 1024, with the small preset 16."""

    def rows(self, preset):
        settings = dict.fromkeys((target["corruption"], target["corruption_fraction"]) for target in TARGETS)
        for width in self.widths or ((16,) if preset == "small" else (16, 512, 1024)):
            for noise, fraction in settings:
                yield fields("mlp2", "mnist", "paper", noise, fraction, width=width, **RECIPE)


def report(runs, call):
    """The table, and training and test accuracy of the first seed."""
    records, store = [run.record for run in runs], call.store
    first = [record for record in records if record["config"]["seed"] == records[0]["config"]["seed"]]
    curves = {}
    for record in first:
        width, share = record["config"]["width"], 100 * record["config"]["corruption_fraction"]
        curves[f"{width} units, {share:g} % {noise_of(record)}"] = store.history(record["run_id"])
    return {
        "curves": figures.learning_curves(curves, TITLE),
        "table": replication_table(TARGETS, records, store.histories(records), TITLE),
    }


STUDY = Study("independent_replication", Widths(), BASE, report)

if __name__ == "__main__":
    STUDY.main(__doc__)
