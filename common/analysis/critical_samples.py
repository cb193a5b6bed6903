"""Critical samples: examples with another predicted class close by (Arpit et al. 2017, section 4, found by LASS)."""

from common.runs.critical_points import Array, Model, Search, moved


def critical(model: Model, x: Array, search: Search, scale: Array) -> Array:
    """Whether the search finds another predicted class, bool (n,), for inputs (n, ..., channels).

    `scale` (1,) or (channels,) holds the input scale's units per pixel unit. What is found is searched no further.
    """
    points, labels = x, None
    for _ in range(search.iterations):
        predictions, signs = model.ascent(points, labels)
        if labels is None:
            labels = predictions
            found = labels != labels  # none yet
        same = predictions == labels
        found[~found] = ~same
        x, points, labels, signs = x[same], points[same], labels[same], signs[same]
        if not len(x):
            return found
        points = moved(model, x, points, signs, search, scale)
    found[~found] = model.predictions(points) != labels
    return found
