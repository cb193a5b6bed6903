"""Data sets as arrays: found in the layout that is usual for them or downloaded into it, and checked at every load.

``python -m common.data.datasets NAME [--data-dir DIR]`` downloads one and prints its shapes;
``python -m common.data.datasets NAME --source DIR --side 320`` makes the data set NAME_320 of a folder of images.
"""

import argparse
import os
import re
import shlex
import sys
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import cast

from common.cores import cores
from common.data import build, own, readers, stored
from common.data.arrays import Array, Labels, Pixels, digest
from common.data.sources import Source
from common.errors import Parser, check_choice

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
    x_train, y_train, x_test, y_test, *words = source.read(source, directory)
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
    DATASETS[name].obtain(directory, download)
    return directory


def load_own(name: str) -> Dataset:
    """A user's own data set; ValueError where it is not the one that its name has the checksum of."""
    path = own.path_of(name)
    return same(load_stored(name, path) if stored.is_stored(path) else Dataset(name, *own.read(name)), path)


def load_stored(name: str, folder: Path) -> Dataset:
    """An array on disk, of which no image is read."""
    x_train, y_train, x_test, y_test, classes, sha256 = stored.load(folder)
    images = (cast(Pixels, split) for split in (x_train, x_test))  # it stands for an array
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


_TREC_FILES = {  # which are downloaded as they are
    "train_5500.label": "sha256:9e4c8bdcaffb96ed61041bd64b564183d52793a8e91d84fc3a8646885f466ec3",
    "TREC_10.label": "sha256:033f22c028c2bbba9ca682f68ffe204dc1aa6e1cf35dd6207f2d4ca67f0d0e8e",
}
_TINY_IMAGENET = Source(
    "tiny_imagenet",
    shape=(100_000, 64, 64, 3),
    num_classes=200,
    read=readers.read_tiny_imagenet,
    folder="tiny-imagenet-200",
    url="https://cs231n.stanford.edu/",
    files={
        "wnids.txt": "sha256:a36eb4b603007f1985cdfbfc5987166a2710b3c6f0f6d3e29636fc129bba527b",
        "val/val_annotations.txt": "sha256:c37765a8b40fce4f28962bf1847a2537e2781753974cbb2447eeb50ff31130a2",
    },
    downloads={"tiny-imagenet-200.zip": "sha256:6198c8ae015e2b3e007c7841da39ec069199b9aa3bfa943a462022fe5e43c821"},
)
_SOURCES = (
    Source("digits", shape=(1437, 8, 8, 1), num_classes=10, read=readers.read_digits),
    Source(
        "mnist",
        shape=(60_000, 28, 28, 1),
        num_classes=10,
        read=readers.read_idx,
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
    Source(
        "fashion_mnist",
        shape=(60_000, 28, 28, 1),
        num_classes=10,
        read=readers.read_idx,
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
    Source(
        "cifar10",
        shape=(50_000, 32, 32, 3),
        num_classes=10,
        read=readers.read_cifar,
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
    Source(
        "cifar100",
        shape=(50_000, 32, 32, 3),
        num_classes=100,
        read=readers.read_cifar,
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
    _TINY_IMAGENET,
    Source("phrases", shape=(1000, 12), num_classes=4, read=readers.generate_phrases, kind="tokens", words=385),
    Source(
        "trec",
        shape=(5452, 37),
        num_classes=6,
        read=readers.read_trec,
        kind="tokens",
        words=8466,
        folder="TREC",
        url="https://cogcomp.seas.upenn.edu/Data/QA/QC/",
        files=_TREC_FILES,
        downloads=_TREC_FILES,
    ),
    Source(
        "rt_polarity",
        shape=(8530, 59),
        num_classes=2,
        read=readers.read_rt_polarity,
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
    Source(
        "imdb",
        shape=(25_000, 600),
        num_classes=2,
        read=readers.read_imdb,
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
    replace(_TINY_IMAGENET, name="tiny_imagenet_10", shape=(5_000, 64, 64, 3), num_classes=10),
)
DATASETS = {source.name: source for source in _SOURCES}
IMAGE_SETS = tuple(name for name, source in DATASETS.items() if source.kind == "images")

if __name__ == "__main__":
    sys.exit(main())
