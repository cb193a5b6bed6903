"""Learning curves of small Inception on true labels and four randomizations: it fits them all, the noisier the later.

Claim:     Zhang et al. (2017), Figure 1a: training error reaches 0 in every setting, and true labels are fitted first,
           then shuffled pixels, then Gaussian images and random pixels, random labels last
Run:       python experiments/randomization_learning_curves.py [--preset small] [--precision bfloat16] [--seeds 0 1 2]
Expected:  the published curves, drawn dashed, and the order above
Measured:  results/published/index.html, with n, interval, hardware and commit, where it has been
Result:    figure, epochs to fit and verdicts under results/randomization_learning_curves/
Time:      made for a GPU; --preset small takes an hour on two cores, half of it with bfloat16
Deviations: random pixels move whole positions (`--corruption random_scalars` would break colours too); the paper states
           neither epochs nor initial weights: experiments/configs.py says ours
"""

from dataclasses import dataclass

from common.cli import study
from common.report.tables import claims_table
from common.report.zhang import convergence_table
from common.report.zhang_claims import convergence_findings
from common.report.zhang_figures import training_losses
from configs import BASE, INPUTS, SMALL, Seeds, fields

TITLE = "Fitting randomized data: small Inception"


@dataclass(frozen=True)
class Settings(Seeds):
    """Figure 1a."""

    def rows(self, preset):
        return [fields("inception", setting) for setting in ("true_labels", *INPUTS, "random_labels")]


def report(records, histories):
    """Figure 1a, epochs to fit, and what becomes of its claims."""
    return {
        "training_loss": training_losses(records, histories, TITLE),
        "epochs_to_fit": convergence_table(records, histories),
        "claims": claims_table(convergence_findings(records, histories), TITLE),
    }


if __name__ == "__main__":
    study("randomization_learning_curves", __doc__, Settings(), report, BASE, SMALL)
