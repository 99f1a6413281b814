"""Manifests: sizes and SHA-256 of all files of a store, beside it in ``<store>.manifest.json``.

Chunks carry no checksum of their own; with the manifest a damaged or exchanged one is found.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path


def manifest_path(path: Path) -> Path:
    """Return where the manifest of a store lies."""
    return path.with_name(path.name + ".manifest.json")


def _sizes(path: Path) -> dict[str, int]:
    """Return the size of every file of a store, by its path within."""
    if path.is_file():
        return {path.name: path.stat().st_size}
    sizes, folders = {}, [("", path)]
    while folders:
        within, folder = folders.pop()
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    folders.append((f"{within}{entry.name}/", entry.path))
                elif entry.is_file():
                    sizes[within + entry.name] = entry.stat().st_size
    return dict(sorted(sizes.items()))


def write_manifest(path: Path) -> Path:
    """Write the manifest of a store or file; return its path."""
    entries = {name: [size, _digest(path, name)] for name, size in _sizes(path).items()}
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
    sizes = _sizes(path)
    problems = [f"{path}: {name} is missing; {cure}" for name in entries if name not in sizes]
    problems += [f"{path}: {name} is not in the manifest; {cure}" for name in sizes if name not in entries]
    for name in entries.keys() & sizes.keys():
        size, digest = entries[name]
        if sizes[name] != size or (contents and _digest(path, name) != digest):
            problems.append(f"{path}: {name} differs from the manifest; {cure}")
    return sorted(problems)


def _digest(path: Path, name: str) -> str:
    with (path if path.is_file() else path / name).open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
