"""Statements are tested where the papers' own numbers, as far as these are published, say that they hold."""

from functools import partial
from statistics import fmean

import pytest

from common.papers.decoding import dynamics, probes, subspaces, transfer
from common.papers.decoding.published import FILES
from common.papers.decoding.targets import TARGETS
from common.report.readouts import Setting

NUMBERS = [target for name in FILES for target in TARGETS.of(name) if target["value"] is not None]
SETTINGS = {(target["model"], target["dataset"], target["corruption_fraction"]) for target in NUMBERS}
LAST = {"mlp4": "fc4", "cnn": "fc3", "alexnet_large": "fc2", "resnet18": "avgpool"}
BEST = "best_on_test"
COMPARISONS = [
    *subspaces.COMPARISONS,
    *probes.FEWER_COMPONENTS,
    *probes.OTHER_PROBES,
    *dynamics.COMPARISONS,
    *transfer.COMPARISONS,
]


def value(setting, probe="masc", layers=(BEST,), keras=False, **fields):
    """The best of these layers, each the mean of its sources; of the MLP of one framework alone.

    Null where no layer is published, or one of several.
    """
    wanted = {"fitted_on": "corrupted_labels", "scored_on": "test", "quantity": "test_accuracy", "epoch": None}
    wanted |= {"epoch_choice": None, "probe": probe} | fields
    sources = {layer: [] for layer in layers}
    for target in NUMBERS:
        place = target["model"], target["dataset"], target["corruption_fraction"]
        same = wanted.items() <= {"epoch": None, "epoch_choice": None, **target}.items()
        if place == setting and same and target["layer"] in layers and keras == ("Keras" in target["row"]):
            sources[target["layer"]].append(target["value"])
    means = [fmean(values) for values in sources.values() if values]
    return max(means) if len(means) >= min(2, len(layers)) else None


def model(setting, **fields):
    return value(setting, "model", ("logits",), fitted_on=None, **fields)


def peak(setting):
    return model(setting, quantity="best_test_accuracy", epoch_choice=BEST, keras=setting[0] == "mlp4")


def end(setting, of):
    return of(setting, keras=setting[0] == "mlp4")


def last(setting, probe="masc"):
    return value(setting, probe, (LAST[setting[0]],))


def hidden(setting, *names):
    found = [value(setting, name, ("flatten", "fc1", "fc2", "fc3", "fc4")) for name in names]
    return max((each for each in found if each is not None), default=None)


def edited(setting):
    found = [t["value"] for t in NUMBERS if (t["probe"], t.get("epoch_choice")) == ("velpic", "last")
             and (t["model"], t["dataset"], t["corruption_fraction"]) == setting]  # fmt: skip
    return found[0] if found else None


def of_input(setting):
    """Inputs are the same whatever network is trained on them."""
    alike = [(name, *setting[1:]) for name in (setting[0], *LAST)]
    return next((found for at in alike if (found := value(at, layers=("input",))) is not None), None)


PUBLISHED = {
    **dict.fromkeys(
        ("above-model", "above-cifar100", "above-tiny-imagenet", "above-resnet", "resnet-exception"), (value, model)
    ),
    "true-labels": (partial(value, fitted_on="true_labels"), value),
    "above-input": (value, of_input),
    "input": (of_input, model),
    "above-untrained": (value, partial(value, epoch=0)),
    "untrained": (partial(value, epoch=0), value),
    "wide-layers": (partial(value, layers=("fc3", "fc4")), partial(value, layers=("fc1", "fc2"))),
    "narrow-layer": (of_input, partial(value, layers=("fc1",))),
    "flat-layer": (partial(value, layers=("flatten",)), partial(value, layers=("fc1", "fc2", "fc3"))),
    "last-layer": (last, model),
    "components": (lambda setting: hidden(setting, *probes.FEWER), value),
    "simple-probes": (lambda setting: hidden(setting, *probes.SIMPLE), value),
    "logistic-regression": (last, partial(last, probe="logistic_regression")),
    "nearest-neighbours": (value, lambda setting: hidden(setting, "k_nearest_neighbours")),
    "early-stopping": (peak, partial(end, of=value)),
    "network-peak": (peak, partial(end, of=model)),
    "velpic-lead": (lambda setting: hidden(setting, "masc_1pc"), value),
    "transfer": (edited, model),
    "transfer-clean": (edited, model),
    "transfer-resnet": (model, edited),
}


@pytest.mark.parametrize("statement", PUBLISHED)
def test_what_is_published_lies_in_the_band_of_each_statement_where_it_is_tested(statement):
    first, second = PUBLISHED[statement]
    low, high = TARGETS.statement(f"decoding-{statement}").band
    about = next(each.about for each in COMPARISONS if each.statement == statement)
    settings = {at for at in SETTINGS if at[0] in LAST and about(Setting(*at, "torch", 1))}
    compared = {at: (first(at), second(at)) for at in settings}
    leads = {at: ours - theirs for at, (ours, theirs) in compared.items() if None not in (ours, theirs)}
    assert leads
    for at, lead in leads.items():
        assert (low is None or lead >= low - 1e-9) and (high is None or lead <= high + 1e-9), (at, lead)


def test_the_lead_grows_where_it_is_tested():
    for model_name, dataset in {at[:2] for at in SETTINGS if subspaces.GROWS(Setting(*at, "torch", 1))}:
        settings = [(model_name, dataset, fraction) for fraction in (0.2, 0.4, 0.6, 0.8)]
        leads = [value(at, keras=model_name == "mlp4") - model(at, keras=model_name == "mlp4") for at in settings]
        assert all(after - before >= 0.02 for before, after in zip(leads, leads[1:], strict=False)), (model_name, leads)
