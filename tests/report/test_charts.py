"""Data of curves."""

import json

from made_up import a_run

from common.report.charts import MOST_POINTS, chart, over_corruption, over_epochs, runs_script
from common.report.runs import Runs


def runs_at(*fractions, **fields):
    rules = (
        {"corruption": "uniform" if fraction else "none", "corruption_fraction": fraction} for fraction in fractions
    )
    return [a_run(**fields, **rule) for rule in rules]


def labelled(panels):
    return {panel: {line: len(runs) for line, runs in lines.items()} for panel, lines in panels.items()}


def test_lines_over_epochs_are_what_runs_were_trained_on_and_differ_in():
    runs = Runs([*runs_at(0.0, 0.5, 1.0), *runs_at(1.0, seed=1), *runs_at(0.5, learning_rate=0.5, epochs=3)])
    assert labelled(over_epochs(runs + runs_at(0.0, dataset="mnist"))) == {
        "mlp3 on cifar10": {
            "true labels, learning rate 0.01": 1, "corrupted labels, 50 %, learning rate 0.01": 1,
            "random labels, learning rate 0.01": 2, "corrupted labels, 50 %, learning rate 0.5": 1,
        },
        "mlp3 on mnist": {"true labels": 1},
    }  # fmt: skip


def test_fields_that_tell_no_more_runs_apart_are_not_named():
    small = runs_at(0.0, train_size=100, batch_size=10)
    assert labelled(over_epochs(Runs(runs_at(0.0) + small)))["mlp3 on cifar10"] == {
        "true labels": 1, "true labels, train size 100": 1
    }  # fmt: skip
    files = [*runs_at(0.0, initial_model="a.pt"), *runs_at(0.0, initial_model="b.pt", seed=1)]
    assert labelled(over_epochs(Runs(runs_at(0.0) + files)))["mlp3 on cifar10"] == {
        "true labels": 1, "true labels, initial model": 2
    }  # fmt: skip


def test_curves_over_corruption_take_three_fractions_and_true_labels_belong_to_every_rule():
    few, many = runs_at(0.0, 1.0, dataset="mnist"), runs_at(0.0, 0.5, 1.0)
    other = [a_run(corruption="random_pixels", corruption_fraction=1.0)]
    assert labelled(over_corruption(Runs([*few, *many, *other]))) == {
        "mlp3 on cifar10": {"uniform": 3, "random pixels": 2}
    }


def test_a_chart_numbers_its_runs_among_all():
    known = Runs([*runs_at(0.0, dataset="mnist"), *runs_at(0.0, 0.5, 1.0)])
    assert chart("Title", known[1:], known).data == {
        "epochs": {"mlp3 on cifar10": {"true labels": [1], "corrupted labels, 50 %": [2], "random labels": [3]}},
        "corruption": {"mlp3 on cifar10": {"uniform": [1, 2, 3]}},
    }


def test_the_script_holds_thinned_histories():
    lines = [
        {
            "epoch": epoch,
            "train_loss": 1.23456 / (epoch + 1),
            "train_accuracy": 0.9,
            "test_accuracy": None if epoch == 3 else 0.5,
        }
        for epoch in range(101)
    ]
    run = a_run(lines, {"epochs_to_fit": 7}, corruption="uniform", corruption_fraction=0.2)
    text = runs_script(Runs([run]))
    assert text.startswith("const RUNS = [") and text.endswith("];\n")
    (found,) = json.loads(text[13:-2])
    assert (found["id"], found["of"], found["n"], found["at"], found["fit"]) == (
        run.id,
        "PyTorch, seed 0",
        50_000,
        20,
        7,
    )
    assert (
        len(found["epoch"]) == MOST_POINTS
        and (found["epoch"][0], found["epoch"][-1]) == (1, 100)
        and 3 not in found["epoch"]
    )
    assert (
        found["train_loss"][0] == 0.617 and set(found["test_accuracy"]) == {50} and set(found["train_accuracy"]) == {90}
    )
    assert json.loads(runs_script(Runs([a_run()]))[13:-2])[0]["epoch"] == []
