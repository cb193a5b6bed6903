"""Data sets as arrays: found in the layout that is usual for them or downloaded into it, and checked at every load.

``python -m common.data.datasets NAME [--data-dir DIR]`` downloads one and prints its shapes;
``python -m common.data.datasets NAME --source DIR --side 320`` makes the data set NAME_320 of a folder of images.
"""

import argparse
import contextlib
import errno
import gzip
import hashlib
import math
import os
import pickle
import re
import shlex
import sys
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from common.cores import cores
from common.data import build, corpora, own, stored, texts
from common.data.arrays import Array
from common.errors import Parser, check_choice
from common.files import replacing

Images: TypeAlias = NDArray[np.uint8]
Labels: TypeAlias = NDArray[np.int64]
Arrays: TypeAlias = tuple[Images, Labels, Images, Labels] | corpora.Arrays

TIMEOUT = 3, 30  # seconds: to connect, between two packets
TINY_IMAGENET_PER_CLASS = 500  # training images
PHRASES = 400  # generated test texts
CACHE = "ids.npz"
ARRAY = re.compile(r"(\w*imagenet\w*)_(\d+)")  # what `build` calls an array of a folder of images


@dataclass(frozen=True, eq=False)
class Dataset:
    """A data set: images uint8 (n, height, width, channels) or texts int32 (n, tokens), and labels int64 (n,).

    Images of one that is larger than memory are `common.data.stored.Stored`, which stands for an array.
    """

    name: str
    x_train: Array
    y_train: Labels
    x_test: Array
    y_test: Labels
    num_classes: int
    kind: str = "images"
    """Its name in `common.data.inputs.KINDS`."""
    words: tuple[str, ...] = ()
    """Of texts the word of every id, "" and a mark for the first two; see `common.data.texts`."""
    known_sha256: str = field(default="", kw_only=True)
    """Of an array on disk, as it was when it was made."""

    @cached_property
    def sha256(self) -> str:
        """Hex digest over the names, types, shapes and bytes of the four arrays."""
        if self.known_sha256:
            return self.known_sha256
        return digest({name: getattr(self, name) for name in own.ARRAYS})


def digest(arrays: Mapping[str, Array]) -> str:
    """Hex digest over the names, types, shapes and bytes of arrays."""
    found = hashlib.sha256()
    for name, values in arrays.items():
        array = np.ascontiguousarray(values)
        found.update(f"{name} {array.dtype.str} {array.shape}\n".encode())
        found.update(array.data.cast("B"))
    return found.hexdigest()


@dataclass(frozen=True)
class Source:
    """Where a data set comes from; checksums read ``algorithm:hex digest``."""

    shape: tuple[int, ...]  # of the training inputs
    num_classes: int
    read: Callable[[str, Path], Arrays]  # from the data set's name and the data folder
    kind: str = "images"  # in `common.data.inputs.KINDS`
    words: int = 0  # of the training texts
    folder: str = ""  # below the data folder
    url: str = ""
    files: dict[str, str] = field(default_factory=dict)  # file, or folder of texts: checksum; training files come first
    downloads: dict[str, str] = field(default_factory=dict)  # file below the URL: checksum


def find_data_dir(data_dir: str | os.PathLike[str] | None = None) -> Path:
    """The folder that holds the data sets: the argument, else the environment's ``DATA_DIR``, else ``data``."""
    return Path(data_dir or os.environ.get("DATA_DIR") or "data").expanduser()


def load(name: str, data_dir: str | os.PathLike[str] | None = None, download: bool = True) -> Dataset:
    """Return the data set `name`, one of ``DATASETS``, an array in the data folder or a path of one's own.

    What is missing of one of ``DATASETS`` is downloaded first.

    ``download=False`` or ``OFFLINE=1`` in the environment forbids that.

    Raises ``ValueError`` for an unknown name or a file whose checksum differs (such a file is left as it is), and
    ``FileNotFoundError`` where files are missing and could not be downloaded.
    """
    directory = obtain(name, data_dir, download)
    if name not in DATASETS and own.is_own(name):
        return load_own(name)
    if name not in DATASETS:
        return same(load_stored(name, directory / own.path_of(name)), directory / own.path_of(name))
    source = DATASETS[name]
    x_train, y_train, x_test, y_test, *words = source.read(name, directory)
    return Dataset(name, x_train, y_train, x_test, y_test, source.num_classes, source.kind, *words)


def obtain(name: str, data_dir: str | os.PathLike[str] | None = None, download: bool = True) -> Path:
    """The data folder, in which a data set's files are now; raises as `load`, which reads and compares them too."""
    directory = find_data_dir(data_dir)
    if name not in DATASETS and own.is_own(name):
        own.check_there(name)
        return directory
    if name not in DATASETS and stored.is_stored(directory / own.path_of(name)):
        return directory
    check_made(name, directory)
    check_name(name, directory)
    if missing := [file for file in DATASETS[name].files if not _locate(name, directory, file).exists()]:
        _obtain(name, directory, missing, download)
    return directory


def load_own(name: str) -> Dataset:
    """A user's own data set; ValueError where it is not the one that its name has the checksum of."""
    path = own.path_of(name)
    return same(load_stored(name, path) if stored.is_stored(path) else Dataset(name, *own.read(name)), path)


def load_stored(name: str, folder: Path) -> Dataset:
    """An array on disk, of which no image is read."""
    x_train, y_train, x_test, y_test, classes, sha256 = stored.load(folder)
    images = (cast(Images, split) for split in (x_train, x_test))  # it stands for an array
    return Dataset(name, next(images), y_train, next(images), y_test, len(classes), known_sha256=sha256)


def same(dataset: Dataset, path: Path) -> Dataset:
    """The data set, if it is the one that its name has the checksum of."""
    if (expected := own.checksum_of(dataset.name)) and not dataset.sha256.startswith(expected):
        raise ValueError(f"{path} is not the data set of before: expected {expected}, found {dataset.sha256[:8]}")
    return dataset


def check_name(name: str, data_dir: str | os.PathLike[str] | None = None) -> None:
    """ValueError for a name that no data set has, and no array on disk that may yet be made."""
    array = find_data_dir(data_dir) / own.path_of(name)
    if not (own.is_own(name) or ARRAY.fullmatch(name) or stored.is_stored(array)):
        check_choice("dataset", name, DATASETS)


def check_made(name: str, directory: Path) -> None:
    """FileNotFoundError with the command that makes it, where a name can only be that of an array on disk."""
    if name not in DATASETS and (parts := ARRAY.fullmatch(name)):
        raise FileNotFoundError(
            f"{directory / name} has no array of images. Make it: python -m common.data.datasets {parts[1]} "
            f"--source FOLDER --side {parts[2]} --data-dir {shlex.quote(str(directory))}"
        )


def identified(name: str) -> str:
    """A data set's name for a run's config: of one's own data its whole path with the start of its checksum."""
    if name in DATASETS or not own.is_own(name) or own.checksum_of(name):
        return name
    return f"{own.path_of(name).resolve()}{own.MARK}{load_own(name).sha256[:8]}"


def kind_of(name: str) -> str:
    """The kind of a data set's inputs, by its name in `common.data.inputs.KINDS`."""
    return DATASETS[name].kind if name in DATASETS else "images"


def check_train_size(name: str, train_size: int | None) -> int:
    """How many training examples that is, none being all; ValueError for more than a data set has."""
    whole = DATASETS[name].shape[0]
    if (train_size or 0) > whole:
        raise ValueError(f"train_size must be at most {whole}. Received: train_size={train_size}")
    return train_size or whole


def parse_idx(content: bytes) -> Images:
    """Return the unsigned bytes of an idx file, in the shape of its header (http://yann.lecun.com/exdb/mnist/)."""
    start = 4 + 4 * int.from_bytes(content[3:4], "big")
    shape = np.frombuffer(content[4:start].ljust(start - 4, b"\0"), ">u4").tolist()
    if content[:3] != b"\0\0\x08" or len(content) != start + math.prod(shape):
        raise ValueError(f"an idx file must hold the bytes that its header announces. Received: {content[:16].hex()}")
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape).copy()


def _read_digits(name: str, data_dir: Path) -> Arrays:
    """scikit-learn's digits, 0..16 scaled to 0..255: (n, 8, 8, 1); 360 of 1,797, stratified, are the test split.

    They lie in a file of the package, since it takes a second to import scikit-learn.
    """
    with np.load(Path(__file__).with_name("digits.npz")) as file:
        x_train, y_train, x_test, y_test = (file[part] for part in own.ARRAYS)
    return x_train, y_train.astype(np.int64), x_test, y_test.astype(np.int64)


def _read_idx(name: str, data_dir: Path) -> Arrays:
    """MNIST (LeCun, Cortes, Burges, 1998) and Fashion-MNIST (Xiao, Rasul, Vollgraf, 2017): (n, 28, 28, 1)."""
    x_train, y_train, x_test, y_test = (parse_idx(_checked(name, data_dir, file)) for file in DATASETS[name].files)
    return x_train[..., None], y_train.astype(np.int64), x_test[..., None], y_test.astype(np.int64)


def _read_cifar(name: str, data_dir: Path) -> Arrays:
    """CIFAR-10 and CIFAR-100 with fine labels (Krizhevsky, 2009): (n, 32, 32, 3)."""
    images, labels = [], []
    *batches, meta = DATASETS[name].files
    _checked(name, data_dir, meta)
    for file in batches:
        batch = pickle.loads(_checked(name, data_dir, file), encoding="bytes")  # only ever the published bytes
        images.append(np.ascontiguousarray(batch[b"data"].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)))
        labels.append(np.array(batch[b"labels" if b"labels" in batch else b"fine_labels"], np.int64))
    return np.concatenate(images[:-1]), np.concatenate(labels[:-1]), images[-1], labels[-1]


def _read_tiny_imagenet(name: str, data_dir: Path) -> Arrays:
    """Tiny ImageNet (Stanford CS231n), its first classes in wnids.txt: (n, 64, 64, 3); validation is the test split.

    Labels and the order of the training images are by name, as in torchvision's ImageFolder: class follows class.
    Checksums are of the archive and of the two lists; an image must be there and decode to its shape.
    """
    wnids, annotations = (_checked(name, data_dir, file).decode().splitlines() for file in DATASETS[name].files)
    classes = {wnid: label for label, wnid in enumerate(sorted(wnids[: DATASETS[name].num_classes]))}
    numbers = sorted(f"{number}.JPEG" for number in range(TINY_IMAGENET_PER_CLASS))
    train = [(f"train/{wnid}/images/{wnid}_{number}", label) for wnid, label in classes.items() for number in numbers]
    rows = [line.split("\t") for line in annotations]
    folder = data_dir / DATASETS[name].folder
    test = [(_validation_image(folder, *row[:2]), classes[row[1]]) for row in rows if row[1] in classes]
    x_train, x_test = (_read_jpegs(name, data_dir, [file for file, _ in split]) for split in (train, test))
    y_train, y_test = (np.array([label for _, label in split], np.int64) for split in (train, test))
    return x_train, y_train, x_test, y_test


def _validation_image(folder: Path, image: str, wnid: str) -> str:
    """Where a validation image lies: as published, or in a folder of its class, into which many scripts sort them."""
    places = [f"val/images/{image}", f"val/{wnid}/images/{image}", f"val/{wnid}/{image}"]
    return next((place for place in places if (folder / place).exists()), places[0])


def _read_jpegs(name: str, data_dir: Path, files: list[str]) -> Images:
    """(n, 64, 64, 3); of a grey image all channels are equal."""
    folder = data_dir / DATASETS[name].folder
    images = np.empty((len(files), 64, 64, 3), np.uint8)
    for image, file in zip(images, files, strict=True):
        try:
            image[:] = _read_jpeg(folder / file)
        except (OSError, ValueError) as error:
            missing = isinstance(error, FileNotFoundError)
            raise (FileNotFoundError if missing else ValueError)(
                f"{folder / file} is {'missing' if missing else 'truncated or altered'}. "
                f"Move {folder} away and run: {_command(name, data_dir)}"
            ) from error
    return images


def _read_jpeg(path: Path) -> Images:
    from PIL import Image

    with Image.open(path, formats=["JPEG"]) as picture:
        if picture.size != (64, 64):
            raise ValueError(f"an image must have 64 x 64 pixels. Received: {picture.size}")
        return np.asarray(picture.convert("RGB"))


def _read_trec(name: str, data_dir: Path) -> Arrays:
    """TREC's questions, of six classes, as the publisher splits them."""
    splits = [corpora.read_questions(_checked(name, data_dir, file)) for file in DATASETS[name].files]
    return corpora.encoded(splits[0], splits[1], DATASETS[name].shape[1])


def _read_rt_polarity(name: str, data_dir: Path) -> Arrays:
    """Sentences of film reviews, negative ones and positive ones."""
    negative, positive = (_checked(name, data_dir, file) for file in DATASETS[name].files)
    return corpora.encoded(*corpora.read_sentences(negative, positive), DATASETS[name].shape[1])


def _read_imdb(name: str, data_dir: Path) -> Arrays:
    """Film reviews, negative ones and positive ones; their ids are kept beside them, as reading them takes long."""
    source, cache = DATASETS[name], data_dir / DATASETS[name].folder / CACHE
    made_of = _made_of(source)
    with contextlib.suppress(OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error):
        with np.load(cache) as file:
            kept = {array: file[array] for array in (*own.ARRAYS, "words")}
            if (str(file["made_of"]), str(file["sha256"])) == (made_of, digest(kept)):
                words = kept.pop("words").tobytes().decode().split("\n")
                return cast(corpora.Arrays, (*kept.values(), tuple(words)))
    arrays = corpora.reviews([_checked(name, data_dir, folder) for folder in source.files], source.shape[1])
    kept = dict(zip(own.ARRAYS, arrays, strict=False))
    kept["words"] = np.frombuffer("\n".join(arrays[-1]).encode(), np.uint8)
    with contextlib.suppress(OSError), replacing(cache) as temporary:  # a folder that nobody may write into will do
        np.savez_compressed(temporary, made_of=made_of, sha256=digest(kept), **kept)
    return arrays


def _made_of(source: Source) -> str:
    """What decides the ids of texts: their files in order with checksums, the length of a row, and the code."""
    code = b"".join(Path(str(module.__file__)).read_bytes() for module in (corpora, texts))
    return f"{source.shape} {source.files} {hashlib.sha256(code).hexdigest()}"


def _generate_phrases(name: str, data_dir: Path) -> Arrays:
    """Short texts about four topics, made here."""
    train, test = ((texts, labels.copy()) for texts, labels in _phrases())
    return corpora.encoded(train, test, DATASETS[name].shape[1])


@cache
def _phrases() -> tuple[corpora.Texts, ...]:
    return tuple(corpora.phrases((DATASETS["phrases"].shape[0], PHRASES)))


def _checked(name: str, data_dir: Path, file: str) -> bytes:
    """The content of a file of the data set, unpacked if need be, after its checksum was compared: who packed it how
    does not matter. Of a folder of texts it is all of them, with zeros in between."""
    path = _locate(name, data_dir, file)
    parts = sorted(path.glob("*.txt")) if path.is_dir() else [path]
    content = b"\0".join(part.read_bytes() for part in parts)
    if path.suffix == ".gz":
        with contextlib.suppress(OSError, EOFError, zlib.error):  # then the checksum differs
            content = gzip.decompress(content)
    expected = DATASETS[name].files[file]
    algorithm = expected.split(":")[0]
    found = f"{algorithm}:{hashlib.new(algorithm, content, usedforsecurity=False).hexdigest()}"
    if found != expected:
        remedy = f"Move {DATASETS[name].folder} away" if path.is_dir() else "Delete it"
        remedy = f"{remedy} and run: {_command(name, data_dir)}"
        raise ValueError(f"{path} is truncated or altered: expected {expected}, found {found}. {remedy}")
    return content


def _locate(name: str, data_dir: Path, file: str) -> Path:
    """Where a file of the data set is or belongs: also as a .gz, or with the dot that some archives put in its name."""
    path = data_dir / DATASETS[name].folder / file
    dotted = path.with_name(path.name.replace("-idx", ".idx"))
    places = [place.with_name(place.name + ending) for place in (path, dotted) for ending in ("", ".gz")]
    return next((place for place in places if place.exists()), path)


def _command(name: str, data_dir: Path) -> str:
    return f"python -m common.data.datasets {name} --data-dir {shlex.quote(str(data_dir))}"


def _obtain(name: str, data_dir: Path, missing: list[str], download: bool) -> None:
    """Download what is missing, or say in one line how to do without."""
    try:
        if not download or os.environ.get("OFFLINE", "0") not in ("", "0"):
            raise ConnectionError(errno.ENETDOWN, "downloads are off")
        _download(DATASETS[name], data_dir / DATASETS[name].folder, missing)
    except OSError as error:
        reason = error.strerror or type(error).__name__  # the message of a requests error is long
        raise FileNotFoundError(
            f"{data_dir / DATASETS[name].folder} has no {missing[0]} ({reason}). "
            f"Download: {_command(name, data_dir)}. "
            f"Without files: --dataset {FREE[DATASETS[name].kind]}"
        ) from error


def _download(source: Source, folder: Path, missing: list[str]) -> None:
    """Fetch, check and unpack in a temporary folder; whole files are then moved to names that are not taken."""
    folder.mkdir(parents=True, exist_ok=True)
    for file, checksum in source.downloads.items():
        if file.removesuffix(".gz") in source.files and file.removesuffix(".gz") not in missing:
            continue
        with TemporaryDirectory(dir=folder, prefix=".download-") as temporary:
            unpacked = _unpack(_fetch(source.url + file, checksum, Path(temporary)), source.folder)
            for path in unpacked.iterdir():
                if not (folder / path.name).exists():
                    os.replace(path, folder / path.name)


def _unpack(archive: Path, folder: str) -> Path:
    """Unpack an archive beside itself and return the folder with its files: a .gz is kept with what was in it, and what
    is not packed stays as it is."""
    target = archive.parent / folder
    if archive.name.endswith(".tar.gz"):
        with tarfile.open(archive) as members:
            members.extractall(archive.parent, filter="data")
    elif archive.suffix == ".zip":
        with zipfile.ZipFile(archive) as zipped:
            zipped.extractall(archive.parent)
    elif archive.suffix != ".gz":
        target.mkdir(parents=True)
        (target / archive.name).write_bytes(archive.read_bytes())
    else:
        target.mkdir(parents=True)
        content = archive.read_bytes()
        (target / archive.name).write_bytes(content)
        (target / archive.stem).write_bytes(gzip.decompress(content))
    return target


def _fetch(url: str, checksum: str, folder: Path) -> Path:
    """Download a file into the folder, once, and check it."""
    import pooch

    pooch.get_logger().setLevel("WARNING")
    downloader = pooch.HTTPDownloader(progressbar=sys.stderr.isatty(), chunk_size=1 << 20, timeout=TIMEOUT)
    return Path(pooch.retrieve(url, checksum, url.rsplit("/", 1)[-1], folder, downloader=downloader))


def main(arguments: list[str] | None = None) -> int:
    """Download a data set, or make it, unless it is there; check it, print its shapes; 2 and one line if that fails."""
    parser = Parser(prog="python -m common.data.datasets", description="Download or make a data set.")
    parser.add_argument("name", metavar="NAME", help=f"{', '.join(DATASETS)}, or with --source any other")
    parser.add_argument("--data-dir", help="where data sets lie; default: the environment's DATA_DIR, else data")
    parser.add_argument("--source", type=Path, help="folder with train/CLASS/ and val/CLASS/, to make NAME_SIDE of")
    parser.add_argument("--side", type=int, default=320, help="of the square that each image is resized to; 320")
    parser.add_argument("--workers", type=int, default=cores(), help="processes that decode")
    try:
        options = parser.parse_args(arguments)
        dataset = load(made(options) if options.source else options.name, options.data_dir)
    except KeyboardInterrupt:
        print(f"interrupted; {build.GOES_ON}" if options.source else "interrupted", file=sys.stderr)
        return 130
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"{dataset.name}: train {dataset.x_train.shape}, test {dataset.x_test.shape}, {dataset.num_classes} classes")
    return 0


def made(options: argparse.Namespace) -> str:
    """The name of the array of a source, which is made unless it is there."""
    name = f"{options.name}_{options.side}"
    if not re.fullmatch(r"\w+", name) or name in DATASETS:
        raise ValueError(f"NAME must be a word that is no other data set's. Received: {options.name}")
    if options.workers < 1:
        raise ValueError(f"workers must be positive. Received: workers={options.workers}")
    build.build(options.source.expanduser(), find_data_dir(options.data_dir) / name, options.side, options.workers)
    return name


FREE = {"images": "digits", "tokens": "phrases"}
"""By kind the data set that needs no files."""
_TREC_FILES = {  # which are downloaded as they are
    "train_5500.label": "sha256:9e4c8bdcaffb96ed61041bd64b564183d52793a8e91d84fc3a8646885f466ec3",
    "TREC_10.label": "sha256:033f22c028c2bbba9ca682f68ffe204dc1aa6e1cf35dd6207f2d4ca67f0d0e8e",
}
DATASETS = {
    "digits": Source(shape=(1437, 8, 8, 1), num_classes=10, read=_read_digits),
    "mnist": Source(
        shape=(60_000, 28, 28, 1),
        num_classes=10,
        read=_read_idx,
        folder="MNIST/raw",
        url="https://ossci-datasets.s3.amazonaws.com/mnist/",
        files={
            "train-images-idx3-ubyte": "sha256:ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
            "train-labels-idx1-ubyte": "sha256:65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
            "t10k-images-idx3-ubyte": "sha256:0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
            "t10k-labels-idx1-ubyte": "sha256:ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        },
        downloads={
            "train-images-idx3-ubyte.gz": "sha256:440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
            "train-labels-idx1-ubyte.gz": "sha256:3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
            "t10k-images-idx3-ubyte.gz": "sha256:8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
            "t10k-labels-idx1-ubyte.gz": "sha256:f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
        },
    ),
    "fashion_mnist": Source(
        shape=(60_000, 28, 28, 1),
        num_classes=10,
        read=_read_idx,
        folder="FashionMNIST/raw",
        url="http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        files={
            "train-images-idx3-ubyte": "sha256:c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
            "train-labels-idx1-ubyte": "sha256:bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
            "t10k-images-idx3-ubyte": "sha256:5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
            "t10k-labels-idx1-ubyte": "sha256:0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
        },
        downloads={
            "train-images-idx3-ubyte.gz": "sha256:3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
            "train-labels-idx1-ubyte.gz": "sha256:a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
            "t10k-images-idx3-ubyte.gz": "sha256:346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
            "t10k-labels-idx1-ubyte.gz": "sha256:67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
        },
    ),
    "cifar10": Source(
        shape=(50_000, 32, 32, 3),
        num_classes=10,
        read=_read_cifar,
        folder="cifar-10-batches-py",
        url="https://www.cs.toronto.edu/~kriz/",
        files={
            "data_batch_1": "md5:c99cafc152244af753f735de768cd75f",
            "data_batch_2": "md5:d4bba439e000b95fd0a9bffe97cbabec",
            "data_batch_3": "md5:54ebc095f3ab1f0389bbae665268c751",
            "data_batch_4": "md5:634d18415352ddfa80567beed471001a",
            "data_batch_5": "md5:482c414d41f54cd18b22e5b47cb7c3cb",
            "test_batch": "md5:40351d587109b95175f43aff81a1287e",
            "batches.meta": "md5:5ff9c542aee3614f3951f8cda6e48888",
        },
        downloads={"cifar-10-python.tar.gz": "sha256:6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce"},
    ),
    "cifar100": Source(
        shape=(50_000, 32, 32, 3),
        num_classes=100,
        read=_read_cifar,
        folder="cifar-100-python",
        url="https://www.cs.toronto.edu/~kriz/",
        files={
            "train": "md5:16019d7e3df5f24257cddd939b257f8d",
            "test": "md5:f0ef6b0ae62326f3e7ffdfab6717acfc",
            "meta": "md5:7973b15100ade9c7d40fb424638fde48",
        },
        downloads={
            "cifar-100-python.tar.gz": "sha256:85cd44d02ba6437773c5bbd22e183051d648de2e7d6b014e1ef29b855ba677a7"
        },
    ),
    "tiny_imagenet": Source(
        shape=(100_000, 64, 64, 3),
        num_classes=200,
        read=_read_tiny_imagenet,
        folder="tiny-imagenet-200",
        url="https://cs231n.stanford.edu/",
        files={
            "wnids.txt": "sha256:a36eb4b603007f1985cdfbfc5987166a2710b3c6f0f6d3e29636fc129bba527b",
            "val/val_annotations.txt": "sha256:c37765a8b40fce4f28962bf1847a2537e2781753974cbb2447eeb50ff31130a2",
        },
        downloads={"tiny-imagenet-200.zip": "sha256:6198c8ae015e2b3e007c7841da39ec069199b9aa3bfa943a462022fe5e43c821"},
    ),
    "phrases": Source(shape=(1000, 12), num_classes=4, read=_generate_phrases, kind="tokens", words=385),
    "trec": Source(
        shape=(5452, 37),
        num_classes=6,
        read=_read_trec,
        kind="tokens",
        words=8466,
        folder="TREC",
        url="https://cogcomp.seas.upenn.edu/Data/QA/QC/",
        files=_TREC_FILES,
        downloads=_TREC_FILES,
    ),
    "rt_polarity": Source(
        shape=(8530, 59),
        num_classes=2,
        read=_read_rt_polarity,
        kind="tokens",
        words=18_966,
        folder="rt-polaritydata",
        url="https://www.cs.cornell.edu/people/pabo/movie-review-data/",
        files={
            "rt-polarity.neg": "sha256:4ace77d558c3714723843f1d65b60c01e3417b208180f0728808d76ad0eeeaca",
            "rt-polarity.pos": "sha256:2da124ec187a9d5a29c9f04e91c540e02baed5af8868f550a26bd6fd4dbf8bf0",
        },
        downloads={"rt-polaritydata.tar.gz": "sha256:a05befe52aafda71d458d188a1c54506a998b1308613ba76bbda2e5029409ce9"},
    ),
    "imdb": Source(
        shape=(25_000, 600),
        num_classes=2,
        read=_read_imdb,
        kind="tokens",
        words=81_055,
        folder="aclImdb",
        url="https://ai.stanford.edu/~amaas/data/sentiment/",
        files={
            "train/neg": "sha256:c6a4a3f2b291b9375c8873ce8ad4c02f6e50f0e8baf595b436ec71f224b80d08",
            "train/pos": "sha256:a84c59a567e6e93af519c24540f75b873ae2509c1a4a85e4c7ab403ba8b59885",
            "test/neg": "sha256:36043948f1fb3c41eff0646beb2255fdecc241c89e3abdc1fb1226494d9782b8",
            "test/pos": "sha256:40cc32805215560c175fda352b0c7710127aba8995382270debcc312a3c31a74",
        },
        downloads={"aclImdb_v1.tar.gz": "sha256:c40f74a18d3b61f90feba1e17730e0d38e8b97c05fde7008942e91923d1658fe"},
    ),
}
DATASETS["tiny_imagenet_10"] = replace(DATASETS["tiny_imagenet"], shape=(5_000, 64, 64, 3), num_classes=10)
IMAGE_SETS = tuple(name for name, source in DATASETS.items() if source.kind == "images")

if __name__ == "__main__":
    sys.exit(main())
