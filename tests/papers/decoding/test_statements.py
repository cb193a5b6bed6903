"""What becomes of each statement on runs that never were: the effect of each seed, and the verdict."""

import numpy as np
import pytest

from common.papers.decoding import dynamics, probes, subspaces, transfer
from common.papers.decoding.recipes import Corrupted
from common.papers.decoding.studies import STUDIES
from common.papers.decoding.targets import TARGETS
from common.papers.decoding.transfer import UNCONTROLLED, training_findings
from common.report import peaks
from common.report.numbers import cell
from common.report.readouts import compare, in_best_pair, in_input
from common.report.runs import Runs
from common.runs.config import Options
from common.study import Call

MASC = (0.9694, 0.9646, 0.9481, 0.8343)  # published: mlp4 on MNIST at 20, 40, 60 and 80 %
OWN = (0.8738, 0.7328, 0.5417, 0.3210)


def masc_findings(runs, fractions=()):
    return subspaces.findings(Runs(runs), Call("paper", Corrupted(fractions=fractions), Options()))


def threshold_findings(runs):
    return probes.COMPONENTS_STUDY.findings(Runs(runs), None)


def probe_findings(runs):
    return probes.BASELINES_STUDY.findings(Runs(runs), None)


def dynamics_findings(runs):
    return dynamics.findings(Runs(runs), None)


def velpic_findings(runs):
    return compare(Runs(runs), transfer.COMPARISONS, TARGETS)


def about(name, findings):
    return [found for found in findings if found.statement.id == f"decoding-{name}"]


def effect(found):
    return cell(found.effect.number(found.statement.unit)).split(" [")[0]


def verdicts(name, findings):
    """Mean effect, number of seeds and verdict."""
    return [(effect(found), found.effect.n, found.verdict) for found in about(name, findings)]


def three(decoding, make):
    """Runs of three seeds, the same but for that."""
    return [make(seed=seed) for seed in range(3)]


def layers(*tests, **others):
    """Layers whose shares on held-out examples rise from fc1 on: the last is chosen on them."""
    return {**others, **{f"fc{i}": (i / 10, test) for i, test in enumerate(tests, 1)}}


def mnist(decoding, own=OWN, masc=MASC, **changes):
    return [
        decoding.run(decoding.read_out(layers(test)), value, corruption_fraction=fraction, **changes)
        for fraction, value, test in zip((0.2, 0.4, 0.6, 0.8), own, masc, strict=False)
    ]


def test_nothing_measured_is_no_finding(decoding):
    for judge in (masc_findings, threshold_findings, probe_findings, dynamics_findings, velpic_findings):
        assert judge([]) == []
    assert training_findings([]) == []


def test_published_leads_over_the_network_are_confirmed_and_grow(decoding):
    runs = [run for seed in range(3) for run in mnist(decoding, seed=seed)]
    lead = about("above-model", masc_findings(runs))
    assert [(f.subject, effect(f), f.verdict, f.effect.n) for f in lead] == [
        (f"mlp4, mnist, {percent} %", gap, "confirmed", 3)
        for percent, gap in ((20, "9.56"), (40, "23.18"), (60, "40.64"), (80, "51.33"))
    ]
    assert lead[0].numbers == "96.94 [96.94, 96.94] % against 87.38 [87.38, 87.38] %" and len(lead[0].runs) == 3
    (grown,) = about("gap-grows", masc_findings(runs))
    assert (grown.subject, effect(grown), grown.verdict) == ("mlp4, mnist", "10.69", "confirmed")
    assert grown.numbers.startswith("points: 9.56 [9.56, 9.56] at 20 %, 23.18")


def test_a_layer_chosen_on_test_data_decides_nothing(decoding):
    lines = decoding.read_out(layers(0.9, 0.4)) + decoding.read_out(layers(0.8, 0.7), fitted_on="true_labels")
    found = masc_findings(three(decoding, lambda seed: decoding.run(lines, test=0.5, seed=seed)))
    assert verdicts("above-model", found) == [("-10.00", 3, "contradicted")]
    assert verdicts("true-labels", found) == [("30.00", 3, "confirmed")]


def test_seeds_decide_and_fewer_than_three_only_indicate(decoding):
    def found(*tests):
        other = decoding.read_out({"fc1": (0.5, 0.5)}, "qda")
        lines = [decoding.read_out(layers(test)) if test else other for test in tests]
        runs = [decoding.run(each, 0.5, seed=seed) for seed, each in enumerate(lines)]
        return verdicts("above-model", masc_findings(runs))

    assert found(0.53) == [("3.00", 1, "indicated")] and found(0.515) == [("1.50", 1, "not indicated")]
    assert found(0.53, 0.531, 0.532) == [("3.10", 3, "confirmed")]
    assert found(0.53, 0.6, 0.5) == [("4.33", 3, "undecided")]
    assert found(0.505, 0.506, 0.507) == [("0.60", 3, "contradicted")]  # a lead, but none that counts
    assert found(0.6, None) == [("10.00", 1, "indicated")] and found(None) == [("–", 0, "not measured")]


def test_true_labels_may_do_as_well_as_corrupted_ones_and_not_worse(decoding):
    def found(true):
        lines = decoding.read_out(layers(0.819)) + decoding.read_out(layers(true), fitted_on="true_labels")
        return verdicts("true-labels", masc_findings(three(decoding, lambda seed: decoding.run(lines, seed=seed))))

    assert found(0.819) == [("0.00", 3, "confirmed")]
    assert found(0.8165) == [("-0.25", 3, "confirmed")]  # published: CNN on Fashion-MNIST at 40 %
    assert found(0.80) == [("-1.90", 3, "contradicted")]


@pytest.mark.parametrize(
    ("model", "dataset", "fraction", "statement"),
    [
        ("mlp4", "mnist", 0.4, "above-model"),
        ("cnn", "cifar10", 0.4, "above-model"),
        ("alexnet_large", "cifar100", 0.4, "above-cifar100"),
        ("alexnet_large", "tiny_imagenet", 0.4, "above-tiny-imagenet"),
        ("resnet18", "cifar10", 0.2, "resnet-exception"),
        ("resnet18", "cifar10", 0.4, "above-resnet"),
    ],
)
def test_each_kind_of_network_has_its_statement(decoding, model, dataset, fraction, statement):
    run = decoding.run(decoding.read_out(layers(0.53)), 0.5, model=model, dataset=dataset, corruption_fraction=fraction)
    kinds = [f.statement.id for f in masc_findings([run]) if "above-" in f.statement.id or "resnet" in f.statement.id]
    assert [kind for kind in kinds if kind not in ("decoding-above-input", "decoding-above-untrained")] == [
        f"decoding-{statement}"
    ]
    assert verdicts(statement, masc_findings([run]))[0][0] == "3.00"


def test_a_gap_grows_where_every_step_does(decoding):
    shares = (0.2, 0.4, 0.6)
    fallen = mnist(decoding, masc=(0.97, 0.73, 0.9), seed=1)
    assert verdicts("gap-grows", masc_findings(fallen, shares)) == [("-9.90", 1, "not indicated")]  # 9.6, -0.3, 35.8
    ends = [decoding.run(decoding.read_out(layers(v)), 0, corruption_fraction=p) for p, v in ((0.0, 0.99), (1.0, 0.1))]
    runs = mnist(decoding)
    assert about("gap-grows", masc_findings([*ends, *runs], (0.0, 0.2, 1.0))) == []  # one step between 0 and 100 %
    assert verdicts("gap-grows", masc_findings([*ends, *runs[:2]], (0.2, 0.4))) == [("13.62", 1, "indicated")]
    part = mnist(decoding, masc=MASC[:3], seed=1)  # its least step is another one's
    assert verdicts("gap-grows", masc_findings([*runs, *part])) == [("10.69", 1, "indicated")]
    assert about("gap-grows", masc_findings(part)) == []
    assert about("gap-grows", masc_findings(mnist(decoding, dataset="cifar10"))) == []
    runs[0].readout.clear()
    runs[0].readout += decoding.read_out({"fc1": (0.5, 0.5)}, "qda")
    assert verdicts("gap-grows", masc_findings(runs)) == [("–", 0, "not measured")]


@pytest.mark.parametrize(
    ("test", "verdict"), [(0.08, "confirmed"), (0.12, "confirmed"), (0.079, "contradicted"), (0.13, "contradicted")]
)
def test_random_labels_are_at_chance_and_true_ones_are_not(decoding, test, verdict):
    lines = decoding.read_out(layers(0.3, test)) + decoding.read_out(layers(0.69), fitted_on="true_labels")
    fields = {"corruption_fraction": 1.0, "dataset": "fashion_mnist"}
    found = masc_findings(three(decoding, lambda seed: decoding.run(lines, seed=seed, **fields)))
    assert verdicts("chance", found) == [(f"{100 * test:.2f}", 3, verdict)]
    assert verdicts("random-true-labels", found) == [(f"{69 - 100 * test:.2f}", 3, "confirmed")]
    assert {f.subject for f in found} == {"mlp4, fashion mnist, 100 %"}


def test_chance_is_that_of_ten_classes(decoding):
    lines = decoding.read_out(layers(0.01))
    assert about("chance", masc_findings([decoding.run(lines, corruption_fraction=1.0, dataset="cifar100")])) == []


def test_controls_of_raw_inputs_and_untrained_networks(decoding):
    lines = decoding.read_out(layers(0.8, 0.7, input=(0.9, 0.72)))
    lines += decoding.read_out(layers(0.9, 0.75), epoch=0)
    found = masc_findings(three(decoding, lambda seed: decoding.run(lines, 0.6, seed=seed)))
    assert verdicts("above-input", found) == [("-2.00", 3, "contradicted")]
    assert verdicts("input", found) == [("12.00", 3, "confirmed")]
    assert verdicts("untrained", found) == [("5.00", 3, "confirmed")]
    assert about("above-untrained", found) == []  # where the papers' own untrained networks are above
    assert about("input", found)[0].statement.paper.startswith("against ")
    cnn = masc_findings([decoding.run(lines, 0.6, model="cnn", corruption_fraction=0.4)])
    assert about("untrained", cnn) == about("input", cnn) == []  # at 80 % alone
    assert verdicts("above-untrained", cnn) == [("-5.00", 1, "not indicated")]


def test_profiles_of_layers(decoding):
    lines = decoding.read_out({"input": (0.9, 0.71), "fc1": (0.2, 0.63), "fc2": (0.3, 0.73), "fc3": (0.4, 0.80),
                               "fc4": (0.1, 0.9)})  # fmt: skip
    mlp = masc_findings([decoding.run(lines)])
    assert verdicts("wide-layers", mlp) == [("7.00", 1, "indicated")]
    assert verdicts("narrow-layer", mlp) == [("8.00", 1, "indicated")]
    assert about("narrow-layer", masc_findings([decoding.run(lines, corruption_fraction=0.2)])) == []
    lines = decoding.read_out({"flatten": (0.1, 0.84), "fc1": (0.4, 0.5), "fc2": (0.3, 0.6), "fc3": (0.2, 0.28)})
    cnn = masc_findings([decoding.run(lines, 0.285, model="cnn")])
    assert verdicts("flat-layer", cnn) == [("34.00", 1, "indicated")]
    assert verdicts("last-layer", cnn) == [("-0.50", 1, "indicated")]
    assert about("flat-layer", masc_findings([decoding.run(lines, model="cnn", dataset="cifar10")])) == []


@pytest.mark.parametrize(
    ("memorized", "expected"), [(1719.0, ("184.84", 1, "indicated")), (9.3, ("1.00", 1, "not indicated"))]
)
def test_memorizing_inflates_the_subspaces_of_the_last_hidden_layer(decoding, memorized, expected):
    def run(fraction, first, last):
        lines = [*decoding.read_out({"fc1": (0.9, 0.9)}, components=first),
                 *decoding.read_out({"fc2": (0.1, 0.1)}, components=last)]  # fmt: skip
        return decoding.run(lines, corruption_fraction=fraction, dataset="fashion_mnist")

    found = masc_findings([run(0.8, 20.0, memorized), run(0.4, 30.0, 5.0), run(0.0, 50.0, 9.3)])
    assert verdicts("size", found) == [expected]
    (size,) = about("size", found)
    assert (size.subject, size.numbers) == ("mlp4, fashion mnist", f"components: 9.3 at 0 %, {memorized:.1f} at 80 %")


def test_clean_networks_fit_corrupted_labels_and_keep_their_test_accuracy(decoding):
    def found(kept):
        given = {"fc1": (0.3, kept, 0.95), "fc2": (0.4, 0.9, 0.5), "input": (0.9, 0.9, 1.0)}
        other = decoding.read_out(given) + decoding.read_out({"fc1": (0.3, 0.97)}, fitted_on="true_labels")
        return masc_findings(
            [decoding.run(decoding.read_out(layers(0.9)), corruption_fraction=0.0, other={0.8: other})]
        )

    (memorized,) = about("clean-networks", found(0.94))
    assert (effect(memorized), memorized.verdict, memorized.subject) == ("95.00", "indicated", "mlp4, mnist, 80 %")
    assert verdicts("clean-networks-test", found(0.94)) == [("-3.00", 1, "indicated")]
    assert verdicts("clean-networks-test", found(0.7)) == [("-27.00", 1, "not indicated")]


def test_fewer_components_and_the_layer_are_chosen_on_held_out_examples(decoding):
    lines = decoding.read_out(layers(0.9, 0.7)) + decoding.read_out({"fc1": (0.5, 0.8), "fc2": (0.1, 1.0)}, "masc_0.50")
    lines += decoding.read_out({"fc1": (0.4, 0.95), "input": (0.6, 0.74)}, "masc_1pc")
    lines += decoding.read_out({"input": (0.3, 0.9)}, "masc_0.50")
    run = decoding.run(lines)
    assert in_best_pair(run, ("masc_0.50", "masc_1pc")) == 0.8 and in_best_pair(run, ("masc_0.25",)) is None
    assert in_input(run, ("masc_0.50", "masc_1pc")) == 0.74 and in_input(run, ("masc_0.25",)) is None
    found = threshold_findings([run, decoding.run(lines, corruption_fraction=0.4)])
    assert verdicts("components", found) == [("10.00", 1, "indicated")]
    assert verdicts("above-input", found) == [("6.00", 1, "indicated")]
    assert [f.subject for f in found] == ["mlp4, mnist, 80 %", "mlp4, mnist, 80 %, fewer components"]
    for probe in ("masc_0.25", "masc_0.50", "masc_0.75", "masc_1pc"):
        lines = decoding.read_out(layers(0.7)) + decoding.read_out(layers(0.8), probe)
        assert verdicts("components", threshold_findings([decoding.run(lines)])) == [("10.00", 1, "indicated")]
    assert verdicts("components", threshold_findings([decoding.run(decoding.read_out(layers(0.7)))])) == [
        ("–", 0, "not measured")
    ]


@pytest.mark.parametrize("probe", ["nearest_class_mean", "qda"])
def test_simple_probes_as_good_as_subspaces_and_others_below(decoding, probe):
    def found(simple, logistic, neighbours):
        lines = decoding.read_out(layers(0.9, 0.7, input=(0.9, 0.9)))
        lines += decoding.read_out(layers(simple, input=(0.1, 0.6)), probe)
        lines += decoding.read_out(layers(0.9, logistic), "logistic_regression")
        lines += decoding.read_out(layers(neighbours), "k_nearest_neighbours")
        return probe_findings([decoding.run(lines)])

    as_good, worse = found(0.695, 0.55, 0.4), found(0.68, 0.65, 0.69)
    assert verdicts("simple-probes", as_good) == [("-0.50", 1, "indicated")]
    assert verdicts("above-input", as_good) == [("9.50", 1, "indicated")]
    assert about("above-input", as_good)[0].subject == "mlp4, mnist, 80 %, class means or QDA"
    assert verdicts("logistic-regression", as_good) == [("15.00", 1, "indicated")]
    assert verdicts("nearest-neighbours", as_good) == [("30.00", 1, "indicated")]
    assert verdicts("simple-probes", worse) == [("-2.00", 1, "not indicated")]
    assert verdicts("logistic-regression", worse) == [("5.00", 1, "not indicated")]
    assert verdicts("nearest-neighbours", worse) == [("1.00", 1, "not indicated")]
    assert probe_findings([decoding.run(decoding.read_out(layers(0.7)), corruption_fraction=0.4)]) == []


def over_epochs(decoding, masc, network, held_out, **changes):
    """A run of as many epochs as there are values, less the untrained one; of each the layer fc2 is chosen.

    Network and subspaces have the same accuracy on held-out examples.
    """
    lines = [
        line
        for epoch, (test, share) in enumerate(zip(masc, held_out, strict=True))
        for line in decoding.read_out({"fc1": (share / 2, 1.0), "fc2": (share, test)}, epoch=epoch)
    ]
    history = decoding.history(held_out, test=network)
    return decoding.run(lines, network[-1], history, epochs=len(masc) - 1, **changes)


def test_early_stopping_is_by_held_out_examples_and_beats_the_layers_at_the_end(decoding):
    run = over_epochs(decoding, [0.85, 0.94, 0.81], [0.1, 0.9, 0.3], [0.1, 0.3, 0.2])
    late = over_epochs(decoding, [0.85, 0.94, 0.81], [0.1, 0.9, 0.3], [0.1, 0.2, 0.3], seed=1)
    assert verdicts("early-stopping", dynamics_findings([run])) == [("9.00", 1, "indicated")]
    assert verdicts("early-stopping", dynamics_findings([late, run])) == [("-21.00", 2, "not indicated")]
    for end in (0.0, 1.0):
        outside = over_epochs(decoding, [0.85, 0.94], [0.1, 0.9], [0.1, 0.3], corruption_fraction=end)
        assert dynamics_findings([outside]) == []


@pytest.mark.parametrize(
    ("masc", "network", "held_out", "falls"),
    [
        ([0.8, 0.94, 0.84], [0.1, 0.9, 0.3], [0.1, 0.3, 0.2], ("60.00", "10.00", "50.00")),
        ([0.99, 0.94, 0.84], [0.95, 0.9, 0.3], [0.9, 0.3, 0.2], ("60.00", "10.00", "50.00")),  # untrained: no peak
        ([0.8, 0.94, 0.84], [0.1, 0.9, 0.3], [0.1, 0.2, 0.3], ("0.00", "0.00", "0.00")),  # best at the end
        ([0.8, 0.84, 0.94], [0.1, 0.9, 0.3], [0.1, 0.3, 0.2], ("60.00", "-10.00", "70.00")),  # test data choose nothing
        ([0.8, 0.94, 0.24], [0.1, 0.9, 0.3], [0.1, 0.3, 0.2], ("60.00", "70.00", "-10.00")),
    ],
)
def test_both_peak_early_and_the_subspaces_fall_by_less(decoding, masc, network, held_out, falls):
    found = dynamics_findings([over_epochs(decoding, masc, network, held_out)])
    names = ("network-peak", "early-peak", "falls-less")
    assert tuple(verdicts(name, found)[0][0] for name in names) == falls
    assert about("falls-less", found)[0].numbers == f"{falls[0]} points against {falls[1]} points"


def test_the_layer_is_chosen_at_every_epoch(decoding):
    run = over_epochs(decoding, [0.8, 0.94, 0.84], [0.1, 0.9, 0.3], [0.1, 0.3, 0.2])
    other = {"fc1": "fc2", "fc2": "fc1"}
    lines = [{**line, "layer": other[line["layer"]]} if line["epoch"] == 1 else line for line in run.readout]
    run.readout = lines
    assert peaks.peak(run, dynamics.EPOCHS) == (1, 0.94)
    assert peaks.peak(run, (0, 1, 2)) == (1, 0.94)
    run.readout = [line for line in lines if line["epoch"] != 1]
    assert peaks.peak(run, (0, 1, 2)) == (None, None)  # not read out at all of them


def test_the_last_hidden_layer_is_tested_too(decoding):
    run = over_epochs(decoding, [0.8, 0.94, 0.84], [0.1, 0.9, 0.3], [0.1, 0.3, 0.2])
    other = {"fc1": "fc2", "fc2": "fc1"}  # right on all test data at every epoch
    run.readout = [{**line, "layer": other[line["layer"]]} for line in run.readout[::-1]]
    found = dynamics_findings([run])
    assert [(f.subject, effect(f)) for f in about("early-peak", found)] == [
        ("mlp4, mnist, 80 %", "10.00"), ("mlp4, mnist, 80 %, last hidden layer", "0.00"),
    ]  # fmt: skip
    assert verdicts("falls-less", found) == [("50.00", 1, "indicated"), ("60.00", 1, "indicated")]
    alone = over_epochs(decoding, [0.8, 0.94, 0.84], [0.1, 0.9, 0.3], [0.1, 0.3, 0.2])
    alone.readout = [line for line in alone.readout if line["layer"] in ("fc1", "logits")]
    said_once = dynamics_findings([alone])  # the layer that is chosen is the last one
    assert [f.subject for f in about("early-peak", said_once)] == ["mlp4, mnist, 80 %"]
    assert len(about("falls-less", said_once)) == 1


def test_peaks_are_together_within_a_tenth_of_the_training(decoding):
    held_out = [0.1, 0.2, 0.5, *[0.3] * 18]
    run = over_epochs(decoding, [0.5] * 21, [0.5] * 21, held_out)
    assert verdicts("peaks-together", dynamics_findings([run])) == [("0.00", 1, "indicated")]
    run.history[20]["validation_accuracy"] = 0.9
    assert verdicts("peaks-together", dynamics_findings([run])) == [("-0.90", 1, "not indicated")]


def test_a_peak_needs_two_epochs_of_training(decoding):
    ends = over_epochs(decoding, [0.8, 0.94, 0.84], [0.1, 0.9, 0.3], [0.1, 0.3, 0.2])
    ends.readout = [line for line in ends.readout if line["epoch"] != 1]
    unchosen = over_epochs(decoding, [0.8, 0.94, 0.84], [0.1, 0.9, 0.3], [0.1, 0.3, 0.2], seed=1)
    unchosen.readout = [line for line in unchosen.readout if line["scored_on"] == "test"]
    for name in ("early-peak", "peaks-together", "falls-less"):
        assert verdicts(name, dynamics_findings([ends, unchosen]))[0] == ("–", 0, "not measured")
    assert verdicts("network-peak", dynamics_findings([ends])) == [("60.00", 1, "indicated")]


def test_velpic_in_its_best_layer_and_as_the_output_layer(decoding):
    masc = decoding.read_out(layers(0.9, 0.7, input=(0.9, 0.9)))
    velpic = decoding.read_out({"input": (0.1, 0.5), "fc1": (0.5, 0.8), "fc2": (0.1, 0.4)}, "velpic")
    found = velpic_findings([decoding.run(masc + velpic, test=0.45), decoding.run(masc, seed=1)])
    assert verdicts("velpic-lead", found) == [("10.00", 1, "indicated")]
    assert verdicts("transfer", found) == [("-5.00", 1, "not indicated")]
    assert verdicts("above-input", found) == [("30.00", 1, "indicated")]
    assert {f.subject for f in found} == {"mlp4, mnist, 80 %", "mlp4, mnist, 80 %, VeLPIC"}
    assert TARGETS.statement("decoding-velpic-lead").evidence == TARGETS.statement("decoding-components").evidence
    resnet = velpic_findings([decoding.run(masc + velpic, test=0.45, model="resnet18")])
    assert verdicts("resnet-velpic", resnet) == [("-10.00", 1, "not indicated")]
    assert verdicts("transfer-resnet", resnet) == [("5.00", 1, "indicated")]
    clean = velpic_findings([decoding.run(masc + velpic, test=0.41, corruption_fraction=0.0)])
    assert verdicts("transfer-clean", clean) == [("-1.00", 1, "indicated")] and len(clean) == 1
    assert velpic_findings([decoding.run(masc + velpic, corruption_fraction=1.0)]) == []


def test_an_edited_network_is_compared_with_one_whose_output_layer_was_drawn_anew(decoding):
    def history(*train):
        return decoding.history([0] * len(train), train=train)

    def of(edited, *redrawn):
        (found,) = training_findings([(run, {"velpic": edited, "redrawn": history(*redrawn) if redrawn else []})])
        return effect(found), found.verdict, found.numbers

    run = decoding.run(history=history(0.1, 0.5, 0.8, 0.9))
    edited = history(0.1, 0.2, 0.3)
    slowed = "training accuracy 40.00 points below that of the unedited network"
    assert of(edited) == ("40.00", "undecided", f"{slowed}; {UNCONTROLLED}")
    assert of(edited, 0.1, 0.22, 0.32) == ("2.00", "indicated", slowed)
    assert of(edited, 0.1, 0.2, 0.3) == ("0.00", "not indicated", slowed)
    long = [{**line, "epoch": line["epoch"] + 2} for line in history(0.1, 0.95, 0.2)]
    assert of(long)[0] == "-5.00"  # epochs that both trained
    _, started = training_findings([(run, {"velpic": edited, "start": history(0.1, 0.47, 0.81)})])
    assert started.statement.id == "decoding-velpic-start"
    assert (effect(started), started.verdict) == ("1.00", "not indicated")


def test_training_on_with_the_labels_of_subspaces(decoding, monkeypatch):
    pairs = [(decoding.run(test=0.5, seed=seed), decoding.run(seed=seed, labels="x.npy")) for seed in (0, 1)]
    labels = {"train_labels": np.array([0, 0]), "train_true_labels": np.array([0, 1])}
    for (before, after), stopped in zip(pairs, (0.6, 0.45), strict=True):
        decoding.store.files |= {before.id: labels, after.id: labels}
        decoding.store.histories[after.id] = decoding.history([0.1, 0.3, 0.2], test=[0.9, stopped, 0.9])
    monkeypatch.setattr(transfer, "relabelled_pairs", lambda runs, call: pairs)
    found = transfer.relabelling_findings(Runs(run for run, _ in pairs), None)
    assert verdicts("relabelling", found) == [("2.50", 2, "indicated")]


def test_every_statement_says_what_is_measured_what_counts_and_why():
    for target in TARGETS.of("statements"):
        said = TARGETS.statement(target["id"])
        texts = (said.paper, said.source, said.statement, said.effect, said.null, said.band_source)
        assert all(texts) and said.band and said.unit in ("points", "fraction", "ratio"), said.id
        assert None in said.band or said.band[0] < said.band[1], said.id


def test_every_statement_is_tested_by_a_study_but_one(decoding):
    lines = decoding.read_out(layers(0.5, 0.5, 0.5, 0.5, flatten=(0.1, 0.5), input=(0.1, 0.5)))
    kinds = (("mlp4", "mnist"), ("cnn", "mnist"), ("alexnet_large", "cifar100"), ("alexnet_large", "tiny_imagenet"),
             ("resnet18", "cifar10"))  # fmt: skip
    runs = Runs(
        decoding.run(lines, model=model, dataset=dataset, corruption_fraction=fraction, other={0.4: lines})
        for model, dataset in kinds
        for fraction in (0.0, 0.2, 0.8, 1.0)
    )
    followed = decoding.history([0.1] * 3)
    tested = {
        found.statement.id.removeprefix("decoding-")
        for found in (
            *masc_findings(runs, (0.2, 0.8)), *threshold_findings(runs), *probe_findings(runs),
            *dynamics_findings(runs), *velpic_findings(runs),
            *training_findings([(runs[0], {"velpic": followed, "start": followed})]),
        )
    }  # fmt: skip
    known = {target["id"].removeprefix("decoding-") for target in TARGETS.of("statements")}
    assert known - tested == {"relabelling"} and tested < known
    calls = [(study, Call("paper", study.grid, Options())) for study in STUDIES]
    assert [found for study, call in calls for found in study.findings(Runs(), call)] == []
