"""Learning curves of small Inception on true labels and five randomizations: it fits them all, the noisier the later.

Claim:     Zhang et al. (2017), Figure 1a: training error reaches 0 in every setting, and true labels are fitted first,
           then shuffled pixels, then Gaussian images and random pixels, random labels last
Run:       python experiments/randomization_learning_curves.py [--preset small] [--precision bfloat16] [--seeds 0 1 2]
Expected:  the published curves, drawn dashed, and the order above
Measured:  results/published/index.html, with n, interval, hardware and commit, where it has been
Result:    figure, epochs to fit and verdicts under results/randomization_learning_curves/
Time:      made for a GPU; --preset small takes 40 minutes a seed on two cores with bfloat16
Deviations: random pixels move whole, so that images keep their colours, as in public reproductions; since the published
           curve starts as if they did not, random scalars, a permutation of all values, are drawn beside it. The paper
           states neither epochs nor initial weights: experiments/configs.py says ours
"""

from dataclasses import dataclass

from common.report.tables import claims_table
from common.report.zhang import READINGS, SETTINGS, convergence_table
from common.report.zhang_claims import convergence_findings
from common.report.zhang_figures import training_losses
from common.study import Seeds, Study
from configs import BASE, INPUTS, fields, shown

TITLE = "Fitting randomized data: small Inception"


@dataclass(frozen=True)
class Settings(Seeds):
    """Figure 1a."""

    def rows(self, preset):
        settings = ("true_labels", *INPUTS, "random_labels", *READINGS)
        return [fields("inception", setting, preset) for setting in settings]


def report(runs, call):
    """Figure 1a, epochs to fit, and what becomes of its claims."""
    records, store = [run.record for run in runs], call.store
    histories = store.histories(records)
    return {
        "training_loss": training_losses(records, histories, TITLE),
        "epochs_to_fit": convergence_table(records, histories),
        "claims": claims_table(convergence_findings(records, histories), TITLE),
    }


STUDY = Study(
    "randomization_learning_curves", Settings(), BASE, report, check=shown((*SETTINGS, *READINGS), ["inception"])
)

if __name__ == "__main__":
    STUDY.main(__doc__)
