"""Where things lie: a user's data, caches, results."""

from __future__ import annotations

import os
import re
from pathlib import Path

import platformdirs

from ..contract import InputError

EMBEDDED = "embedded"


def is_remote(source: str | Path) -> bool:
    """Tell whether data are at an address such as ``https://...`` or ``s3://...``."""
    return re.match(r"[a-z][a-z0-9+.-]*://", str(source)) is not None


def require_source(source: str | Path) -> None:
    """Raise `InputError` if data are neither ``"embedded"`` nor at a path that exists nor at an address."""
    if str(source) != EMBEDDED and not is_remote(source) and not Path(source).exists():
        raise InputError(f"no data at {source}; give a Zarr store, a NetCDF file, its address, or '{EMBEDDED}'")


def cache_dir() -> Path:
    """Return the folder for caches: ``$CLIMGRU_CACHE``, else the user's cache directory."""
    return Path(os.environ.get("CLIMGRU_CACHE") or platformdirs.user_cache_dir("climgru"))


def output_dir(out_dir: str = "") -> Path:
    """Return where results go: ``out_dir``, else ``$CLIMGRU_OUT``, ``build/`` of the checkout, or the user's cache."""
    checkout = Path(__file__).resolve().parents[2]
    default = checkout / "build" if (checkout / "pyproject.toml").is_file() else cache_dir()
    return Path(out_dir or os.environ.get("CLIMGRU_OUT") or default).resolve()
