"""The arguments of `climgru data convert`."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path


def add(parser: ArgumentParser) -> None:
    """Add the arguments to a parser; imports nothing that takes time."""
    parser.add_argument("sources", nargs="+", type=Path, metavar="SRC", help="NetCDF files, or folders of them")
    parser.add_argument("dest", type=Path, metavar="DEST", help="a new Zarr store")
    parser.add_argument("--layout", required=True, metavar="NAME", help="climatebench, climateset or cmip6")
    what = "NetCDF or Zarr with the forcings that the files lack, named as in the contract, by ssp"
    parser.add_argument("--forcings", type=Path, metavar="PATH", help=what)
    parser.add_argument("--insolation", action="store_true", help="compute rsdt from the orbit where it is not given")
    what = "CO2 emitted before the first month [Gt], where files hold emissions and not their sum"
    parser.add_argument("--co2-before", type=float, metavar="GT", help=what)
