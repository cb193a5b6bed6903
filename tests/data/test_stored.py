"""Images on disk stand where an array of images does, and are read by the batch."""

import dataclasses
import tracemalloc

import numpy as np
import pytest
from pictures import stored_set

from common.data import build, epochs, stored
from common.data.inputs import ImageInputs
from common.data.preprocessing import channel_statistics
from common.runs.config import Config
from common.runs.task import prepare

N, SIDE = 37, 12
BOXES = {"framework": "torch", "crop": 8, "center_box": 0.875, "random_box": True, "flip": True}


@pytest.fixture
def images(tmp_path):
    return stored.load(stored_set(tmp_path / "things_12", N, SIDE))[0]


def test_what_is_taken_of_images_on_disk_are_places_and_what_is_read_are_these(images):
    whole = np.asarray(images)
    assert images.shape == whole.shape == (N, SIDE, SIDE, 3) and len(images) == N and whole.dtype == images.dtype
    assert images.ndim == 4 and images.nbytes == whole.nbytes
    chosen = np.array([7, 3, 30, 3])
    part = images[chosen][np.array([2, 0, 1])]
    assert part.images is images.images and part.shape == (3, SIDE, SIDE, 3)
    out = np.empty((3, SIDE, SIDE, 3), np.uint8)
    assert part.read(np.array([2, 0, 1]), out) is out
    np.testing.assert_array_equal(out, whole[[3, 30, 7]])
    np.testing.assert_array_equal(np.asarray(images[5:9]), whole[5:9])
    np.testing.assert_array_equal(np.asarray(images[np.arange(N) % 2 == 0], np.float32), whole[::2])
    np.testing.assert_array_equal(part.ratios, images.ratios[[30, 7, 3]])


def test_statistics_of_some_are_those_of_their_pixels_though_none_is_read(images, monkeypatch):
    part = images[np.array([5, 2, 9, 30])]
    expected = channel_statistics(np.asarray(part))
    monkeypatch.setattr(stored.Stored, "read", None)
    found = ImageInputs(part.shape[1:], Config()).statistics(part)["channel_statistics"]
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_more_than_memory_should_hold_is_not_read_at_once(images, monkeypatch):
    monkeypatch.setattr(stored, "WHOLE", images.nbytes - 1)
    with pytest.raises(ValueError, match=r"^images that are needed at once must be at most .* Received: 37 images of "):
        np.asarray(images)
    np.asarray(images[1:])


def test_a_task_of_images_on_disk_copies_none_and_draws_boxes_of_their_own_form(tmp_path, monkeypatch):
    stored_set(tmp_path / "things_12", N, SIDE)
    config = Config(
        dataset="things_12", train_size=30, validation_size=6, corruption="uniform", corruption_fraction=1.0, **BOXES
    )
    with monkeypatch.context() as patch:
        patch.setattr(stored.Stored, "read", None)
        task = prepare(config, tmp_path)
    assert isinstance(task.train.inputs, stored.Stored) and len(task.train) == 24 and len(task.validation) == 6
    whole = np.asarray(stored.load(tmp_path / "things_12")[0])
    np.testing.assert_array_equal(np.asarray(task.train.inputs), whole[task.train.indices])
    assert task.sha256 == stored.load(tmp_path / "things_12")[5]
    plan = epochs.draw(task.kind, 0, 0, 24)
    square = epochs.draw(ImageInputs((SIDE, SIDE, 3), config), 0, 0, 24)
    forms = plan.drawn["boxes"][:, 3] / plan.drawn["boxes"][:, 2] * task.train.inputs.ratios[plan.order]
    assert forms.min() >= 0.75 - 1e-5 and forms.max() <= 1.33 + 1e-5 and np.ptp(task.train.inputs.ratios) > 0.5
    assert not np.allclose(plan.drawn["boxes"], square.drawn["boxes"])


@pytest.mark.parametrize(
    "changes, line",
    [
        ({"framework": "keras"}, "framework must be torch for images on disk. Received: framework='keras'"),
        (
            {"framework": "torch", "downscale": 2},
            "downscale must be 1 for images on disk: make their array with a smaller --side. Received: downscale=2",
        ),
        (
            {"framework": "torch", "corruption": "gaussian"},
            "corruption must be of labels for images on disk. Received: corruption='gaussian'",
        ),
    ],
)
def test_what_images_on_disk_cannot_do_is_refused_in_one_line(tmp_path, changes, line):
    stored_set(tmp_path / "things_12", N, SIDE)
    with pytest.raises(ValueError) as caught:
        prepare(Config(dataset="things_12", **changes), tmp_path)
    assert str(caught.value) == line


BYTES = 200
"""That a process may need for each example, 260 MB of ImageNet: its labels, places and what an epoch draws."""


def test_a_set_that_no_memory_holds_is_prepared_and_drawn_in_a_few_bytes_for_each_example(tmp_path):
    n, side, folder = 60_000, 320, tmp_path / "large_320"
    folder.mkdir()
    facts = np.zeros(n, stored.FACTS)
    facts["label"], facts["height"], facts["width"] = np.arange(n) % 100, 375, 500
    for split, rows in (("train", facts), ("test", facts[:100])):
        build.begun(folder / f"{split}.npy", np.uint8, (len(rows), side, side, 3))  # 18 GB, of which no byte is written
        np.save(folder / f"{split}_facts.npy", rows)
    build.finish(folder, [f"class {number:02d}" for number in range(100)], [facts, facts[:100]])
    config = Config(dataset="large_320", **{**BOXES, "crop": 299}, corruption="uniform", corruption_fraction=1.0)
    prepare(dataclasses.replace(config, train_size=100), tmp_path)  # imports are done
    tracemalloc.start()
    task = prepare(config, tmp_path)
    assert task.statistics["channel_statistics"][0] == [0, 0, 0]
    plan = epochs.draw(task.kind, 0, 0, n)
    task.train.inputs.read(plan.order[:4], np.empty((4, side, side, 3), np.uint8))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < n * BYTES
