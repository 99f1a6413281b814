"""Figures of the notebooks: shown with a description, colours of scenarios, and diagrams of networks."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib.pyplot as plt
from IPython.display import Markdown, display
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..maps.looks import LINE_COLOURS
from .notebooks import PATTERN

#: Colour and dashes of each scenario's line, in every notebook; dashes tell them apart without colour.
SCENARIO_LINES = {
    ssp: {"color": colour, "linestyle": dashes}
    for ssp, colour, dashes in zip(
        ("ssp126", "ssp245", "ssp370", "ssp585"), LINE_COLOURS, ("-", (0, (5, 1)), (0, (3, 1, 1, 1)), (0, (1, 1)))
    )
}
BOX = {"boxstyle": "round,pad=0.4", "edgecolor": "0.3"}


def show(figure: Figure, caption: str, name: str = "") -> None:
    """Display a figure as PNG above a sentence that describes it, and close it.

    Parameters
    ----------
    figure : Figure
        Of pyplot or of `climgru_lib.maps`.
    caption : str
        What can be seen, for those too who do not see it: also kept as the image's ``alt`` in the output's metadata.
    name : str, optional
        What the picture claims, with underscores: under it the picture goes into ``figures/``, see `named`.

    Raises
    ------
    ValueError
        If the caption is empty.
    """
    if not caption.strip():
        raise ValueError("a figure needs a caption; give what can be seen in it")
    display(figure, metadata={"image/png": {"alt": caption} | ({"name": name} if name else {})})
    display(Markdown(f"*{caption}*"))
    plt.close(figure)


@dataclass(frozen=True)
class Named:
    """A picture of a notebook that has a name: PNG, caption, and the notebook's file name."""

    png: bytes
    caption: str
    notebook: str


def named(folder: Path) -> dict[str, Named]:
    """Return the named pictures of the executed notebooks in a folder, in the order of the course."""
    found = {}
    for path in sorted(folder.glob(PATTERN)):
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            for output in cell.get("outputs", []):
                told = output.get("metadata", {}).get("image/png", {})
                if "name" in told:
                    png = base64.b64decode(output["data"]["image/png"])
                    found[told["name"]] = Named(png, told["alt"], path.name)
    return found


def diagram(
    lanes: Mapping[str, Sequence[tuple[str, str]]], title: str, skips: Sequence[tuple[int, int]] = ()
) -> Figure:
    """Draw a network as rows of boxes joined by arrows.

    Parameters
    ----------
    lanes : mapping of str to sequence of (str, str)
        Name of a row, and its boxes from left to right: what is done, and the shape of what comes out.
    title : str
    skips : sequence of (int, int)
        Boxes, counted from 0, between which a skip connection passes above each row.

    Returns
    -------
    Figure
    """
    widest = max(len(boxes) for boxes in lanes.values())
    figure, axis = plt.subplots(figsize=(1.5 * widest + 0.4, 1.3 * len(lanes) + 0.5), layout="constrained")
    for row, ((name, boxes), colour) in enumerate(zip(lanes.items(), LINE_COLOURS)):
        for column, (done, shape) in enumerate(boxes):
            look = BOX | {"facecolor": colour, "alpha": 0.25}
            axis.text(column, -row, done, ha="center", va="center", fontsize=8, bbox=look)
            axis.text(column, -row - 0.42, shape, ha="center", va="center", fontsize=7, color="0.3")
            if column:
                _arrow(axis, (column - 0.62, -row), (column - 0.42, -row))
        axis.text(-0.55, -row + 0.42, name, ha="left", va="center", fontweight="bold")
        for first, last in skips:
            _arrow(axis, (first, -row + 0.22), (last, -row + 0.22), "arc3,rad=-0.3")
    axis.set(xlim=(-0.6, widest - 0.4), ylim=(-len(lanes) + 0.4, 0.6), title=title)
    axis.axis("off")
    return figure


def _arrow(axis: Axes, start: tuple[float, float], end: tuple[float, float], bend: str = "arc3") -> None:
    arrow = {"arrowstyle": "->", "connectionstyle": bend, "color": "0.3", "shrinkA": 0, "shrinkB": 0}
    axis.annotate("", end, start, arrowprops=arrow)
