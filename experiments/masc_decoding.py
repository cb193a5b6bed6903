"""What do the layers of a memorizing network still know? Class subspaces of every layer against the network itself.

Claim:     Ketha & Ramaswamy (2025), arXiv 2501.14687: subspaces of a layer, fitted on the corrupted labels that the
           network memorized, classify the test set better than the network, the more so the more labels are corrupted;
           subspaces of the true labels do better still; where all labels are random they are at chance. Against it
           speaks that untrained networks know as much
Run:       python experiments/masc_decoding.py [--preset small] [--models mlp4 cnn] [--datasets mnist] [--seeds 0 1 2]
Expected:  the orders above; published numbers, beside the measured ones, are of whole training sets
Measured:  results/published/index.html, with n, interval, hardware and commit, where it has been
Result:    figures, tables and verdicts under results/masc_decoding/; read-outs beside each run
Time:      made for a GPU; --preset small takes 1 to 3 minutes a run on two cores, read-out included
Deviations: layers are chosen on held-out training examples, the papers' choice on test data is beside it; the control
           on clean networks uses the labels that the corrupted runs were trained on; experiments/decoding_configs.py
"""

from common.analysis.readout import decode_run
from common.report import decoding_figures
from common.report.claims import load_targets
from common.report.decoding import clean_table, decoded, layer_table, summary_table
from common.report.decoding_claims import masc_findings
from common.report.tables import claims_table
from common.study import Study, with_progress
from decoding_configs import BASE, KEPT, Decoded

TITLE = "Subspaces of layers against the network"
SOURCES = ("mlp", "cnn", "alexnet", "resnet", "untrained")
TARGETS = [target for name in SOURCES for target in load_targets(f"decoding_{name}")]


def read(configs, call):
    """Every network at its end and untrained, and those trained on true labels with subspaces of corrupted ones."""
    options = call.options
    for config in with_progress(configs):
        decode_run(config, options, epochs=(0,), force=call.force)
        if config.corruption == "none":
            same = [c for c in configs if (c.model, c.dataset, c.seed) == (config.model, config.dataset, config.seed)]
            for fraction in sorted({c.corruption_fraction for c in same} - {0}):
                decode_run(config, options, other_labels=("ketha", fraction), force=call.force)


def report(runs, call):
    """A figure for each model, the summary, every layer, the clean networks, and what becomes of the claims."""
    records, store = [run.record for run in runs], call.store
    runs = decoded(records, store)
    kinds = dict.fromkeys((run.config["model"], run.config["framework"]) for run in runs)
    profiles = {
        f"layers_{model}_{framework}": decoding_figures.layer_profiles(
            [run for run in runs if (run.config["model"], run.config["framework"]) == (model, framework)],
            f"{TITLE}: {model}",
        )
        for model, framework in kinds
    }
    return {
        **profiles,
        "summary": summary_table(runs, TARGETS, TITLE),
        "claims": claims_table(masc_findings(runs), TITLE),
        "layers": layer_table(runs, TARGETS, "Layer by layer"),
        "clean_networks": clean_table(runs, "Networks trained on true labels"),
    }


STUDY = Study("masc_decoding", Decoded(), BASE, report, KEPT, read)

if __name__ == "__main__":
    STUDY.main(__doc__)
