"""Data sets: exact arrays, checksums before anything is trusted, downloads that are whole or not there."""

import gzip
import hashlib
import io
import os
import pickle
import subprocess
import sys
import tarfile
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pooch
import pytest
import requests
from PIL import Image

from common.data import readers, sources
from common.data.datasets import DATASETS, find_data_dir, load, main
from common.data.readers import parse_idx

pytestmark = pytest.mark.slow

REAL = {  # training images, training class counts, first training and test labels, sha256
    "mnist": (
        (60000, 28, 28, 1),
        [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949],
        [5, 0, 4, 1, 9],
        [7, 2, 1, 0, 4],
        "902d2f6960b6b3d90998fcc6223893154c5e9dfbc8124bdddf043940af682d12",
    ),
    "fashion_mnist": (
        (60000, 28, 28, 1),
        [6000] * 10,
        [9, 0, 0, 3, 0],
        [9, 2, 1, 1, 6],
        "8a525097daa8ae4f449cb666047654b4341fc572609c4ed86b94f8630f457caf",
    ),
    "cifar10": (
        (50000, 32, 32, 3),
        [5000] * 10,
        [6, 9, 9, 4, 1],
        [3, 8, 8, 0, 6],
        "3871edfba00d06286bdaf54a47f5b0abee25738a0dbd5391261fd1cfe67eded4",
    ),
}


@pytest.fixture(autouse=True)
def offline(monkeypatch):
    monkeypatch.setenv("OFFLINE", "1")
    monkeypatch.delenv("DATA_DIR", raising=False)


@pytest.fixture
def server(monkeypatch, tmp_path):
    """A folder whose files are what the publishers serve; a file named `half` in it breaks the connection midway."""
    folder = tmp_path / "server"
    folder.mkdir()

    class Downloader:
        def __init__(self, **options):
            assert options["timeout"]

        def __call__(self, url, output_file, pooch):
            content = (folder / url.rsplit("/", 1)[-1]).read_bytes()
            half = (folder / "half").exists()
            Path(output_file).write_bytes(content[: len(content) // 2] if half else content)
            if half:
                raise requests.ConnectionError("connection broken")

    monkeypatch.setattr(pooch, "HTTPDownloader", Downloader)
    monkeypatch.setenv("OFFLINE", "0")
    return folder


def checksum(content, algorithm="sha256"):
    return f"{algorithm}:{hashlib.new(algorithm, content).hexdigest()}"


def idx(array):
    return bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes() + array.tobytes()


@pytest.fixture
def mnist_files(monkeypatch):
    """Five small MNIST images and their labels, twice, as idx files that pass for the published ones."""
    random = np.random.default_rng(0)
    shapes = [(5, 28, 28), (5,), (5, 28, 28), (5,)]
    contents = [idx(random.integers(0, 10, shape, np.uint8)) for shape in shapes]
    files = dict(zip(DATASETS["mnist"].files, contents, strict=True))
    packed = {f"{file}.gz": gzip.compress(content, mtime=0) for file, content in files.items()}
    source = replace(
        DATASETS["mnist"],
        files={file: checksum(content) for file, content in files.items()},
        downloads={file: checksum(content) for file, content in packed.items()},
    )
    monkeypatch.setitem(DATASETS, "mnist", source)
    return files | packed


@pytest.fixture
def cifar100_files(monkeypatch):
    """Four CIFAR-100 images, pixel i of each holding i, as pickles that pass for the published ones."""
    images = np.tile((np.arange(3072) % 256).astype(np.uint8), (4, 1))
    batches = {"train": [3, 99, 0, 41], "test": [7, 7, 1, 2]}
    files = {
        name: pickle.dumps({b"data": images, b"fine_labels": labels, b"coarse_labels": [0] * 4}, protocol=2)
        for name, labels in batches.items()
    } | {"meta": b"names"}
    source = replace(DATASETS["cifar100"], files={name: checksum(files[name], "md5") for name in files})
    monkeypatch.setitem(DATASETS, "cifar100", source)
    return files


def jpeg(value, size=(64, 64), mode="RGB"):
    """A picture of one grey value."""
    content = io.BytesIO()
    Image.new(mode, size, value if mode == "L" else (value,) * 3).save(content, "JPEG")
    return content.getvalue()


@pytest.fixture
def tiny_imagenet_files(monkeypatch):
    """The first two of three classes, 11 training images each, image i of class c of grey value 100 c + i."""
    files = {
        "wnids.txt": b"n2\nn1\nn3\n",
        "val/val_annotations.txt": b"".join(
            b"val_%d.JPEG\tn%d\t0\t0\t63\t63\n" % row for row in enumerate([2, 3, 1, 2])
        ),
    }
    checksums = {file: checksum(content) for file, content in files.items()}
    for wnid in (1, 2):
        files |= {f"train/n{wnid}/images/n{wnid}_{i}.JPEG": jpeg(100 * wnid + i) for i in range(11)}
    files |= {f"val/images/val_{i}.JPEG": jpeg(20 * i, mode="L" if i == 2 else "RGB") for i in (0, 2, 3)}
    monkeypatch.setattr(readers, "TINY_IMAGENET_PER_CLASS", 11)
    monkeypatch.setitem(DATASETS, "tiny_imagenet", replace(DATASETS["tiny_imagenet"], num_classes=2, files=checksums))
    return files


def lay(data_dir, name, files):
    """Write files where the data set `name` belongs and return that folder."""
    folder = data_dir / DATASETS[name].folder
    folder.mkdir(parents=True)
    for file, content in files.items():
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_bytes(content)
    return folder


def failure(kind, *arguments, **options):
    """The message with which loading fails: always one line."""
    with pytest.raises(kind) as caught:
        load(*arguments, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_digits_are_scikit_learns_split_once_class_by_class():
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    digits = load("digits", "/nonexistent")
    assert digits.x_train.shape == DATASETS["digits"].shape == (1437, 8, 8, 1) and digits.x_test.shape == (360, 8, 8, 1)
    assert digits.x_train.dtype == np.uint8 and digits.y_train.dtype == np.int64 and digits.num_classes == 10
    pixels, labels = load_digits(return_X_y=True)
    images = np.rint(pixels * 255 / 16).astype(np.uint8).reshape(-1, 8, 8, 1)
    split = train_test_split(images, labels, test_size=360, stratify=labels, random_state=0)
    found = digits.x_train, digits.x_test, digits.y_train, digits.y_test
    assert all(np.array_equal(one, other) for one, other in zip(found, split, strict=True))


def test_digits_hash_is_pinned_and_sees_every_array():
    digits = load("digits")
    assert digits.sha256 == "ea85960d3c0bce83fe1d8fa6480c8f6139cc0e2bd0e4814ed583bf316529ef55" == load("digits").sha256
    assert replace(digits, y_test=digits.y_test[::-1]).sha256 != digits.sha256
    assert replace(digits, x_train=digits.x_train.reshape(-1, 64)).sha256 != digits.sha256


def test_unknown_name_gets_the_nearest():
    assert failure(ValueError, "mnits") == (
        "dataset must be one of digits, mnist, fashion_mnist, cifar10, cifar100, tiny_imagenet, phrases, trec, "
        "rt_polarity, imdb, tiny_imagenet_10. "
        "Did you mean mnist? Received: dataset='mnits'"
    )
    assert "Did you mean" not in failure(ValueError, "zzz")


def test_data_dir_argument_goes_before_environment_before_default(monkeypatch):
    assert find_data_dir() == Path("data")
    monkeypatch.setenv("DATA_DIR", "/elsewhere")
    assert find_data_dir() == Path("/elsewhere")
    assert find_data_dir("~/here") == Path.home() / "here"


def test_idx_is_read_in_its_shape():
    array = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    np.testing.assert_array_equal(parse_idx(idx(array)), array)
    parse_idx(idx(array))[0] = 1  # writable


@pytest.mark.parametrize(
    "content",
    [b"", b"\0\0\x08", b"\0\0\x08\x01\0\0", idx(np.ones(4, np.uint8))[:-1], b"\0\0\x0d\x01\0\0\0\x01\x01"],
    ids=["empty", "no rank", "half a header", "a byte short", "floats"],
)
def test_idx_that_is_not_what_it_says_is_refused(content):
    with pytest.raises(ValueError, match="idx file"):
        parse_idx(content)


@pytest.mark.data
@pytest.mark.parametrize("name", REAL)
def test_real_data(name, data_dir):
    shape, counts, first_train, first_test, sha256 = REAL[name]
    dataset = load(name, data_dir, download=False)
    assert dataset.x_train.shape == DATASETS[name].shape == shape and dataset.x_test.shape == (10000, *shape[1:])
    assert dataset.x_train.dtype == dataset.x_test.dtype == np.uint8
    assert dataset.y_train.dtype == dataset.y_test.dtype == np.int64
    assert dataset.x_train.flags.c_contiguous and dataset.x_train.flags.writeable
    assert np.bincount(dataset.y_train).tolist() == counts and dataset.num_classes == 10
    assert dataset.y_train[:5].tolist() == first_train and dataset.y_test[:5].tolist() == first_test
    assert dataset.sha256 == sha256


@pytest.mark.data
def test_cifar10_pixels_are_height_width_red_green_blue(data_dir):
    frog = load("cifar10", data_dir, download=False).x_train[0]
    assert frog[0, :2].tolist() == [[59, 62, 63], [43, 46, 45]]


@pytest.mark.data
def test_real_tiny_imagenet_of_ten_classes(data_dir):
    if not (folder := data_dir / DATASETS["tiny_imagenet_10"].folder).is_dir():
        pytest.fail(f"no {folder}") if os.environ.get("CI") else pytest.skip(f"no {folder}")
    dataset = load("tiny_imagenet_10", data_dir, download=False)
    assert dataset.x_train.shape == (5000, 64, 64, 3) and dataset.x_test.shape == (500, 64, 64, 3)
    assert dataset.x_train.dtype == np.uint8 and dataset.y_train.dtype == dataset.y_test.dtype == np.int64
    assert dataset.x_train.flags.c_contiguous and dataset.x_train.flags.writeable and dataset.num_classes == 10
    np.testing.assert_array_equal(dataset.y_train, np.repeat(np.arange(10), 500))
    assert np.bincount(dataset.y_test).tolist() == [50] * 10 and dataset.y_test[:5].tolist() == [4, 6, 5, 3, 7]
    assert dataset.x_train[0, 0, :2].tolist() == [[0, 39, 41], [0, 37, 39]]
    assert dataset.sha256 == "de6706021d9c8453f2fad62e212644d0a5d9c1c2beceb9a98f0468c93d9d5c72"


@pytest.mark.data
def test_cut_copy_of_a_real_file_is_refused(data_dir, tmp_path):
    source = data_dir / "MNIST" / "raw"
    folder = tmp_path / "MNIST" / "raw"
    folder.mkdir(parents=True)
    for path in source.iterdir():
        (folder / path.name).symlink_to(path.resolve())
    labels = min(folder.glob("t10k-labels-idx1-ubyte*"))  # the .gz only where it is alone
    content = labels.read_bytes()
    labels.unlink()
    labels.write_bytes(content[:-1])
    assert str(labels) in failure(ValueError, "mnist", tmp_path)


@pytest.mark.parametrize("packed", [False, True])
def test_mnist_reads_either_form(packed, mnist_files, tmp_path):
    lay(tmp_path, "mnist", {file: content for file, content in mnist_files.items() if file.endswith(".gz") == packed})
    dataset = load("mnist", tmp_path)
    assert dataset.x_train.shape == (5, 28, 28, 1) and dataset.y_test.dtype == np.int64
    assert dataset.x_test.tobytes() == mnist_files["t10k-images-idx3-ubyte"][16:]
    assert dataset.y_test.tolist() == list(mnist_files["t10k-labels-idx1-ubyte"][8:])


@pytest.mark.parametrize(
    "name, pack",
    [("{}.idx{}", bytes), ("{}-idx{}.gz", lambda content: gzip.compress(content, 1)), ("{}.idx{}.gz", gzip.compress)],
    ids=["a dot", "packed anew", "both"],
)
def test_mnist_reads_right_content_whoever_packed_and_named_it(name, pack, mnist_files, tmp_path):
    files = {file: content for file, content in mnist_files.items() if not file.endswith(".gz")}
    expected = load("mnist", lay(tmp_path / "plain", "mnist", files).parents[1])
    renamed = {name.format(*file.split("-idx")): pack(content) for file, content in files.items()}
    lay(tmp_path / "other", "mnist", renamed)
    assert load("mnist", tmp_path / "other", download=False).sha256 == expected.sha256


@pytest.mark.parametrize("file", ["train-images-idx3-ubyte", "train-images-idx3-ubyte.gz"])
def test_truncated_file_is_refused_and_left_alone(file, mnist_files, tmp_path, server):
    suffix = ".gz" if file.endswith(".gz") else "ubyte"
    folder = lay(tmp_path, "mnist", {name: mnist_files[name] for name in mnist_files if name.endswith(suffix)})
    cut, expected = mnist_files[file][:-1], checksum(mnist_files[file.removesuffix(".gz")])
    (folder / file).write_bytes(cut)
    message = failure(ValueError, "mnist", tmp_path)
    assert message == (
        f"{folder / file} is truncated or altered: expected {expected}, found {checksum(cut)}. "
        f"Delete it and run: python -m common.data.datasets mnist --data-dir {tmp_path}"
    )
    assert (folder / file).read_bytes() == cut


def test_cifar100_is_read_channels_last_with_fine_labels(cifar100_files, tmp_path):
    lay(tmp_path, "cifar100", cifar100_files)
    dataset = load("cifar100", tmp_path)
    assert dataset.x_train.shape == (4, 32, 32, 3) and dataset.num_classes == 100
    assert dataset.y_train.tolist() == [3, 99, 0, 41] and dataset.y_test.tolist() == [7, 7, 1, 2]
    for channel in range(3):
        assert dataset.x_test[2, 5, 7, channel] == (channel * 1024 + 5 * 32 + 7) % 256


def test_tiny_imagenet_is_the_first_classes_in_the_order_of_their_names(tiny_imagenet_files, tmp_path):
    lay(tmp_path, "tiny_imagenet", tiny_imagenet_files)
    dataset = load("tiny_imagenet", tmp_path)
    assert dataset.x_train.shape == (22, 64, 64, 3) and dataset.x_train.dtype == np.uint8
    assert dataset.y_train.tolist() == [0] * 11 + [1] * 11 and dataset.num_classes == 2
    order = [0, 1, 10, 2, 3, 4, 5, 6, 7, 8, 9]
    expected = np.array([100 + i for i in order] + [200 + i for i in order])[:, None, None, None]
    assert np.abs(dataset.x_train.astype(int) - expected).max() <= 1  # JPEG rounds
    assert dataset.y_test.tolist() == [1, 0, 1] and dataset.x_test.shape == (3, 64, 64, 3)
    assert np.abs(dataset.x_test.astype(int) - np.array([0, 40, 60])[:, None, None, None]).max() <= 1


@pytest.mark.parametrize("place", ["val/n{}/images/val_{}.JPEG", "val/n{}/val_{}.JPEG"])
def test_tiny_imagenet_whose_validation_images_were_sorted_by_class_is_the_same(place, tiny_imagenet_files, tmp_path):
    lay(tmp_path / "published", "tiny_imagenet", tiny_imagenet_files)
    labels = {0: 2, 2: 1, 3: 2}
    images = {i: tiny_imagenet_files.pop(f"val/images/val_{i}.JPEG") for i in labels}
    moved = {place.format(labels[i], i): content for i, content in images.items()}
    lay(tmp_path / "sorted", "tiny_imagenet", tiny_imagenet_files | moved)
    published, found = (load("tiny_imagenet", tmp_path / name) for name in ("published", "sorted"))
    assert found.sha256 == published.sha256


def test_tiny_imagenet_of_ten_classes_comes_from_the_whole_one():
    ten = {"name": "tiny_imagenet_10", "shape": (5_000, 64, 64, 3), "num_classes": 10}
    assert DATASETS["tiny_imagenet_10"] == replace(DATASETS["tiny_imagenet"], **ten)
    assert DATASETS["tiny_imagenet"].num_classes == 200


@pytest.mark.parametrize(
    ("content", "kind", "problem"),
    [
        (None, FileNotFoundError, "missing"),
        (b"", ValueError, "truncated or altered"),
        (jpeg(101)[:-300], ValueError, "truncated or altered"),
        (jpeg(101, size=(32, 128)), ValueError, "truncated or altered"),
    ],
    ids=["missing", "empty", "cut", "another shape"],
)
def test_tiny_imagenet_without_every_image_whole_is_refused(content, kind, problem, tiny_imagenet_files, tmp_path):
    files = tiny_imagenet_files | {"train/n1/images/n1_1.JPEG": content}
    folder = lay(tmp_path, "tiny_imagenet", {file: files[file] for file in files if files[file] is not None})
    assert failure(kind, "tiny_imagenet", tmp_path) == (
        f"{folder}/train/n1/images/n1_1.JPEG is {problem}. "
        f"Move {folder} away and run: python -m common.data.datasets tiny_imagenet --data-dir {tmp_path}"
    )


@pytest.mark.parametrize("file", ["wnids.txt", "val/val_annotations.txt"])
def test_altered_lists_of_tiny_imagenet_are_refused(file, tiny_imagenet_files, tmp_path):
    folder = lay(tmp_path, "tiny_imagenet", tiny_imagenet_files | {file: tiny_imagenet_files[file][:-1]})
    assert f"{folder / file} is truncated or altered: expected" in failure(ValueError, "tiny_imagenet", tmp_path)


def test_download_of_tiny_imagenet_unpacks_the_published_zip(server, tiny_imagenet_files, tmp_path, monkeypatch):
    with zipfile.ZipFile(server / "tiny-imagenet-200.zip", "w") as archive:
        for file, content in tiny_imagenet_files.items():
            archive.writestr(f"tiny-imagenet-200/{file}", content)
    downloads = {"tiny-imagenet-200.zip": checksum((server / "tiny-imagenet-200.zip").read_bytes())}
    source = replace(DATASETS["tiny_imagenet"], downloads=downloads)
    monkeypatch.setitem(DATASETS, "tiny_imagenet", source)
    assert load("tiny_imagenet", tmp_path).y_test.tolist() == [1, 0, 1]
    folder = tmp_path / "tiny-imagenet-200"
    found = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert found == tiny_imagenet_files


@pytest.mark.parametrize("file", ["train", "test", "meta"])
def test_altered_pickle_is_never_unpickled(file, cifar100_files, tmp_path):
    class Planted:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "planted"),)

    folder = lay(tmp_path, "cifar100", cifar100_files)
    (folder / file).write_bytes(pickle.dumps(Planted()))
    message = failure(ValueError, "cifar100", tmp_path)
    assert DATASETS["cifar100"].files[file] in message and str(folder / file) in message
    assert not (tmp_path / "planted").exists()
    pickle.loads((folder / file).read_bytes())
    assert (tmp_path / "planted").exists()  # the plant was live


def test_missing_data_says_where_how_and_how_without(tmp_path):
    assert failure(FileNotFoundError, "mnist", tmp_path) == (
        f"{tmp_path}/MNIST/raw has no train-images-idx3-ubyte (downloads are off). "
        f"Download: python -m common.data.datasets mnist --data-dir {tmp_path}. Without files: --dataset digits"
    )
    assert not list(tmp_path.iterdir())


def test_download_can_be_forbidden(server, mnist_files, tmp_path):
    for file in mnist_files:
        (server / file).write_bytes(mnist_files[file])
    assert "downloads are off" in failure(FileNotFoundError, "mnist", tmp_path / "data", download=False)
    assert load("mnist", tmp_path / "data").num_classes == 10


def test_download_of_idx_fills_torchvisions_layout(server, mnist_files, tmp_path, capsys):
    present = "t10k-labels-idx1-ubyte"
    folder = lay(tmp_path / "data", "mnist", {present: mnist_files[present]})
    for file in mnist_files.keys() - {present, f"{present}.gz"}:  # what is there is not asked for
        (server / file).write_bytes(mnist_files[file])
    assert main(["mnist", "--data-dir", str(tmp_path / "data")]) == 0
    assert capsys.readouterr().out == "mnist: train (5, 28, 28, 1), test (5, 28, 28, 1), 10 classes\n"
    found = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert found == {file: mnist_files[file] for file in mnist_files if file != f"{present}.gz"}
    (server / "half").touch()
    assert main(["mnist", "--data-dir", str(tmp_path / "data")]) == 0  # now there is nothing to fetch


def test_download_of_texts_that_are_not_packed_leaves_them_as_they_are(server, tmp_path, monkeypatch):
    files = {"train_5500.label": b"HUM:ind Who\xe9 ?\nNUM:date When ?\n", "TREC_10.label": b"HUM:ind Who ?\n"}
    checksums = {file: checksum(content) for file, content in files.items()}
    monkeypatch.setitem(DATASETS, "trec", replace(DATASETS["trec"], files=checksums, downloads=checksums))
    for file, content in files.items():
        (server / file).write_bytes(content)
    data = load("trec", tmp_path / "data")
    assert {path.name: path.read_bytes() for path in (tmp_path / "data" / "TREC").iterdir()} == files
    assert data.y_train.tolist() == [3, 5] and data.words[2:] == ("?", "when", "who", "\xe9")
    (tmp_path / "data" / "TREC" / "TREC_10.label").write_bytes(b"HUM:ind Wh")
    assert "TREC_10.label is truncated or altered: expected " in failure(ValueError, "trec", tmp_path / "data")


def serve_archive(monkeypatch, server, files):
    """Serve the files as CIFAR-100's archive."""
    lay(server, "cifar100", files)
    archive = server / "cifar-100-python.tar.gz"
    with tarfile.open(archive, "w:gz") as members:
        members.add(server / "cifar-100-python", "cifar-100-python")
    downloads = {archive.name: checksum(archive.read_bytes())}
    monkeypatch.setitem(DATASETS, "cifar100", replace(DATASETS["cifar100"], downloads=downloads))


def test_download_of_an_archive_keeps_what_is_there(server, cifar100_files, tmp_path, monkeypatch):
    serve_archive(monkeypatch, server, cifar100_files)
    folder = lay(tmp_path / "data", "cifar100", {"meta": b"altered"})
    assert "truncated or altered" in failure(ValueError, "cifar100", tmp_path / "data")
    assert (folder / "meta").read_bytes() == b"altered"
    (folder / "meta").unlink()
    assert load("cifar100", tmp_path / "data").y_train.tolist() == [3, 99, 0, 41]
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == cifar100_files


def test_interrupted_download_leaves_no_file(server, cifar100_files, tmp_path, monkeypatch):
    serve_archive(monkeypatch, server, cifar100_files)
    (server / "half").touch()
    message = failure(FileNotFoundError, "cifar100", tmp_path / "data")
    assert "has no train (ConnectionError). Download: python -m common.data.datasets cifar100" in message
    assert not (tmp_path / "data").exists()


def test_interrupted_unpacking_leaves_no_file(server, mnist_files, tmp_path, monkeypatch):
    def interrupt(content):
        raise KeyboardInterrupt

    for file in mnist_files:
        (server / file).write_bytes(mnist_files[file])
    monkeypatch.setattr(sources.gzip, "decompress", interrupt)
    with pytest.raises(KeyboardInterrupt):
        load("mnist", tmp_path / "data")
    assert not [path for path in (tmp_path / "data").rglob("*") if path.is_file()]


def test_download_with_another_checksum_leaves_no_file(server, cifar100_files, tmp_path, monkeypatch):
    serve_archive(monkeypatch, server, cifar100_files)
    (server / "cifar-100-python.tar.gz").write_bytes(b"<html>log in first</html>")
    assert checksum(b"<html>log in first</html>")[7:] in failure(ValueError, "cifar100", tmp_path / "data")
    assert not [path for path in (tmp_path / "data").rglob("*") if path.is_file()]


@pytest.mark.parametrize(
    ("name", "status", "out", "error"),
    [
        ("digits", 0, "digits: train (1437, 8, 8, 1), test (360, 8, 8, 1), 10 classes\n", ""),
        ("cifar01", 2, "", "Did you mean cifar10?"),
        ("cifar10", 2, "", "cifar-10-batches-py has no data_batch_1"),
        ("--side=x", 2, "", "error: argument --side: invalid int value: 'x'"),
    ],
)
def test_command_line(name, status, out, error, tmp_path):
    command = [sys.executable, "-m", "common.data.datasets", name, "--data-dir", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[2])
    assert (done.returncode, done.stdout) == (status, out)
    assert error in done.stderr and done.stderr.count("\n") == (status == 2)
