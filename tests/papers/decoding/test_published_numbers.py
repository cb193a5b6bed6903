"""Published numbers of read-outs beside runs that never were, of the papers' own recipe or another."""

from dataclasses import replace

import pytest

from common.papers.decoding import dynamics, raw_inputs
from common.papers.decoding.published import as_published, numbers, of_epoch
from common.papers.decoding.recipes import BASE, fields
from common.papers.decoding.transfer import trained_on
from common.papers.decoding.untrained import Untrained
from common.report.runs import Runs
from common.runs.config import as_dict, run_id

LAYERS = {"input": (0.9, 0.71), "fc1": (0.1, 0.63), "fc2": (0.2, 0.73), "fc3": (0.3, 0.80), "fc4": (0.4, 0.70)}


@pytest.fixture
def published(decoding):
    """A run of the papers' recipe, seeds and all."""

    def run(readout, test=0.3116, model="mlp4", dataset="mnist", fraction=0.8, preset="paper", **changes):
        own = replace(BASE, **{**fields(model, dataset, fraction, preset), **changes})
        given = {name: value for name, value in as_dict(own).items() if name not in ("model", "dataset", "epochs")}
        history = decoding.history([0.5] * 297, test=[round(epoch / 1000, 3) for epoch in range(297)])
        made = decoding.run(readout, test, history, epochs=296, train_n=59_500, model=model, dataset=dataset, **given)
        made.record["config"]["epochs"] = own.epochs
        made.id = made.record["run_id"] = run_id(own)
        decoding.store.readouts[made.id] = readout
        decoding.store.histories[made.id] = history
        return made

    return run


def found(runs):
    return {finding.statement.id.removeprefix("decoding-"): finding for finding in judged(runs)}


def judged(runs):
    """Of networks, and of raw inputs without computations."""
    return [*numbers(Runs(runs)), *raw_inputs.numbers([])]


def test_every_number_is_there_and_not_measured_without_a_run():
    findings = judged([])
    assert len(findings) == len({finding.statement.id for finding in findings}) == 785
    assert {(finding.verdict, finding.size) for finding in findings} == {("not measured", "full size")}
    assert {finding.subject for finding in findings} >= {"mlp4, mnist, 80 %", "mnist, 80 %", "resnet18, cifar10, 20 %"}


def test_numbers_are_judged_on_runs_of_the_papers_recipe_alone(decoding, published):
    lines = decoding.read_out(LAYERS, epoch=296)
    own = published(lines)
    assert as_published(own) and as_published(published(lines, seed=5, framework="keras"))
    for other in (
        published(lines, preset="small"),
        published(lines, epochs=60),
        published(lines, precision="bfloat16"),
    ):
        assert not as_published(other)
        assert {finding.verdict for finding in judged([other])} == {"not measured"}
    assert not as_published(decoding.run(model="mlp3"))
    measured = found([own])
    assert measured["final-mlp4-mnist-0.8"].verdict == "in band"
    assert measured["layers-mnist-fc3-0.8"].verdict == "in band"
    assert measured["layers-mnist-fc4-0.8"].subject == "mlp4, mnist, 80 %, PyTorch"
    assert measured["layers-mnist-fc4-0.8"].effect.interval_kind == "Wilson, 1 seed"
    assert measured["layers-mnist-fc4-0.6"].verdict == "not measured"
    assert measured["layers-mnist-input-0.8"].verdict == "not measured"  # of all examples, without a network
    two = [finding for finding in judged([own, published(lines, framework="keras")]) if finding.measured]
    assert {finding.subject.split(", ")[-1] for finding in two} == {"PyTorch", "Keras"}


def test_what_is_measured_of_a_number(decoding, published):
    lines = decoding.read_out(LAYERS, epoch=296, components=1700.0)
    lines += decoding.read_out(LAYERS, epoch=296, fitted_on="true_labels")
    lines += decoding.read_out({"fc2": (0.1, 0.94)}, "qda", epoch=296)
    edited = {**dict.fromkeys(dynamics.EPOCHS, 0.5), 25: 0.9011, 296: 0.821}
    for epoch in (epoch for epoch in edited if epoch <= 296):
        lines += decoding.read_out({"fc4": (0.1, edited[epoch])}, "velpic", epoch=epoch)
    lines += decoding.read_out({"fc1": (0.1, 0.99), "fc4": (0.1, 0.859)}, epoch=0)
    worse = [{**line, "correct": line["correct"] - 4000} if line["layer"] == "fc1" else line for line in lines]
    measured = found([published(lines), published(worse, seed=1)])

    def mean(name):
        return measured[name].effect.mean

    assert mean("summary-mnist-masc-corrupted_labels-0.8") == mean("untrained-mlp4-mnist-end-0.8") == 0.8
    assert measured["untrained-mlp4-mnist-end-0.8"].verdict == "in band"
    assert measured["summary-mnist-masc-corrupted_labels-0.8"].verdict == "no band"
    assert mean("untrained-mlp4-mnist-start-0.8") == pytest.approx(0.859)  # best by the mean over runs
    assert mean("probes-mlp4-mnist-qda-fc2-0.8") == 0.94
    assert mean("components-mlp4-mnist-fc4-0.8") == 1700
    assert measured["components-mlp4-mnist-fc4-0.8"].effect.interval_kind == "t, 2 seeds"
    assert mean("velpic-mlp4-mnist-best-0.8") == 0.9011 and mean("velpic-mlp4-mnist-last-0.8") == 0.821
    assert mean("dynamics-mlp4-mnist-best-0.8") == mean("dynamics-mlp4-mnist-model-296-0.8") == 0.3116
    assert mean("dynamics-mlp4-mnist-model-20-0.8") == 0.02
    assert mean("velpic-mlp4-mnist-unedited-100-0.8") == 0.1
    some = [line for line in lines if (line["probe"], line["epoch"]) != ("velpic", 30)]
    assert found([published(some)])["velpic-mlp4-mnist-best-0.8"].verdict == "not measured"  # the best of all epochs
    assert mean("dynamics-mlp4-mnist-masc-20-0.8") is None  # a mean over classes
    assert mean("velpic-mlp4-mnist-trained-on-44-0.8") is None


def test_training_accuracy_is_what_was_counted_while_an_epoch_trained(decoding, published):
    run = published(decoding.read_out(LAYERS, epoch=296))
    for line in decoding.store.histories[run.id]:
        line["online_train_accuracy"] = line["epoch"] / 500
    measured = found([run])
    assert measured["dynamics-mlp4-mnist-train-20-0.8"].effect.mean == 0.04
    assert measured["velpic-mlp4-mnist-unedited-train-100-0.8"].effect.mean == 0.2
    assert measured["velpic-mlp4-mnist-unedited-100-0.8"].effect.mean == 0.1


def test_networks_that_were_trained_on_after_an_edit(decoding, published):
    own = published(decoding.read_out(LAYERS, epoch=296))
    follower = published([], initial_model=trained_on(own.config, "paper", "velpic").initial_model, epochs=460)
    assert run_id(follower.config) == run_id(trained_on(own.config, "paper", "velpic"))
    measured = found([own, follower])
    assert measured["velpic-mlp4-mnist-trained-on-44-0.8"].effect.mean == 0.004
    assert measured["velpic-mlp4-mnist-trained-on-100-0.8"].effect.mean == 0.06


def test_untrained_networks_say_what_is_published_of_epoch_0_and_nothing_else(decoding, published):
    untrained = published(
        decoding.read_out({"fc3": (0.1, 0.84), "fc4": (0.1, 0.86)}, epoch=0), epochs=0, stop_counted="after"
    )
    untrained.record["outcome"]["epochs"] = 0
    assert as_published(untrained)
    (only,) = (finding for finding in judged([untrained]) if finding.measured)
    assert (only.statement.id, only.verdict, only.effect.mean) == (
        "decoding-untrained-mlp4-mnist-start-0.8", "in band", 0.86,
    )  # fmt: skip
    of_classes = "decoding-dynamics-mlp4-mnist-masc-0-0.8"  # which read-outs do not tell
    about = {finding.statement.id for finding in judged([untrained]) if finding.runs}
    assert about == {only.statement.id, of_classes}
    drawn = {"model": "cnn", "dataset": "cifar10", "epochs": 0, "stop_counted": "after"}
    assert as_published(published([], **drawn, initializer="torch_manual_seed")) and not as_published(
        published([], **drawn)
    )
    trained = published(decoding.read_out({"fc3": (0.1, 0.5)}, epoch=0) + decoding.read_out(LAYERS, epoch=296))
    measured = found([untrained, trained])
    assert measured["untrained-mlp4-mnist-start-0.8"].effect.mean == 0.86
    assert measured["untrained-mlp4-mnist-end-0.8"].effect.mean == measured["layers-mnist-fc3-0.8"].effect.mean == 0.8
    best = {"epoch": 0, "epoch_choice": "best_on_test"}  # a training whose best epoch is its start
    assert [*of_epoch(best, Runs([untrained, trained]))] == [trained]
    assert [*of_epoch({"epoch": 0}, Runs([untrained, trained]))] == [untrained]


def test_untrained_networks_are_those_of_the_papers():
    full, small = (Untrained(seeds=(0, 1)).runs(preset) for preset in ("paper", "small"))
    assert {run["epochs"] for run in full + small} == {0}
    seeds = {(run["model"], run["seed"], run["initializer"]) for run in full}
    assert seeds == {("mlp4", 0, "torch"), ("mlp4", 1, "torch"), ("cnn", 0, "torch_manual_seed")}
    assert {run["initializer"] for run in small} == {"he_normal"} and {run["seed"] for run in small} == {0, 1}
