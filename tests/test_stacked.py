"""The trainer of many runs: what it refuses, what its runs share, what each of them is, and how many it takes."""

import dataclasses
import gc

import numpy as np
import pytest
import torch

from common.data.datasets import DATASETS
from common.data.epochs import EpochPlan
from common.runs.config import Config
from common.runs.task import prepare
from common.runs.trainers import NO_PAUSE
from common.runs.training import make_trainers
from torch_models import stacked
from torch_models.stacked import StackedTrainer, contents, most_runs, number_of_stacks, saved_values
from torch_models.trainer import make_model

pytestmark = pytest.mark.slow

BASE = Config(model="mlp2", width=16, dataset="digits", framework="torch", train_size=60, batch_size=25, crop=None)
MNIST = DATASETS["mnist"]


def changed(**changes):
    return dataclasses.replace(BASE, **changes)


def stack(*configs):
    """Trainers of these runs with their initial weights, and the stack."""
    return make_trainers([(config, prepare(config)) for config in configs], "cpu", None)[0][0].owner


def plans(*places, n=60):
    return {place: EpochPlan(np.random.default_rng(place).permutation(n)) for place in places}


@pytest.mark.parametrize(
    "configs, received",
    [
        ([BASE, changed(seed=1, epochs=2, width=8)], "fields that differ=['width', 'epochs']"),
        ([changed(framework="keras")] * 2, "framework='keras'"),
        ([changed(flip=True, input_noise=0.1)] * 2, "augmented=True, noisy=True"),
        ([changed(model="lstm", dataset="phrases", crop=28)] * 2, "recurrent layers, model='lstm'"),
        ([changed(model="cnn2", width=4, crop=6, padding="same_stride_2")] * 2, "moving statistics, model='cnn2'"),
    ],
)
def test_runs_that_cannot_be_stacked_are_refused_in_one_line_that_lists_why(configs, received):
    task = prepare(dataclasses.replace(BASE, dataset=configs[0].dataset, crop=configs[0].crop))
    with pytest.raises(ValueError, match="^stacked runs must be PyTorch's, ") as error:
        StackedTrainer([(config, task) for config in configs])
    assert str(error.value).endswith(received) and "\n" not in str(error.value)


def test_examples_of_different_shapes_are_refused():
    runs = [(BASE, prepare(BASE)), (BASE, prepare(changed(train_size=50)))]
    with pytest.raises(ValueError, match=r"examples and classes=\[\(50, 8, 8, 1, 10\), \(60, 8, 8, 1, 10\)\]$"):
        StackedTrainer(runs)


def test_runs_whose_images_are_the_same_share_them():
    uniform = {"corruption": "uniform", "corruption_fraction": 1.0}
    configs = [BASE, changed(seed=1), changed(**uniform), changed(corruption="gaussian", corruption_fraction=1.0)]
    trainer = stack(*configs)
    assert trainer.sets.tolist() == [0, 0, 0, 1] and trainer.inputs.shape == (2, 60, 8, 8, 1)
    for run, config in zip(trainer.runs, configs, strict=True):
        task = prepare(config)
        expected = run.prepare(torch.from_numpy(task.train.inputs))
        torch.testing.assert_close(torch.cat(list(run.prepared(run.own))), expected)
        assert run.ready.data_ptr() == trainer.inputs[trainer.sets[trainer.runs.index(run)]].data_ptr()
        assert next(run.prepared(task.test.inputs)).shape == (250, 8, 8, 1)


def test_inputs_are_the_same_where_the_training_examples_are():
    assert contents(prepare(BASE)) == contents(prepare(changed(seed=1))) != contents(prepare(changed(data_seed=1)))


def test_weights_of_the_runs_are_slices_of_the_stack_from_the_first_epoch_on():
    trainer = stack(BASE, changed(seed=1), changed(seed=2))
    before = [run.get_weights() for run in trainer.runs]
    trainer.train_epoch(plans(0, 2), 0.1)
    assert trainer.stacked == [trainer.runs[0], trainer.runs[2]]
    for place, run in enumerate(trainer.stacked):
        for name, weights in trainer.weights.items():
            assert run.model.get_parameter(name).data_ptr() == weights[place].data_ptr()
    after = [run.get_weights() for run in trainer.runs]
    same = [np.array_equal(one["fc1/kernel"], two["fc1/kernel"]) for one, two in zip(before, after, strict=True)]
    assert same == [False, True, False]
    assert [sorted(run.get_optimizer_state()) == [] for run in trainer.runs] == [False, True, False]


@pytest.mark.parametrize("model", ["mlp2", "alexnet"])
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_weights_and_optimizer_state_that_are_set_are_those_that_are_trained(model, optimizer):
    width = {} if model == "mlp2" else {"width": None}
    configs = [changed(seed=seed, optimizer=optimizer, model=model, **width) for seed in range(2)]
    first, second = stack(*configs), stack(*configs)
    first.train_epoch(plans(0, 1), 0.01)
    second.train_epoch(plans(1, 0), 0.1)
    for run, given in zip(second.runs, first.runs, strict=True):
        run.set_weights(given.get_weights())
        run.set_optimizer_state(given.get_optimizer_state())
    for trainer in (first, second):
        trainer.train_epoch(plans(0, 1), 0.01)
    for run, other in zip(first.runs, second.runs, strict=True):
        for arrays, expected in ((run.get_weights(), other.get_weights()),) + (
            (run.get_optimizer_state(), other.get_optimizer_state()),
        ):
            assert arrays.keys() == expected.keys()
            for name, array in arrays.items():
                np.testing.assert_array_equal(array, expected[name])


def test_the_file_of_a_run_holds_its_own_weights_and_not_the_stacks(tmp_path):
    trainer = stack(*[changed(seed=seed, width=64) for seed in range(8)])
    trainer.train_epoch(plans(*range(8)), 0.1)
    run = trainer.runs[0]
    run.save(tmp_path / "run.pt", {})
    assert (tmp_path / "run.pt").stat().st_size < 1.5 * 4 * run.parameters


def test_biases_of_a_stack_do_not_decay():
    trainer = stack(*[changed(seed=seed, weight_decay=0.1) for seed in range(2)])
    trainer.train_epoch(plans(0, 1), 0.01)
    groups = trainer.optimizer.param_groups
    assert [(group["weight_decay"], {tensor.ndim for tensor in group["params"]}) for group in groups] == [
        (0.1, {3}), (0.0, {2}),
    ]  # fmt: skip


def test_steps_that_warm_up_leave_no_trace_in_a_stack():
    trainer = stack(BASE, changed(seed=1))
    trainer.train_epoch(plans(0, 1), 0.1)
    before = [run.get_weights() for run in trainer.runs]
    with trainer.unchanged():
        trainer.update(torch.arange(20).view(2, 10), torch.zeros(2, 10, dtype=torch.int64))
        assert not np.array_equal(trainer.runs[0].get_weights()["fc1/kernel"], before[0]["fc1/kernel"])
        graphs = [type(each.grad_fn).__name__ for each in gc.get_objects() if type(each) is torch.Tensor]
        assert "CloneBackward0" not in graphs  # a GPU could not record a step beside them
    for run, weights in zip(trainer.runs, before, strict=True):
        for name, array in run.get_weights().items():
            np.testing.assert_array_equal(array, weights[name])


def test_products_in_bfloat16_are_those_of_a_trainer():
    configs = [changed(seed=seed, precision="bfloat16") for seed in range(2)]
    trainer = stack(*configs)
    trainer.train_epoch(plans(0, 1), 0.01)
    for place, config in enumerate(configs):
        for precision, tolerance in (("bfloat16", 2e-3), ("float32", 0)):
            task = prepare(config)
            (alone,), train_epoch = make_trainers(
                [(dataclasses.replace(config, precision=precision), task)], "cpu", None
            )
            train_epoch({0: plans(place)[place]}, 0.01, NO_PAUSE)
            found, expected = trainer.runs[place].get_weights()["fc1/kernel"], alone.get_weights()["fc1/kernel"]
            assert found.dtype == np.float32 and np.allclose(found, expected, rtol=0, atol=tolerance) == (tolerance > 0)


@pytest.mark.parametrize(
    "changes, kind, sets, expected",
    [
        ({}, "cpu", 0.0, 32),
        ({}, "cuda", 0.0, 100),
        ({"width": 256}, "cpu", 0.0, 32),
        ({"width": 512}, "cpu", 0.0, 1),
        ({"width": 512}, "cuda", 0.0, 100),
        ({"model": "cnn", "width": None}, "cpu", 0.0, 1),
        ({"model": "cnn", "width": None}, "cuda", 0.0, 1),
        ({"model": "alexnet", "width": None}, "cuda", 0.0, 1),
        ({"model": "inception", "width": None}, "cuda", 0.0, 1),
        ({"train_size": None}, "cuda", 1.0, 45),
        ({"train_size": None, "downscale": 2}, "cuda", 1.0, 100),
        ({"unique_labels": True, "train_size": 10_000}, "cpu", 0.0, 32),
        ({"unique_labels": True, "train_size": 20_000}, "cpu", 0.0, 1),
    ],
)
def test_a_stack_holds_what_is_faster_together_and_fits(changes, kind, sets, expected):
    assert most_runs(changed(**changes), MNIST, kind, sets) == expected


def test_a_network_that_is_too_large_is_a_stack_of_its_own(monkeypatch):
    monkeypatch.setattr(stacked, "MOST_BYTES", 10)
    assert most_runs(BASE, MNIST, "cuda", 0.0) == 1


def test_a_step_keeps_its_inputs_activations_and_weights_for_the_backward_pass():
    model = make_model(changed(width=5), (8, 8, 1), 10, "meta")
    kept = 3 * 64 + 2 * 3 * 5 + 2 * 3 * 5 + 5 * 5 + 5 * 10  # inputs, ReLU's outputs twice, kernels but the first
    assert saved_values(model, (3, 8, 8, 1)) == kept


def test_runs_are_divided_among_workers_on_a_cpu_and_as_few_as_possible_on_a_gpu(monkeypatch):
    configs = [changed(seed=seed) for seed in range(70)]
    count = lambda number, device, workers: number_of_stacks(configs[:number], MNIST, device, workers)  # noqa: E731
    assert [count(70, "cpu", 2), count(64, "cpu", 2), count(6, "cpu", 4), count(3, "cpu", 8)] == [3, 2, 4, 3]
    assert count(70, "cuda", 16) == 1
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert count(70, "auto", 16) == 1
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert count(70, "auto", 16) == 16
    assert number_of_stacks([changed(model="nope", seed=seed) for seed in range(3)], MNIST, "cuda", 1) == 3


def test_training_sets_count_where_runs_do_not_share_them():
    shared = [changed(seed=seed, train_size=None) for seed in range(100)]
    own = [changed(data_seed=seed, train_size=None) for seed in range(100)]
    assert [number_of_stacks(configs, MNIST, "cuda", 1) for configs in (shared, own)] == [1, 3]
