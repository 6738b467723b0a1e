"""Plots as SVG that stands inside a page and takes the page's colours, light or dark.

matplotlib draws with stand-in colours; they are replaced by the page's variables afterwards.

Invariant: a plot never needs anything from outside the page: no link, no script, no font, no image.
"""

from __future__ import annotations

import io
import re
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

__all__ = [
    "BUY", "CARD", "INK", "LINE", "MUTED", "SELL", "SERIES", "STAND_INS", "STYLE", "WIDTH", "figure", "legend", "spread", "svg",
]  # fmt: skip

STAND_INS = {
    "#010203": "var(--ink)",
    "#040506": "var(--muted)",
    "#070809": "var(--line)",
    "#0a0b0c": "var(--card)",
    "#100001": "var(--buy)",
    "#100002": "var(--sell)",
    "#110000": "var(--one)",
    "#120000": "var(--two)",
    "#130000": "var(--three)",
    "#140000": "var(--four)",
    "#150000": "var(--five)",
    "#160000": "var(--six)",
}
INK, MUTED, LINE, CARD, BUY, SELL = list(STAND_INS)[:6]
SERIES = list(STAND_INS)[6:]
STYLE: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "meridian",
    "font.family": ["sans-serif"],
    "font.size": 9.5,
    "text.color": INK,
    "axes.edgecolor": LINE,
    "axes.labelcolor": MUTED,
    "axes.facecolor": "none",
    "axes.titlesize": 10.5,
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": LINE,
    "grid.linewidth": 0.6,
    "xtick.color": LINE,
    "ytick.color": LINE,
    "xtick.labelcolor": MUTED,
    "ytick.labelcolor": MUTED,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "legend.labelcolor": MUTED,
    "lines.linewidth": 1.3,
    "figure.facecolor": "none",
    "savefig.facecolor": "none",
}
WIDTH = 10.4


def figure(height: float) -> tuple[Figure, Axes]:
    """A figure as wide as a page, with one plot."""
    made = Figure(figsize=(WIDTH, height), layout="constrained")
    return made, made.subplots()


def legend(axes: Axes) -> None:
    """Beside the plot, so that it hides nothing."""
    axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.02), borderaxespad=0.3, handlelength=1.2)


def spread(count: int, most: int) -> NDArray[np.int64]:
    """Indexes of at most so many, evenly, the first and the last among them."""
    if count <= most:
        return np.arange(count)
    return np.unique(np.linspace(0, count - 1, most).astype(np.int64))


def svg(made: Figure) -> str:
    """The figure as an element for a page: no head, no metadata, no names from outside, the page's colours."""
    out = io.StringIO()
    made.savefig(out, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    text = out.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r'\sxmlns(:\w+)?="[^"]*"', "", text, count=2)
    text = text.replace("xlink:href", "href")
    text = re.sub(r'<svg[^>]*viewBox="([^"]*)"[^>]*>', r'<svg viewBox="\1" role="img">', text, count=1)
    text = re.sub(r'<g id="[^"]*"', "<g", text)
    text = re.sub(r"font: ([\d.]+)px [^;\"]*", r"font-size: \1px", text)
    text = re.sub(r"font: (\w+) ([\d.]+)px [^;\"]*", r"font-size: \2px; font-weight: \1", text)
    for stand_in, colour in STAND_INS.items():
        text = text.replace(stand_in, colour)
    return text.strip()
