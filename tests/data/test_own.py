"""A user's own data: files and folders as other people keep them, and labels in every form they come in."""

import numpy as np
import pytest
from PIL import Image

from common.data import datasets, own
from common.runs.config import Config, run_id

IMAGES = np.random.default_rng(0).integers(0, 256, (12, 5, 6, 3), np.uint8)
LABELS = np.array([0, 1, 2] * 4)
TEST = IMAGES[:6] // 2


def save(path, x_train=IMAGES, y_train=LABELS, x_test=TEST, y_test=LABELS[:6]):
    np.savez(path, x_train=x_train, y_train=y_train, x_test=x_test, y_test=y_test)
    return str(path)


def test_an_npz_is_a_data_set_whose_name_in_a_config_holds_its_checksum(tmp_path):
    data = datasets.load(save(tmp_path / "my data.npz"))
    np.testing.assert_array_equal(data.x_train, IMAGES)
    np.testing.assert_array_equal(data.y_test, LABELS[:6])
    assert (data.num_classes, data.y_train.dtype, data.kind) == (3, np.int64, "images")
    name = datasets.identified(str(tmp_path / "my data.npz"))
    assert name == f"{tmp_path / 'my data.npz'}@{data.sha256[:8]}" and datasets.identified(name) == name
    assert run_id(Config(dataset=name)).startswith("mlp3-my_data-true-keras-seed0-")
    assert datasets.load(name).sha256 == data.sha256 and datasets.kind_of(name) == "images"
    save(tmp_path / "my data.npz", y_train=LABELS[::-1])
    with pytest.raises(ValueError, match=f"my data.npz is not the data set of before: expected {data.sha256[:8]}, "):
        datasets.load(name)
    assert datasets.identified(str(tmp_path / "my data.npz")) != name


def test_a_known_name_is_that_data_set_even_where_a_folder_has_it_too(tmp_path, monkeypatch):
    (tmp_path / "digits").mkdir()
    monkeypatch.chdir(tmp_path)
    assert datasets.identified("digits") == "digits" and len(datasets.load("digits").x_train) == 1437
    assert own.word_of("digits") == "digits"


@pytest.mark.parametrize(
    "images",
    [
        IMAGES.astype(float),
        IMAGES / 255,
        (IMAGES / 255).astype(np.float32),
        IMAGES.transpose(0, 3, 1, 2),
        IMAGES.tolist(),
    ],
    ids=["float", "zero_one", "float32", "channels first", "int64"],
)
def test_pixels_are_taken_in_every_usual_form(tmp_path, images):
    data = datasets.load(save(tmp_path / "d.npz", x_train=images))
    np.testing.assert_array_equal(data.x_train, IMAGES)
    assert data.x_train.dtype == np.uint8


def test_images_without_an_axis_of_channels_have_one(tmp_path):
    data = datasets.load(save(tmp_path / "d.npz", x_train=IMAGES[..., 0], x_test=TEST[..., :1]))
    np.testing.assert_array_equal(data.x_train, IMAGES[..., :1])


@pytest.mark.parametrize(
    "labels",
    [LABELS.astype(np.uint8)[:, None], LABELS.astype(float), np.eye(3)[LABELS], np.eye(3, dtype=bool)[LABELS],
     np.array(["cat", "dog", "eel"])[LABELS], np.array([b"a", b"b", b"c"])[LABELS], LABELS + 5],
    ids=["column", "float", "one-hot", "one-hot bool", "names", "bytes", "from 5"],
)  # fmt: skip
def test_labels_are_taken_in_every_usual_form(tmp_path, labels):
    data = datasets.load(save(tmp_path / "d.npz", y_train=labels, y_test=labels[:6]))
    np.testing.assert_array_equal(data.y_train, LABELS)
    assert data.num_classes == 3 and data.y_test.dtype == np.int64


def test_classes_without_examples_keep_their_place(tmp_path):
    some = np.where(LABELS == 1, 4, LABELS)
    assert datasets.load(save(tmp_path / "d.npz", y_train=some, y_test=some[:6])).num_classes == 5
    rows = np.eye(6)[some + 1]
    data = datasets.load(save(tmp_path / "d.npz", y_train=rows, y_test=rows[:6]))
    np.testing.assert_array_equal(data.y_train, some + 1)
    assert data.num_classes == 6


@pytest.mark.parametrize("kind", [bool, np.uint8, np.int64, float])
def test_black_and_white_are_0_and_255_if_both_splits_hold_no_more(tmp_path, kind):
    black_white = (IMAGES > 127).astype(kind)
    data = datasets.load(save(tmp_path / "d.npz", x_train=black_white, x_test=black_white[:6]))
    np.testing.assert_array_equal(data.x_train, 255 * (IMAGES > 127))
    dark = datasets.load(save(tmp_path / "d.npz", x_train=IMAGES.astype(float), x_test=np.ones_like(TEST, float)))
    assert dark.x_test.max() == 1


def test_labels_of_two_values_may_be_bool(tmp_path):
    data = datasets.load(save(tmp_path / "d.npz", y_train=LABELS > 0, y_test=LABELS[:6] > 0))
    np.testing.assert_array_equal(data.y_train, (LABELS > 0).astype(int))
    assert data.num_classes == 2


@pytest.mark.parametrize(
    "changes, reason",
    [
        ({"x_train": IMAGES - 300.0}, "pixels must be whole from 0 to 255, or these over 255. Received: -300 to"),
        ({"x_train": IMAGES + 0.5}, "pixels must be whole"),
        ({"x_train": IMAGES / np.float64("nan")}, "pixels must be numbers"),
        ({"x_train": IMAGES.astype(str)}, "pixels must be numbers from 0 to 255. Received: dtype <U"),
        ({"x_train": IMAGES.reshape(12, -1)}, r"images must have shape \(n, h, w, c\). Received: shape \(12, 90\)"),
        ({"x_train": IMAGES[:0]}, "images must be at least one"),
        ({"x_test": TEST[:, :4]}, "both splits must have one shape"),
        ({"y_train": LABELS[:5]}, "labels must be one for each of the 12 images. Received: 5"),
        ({"y_train": LABELS + 0.5}, r"Received: shape \(12,\) and dtype float64"),
        ({"y_train": np.ones((12, 4))}, r"Received: shape \(12, 4\) and dtype float64"),
        ({"y_train": np.array([None] * 12)}, "Object arrays cannot be loaded"),
        ({"y_train": LABELS * 0, "y_test": LABELS[:6] * 0}, "classes must be two or more. Received: 1"),
        (
            {"y_train": LABELS * 100, "y_test": LABELS[:6] * 100},
            "labels from 0 to 200 must mostly occur; as text they ",
        ),
        ({"y_test": LABELS[:6] + 1}, r"test images must be of classes that training images have. Received: \[3\]"),
        ({"y_train": np.array(["a", "b", "c"] * 4)}, "test images must be of classes that training images have"),
    ],
)
def test_what_is_no_data_set_is_refused_in_one_line_that_says_why(tmp_path, changes, reason):
    save(tmp_path / "d.npz", **changes)
    with pytest.raises(
        ValueError, match=f"^a data set must be images and classes. Received: .*d.npz .*{reason}"
    ) as error:
        datasets.load(str(tmp_path / "d.npz"))
    assert "\n" not in str(error.value)


def test_a_file_that_is_not_there_not_whole_or_without_an_array_is_named(tmp_path):
    path = tmp_path / "d.npz"
    with pytest.raises(FileNotFoundError, match="there is no data set .*d.npz"):
        datasets.load(str(path))
    np.savez(path, x_train=IMAGES, y=LABELS)
    with pytest.raises(ValueError, match=r"it must hold x_train, .*Received: \['x_train', 'y'\], no y_train"):
        datasets.load(str(path))
    np.savez_compressed(path, x_train=IMAGES, y_train=LABELS, x_test=TEST, y_test=LABELS[:6])
    whole = path.read_bytes()
    np.save(tmp_path / "array.npy", IMAGES)
    array = (tmp_path / "array.npy").read_bytes()
    for broken in (whole[:-100], b"", array, whole[:500] + bytes(200) + whole[700:]):
        path.write_bytes(broken)
        with pytest.raises(ValueError, match="^a data set must be images and classes. Received: .*d.npz"):
            datasets.load(str(path))


def test_a_checksum_is_looked_for_in_names_of_every_form(tmp_path, monkeypatch):
    data = datasets.load(save(tmp_path / "d.npz"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("./d.npz", "~/d.npz"):
        assert datasets.load(f"{name}@{data.sha256[:8]}").sha256 == data.sha256
        with pytest.raises(ValueError, match="is not the data set of before"):
            datasets.load(f"{name}@00000000")


def folder(root, test="val", mode="RGB"):
    """Class folders of pictures: the images and labels above."""
    for split, images in (("train", IMAGES), (test, TEST)):
        for place, (image, label) in enumerate(zip(images, LABELS, strict=False)):
            path = root / split / f"class{label}" / f"{place:02}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).convert(mode).save(path)
    return str(root)


@pytest.mark.parametrize("mode, channels", [("RGB", 3), ("RGBA", 3), ("L", 1)])
def test_a_folder_of_class_folders_is_a_data_set_in_the_order_of_names(tmp_path, mode, channels):
    data = datasets.load(folder(tmp_path / "mine", mode=mode))
    order = np.argsort(LABELS, kind="stable")
    np.testing.assert_array_equal(data.y_train, LABELS[order])
    assert data.x_train.shape == (12, 5, 6, channels) and (data.num_classes, len(data.x_test)) == (3, 6)
    if channels == 3:
        np.testing.assert_array_equal(data.x_train, IMAGES[order])
    assert run_id(Config(dataset=datasets.identified(str(tmp_path / "mine")))).startswith("mlp3-mine-true")
    (tmp_path / "mine" / "test").mkdir()
    Image.fromarray(IMAGES[0]).save(tmp_path / "mine" / "test" / "without a class.png")  # as ImageNet has
    np.testing.assert_array_equal(datasets.load(str(tmp_path / "mine")).x_test, data.x_test)


def test_a_folder_that_is_none_says_what_it_lacks(tmp_path):
    with pytest.raises(ValueError, match="it must hold the folders train and test or val"):
        datasets.load(str(tmp_path))
    folder(tmp_path)
    Image.fromarray(IMAGES[0][:3]).save(tmp_path / "train" / "class0" / "odd.png")
    with pytest.raises(ValueError, match=r"pictures must have one size. Received: \[\(3, 6, 3\), \(5, 6, 3\)\]"):
        datasets.load(str(tmp_path))
    Image.fromarray(np.full((5, 6), 300, np.uint16)).save(tmp_path / "train" / "class0" / "odd.png")
    with pytest.raises(ValueError, match="pixels must have 8 bits a channel. Received: mode=I;16"):
        datasets.load(str(tmp_path))
    (tmp_path / "data" / "MNIST").mkdir(parents=True)
    with pytest.raises(ValueError, match="a folder of data sets, among them MNIST: name it by --data-dir"):
        datasets.load(str(tmp_path / "data"))
    (tmp_path / "empty" / "train").mkdir(parents=True)
    (tmp_path / "empty" / "test").mkdir()
    with pytest.raises(ValueError, match="with the images of each class"):
        datasets.load(str(tmp_path / "empty"))


@pytest.mark.parametrize(
    "name, text",
    [
        ("l.csv", "label\n2\n0\n1\n"),
        ("l.csv", "2\n0\n1\n"),
        ("l.csv", "\ufeff2\n0\n1\n"),
        ("l.txt", "2.000000000000000000e+00\n0.000000000000000000e+00\n1.000000000000000000E+00\n"),
        ("l.csv", "index,label\n0,2\n1,0\n2,1\n"),
        ("l.csv", 'index;label\n0;"2.0"\n1;"0"\n2;"1"\n'),
        ("l.txt", "2 \n0\n\n1"),
    ],
)
def test_labels_of_a_text_file_are_its_last_column(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    assert own.read_labels(tmp_path / name).tolist() == [2, 0, 1]


def test_labels_of_an_array_file_may_be_a_column_of_floats(tmp_path):
    np.save(tmp_path / "l.npy", LABELS[:, None].astype(float))
    np.testing.assert_array_equal(own.read_labels(tmp_path / "l.npy"), LABELS)
    (tmp_path / "l.txt").write_text("cat\ndog\n")
    assert own.read_labels(tmp_path / "l.txt").tolist() == ["cat", "dog"]
    (tmp_path / "l.csv").write_text("")
    with pytest.raises(ValueError, match="^labels must be a .npy, .csv or .txt .*l.csv"):
        own.read_labels(tmp_path / "l.csv")
