"""Where the viewer's maps are drawn: rows kept and repainted, colours kept while they suit the data shown."""

from __future__ import annotations

from typing import Any

from .blit import Blitter
from .canvas import WIDTHS, MapRow
from .face import show
from .places import Frame
from .sheet import Sheet, panels_of, still_fit


class Stage:
    """The rows of maps of one frame, by their number of panels.

    Attributes
    ----------
    row : MapRow
        What is shown now.
    sheet : Sheet
        What is on it.
    """

    row: MapRow
    sheet: Sheet

    def __init__(self) -> None:
        self._rows: dict[int, tuple[MapRow, Blitter]] = {}
        self._frame, self._kind = Frame(), None

    def colours(self) -> dict[str, Any]:
        """Return ``limits`` and ``span`` of `panels_of` that are shown, as far as they are not the fitted ones."""
        found: dict[str, Any] = {}
        fitted = panels_of([self.sheet], region=self._frame.region)
        for role, own, panel in zip(self.sheet.roles, fitted, self.row.panels):
            low, high = float(panel.norm.vmin), float(panel.norm.vmax)
            if (low, high) != (own.norm.vmin, own.norm.vmax):
                found |= {"limits": (low, high)} if role == "values" else {"span": high}
        return found

    def draw(self, sheet: Sheet, frame: Frame, kind: Any, scale: dict[str, Any], told: str = "") -> bytes:
        """Draw a sheet and return it as PNG.

        Parameters
        ----------
        sheet : Sheet
        frame : Frame
            Another one makes new rows.
        kind : Any
            What the colours are fitted to; they stay while it does, as long as they suit the data.
        scale : dict
            ``limits`` and ``span`` of `panels_of`; None to fit.
        told : str
            Ends the title.
        """
        if frame != self._frame:
            self._rows.clear()
        count, fitted = len(sheet.maps), not any(scale.values())
        row, blitter = self._rows.get(count, (None, None))
        kept = row is not None and (kind, count) == self._kind
        anew = not kept or (fitted and not still_fit(row.panels, sheet, frame.region))
        panels = panels_of([sheet], region=frame.region, **scale) if anew else row.panels
        title = sheet.title + told
        roomy = row is not None and row.has_room(panels, title, sheet.foot)
        if anew or not roomy:
            if not roomy:
                first, room = next(iter(sheet.maps.values())), {"title": title, "foot": sheet.foot}
                row = MapRow(first.lat.values, first.lon.values, panels, frame, WIDTHS[count], **room)
            else:
                row.rescale(panels)
            blitter = Blitter(row)
        show(row, sheet, told)
        self._rows[count], self._frame, self._kind = (row, blitter), frame, (kind, count)
        self.row, self.sheet = row, sheet
        return blitter.png()
