"""Files that are whole or absent: written beside their place and moved there, read with limits."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..contract import InputError

ROOM = 1_000_000  # bytes; a place that takes no more than this is full
MOST_BYTES = 20_000_000  # of a JSON file; a run has 100 thousand
_TEMPORARY = re.compile(r"\.\d+-.+")  # names of `write_atomically`


def is_temporary(path: Path) -> bool:
    """Tell whether a file or folder is what `write_atomically` leaves when its process is killed."""
    return bool(_TEMPORARY.fullmatch(path.name))


def write_atomically(path: Path, write: Callable[[Path], Any]) -> None:
    """Call ``write`` with a temporary sibling of ``path``, then move the file or folder that it makes into place.

    Raises
    ------
    InputError
        If the place is full or may not be written to; what was there is then as it was.
    """
    temporary = path.with_name(f".{os.getpid()}-{path.name}")
    try:
        write(temporary)
        os.replace(temporary, path)
    except Exception as error:  # each writer has its own for a full disk
        reason = _why_not(error, temporary)
        if not reason:
            raise
        raise InputError(f"cannot write {path}: {reason}; what was there before is as it was") from error
    finally:
        remove(temporary)


def _why_not(error: Exception, temporary: Path) -> str:
    """Tell why a file could not be written; nothing if the place, full or at a quota, has room for more of it."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    try:
        with (temporary / "more" if temporary.is_dir() else temporary).open("ab") as file:
            file.write(bytes(ROOM))
    except OSError as found:
        return found.strerror
    return ""


def remove(path: Path) -> None:
    """Remove a file or a folder with all that is in it, if it is there."""
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def write_json(path: Path, content: Any) -> None:
    """Write JSON atomically, indented; raise `ValueError` for what JSON has no number for."""
    write_atomically(
        path, lambda temporary: temporary.write_text(json.dumps(content, indent=1, allow_nan=False) + "\n")
    )


def append_row(path: Path, row: dict[str, Any], key: str) -> None:
    """Append a row to a CSV file of curves; rows of the same or a later ``key``, left by a broken run, are dropped."""
    rows = []
    if path.exists():
        with path.open(newline="") as file:
            try:
                rows = [old for old in csv.DictReader(file) if int(old[key]) < row[key]]
            except (LookupError, ValueError, TypeError, csv.Error) as error:
                raise InputError(f"{path} is no file of curves; move it away") from error

    def write(temporary: Path) -> None:
        with temporary.open("w", newline="") as file:
            writer = csv.DictWriter(file, fieldnames=list(row))
            writer.writeheader()
            writer.writerows([*rows, row])

    write_atomically(path, write)


def read_json(path: Path) -> Any:
    """Return the content of a JSON file.

    Raises
    ------
    InputError
        If it is none, is excessive, or holds numbers that are not finite.
    """
    try:
        if not path.is_file() or path.stat().st_size > MOST_BYTES:
            raise ValueError("it is no file of ordinary size")
        return json.loads(path.read_text(encoding="utf-8"), parse_constant=_refuse_constant)
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path} is damaged ({str(error)[:100]}); move it away, or train the run again") from error


def _refuse_constant(name: str) -> None:
    raise ValueError(f"it holds {name}")
