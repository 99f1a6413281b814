"""World maps: figure style, rows of maps (truth, emulator, difference) and an interactive viewer."""

from .rows import map_row, plot_map
from .style import LOOKS, Look, style
from .viewer import Viewer, month_map

__all__ = ["LOOKS", "Look", "Viewer", "map_row", "month_map", "plot_map", "style"]
