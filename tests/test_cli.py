"""What every experiment script shares: flags, list, summary, curves, and one line for an error."""

import dataclasses
import json
import os
from pathlib import Path

import pytest
import torch

from common import study
from common.cli import given_flags, one_line_errors, parse
from common.errors import RunsFailed
from common.progress import about
from common.runs import estimates, training
from common.runs.config import Actions, Config, Options, as_dict, run_id, smoke
from common.runs.estimates import estimate, listing
from common.runs.record import processor_flags
from common.runs.store import READOUT, Store
from common.runs.training import train
from common.runs.writer import Writer
from common.study import Combinations, Study, percent, run, run_all, summary

pytestmark = pytest.mark.slow

BASE = Config(model="mlp1", dataset="digits", framework="torch", train_size=200, crop=6, epochs=2, batch_size=32)


@pytest.fixture(autouse=True)
def nothing_published(monkeypatch, tmp_path):
    monkeypatch.setattr(estimates, "PUBLISHED", tmp_path / "published")


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "out"


@pytest.fixture
def arguments(monkeypatch):
    """A function that sets the command line."""
    return lambda *words: monkeypatch.setattr("sys.argv", ["script.py", *map(str, words)])


def options(folder, **changes):
    return Options(output_dir=folder, threads=1, **changes)


def record(config=BASE, seconds=30.0, epochs=2, train_n=200, **changes):
    """What estimates read of a record."""
    return {
        "run_id": run_id(config),
        "config": dataclasses.asdict(config),
        "time": {"train_seconds": 0.75 * seconds, "evaluate_seconds": 0.25 * seconds},
        "outcome": {"epochs": epochs},
        "data": {"train_n": train_n},
        "environment": {"device": "cpu"},
    } | changes


def test_flags_set_the_fields_of_all_dataclasses(arguments, folder):
    arguments("--smoke", "--list", "--seed", 3, "--output-dir", folder, "--schedule", "steps", "--decay-epochs", 1, 2,
              "--train-size", 50, "--no-random-crop", "--flip", "--fractions", 0, 0.5)  # fmt: skip
    base = dataclasses.replace(BASE, random_crop=True)
    parsed = parse("doc", config=base, grid=Combinations(), options=Options(), actions=Actions())
    assert (parsed.options, parsed.actions) == (Options(output_dir=folder), Actions(smoke=True, list=True))
    expected = {"seed": 3, "schedule": "steps", "decay_epochs": (1, 2), "train_size": 50, "flip": True}
    assert parsed.config == dataclasses.replace(BASE, **expected)
    assert parsed.grid == Combinations(fractions=(0.0, 0.5))


def test_without_flags_everything_is_the_scripts_own(arguments):
    arguments()
    parsed = parse(None, config=BASE, options=Options(), actions=Actions(decode=True))
    assert (parsed.config, parsed.options, parsed.actions) == (BASE, Options(), Actions(decode=True))


def test_a_dataclass_given_as_a_type_has_arguments_that_must_be_named(arguments):
    @dataclasses.dataclass(frozen=True)
    class Needed:
        """What has no default."""

        path: Path

    arguments("--path", "a.pt")
    assert parse("doc", needed=Needed).needed == Needed(Path("a.pt"))
    arguments()
    with pytest.raises(ValueError, match="--path") as caught:
        parse("doc", needed=Needed)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "words, shown",
    [
        (["--sead", "1"], "--sead"),
        (["--seed", "one"], "--seed"),
        (["--learning-rate", "-1"], "error: learning_rate must be positive and finite. Received: learning_rate=-1.0\n"),
        (
            ["--optimizer", "sdg"],
            "error: optimizer must be one of sgd, adam, rmsprop. Did you mean sgd? Received: optimizer='sdg'",
        ),
        (
            ["--corruption-fraction", "0.5"],
            "error: corruption_fraction must be 0 where corruption is none (name a rule ",
        ),
    ],
)
def test_a_wrong_flag_is_one_line_with_status_2_and_nothing_is_written(arguments, capsys, folder, words, shown):
    arguments(*words, "--output-dir", folder)
    with pytest.raises(SystemExit, match="^2$"):
        run("doc", BASE)
    error = capsys.readouterr().err
    assert error.startswith("error: ") and shown in error and error.count("\n") == 1 and not folder.exists()
    assert not set("│─╭╮╰╯") & set(error)


def test_the_help_opens_with_what_the_script_says_of_itself(arguments, capsys):
    arguments("--help")
    with pytest.raises(SystemExit, match="^0$"):
        parse("Claim: networks fit random labels.\nRun:   so", config=BASE, options=Options())
    lines = capsys.readouterr().out.splitlines()
    assert "Claim: networks fit random labels." in lines and "Run:   so" in lines


def test_whoever_reads_may_close_what_is_printed(monkeypatch, capfd):
    reading, writing = os.pipe()
    os.close(reading)
    with open(writing, "w") as printed, monkeypatch.context() as patch, pytest.raises(SystemExit, match="^1$"):
        patch.setattr("sys.stdout", printed)
        with one_line_errors():
            print("a line", flush=True)
    assert capfd.readouterr().err == ""
    with pytest.raises(SystemExit, match="^2$"), one_line_errors():
        raise BrokenPipeError(32, "another pipe")


@pytest.mark.parametrize(
    "error, status, line",
    [
        (
            ValueError("seed must be 0 or more. Received: seed=-1"),
            2,
            "error: seed must be 0 or more. Received: seed=-1",
        ),
        (FileNotFoundError("data has no train"), 2, "error: data has no train"),
        (RunsFailed("1 of 2 runs failed:\na: no"), 1, "error: 1 of 2 runs failed:\na: no"),
        (
            KeyboardInterrupt(),
            130,
            "interrupted: run the same command again to go on from the last checkpoint",
        ),
    ],
)
def test_wrong_input_failed_runs_and_interruptions_end_in_a_line_and_a_status(capsys, error, status, line):
    with pytest.raises(SystemExit) as caught, one_line_errors():
        raise error
    printed = capsys.readouterr()
    assert (caught.value.code, printed.err, printed.out) == (status, f"{line}\n", "")


def test_a_defect_keeps_its_traceback():
    with pytest.raises(ZeroDivisionError), one_line_errors():
        raise ZeroDivisionError


def test_a_script_trains_draws_and_says_what_came_out(arguments, folder, capsys, monkeypatch):
    arguments("--output-dir", folder, "--epochs", 3, "--threads", 1)
    run("doc", BASE)
    config, store = dataclasses.replace(BASE, epochs=3), Store(folder)
    first = capsys.readouterr()
    assert first.out == summary(store.done(config), options(folder)) + "\n"
    assert first.err.count(" epoch 3/3 ") == 1
    curves = store.folder(run_id(config)) / "learning_curves.png"
    assert curves.read_bytes()[:4] == b"\x89PNG"
    monkeypatch.setattr(training, "make_trainer", lambda *_: pytest.fail("trained again"))
    run("doc", BASE)
    assert capsys.readouterr() == (first.out, "")


def test_a_sweep_begins_with_the_time_it_takes(folder, capsys, monkeypatch):
    monkeypatch.setattr(study.sweep, "run", lambda configs, options, begin, *_: begin(configs) or [])
    configs = [BASE, dataclasses.replace(BASE, seed=1)]
    run_all(configs, options(folder), Actions())
    assert capsys.readouterr().err == listing(configs, Store(folder), Options()).splitlines()[-1] + "\n"
    monkeypatch.setattr(estimates, "estimate", lambda *_: 90.0)
    monkeypatch.setattr(Store, "done", lambda *arguments: pytest.fail("asked what is done"))
    run_all(configs, options(folder), Actions(force=True))
    assert capsys.readouterr().err.startswith("2 runs, about 3 minutes of training left")


@pytest.mark.parametrize(
    "precision, flags, gpu, changes, warned",
    [
        ("bfloat16", {"avx2"}, False, {}, True),
        ("bfloat16", {"avx2"}, True, {"device": "cpu"}, True),
        ("bfloat16", {"avx2"}, True, {}, False),
        ("bfloat16", {"avx2"}, False, {"scheduler": "tcp://elsewhere:8786"}, False),
        ("bfloat16", {"avx2", "amx_bf16"}, False, {}, False),
        ("bfloat16", set(), False, {}, False),
        ("float32", {"avx2"}, False, {}, False),
    ],
)
def test_bfloat16_without_instructions_for_it_is_warned_of(
    folder, capsys, monkeypatch, precision, flags, gpu, changes, warned
):
    monkeypatch.setattr(study, "processor_flags", lambda: flags)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpu)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: int(gpu))
    monkeypatch.setattr(study.sweep, "run", lambda configs, options, begin, *_: begin(configs) or [])
    run_all([dataclasses.replace(BASE, precision=precision)], options(folder, **changes), Actions())
    error = capsys.readouterr().err
    assert error.count("\n") == warned and error.startswith("warning: bfloat16 is slow" if warned else "")


def test_bfloat16_on_texts_is_an_error_without_a_warning_before_it(folder, capsys, monkeypatch):
    monkeypatch.setattr(study, "processor_flags", lambda: {"avx2"})
    config = Config(model="lstm", dataset="phrases", framework="torch", precision="bfloat16")
    with pytest.raises(ValueError, match="precision must be float32 for tokens on a CPU"):
        run_all([config], options(folder, device="cpu"), Actions())
    assert capsys.readouterr().err == ""


def test_the_processor_tells_its_flags():
    assert processor_flags() == set() or len(processor_flags()) > 3


def test_one_epoch_has_no_curve(folder):
    config = dataclasses.replace(BASE, epochs=1)
    run_all([config], options(folder), Actions())
    assert not (Store(folder).folder(run_id(config)) / "learning_curves.png").exists()


def test_curves_are_drawn_where_there_are_none_or_the_run_was_trained(folder):
    curves = Store(folder).folder(run_id(BASE)) / "learning_curves.png"
    run_all([BASE], options(folder), Actions())
    content = curves.read_bytes()
    curves.write_bytes(b"kept")
    run_all([BASE], options(folder), Actions())
    assert curves.read_bytes() == b"kept"
    run_all([BASE], options(folder), Actions(force=True))
    assert curves.read_bytes()[:4] == content[:4]
    curves.write_bytes(b"old")
    Store(folder).model_path(BASE).unlink()
    run_all([BASE], options(folder), Actions())
    assert curves.read_bytes()[:4] == content[:4]
    curves.unlink()
    run_all([BASE], options(folder), Actions())
    assert curves.read_bytes() == content


def test_smoke_replaces_the_runs_by_small_ones_each_once(folder):
    configs = [dataclasses.replace(BASE, epochs=epochs) for epochs in (10, 20)]
    (found,) = run_all(configs, options(folder), Actions(smoke=True))
    assert found["run_id"] == run_id(smoke(configs[0])) and found["outcome"]["epochs"] == 2


def test_smoke_trains_in_one_process_and_draws_the_learning_curves_of_one_run(folder, monkeypatch):
    monkeypatch.setattr(study.sweep, "distribute", None)
    configs = [dataclasses.replace(BASE, seed=seed) for seed in (0, 1)]
    run_all(configs, dataclasses.replace(options(folder), workers=0), Actions(smoke=True))
    assert len(list(folder.glob("**/run.json"))) == 2 and len(list(folder.glob("**/learning_curves.png"))) == 1


def test_threads_are_those_of_read_outs_too_where_nothing_is_left_to_train(folder, monkeypatch):
    train(BASE, options(folder))
    found = []
    monkeypatch.setattr(study, "limit_threads", found.append)
    monkeypatch.setattr(study, "decode_run", lambda *_, force: found.append("read"))
    run_all([BASE], options(folder), Actions(decode=True))
    assert found == [1, "read"]


@pytest.mark.parametrize("decode", [False, True])
def test_layers_are_read_out_where_asked(folder, decode):
    run_all([BASE], options(folder), Actions(decode=decode))
    layers = {line["layer"] for line in Store(folder).lines(run_id(BASE), READOUT)}
    assert layers == ({"input", "fc1", "logits"} if decode else set())


def test_the_layers_of_one_run_are_shown_where_they_are_read_out(arguments, folder, capsys):
    for flags, shown in ((), 0), (("--decode",), 1):
        arguments("--output-dir", folder, "--threads", 1, *flags)
        run("doc", BASE)
        assert capsys.readouterr().out.count("| fc1 | ") == shown


def test_force_reads_out_again_what_is_damaged(folder):
    run_all([BASE], options(folder), Actions(decode=True))
    path = Store(folder).folder(run_id(BASE)) / READOUT
    whole = path.read_text()
    path.write_text("{")
    run_all([BASE], options(folder), Actions(decode=True, force=True))
    assert path.read_text() == whole


def test_list_says_what_is_done_and_missing_and_trains_nothing(folder, capsys):
    store, missing = Store(folder), dataclasses.replace(BASE, seed=1)
    train(BASE, options(folder))
    with pytest.raises(SystemExit) as caught:
        run_all([BASE, missing], options(folder), Actions(list=True))
    assert not caught.value.code and capsys.readouterr().out == listing([BASE, missing], store, Options()) + "\n"
    done, left, total = listing([BASE, missing], store, Options()).splitlines()
    assert done.split()[0] == "done" and done.split()[-1] == run_id(BASE)
    assert left.split()[0] == "missing" and left.split()[-1] == run_id(missing)
    seconds = estimate(missing, [store.record(run_id(BASE))], Options())
    assert total == f"2 runs, {about(seconds)} of training left, one after the other"
    assert listing([BASE, BASE], store, Options()).splitlines()[1:] == ["1 run, none left"]
    assert listing([BASE], store, Options(keep_epochs=(1,))).startswith("recorded")  # a network is missing
    (store.results / "runs" / "damaged").mkdir()
    (store.results / "runs" / "damaged" / "run.json").write_text("{")
    assert listing([BASE, missing], store, Options()).splitlines()[-1] == total
    assert store.done(missing) is None


@pytest.mark.parametrize(("precision", "told"), [("float32", "120 s"), ("bfloat16", "~120 s")])
def test_list_counts_what_a_checkpoint_leaves(folder, monkeypatch, precision, told):
    train(BASE, options(folder))
    longer, store = dataclasses.replace(BASE, epochs=7, precision=precision), Store(folder)
    monkeypatch.setattr(Writer, "finish", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        train(longer, options(folder, checkpoint_every=5))
    monkeypatch.setattr(estimates, "read_record", lambda path: record(seconds=120.0))  # a minute per epoch
    line = listing([longer], store, options(folder)).splitlines()[0]
    assert line.split() == ["epoch", "5", *told.split(), run_id(longer)]
    path = store.checkpoint(longer)
    for length in (100, 0):
        path.write_bytes(path.read_bytes()[:length])
        assert listing([longer], store, options(folder)).startswith("missing")


@pytest.mark.parametrize("known", ["own", "published"])
def test_the_time_that_is_left_counts_missing_runs_by_the_records_there_are(folder, tmp_path, monkeypatch, known):
    train(BASE, options(folder if known == "own" else tmp_path / "published"))
    monkeypatch.setattr(estimates, "read_record", lambda path: record(seconds=120.0))  # a minute per epoch
    configs = [BASE, dataclasses.replace(BASE, epochs=7), dataclasses.replace(BASE, model="mlp3")]
    lines = listing(configs, Store(folder), Options()).splitlines()
    shown = [line.split(maxsplit=1)[1].rsplit(maxsplit=1)[0] for line in lines[:3]]
    assert shown == ["120 s", "420 s", "no estimate"]
    part = {"own": "7 minutes of training left for 1 of 2", "published": "9 minutes of training left for 2 of 3"}[known]
    legend = "; recorded: its network is not here" if known == "published" else ""
    assert lines[3] == f"3 runs, about {part} missing, one after the other{legend}"
    states = [line.split()[0] for line in lines[:3]]
    assert states == ["done" if known == "own" else "recorded", "missing", "missing"]
    halved = dataclasses.replace(BASE, precision="bfloat16", train_size=100, epochs=4)  # half as many, twice the epochs
    rough = listing([halved, configs[2]], Store(folder), Options()).splitlines()
    assert rough[0].split()[:3] == ["missing", "~120", "s"] and rough[1].split()[1] == "no"
    part = "2 minutes of training left for 1 of 2 missing, one after the other; ~: by its network in other runs"
    assert rough[2] == f"2 runs, about {part}"
    unlike = listing([configs[2]], Store(folder), Options()).splitlines()[-1]
    assert unlike == "1 run, no estimate of the time: nothing like it is on record"


@pytest.mark.parametrize(
    "changes, records, expected",
    [
        ({}, [], None),
        ({}, [record()], 30.0),
        ({"epochs": 6}, [record()], 90.0),
        ({"train_size": 400}, [record()], 60.0),
        ({"train_size": None}, [record()], None),  # of a part says nothing of the whole
        ({"crop": 14}, [record()], None),
        ({"downscale": 2}, [record()], None),
        ({}, [record(seconds=10.0), record(seconds=90.0), record(seconds=20.0)], 20.0),
        ({"seed": 4, "corruption": "ketha"}, [record()], 30.0),
        ({"seed": 4}, [record(epochs=1)], 30.0),  # the same run ended after one of two epochs
        ({"seed": 4, "corruption": "ketha"}, [record(epochs=1)], 60.0),
        ({"model": "mlp3"}, [record()], None),
        ({"width": 64}, [record()], None),
        ({"framework": "keras"}, [record()], None),
        ({"dataset": "mnist"}, [record()], None),
        ({"precision": "bfloat16"}, [record()], None),
        ({}, [record(epochs=0)], None),
    ],
)
def test_an_estimate_is_the_median_cost_of_like_runs_per_epoch_and_example(changes, records, expected):
    assert estimate(dataclasses.replace(BASE, **changes), records, Options()) == expected


def a_study(grid, default=BASE):
    return Study("a_study", grid, default, lambda runs, call: {})


def test_combinations_use_the_rule_only_where_something_is_corrupted():
    grid = Combinations(models=("mlp1",), rule="other_class", fractions=(0, 0.5), seeds=(0, 1))
    configs = a_study(grid).configs(BASE, grid, "paper")
    assert len(configs) == len(set(configs)) == 8
    assert {(c.corruption, c.corruption_fraction) for c in configs} == {("none", 0.0), ("other_class", 0.5)}
    assert {(c.framework, c.seed, c.corruption) for c in configs[:4]} == {
        (framework, 0, rule) for framework in ("keras", "torch") for rule in ("none", "other_class")
    }  # seed by seed


@pytest.mark.parametrize("flag", ["model", "corruption_fraction"])
def test_a_study_refuses_one_value_for_what_its_runs_have_several_of(flag):
    grid = Combinations()
    message = f"^{flag} must be left to the study, whose runs differ in it. Received: {flag}={getattr(BASE, flag)!r}$"
    with pytest.raises(ValueError, match=message):
        a_study(grid).configs(BASE, grid, "paper", {flag})


def test_the_summary_says_what_came_out_and_where_it_is(folder):
    outcome = {
        "epochs": 12, "stop_reason": "epochs", "epochs_to_fit": 9, "fit_criterion": "train_accuracy >= 0.99",
        "train_accuracy": 0.99876, "test_accuracy": 0.5, "test_accuracy_corrupted_labels": None,
    }  # fmt: skip
    found = {
        "run_id": "a-run", "outcome": outcome, "time": {"train_seconds": 61.4}, "model": {"path": "a-run.pt"},
    }  # fmt: skip
    assert summary(found, options(folder)) == (
        "a-run: 12 epochs (epochs), 61 s\n"
        "  training accuracy 99.88 %, test accuracy 50.00 % (against equally corrupted labels –)\n"
        "  fitted (train_accuracy >= 0.99): epoch 9\n"
        f"  model  {folder}/saved_models/a-run.pt\n"
        f"  record {folder}/runs/a-run"
    )
    found["outcome"]["epochs_to_fit"] = None
    assert "  fitted (train_accuracy >= 0.99): no\n" in summary(found, options(folder))


@pytest.mark.parametrize("value, text", [(None, "–"), (0.0, "0.00 %"), (1.0, "100.00 %"), (0.12345, "12.35 %")])
def test_a_share_is_shown_in_percent_and_nothing_as_a_dash(value, text):
    assert percent(value) == text


def test_a_record_starts_the_same_run_and_flags_of_the_command_line_come_first(arguments, tmp_path):
    config = Config(
        model="cnn", train_size=300, schedule="steps", decay_epochs=(1, 2), batch_norm=False, crop=None,
        stop_accuracy=1, flip=True, corruption="uniform", corruption_fraction=0.5,
    )  # fmt: skip
    path = tmp_path / "a run.json"
    path.write_text(json.dumps({"run_id": run_id(config), "config": as_dict(config), "outcome": {}}))
    for words, expected in (((), config), (("--seed", 7, "--crop=24"), dataclasses.replace(config, seed=7, crop=24))):
        arguments("--config", path, *words, "--output-dir", tmp_path)
        parsed = parse(__doc__, config=BASE, options=Options(), actions=Actions())
        assert run_id(parsed.config) == run_id(expected) and parsed.options.output_dir == tmp_path
        assert {"schedule", "train_size", "batch_norm"} <= given_flags()


def test_a_file_of_flags_holds_any_flag_by_either_spelling(arguments, tmp_path):
    flags = {"--seeds": [3, 4], "output-dir": str(tmp_path), "keep_epochs": [], "smoke": True, "stack": False}
    (tmp_path / "flags.json").write_text(json.dumps(flags))
    arguments(f"--config={tmp_path / 'flags.json'}")
    parsed = parse(__doc__, grid=Combinations(), options=Options(), actions=Actions())
    assert parsed.grid.seeds == (3, 4) and parsed.actions.smoke
    assert parsed.options == Options(output_dir=tmp_path, stack=False)


@pytest.mark.parametrize(
    "content, told",
    [
        (b"[1]", "config must hold a value for each flag, or be a run's record"),
        (b'{"config": 3}', "config must hold a value for each flag, or be a run's record"),
        (b"{", "config must be a file of JSON"),
        (b"\x80\x02", "config must be a file of JSON"),
        (b'{"sed": 1}', "--sed"),
        (b'{"seed": "one"}', "--seed"),
        (None, "config must be a file of JSON"),
    ],
)
def test_a_wrong_file_of_flags_is_one_line(arguments, tmp_path, capsys, content, told):
    if content is not None:
        (tmp_path / "flags.json").write_bytes(content)
    arguments("--config", tmp_path / "flags.json")
    with pytest.raises(SystemExit) as caught, one_line_errors():
        parse(__doc__, config=BASE, options=Options(), actions=Actions())
    error = capsys.readouterr().err
    assert caught.value.code == 2 and error.count("\n") == 1 and told in error


def test_an_estimate_is_of_the_device_that_would_train(monkeypatch):
    monkeypatch.setattr(estimates, "gpus", lambda: ())
    monkeypatch.setattr(estimates, "processor", lambda: "A")
    environments = [("cpu", "A"), ("cpu", "B"), ("NVIDIA H200", "A"), ("NVIDIA T4", "A")]
    records = [
        record(seconds=seconds, environment={"device": device, "processor": name})
        for seconds, (device, name) in zip((30.0, 50.0, 2.0, 10.0), environments, strict=True)
    ]
    torch = dataclasses.replace(BASE, framework="torch")

    def seconds(config, device):
        return estimate(config, records, Options(device=device))

    assert seconds(torch, "auto") == seconds(torch, "cpu") == 30
    monkeypatch.setattr(estimates, "processor", lambda: "C")
    assert seconds(torch, "cpu") == 40
    assert seconds(torch, "cuda") == 6  # an unknown GPU
    monkeypatch.setattr(estimates, "gpus", lambda: ("NVIDIA H200", "NVIDIA T4"))
    assert seconds(torch, "auto") == 2 and seconds(torch, "cpu") == 40
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    assert not estimates.on_gpu("keras", Options())
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    assert estimates.on_gpu("keras", Options())
    assert estimate(torch, records[:2], Options()) is None


@pytest.mark.skipif(os.name != "posix", reason="the driver's program is a script here")
@pytest.mark.parametrize(
    "answer, names",
    [("echo NVIDIA H200; echo NVIDIA T4", ("NVIDIA H200", "NVIDIA T4")), ("echo no driver; exit 9", ())],
)
def test_the_driver_is_asked_for_gpus(monkeypatch, tmp_path, answer, names):
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    tool = tmp_path / "nvidia-smi"
    tool.write_text(f"#!/bin/sh\n[ \"$1 $2\" = '--query-gpu=name --format=csv,noheader' ] && {{ {answer}; }}\n")
    tool.chmod(0o755)
    assert estimates.gpus.__wrapped__() == names
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    assert estimates.gpus.__wrapped__() == ()


def test_the_cheapest_come_first_and_what_no_record_tells_last(monkeypatch, folder):
    monkeypatch.setattr(estimates, "known_records", lambda store: [record()])
    long, unknown = dataclasses.replace(BASE, epochs=9), dataclasses.replace(BASE, width=7)
    assert estimates.by_cost([unknown, long, BASE], Store(folder), Options()) == [BASE, long, unknown]


def test_a_rate_is_of_a_network_at_any_size_by_examples_and_pixels():
    text = Config(dataset="trec", length=20)
    assert estimates.area(text) == 20 and estimates.area(dataclasses.replace(text, length=None)) == 1
    small = dataclasses.replace(BASE, crop=4)
    assert estimates.area(small) == 16 and estimates.area(dataclasses.replace(BASE, crop=None)) == 64
    assert estimates.area(dataclasses.replace(BASE, crop=None, downscale=2)) == 16
    assert estimates.area(dataclasses.replace(BASE, crop=28)) == 64  # no more than there is, unless it is resized
    assert estimates.area(dataclasses.replace(BASE, crop=28, center_box=0.875)) == 28**2
    assert estimates.volume(dataclasses.replace(small, train_size=None), Options()) == 1437 * 16 * BASE.epochs
    rate = estimates.rate(BASE.model, "torch", BASE.width, [record(small)], Options(device="cpu"))
    assert rate == pytest.approx(30 / (2 * 200 * 16))
    for other in (("mlp3", "torch", BASE.width), (BASE.model, "torch", 999)):
        assert estimates.rate(*other, [record(small)], Options()) is None
    elsewhere = record(dataclasses.replace(small, dataset="imagenet_320"))  # its size is known where it lies
    assert estimates.rate(BASE.model, "torch", BASE.width, [elsewhere], Options(device="cpu")) is None
