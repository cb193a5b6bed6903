"""Training and measuring on images that lie on disk: what it is on the same images in memory."""

import dataclasses
import threading

import numpy as np
import pytest
import torch
from made_up import one_of
from pictures import stored_set

from common.data import datasets, epochs, stored
from common.runs.config import Config, Options
from common.runs.store import Store
from common.runs.task import prepare
from common.runs.trainers import make_trainer
from common.runs.training import train
from torch_models import reader
from torch_models import trainer as trainers

pytestmark = pytest.mark.slow

N, TEST, SIDE = 501, 33, 12
CONFIG = Config(
    model="mlp1", framework="torch", batch_size=64, epochs=2, crop=8, center_box=0.875, random_box=True,
    flip=True, corruption="uniform", corruption_fraction=0.5, preprocessing="per_channel",
)  # fmt: skip


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    stored_set(folder / "things_12", N, SIDE, TEST)
    x_train, y_train, x_test, y_test, *_ = stored.load(folder / "things_12")
    np.savez(folder / "things.npz", x_train=x_train, y_train=y_train, x_test=x_test, y_test=y_test)
    return folder


def both(data_dir, **changes):
    """Tasks of images on disk and of the same ones in memory."""
    disk = dataclasses.replace(CONFIG, dataset="things_12", **changes)
    memory = dataclasses.replace(disk, dataset=datasets.identified(str(data_dir / "things.npz")))
    return [(config, prepare(config, data_dir)) for config in (disk, memory)]


def test_batches_of_unequal_size_are_read_ahead_in_their_order_and_the_thread_ends(data_dir):
    threads = threading.active_count()
    images, generator = stored.load(data_dir / "things_12")[0], np.random.default_rng(0)
    whole, order = np.asarray(images), generator.permutation(N)
    batches, asked = np.split(order, np.sort(generator.choice(N, 9, replace=False))), []

    def places():
        for batch in batches:
            asked.append(len(batch))
            yield batch

    for number, (batch, found) in enumerate(
        zip(batches, reader.read_ahead(images, places(), torch.device("cpu")), strict=True)
    ):
        assert len(asked) == min(number + 1 + reader.AHEAD, len(batches))
        assert found.dtype == torch.uint8
        np.testing.assert_array_equal(found, whole[batch])
    assert sum(asked) == N
    rest = reader.read_ahead(images, places(), torch.device("cpu"))
    next(rest)
    rest.close()  # what stops half-way, by an error, ends its thread too
    assert threading.active_count() == threads


@pytest.mark.parametrize("boxes", [True, False])
def test_an_epoch_of_501_images_gives_the_same_bits_from_disk_as_from_memory(data_dir, boxes):
    changes = {} if boxes else {"random_box": False, "center_box": None}
    weights, batches = [], []
    for config, task in both(data_dir, **changes):
        trainer = make_trainer(config, task, "cpu")
        # Forms of images before they were squashed are known on disk alone.
        plan = epochs.draw(dataclasses.replace(task.kind, ratios=None), 0, 0, N)
        batches.append([(x.numpy().copy(), y.numpy()) for x, y in trainer.batches(plan)])
        online = trainer.train_epoch(plan, 0.01)
        weights.append([*trainer.get_weights().values(), online])
        weights[-1] += [trainer.logits(task.test.inputs), trainer.logits(task.train.inputs)]
    assert [len(labels) for _, labels in batches[0]] == [64] * 7 + [53]
    for (x, y), (same_x, same_y) in zip(*batches, strict=True):
        np.testing.assert_array_equal(x, same_x)
        np.testing.assert_array_equal(y, same_y)
    for one, other in zip(weights[0][:-2], weights[1][:-2], strict=True):
        np.testing.assert_array_equal(one, other)
    for one, other in zip(weights[0][-2:], weights[1][-2:], strict=True):  # evaluated in batches of another size
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-5)


def test_processes_take_parts_of_a_step_of_images_on_disk_and_none_where_there_are_too_few(data_dir, monkeypatch):
    config, task = both(data_dir, train_size=101, batch_size=20)[0]
    plan, parts, asked = epochs.draw(task.kind, 0, 0, 101), [], []
    read_ahead = reader.read_ahead

    def seen(images, batches, device):
        return read_ahead(images, (asked.append(len(batch)) or batch for batch in batches), device)

    for rank in (0, 1):
        one_of(monkeypatch, rank, 2)
        trainer = make_trainer(config, task, "cpu")
        parts.append([x.numpy().copy() for x, _ in trainer.batches(plan)])
        with monkeypatch.context() as patch:
            patch.setattr(trainers, "read_ahead", seen)
            list(trainer.prepared(task.test.inputs))
    assert [*map(len, parts[0])] == [10] * 5 + [0] and [*map(len, parts[1])] == [10] * 5 + [1]
    assert max(asked) == 10  # what is evaluated at once is no more than a process has of a step
    for name in ("TORCHELASTIC_RUN_ID", "WORLD_SIZE"):
        monkeypatch.delenv(name)
    whole = [x for x, _ in make_trainer(config, task, "cpu").batches(plan)]
    for one, other, both_parts in zip(*parts, whole, strict=True):
        np.testing.assert_allclose(np.concatenate([one, other]), both_parts, atol=1e-5)


def test_a_run_on_images_on_disk_is_recorded_and_goes_on_after_a_kill_with_the_same_bits(
    data_dir, tmp_path, monkeypatch
):
    config = dataclasses.replace(CONFIG, dataset="things_12", train_evaluation_size=100, epochs=3)
    options = Options(data_dir=data_dir, output_dir=tmp_path / "whole", threads=1, checkpoint_every=1)
    record = train(config, options)
    assert record["data"]["sha256"] == stored.load(data_dir / "things_12")[5] and record["data"]["test_n"] == TEST
    history = Store(tmp_path / "whole").history(record["run_id"])
    assert history[-1]["online_train_accuracy"] > 1 / 3 and history[-1]["train_accuracy"] is not None
    draw, killed = epochs.draw, dataclasses.replace(options, output_dir=tmp_path / "killed")

    def interrupted(kind, seed, epoch, *rest):
        if epoch == 2:
            raise KeyboardInterrupt
        return draw(kind, seed, epoch, *rest)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(epochs, "draw", interrupted)
        train(config, killed)
    again = train(config, killed)
    assert again["model"]["sha256"] == record["model"]["sha256"] and again["outcome"] == record["outcome"]
