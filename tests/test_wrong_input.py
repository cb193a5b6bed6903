"""Wrong input ends in one clear line on standard error and exit status 2; what was there is still there."""

import json
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import keras
import pytest
import torch

from common.analysis import kernels
from common.data import datasets
from common.runs.config import Config, Options, run_id, smoke
from common.runs.store import PUBLISHED, Store
from common.runs.training import train

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
SCRIPT = "mlp1_true_labels.py"
RUN = smoke(Config(model="mlp1", framework="torch"))


def refused(capsys, monkeypatch, script, *arguments):
    """The one line that a script prints when it refuses."""
    monkeypatch.setattr(sys, "argv", [script, *map(str, arguments)])
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(ROOT / "experiments" / script), run_name="__main__")
    lines = capsys.readouterr().err.strip().splitlines()
    assert ended.value.code == 2
    assert len(lines) == 1 and lines[0].startswith("error: "), lines
    return lines[0]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A store with one finished run."""
    folder = tmp_path_factory.mktemp("finished")
    train(RUN, Options(output_dir=folder, threads=1))
    return folder


@pytest.fixture
def output(finished, tmp_path):
    shutil.copytree(finished, tmp_path / "output")
    return tmp_path / "output"


def model_file(output, content=None):
    """A copy of the finished run's model, of `content` bytes where that is given."""
    source, target = Store(output).model_path(RUN), output / "mine.pt"
    target.write_bytes(source.read_bytes()[:content])
    return target


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--model", "mlp33"], "Did you mean mlp3?"),
        (["--dataset", "digit"], "Did you mean digits?"),
        (["--framework", "pytorch"], "framework='pytorch'"),
        (["--corruption", "uniform", "--corruption-fraction", "1.5"], "corruption_fraction=1.5"),
        (["--corruption", "uniform", "--corruption-fraction", "-0.1"], "corruption_fraction=-0.1"),
        (["--corruption-fraction", "0.5"], "corruption is none"),
        (["--corruption", "uniform"], "corruption_fraction must be above 0 where a rule is named. Received"),
        (["--train-size", "5000"], "train_size=5000"),
        (["--validation-size", "2000"], "validation_size=2000"),
        (["--precision", "float16"], "Did you mean bfloat16?"),
        (["--device", "gpu"], "device='gpu'"),
        (["--device", "cuda"], "finds no GPU"),
        (["--device", "cuda:1"], "finds no GPU here. Received: device='cuda:1'"),
        (["--schedule", "steps"], "decay_epochs=()"),
        (["--framework", "keras", "--processes", "2"], "framework must be torch with processes"),
    ],
)
def test_wrong_values_name_what_must_hold(capsys, monkeypatch, tmp_path, arguments, named):
    if arguments[-1].startswith("cuda") and torch.cuda.is_available():
        pytest.skip("there is a GPU")
    defaults = ["--dataset", "digits", "--framework", "torch", "--epochs", 1, "--output-dir", tmp_path]
    assert named in refused(capsys, monkeypatch, SCRIPT, *defaults, *arguments)
    assert not list(tmp_path.rglob("run.json"))


@pytest.mark.parametrize("script", ["reproduce_mlps.py", "reproduce_zhang.py"])
def test_a_smoke_test_is_not_published(capsys, monkeypatch, tmp_path, script):
    arguments = ["--smoke", "--publish", "--output-dir", tmp_path]
    assert "publish must be off in a smoke test" in refused(capsys, monkeypatch, script, *arguments)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("script", "model", "named"),
    [
        ("convergence_slowdown.py", "alexnett", "Did you mean alexnet?"),
        ("generalization_error_growth.py", "mlp4", "model must be one of inception, "),
        ("compare_frameworks.py", "mlp4", "model must be one of inception, "),
    ],
)
def test_a_model_without_an_entry_in_the_paper_is_refused(capsys, monkeypatch, tmp_path, script, model, named):
    arguments = ["--models", model, "--preset", "small", "--list", "--output-dir", tmp_path]
    assert named in refused(capsys, monkeypatch, script, *arguments)


@pytest.mark.parametrize(
    ("script", "arguments", "named"),
    [
        ("convergence_slowdown.py", ["--weight-decay", "1e-4"], "setting='weight_decay'"),
        ("generalization_error_growth.py", ["--random-crop"], "setting='random_crop'"),
        ("randomization_learning_curves.py", ["--flip"], "setting='flip'"),
        ("randomization_learning_curves.py", ["--no-batch-norm"], "model='inception_without_batch_norm'"),
        ("batch_norm_and_early_stopping.py", ["--dropout", "0.5"], "setting='dropout'"),
        ("batch_norm_and_early_stopping.py", ["--no-batch-norm"], "batch_norm=False"),
        ("explicit_regularization.py", ["--flip"], "setting='weight_decay_flip'"),
        ("regularized_random_labels.py", ["--no-batch-norm"], "model='mlp1_without_batch_norm'"),
        ("reproduce_zhang.py", ["--rotation", "5"], "setting='rotation_5'"),
        ("alexnet_first_layer_filters.py", ["--weight-decay", "1e-4"], "setting='weight_decay'"),
    ],
)
def test_runs_that_a_figure_or_table_does_not_show_are_refused_untrained(
    capsys, monkeypatch, tmp_path, script, arguments, named
):
    arguments = [*arguments, "--framework", "torch", "--smoke", "--output-dir", tmp_path]
    assert named in refused(capsys, monkeypatch, script, *arguments)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("script", "arguments", "named"),
    [
        ("minimum_norm_kernels.py", ["--train-size", "1"], "train_size must be at least 2. Received: train_size=1"),
        ("minimum_norm_kernels.py", ["--bandwidth", "-1"], "bandwidth must be positive. Received: bandwidth=-1.0"),
        (
            "minimum_norm_kernels.py",
            ["--dataset", "mnist", "--train-size", "60001"],
            "train_size must be at most 60000",
        ),
        ("minimum_norm_kernels.py", ["--device", "cuda"], "finds no GPU"),
        ("raw_input_subspaces.py", ["--dataset", "digit"], "Did you mean digits?"),
        ("raw_input_subspaces.py", ["--fraction", "2"], "fraction must be within 0 and 1. Received: fraction=2.0"),
        ("raw_input_subspaces.py", ["--probes", "mask"], "Did you mean masc?"),
        ("mlp3_random_labels.py", ["--train-size", "50001", "--list"], "train_size must be at most 50000"),
        ("masc_decoding.py", ["--models", "mlp3", "--list"], "models must be one of alexnet_large, "),
        ("mlp3_random_labels.py", ["--config", "--list"], "argument --config: expected one argument"),
        ("finite_sample_expressivity.py", ["--train-size", "1"], "train_size must be at least 2"),
        ("finite_sample_expressivity.py", ["--place", "1"], "place must lie between 0 and 1"),
        ("finite_sample_expressivity.py", ["--labels", "rando"], "Did you mean random?"),
        ("interpolation_peak.py", ["--train-size", "17"], "train_size must be at least 18"),
        ("gradient_descent_minimum_norm.py", ["--train-size", "784"], "train_size must be below the 784 values"),
        ("interpolation_peak.py", ["--seed", "-1", "--list"], "seed must be at least 0. Received: seed=-1"),
        ("gradient_descent_minimum_norm.py", ["--seed", "-1"], "seed must be at least 0. Received: seed=-1"),
        ("critical_sample_ratio.py", ["--noises", "shuffled_words", "--list"], "noise must be one of uniform, "),
        ("critical_sample_ratio.py", ["--noises", "none", "--list"], "noise must be one of uniform, "),
        ("capacity_and_noise.py", ["--noises", "mnist", "--list"], "noises must be DATASET:RULE, as mnist:gaussian"),
        ("capacity_and_noise.py", ["--noises", "mnist:shuffled_words", "--list"], "noise must be one of uniform, "),
        ("example_difficulty.py", ["--datasets", "imdb", "--list"], "data set must be one of digits, "),
        ("mlp3_random_labels.py", ["--dataset", "cifar11", "--list"], "dataset must be one of digits, "),
        ("masc_decoding.py", ["--seeds", "-1", "--list"], "seed must be 0 or more, and below 2**32. Received: seed=-1"),
        ("attributions.py", ["--framework", "keras", "--preset", "small"], "framework must be torch for attributions"),
    ],
)
def test_what_cannot_be_computed_is_refused_before_anything_is(capsys, monkeypatch, tmp_path, script, arguments, named):
    if arguments[-1].startswith("cuda") and torch.cuda.is_available():
        pytest.skip("there is a GPU")
    assert named in refused(capsys, monkeypatch, script, *arguments, "--output-dir", tmp_path)
    assert not list(tmp_path.rglob("*.json"))


def test_more_examples_than_memory_holds_are_refused(capsys, monkeypatch, tmp_path):
    monkeypatch.setattr(kernels, "free_bytes", lambda device: 8e9)
    arguments = ["--dataset", "mnist", "--train-size", "40000", "--device", "cpu", "--output-dir", tmp_path]
    assert "40000 examples need 14.8 GB in float64, and 8.0 GB are free. Received: train_size=40000" in refused(
        capsys, monkeypatch, "minimum_norm_kernels.py", *arguments
    )
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("script", "arguments", "named"),
    [
        ("alexnet_true_labels.py", ["--epochs", "70"], "epochs must be 60 with --preset small. Received: epochs=70"),
        ("alexnet_true_labels.py", ["--epochs=70"], "epochs=70"),
        ("alexnet_true_labels.py", ["--batch_size", "128"], "batch_size=128"),
        ("convergence_slowdown.py", ["--model", "mlp3"], "model='mlp3'"),
        ("batch_norm_and_early_stopping.py", ["--batch-norm"], "batch_norm=True"),
        ("reproduce_zhang.py", ["--no-random-crop"], "random_crop=False"),
        ("compare_frameworks.py", ["--batch-size", "128"], "batch_size=128"),
    ],
)
def test_a_flag_that_repeats_the_default_against_a_preset_is_refused(
    capsys, monkeypatch, tmp_path, script, arguments, named
):
    arguments = [*arguments, "--preset", "small", "--list", "--output-dir", tmp_path]
    assert named in refused(capsys, monkeypatch, script, *arguments)


@pytest.mark.parametrize(
    ("script", "arguments", "named"),
    [
        ("time_to_convergence.py", ["--shares", "0.5", "0"], "shares must be above 0 and at most 1. Received: 0"),
        ("time_to_convergence.py", ["--shares", "0.00001"], "leave at least one example to train on. Received: 1e-05"),
        ("time_to_convergence.py", ["--shares", "1.5"], "shares must be above 0 and at most 1. Received: 1.5"),
        ("open_choices.py", ["--radius", "-1"], "radius must be finite and 0 or more. Received: radius=-1.0"),
        ("open_choices.py", ["--iterations", "0"], "iterations must be 1 or more. Received: iterations=0"),
        ("open_choices.py", ["--loss", "trian"], "Did you mean train?"),
        ("example_difficulty.py", ["--datasets", "mnsit"], "Did you mean mnist?"),
        ("masc_decoding.py", ["--datasets", "mnsit", "--preset", "small"], "Did you mean mnist?"),
        ("representation_statistics.py", ["--datasets", "mnsit"], "Did you mean mnist?"),
        (
            "compare_frameworks.py",
            ["--preset", "paper", "--models", "resnet18"],
            "model in keras must be one of mlp1, ",
        ),
        ("compare_frameworks.py", ["--models", "mlp33", "--seeds", "0"], "Did you mean mlp3?"),
        ("label_corruption_sweep.py", ["--models", "mlp1", "cnn"], "Received: model in keras='cnn'"),
    ],
)
def test_a_study_refuses_wrong_values_before_it_trains(capsys, monkeypatch, tmp_path, script, arguments, named):
    assert named in refused(capsys, monkeypatch, script, *arguments, "--smoke", "--output-dir", tmp_path)
    assert not list(tmp_path.iterdir())


def test_missing_data_names_folder_download_and_the_way_without(capsys, monkeypatch, tmp_path):
    line = refused(capsys, monkeypatch, SCRIPT, "--data-dir", tmp_path / "none", "--output-dir", tmp_path)
    for part in (str(tmp_path / "none"), "python -m common.data.datasets cifar10", "--dataset digits"):
        assert part in line


@pytest.mark.data
@pytest.mark.parametrize("damage", [lambda content: content[:-1000], lambda content: content[:-1] + b"!"])
def test_a_truncated_or_altered_data_file_is_named_and_left_alone(capsys, monkeypatch, tmp_path, data_dir, damage):
    folder = datasets.DATASETS["mnist"].folder
    shutil.copytree(data_dir / folder, tmp_path / folder)
    for path in (tmp_path / folder).glob("t10k-images*"):
        path.write_bytes(damage(path.read_bytes()))
    before = {path: path.read_bytes() for path in (tmp_path / folder).iterdir()}
    arguments = ["--dataset", "mnist", "--data-dir", tmp_path, "--output-dir", tmp_path / "output"]
    assert "t10k-images" in refused(capsys, monkeypatch, SCRIPT, *arguments)
    assert before == {path: path.read_bytes() for path in (tmp_path / folder).iterdir()}


@pytest.mark.parametrize("kept", [0, 100, 20_000])
def test_a_truncated_pt_is_refused(capsys, monkeypatch, output, kept):
    path = model_file(output, kept)
    assert str(path) in refused(capsys, monkeypatch, "decode_layers.py", path, "--output-dir", output)


def test_a_truncated_h5_is_refused(capsys, monkeypatch, tmp_path):
    path = tmp_path / "model.h5"
    keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten(), keras.layers.Dense(10)]).save(path)
    path.write_bytes(path.read_bytes()[:-2000])
    arguments = [path, "--dataset", "digits", "--output-dir", tmp_path]
    assert str(path) in refused(capsys, monkeypatch, "decode_layers.py", *arguments)


class Malicious:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def test_a_pt_that_would_execute_code_is_refused_and_executes_none(capsys, monkeypatch, tmp_path):
    torch.save({"state_dict": Malicious(tmp_path / "executed")}, tmp_path / "model.pt")
    refused(capsys, monkeypatch, "decode_layers.py", tmp_path / "model.pt", "--output-dir", tmp_path)
    assert not (tmp_path / "executed").exists()


def test_an_h5_with_a_lambda_layer_is_refused(capsys, monkeypatch, tmp_path):
    inputs = keras.Input((8, 8, 1))
    model = keras.Model(inputs, keras.layers.Lambda(lambda x: x + 1)(inputs))
    model.save(tmp_path / "model.h5")
    arguments = [tmp_path / "model.h5", "--dataset", "digits", "--output-dir", tmp_path]
    assert "model.h5" in refused(capsys, monkeypatch, "decode_layers.py", *arguments)


def test_an_unknown_layer_and_an_unknown_run_are_named(capsys, monkeypatch, output):
    arguments = ["--layers", "fc9", "--output-dir", output]
    assert "fc1" in refused(capsys, monkeypatch, "decode_layers.py", run_id(RUN), *arguments)
    assert "nothing" in refused(capsys, monkeypatch, "decode_layers.py", "nothing", "--output-dir", output)


def test_a_run_that_diverged_is_not_read_out(capsys, monkeypatch, output):
    path = Store(output).folder(run_id(RUN)) / "run.json"
    path.write_text(path.read_text().replace('"stop_reason": "epochs"', '"stop_reason": "diverged"'))
    arguments = [run_id(RUN), "--output-dir", output]
    assert "must not have diverged" in refused(capsys, monkeypatch, "decode_layers.py", *arguments)


@pytest.mark.parametrize(
    "arguments, named",
    [
        ([], "models must name at least one"),
        (["nope.pt", "--list"], "no model file nope.pt"),
        (["nope", "--list"], "a run must be named by the id of a run under"),
        ([next(PUBLISHED.glob("runs/*")).name], "of a published run there is the record alone, no network"),
        (["mine.pt", "--probes"], "probes must name at least one"),
        (["mine.pt", "mine.pt", "other/mine.pt"], "Received: mine twice"),
        (["mine.pt", "--probes", "masc_1pc", "--variance", "0.3"], "variance=0.3"),
        (["mine.pt", "--probes", "lda", "--variance", "0.99"], "variance=0.99"),
    ],
)
def test_what_decodes_nothing_or_loses_something_is_refused(capsys, monkeypatch, output, arguments, named):
    (output / "other").mkdir()
    shutil.copyfile(model_file(output), output / "other" / "mine.pt")
    monkeypatch.chdir(output)
    assert named in refused(capsys, monkeypatch, "decode_layers.py", *arguments, "--output-dir", output)
    assert not (output / "decoding").exists()


@pytest.mark.parametrize(
    "arguments, named",
    [
        ([], "it is a bare state dict; --module my_file.py:Net (or --model"),
        (["--model", "mlp5"], "Did you mean mlp4?"),
        (["--model", "mlp3"], "none for 4 that it has (fc2.weight, "),
        (["--model", "mlp1", "--labels", "none.npy"], "none.npy"),
        (["--model", "mlp1", "--probes", "mask"], "Did you mean masc?"),
        (["--model", "mlp1", "--preprocessing", "minus_one"], "Did you mean minus_one_one?"),
        (["--model", "mlp1", "--train-size", "5000"], "train_size=5000"),
    ],
)
def test_a_bare_state_dict_needs_what_it_does_not_say(capsys, monkeypatch, output, arguments, named):
    torch.save(torch.load(Store(output).model_path(RUN))["state_dict"], output / "bare.pt")
    scale = ["--preprocessing", "per_image"] if "--preprocessing" not in arguments else []
    arguments = [output / "bare.pt", "--dataset", "digits", *scale, *arguments, "--output-dir", output]
    assert named in refused(capsys, monkeypatch, "decode_layers.py", *arguments)


def test_an_h5_says_its_architecture_itself(capsys, monkeypatch, tmp_path):
    keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten(), keras.layers.Dense(10)]).save(tmp_path / "m.h5")
    given = ["--dataset", "digits", "--preprocessing", "zero_one", "--model", "mlp1"]
    arguments = [tmp_path / "m.h5", *given, "--output-dir", tmp_path]
    line = refused(capsys, monkeypatch, "decode_layers.py", *arguments)
    assert "--module and --model are for a file with weights alone" in line


@pytest.mark.parametrize("name, named", [("mine.pt", "it holds its own config"), (run_id(RUN), "model must be none")])
def test_a_file_or_run_of_the_suite_says_its_architecture_itself(capsys, monkeypatch, output, name, named):
    arguments = [model_file(output) if name == "mine.pt" else name, "--dataset", "digits", "--model", "mlp1"]
    assert named in refused(capsys, monkeypatch, "decode_layers.py", *arguments, "--output-dir", output)


@pytest.mark.data
def test_a_model_that_does_not_fit_the_data_is_refused(capsys, monkeypatch, output, data_dir):
    arguments = [run_id(RUN), "--dataset", "mnist", "--train-size", 100, "--data-dir", data_dir, "--output-dir", output]
    line = refused(capsys, monkeypatch, "decode_layers.py", *arguments)
    assert "(8, 8, 1)" in line and "(28, 28, 1)" in line


@pytest.mark.parametrize(
    "edit",
    [
        lambda text: text[: len(text) // 2],
        lambda text: "[]",
        lambda text: text.replace('"mlp1"', '"mlp3"', 1),
        lambda text: json.dumps(json.loads(text) | {"outcome": {"train_accuracy": 7, "test_accuracy": 0.5}}),
        lambda text: json.dumps({**json.loads(text), "config": {}}),
    ],
    ids=["truncated", "list", "other config", "accuracy 7", "empty config"],
)
def test_a_record_edited_into_nonsense_is_named_and_left_alone(capsys, monkeypatch, output, edit):
    record = Store(output).folder(run_id(RUN)) / "run.json"
    record.write_text(edit(record.read_text()))
    before = record.read_text()
    arguments = ["--smoke", "--framework", "torch", "--output-dir", output]
    assert run_id(RUN) in refused(capsys, monkeypatch, SCRIPT, *arguments)
    assert record.read_text() == before


def test_a_folder_that_cannot_be_written_is_named(capsys, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    arguments = ["--smoke", "--framework", "torch", "--output-dir", tmp_path / "file"]
    assert str(tmp_path / "file") in refused(capsys, monkeypatch, SCRIPT, *arguments)


@pytest.mark.parametrize("framework", ["keras", "torch"])
def test_a_full_disk_is_one_line_and_leaves_what_was_there(output, framework):
    """A limit on the size of files stands for the disk: the finished model would be the first file above it."""
    model, before = Store(output).model_path(RUN), Store(output).model_path(RUN).read_bytes()
    arguments = ["--smoke", "--framework", framework, "--force", "--output-dir", output]
    command = "ulimit -f 100; exec " + " ".join([sys.executable, f"experiments/{SCRIPT}", *map(str, arguments)])
    ended = subprocess.run(["bash", "-c", command], cwd=ROOT, capture_output=True, text=True)
    errors = [line for line in ended.stderr.splitlines() if " epoch " not in line]
    assert ended.returncode == 2 and len(errors) == 1 and "could not be written" in errors[0], ended.stderr
    assert model.read_bytes() == before
    assert not [path for path in output.rglob(".*") if path.is_file()]
