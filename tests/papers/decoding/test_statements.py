import re

import numpy as np
import pytest

from common.papers.decoding import dynamics, probes, subspaces, transfer
from common.papers.decoding.probes import in_best_pair
from common.papers.decoding.targets import TARGETS
from common.papers.decoding.transfer import edited_findings, relabelling_findings
from common.report.runs import Runs

STATEMENTS = {target["statement"]: target["id"].removeprefix("decoding-") for target in TARGETS.of("statements")}
MASC = (0.9694, 0.9646, 0.9481, 0.8343)  # published: mlp4 on MNIST at 20, 40, 60 and 80 %
OWN = (0.8738, 0.7328, 0.5417, 0.3210)


def masc_findings(runs):
    return subspaces.findings(Runs(runs))


def threshold_findings(runs):
    return probes.component_findings(Runs(runs))


def probe_findings(runs):
    return probes.baseline_findings(Runs(runs))


def dynamics_findings(runs):
    return dynamics.findings(Runs(runs))


def velpic_findings(runs):
    return transfer.velpic_findings(Runs(runs))


def about(name, findings):
    return [found for found in findings if STATEMENTS[found.statement] == name]


def verdicts(name, findings):
    """Numbers, without the interval of a single seed, n and verdict."""
    found = [(each.numbers, each.n, each.verdict) for each in about(name, findings)]
    return [(re.sub(r" \[.*?\]", "", text) if n and " of 1 " in n else text, n, verdict) for text, n, verdict in found]


def one_seed(numbers, verdict):
    return [(numbers, "1 of 1 seeds" if verdict == "confirmed" else "0 of 1 seeds", verdict)]


def layers(*tests):
    """Layers whose shares on held-out examples rise from fc1 on: the last is chosen on them."""
    return {f"fc{i}": (i / 10, test) for i, test in enumerate(tests, 1)}


def mnist(decoding, own=OWN, masc=MASC, **changes):
    return [
        decoding.run(decoding.read_out(layers(test)), value, corruption_fraction=fraction, **changes)
        for fraction, value, test in zip((0.2, 0.4, 0.6, 0.8), own, masc, strict=False)
    ]


def test_nothing_measured_is_no_finding(decoding):
    for judge in (masc_findings, threshold_findings, probe_findings, dynamics_findings, velpic_findings):
        assert judge([]) == []
    assert edited_findings([]) == relabelling_findings([]) == []


def test_published_leads_over_the_network_are_confirmed_and_grow(decoding):
    runs = [*mnist(decoding), *mnist(decoding, seed=1)]
    lead = about("above-model", masc_findings(runs))
    assert [(f.subject, f.numbers) for f in lead[::2]] == [
        (f"mlp4, mnist, {percent} %, layer chosen on held-out examples", f"{gap} [{gap}, {gap}] points")
        for percent, gap in ((20, "9.56"), (40, "23.18"), (60, "40.64"), (80, "51.33"))
    ]
    assert {f.subject.split(", ")[-1] for f in lead[1::2]} == {"layer chosen on test data"}
    assert {(f.n, f.runs) for f in lead} == {("2 of 2 seeds", "PyTorch, float32, train_n=5000")}
    assert [f.verdict for f in lead] == ["confirmed", "no band"] * 4  # where test data chose the layer
    resnet = decoding.run(decoding.read_out(layers(0.6712)), 0.6739, model="resnet18", corruption_fraction=0.2)
    assert verdicts("above-model", masc_findings([resnet])) == [
        ("-0.27 points", "0 of 1 seeds", "undecided"), ("-0.27 points", "0 of 1 seeds", "no band"),
    ]  # fmt: skip
    (grown,) = about("gap-grows", masc_findings(runs))
    assert (grown.subject, grown.n, grown.verdict) == ("mlp4, mnist", "2 of 2 seeds", "confirmed")
    assert grown.numbers == "points: 9.6 at 20 %, 23.2 at 40 %, 40.6 at 60 %, 51.3 at 80 %"


def test_the_layer_is_not_chosen_on_test_data_unless_it_says_so(decoding):
    lines = decoding.read_out(layers(0.9, 0.4)) + decoding.read_out(layers(0.8, 0.7), fitted_on="true_labels")
    found = masc_findings([decoding.run(lines, test=0.5), decoding.run(lines, test=0.6, seed=1)])
    assert verdicts("above-model", found) == [
        ("-15.00 [-78.53, 48.53] points", "0 of 2 seeds", "not confirmed"),
        ("35.00 [-28.53, 98.53] points", "2 of 2 seeds", "no band"),
    ]
    assert verdicts("true-labels", found) == [
        ("30.00 [30.00, 30.00] points", "2 of 2 seeds", "confirmed"),
        ("-10.00 [-10.00, -10.00] points", "0 of 2 seeds", "no band"),
    ]


def test_a_lead_must_be_there_in_every_seed_that_was_measured(decoding):
    values = (0.6, 0.5, None)  # a tie with the network is no lead
    runs = [decoding.run(decoding.read_out(layers(v) if v else {}), 0.5, seed=s) for s, v in enumerate(values)]
    expected = ("5.00 [-58.53, 68.53] points", "1 of 2 seeds, 1 not measured")
    assert verdicts("above-model", masc_findings(runs)) == [(*expected, "not confirmed"), (*expected, "no band")]
    assert verdicts("above-model", masc_findings(runs[2:])) == [(None, None, "not measured")] * 2
    assert verdicts("true-labels", masc_findings(runs)) == [(None, None, "not measured")] * 2


def test_true_labels_may_do_as_well_as_corrupted_ones_and_not_worse(decoding):
    def found(true):  # published: CNN on Fashion-MNIST at 40 %
        lines = decoding.read_out(layers(0.819)) + decoding.read_out(layers(true), fitted_on="true_labels")
        runs = [decoding.run(lines), decoding.run(lines, seed=1)]
        return [(f.numbers, f.verdict) for f in about("true-labels", masc_findings(runs))][0]

    assert found(0.819) == ("0.00 [0.00, 0.00] points", "confirmed")
    assert found(0.8165) == ("-0.25 [-0.25, -0.25] points", "not confirmed")


def test_one_seed_decides_where_its_interval_over_test_examples_does(decoding):
    def found(*tests):
        runs = [decoding.run(decoding.read_out(layers(test)), 0.5, seed=seed) for seed, test in enumerate(tests)]
        return [(f.numbers, f.verdict) for f in about("above-model", masc_findings(runs))][0]

    assert found(0.513) == ("1.30 [-0.09, 2.69] points", "undecided")
    assert found(0.487) == ("-1.30 [-2.69, 0.09] points", "undecided")
    assert found(0.515) == ("1.50 [0.11, 2.88] points", "confirmed")
    assert found(0.485) == ("-1.50 [-2.88, -0.11] points", "not confirmed")
    assert found(0.501, 0.503)[1] == "confirmed"


def test_a_gap_grows_where_it_is_larger_at_each_step_in_each_seed(decoding):
    runs = [*mnist(decoding), *mnist(decoding, masc=(0.97, 0.73, 0.9), seed=1)]
    numbers = "points: 9.6 at 20 %, 11.4 at 40 %, 38.2 at 60 %, 51.3 at 80 %"
    assert verdicts("gap-grows", masc_findings(runs)) == [(numbers, "1 of 2 seeds", "not confirmed")]
    ends = [decoding.run(decoding.read_out(layers(v)), 0, corruption_fraction=p) for p, v in ((0.0, 0.99), (1.0, 0.1))]
    assert about("gap-grows", masc_findings([*ends, *runs[:1]])) == []  # one step between 0 and 100 %
    assert verdicts("gap-grows", masc_findings([*ends, *runs[:2]]))[0][0] == "points: 9.6 at 20 %, 23.2 at 40 %"
    runs[0].readout.clear()
    (found,) = verdicts("gap-grows", masc_findings(runs))
    assert found[1:] == ("0 of 1 seeds, 1 not measured", "not confirmed")


@pytest.mark.parametrize(
    ("test", "verdict"), [(0.08, "confirmed"), (0.12, "confirmed"), (0.079, "not confirmed"), (0.13, "not confirmed")]
)
def test_random_labels_are_at_chance(decoding, test, verdict):
    run = decoding.run(decoding.read_out(layers(0.3, test)), corruption_fraction=1.0, dataset="fashion_mnist")
    (found,) = masc_findings([run])
    assert verdicts("chance", [found]) == one_seed(f"{100 * test:.2f} %", verdict)
    assert found.subject == "mlp4, fashion mnist, 100 %"


def test_chance_is_judged_where_it_was_measured_and_there_are_ten_classes(decoding):
    lines = decoding.read_out(layers(0.01))
    assert masc_findings([decoding.run(lines, 0.01, corruption_fraction=1.0, dataset="cifar100")]) == []
    assert verdicts("chance", masc_findings([decoding.run(corruption_fraction=1.0)])) == [(None, None, "not measured")]


@pytest.mark.parametrize(("untrained", "verdict"), [(0.76, "confirmed"), (0.69, "undecided"), (0.6, "not confirmed")])
def test_untrained_networks_against_memorizing_ones_each_by_its_chosen_layer(decoding, untrained, verdict):
    lines = decoding.read_out(layers(0.8, 0.7)) + decoding.read_out(layers(0.9, untrained), epoch=0)
    found = about("untrained", masc_findings([decoding.run(lines)]))
    assert [(f.numbers.split(" [")[0], f.verdict) for f in found] == [
        (f"{100 * (untrained - 0.7):.2f}", verdict), ("10.00", "no band"),
    ]  # fmt: skip
    assert found[1].subject == "mlp4, mnist, 80 %, layer chosen on test data"
    assert {f.source.split(" Ketha")[0] for f in found} == {"against"}
    assert about("untrained", masc_findings([decoding.run(lines, corruption_fraction=0.6)])) == []


@pytest.mark.parametrize(("memorized", "verdict"), [(1719.0, "confirmed"), (9.0, "not confirmed")])
def test_memorizing_inflates_the_subspaces_of_the_last_hidden_layer(decoding, memorized, verdict):
    def run(fraction, first, last):
        lines = [*decoding.read_out({"fc1": (0.9, 0.9)}, components=first),
                 *decoding.read_out({"fc2": (0.1, 0.1)}, components=last)]  # fmt: skip
        return decoding.run(lines, corruption_fraction=fraction, dataset="fashion_mnist")

    runs = [run(0.8, 20.0, memorized), run(0.4, 30.0, 5.0), run(0.0, 50.0, 9.3)]
    numbers = f"components: 9.3 at 0 %, {memorized:.1f} at 80 %"
    assert verdicts("size", masc_findings(runs)) == one_seed(numbers, verdict)
    assert about("size", masc_findings(runs))[0].subject == "mlp4, fashion mnist"


def test_fewer_components_and_the_layer_are_chosen_on_held_out_examples(decoding):
    lines = decoding.read_out(layers(0.9, 0.7)) + decoding.read_out({"fc1": (0.5, 0.8), "fc2": (0.1, 1.0)}, "masc_0.50")
    lines += decoding.read_out({"fc1": (0.4, 0.95)}, "masc_1pc")
    run = decoding.run(lines)
    assert in_best_pair(run, ("masc_0.50", "masc_1pc")) == 0.8 and in_best_pair(run, ("masc_0.25",)) is None
    (found,) = threshold_findings([run, decoding.run(lines, corruption_fraction=0.4)])
    assert verdicts("components", [found]) == one_seed("10.00 points", "confirmed")
    assert found.subject == "mlp4, mnist, 80 %"
    for probe in ("masc_0.25", "masc_0.50", "masc_0.75", "masc_1pc"):
        lines = decoding.read_out(layers(0.7)) + decoding.read_out(layers(0.8), probe)
        assert [f.verdict for f in threshold_findings([decoding.run(lines)])] == ["confirmed"]
    equal = decoding.read_out(layers(0.7)) + decoding.read_out(layers(0.7), "masc_0.75")
    assert [f.verdict for f in threshold_findings([decoding.run(equal)])] == ["undecided"]
    assert [f.verdict for f in threshold_findings([decoding.run(decoding.read_out(layers(0.7)))])] == ["not measured"]


@pytest.mark.parametrize("probe", ["nearest_class_mean", "qda"])
def test_simple_probes_as_good_as_subspaces_and_logistic_regression_far_below(decoding, probe):
    def found(simple, logistic):
        lines = decoding.read_out(layers(0.9, 0.7)) + decoding.read_out(layers(simple), probe)
        return probe_findings([decoding.run(lines + decoding.read_out(layers(0.9, logistic), "logistic_regression"))])

    as_good, worse = found(0.72, 0.55), found(0.68, 0.65)
    assert verdicts("simple-probes", as_good) == one_seed("2.00 points", "confirmed")
    assert verdicts("logistic-regression", as_good) == one_seed("15.00 points", "confirmed")
    assert verdicts("simple-probes", worse) == one_seed("-2.00 points", "not confirmed")
    assert verdicts("logistic-regression", worse) == one_seed("5.00 points", "not confirmed")
    assert probe_findings([decoding.run(decoding.read_out(layers(0.7)), corruption_fraction=0.4)]) == []


def over_epochs(decoding, masc, network, validation, **changes):
    """A run of as many epochs as there are values, less the untrained one; fc2 is chosen on held-out examples."""
    lines = [x for epoch, test in enumerate(masc) for x in decoding.read_out(layers(1.0, test), epoch=epoch)]
    history = decoding.history(validation, test=network)
    return decoding.run(lines, network[-1], history, epochs=len(masc) - 1, **changes)


def test_early_stopping_is_by_held_out_examples_and_beats_the_layers_at_the_end(decoding):
    run = over_epochs(decoding, [0.85, 0.94, 0.81], [0.1, 0.9, 0.3], [0.1, 0.3, 0.2])
    late = over_epochs(decoding, [0.85, 0.94, 0.81], [0.1, 0.9, 0.3], [0.1, 0.2, 0.3], seed=1)
    assert verdicts("early-stopping", dynamics_findings([run])) == one_seed("9.00 points", "confirmed")
    assert {f.subject for f in about("early-stopping", dynamics_findings([run]))} == {"mlp4, mnist, 80 %"}
    (both,) = verdicts("early-stopping", dynamics_findings([late, run]))
    assert both == ("-21.00 [-402.19, 360.19] points", "1 of 2 seeds", "not confirmed")
    for end in (0.0, 1.0):
        outside = over_epochs(decoding, [0.85, 0.94], [0.1, 0.9], [0.1, 0.3], corruption_fraction=end)
        assert dynamics_findings([outside]) == []


@pytest.mark.parametrize(
    ("masc", "network", "verdict"),
    [
        ([0.8, 0.94, 0.84], [0.1, 0.9, 0.3], "confirmed"),
        ([0.99, 0.94, 0.84], [0.95, 0.9, 0.3], "confirmed"),  # the untrained network is no peak
        ([0.8, 0.94, 0.96], [0.1, 0.9, 0.3], "not confirmed"),  # the subspaces peak at the end
        ([0.8, 0.94, 0.935], [0.1, 0.9, 0.3], "not confirmed"),  # they fall by no more than test examples tell apart
        ([0.99, 0.9, 0.96], [0.1, 0.9, 0.3], "not confirmed"),
        ([0.8, 0.94, 0.84], [0.1, 0.3, 0.9], "not confirmed"),  # the network does
        ([0.8, 0.94, 0.24], [0.1, 0.9, 0.3], "not confirmed"),  # the subspaces fall by more
    ],
)
def test_both_peak_early_and_the_subspaces_fall_by_less(decoding, masc, network, verdict):
    falls = [100 * (max(values[1:]) - values[-1]) for values in (network, masc)]
    numbers = "network falls by {:.2f} points, subspaces by {:.2f} points".format(*falls)
    run = over_epochs(decoding, masc, network, [0.1, 0.3, 0.2])
    assert verdicts("early-peak", dynamics_findings([run])) == one_seed(numbers, verdict) * 2


def test_the_last_hidden_layer_may_fall_where_the_chosen_one_does_not(decoding):
    run = over_epochs(decoding, [0.8, 0.94, 0.84], [0.1, 0.9, 0.3], [0.1, 0.3, 0.2])
    run.readout[:] = [{**line, "layer": {"fc1": "fc2", "fc2": "fc1"}[line["layer"]]} for line in run.readout][::-1]
    assert [(f.subject.split(", ")[-1], f.verdict) for f in about("early-peak", dynamics_findings([run]))] == [
        ("layer chosen on held-out examples", "confirmed"), ("last hidden layer", "not confirmed"),
    ]  # fmt: skip


def test_a_peak_needs_every_epoch_and_one_between_start_and_end(decoding):
    run = over_epochs(decoding, [0.8, 0.94, 0.84], [0.1, 0.9, 0.3], [0.1, 0.3, 0.2])
    ends = over_epochs(decoding, [0.8, 0.94, 0.84], [0.1, 0.9, 0.3], [0.1, 0.3, 0.2], seed=1)
    ends.readout = [line for line in ends.readout if line["epoch"] != 1]
    unchosen = over_epochs(decoding, [0.8, 0.94, 0.84], [0.1, 0.9, 0.3], [0.1, 0.3, 0.2], seed=2)
    unchosen.readout = [line for line in unchosen.readout if line["scored_on"] == "test"]
    assert verdicts("early-peak", dynamics_findings([ends, unchosen]))[0] == (None, None, "not measured")
    found, last = verdicts("early-peak", dynamics_findings([run, ends, unchosen]))
    assert last[1:] == ("2 of 2 seeds, 1 not measured", "confirmed")
    assert found[0] == "network falls by 60.00 points, subspaces by 10.00 points"
    assert found[1:] == ("1 of 1 seeds, 2 not measured", "confirmed")


def test_velpic_in_its_best_layer_and_as_the_output_layer(decoding):
    masc = decoding.read_out(layers(0.9, 0.7))
    velpic = decoding.read_out({"fc1": (0.5, 0.8), "fc2": (0.1, 0.4)}, "velpic")
    found = velpic_findings([decoding.run(masc + velpic, test=0.45), decoding.run(masc, seed=1)])
    assert verdicts("velpic-lead", found) == [("10.00 points", "1 of 1 seeds, 1 not measured", "confirmed")]
    assert verdicts("transfer", found) == [("-5.00 points", "0 of 1 seeds, 1 not measured", "not confirmed")]
    assert {f.subject for f in found} == {"mlp4, mnist, 80 %"}
    assert velpic_findings([decoding.run(masc + velpic, corruption_fraction=end) for end in (0.0, 1.0)]) == []


def test_an_edited_network_memorizes_more_slowly_over_the_epochs_of_both(decoding):
    run = decoding.run(history=decoding.history([0] * 4, train=[0.1, 0.5, 0.8, 0.9]))
    short = decoding.history([0] * 3, train=[0.1, 0.2, 0.3])
    long = [{**line, "epoch": line["epoch"] + 2} for line in decoding.history([0] * 3, train=[0.1, 0.95, 0.2])]
    assert verdicts("edited-training", edited_findings([(run, short)])) == one_seed("40.00 points", "confirmed")
    assert verdicts("edited-training", edited_findings([(run, long)])) == one_seed("-5.00 points", "not confirmed")


def test_training_on_with_the_labels_of_subspaces(decoding):
    pairs = [(decoding.run(test=0.5, seed=seed), decoding.run(seed=seed, labels="x.npy")) for seed in (0, 1)]
    labels = {"train_labels": np.array([0, 0]), "train_true_labels": np.array([0, 1])}
    for (before, after), stopped in zip(pairs, (0.6, 0.45), strict=True):
        decoding.store.files |= {before.id: labels, after.id: labels}
        decoding.store.histories[after.id] = decoding.history([0.1, 0.3, 0.2], test=[0.9, stopped, 0.9])
    (found,) = verdicts("relabelling", relabelling_findings(pairs))
    assert found == ("2.50 [-92.80, 97.80] points", "1 of 2 seeds", "not confirmed")
    assert [f.verdict for f in relabelling_findings(pairs[:1])] == ["confirmed"]
