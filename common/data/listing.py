"""The images of a folder in torchvision's ImageFolder layout, which ImageNet, Imagenette and Tiny ImageNet have."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

TEST_FOLDERS = ("test", "val", "valid", "validation")
PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm")
ANNOTATIONS = "val_annotations.txt"  # of Tiny ImageNet as it is published: its validation images lie in one folder


@dataclass(frozen=True)
class Listing:
    """Files of one split, below the source, with the label of each."""

    split: str
    files: list[str]
    labels: list[int]


def list_source(source: Path) -> tuple[list[str], list[Listing]]:
    """Names of the classes, and the files of the training and the test split, class after class.

    train/CLASS/ and test/CLASS/ (or val, valid, validation), or CLASS/ alone, and then there are no test images.
    ValueError of one line for another folder, a class without images and one that is missing in a split.
    """
    if not source.is_dir():
        raise FileNotFoundError(f"there is no folder {source}")
    tests = [source / name for name in TEST_FOLDERS if (source / name).is_dir()]
    train = source / "train" if tests or (source / "train").is_dir() else source
    classes = folders(train)
    images = {name: pictures(train / name) for name in classes}
    if not any(images.values()):
        raise ValueError(f"a source must hold train/CLASS/ or CLASS/ with the images of each class. Received: {source}")
    if empty := [name for name in classes if not images[name]]:
        raise ValueError(f"each class must have images. Received: {train}{without(empty)}")
    # ImageNet's folder test is without classes: then another one tests.
    labelled = [folder for folder in tests if {*folders(folder)} & {*classes} or (folder / ANNOTATIONS).exists()]
    if tests and not labelled:
        raise ValueError(f"{tests[-1]} must hold a folder of images for each class. Received: none")
    tested = test_images(labelled[0], classes) if labelled else dict.fromkeys(classes, list[Path]())
    splits = (("train", images), ("test", tested))
    return classes, [listing(split, [found[name] for name in classes], source) for split, found in splits]


def listing(split: str, images: Sequence[Sequence[Path]], source: Path) -> Listing:
    """Of the images of each class."""
    files = [str(file.relative_to(source)) for paths in images for file in paths]
    return Listing(split, files, [label for label, paths in enumerate(images) for _ in paths])


def test_images(folder: Path, classes: Sequence[str]) -> dict[str, list[Path]]:
    """By class; ValueError where one has none, and where there are others."""
    found = {name: pictures(folder / name) for name in folders(folder)}
    if (folder / ANNOTATIONS).exists() and not {*found} & {*classes}:
        found = dict(annotated(folder, classes))
    found = {name: paths for name, paths in found.items() if paths}
    if missing := [name for name in classes if name not in found]:
        raise ValueError(f"{folder} must hold images of every class of the training set. Received:{without(missing)}")
    if others := sorted({*found} - {*classes}):
        raise ValueError(f"{folder} must hold no class that the training set lacks. Received: {', '.join(others[:3])}")
    return found


def annotated(folder: Path, classes: Sequence[str]) -> Iterator[tuple[str, list[Path]]]:
    """Tiny ImageNet's validation images of some of its classes, in the order of the published list."""
    rows = [line.split("\t")[:2] for line in (folder / ANNOTATIONS).read_text("utf-8").splitlines()]
    for name in classes:
        yield name, [folder / "images" / file for file, wnid in rows if wnid == name]


def folders(folder: Path) -> list[str]:
    """Names of the folders in one, sorted."""
    return sorted(entry.name for entry in os.scandir(folder) if entry.is_dir()) if folder.is_dir() else []


def pictures(folder: Path) -> list[Path]:
    """Images at any depth, in ImageFolder's order."""
    walked = sorted(os.walk(folder, followlinks=True))
    return [Path(root, file) for root, _, files in walked for file in sorted(files) if file.lower().endswith(PICTURES)]


def without(names: Sequence[str]) -> str:
    """What is missing, in short."""
    more = f" and {len(names) - 1} more" if len(names) > 1 else ""
    return f" without {names[0]}{more}"
