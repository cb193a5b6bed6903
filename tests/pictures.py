"""Folders of small pictures for tests."""

import numpy as np
from PIL import Image

from common.data import build, stored

MODES = ("RGB", "L", "CMYK", "P", "RGBA")


def picture(seed, size=(23, 17), mode="RGB"):
    """A smooth picture of this (width, height)."""
    small = np.random.default_rng(seed).integers(0, 256, (4, 5, 3), np.uint8)
    return Image.fromarray(small).resize(size, Image.Resampling.BICUBIC).convert(mode)


def make_source(folder, classes=("ant", "bee", "cow"), train=7, test=3, form="JPEG"):
    """train/CLASS/ and val/CLASS/ of pictures of several sizes."""
    seed = 0
    for split, count in (("train", train), ("val", test)):
        for name in classes:
            (folder / split / name).mkdir(parents=True)
            for number in range(count):
                seed += 1
                size = (20 + seed % 7, 18 + seed % 5)
                picture(seed, size).save(folder / split / name / f"{name}{number:03d}.{form}", form, quality=95)
    return folder


def stored_set(folder, n, side, test=5, classes=3):
    """A finished array of noise, as if of images of many forms."""
    generator = np.random.default_rng(n)
    facts = []
    folder.mkdir(parents=True)
    for split, count in (("train", n), ("test", test)):
        images = generator.integers(0, 256, (count, side, side, 3), np.uint8)
        rows = np.zeros(count, stored.FACTS)
        pixels = images.reshape(count, -1, 3).astype(np.int64)
        rows["sums"], rows["squares"] = pixels.sum(1), np.square(pixels).sum(1)
        rows["label"] = np.arange(count) % classes
        rows["height"], rows["width"] = generator.integers(20, 60, (2, count))
        np.save(folder / f"{split}.npy", images)
        np.save(folder / f"{split}_facts.npy", rows)
        facts.append(rows)
    build.finish(folder, [f"class {number}" for number in range(classes)], facts)
    return folder
