"""What `climgru data check` and `climgru data convert` do: the library called in order, and the outcome told."""

from __future__ import annotations

import sys
from argparse import Namespace
from pathlib import Path

from ..contract import InputError
from ..progress import doing
from .paths import EMBEDDED, require_source


def check(args: Namespace) -> None:
    """Check a store against the contract."""
    require_source(args.path)
    if args.write_manifest and args.path == EMBEDDED:
        raise InputError("--write-manifest is for a store of yours; the embedded one is made anew from the code")
    with doing("loading the library"):
        from . import manifest, store
    with doing("reading the data"):
        dataset, found = store.check_whole(args.path, compare=not args.write_manifest)
    if found.problems:
        raise InputError(*found.problems)
    for line in found.suspicions:
        print(f"climgru: warning: {line}", file=sys.stderr)
    print(f"{args.path} meets the contract: {_sizes(dataset.sizes)}")
    if args.write_manifest:
        print(f"wrote {manifest.write_manifest(Path(args.path))}")


def convert(args: Namespace) -> None:
    """Convert files and say what was changed on the way."""
    with doing("loading the library"):
        from .convert import LAYOUTS, Supplements
        from .convert import convert as write
    LAYOUTS.require(args.layout)
    if args.forcings is not None:
        require_source(args.forcings)
    supplements = Supplements(args.forcings, args.insolation, args.co2_before)
    sizes, notes = write(args.sources, args.dest, args.layout, supplements)
    for line in notes:
        print(f"climgru: note: {line}", file=sys.stderr)
    print(f"wrote {args.dest}: {_sizes(sizes)}")


def _sizes(sizes: dict[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in sizes.items())
