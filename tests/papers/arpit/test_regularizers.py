"""Figures 10 and 11 of Arpit et al. on a trade-off written out by hand."""

import pytest
from arpit_runs import Runs, a_run, verdicts

from common.papers.arpit.regularizers import (
    BOTH,
    STUDY,
    by_seed,
    by_technique,
    effect_table,
    effects,
    hindrance,
    loss_figure,
    regularizer_findings,
    selected,
    technique_of,
    trade_off_figure,
)
from common.runs.config import Options
from common.study import Call

EFFECTS = {  # fields: training accuracy on random labels, validation accuracy on real data, the two training losses
    (): (1.0, 0.70, 0.01, 0.001),
    (("dropout", 0.3),): (0.6, 0.71, 1.0, 0.1),
    (("dropout", 0.9),): (0.1, 0.40, 2.3, 1.5),
    (("input_dropout", 0.3),): (0.8, 0.70, 0.5, 0.3),
    (("input_noise", 1.0),): (0.9, 0.69, 0.2, 0.4),
    (("hidden_noise", 0.1),): (0.95, 0.70, 0.1, 0.02),
    (("weight_decay", 0.01),): (0.2, 0.50, 2.0, 1.2),
    (("adversarial_weight", 0.5), ("dropout", 0.3)): (0.4, 0.70, 1.4, 0.2),
}


def runs(changes=None, seeds=1, before=None):
    """Runs of those effects, some of them changed; `before` gives the last loss but one on random labels."""
    made = []
    for fields, (memorized, generalized, noise_loss, real_loss) in (EFFECTS | (changes or {})).items():
        for seed in range(seeds):
            common = {"model": "cnn2", "seed": seed, **dict(fields)}
            noise = {"corruption": "uniform", "corruption_fraction": 1.0}
            for data, accuracy, loss in ((noise, memorized, noise_loss), ({}, 1.0, real_loss)):
                lines = [{"epoch": e, "train_loss": loss * 6 / (e + 1),
                          "validation_accuracy": generalized - 0.1 * (e != 3)} for e in range(6)]  # fmt: skip
                if data and before:
                    lines[-2]["train_loss"] = before(loss)
                made.append(a_run(lines, {"train_accuracy": accuracy, "train_loss": loss}, **common, **data))
    return Runs(made)


def findings(changes=None, seeds=1, **more):
    return regularizer_findings(effects(runs(changes, seeds, **more)))


def test_an_effect_is_the_end_on_random_labels_and_the_best_epoch_on_real_data():
    found = effects(runs())
    assert len(found) == len(EFFECTS)
    assert (found[1].memorized, found[1].generalized) == (0.6, 0.71)
    assert (found[1].real.config.corruption, found[1].random.config.corruption) == ("none", "uniform")


def test_a_regularizer_that_was_trained_on_one_of_the_two_only_has_no_effect():
    assert len(effects(runs()[1:])) == len(EFFECTS) - 1


def test_seeds_that_have_fewer_effects_than_others_are_left_out():
    second = runs(seeds=2).where(seed=1, dropout=0)
    assert {effect.seed for effect in effects(runs() + second)} == {0}


def test_techniques_go_by_what_the_config_has():
    assert technique_of(a_run()) == ("none", "")
    assert technique_of(a_run(weight_decay=0.01)) == ("weight decay", "0.01")
    assert technique_of(a_run(adversarial_weight=0.5, dropout=0.3)) == (BOTH, "0.3, weight 0.5")
    assert list(by_technique(effects(runs()))) == [
        "none", "dropout", "input dropout", "input noise", "hidden noise", "weight decay", BOTH,
    ]  # fmt: skip


def test_only_strengths_that_cost_at_most_a_point_of_validation_accuracy_count():
    groups = by_technique(effects(runs()))
    none = groups["none"][0]
    fall = {name: hindrance(group, none) for name, group in groups.items()}
    assert fall["dropout"][0] == pytest.approx(0.4) and fall["dropout"][1].strength == "0.3"
    assert fall["weight decay"] == (0.0, none)
    assert fall["input noise"][0] == pytest.approx(0.1)
    assert fall[BOTH][0] == pytest.approx(0.6)


def test_of_each_technique_the_best_strength_is_shown_or_the_one_that_costs_least():
    found = selected(by_seed(effects(runs(seeds=2)))[0])
    assert {effect.seed for effect in found.values()} == {0}
    assert found["dropout"].strength == "0.3" and found["weight decay"].strength == "0.01"
    assert found["none"].strength == ""


def test_the_statements_are_confirmed_where_they_hold_in_every_seed():
    assert verdicts(findings(seeds=2)) == ["confirmed"] * 3
    better = {(("input_dropout", 0.3),): (0.5, 0.70, 0.5, 0.3)}
    assert verdicts(findings(better)) == ["not confirmed", "confirmed", "confirmed"]
    worse = {(("adversarial_weight", 0.5), ("dropout", 0.3)): (0.7, 0.70, 1.4, 0.2)}
    assert verdicts(findings(worse))[1] == "not confirmed"
    dear = {(("adversarial_weight", 0.5), ("dropout", 0.3)): (0.4, 0.69, 1.4, 0.2)}
    assert verdicts(findings(dear))[1] == "not confirmed"
    unequal = {(("dropout", 0.9),): (0.1, 0.71, 2.3, 1.5)}  # of another rate, with which nothing is compared
    assert verdicts(findings(unequal))[1] == "confirmed"
    same = {fields: (*values[:2], values[2], values[2]) for fields, values in EFFECTS.items()}
    assert verdicts(findings(same))[2] == "not confirmed"


def test_falls_and_correlations_are_means_over_seeds_with_their_intervals():
    dropout, adversarial, order = findings(seeds=2)
    assert adversarial.numbers.endswith("by dropout rate: 0.3: 40.00 [40.00, 40.00] with, 60.00 [60.00, 60.00] without")
    assert dropout.numbers.startswith("training accuracy on random labels falls by (points): dropout 40.00 [40.00, ")
    assert dropout.numbers.endswith(
        "weight decay 0.00 [0.00, 0.00], dropout and adversarial training 60.00 [60.00, 60.00]"
    )
    assert order.numbers.startswith("Kendall's tau 0.")
    assert order.numbers.endswith("real data, 1.00 [1.00, 1.00] between the last two epochs of the same data")


def test_an_order_that_one_more_epoch_changes_as_much_is_no_other_order():
    finding = findings(before=lambda loss: -loss)[2]
    assert finding.verdict == "not confirmed" and "-1.00 between the last two epochs" in finding.numbers


def test_what_was_not_trained_is_not_measured():
    plain = effects(runs().where(dropout=0))
    assert verdicts(regularizer_findings(plain))[:2] == ["not measured"] * 2
    without = effects(runs().where(lambda run: technique_of(run)[0] != "none"))
    assert set(verdicts(regularizer_findings(without))) == {"not measured"}
    assert set(verdicts(regularizer_findings([]))) == {"not measured"}
    assert [len(panel.lines) for panel in loss_figure(without, "title").axes] == [0, 0]


def test_figures_and_table_show_every_technique():
    found = effects(runs(seeds=2))
    (axes,) = trade_off_figure(found, "title").axes
    assert len(axes.lines) == 2 * 7
    assert axes.lines[2].get_xdata() == pytest.approx([10, 60]) and axes.lines[2].get_ydata() == pytest.approx([40, 71])
    panels = loss_figure(found, "title").axes
    assert [panel.get_title() for panel in panels] == ["random labels", "real data"]
    assert [len(panel.lines) for panel in panels] == [7, 7] and len(panels[0].lines[0].get_xdata()) == 5
    assert panels[0].lines[0].get_ydata()[-1] == 0.01 and panels[1].lines[0].get_ydata()[-1] == 0.001
    rows = effect_table(found, "title").rows
    assert [row[:3] for row in rows][:2] == [["none", None, 2], ["dropout", "0.3", 2]] and len(rows) == 8
    assert [cell.value for cell in rows[1][3:]] == pytest.approx([0.6, 0.71])
    items = STUDY.report(runs(), Call("small", STUDY.grid, Options()))
    assert list(items) == ["trade_off", "training_loss", "effects", "claims"]
