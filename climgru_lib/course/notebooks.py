"""Where the notebooks of the course are: in a checkout, or in the installed package, from where they can be copied."""

from __future__ import annotations

import shutil
from pathlib import Path

from ..contract import InputError

PATTERN = "[0-9][0-9]*_*.ipynb"


def folder() -> Path:
    """Return the folder of the course's notebooks: that of the checkout, of the installed package, or ``./notebooks``.

    Raises
    ------
    InputError
        If there is none.
    """
    package = Path(__file__).resolve().parents[1]
    for place in (package.parent / "notebooks", package / "notebooks", Path.cwd() / "notebooks"):
        if any(place.glob(PATTERN)):
            return place
    raise InputError("no notebooks here; run `climgru course` in a checkout of the course")


def copy(dest: Path) -> int:
    """Copy the notebooks into a folder, made if absent, and return how many were new: none is overwritten."""
    dest.mkdir(parents=True, exist_ok=True)
    new = [path for path in sorted(folder().glob(PATTERN)) if not (dest / path.name).exists()]
    for path in new:
        shutil.copyfile(path, dest / path.name)
    return len(new)
