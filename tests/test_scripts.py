"""Every script runs as a user runs it: --list, --smoke, and again without training anything."""

import contextlib
import io
import runpy
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from smoke import SMOKE

from common import files
from common.analysis import readout, representation
from common.papers.zhang.recipes import fields
from common.papers.zhang.targets import NUMBERS
from common.report import figures
from common.runs import computation, estimates, sweep, threads, training
from common.runs.store import file_sha256, read_lines

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
SCRIPTS = sorted(path.name for path in (ROOT / "experiments").glob("*.py"))
SINGLE = [name for name in SCRIPTS if name.startswith(("mlp1_", "mlp3_", "lstm_"))]
ROWS = [name for name in SCRIPTS if name.startswith(("alexnet_", "inception_", "wide_"))]
ROWS.remove("alexnet_first_layer_filters.py")
MADE = {
    "alexnet_first_layer_filters.py": ("filters.png",),
    "attributions.py": ("attributions.md", "pictures.png", "over_epochs.png"),
    "batch_norm_and_early_stopping.py": ("accuracy.png", "claims.md"),
    "compare_frameworks.py": ("framework.md",),
    "convergence_slowdown.py": ("epochs_to_fit.png", "table.md"),
    "explicit_regularization.py": ("table.md", "claims.md"),
    "generalization_error_growth.py": ("test_error.png",),
    "label_corruption_sweep.py": ("mlp1.png", "table.csv"),
    "reproduce_zhang.py": ("table.md",),
    "randomization_learning_curves.py": ("training_loss.png", "epochs_to_fit.md", "claims.md"),
    "regularized_random_labels.py": ("table.md",),
    "language_learning_curves.py": ("training_loss.png", "settings.md", "claims.md"),
    "language_label_corruption.py": ("epochs_to_fit.png", "test_error.png", "fractions.md", "claims.md"),
    "language_regularization.py": ("trade_off_phrases_lstm.png", "regularizers.md", "claims.md"),
    "language_decoding.py": ("layers_lstm.png", "training_lstm.png", "clean_networks.md", "claims.md"),
    "language_texts.py": ("own_words.png", "texts.md", "vocabularies.md", "claims.md"),
    "masc_decoding.py": ("layers_cnn_torch.png", "summary.md", "claims.md", "layers.csv", "clean_networks.md"),
    "masc_variance_threshold.py": ("probes.png", "claims.md", "layers.md"),
    "probe_baselines.py": ("probes.png", "claims.md", "layers.md"),
    "velpic_weight_transfer.py": ("edited_networks.png", "edited_training.png", "transfer.md", "claims.md"),
    "masc_relabel_retraining.py": ("relabelling.md", "claims.md"),
    "untrained_networks.py": ("over_corruption.png", "untrained.md"),
    "latent_generalization_dynamics.py": ("dynamics.png", "early_stopping.md", "claims.md"),
    "raw_input_subspaces.py": ("raw_inputs.md",),
    "representation_similarity.py": ("corresponding_layers.md",),
    "representation_statistics.py": ("last_epoch.md",),
    "example_difficulty.py": ("difficulty_digits.png", "images_digits.png", "dispersion_digits.md"),
    "first_layer_filters.py": ("filters.png", "spectral_centroids.md", "claims.md"),
    "loss_sensitivity.py": ("gini_l1.png", "gini.md", "claims.md"),
    "class_loss_sensitivity.py": ("classes_l1.png", "classes.md", "claims.md"),
    "capacity_and_noise.py": ("capacity.png", "claims.md"),
    "time_to_convergence.py": ("time.png", "claims.md"),
    "critical_sample_ratio.py": ("splits_cnn2.png", "ratios.md", "claims.md"),
    "open_choices.py": ("critical_samples.md", "loss_sensitivity.md"),
    "independent_replication.py": ("curves.png", "table.md"),
    "regularized_memorization.py": ("trade_off.png", "training_loss.png", "effects.md", "claims.md"),
    "example_table.py": ("examples.csv", "agreement.md", "first_and_last_learned.png"),
    "gradient_descent_minimum_norm.py": ("ends.md", "descent.png"),
    "finite_sample_expressivity.py": ("networks.md", "depths.md", "construction.png", "sizes.png"),
    "interpolation_peak.py": ("errors.md", "peak.png"),
    "minimum_norm_kernels.py": ("table_3.md", "error_and_norm.png"),
    "imagenet_regularization.py": ("table.md", "claims.md"),
    "imagenet_early_stopping.py": ("accuracy.png", "claims.md"),
    "imagenet_sgd.py": ("table.md",),
    "imagenet_alexnet.py": ("table.md",),
}
"""What studies and computations leave in the folder of their name."""
ELSEWHERE = {
    "benchmark_probes.py": "test_benchmark_probes.py",
    "benchmark_reader.py": "test_benchmark_reader.py",
    "benchmark_stacked.py": "test_benchmark_stacked.py",
    "benchmark_texts.py": "test_benchmark_texts.py",
    "decode_layers.py": "test_decode_layers.py",  # it trains nothing: its quick trial is a run of another script
    "durability_files.py": "test_durability.py",
    "durability_kills.py": "test_durability.py",
    "publish_models.py": "test_published_models.py",
    "published_report.py": "test_published.py",
    "reproduce_papers.py": "test_reproduce_papers.py",  # a trial of it is one of every study
}
SMOKED = [name for name in SCRIPTS if name not in ELSEWHERE]
SECONDS = 45
"""Of a processor, which two cores do in about half a minute."""
FLAGS = {name: ("--framework", ("keras", "torch")[place % 2]) for place, name in enumerate(SINGLE)}
SHARED = {  # scripts that have runs in common are tried in one process
    "decoding": [
        "masc_decoding.py", "masc_variance_threshold.py", "probe_baselines.py", "velpic_weight_transfer.py",
        "masc_relabel_retraining.py", "untrained_networks.py", "latent_generalization_dynamics.py",
    ],
    "a closer look": [
        "example_difficulty.py", "first_layer_filters.py", "loss_sensitivity.py", "class_loss_sensitivity.py",
        "capacity_and_noise.py", "time_to_convergence.py", "critical_sample_ratio.py", "open_choices.py",
        "independent_replication.py", "regularized_memorization.py", "example_table.py",
    ],
    "rethinking": [
        "batch_norm_and_early_stopping.py", "convergence_slowdown.py", "generalization_error_growth.py",
        "explicit_regularization.py", "randomization_learning_curves.py", "regularized_random_labels.py",
        "alexnet_first_layer_filters.py", "reproduce_zhang.py",
    ],
    "language": [
        "language_learning_curves.py", "language_label_corruption.py", "language_regularization.py",
        "language_decoding.py", "language_texts.py",
    ],
    "imagenet": ["imagenet_regularization.py", "imagenet_early_stopping.py", "imagenet_sgd.py", "imagenet_alexnet.py"],
    "frameworks": ["label_corruption_sweep.py", "compare_frameworks.py"],
    "demo": ["demo.py"],
    "benchmark": ["benchmark_training.py"],
    "representation": ["representation_similarity.py", "representation_statistics.py"],
}  # fmt: skip
GROUP = {name: pytest.mark.xdist_group(group) for group, names in SHARED.items() for name in names}
REPLAYED = ("open_choices.py", "loss_sensitivity.py", "class_loss_sensitivity.py")
"""Trained alone, to the same bits again."""
INPUTS = ("shuffled_pixels", "random_pixels", "gaussian")
PUBLISHED = [target for target in NUMBERS if target["source"] == "Table 1"]


@pytest.fixture(scope="module")
def script(tmp_path_factory):
    """Runs a script in this process, and its sweeps, too; returns its exit status and what it printed."""

    def distribute(configs, options, *_):
        for config in configs:
            training.train(config, options)
        return []

    def run(name, *arguments, distribute=distribute):
        with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(io.StringIO()) as printed:
            patch.setattr(sys, "argv", [name, *map(str, arguments)])
            patch.setattr(sweep, "distribute", distribute)
            patch.setattr(estimates, "PUBLISHED", nothing)
            try:
                runpy.run_path(str(ROOT / "experiments" / name), run_name="__main__")
                status = 0
            except SystemExit as ended:
                status = ended.code or 0
        return status, printed.getvalue()

    nothing = tmp_path_factory.mktemp("nothing_published")
    return run


@pytest.fixture(scope="module", autouse=True)
def few_drawings():
    """Drawings are small, and learning curves are drawn alike: those of the first run stand for all."""
    drawn, save = [], figures.save

    def save_first(figure, path):
        if path.name == "learning_curves.png" and drawn:
            return files.write(path, drawn[0])
        save(figure, path)
        if path.name == "learning_curves.png":
            drawn.append(path.read_bytes())

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(figures, "save", save_first)
        patch.setattr(figures, "DOTS", 40)
        yield


@pytest.fixture(scope="module")
def smoked(script, tmp_path_factory):
    """Tries a script, once, in a folder of its group; returns exit status, text, CPU seconds, folder and arguments."""
    folders, tried = {name: tmp_path_factory.mktemp("smoked") for name in {*map(group_of, SMOKED)}}, {}

    def run(name):
        if name not in tried:
            folder = folders[group_of(name)]
            arguments = ["--smoke", *FLAGS.get(name, ()), "--device", "cpu", "--output-dir", folder]
            listed, start = script(name, "--list", *arguments), time.process_time()
            assert listed[0] == 0
            tried[name] = *script(name, *arguments), time.process_time() - start, folder, arguments
        return tried[name]

    return run


def group_of(name):
    """Group of scripts whose runs lie in one folder: a script's own name where it has none."""
    return next((group for group, names in SHARED.items() if name in names), name)


@pytest.mark.parametrize("name", [pytest.param(name, marks=GROUP.get(name, ())) for name in SMOKED])
def test_every_script_shows_what_it_does_in_half_a_minute_and_does_nothing_twice(
    script, smoked, monkeypatch, record_property, name
):
    stacked, run = [], sweep.run
    monkeypatch.setattr(sweep, "run", lambda *what, **how: stacked.append(what[1].stack) or run(*what, **how))
    status, text, seconds, folder, arguments = smoked(name)
    record_property(SMOKE, (seconds, name))
    assert (status, set(stacked)) in ((0, {name not in REPLAYED}), (0, set())) and text and seconds < SECONDS
    made = {path.name for path in (folder / name.removesuffix(".py")).glob("*")}
    assert made >= {*MADE.get(name, ())}
    for path in folder.glob("runs/*/learning_curves.png"):
        assert path.read_bytes().startswith(b"\x89PNG")
    for place, attribute in ((training, "make_trainer"), (readout, "read_out"), (computation, "write")):
        monkeypatch.setattr(place, attribute, None)
    monkeypatch.setattr(figures, "save", lambda figure, path: None)
    assert script(name, *arguments) == (0, text)
    assert not {"missing", "recorded"} & {
        line.split()[0] for line in script(name, "--list", *arguments)[1].splitlines()
    }


@pytest.mark.parametrize("name", ROWS)
def test_a_script_of_one_row_is_short_and_has_two_sizes(script, name, tmp_path):
    assert len((ROOT / "experiments" / name).read_text().splitlines()) <= 15
    runs = {script(name, "--list", "--preset", size, "--output-dir", tmp_path)[1] for size in ("paper", "small")}
    assert len(runs) == 2 and all(text.startswith("missing") and "1 run," in text for text in runs)


def test_flags_that_contradict_a_preset_are_refused(script, tmp_path):
    arguments = ["inception_true_labels.py", "--preset", "small", "--output-dir", tmp_path]
    assert script(*arguments, "--train-size", "5000")[0] == 2
    assert script(*arguments, "--train-size", "12500", "--list")[0] == 0
    slowdown = ["convergence_slowdown.py", *arguments[1:], "--list"]
    for model, rate in {"inception": "0.05", "alexnet": "0.005", "mlp1": "0.01"}.items():  # MLPs keep the paper's
        assert script(*slowdown, "--models", model, "--learning-rate", rate)[0] == 0
        assert script(*slowdown, "--models", model, "--learning-rate", "0.02")[0] == 2
    assert script("batch_norm_and_early_stopping.py", "--batch-norm-momentum", "0.5", "--list")[0] == 0
    assert script("batch_norm_and_early_stopping.py", "--model", "alexnet", "--list")[0] == 2
    assert script("inception_true_labels.py", "--preset", "large")[0] == 2


def test_the_small_preset_keeps_the_slow_decay_of_augmented_random_labels():
    both = [fields("inception", setting, "small") for setting in ("random_labels_random_crop", "random_labels")]
    assert [(each["decay"], each["epochs"], each["train_size"]) for each in both] == [
        (0.999, 120, 12_500), (0.98, 60, 12_500),
    ]  # fmt: skip


def test_everything_of_zhang_is_reproduced_by_one_command(script, tmp_path):
    text = script("reproduce_zhang.py", "--list", "--output-dir", tmp_path)[1]
    assert text.count("missing") == len(set(text.splitlines())) - 1 == 59
    rest = ("wide_resnet", "inception_without_batch_norm", "inception_without_batch_norm_weight_decay")
    for name, setting in zip(rest, ("random_labels", "random_crop", "random_crop"), strict=True):
        listed = script(f"{name}_{setting}.py", "--list", "--output-dir", tmp_path)[1]
        assert listed.splitlines()[0].split()[-1] in text


@pytest.mark.parametrize("target", PUBLISHED, ids=lambda t: t["id"])
def test_the_docstring_quotes_the_published_number(target):
    doc = (ROOT / "experiments" / f"{target['model']}_{target['setting']}.py").read_text().split('"""')[1]
    quantity = {"train_accuracy": "training accuracy", "test_accuracy": "test accuracy"}[target["quantity"]]
    assert f"{quantity} {100 * target['value']:.2f}".removesuffix(".00") in doc


def test_sweep_and_comparison_share_their_runs_and_write_tables(script, tmp_path):
    arguments = ["--smoke", "--preset", "paper", "--fractions", "0", "0.6", "--validation-size", "40", "--decode"]
    arguments += ["--output-dir", tmp_path]
    assert script("label_corruption_sweep.py", *arguments, "--workers", "1", distribute=sweep.distribute)[0] == 0
    assert (tmp_path / "label_corruption_sweep" / "mlp1.png").exists()
    assert len((tmp_path / "label_corruption_sweep" / "table.csv").read_text().splitlines()) == 5
    assert script("compare_frameworks.py", "--list", *arguments)[1].count("done") == 4
    status, text = script("compare_frameworks.py", *arguments)
    assert status == 0 and "MASC, layer chosen on held-out examples" in text
    listed = script("compare_frameworks.py", "--records", tmp_path, "--list", "--output-dir", tmp_path / "again")[1]
    assert listed.count("recorded  mlp") == 4 and not (tmp_path / "again").exists()
    assert script("compare_frameworks.py", "--records", tmp_path, "--output-dir", tmp_path / "again")[1].startswith(
        text.split("\n\n")[0]
    )
    model = next((tmp_path / "saved_models").glob("*0.6*.h5"))
    status, text = script("decode_layers.py", model, model.stem, "--output-dir", tmp_path)
    assert status == 0 and text.count("| fc1 |") == 2
    assert (tmp_path / "decoding" / model.stem / "layers.png").exists()
    listing = ["decode_layers.py", model, "--list", "--output-dir", tmp_path]
    assert [script(*listing, "--probes", *names)[1].split()[0] for names in (["masc"], ["lda"], ["masc", "lda"])] == [
        "done", "to", "to",
    ]  # fmt: skip
    assert script("decode_layers.py", model, "--probes", "nearest_class_mean", "--output-dir", tmp_path)[0] == 0
    assert script(*listing, "--probes", "nearest_class_mean")[1].startswith("done")
    lines = read_lines(tmp_path / "decoding" / model.stem / "readout.jsonl")
    assert {line["model_sha256"] for line in lines} == {file_sha256(model)}


def test_none_on_the_command_line_replaces_what_a_files_config_says(script, monkeypatch, tmp_path):
    (tmp_path / "m.pt").touch()
    given, arguments = {}, ["--crop", "None", "--train-size=None", "--data-seed", "None", "--output-dir", tmp_path]

    def opened(path, fields, *_):
        given.update(fields)
        raise ValueError("that is all")

    monkeypatch.setattr(readout, "opened", opened)
    assert script("decode_layers.py", tmp_path / "m.pt", *arguments)[0] == 2
    assert given == {"crop": None, "train_size": None}


def test_a_read_out_has_the_threads_that_are_given_and_no_smoke(script, tmp_path, monkeypatch):
    arguments = ["--output-dir", tmp_path]
    assert script("mlp1_random_labels.py", "--smoke", "--framework", "torch", *arguments)[0] == 0
    (model,), found = (tmp_path / "saved_models").iterdir(), []
    monkeypatch.setattr(threads, "limit_threads", found.append)
    assert script("decode_layers.py", model, "--threads", "2", *arguments)[0] == 0 and found == [2]
    assert script("decode_layers.py", model, "--smoke", *arguments)[0] == 2


def test_the_comparison_of_convolutions_trains_the_runs_of_the_figures(script, tmp_path):
    arguments = ["--list", "--models", "alexnet", "--fractions", "1", "--output-dir", tmp_path]
    compared = script("compare_frameworks.py", *arguments, "--frameworks", "torch", "--seeds", "0")[1]
    assert compared == script("convergence_slowdown.py", *arguments)[1]


DECODED = pytest.mark.xdist_group("decoding")


@pytest.fixture(scope="module")
def decoded(smoked):
    """The folder in which every study of decoding was tried."""
    return {smoked(name)[3] for name in SHARED["decoding"]}.pop()


@DECODED
def test_networks_that_are_edited_or_relabelled_are_kept_beside_their_runs(decoded):
    assert len(list((decoded / "saved_models").glob("*-velpic.pt"))) == 3  # at the end, and one to train on
    assert len(list((decoded / "saved_models").glob("*-redrawn.pt"))) == 1
    claims = (decoded / "velpic_weight_transfer" / "claims.csv").read_text()
    assert "an edited network that is trained on" in claims and "undecided: " not in claims  # it has its control


def test_mlps_are_also_trained_from_the_edit_of_their_untrained_network(script, tmp_path):
    chosen = ["--smoke", "--models", "mlp4", "--fractions", "0.8", "--framework", "torch", "--output-dir", tmp_path]
    assert script("velpic_weight_transfer.py", *chosen)[0] == 0
    assert len(list((tmp_path / "saved_models").glob("*-epoch0000-start.pt"))) == 1
    claims = (tmp_path / "velpic_weight_transfer" / "claims.csv").read_text()
    assert "whose output layer starts as VeLPIC's directions" in claims


@DECODED
@pytest.mark.parametrize("name", SHARED["decoding"])
def test_studies_of_decoding_show_what_there_is_where_runs_diverge(script, decoded, monkeypatch, name):
    make = training.make_trainer

    def diverging(config, *rest):
        trainer = make(config, *rest)
        if config.seed:
            trainer.set_weights({name: values * np.float32(np.nan) for name, values in trainer.get_weights().items()})
        return trainer

    monkeypatch.setattr(training, "make_trainer", diverging)
    for seeds in ("1",), ("0", "1"):
        status, text = script(name, "--smoke", "--fractions", "0.8", "--seeds", *seeds, "--output-dir", decoded)
        assert status == 0 and ("| cnn | digits | 80 % | PyTorch | 160 | 1 |" in text) == ("0" in seeds)


def test_studies_of_representation_share_runs_and_compare_one_architecture(script, tmp_path, monkeypatch):
    arguments = ["--models", "mlp1", "cnn", "--seeds", "0", "--smoke", "--output-dir", tmp_path]
    status, text = script("representation_statistics.py", *arguments)
    assert status == 0 and text.count("| weights | fc1 |") == text.count("| activations | fc1 |") == 4
    made = {f"{of}_{model}_digits_torch.png" for of in ("weights", "activations") for model in ("mlp1", "cnn")}
    folder = tmp_path / "representation_statistics"
    assert {path.name for path in folder.iterdir()} == made | {"last_epoch.md", "last_epoch.csv"}
    for path in (tmp_path / "runs").iterdir():
        assert {line["epoch"] for line in read_lines(path / "statistics.jsonl")} == {0, 1, 2}
    monkeypatch.setattr(training, "make_trainer", None)
    status, text = script("representation_similarity.py", *arguments)
    assert status == 0 and text.count("| same initial weights | 1 | fc1 |") == 2 and "other" not in text
    made = {f"{measure}_{model}_digits_torch.png" for measure in ("cka", "svcca") for model in ("mlp1", "cnn")}
    folder = tmp_path / "representation_similarity"
    assert {path.name for path in folder.iterdir()} == made | {"corresponding_layers.md", "corresponding_layers.csv"}
    assert len(list((tmp_path / "runs").glob("*/similarity_*.jsonl"))) == 2
    for path in (tmp_path / "runs").glob("*mlp1*true*/statistics.jsonl"):
        path.unlink()
    monkeypatch.setattr(representation, "model_statistics", lambda *given: [])
    status, text = script("representation_statistics.py", *arguments)
    assert status == 0 and text.count("| mlp1 | digits | PyTorch | 160 | Gaussian inputs |") > 0
    assert "| mlp1 | digits | PyTorch | 160 | true labels |" not in text


def test_studies_of_representation_train_by_the_decoding_papers_where_these_have_a_recipe(script, tmp_path):
    def listed(name, *arguments):
        text = script(name, "--list", "--models", "cnn", "mlp3", "--output-dir", tmp_path, *arguments)[1]
        return {line.split()[-1] for line in text.splitlines()[:-1]}

    names = [f"{model}-mnist-{of}-torch" for model in ("cnn", "mlp3") for of in ("gaussian1", "true", "uniform1")]
    for preset in ("paper", "small"):
        found = listed("representation_statistics.py", "--preset", preset)
        assert sorted(name.rsplit("-", 2)[0] for name in found) == names
        decoded = listed("masc_decoding.py", "--preset", preset, "--models", "cnn")
        assert [name in decoded for name in sorted(found)] == [False, True] + 4 * [False]
        assert found == listed("representation_similarity.py", "--preset", preset, "--seeds", "0")
    assert len(listed("representation_similarity.py")) == 12
    assert len(listed("representation_statistics.py", "--settings", *INPUTS)) == 6
    assert script("representation_statistics.py", "--settings", "gausian", "--list")[0] == 2


def test_everything_of_the_decoding_papers_has_a_recipe(script, tmp_path):
    models = ["--models", "mlp4", "cnn", "alexnet_large", "resnet18", "--output-dir", tmp_path]
    text = script("masc_decoding.py", "--list", *models)[1]
    assert "48 runs" in text and len(set(text.splitlines())) == 49
    assert "25 runs" in script("masc_decoding.py", "--list", "--preset", "small", "--output-dir", tmp_path)[1]
    assert script("masc_decoding.py", "--datasets", "cifar100", "--list", "--output-dir", tmp_path)[0] == 2


def test_the_table_of_examples_does_without_pictures_where_no_run_says_when_they_were_learned(script, tmp_path):
    assert script("mlp1_true_labels.py", "--smoke", "--framework", "torch", "--output-dir", tmp_path)[0] == 0
    assert "| learned | times forgotten |" in script("example_table.py", "--smoke", "--output-dir", tmp_path)[1]
    header, *rows = (tmp_path / "example_table" / "examples.csv").read_text().splitlines()
    assert header == "index,runs,correct,learned,times_forgotten,loss_sensitivity,critical" and len(rows) == 200
    other = script("example_table.py", "--smoke", "--corruption", "ketha", "--output-dir", tmp_path)[1]
    assert other.startswith("0 runs of digits, corruption ketha")
    (tmp_path / "example_table" / "first_and_last_learned.png").unlink()
    (path,) = tmp_path.glob("runs/*/arrays.npz")
    with np.load(path) as file:
        arrays = dict(file)
    del arrays["train_learned_epochs"], arrays["train_times_forgotten"]
    np.savez(path, **arrays)
    status, text = script("example_table.py", "--smoke", "--output-dir", tmp_path)
    assert status == 0 and text.startswith("no pictures: no class has 8 examples of which a run says when")
    assert len((tmp_path / "example_table" / "examples.csv").read_text().splitlines()) == 201
    assert not (tmp_path / "example_table" / "first_and_last_learned.png").exists()


@pytest.mark.parametrize("name", [name for name in SHARED["a closer look"] if name != "example_table.py"])
def test_a_study_of_the_closer_look_has_two_sizes(script, name, tmp_path):
    runs = [script(name, "--list", "--preset", preset, "--output-dir", tmp_path)[1] for preset in ("paper", "small")]
    assert len(set(runs)) == 2 and all(" runs, no estimate of the time" in text for text in runs)


def test_where_all_examples_are_noise_none_are_left_to_train_on_without_it(script, tmp_path):
    arguments = ["--noises", "mnist:gaussian", "--widths", "16", "--preset", "small", "--list"]
    for fractions, runs in (("0.4", "1"), 4), (("1",), 2):
        text = script("capacity_and_noise.py", *arguments, "--fractions", *fractions, "--output-dir", tmp_path)[1]
        assert f"{runs} runs" in text


@GROUP["demo.py"]
def test_demo_makes_one_self_contained_page(smoked):
    page = (smoked("demo.py")[3] / "index.html").read_text()
    assert page.count("data:image/png;base64,") == 4 and "http" not in page.split("<body>")[1]


def test_the_six_scripts_are_what_is_reproduced(script, tmp_path):
    status, text = script("reproduce_mlps.py", "--list", "--output-dir", tmp_path)
    assert status == 0 and text.count("missing") == 36


def test_benchmark_of_convolutions_compares_with_the_usual_loop(script, tmp_path):
    arguments = ["--smoke", "--model", "alexnet", "--repeats", "1", "--output-dir", tmp_path]
    status, text = script("benchmark_training.py", *arguments)
    assert status == 0 and text.count("at least") == 2 and list(tmp_path.glob("computations/benchmark_training-*"))
    assert text.count("evaluation / ") == text.count("| torch evaluation / torch epoch |") == 1
    assert script("benchmark_training.py", "--model", "mlp9", "--output-dir", tmp_path)[0] == 2
    assert script("benchmark_training.py", "--repeats", "0", "--output-dir", tmp_path)[0] == 2


def test_the_cpu_benchmark_stays_on_the_cpu_where_there_is_a_gpu(monkeypatch):
    import benchmark_training
    import torch_models.trainer

    devices = []

    class Trainer(torch_models.trainer.Trainer):
        def __init__(self, *arguments, device="auto"):
            devices.append(device)
            super().__init__(*arguments, device="cpu")

    monkeypatch.setattr(torch_models.trainer, "Trainer", Trainer)
    benchmark_training.torch_parts("mlp3", 4)
    assert devices == ["cpu"] * 3


@GROUP["benchmark_training.py"]
def test_benchmark_prints_every_ratio(smoked, request):
    assert request.node.nodeid.endswith("@benchmark") or not request.config.getoption("loadgroup", False)
    text = smoked("benchmark_training.py")[1]
    assert text.count("at least") == 4 and text.count("at most") == 2 and text.count("evaluation / ") == 2


def test_any_run_has_tables_and_its_network_figures(script, tmp_path):
    arguments = ["--device", "cpu", "--output-dir", tmp_path]
    status, text = script("run_tables.py", "--smoke", *arguments)
    (folder,) = (tmp_path / "run_tables").iterdir()
    names = "classes.md", "confusion.png", "weights.md", "weight_histograms.png", "feature_maps.png"
    assert status == 0 and {path.name for path in folder.iterdir()} >= {*names} and "| all | 200 |" in text
    assert script("run_tables.py", folder.name, "--layers", "conv2", *arguments)[0] == 0
    for wrong in (["other"], [folder.name, "--image", "360"], ["--image", "-1"], [folder.name, "--layers", "fc1"]):
        assert script("run_tables.py", *wrong, *arguments)[0] == 2
    assert script("run_tables.py", "--list", *arguments)[1].startswith("0 runs named")
    assert script("run_tables.py", *arguments)[0] == 2
    published = folder.name, "--records", tmp_path, "--output-dir", tmp_path / "elsewhere"
    assert script("run_tables.py", *published)[0] == 0
    assert (tmp_path / "elsewhere" / "run_tables" / folder.name / "classes.md").exists()
    model = tmp_path / "saved_models" / f"{folder.name}.pt"
    model.write_bytes(model.read_bytes() + b"another's")
    assert script("run_tables.py", folder.name, *arguments)[0] == 2
