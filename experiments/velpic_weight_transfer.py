"""Can what a layer knows be given back to its network? VeLPIC's class vectors as output weights, then trained on.

Claim:     Ketha & Ramaswamy (2026), arXiv 2603.19865: with its output weights replaced by the principal direction of
           each class in the last hidden layer, found with the corrupted labels alone, a memorizing network classifies
           the test set better at once, without training; trained on, it memorizes more slowly
Run:       python experiments/velpic_weight_transfer.py [--preset small] [--models mlp4] [--datasets mnist]
Expected:  test accuracy far above the memorizing network's at 80 % corruption, slightly below the clean one's at 0
Measured:  results/published/index.html, with n, interval, hardware and commit, where it has been
Result:    saved_models/RUN_ID-velpic.h5 or .pt, figure, table and verdicts under results/velpic_weight_transfer/
Time:      with --preset small a minute or two for each network beside its training
Deviations: biases become 0, as in the paper's first variant; the optimizer starts anew, and the small preset's
           falling learning rate with it; that preset edits after 8 of 60 epochs, where the paper does after 40 of
           about 300
"""

from dataclasses import replace
from functools import partial

from common.analysis.readout import decode_run, outdated
from common.analysis.transfer import edit_output
from common.report import decoding_figures
from common.report.claims import load_targets
from common.report.decoding import decoded, held_out, in_last_layer, own, transfer_table
from common.report.decoding_claims import edited_findings, velpic_findings
from common.report.tables import claims_table
from common.runs import sweep
from common.runs.config import from_dict, run_id
from common.runs.store import SUFFIX, Store
from common.runs.task import prepare
from common.study import Study, with_progress
from decoding_configs import BASE, KEPT, SMALL, Decoded

TITLE = "VeLPIC as the output layer"
EDIT_EPOCHS = {False: 40, True: 8}  # by whether the run is one of the small preset


def edit_epoch(config):
    """After how many epochs of training the output layer of a network that is trained on is replaced."""
    return min(EDIT_EPOCHS[config.epochs == SMALL["epochs"]], config.epochs // 2)


def trained_on(config):
    """The run that goes on from the edited network, up to the epoch at which the unedited one ends at the latest."""
    epoch = edit_epoch(config)
    return replace(config, initial_model=edited_name(config, epoch), epochs=config.epochs - epoch)


def edited_name(config, epoch=None):
    """Model file under saved_models: of a kept epoch, or of the trained network."""
    name = run_id(config) if epoch is None else f"{run_id(config)}-epoch{epoch:04d}"
    return f"{name}-velpic{SUFFIX[config.framework]}"


def read(configs, call):
    """Probes at the end, the edited networks, and those that are trained on."""
    options = call.options
    store, going_on = Store.of(options), []
    for config in with_progress(configs):
        if not decode_run(config, options, ("masc", "velpic"), force=call.force):  # it diverged
            continue
        epoch = edit_epoch(config)
        files = {edited_name(config): store.model_path(config)}
        if config.corruption_fraction and epoch in store.snapshots(config):
            files[edited_name(config, epoch)] = store.snapshot_path(config, epoch)
            going_on.append(trained_on(config))
        for name, path in files.items():
            edited = store.models / name
            if outdated(edited, [path], call.force):
                edit_output(path, config, prepare(config, options.data_dir, store.models), edited)
    sweep.run(going_on, replace(options, keep_epochs=()), force=call.force)


def following(run, store):
    """History of the network that is trained on after its edit, over the epochs of the unedited one."""
    config = from_dict(run.config)
    name, epoch = run_id(trained_on(config)), edit_epoch(config)
    return [{**line, "epoch": line["epoch"] + epoch} for line in store.history(name)] if store.record(name) else []


def report(runs, call):
    """Edited and unedited networks over corruption, their training from there on, and what becomes of the claims."""
    records, store = [run.record for run in runs], call.store
    runs = decoded(records, store)
    pairs = [(run, following(run, store)) for run in runs]
    pairs = [(run, history) for run, history in pairs if history]
    lines = {
        "the memorizing network": own,
        "VeLPIC as its output layer": partial(in_last_layer, probe="velpic"),
        "MASC, layer chosen on held-out examples": held_out,
    }
    return {
        "edited_networks": decoding_figures.over_fractions(lines, runs, TITLE),
        "edited_training": decoding_figures.edited_training(pairs, f"{TITLE}, trained on"),
        "transfer": transfer_table(runs, load_targets("decoding_velpic"), TITLE),
        "claims": claims_table([*velpic_findings(runs), *edited_findings(pairs)], TITLE),
    }


STUDY = Study("velpic_weight_transfer", Decoded(), BASE, report, KEPT, read)

if __name__ == "__main__":
    STUDY.main(__doc__)
