"""Quick pictures of a row of maps: what does not change is drawn once."""

from __future__ import annotations

import io

import matplotlib as mpl
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.image import imsave

from .canvas import MapRow
from .looks import PLAIN


class Blitter:
    """Renders a row of maps again and again.

    Parameters
    ----------
    row : MapRow
        After `MapRow.rescale` a new one is needed.
    """

    def __init__(self, row: MapRow):
        self._row, self._canvas = row, FigureCanvasAgg(row.figure)
        self._still: np.ndarray | None = None

    def png(self) -> bytes:
        """Render the row as PNG: maps and dots, on them all that stays, on that titles and note."""
        with mpl.rc_context(PLAIN):
            if self._still is None:
                self._still = self._draw_still()
            renderer = self._canvas.get_renderer()
            renderer.clear()
            self._row.figure.patch.draw(renderer)
            for artist in self._row.below:
                artist.draw(renderer)
            renderer.draw_image(renderer.new_gc(), 0, 0, self._still)
            for artist in self._row.above:
                artist.draw(renderer)
        buffer = io.BytesIO()
        imsave(buffer, np.asarray(renderer.buffer_rgba()), format="png", pil_kwargs={"compress_level": 1})
        return buffer.getvalue()

    def _draw_still(self) -> np.ndarray:
        """Draw axes, coasts and colour bars alone, on a transparent ground; return them from the lowest row up."""
        hidden = [*self._row.below, *self._row.above, self._row.figure.patch, *(ax.patch for ax in self._row.axes)]
        for artist in hidden:
            artist.set_visible(False)
        try:
            self._canvas.draw()
        finally:
            for artist in hidden:
                artist.set_visible(True)
        return np.array(self._canvas.buffer_rgba())[::-1]
