"""Manifests: sizes and SHA-256 of all files of a store, beside it in ``<store>.manifest.json``.

Chunks carry no checksum of their own; with the manifest a damaged or exchanged one is found.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path


def manifest_path(path: Path) -> Path:
    """Return where the manifest of a store lies."""
    return path.with_name(path.name + ".manifest.json")


def _files(path: Path) -> dict[str, Path]:
    if path.is_file():
        return {path.name: path}
    return {file.relative_to(path).as_posix(): file for file in sorted(path.rglob("*")) if file.is_file()}


def write_manifest(path: Path) -> Path:
    """Write the manifest of a store or file; return its path."""
    entries = {name: [file.stat().st_size, _digest(file)] for name, file in _files(path).items()}
    manifest = manifest_path(path)
    manifest.write_text(json.dumps(entries, indent=0) + "\n", encoding="utf-8")
    return manifest


def check_manifest(path: Path, contents: bool = True) -> list[str]:
    """Compare a store with its manifest.

    Parameters
    ----------
    path : Path
    contents : bool
        Read every file; else sizes alone are compared, which takes no time.

    Returns
    -------
    list of str
        A line for each file that is missing, changed or not in the manifest; none without a manifest.
    """
    manifest = manifest_path(path)
    if not manifest.is_file():
        return []
    cure = f"fetch the store again, or remove {manifest.name} if you changed it"
    try:
        entries = {
            str(name): (int(size), str(digest)) for name, (size, digest) in json.loads(manifest.read_text()).items()
        }
    except (ValueError, TypeError, AttributeError):
        return [f"{manifest} is no manifest; write it anew with `climgru data check {path} --write-manifest`"]
    files = _files(path)
    problems = [f"{path}: {name} is missing; {cure}" for name in entries if name not in files]
    problems += [f"{path}: {name} is not in the manifest; {cure}" for name in files if name not in entries]
    for name in entries.keys() & files.keys():
        size, digest = entries[name]
        if files[name].stat().st_size != size or (contents and _digest(files[name]) != digest):
            problems.append(f"{path}: {name} differs from the manifest; {cure}")
    return sorted(problems)


def _digest(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
