"""All runs of all wings in the order of what they decide, stated and kept, and packed for the way home."""

import dataclasses
import shutil
import sys
from types import SimpleNamespace

import pytest

import reproduce_papers
from common import publishing, study
from common.cli import Preset
from common.errors import OutOfTime, RunsFailed
from common.runs import deadline, estimates, sweep, training
from common.runs.archive import take_in
from common.runs.config import Actions, Config, Options, from_dict, run_id
from common.runs.store import PUBLISHED, Store
from common.runs.writer import Writer

pytestmark = pytest.mark.slow


@pytest.fixture
def script(monkeypatch):
    monkeypatch.setattr(
        sweep, "distribute", lambda configs, options, *_: [training.train(c, options) for c in configs] and []
    )
    return reproduce_papers


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
    monkeypatch.setattr(script, "measured", lambda paper, groups: set())
    costs = iter(hours[piece.study.name] for piece in pieces)
    seconds = [None if value is None else 3600 * value for value in costs]
    made = iter(script.Cost(1, 2, value, True) for value in seconds)
    monkeypatch.setattr(script.Costs, "of", lambda *_: next(made))
    monkeypatch.setattr(script, "known_records", lambda store: [])
    plan = script.ordered(arguments(script, tmp_path))
    monkeypatch.setattr(script.Costs, "recorded", lambda *_: True)
    monkeypatch.setattr(script.Costs, "of", lambda *_: script.Cost(1, 1, 1.0, False))
    assert {entry.worth for entry in script.ordered(arguments(script, tmp_path))} == {1}  # numbers, no statements
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
    few = script.numbers_of("zhang", [dataclasses.replace(config, train_size=100) for config in configs])
    assert few == set()
    assert len(script.numbers_of("decoding", script.CAMPAIGN[6].configs(arguments(script, tmp_path)))) > 30
    (piece,) = script.pieces(script.Plan(studies=("independent_replication",)))
    assert len(script.numbers_of("arpit", piece.configs(arguments(script, tmp_path)))) > 30


def test_a_number_is_open_until_a_full_size_run_was_read_out(script, tmp_path):
    name, published = "mlp4-mnist-ketha0.8-torch-seed0-4c269699", Store(PUBLISHED)
    shutil.copytree(published.folder(name), Store(tmp_path).folder(name))
    may = script.numbers_of("decoding", [from_dict(published.named(name)["config"])])
    found = script.measured("decoding", script.whole_sets([Store(tmp_path), Store(tmp_path / "empty")]))
    assert len(found) > 50 and found < may
    (Store(tmp_path).folder(name) / "readout.jsonl.gz").unlink()
    assert len(script.measured("decoding", script.whole_sets([Store(tmp_path)]))) < len(found) / 2


@pytest.mark.parametrize(
    "flags, named",
    [
        (["--precision", "float32"], "precision of randomization_learning_curves must be 'bfloat16'"),
        (["--framework", "torch"], "framework of explicit_regularization_mlp1 must be 'keras'"),
        (["--seeds", "1"], r"seeds of explicit_regularization_mlp1 must be \(0,\)"),
    ],
)
def test_flags_that_the_campaign_contradicts_are_refused(script, command, flags, named):
    command("--campaign", "--list", *flags)
    with pytest.raises(ValueError, match=f"^{named} in the campaign. Received: "):
        script.main()


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
    seed, other = (
        dataclasses.replace(base, seed=1, epochs=4),
        dataclasses.replace(base, crop=3, train_size=200),
    )
    assert costs.recorded([base], []) and not costs.recorded([base, seed], [])
    assert costs.of([base, seed], []) == script.Cost(1, 2, 80.0, False)
    assert costs.of([seed, other], []) == script.Cost(2, 2, 80.0 + 20.0, True)
    for change in ({"model": "mlp1"}, {"width": 16, "crop": 3}, {"dataset": "imagenet_320", "train_size": None}):
        assert costs.of([dataclasses.replace(base, **change)], []).text == "no estimate"


def test_the_campaign_is_the_gpus_and_every_piece_of_it_runs_at_a_tiny_size(
    script, command, capsys, tmp_path, monkeypatch
):
    plan = script.Plan(campaign=True)
    counts = [len(piece.configs(arguments(script, tmp_path))) for piece in script.pieces(plan)]
    assert counts == [18, 15, 9, 15, 33, 33, 6, 6, 42, 3]
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
        "--with-models",
    )
    script.main()
    assert backends == [None, None, None, "torch"] and "KERAS_BACKEND" not in script.os.environ
    said = capsys.readouterr().out
    assert said.index("masc_decoding") < said.index("independent_replication") and str(tmp_path / "runs.tar") in said
    taken = take_in(tmp_path / "runs.tar", Store(tmp_path / "home"), Store(tmp_path / "own"), {})
    runs, networks = taken.runs, (tmp_path / "own" / "saved_models").glob("*.*")
    assert len(runs) >= 4 and {path.stem for path in networks if path.is_file()} == set(runs)
    assert f"{len(runs)} runs, 0 begun runs, 0 computations, " in said


def test_what_is_done_is_packed_in_parts_where_time_is_over(script, command, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(deadline, "now", lambda: 0.0)
    command("--studies", "explicit_regularization_mlp1", "--smoke", "--workers", "1", "--seeds", "0",
            "--time-limit", "1s", "--export", str(tmp_path / "runs.tar"), "--part-size", "1K")  # fmt: skip
    with pytest.raises(OutOfTime, match=r"^of 3 runs and computations 0 are done, 1 at a checkpoint \(.*\)$"):
        script.main()
    assert "\n0 runs, 1 begun runs, 0 computations, 0 networks\n" in capsys.readouterr().out
    assert {path.name for path in tmp_path.glob("runs.tar*")} >= {"runs.tar.000"}


def test_a_study_that_fails_leaves_the_others(script, command, monkeypatch, tmp_path, capsys):
    carried = []

    def carry_out(piece, arguments):
        carried.append(piece.study.name)
        if len(carried) == 1:
            raise ValueError("no such data")
        raise RunsFailed("1 of 2 failed") if len(carried) == 2 else OutOfTime("not all runs are done")

    monkeypatch.setattr(script, "carry_out", carry_out)
    names = ("masc_decoding", "explicit_regularization_mlp1", "explicit_regularization_mlp3")
    command("--studies", *names, "raw_input_subspaces", "--smoke", "--seeds", "0", "--export", str(tmp_path / "a.tar"))
    with pytest.raises(RunsFailed) as caught:
        script.main()
    told = str(caught.value).splitlines()
    assert told[:3] == ["2 parts of the plan failed:", f"{carried[0]}: no such data", f"{carried[1]}: 1 of 2 failed"]
    assert told[3].startswith("time limit: of ") and len(carried) == 3
    assert (tmp_path / "a.tar").exists()


def test_time_that_is_over_stays_the_reason_where_packing_fails(script, command, monkeypatch, tmp_path):
    def late(*_):
        raise OutOfTime("not all runs are done")

    def full(*_):
        raise OSError("disk full")

    monkeypatch.setattr(script, "carry_out", late)
    monkeypatch.setattr(script, "pack", full)
    command("--studies", "raw_input_subspaces", "--export", str(tmp_path / "a.tar"))
    with pytest.raises(RunsFailed, match="(?s)export: disk full\ntime limit: of .* runs and computations .* are done"):
        script.main()


def test_packing_has_its_time(script, monkeypatch, tmp_path):
    big = tmp_path / "big"
    big.write_bytes(b"x" * 1000)
    monkeypatch.setattr(script, "PACKING_BYTES", 100.0)
    monkeypatch.setattr(script, "wanted", lambda arguments: {"runs/a/run.json": big})
    given = arguments(script, tmp_path, export=tmp_path / "a.tar")
    limited = dataclasses.replace(given.options, time_limit=deadline.Deadline("1h", 3600.0))
    given.options = limited
    assert script.with_time_to_pack(given).options.time_limit.ends == 3600 - script.PACKING_SECONDS - 10
    given.plan = script.Plan()
    assert script.with_time_to_pack(given).options is limited


def test_cases_that_are_listed_are_carried_out_whatever_flags_of_runs_say(script, command, monkeypatch, tmp_path):
    done = []
    monkeypatch.setattr(study, "carry_out", lambda case, *_: done.append(case))
    monkeypatch.setattr(study, "Computed", lambda folder: folder)
    command("--seed", "1")  # of runs
    (piece,) = script.pieces(script.Plan(studies=("gradient_descent_minimum_norm",)))
    silent = dataclasses.replace(piece.study, report=lambda found: {}, findings=lambda found: [])
    dataclasses.replace(piece, study=silent).study.carry_out(piece.arguments(given := arguments(script, tmp_path)))
    assert done == piece.cases(given) and len(done) == 3


def test_a_study_that_needs_more_seeds_has_its_own_where_none_are_named(script, tmp_path):
    counts = {}
    for name in ("example_difficulty", "loss_sensitivity", "explicit_regularization_mlp1"):
        (piece,) = script.pieces(script.Plan(studies=(name,)))
        own = [piece.arguments(arguments(script, tmp_path, seeds=seeds)).grid.seeds for seeds in (None, (7,))]
        counts[name] = len(own[0])
        assert own[1] == (7,)
    assert counts == {"example_difficulty": 100, "loss_sensitivity": 5, "explicit_regularization_mlp1": 3}


def test_runs_that_go_on_from_the_plans_networks_are_packed_too(script, tmp_path):
    base = Config(model="mlp2", width=8, dataset="digits", framework="torch", train_size=60, crop=6, epochs=1)
    options, store = Options(output_dir=tmp_path, threads=1), Store(tmp_path)
    training.train(base, options)
    shutil.copyfile(store.model_path(base), store.models / f"{run_id(base)}-edited.pt")
    shutil.copyfile(store.model_path(base), store.models / "other.pt")
    own, other = (dataclasses.replace(base, initial_model=name) for name in (f"{run_id(base)}-edited.pt", "other.pt"))
    for config in (own, other):
        training.train(config, options)
    assert [*script.following(store, [base])] == [own]
    begun = dataclasses.replace(own, epochs=3)
    with pytest.raises(ZeroDivisionError), pytest.MonkeyPatch.context() as patch:
        patch.setattr(Writer, "finish", lambda *_: 1 / 0)
        training.train(begun, dataclasses.replace(options, checkpoint_every=1))
    assert {*script.following(store, [base])} == {own, begun}


def test_a_plan_has_seeds(script):
    with pytest.raises(ValueError, match="^seeds must name at least one. Received: no seeds$"):
        script.Plan(seeds=())


@pytest.mark.parametrize("plan", [{"part_size": "1M"}, {"with_models": True}])
def test_what_is_for_an_export_alone_is_refused_without(script, plan):
    with pytest.raises(ValueError, match=f"^{next(iter(plan))} must go with export. Received: "):
        script.Plan(**plan)


def test_where_nothing_can_be_written_and_what_never_ends_is_said_at_the_start(script, command, monkeypatch, tmp_path):
    monkeypatch.setattr(script, "carry_out", lambda *_: pytest.fail("began"))
    command("--studies", "raw_input_subspaces", "--export", str(tmp_path))
    with pytest.raises(ValueError, match="^export must be a file that can be written. Received: export="):
        script.main()
    command("--studies", "raw_input_subspaces", "--force", "--time-limit", "1m")
    with pytest.raises(ValueError, match="^force must be off with a time limit"):
        script.main()


def test_flags_of_the_plan_are_no_fields_of_studies(script):
    grids = {field.name for piece in script.pieces(script.Plan()) if isinstance(piece.study, script.Study)
             for field in dataclasses.fields(piece.study.grid)}  # fmt: skip
    assert grids & {field.name for field in dataclasses.fields(script.Plan)} == {"seeds"}


def test_a_list_trains_nothing(script, command, capsys, tmp_path):
    command("--list", "--studies", "explicit_regularization_mlp1")
    script.main()
    assert "| explicit_regularization_mlp1 | 9 of 9 |" in capsys.readouterr().out
    assert not [*tmp_path.rglob("*")]
