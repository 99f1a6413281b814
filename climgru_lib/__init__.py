"""climgru: climate emulation from forcings to monthly maps; the library under the notebook course.

Data come in through `data`, a map is made by `models`, trained in `training`, made by a trained one in `predict`,
judged in `score`, and shown by `maps`; `course` runs the notebooks and the studies.
"""

import lazy_loader

__version__ = "0.1.0"
_getattr, _dir, _names = lazy_loader.attach(
    __name__,
    submodules=["contract", "course", "data", "grid", "maps", "mini_earth", "models", "predict", "score", "training"],
    submod_attrs={
        "data": ["open_dataset"],
        "maps": ["Viewer"],
        "predict": ["Emulator"],
        "score": ["evaluate"],
        "training": ["recipes", "train"],
    },
)
__getattr__, __dir__, __all__ = _getattr, _dir, ["__version__", *_names]
