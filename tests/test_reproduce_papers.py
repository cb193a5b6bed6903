"""All runs of all wings in the order of what they decide, stated and kept, and packed for the way home."""

import dataclasses
import importlib
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from common import publishing
from common.cli import Preset
from common.errors import OutOfTime
from common.runs import deadline, estimates, sweep, training
from common.runs.archive import take_in
from common.runs.config import Actions, Config, Options
from common.runs.store import Store

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]


@pytest.fixture
def script(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "experiments"))
    module = importlib.import_module("reproduce_papers")
    monkeypatch.setattr(
        sweep, "distribute", lambda configs, options, *_: [training.train(c, options) for c in configs] and []
    )
    return module


@pytest.fixture
def command(monkeypatch, tmp_path):
    """A function that sets the command line."""
    given = ["reproduce_papers.py", "--output-dir", str(tmp_path), "--threads", "1"]
    return lambda *words: monkeypatch.setattr(sys, "argv", [*given, *words])


def arguments(script, folder, preset="paper", **plan):
    options = Options(output_dir=folder, threads=1)
    return SimpleNamespace(
        plan=script.Plan(**plan), preset=Preset(preset), config=Config(), options=options, actions=Actions()
    )


def test_every_study_of_every_wing_is_there(script):
    names = {(piece.paper, piece.study.name) for piece in script.pieces(script.Plan())}
    for paper, (wing, _) in publishing.WINGS.items():
        short = wing.__name__.split(".")[2]
        studies = (*wing.STUDIES, *publishing.COMPUTED.get(paper, ()), *publishing.QUESTIONS.get(paper, ()))
        assert {(short, study.name) for study in studies} <= names
    assert {piece.paper for piece in script.pieces(script.Plan(papers=("arpit",)))} == {"arpit"}
    assert [piece.study.name for piece in script.pieces(script.Plan(studies=("masc_decoding",)))] == ["masc_decoding"]


@pytest.mark.parametrize(
    "flag, value, text", [("papers", "zang", "Did you mean zhang"), ("studies", "masc", "studies must be")]
)
def test_a_wrong_name_is_one_line(script, flag, value, text):
    with pytest.raises(ValueError, match=text):
        script.pieces(script.Plan(**{flag: (value,)}))


def test_what_decides_most_in_an_hour_comes_first_and_what_nobody_knows_last(script, monkeypatch, tmp_path):
    hours = {"masc_decoding": 2.0, "velpic_weight_transfer": 0.5, "latent_generalization_dynamics": None}
    pieces = script.pieces(script.Plan(studies=tuple(hours)))
    monkeypatch.setattr(script, "pieces", lambda plan: pieces)
    monkeypatch.setattr(
        script.Piece, "configs", lambda piece, arguments: [dataclasses.replace(Config(), width=len(piece.study.name))]
    )
    monkeypatch.setattr(script, "numbers_of", lambda paper, configs: {f"{config.width}" for config in configs})
    monkeypatch.setattr(script, "statements_of", lambda study: {"a", "b", "c"})
    costs = iter(hours[piece.study.name] for piece in pieces)
    seconds = [None if value is None else 3600 * value for value in costs]
    made = iter(script.Cost(1, 2, value, True) for value in seconds)
    monkeypatch.setattr(script.Costs, "of", lambda *_: next(made))
    monkeypatch.setattr(script, "known_records", lambda store: [])
    plan = script.ordered(arguments(script, tmp_path))
    assert [entry.piece.study.name for entry in plan] == [
        "velpic_weight_transfer",
        "masc_decoding",
        "latent_generalization_dynamics",
    ]
    assert [entry.per_hour for entry in plan] == [8.0, 2.0, None]
    rows = script.order_table(plan).rows
    assert rows[0] == [1, "decoding", "velpic_weight_transfer", "1 of 2", 4, "~0.50", "8.0"]
    assert rows[2][5:] == ["no estimate", "–"]


def test_a_run_that_is_planned_says_which_numbers_it_may_decide(script, tmp_path):
    (piece,) = script.pieces(script.Plan(studies=("explicit_regularization_mlp3",)))
    configs = piece.configs(arguments(script, tmp_path, seeds=(0,)))
    wanted = script.numbers_of("zhang", configs)
    assert len(configs) == 3 and {name.split("-")[0] for name in wanted} == {"zhang"} and len(wanted) >= 6
    assert not script.numbers_of("zhang", [dataclasses.replace(config, train_size=100) for config in configs])
    assert len(script.numbers_of("decoding", script.CAMPAIGN[5].configs(arguments(script, tmp_path)))) > 30
    (piece,) = script.pieces(script.Plan(studies=("independent_replication",)))
    assert len(script.numbers_of("arpit", piece.configs(arguments(script, tmp_path)))) > 30


def test_statements_that_a_study_tests_are_those_of_the_published_findings(script, monkeypatch):
    row = {"study": "masc decoding", "kind": "statement", "verdict": "confirmed", "size": "reduced"}
    rows = [
        {**row, "statement": "a"}, {**row, "statement": "b"}, {**row, "statement": "b", "size": "full size"},
        {**row, "statement": "c", "study": "other"}, {**row, "statement": "d", "verdict": "not measured"},
        {**row, "statement": "e", "kind": "number"},
    ]  # fmt: skip
    monkeypatch.setattr(script, "recorded_findings", lambda: rows)
    assert script.statements_of("masc_decoding") == {"a"}


def test_costs_are_those_of_like_runs_else_rough(script, tmp_path, monkeypatch):
    monkeypatch.setattr(estimates, "PUBLISHED", tmp_path / "published")
    base = Config(model="mlp2", width=8, dataset="digits", framework="torch", train_size=100, crop=6, epochs=2)
    record = training.train(base, Options(output_dir=tmp_path, threads=1))
    record["time"] = {"train_seconds": 30.0, "evaluate_seconds": 10.0}
    monkeypatch.setattr(script, "known_records", lambda store: [record])
    costs = script.Costs(Options(output_dir=tmp_path))
    seed, wide = (
        dataclasses.replace(base, seed=1, epochs=4),
        dataclasses.replace(base, width=16, crop=3, train_size=200),
    )
    assert costs.of([base, seed], []) == script.Cost(1, 2, 80.0, False)
    assert costs.of([seed, wide], []) == script.Cost(2, 2, 80.0 + 20.0, True)
    for change in ({"model": "mlp1"}, {"dataset": "imagenet_320", "train_size": None}):
        assert costs.of([dataclasses.replace(base, **change)], []).text == "no estimate"


def test_the_campaign_is_the_gpus_and_every_piece_of_it_runs_at_a_tiny_size(
    script, command, capsys, tmp_path, monkeypatch
):
    plan = script.Plan(campaign=True)
    counts = [len(piece.configs(arguments(script, tmp_path))) for piece in script.pieces(plan)]
    assert counts == [18, 15, 9, 15, 66, 6, 6, 42, 3]
    backends = []
    carried = script.Study.carry_out
    monkeypatch.setattr(
        script.Study,
        "carry_out",
        lambda study, own: backends.append(script.os.environ.get("KERAS_BACKEND")) or carried(study, own),
    )
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    names = ("independent_replication", "masc_decoding", "explicit_regularization_mlp1")
    command(
        "--campaign",
        "--smoke",
        "--studies",
        *names,
        "--time-limit",
        "2h",
        "--seeds",
        "0",
        "--export",
        str(tmp_path / "runs.tar"),
        "--models",
    )
    script.main()
    assert backends == [None, None, None, "torch"] and "KERAS_BACKEND" not in script.os.environ
    said = capsys.readouterr().out
    assert said.index("masc_decoding") < said.index("independent_replication") and str(tmp_path / "runs.tar") in said
    runs = take_in(tmp_path / "runs.tar", Store(tmp_path / "home"), Store(tmp_path / "own"))
    assert len(runs) >= 4 and {path.stem for path in (tmp_path / "own" / "saved_models").glob("*")} == set(runs)


def test_what_is_done_is_packed_in_parts_where_time_is_over(script, command, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(deadline, "now", lambda: 0.0)
    command("--studies", "explicit_regularization_mlp1", "--smoke", "--seeds", "0", "--time-limit", "1s",
            "--export", str(tmp_path / "runs.tar"), "--part-size", "1K")  # fmt: skip
    with pytest.raises(OutOfTime, match="^of 3 runs 0 are done, 0 at a checkpoint$"):
        script.main()
    assert "0 runs, 0 computations\n" in capsys.readouterr().out
    assert {path.name for path in tmp_path.glob("runs.tar*")} >= {"runs.tar.000"}


def test_a_list_trains_nothing(script, command, capsys, tmp_path):
    command("--list", "--studies", "explicit_regularization_mlp1")
    script.main()
    assert "| explicit_regularization_mlp1 | 9 of 9 |" in capsys.readouterr().out
    assert not [*tmp_path.rglob("*")]
