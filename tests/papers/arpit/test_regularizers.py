"""Figures 10 and 11 of Arpit et al. on a trade-off written out by hand."""

import math

import pytest
from arpit_runs import SMALL, Runs, a_run, effect, found

from common.papers.arpit.regularizers import STUDY, loss_figure, regularizer_findings, selected, technique_of
from common.report.regularizers import (
    BOTH,
    baselines,
    by_seed,
    by_technique,
    effect_table,
    effects,
    hindrance,
    trade_off_figure,
)

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
                lines = [{"epoch": e, "train_loss": loss * 6 / (e + 1), "train_accuracy": accuracy * e / 5,
                          "validation_accuracy": generalized - 0.1 * (e != 3)} for e in range(6)]  # fmt: skip
                if data and before:
                    lines[-2]["train_loss"] = before(loss)
                outcome = {"train_accuracy": accuracy, "train_loss": loss, "epochs": 5}
                made.append(a_run(lines, outcome, **common, **data))
    return Runs(made)


def findings(changes=None, seeds=3, **more):
    return regularizer_findings(runs(changes, seeds, **more), SMALL)


def test_an_effect_is_the_end_on_random_labels_and_the_best_epoch_on_real_data():
    measured = effects(runs(), technique_of)
    assert len(measured) == len(EFFECTS)
    assert (measured[1].memorized, measured[1].generalized) == (0.6, 0.71)
    assert (measured[1].real.config.corruption, measured[1].random.config.corruption) == ("none", "uniform")


def test_a_regularizer_that_was_trained_on_one_of_the_two_only_has_no_effect():
    assert len(effects(runs()[1:], technique_of)) == len(EFFECTS) - 1


def test_seeds_without_a_regularizer_say_what_accuracy_is_without_and_decide_on_nothing_else():
    alone = runs({(): (1.0, 0.76, 0.01, 0.001)}, seeds=3).where(lambda run: run.config.seed)
    alone = alone.where(lambda run: technique_of(run)[0] == "none")
    measured = effects(runs() + alone, technique_of)
    assert [len(groups) for groups in by_seed(measured)] == [7]
    assert baselines(measured) == [0.70, 0.76, 0.76]
    assert [row[2] for row in effect_table(measured, "title").rows] == [3] + [1] * 7


def test_techniques_go_by_what_the_config_has():
    assert technique_of(a_run()) == ("none", "")
    assert technique_of(a_run(weight_decay=0.01)) == ("weight decay", "0.01")
    assert technique_of(a_run(adversarial_weight=0.5, dropout=0.3)) == (BOTH, "0.3, weight 0.5")
    assert list(by_technique(effects(runs(), technique_of))) == [
        "none", "dropout", "input dropout", "input noise", "hidden noise", "weight decay", BOTH,
    ]  # fmt: skip


def test_only_strengths_that_cost_at_most_a_point_of_validation_accuracy_count():
    groups = by_technique(effects(runs(), technique_of))
    none = groups["none"][0]
    fall = {name: hindrance(group, none, 0.70) for name, group in groups.items()}
    assert fall["dropout"][0] == pytest.approx(0.4) and fall["dropout"][1].strength == "0.3"
    assert fall["weight decay"] == (0.0, none)
    assert fall["input noise"][0] == pytest.approx(0.1)
    assert fall[BOTH][0] == pytest.approx(0.6)
    assert hindrance(groups["dropout"], none, 0.721) == (0.0, none)


def test_of_each_technique_the_best_strength_is_shown_or_the_one_that_costs_least():
    chosen = selected(by_seed(effects(runs(seeds=2), technique_of))[0], 0.70)
    assert {effect.seed for effect in chosen.values()} == {0}
    assert chosen["dropout"].strength == "0.3" and chosen["weight decay"].strength == "0.01"
    assert chosen["none"].strength == ""


def test_dropout_hinders_most_where_it_is_ahead_of_every_other():
    dropout = found(findings(), "arpit-dropout")
    assert (dropout.verdict, dropout.effect.n, dropout.subject) == ("confirmed", 3, "cnn2, cifar10")
    assert dropout.effect.mean == pytest.approx(0.4 - 0.2)  # input dropout is next
    assert dropout.numbers.startswith("training accuracy on random labels falls by (points): dropout 40.00 [40.00, ")
    better = {(("input_dropout", 0.3),): (0.5, 0.70, 0.5, 0.3)}
    assert found(findings(better), "arpit-dropout").verdict == "contradicted"
    differ = found(findings(), "arpit-regularizers-differ")
    assert (differ.verdict, differ.effect.mean) == ("confirmed", pytest.approx(0.4))  # weight decay costs too much
    alike = {fields: (0.7, 0.7, *values[2:]) for fields, values in EFFECTS.items() if len(fields) == 1}
    alike |= {(("dropout", 0.3),): (0.65, 0.7, 1, 1)}
    assert found(findings(alike), "arpit-regularizers-differ").verdict == "contradicted"


def test_a_lead_of_dropout_that_hangs_on_the_seed_without_is_undecided():
    decay = {(("weight_decay", 0.01),): (0.2, 0.70, 2.0, 1.2), (("dropout", 0.9),): (0.1, 0.66, 2.3, 1.5)}
    lower = runs({(): (1.0, 0.66, 0.01, 0.001)}, seeds=2).where(seed=1, dropout=0.0, adversarial_weight=0.0)
    lower = lower.where(lambda run: technique_of(run)[0] == "none")
    dropout = found(regularizer_findings(runs(decay) + lower, SMALL), "arpit-dropout")
    assert dropout.verdict == "undecided" and dropout.effect.mean == pytest.approx(-0.4)
    assert dropout.numbers.endswith("gives a lead (points) of 70.00: -40.00, 66.00: 10.00")


def test_adversarial_training_must_add_to_dropout_at_every_rate_and_cost_no_more():
    added = found(findings(), "arpit-adversarial")
    assert (added.verdict, added.effect.mean) == ("confirmed", pytest.approx(0.2))
    assert added.numbers.endswith("by dropout rate: 0.3: 40.00 [40.00, 40.00] with, 60.00 [60.00, 60.00] without")
    both = (("adversarial_weight", 0.5), ("dropout", 0.3))
    assert effect(findings({both: (0.7, 0.70, 1.4, 0.2)}), "arpit-adversarial") == pytest.approx(-0.1)
    dear = found(findings({both: (0.4, 0.69, 1.4, 0.2)}), "arpit-adversarial")
    assert (dear.verdict, dear.effect.mean) == ("contradicted", 0)
    unequal = {(("dropout", 0.9),): (0.1, 0.71, 2.3, 1.5)}  # of another rate, with which nothing is compared
    assert effect(findings(unequal), "arpit-adversarial") == pytest.approx(0.2)


def timed(epochs):
    """Runs of three seeds whose technique says in which epoch they have fitted."""
    networks = runs(seeds=3)
    for run in networks:
        for line in run.history:
            line["train_accuracy"] = min(1.0, line["epoch"] / epochs(technique_of(run)[0]))
    return networks


def test_regularization_takes_time_where_networks_fit_later():
    findings = regularizer_findings(timed(lambda technique: 5 if technique == "dropout" else 1), SMALL)
    times = found(findings, "arpit-regularizers-time", "real")
    assert times.verdict == "confirmed" and times.effect.mean == pytest.approx(2 * math.log(5) / 6)
    assert times.numbers == "0 of 18 regularized networks had not fitted when training ended"
    assert {run.config.corruption for run in times.runs} == {"none"}


def test_networks_that_do_not_fit_count_with_all_their_epochs_which_cannot_speak_against_the_paper():
    def of(alone):
        networks = timed(lambda technique: alone if technique == "none" else 9)
        return found(regularizer_findings(networks, SMALL), "arpit-regularizers-time", "random labels")

    assert of(1).verdict == "confirmed" and of(1).effect.mean == pytest.approx(math.log(5))
    assert of(5).verdict == "undecided" and of(5).effect.mean == 0
    assert of(5).numbers == "18 of 18 regularized networks had not fitted when training ended"
    none = regularizer_findings(timed(lambda technique: 9), SMALL)
    assert found(none, "arpit-regularizers-time", "real").verdict == "not measured"


def test_memorizing_is_slowed_more_than_learning_where_accuracy_falls_more_over_the_epochs():
    speed = found(findings(), "arpit-regularizers-speed")
    # of 0.4, 0.2, 0.1 and 0.05 at the end, which is 0.6 of that over epochs 1 to 5
    assert (speed.verdict, speed.effect.mean) == ("confirmed", pytest.approx(0.6 * 0.75 / 4))
    assert speed.numbers.startswith("training accuracy falls by (points) 0.00 [0.00, 0.00] on real data, ")
    dear = {fields: (values[0], 0.5, *values[2:]) for fields, values in EFFECTS.items() if fields}
    assert found(findings(dear), "arpit-regularizers-speed").verdict == "not measured"


def test_regularizers_rank_differently_where_kinds_of_data_differ_more_than_epochs():
    order = found(findings(), "arpit-loss-order")
    assert order.numbers.startswith("Kendall's tau 0.")
    assert order.numbers.endswith("real data, 1.00 [1.00, 1.00] between the last two epochs of the same data")
    same = {fields: (*values[:2], values[2], values[2]) for fields, values in EFFECTS.items()}
    assert found(findings(same), "arpit-loss-order").effect.mean == 0
    again = findings(before=lambda loss: -loss)
    assert effect(again, "arpit-loss-order") < -1 and "-1.00 [" in found(again, "arpit-loss-order").numbers


def test_what_was_not_trained_is_not_measured():
    plain = regularizer_findings(runs(seeds=3).where(dropout=0), SMALL)
    assert {found(plain, name).verdict for name in ("arpit-dropout", "arpit-adversarial")} == {"not measured"}
    without = runs().where(lambda run: technique_of(run)[0] != "none")
    assert regularizer_findings(without, SMALL) == regularizer_findings(Runs(), SMALL) == []
    assert [len(panel.lines) for panel in loss_figure(effects(without, technique_of), "title").axes] == [0, 0]


def test_figures_and_table_show_every_technique():
    measured = effects(runs(seeds=2), technique_of)
    (axes,) = trade_off_figure(measured, "title").axes
    assert len(axes.lines) == 2 * 7 and len({line.get_color() for line in axes.lines}) == 7
    assert axes.lines[2].get_xdata() == pytest.approx([10, 60]) and axes.lines[2].get_ydata() == pytest.approx([40, 71])
    panels = loss_figure(measured, "title").axes
    assert [panel.get_title() for panel in panels] == ["random labels", "real data"]
    assert [len(panel.lines) for panel in panels] == [7, 7] and len(panels[0].lines[0].get_xdata()) == 5
    assert panels[0].lines[0].get_ydata()[-1] == 0.01 and panels[1].lines[0].get_ydata()[-1] == 0.001
    rows = effect_table(measured, "title").rows
    assert [row[:3] for row in rows][:2] == [["none", None, 2], ["dropout", "0.3", 2]] and len(rows) == 8
    assert [cell.value for cell in rows[1][3:]] == pytest.approx([0.6, 0.71])
    items = STUDY.report(runs(), SMALL)
    assert list(items) == ["trade_off", "training_loss", "effects"]
