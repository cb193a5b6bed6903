"""When does a network know most? Network and layers over training on corrupted labels, against early stopping.

Claim:     Ketha & Ramaswamy (2026), arXiv 2603.19865: what layers know peaks early, with the network's own accuracy;
           as labels are memorized the network falls steeply and the layers modestly. Against the use of it speaks that
           the network at its best epoch is better than the layers of the memorizing network
Run:       python experiments/latent_generalization_dynamics.py [--preset small] [--fractions 0.8] [--seeds 0 1 2]
Expected:  early peaks; at the end layers above the network; early stopping above both
Measured:  results/published/index.html, with n, interval, hardware and commit, where it has been
Result:    curves, heat maps (layer x epoch), table and verdicts under results/latent_generalization_dynamics/
Time:      made for a GPU; --preset small takes about 5 minutes a run on two cores, read-outs of 14 epochs included
Deviations: early stopping and layers are chosen on held-out examples with corrupted labels, the papers' on test data;
           networks are kept at the papers' epochs: 0, 1, 2, every second to 20, then every fifth
"""

from dataclasses import dataclass

from common.analysis.readout import decode_run
from common.report import decoding_figures
from common.report.claims import load_targets
from common.report.decoding import by_setting, decoded, dynamics_table
from common.report.decoding_claims import described, dynamics_findings
from common.report.tables import claims_table
from common.study import Study, with_progress
from decoding_configs import BASE, Decoded

TITLE = "Network and layers over training"
EPOCHS = (0, 1, *range(2, 20, 2), *range(20, 501, 5))


@dataclass(frozen=True)
class Dynamics(Decoded):
    """Networks on corrupted labels."""

    fractions: tuple[float, ...] = (0.8,)
    """Corrupted fractions of the labels."""


def read(configs, call):
    """Every network at every epoch that is kept."""
    for config in with_progress(configs):
        decode_run(config, call.options, epochs=EPOCHS, force=call.force)


def report(runs, call):
    """Curves, a heat map of each setting's first seed, the table, and what becomes of the claims."""
    records, store = [run.record for run in runs], call.store
    runs = decoded(records, store)
    followed = [run for run in runs if len(run.epochs) > 2]  # masc_decoding.py reads the same networks out at both ends
    maps = {}
    for setting, (first, *_) in by_setting(followed).items():
        name = "_".join(map(str, setting[:4])).replace(".", "")
        maps[f"heat_map_{name}"] = decoding_figures.heat_map(first, described(setting))
    return {
        **({"dynamics": decoding_figures.dynamics(followed, TITLE)} if followed else {}),
        "early_stopping": dynamics_table(followed, load_targets("decoding_dynamics"), TITLE),
        "claims": claims_table(dynamics_findings(runs), TITLE),
        **maps,
    }


STUDY = Study("latent_generalization_dynamics", Dynamics(), BASE, report, keep_epochs=EPOCHS, read=read)

if __name__ == "__main__":
    STUDY.main(__doc__)
