"""Corruption of labels, images and texts, drawn once per run from named streams (Zhang et al. 2017, section 2.1)."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common.data.arrays import Array, Images, Labels
from common.data.texts import MARKS, PADDING
from common.errors import check_choice
from common.seeds import stream


def _uniform(labels: Labels, num_classes: int, generator: np.random.Generator) -> Labels:
    """Any class, so that the true one may be drawn again (Zhang et al.)."""
    return generator.integers(num_classes, size=len(labels))


def _other_class(labels: Labels, num_classes: int, generator: np.random.Generator) -> Labels:
    """One of the others."""
    if num_classes < 2:
        raise ValueError(f"other_class needs two classes or more. Received: num_classes={num_classes}")
    drawn = generator.integers(num_classes - 1, size=len(labels))
    return drawn + (drawn >= labels)


NEW_LABELS: Mapping[str, Callable[[Labels, int, np.random.Generator], Labels]] = {
    "uniform": _uniform,
    "other_class": _other_class,
}
"""By rule, from labels (n,), the number of classes and a generator: what each would be replaced with, (n,)."""
LABEL_RULES = (*NEW_LABELS, "ketha")
IMAGE_RULES = ("shuffled_pixels", "random_pixels", "random_scalars", "gaussian")
TOKEN_RULES = ("shuffled_words", "random_words", "random_tokens", "shuffled_vocabulary")
RULES = ("none", *LABEL_RULES, *IMAGE_RULES, *TOKEN_RULES)


def corrupt_labels(
    labels: Labels, num_classes: int, rule: str, fraction: float, data_seed: int, name: str = "labels"
) -> Labels:
    """Each label replaced with probability `fraction`; (n,) int64 in, a new array out.

    Rules are those of `NEW_LABELS`, and `ketha`: the decoding paper's legacy generator with seed 42, whatever
    `data_seed` is; the true class may be drawn again. `name` is the random stream: training and test labels have
    different ones.
    """
    check_choice("rule", rule, LABEL_RULES)
    corrupted = labels.copy()
    if rule == "ketha":
        legacy = np.random.RandomState(42)
        chosen = legacy.rand(len(labels)) <= fraction
        corrupted[chosen] = legacy.choice(num_classes, int(chosen.sum()))
    else:
        generator = stream(data_seed, name)
        chosen = generator.random(len(labels)) < fraction
        corrupted[chosen] = NEW_LABELS[rule](labels, num_classes, generator)[chosen]
    return corrupted


def corrupt_images(
    images: Images,
    rule: str,
    fraction: float,
    data_seed: int,
    name: str = "images",
    statistics: str = "channel",
) -> tuple[Images, NDArray[np.bool_]]:
    """Each image corrupted with probability `fraction`: (n, h, w, c) images and an (n,) mask of the corrupted ones.

    `shuffled_pixels`: one permutation of the positions for all images, the same for every `name`. `random_pixels`: a
    permutation of the positions for each image, channels tied. `random_scalars`: a permutation of all values for each
    image. `gaussian`: values drawn from a normal distribution with the mean and variance of the data, for each
    channel or for `statistics` "all"; these are float32 on the 0-255 scale and not clipped, which would change both.
    """
    check_choice("rule", rule, IMAGE_RULES)
    mask = stream(data_seed, name, "mask").random(len(images)) < fraction
    generator = stream(data_seed, name, "values")
    corrupted = images.astype(np.float32) if rule == "gaussian" else images.copy()
    chosen = images[mask]
    if rule == "gaussian":
        axis = (0, 1, 2) if statistics == "channel" else None
        mean, std = np.mean(images, axis=axis, dtype=np.float64), np.std(images, axis=axis, dtype=np.float64)
        noise = generator.standard_normal(chosen.shape, dtype=np.float32)
        corrupted[mask] = noise * std.astype(np.float32) + mean.astype(np.float32)
    elif rule == "shuffled_pixels":
        order = stream(data_seed, "pixel permutation").permutation(images.shape[1] * images.shape[2])
        corrupted[mask] = _positions(chosen)[:, order].reshape(chosen.shape)
    elif rule == "random_pixels":
        values = _positions(chosen)
        order = generator.permuted(np.tile(np.arange(values.shape[1]), (len(values), 1)), axis=1)
        corrupted[mask] = np.take_along_axis(values, order[..., None], axis=1).reshape(chosen.shape)
    elif rule == "random_scalars":
        values = chosen.reshape(len(chosen), math.prod(chosen.shape[1:]))
        corrupted[mask] = generator.permuted(values, axis=1).reshape(chosen.shape)
    else:
        raise NotImplementedError(rule)
    return corrupted, mask


def _positions(images: Images) -> Images:
    n, height, width, channels = images.shape
    return images.reshape(n, height * width, channels)


def corrupt_texts(
    texts: Array, rule: str, fraction: float, data_seed: int, number: int, name: str = "texts"
) -> tuple[Array, NDArray[np.bool_]]:
    """Each text corrupted with probability `fraction`: rows of ids below `number`, (n, t), and an (n,) mask of those.

    Padding stays where it is, on the left. `shuffled_words`: one permutation of the positions for all texts, of which
    one of n tokens follows the order of the first n; the same for every `name`. `random_words`: a permutation for each
    text. `random_tokens`: each token drawn from all tokens of these texts. `shuffled_vocabulary`: one permutation of
    the words for all texts, the same for every `name`; the unknown one stays.
    """
    check_choice("rule", rule, TOKEN_RULES)
    mask = stream(data_seed, name, "mask").random(len(texts)) < fraction
    generator = stream(data_seed, name, "values")
    corrupted, chosen = texts.copy(), texts[mask]
    tokens = chosen != PADDING
    if rule == "shuffled_words":
        order = stream(data_seed, "word permutation").permutation(texts.shape[1])
        corrupted[mask] = reordered(chosen, np.broadcast_to(order, chosen.shape))
    elif rule == "random_words":
        corrupted[mask] = reordered(chosen, generator.random(chosen.shape))
    elif rule == "random_tokens":
        pool = texts[texts != PADDING]
        chosen[tokens] = pool[generator.integers(len(pool), size=tokens.sum())]
        corrupted[mask] = chosen
    elif rule == "shuffled_vocabulary":
        others = stream(data_seed, "vocabulary permutation").permutation(number - len(MARKS)) + len(MARKS)
        corrupted[mask] = np.concatenate([np.arange(len(MARKS)), others]).astype(texts.dtype)[chosen]
    else:
        raise NotImplementedError(rule)
    return corrupted, mask


def reordered(texts: Array, ranks: NDArray[Any]) -> Array:
    """The tokens of each text in the order of the first of its ranks, one for each token; padding stays on the left."""
    lengths = (texts != PADDING).sum(1, keepdims=True)
    places = np.arange(texts.shape[1])
    order = np.argsort(np.where(places < lengths, ranks, np.inf), axis=1)
    # The k-th place of a text of n tokens among t lies at t - n + k.
    sources = texts.shape[1] - lengths + np.take_along_axis(order, np.maximum(places - texts.shape[1] + lengths, 0), 1)
    return np.where(texts == PADDING, texts, np.take_along_axis(texts, np.minimum(sources, texts.shape[1] - 1), axis=1))
