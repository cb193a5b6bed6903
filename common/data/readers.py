"""What the files of each published data set hold, as arrays: x_train, y_train, x_test, y_test, and of texts words."""

import contextlib
import hashlib
import math
import pickle
import zipfile
import zlib
from functools import cache
from pathlib import Path
from typing import cast

import numpy as np

from common.data import corpora, own, texts
from common.data.arrays import Pixels, digest
from common.data.sources import Arrays, Source
from common.files import replacing

TINY_IMAGENET_PER_CLASS = 500  # training images
PHRASES = 400  # generated test texts
CACHE = "ids.npz"


def parse_idx(content: bytes) -> Pixels:
    """Return the unsigned bytes of an idx file, in the shape of its header (http://yann.lecun.com/exdb/mnist/)."""
    start = 4 + 4 * int.from_bytes(content[3:4], "big")
    shape = np.frombuffer(content[4:start].ljust(start - 4, b"\0"), ">u4").tolist()
    if content[:3] != b"\0\0\x08" or len(content) != start + math.prod(shape):
        raise ValueError(f"an idx file must hold the bytes that its header announces. Received: {content[:16].hex()}")
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape).copy()


def read_digits(source: Source, data_dir: Path) -> Arrays:
    """scikit-learn's digits, 0..16 scaled to 0..255: (n, 8, 8, 1); 360 of 1,797, stratified, are the test split.

    They lie in a file of the package, since it takes a second to import scikit-learn.
    """
    with np.load(Path(__file__).with_name("digits.npz")) as file:
        x_train, y_train, x_test, y_test = (file[part] for part in own.ARRAYS)
    return x_train, y_train.astype(np.int64), x_test, y_test.astype(np.int64)


def read_idx(source: Source, data_dir: Path) -> Arrays:
    """MNIST (LeCun, Cortes, Burges, 1998) and Fashion-MNIST (Xiao, Rasul, Vollgraf, 2017): (n, 28, 28, 1)."""
    x_train, y_train, x_test, y_test = map(parse_idx, source.contents(data_dir))
    return x_train[..., None], y_train.astype(np.int64), x_test[..., None], y_test.astype(np.int64)


def read_cifar(source: Source, data_dir: Path) -> Arrays:
    """CIFAR-10 and CIFAR-100 with fine labels (Krizhevsky, 2009): (n, 32, 32, 3)."""
    images, labels = [], []
    *batches, _ = source.contents(data_dir)
    for content in batches:
        batch = pickle.loads(content, encoding="bytes")  # only ever the published bytes
        images.append(np.ascontiguousarray(batch[b"data"].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)))
        labels.append(np.array(batch[b"labels" if b"labels" in batch else b"fine_labels"], np.int64))
    return np.concatenate(images[:-1]), np.concatenate(labels[:-1]), images[-1], labels[-1]


def read_tiny_imagenet(source: Source, data_dir: Path) -> Arrays:
    """Tiny ImageNet (Stanford CS231n), its first classes in wnids.txt: (n, 64, 64, 3); validation is the test split.

    Labels and the order of the training images are by name, as in torchvision's ImageFolder: class follows class.
    Checksums are of the archive and of the two lists; an image must be there and decode to its shape.
    """
    wnids, annotations = (content.decode().splitlines() for content in source.contents(data_dir))
    classes = {wnid: label for label, wnid in enumerate(sorted(wnids[: source.num_classes]))}
    numbers = sorted(f"{number}.JPEG" for number in range(TINY_IMAGENET_PER_CLASS))
    train = [(f"train/{wnid}/images/{wnid}_{number}", label) for wnid, label in classes.items() for number in numbers]
    rows = [line.split("\t") for line in annotations]
    folder = data_dir / source.folder
    test = [(_validation_image(folder, *row[:2]), classes[row[1]]) for row in rows if row[1] in classes]
    x_train, x_test = (_read_jpegs(source, data_dir, [file for file, _ in split]) for split in (train, test))
    y_train, y_test = (np.array([label for _, label in split], np.int64) for split in (train, test))
    return x_train, y_train, x_test, y_test


def _validation_image(folder: Path, image: str, wnid: str) -> str:
    """Where a validation image lies: as published, or in a folder of its class, into which many scripts sort them."""
    places = [f"val/images/{image}", f"val/{wnid}/images/{image}", f"val/{wnid}/{image}"]
    return next((place for place in places if (folder / place).exists()), places[0])


def _read_jpegs(source: Source, data_dir: Path, files: list[str]) -> Pixels:
    """(n, 64, 64, 3); of a grey image all channels are equal."""
    folder = data_dir / source.folder
    images = np.empty((len(files), 64, 64, 3), np.uint8)
    for image, file in zip(images, files, strict=True):
        try:
            image[:] = _read_jpeg(folder / file)
        except (OSError, ValueError) as error:
            missing = isinstance(error, FileNotFoundError)
            raise (FileNotFoundError if missing else ValueError)(
                f"{folder / file} is {'missing' if missing else 'truncated or altered'}. "
                f"Move {folder} away and run: {source.command(data_dir)}"
            ) from error
    return images


def _read_jpeg(path: Path) -> Pixels:
    from PIL import Image

    with Image.open(path, formats=["JPEG"]) as picture:
        if picture.size != (64, 64):
            raise ValueError(f"an image must have 64 x 64 pixels. Received: {picture.size}")
        return np.asarray(picture.convert("RGB"))


def read_trec(source: Source, data_dir: Path) -> Arrays:
    """TREC's questions, of six classes, as the publisher splits them."""
    train, test = map(corpora.read_questions, source.contents(data_dir))
    return corpora.encoded(train, test, source.shape[1])


def read_rt_polarity(source: Source, data_dir: Path) -> Arrays:
    """Sentences of film reviews, negative ones and positive ones."""
    negative, positive = source.contents(data_dir)
    return corpora.encoded(*corpora.read_sentences(negative, positive), source.shape[1])


def read_imdb(source: Source, data_dir: Path) -> Arrays:
    """Film reviews, negative ones and positive ones; their ids are kept beside them, as reading them takes long."""
    cache, made_of = data_dir / source.folder / CACHE, _made_of(source)
    with contextlib.suppress(OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error):
        with np.load(cache) as file:
            kept = {array: file[array] for array in (*own.ARRAYS, "words")}
            if (str(file["made_of"]), str(file["sha256"])) == (made_of, digest(kept)):
                words = kept.pop("words").tobytes().decode().split("\n")
                return cast(corpora.Arrays, (*kept.values(), tuple(words)))
    arrays = corpora.reviews(source.contents(data_dir), source.shape[1])
    kept = dict(zip(own.ARRAYS, arrays, strict=False))
    kept["words"] = np.frombuffer("\n".join(arrays[-1]).encode(), np.uint8)
    with contextlib.suppress(OSError), replacing(cache) as temporary:  # a folder that nobody may write into will do
        np.savez_compressed(temporary, made_of=made_of, sha256=digest(kept), **kept)
    return arrays


def _made_of(source: Source) -> str:
    """What decides the ids of texts: their files in order with checksums, the length of a row, and the code."""
    code = b"".join(Path(str(module.__file__)).read_bytes() for module in (corpora, texts))
    return f"{source.shape} {source.files} {hashlib.sha256(code).hexdigest()}"


def generate_phrases(source: Source, data_dir: Path) -> Arrays:
    """Short texts about four topics, made here."""
    train, test = ((texts, labels.copy()) for texts, labels in _phrases(source.shape[0]))
    return corpora.encoded(train, test, source.shape[1])


@cache
def _phrases(n: int) -> tuple[corpora.Texts, ...]:
    return tuple(corpora.phrases((n, PHRASES)))
