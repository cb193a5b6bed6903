"""What a layer knows given back to its network: VeLPIC as output weights, its subspaces' classes as labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from common.analysis.readout import decode_run, own_task
from common.analysis.transfer import edit_output, outdated, redraw_output, relabel
from common.papers.decoding.recipes import BASE, DECODED, EDIT_EPOCHS, KEPT, SMOKE, Corrupted
from common.papers.decoding.targets import TARGETS
from common.report import figures, profiles, readouts
from common.report.claims import Finding
from common.report.layers import best_pair, last_epoch, last_layer
from common.report.numbers import cell, estimate, less, number
from common.report.runs import Line, Measure, Run, Runs
from common.report.tables import Table
from common.runs import sweep
from common.runs.config import Config, run_id
from common.runs.store import HISTORY, SUFFIX, Store
from common.study import Call, Study, with_progress

if TYPE_CHECKING:
    from matplotlib.figure import Figure

EDITING = "VeLPIC as the output layer"
RELABELLING = "Training on with the subspaces' labels"
RELABELLED_EPOCHS, PATIENCE = 30, 3
PROBES = ("masc", "masc_0.75", "masc_0.50", "masc_0.25", "masc_1pc")
START = "start"
"""The edit of the untrained network."""
STARTED = ("mlp4",)
"""Networks that are also trained from it: the papers say it of MLPs."""
COLOURS = {"unedited": figures.BLACK, "velpic": figures.ORANGE, "redrawn": figures.GREY, START: figures.SKY}
NAMES = {
    "velpic": "edited, then trained on",
    "redrawn": "output layer drawn anew, then trained on",
    START: "edited untrained, then trained",
}
SPLITS = {"test_accuracy": ("on test labels", "-"), "train_accuracy": ("on training labels", ":")}
EDITS = {"velpic": edit_output, "redrawn": redraw_output, START: edit_output}
Continued = tuple[Run, Mapping[str, Sequence[Line]]]
"""A run, and histories of the networks that go on from its edits, over the epochs of the unedited one."""
UNCONTROLLED = "undecided: an output layer that is drawn anew slows training too, and no such network was trained"


def edit_epoch(config: Config, preset: str, edit: str) -> int:
    """After how many epochs of training the output layer of a network that is trained on is replaced."""
    return 0 if edit == START else min(EDIT_EPOCHS[preset], config.epochs // 2)


def trained_on(config: Config, preset: str, edit: str) -> Config:
    """The run that goes on from the edited network, up to the epoch at which the unedited one ends at the latest."""
    epoch = edit_epoch(config, preset, edit)
    return replace(config, initial_model=edited_name(config, edit, epoch), epochs=config.epochs - epoch)


def edited_name(config: Config, edit: str, epoch: int | None = None) -> str:
    """Model file under saved_models: of a kept epoch, or of the trained network."""
    name = run_id(config) if epoch is None else f"{run_id(config)}-epoch{epoch:04d}"
    return f"{name}-{edit}{SUFFIX[config.framework]}"


def edits_of(config: Config) -> list[str]:
    """The edits from which a network is trained: those that memorize, and from the start those that the papers say."""
    return [edit for edit in EDITS if config.corruption_fraction and (edit != START or config.model in STARTED)]


def read_edited(configs: Sequence[Config], call: Call) -> None:
    """Probes at the end, the edited networks, and those that are trained on."""
    options, store = call.options, call.store
    going_on: dict[str, list[Config]] = {edit: [] for edit in EDITS}
    for config in with_progress(configs, call.options):
        if not decode_run(config, options, ("masc", "velpic"), force=call.force):  # it diverged
            continue
        files: dict[tuple[str, int | None], Path] = {("velpic", None): store.model_path(config)}
        for edit in edits_of(config):
            epoch = edit_epoch(config, call.preset, edit)
            if epoch in store.snapshots(config):
                files[edit, epoch] = store.snapshot_path(config, epoch)
                going_on[edit].append(trained_on(config, call.preset, edit))
        for (edit, at), path in files.items():
            edited = store.models / edited_name(config, edit, at)
            if outdated(edited, path, call.force):
                EDITS[edit](path, config, own_task(config, options), edited)
    for followers in going_on.values():
        sweep.run(followers, replace(options, keep_epochs=()), force=call.force)


def report_edited(runs: Runs, call: Call) -> dict[str, Table | Figure]:
    """Edited and unedited networks over corruption, and their training from there on."""
    runs = readouts.read_out(runs)
    pairs = continued(runs, call)
    measures: dict[str, Measure] = {
        "the memorizing network": readouts.own,
        "VeLPIC as its output layer": partial(readouts.in_last_layer, probe="velpic"),
        "MASC, layer chosen on held-out examples": readouts.in_chosen_layer,
    }
    return {
        "edited_networks": profiles.over_fractions(measures, runs, EDITING),
        "edited_training": edited_training(pairs, f"{EDITING}, trained on"),
        "transfer": transfer_table(runs, TARGETS.of("velpic"), EDITING),
    }


def continued(runs: Runs, call: Call) -> list[Continued]:
    """The networks that were trained on after their edit."""
    found = [(run, {edit: following(run, call, edit) for edit in EDITS}) for run in runs]
    return [(run, histories) for run, histories in found if histories["velpic"]]


def following(run: Run, call: Call, edit: str) -> list[Line]:
    """History of the network that is trained on after an edit; none where there is none."""
    edited = readouts.finished(trained_on(run.config, call.preset, edit), call.store)
    start = edit_epoch(run.config, call.preset, edit)
    return [{**line, "epoch": line["epoch"] + start} for line in edited.history] if edited else []


def edited_training(pairs: Sequence[Continued], title: str) -> Figure:
    """Test accuracy and, dotted, training accuracy (%) of networks before and after an edit, a panel for each setting.

    Of the first seed of each.
    """
    settings = readouts.pairs_by_setting(pairs)
    figure, panels = figures.panel_figure(title, [setting.text(3, " ") for setting in settings], 3, (3, 2.7))
    for axes, ((run, edits), *_) in zip(panels, settings.values(), strict=True):
        for edit, history in {"unedited": run.lines(HISTORY), **edits}.items():
            for key, (_, style) in SPLITS.items():
                curve = {line["epoch"]: [line[key]] for line in history}
                figures.draw_curve(axes, curve, 100, color=COLOURS[edit], linestyle=style)
        axes.set_xlabel("epoch")
        figures.percent_axis(axes)
    styles = [figures.handle(name, color=figures.GREY, linestyle=style) for name, style in SPLITS.values()]
    there = {edit for _, edits in pairs for edit, history in edits.items() if history}
    drawn = {NAMES.get(edit, edit): colour for edit, colour in COLOURS.items() if edit in {"unedited", *there}}
    figures.add_legend(figure, [*figures.handles(drawn), *styles])
    return figure


def transfer_table(runs: Runs, targets: readouts.Published, title: str) -> Table:
    """Networks with VeLPIC of their last hidden layer as output layer, beside the network and the chosen layers."""
    on_test = partial(readouts.in_chosen_layer, choice="test data")

    def published_edited(group: Runs) -> str | None:
        last = last_layer(readouts.lines_of(group[0]))
        return readouts.published(group, targets, "velpic", last, epoch_choice="last")

    cells: readouts.Cells = {
        "network, %": readouts.mean(readouts.own),
        "edited network, %": readouts.mean(partial(readouts.in_last_layer, probe="velpic")),
        "published edited, %": published_edited,
        "VeLPIC, held-out layer, %": readouts.mean(partial(readouts.in_chosen_layer, probe="velpic")),
        "MASC, held-out layer, %": readouts.mean(readouts.in_chosen_layer),
        "VeLPIC, best layer on test, %": readouts.mean(partial(on_test, probe="velpic")),
        "MASC, best layer on test, %": readouts.mean(on_test),
    }
    return readouts.setting_table(runs, cells, title)


def edited_findings(runs: Runs, call: Call) -> list[Finding]:
    """VeLPIC against subspaces and as the output layer, and what networks make of that which are trained on."""
    runs = readouts.read_out(runs)
    return [*readouts.compare(runs, COMPARISONS, TARGETS), *training_findings(continued(runs, call))]


def training_findings(pairs: Sequence[Continued]) -> list[Finding]:
    """Networks trained on after their output layer was edited, against those where it was drawn anew.

    From the start the unedited network is one that was drawn.
    """
    tested: list[Finding] = []
    for setting, group in readouts.pairs_by_setting(pairs).items():
        runs, slowed = Runs(run for run, _ in group), [lag(run.history, its["velpic"]) for run, its in group]
        effects = [lag(its.get("redrawn", ()), its["velpic"]) for _, its in group]
        controlled = any(effect is not None for effect in effects)
        reset = cell(number(slowed, "points"))
        numbers = f"training accuracy {reset} points below that of the unedited network"
        tested.append(
            TARGETS.tested(
                "decoding-edited-training", setting.text(), runs, effects if controlled else slowed, numbers,
                undecided="" if controlled else UNCONTROLLED,
            )
        )  # fmt: skip
        started = [lag(run.history, its.get(START, ())) for run, its in group]
        if any(effect is not None for effect in started):
            tested.append(TARGETS.tested("decoding-velpic-start", setting.text(), runs, started))
    return tested


def lag(history: Sequence[Line], edited: Sequence[Line]) -> float | None:
    """How much lower the training accuracy of the edited network is, on average over the epochs that both trained."""
    other = {line["epoch"]: line["train_accuracy"] for line in history}
    common = [line for line in edited[1:] if line["epoch"] in other]
    return estimate([less(other[line["epoch"]], line["train_accuracy"]) for line in common]).mean


def retrained(config: Config, store: Store, readout: Sequence[Line]) -> Config:
    """The run that goes on from the memorizing network with the labels of its subspaces."""
    return replace(
        config,
        initial_model=store.model_path(config).name,
        labels="{}-{}-{}.npy".format(run_id(config), *best_pair(readout, PROBES)),
        epochs=RELABELLED_EPOCHS,
        patience=PATIENCE,
        stop_accuracy=None,
    )


def read_relabelled(configs: Sequence[Config], call: Call) -> None:
    """Subspaces of every network on corrupted labels, the labels they give, and the networks trained on with them."""
    options, store, following = call.options, call.store, []
    for config in with_progress([config for config in configs if config.corruption_fraction], call.options):
        readout = last_epoch(decode_run(config, options, PROBES, force=call.force))
        if not readout:  # it diverged
            continue
        following.append(retrained(config, store, readout))
        model, labels = store.model_path(config), store.models / str(following[-1].labels)
        if outdated(labels, model, call.force):
            probe, layer = best_pair(readout, PROBES)
            relabel(model, config, own_task(config, options), str(layer), labels, probe)
    sweep.run(following, replace(options, keep_epochs=()), force=call.force)


def report_relabelled(runs: Runs, call: Call) -> dict[str, Table]:
    """What became of labels and accuracy."""
    return {"relabelling": relabelling_table(relabelled_pairs(runs, call), RELABELLING)}


def relabelled_pairs(runs: Runs, call: Call) -> list[tuple[Run, Run]]:
    """Networks and what they became when they were trained on with the labels of their subspaces."""
    configs = {run: retrained(run.config, call.store, readouts.lines_of(run)) for run in readouts.read_out(runs)}
    return [(run, after) for run, config in configs.items() if (after := readouts.finished(config, call.store))]


def relabelled(run: Run, follower: Run) -> dict[str, float | None]:
    """What a run that was trained on with other labels made of the labels and of the network, as shares."""
    right, right_now = (it.arrays["train_labels"] == it.arrays["train_true_labels"] for it in (run, follower))
    return {
        "labels right, %": float(right.mean()),
        "labels right, of the subspaces, %": float(right_now.mean()),
        "wrong labels repaired, %": float(right_now[~right].mean()),
        "right labels broken, %": float((~right_now[right]).mean()),
        "network, %": readouts.own(run),
        "trained on, early stopping, %": stopped(follower),
        "trained on, at the end, %": readouts.own(follower),
    }


def stopped(follower: Run) -> float | None:
    """Test accuracy where early stopping on held-out examples ends, which may be at the network that goes on."""
    return follower.best("validation_accuracy", start=True)["test_accuracy"]


def relabelling_table(pairs: Sequence[tuple[Run, Run]], title: str) -> Table:
    """Labels and test accuracy before and after training on with the labels that subspaces gave."""
    rows, headings = [], list(relabelled(*pairs[0])) if pairs else []
    for setting, group in readouts.pairs_by_setting(pairs).items():
        seeds = [relabelled(*pair) for pair in group]
        rows.append([*setting.cells(), len(group), *(number(seed[name] for seed in seeds) for name in headings)])
    return Table(title, [*readouts.COLUMNS, *headings], rows, readouts.NOTE)


def relabelling_findings(runs: Runs, call: Call) -> list[Finding]:
    """Networks trained on with the labels of their subspaces, stopped early, against themselves."""
    after = dict(relabelled_pairs(runs, call))
    gain = readouts.Comparison("relabelling", lambda run: stopped(after[run]), readouts.own, lambda setting: True)
    return readouts.compare(after, [gain], TARGETS)


VELPIC = partial(readouts.in_chosen_layer, probe="velpic")
EDITED = partial(readouts.in_last_layer, probe="velpic")
LEADS = readouts.but(  # the published ones are at 40 % below the subspaces, and for this CNN less than 2 points above
    readouts.of("mlp4", "cnn", "alexnet_large", least=readouts.HIGH),
    readouts.of("cnn", datasets=("fashion_mnist",)),
)
COMPARISONS = (
    readouts.Comparison("velpic-lead", VELPIC, readouts.in_chosen_layer, LEADS),
    readouts.Comparison("resnet-velpic", readouts.in_chosen_layer, VELPIC, readouts.of("resnet18")),
    readouts.Comparison("above-input", VELPIC, partial(readouts.in_input, probes=("velpic",)), where="VeLPIC"),
    readouts.Comparison("transfer", EDITED, readouts.own, readouts.of("mlp4", "cnn", "alexnet_large")),
    readouts.Comparison("transfer-resnet", readouts.own, EDITED, readouts.of("resnet18")),
    readouts.Comparison("transfer-clean", EDITED, readouts.own, lambda setting: setting.fraction == 0),
)
EDITING_STUDY = Study(
    "velpic_weight_transfer", Corrupted(models=DECODED), BASE, report_edited, KEPT, read_edited, smoke=SMOKE,
    findings=edited_findings,
)  # fmt: skip
RELABELLING_STUDY = Study(
    "masc_relabel_retraining", Corrupted(), BASE, report_relabelled, KEPT, read_relabelled, smoke=SMOKE,
    findings=relabelling_findings,
)  # fmt: skip
