"""Do subspaces know more than simple probes? Seven classifiers on the same layers, fitted on the same corrupted labels.

Claim:     Ketha & Ramaswamy (2025), arXiv 2501.14687: logistic regression and nearest neighbours overfit corrupted
           labels in late layers. Their comparison speaks against the subspaces too: nearest class means and quadratic
           discriminant analysis are often better
Run:       python experiments/probe_baselines.py [--preset small] [--models mlp4] [--datasets mnist] [--seeds 0 1 2]
Expected:  at 80 % corruption nearest class mean or quadratic discriminant analysis at least as good as the subspaces,
           logistic regression far below them in the last hidden layer
Measured:  results/published/index.html, with n, interval, hardware and commit, where it has been
Result:    figure, table and verdicts under results/probe_baselines/; the runs are those of masc_decoding.py
Time:      one to two minutes for each network of the small preset, once it is trained
Deviations: layers are chosen on held-out training examples; common/analysis/probes.py says how each probe is set
"""

from functools import partial

from common.analysis.readout import decode_run
from common.cli import Study
from common.report import decoding_figures
from common.report.claims import load_targets
from common.report.decoding import decoded, held_out, layer_table
from common.report.decoding_claims import probe_findings
from common.report.tables import claims_table
from decoding_configs import BASE, Decoded, with_progress

TITLE = "Subspaces and other probes"
PROBES = {
    "masc": "subspaces (MASC, 99 %)",
    "velpic": "VeLPIC",
    "logistic_regression": "logistic regression",
    "nearest_class_mean": "nearest class mean",
    "k_nearest_neighbours": "5 nearest neighbours",
    "lda": "linear discriminant analysis",
    "qda": "quadratic discriminant analysis",
}


def read(configs, options):
    """Every network at its end."""
    for config in with_progress(configs):
        decode_run(config, options, tuple(PROBES))


def report(records, store):
    """Accuracy over corruption for each probe, every layer, and what becomes of the claims."""
    runs = decoded(records, store)
    lines = {name: partial(held_out, probe=probe) for probe, name in PROBES.items()}
    return {
        "probes": decoding_figures.over_fractions(lines, runs, TITLE),
        "claims": claims_table(probe_findings(runs), TITLE),
        "layers": layer_table(runs, load_targets("decoding_probes"), TITLE, tuple(PROBES)),
    }


STUDY = Study("probe_baselines", Decoded(), BASE, report, read=read)

if __name__ == "__main__":
    STUDY.main(__doc__)
