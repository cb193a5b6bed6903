"""Curves over seeds in percent."""

from typing import Any

from matplotlib.axes import Axes

from common.report.figures import draw_curve
from common.report.numbers import Curve as Curve


def draw(axes: Axes, curve: Curve, scale: float = 100, **style: Any) -> None:
    """`figures.draw_curve`, in percent unless scaled otherwise."""
    draw_curve(axes, curve, scale, **style)
