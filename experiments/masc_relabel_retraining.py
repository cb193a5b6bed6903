"""Can a network be mended with what its layers know? Training labels from its own subspaces, then trained on.

Claim:     Ketha & Ramaswamy (2025), arXiv 2501.14687: the classes that a memorizing network's subspaces give to its
           training examples are cleaner labels than those it memorized; trained on with them it classifies better
Run:       python experiments/masc_relabel_retraining.py [--preset small] [--models mlp4] [--datasets mnist]
Expected:  wrong labels repaired, few right ones broken, test accuracy above the memorizing network's; no values of it
           are published
Measured:  results/published/index.html, with n, interval, hardware and commit, where it has been
Result:    saved_models/RUN_ID-PROBE-LAYER.npy, table and verdict under results/masc_relabel_retraining/
Time:      with --preset small about a minute for each network beside its training
Deviations: layer and threshold are chosen, and training stopped, on training examples held out from the network with
           the labels a user has; their code uses a fifth of the test set for that, and 99 % of the variance alone:
           where a class has fewer examples than the layer units, such subspaces give each example the label it has
"""

from dataclasses import replace

from common.analysis.readout import decode_run, outdated
from common.analysis.transfer import relabel
from common.report.decoding import decoded, relabelling_table
from common.report.decoding_claims import relabelling_findings
from common.report.layers import best_pair, last_epoch
from common.report.tables import claims_table
from common.runs import sweep
from common.runs.config import from_dict, run_id
from common.runs.store import Store
from common.runs.task import prepare
from common.study import Study, with_progress
from decoding_configs import BASE, KEPT, Decoded

TITLE = "Training on with the subspaces' labels"
EPOCHS, PATIENCE = 30, 3
PROBES = ("masc", "masc_0.75", "masc_0.50", "masc_0.25", "masc_1pc")


def retrained(config, store, readout):
    """The run that goes on from the memorizing network with the labels of its subspaces."""
    return replace(
        config,
        initial_model=store.model_path(config).name,
        labels="{}-{}-{}.npy".format(run_id(config), *best_pair(readout, PROBES)),
        epochs=EPOCHS,
        patience=PATIENCE,
        stop_accuracy=None,
    )


def read(configs, call):
    """Subspaces of every network on corrupted labels, the labels they give, and the networks trained on with them."""
    options = call.options
    store, following = Store.of(options), []
    corrupted = [config for config in configs if config.corruption_fraction]
    for config in with_progress(corrupted):
        readout = last_epoch(decode_run(config, options, PROBES, force=call.force))
        if not readout:  # it diverged
            continue
        following.append(retrained(config, store, readout))
        model, labels = store.model_path(config), store.models / following[-1].labels
        if outdated(labels, [model], call.force):
            probe, layer = best_pair(readout, PROBES)
            relabel(model, config, prepare(config, options.data_dir, store.models), layer, labels, probe)
    sweep.run(following, replace(options, keep_epochs=()), force=call.force)


def report(runs, call):
    """What became of labels and accuracy, and of the claim."""
    records, store = [run.record for run in runs], call.store
    runs = decoded(records, store)
    found = [store.record(run_id(retrained(from_dict(run.config), store, run.lines()))) for run in runs]
    pairs = [(run, record) for run, record in zip(runs, found, strict=True) if record]
    return {
        "relabelling": relabelling_table(pairs, store, TITLE),
        "claims": claims_table(relabelling_findings(pairs, store), TITLE),
    }


STUDY = Study("masc_relabel_retraining", Decoded(), BASE, report, KEPT, read)

if __name__ == "__main__":
    STUDY.main(__doc__)
