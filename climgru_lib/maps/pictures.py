"""Figures as pictures: how a notebook shows them, what files they can be written to."""

from __future__ import annotations

import io
from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from ..contract import InputError

FORMATS = ("png", "svg", "pdf", "jpg", "webp")


class MapFigure(Figure):
    """A figure outside pyplot that a notebook shows as PNG when it ends a cell."""

    def png(self) -> bytes:
        """Render the figure as PNG."""
        buffer = io.BytesIO()
        FigureCanvasAgg(self).print_png(buffer)
        return buffer.getvalue()

    def _repr_png_(self) -> bytes:
        return small(self.png())


def small(png: bytes) -> bytes:
    """Return a PNG with at most 256 colours: a third of the size, no colour off by a tenth of its range."""
    buffer, picture = io.BytesIO(), Image.open(io.BytesIO(png)).convert("RGB")
    few = picture.quantize(256, Image.Quantize.MAXCOVERAGE, kmeans=3, dither=Image.Dither.NONE)
    few.save(buffer, "png", optimize=True)
    return buffer.getvalue()


def require_format(path: Path) -> None:
    """Raise `InputError` for the ending of a picture that cannot be written."""
    if path.suffix.lower().removeprefix(".") not in FORMATS:
        raise InputError(f"cannot draw '{path.name}'; the name must end in .{', .'.join(FORMATS)}")
