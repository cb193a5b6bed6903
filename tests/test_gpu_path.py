"""What the PyTorch trainer does on a GPU alone; what can be is tested without one."""

import dataclasses
from unittest.mock import Mock

import numpy as np
import pytest
import torch

import benchmark_training as benchmark
from common.data.epochs import EpochPlan, draw
from common.data.inputs import ImageInputs
from common.report.benchmarks import flat
from common.runs.config import Config, Options
from common.runs.store import code_version
from common.runs.task import prepare
from common.runs.trainers import NO_PAUSE, Pause
from common.runs.training import train_stacked
from common.runs.writer import Writer
from torch_models.inputs import rotate
from torch_models.recorded import STEPS_AHEAD
from torch_models.stacked import StackedTrainer
from torch_models.trainer import Trainer, set_learning_rate

pytestmark = pytest.mark.slow

SHAPE, N = (8, 8, 3), 70
with_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")


DEEP = {
    **{"model": "inception_v3", "width": 2, "crop": None, "batch_norm_group": 4, "auxiliary_weight": 0.4},
    **{"optimizer": "rmsprop", "weight_average": 0.9, "label_smoothing": 0.1},
}


def make(device="cpu", **fields):
    config = Config(**{"model": "inception", "framework": "torch", "batch_size": 32, "flip": True, **fields})
    shape = (40, 40, 3) if config.model == "inception_v3" else SHAPE
    trainer, generator = Trainer(config, ImageInputs(shape, config), 10, device=device), np.random.default_rng(0)
    trainer.put(generator.integers(0, 256, (N, *shape), np.uint8), generator.integers(0, 10, N))
    return trainer


def plan(epoch=0):
    return draw(ImageInputs(SHAPE, Config(crop=None, flip=True)), 0, epoch, N)


def a_step(trainer):
    trainer.model.train()
    images, labels = next(trainer.batches(plan()))
    trainer.update(images, labels)


@pytest.mark.parametrize("fields", [*({"optimizer": name} for name in ("sgd", "adam", "rmsprop")), DEEP])
@pytest.mark.parametrize("steps_before", [0, 1])
def test_steps_that_warm_up_leave_no_trace(fields, steps_before):
    trainer = make(**{"weight_average": 0.9, **fields})
    for _ in range(steps_before):
        a_step(trainer)
    weights, state, correct = trainer.get_weights(), trainer.get_optimizer_state(), int(trainer.correct)
    with trainer.unchanged():
        a_step(trainer)
        assert any((array != weights[name]).any() for name, array in trainer.get_weights().items())
    for name, array in trainer.get_weights().items():
        np.testing.assert_array_equal(array, weights[name])
    for name, array in trainer.get_optimizer_state().items():
        np.testing.assert_array_equal(array, state.get(name, np.zeros_like(array)))
    assert int(trainer.correct) == correct and len(trainer.get_optimizer_state()) > 0


def test_an_epochs_places_are_brought_to_the_device_at_its_beginning_alone(monkeypatch):
    trainer, brought = make(batch_size=2), []
    monkeypatch.setattr(trainer, "_tensor", lambda array: brought.append(array) or torch.from_numpy(array))
    batches = trainer.batches(plan())
    next(batches)
    first = len(brought)
    assert len(list(batches)) == N // 2 - 1 and len(brought) == first == 2 + len(plan().drawn)


def small_runs(count):
    base = Config(model="mlp2", width=16, dataset="digits", framework="torch", train_size=60, batch_size=64, crop=None)
    return [dataclasses.replace(base, epochs=3, precision="bfloat16", seed=seed) for seed in range(count)]


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory.\nTried to allocate 20.00 GiB"),
        torch.AcceleratorError("CUDA error: out of memory\nCompile with `TORCH_USE_CUDA_DSA`"),
    ],
)
@pytest.mark.parametrize(
    ("count", "place"),
    [
        (1, "trainer.make_model"),
        (1, "files.set_weights"),
        (1, "trainer.Trainer.update"),
        (1, "files.Reader.features"),
        (2, "stacked.StackedTrainer.put"),
        (2, "stacked.StackedTrainer.update"),
        (2, "files.Reader.features"),
    ],
)
def test_too_little_memory_is_one_line_with_what_to_change(monkeypatch, tmp_path, error, count, place):
    monkeypatch.setattr(f"torch_models.{place}", Mock(side_effect=error))
    with pytest.raises(ValueError, match="^the GPU's memory .*--no-stack.*: batch_size=64, precision='bfloat16'$"):
        train_stacked(small_runs(count), Options(output_dir=tmp_path, threads=1))


def test_too_little_memory_is_no_fault_of_a_checkpoint_and_other_errors_stay_what_they_are(monkeypatch, tmp_path):
    options = Options(output_dir=tmp_path, threads=1, checkpoint_every=2)
    with monkeypatch.context() as patch, pytest.raises(RuntimeError, match="^lost$"):
        patch.setattr(Writer, "finish", Mock(side_effect=RuntimeError("lost")))
        train_stacked(small_runs(1), options)
    full = Mock(side_effect=torch.OutOfMemoryError("CUDA out of memory"))
    monkeypatch.setattr(Trainer, "set_optimizer_state", full)
    with pytest.raises(ValueError, match="^the GPU's memory "):
        train_stacked(small_runs(1), options)


def test_a_recorded_step_reads_the_learning_rate_from_the_device():
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(3))], torch.tensor(0.1), fused=True)
    rate = optimizer.param_groups[0]["lr"]
    set_learning_rate(optimizer, 0.25)
    assert optimizer.param_groups[0]["lr"] is rate and float(rate) == 0.25


def test_the_benchmark_counts_a_steps_operations():
    settings = {name: benchmark.Benchmark(name, 1, n) for name, n in (("mlp1", 256), ("alexnet", 128))}
    epoch = benchmark.gpu_epoch(settings["mlp1"], "bfloat16", torch.device("cpu"))
    # A gradient of weights and one of inputs beside each product of the forward pass; images need none.
    products = 2352 * 512 * 2 + 512 * 10 * 3
    assert epoch["flops"] == pytest.approx(2 * 256 * products)
    outcome = benchmark.gpu_record(settings["alexnet"], 64, "cpu")
    record = {"settings": dataclasses.asdict(settings["alexnet"]), "outcome": outcome, "code": code_version()}
    found = flat(record)
    floats, halves, evaluation = benchmark.table(found).rows
    assert evaluation[1].value == found["epochs"]["float32"]["evaluation"][0]
    del found["epochs"]["float32"]["evaluation"]  # as in older records
    assert len(benchmark.table(found).rows) == 2
    assert floats[4:] == [None, None] and halves[4:] in (["at most 0.3", "yes"], ["at most 0.3", "no"])
    flops, (seconds,) = (found["epochs"]["bfloat16"][name] for name in ("flops", "seconds"))
    assert halves[3] == pytest.approx(flops / seconds / (20 * 2 * 64**3 / found["rate"]["seconds"][0]))


ADVERSARIAL = {"adversarial_weight": 0.5, "adversarial_iterations": 2, "preprocessing": "zero_one"}


@with_gpu
@pytest.mark.parametrize(
    "fields", [{}, {"optimizer": "adam"}, {"precision": "bfloat16"}, {"dropout": 0.5}, ADVERSARIAL, DEEP]
)
def test_recorded_steps_are_the_steps(fields):
    recorded, stepped = make("cuda", **fields), make("cuda", **fields)
    stepped.set_weights(recorded.get_weights())
    stepped.replay = stepped.update
    for epoch in range(2):
        assert recorded.train_epoch(plan(epoch), 0.01) == stepped.train_epoch(plan(epoch), 0.01)
    assert set(recorded.recordings) == {32, N % 32}
    for name, array in recorded.get_weights().items():
        np.testing.assert_allclose(array, stepped.get_weights()[name], rtol=1e-4, atol=1e-5)


@with_gpu
def test_a_turn_on_a_gpu_is_that_on_the_cpu():
    images = torch.arange(N * 8 * 8 * 3).reshape(N, 8, 8, 3) % 256
    angles = torch.linspace(-25, 25, N)
    found = rotate(images.to("cuda", torch.uint8), angles.to("cuda"))
    np.testing.assert_allclose(found.cpu(), rotate(images, angles), atol=1e-2)


@with_gpu
@pytest.mark.parametrize("fields", [{}, {"optimizer": "adam"}, {"model": "alexnet"}, DEEP])
def test_a_run_resumed_on_a_gpu_ends_with_the_same_bits(fields):
    through, resumed = make("cuda", **fields), make("cuda", **fields)
    through.train_epoch(plan(), 0.01)
    resumed.set_weights(through.get_weights())
    resumed.set_optimizer_state(through.get_optimizer_state())
    for trainer in (through, resumed):
        trainer.train_epoch(plan(1), 0.01)
    for name, array in resumed.get_weights().items():
        np.testing.assert_array_equal(array, through.get_weights()[name])


@with_gpu
def test_the_same_seed_gives_the_same_bits_on_a_gpu():
    first, second = make("cuda"), make("cuda")
    second.set_weights(first.get_weights())
    for trainer in (first, second):
        trainer.train_epoch(plan(), 0.01)
    for name, array in first.get_weights().items():
        np.testing.assert_array_equal(array, second.get_weights()[name])


@with_gpu
@pytest.mark.parametrize("fields", [{}, {"optimizer": "adam"}, {"precision": "bfloat16"}])
def test_recorded_steps_of_a_stack_are_the_steps_also_where_runs_drop_out(fields):
    base = Config(model="mlp2", width=16, dataset="digits", framework="torch", train_size=N, batch_size=32, **fields)
    runs = [(dataclasses.replace(base, seed=seed), prepare(base)) for seed in range(3)]
    recorded, stepped = (StackedTrainer(runs, "cuda") for _ in range(2))
    for run, other in zip(recorded.runs, stepped.runs, strict=True):
        other.set_weights(run.get_weights())
    stepped.replay = stepped.update
    for epoch, chosen in enumerate([(0, 1, 2), (0, 1, 2), (0, 2)]):
        for trainer in (recorded, stepped):
            trainer.train_epoch(
                {place: EpochPlan(np.random.default_rng((place, epoch)).permutation(N)) for place in chosen}, 0.01
            )
        assert set(recorded.recordings) == {32, N % 32}
    for run, other in zip(recorded.runs, stepped.runs, strict=True):
        for name, array in run.get_weights().items():
            np.testing.assert_allclose(array, other.get_weights()[name], rtol=1e-4, atol=1e-5)


def test_a_gpu_which_runs_behind_its_launches_is_waited_for_before_it_is_asked_and_not_at_every_step(monkeypatch):
    waited, trainer, late = [], make(), lambda: True
    monkeypatch.setattr(torch.cuda, "synchronize", waited.append)
    assert trainer.pauses(Pause(late=late)) and not trainer.pauses(NO_PAUSE) and not waited
    trainer.device, trainer.steps_taken = torch.device("cuda"), STEPS_AHEAD - 1
    assert not trainer.pauses(Pause(late=late)) and trainer.pauses(Pause(STEPS_AHEAD - 1, late)) and not waited
    trainer.steps_taken = STEPS_AHEAD
    assert not trainer.pauses(NO_PAUSE) and not waited
    assert trainer.pauses(Pause(late=late)) and waited == [trainer.device]


@with_gpu
@pytest.mark.parametrize("fields", [{}, {"optimizer": "adam"}, {"dropout": 0.5, "model": "mlp3", "flip": False}])
def test_an_epoch_that_is_paused_on_a_gpu_ends_with_the_same_bits(fields):
    through, paused, resumed = (make("cuda", **fields) for _ in range(3))
    for trainer in (paused, resumed):
        trainer.set_weights(through.get_weights())
    expected = through.train_epoch(plan(), 0.01)
    assert paused.train_epoch(plan(), 0.01, Pause(1)) is None and paused.steps_taken == 1
    resumed.set_weights(paused.get_weights())
    resumed.set_optimizer_state(paused.get_optimizer_state())
    resumed.set_progress(paused.get_progress())
    assert resumed.train_epoch(plan(), 0.01) == expected
    for name, array in resumed.get_weights().items():
        np.testing.assert_array_equal(array, through.get_weights()[name])
