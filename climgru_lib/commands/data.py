"""Data sets: made, checked, converted."""

from __future__ import annotations

import sys
from argparse import Namespace
from pathlib import Path

from ..progress import doing
from .options import LOADING, READING, command, extension_option, group


def add(parsers) -> None:
    """Add `data make`, `data check` and `data convert`."""
    data = group(parsers, "data", "make, check or convert a data set")
    make = command(data, "make", data_make, "write the embedded data set as a store of the contract")
    make.add_argument("dest", type=Path, metavar="DEST", help="a new Zarr store; the withheld truth goes beside it")
    make.add_argument("--months", type=int, default=1021, metavar="N", help="months from 2015-01 on (default 1021)")
    make.add_argument("--members", type=int, default=3, metavar="N", help="ensemble members (default 3)")
    make.add_argument("--seed", type=int, default=0, metavar="N", help="seed of the weather (default 0)")
    make.add_argument("--grid", metavar="ROWSxCOLUMNS", help="e.g. 192x288 (default: the 48 x 72 of the contract)")
    check = command(data, "check", data_check, "check a store against the data contract")
    check.add_argument("path", metavar="PATH", help="Zarr store, NetCDF file, folder of such files, or 'embedded'")
    extension_option(check)
    check.add_argument(
        "--write-manifest", action="store_true", help="then write sizes and SHA-256 of all files beside the store"
    )
    convert = command(data, "convert", data_convert, "write a store of the contract from files in another layout")
    convert.add_argument("sources", nargs="+", type=Path, metavar="SRC", help="NetCDF files, or folders of them")
    convert.add_argument("dest", type=Path, metavar="DEST", help="a new Zarr store")
    convert.add_argument("--layout", required=True, metavar="NAME", help="climatebench, climateset or cmip6")
    what = "NetCDF or Zarr with the forcings that the files lack, named as in the contract, by ssp"
    convert.add_argument("--forcings", type=Path, metavar="PATH", help=what)
    convert.add_argument("--insolation", action="store_true", help="compute rsdt from the orbit where it is not given")
    what = "CO2 emitted before the first month [Gt], where files hold emissions and not their sum"
    convert.add_argument("--co2-before", type=float, metavar="GT", help=what)
    extension_option(convert)


def data_make(args: Namespace) -> None:
    """Write the embedded data set as a store."""
    with doing(LOADING):
        from ..data.manifest import write_manifest
        from ..grid import regular_grid
        from ..mini_earth import write
    grid = {} if args.grid is None else regular_grid(args.grid)
    write(args.dest, n_months=args.months, n_members=args.members, seed=args.seed, **grid)
    write_manifest(args.dest)
    print(f"wrote {args.dest}: {args.months} months, {args.members} members, seed {args.seed}")


def data_check(args: Namespace) -> None:
    """Check a store against the contract."""
    from ..contract import InputError
    from ..data.paths import EMBEDDED, require_source

    require_source(args.path)
    if args.write_manifest and args.path == EMBEDDED:
        raise InputError("--write-manifest is for a store of yours; the embedded one is made anew from the code")
    with doing(LOADING):
        from ..data import manifest, store
    with doing(READING):
        dataset, found = store.check_whole(args.path, compare=not args.write_manifest)
    if found.problems:
        raise InputError(*found.problems)
    for line in found.suspicions:
        print(f"climgru: warning: {line}", file=sys.stderr)
    print(f"{args.path} meets the contract: {_sizes(dataset.sizes)}")
    if args.write_manifest:
        print(f"wrote {manifest.write_manifest(Path(args.path))}")


def data_convert(args: Namespace) -> None:
    """Convert files and say what was changed on the way."""
    from ..data.paths import require_source

    with doing(LOADING):
        from ..data.convert import LAYOUTS, Supplements
        from ..data.convert import convert as write
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
