"""Does noise call for capacity? Validation accuracy of MLPs over their width, with more and more noise examples.

Claim:     Arpit et al. (2017), Figure 5 and section 3.3.1: on real data a network is about as good at 4,096 units as it
           gets; the more examples are random inputs, the more units the best one has; with those examples removed fewer
           suffice. For random labels on CIFAR-10 the paper sees no relation
Run:       python experiments/capacity_and_noise.py [--preset small] [--widths 64 256] [--seeds 0 1 2]
Expected:  the best width does not fall as noise grows; no numbers are published
Measured:  results/published/index.html, with n, interval, hardware and commit, where it has been
Result:    figure, table and verdicts under results/capacity_and_noise/; time_to_convergence.py shares runs with it
Time:      made for a GPU; --preset small takes an hour a seed on two cores
Deviations: the paper's widths and noise levels are unknown; runs end at 100 % training accuracy or after
           the preset's epochs; "without the noise examples" means as many real digits, sampled and held out anew
"""

from dataclasses import dataclass

from common.data.corruption import RULES
from common.errors import check_choice
from common.papers.arpit.recipes import BASE, MODELS, SMALL, fields
from common.report.capacity import capacity_figure, capacity_findings, capacity_table
from common.report.tables import claims_table
from common.study import Seeds, Study

TITLE = "Capacity and noise"
WIDTHS = {"paper": (256, 512, 1024, 2048, 4096, 8192), "small": (16, 64, 256, 1024)}
WIDER = {"paper": (), "small": (4096,)}
"""More widths for digits."""
WIDEST = {"paper": (), "small": (8192,)}
"""More for real digits alone."""
INPUTS = {"mnist": {}, "cifar10": {"preprocessing": "per_channel"}}
"""In [0, 1], far from centred, few networks fit CIFAR-10 in the small preset's epochs."""
FRACTIONS = {"paper": (0.0, 0.2, 0.4, 0.6, 0.8), "small": (0.0, 0.4, 0.8)}
TRAIN_SIZE = {"paper": {"mnist": 60_000, "cifar10": 50_000}, "small": dict.fromkeys(("mnist", "cifar10"), 6000)}


def run_fields(dataset, preset, width, noise="none", fraction=0.0, share=1.0):
    """Fields of a run that ends when it has fitted; `share` of the examples that are not held out are kept."""
    held_out = (SMALL if preset == "small" else MODELS)["mlp2"]["validation_size"]
    kept = round(share * (TRAIN_SIZE[preset][dataset] - held_out))
    if not kept:
        raise ValueError(f"a share must leave at least one example to train on. Received: {share:g}")
    changes = {"width": width, "train_size": held_out + kept, "stop_accuracy": 1.0, **INPUTS[dataset]}
    return fields("mlp2", dataset, preset, noise, fraction, **changes)


def check_fractions(fractions):
    """ValueError unless all are shares."""
    for fraction in fractions:
        if not 0 <= fraction <= 1:
            raise ValueError(f"fractions must be between 0 and 1. Received: {fraction:g}")


@dataclass(frozen=True)
class Capacities(Seeds):
    """A run for each combination of these values, and on MNIST one on as many digits as the noise leaves clean."""

    widths: tuple[int, ...] = ()
    """Units of each hidden layer; none means a list of the preset, longer for digits, longest for real ones."""
    fractions: tuple[float, ...] = ()
    """Shares of noise; none means a list of the preset."""
    noises: tuple[str, ...] = ("mnist:gaussian", "cifar10:gaussian", "cifar10:uniform")
    """Data set and kind of noise."""

    def __post_init__(self):
        for pair in self.noises:
            dataset, _, noise = pair.partition(":")
            check_choice("data set", dataset, TRAIN_SIZE["paper"])
            check_choice("noise", noise, RULES[1:])
        check_fractions(self.fractions)

    def rows(self, preset):
        fractions = self.fractions or FRACTIONS[preset]
        left = [1 - fraction for fraction in {0.0, *fractions} if fraction != 1]
        for dataset, noise in (pair.split(":") for pair in self.noises):
            for width in self.widths or WIDTHS[preset] + WIDER[preset] * (dataset == "mnist"):
                yield from (run_fields(dataset, preset, width, noise, fraction) for fraction in fractions)
                if (dataset, noise) == ("mnist", "gaussian"):
                    yield from (run_fields(dataset, preset, width, share=share) for share in left)
        if "mnist:gaussian" in self.noises and not self.widths:
            yield from (run_fields("mnist", preset, width) for width in WIDEST[preset])


def report(runs, call):
    """Figure 5, its numbers and the verdicts."""
    records, store = [run.record for run in runs], call.store
    histories = store.histories(records)
    return {
        "capacity": capacity_figure(records, TITLE),
        "validation_accuracy": capacity_table(records, histories, TITLE),
        "claims": claims_table(capacity_findings(records), TITLE),
    }


STUDY = Study("capacity_and_noise", Capacities(), BASE, report)

if __name__ == "__main__":
    STUDY.main(__doc__)
