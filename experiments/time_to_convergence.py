"""How long does it take to fit noise? Epochs to 100 % training accuracy over capacity and over examples.

Claim:     Arpit et al. (2017), Figure 6: fewer units or more examples slow training down, noise more than real data;
           more units stop helping earlier on real data
Run:       python experiments/time_to_convergence.py [--preset small] [--widths 64 256] [--shares 0.2 1] [--seeds 0]
Expected:  steeper growth with examples, and more gain from the largest width, for noise; no numbers are published.
           The last per mille of real digits can take longer than all of the noise, so that the level may be reversed:
           several thresholds are judged
Measured:  results/published/index.html, with n, interval, hardware and commit, where it has been
Result:    figure, table and verdicts under results/time_to_convergence/; capacity_and_noise.py shares runs with it
Time:      made for a GPU; --preset small takes ten minutes a seed on two cores
Deviations: the paper's widths, sizes and noise levels are unknown; noise is random inputs, as the caption says
"""

from dataclasses import dataclass

from capacity_and_noise import FRACTIONS, WIDTHS, check_fractions, run_fields
from common.papers.arpit.recipes import BASE
from common.report.capacity import time_figure, time_findings, time_table
from common.report.tables import claims_table
from common.study import Seeds, Study

TITLE = "Time to fit"
SHARES = (0.2, 0.4, 0.6, 0.8, 1.0)


@dataclass(frozen=True)
class Times(Seeds):
    """A run on all examples for each width and fraction, and for each size with the widest network."""

    widths: tuple[int, ...] = ()
    """Units of each hidden layer; none means a list of the preset."""
    fractions: tuple[float, ...] = ()
    """Shares of random inputs; none means a list of the preset."""
    shares: tuple[float, ...] = SHARES
    """Shares of the training examples."""

    def __post_init__(self):
        check_fractions(self.fractions)
        for share in self.shares:
            if not 0 < share <= 1:
                raise ValueError(f"shares must be above 0 and at most 1. Received: {share:g}")

    def rows(self, preset):
        widths = self.widths or WIDTHS[preset]
        for fraction in self.fractions or FRACTIONS[preset]:
            yield from (run_fields("mnist", preset, width, "gaussian", fraction) for width in widths)
            for share in self.shares:
                yield run_fields("mnist", preset, max(widths), "gaussian", fraction, share)


def report(runs, call):
    """Figure 6, its numbers and the verdicts."""
    records, store = [run.record for run in runs], call.store
    histories = store.histories(records)
    return {
        "time": time_figure(records, histories, TITLE),
        "epochs_to_fit": time_table(records, histories, TITLE),
        "claims": claims_table(time_findings(records, histories), TITLE),
    }


STUDY = Study("time_to_convergence", Times(), BASE, report)

if __name__ == "__main__":
    STUDY.main(__doc__)
