"""World maps: figure style, rows of maps (truth, emulator, difference) and an interactive viewer."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "fields": ["month_map"],
        "canvas": ["MapRow", "Panel"],
        "rows": ["map_row", "plot_map"],
        "looks": ["LOOKS", "Look", "style"],
        "viewer": ["Viewer"],
    },
)
