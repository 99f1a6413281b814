"""Maps: figure style, one model of what is looked at, rows of maps, and an interactive viewer."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "canvas": ["MapRow", "Panel"],
        "face": ["plot"],
        "looks": ["LOOKS", "Look", "style"],
        "places": ["Frame", "Region"],
        "rows": ["map_row", "plot_map"],
        "selection": ["Selection"],
        "sources": ["Source", "open_source"],
        "viewer": ["Viewer"],
    },
)
