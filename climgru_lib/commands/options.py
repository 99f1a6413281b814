"""What several commands share: options, the library called with them, scores shown."""

from __future__ import annotations

import re
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Callable
from pathlib import Path

LOADING, READING = "loading the library", "reading the data"


def command(parsers, name: str, run: Callable[[Namespace], None], text: str) -> ArgumentParser:
    """Add a command that runs a function on its arguments."""
    parser = parsers.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
    parser.set_defaults(run=run)
    return parser


def group(parsers, name: str, text: str):
    """Add a command that has commands of its own; return their parsers."""
    return parsers.add_parser(name, help=text).add_subparsers(required=True, metavar="COMMAND")


def data_option(parser) -> None:
    """Add the data."""
    parser.add_argument("--data", default="embedded", metavar="PATH", help="Zarr store or NetCDF (default embedded)")


def seed_of_draws(parser) -> None:
    """Add the seed of an ensemble."""
    parser.add_argument("--draw-seed", type=int, default=0, metavar="K", help="seed of the draws (default 0)")


def extension_option(parser) -> None:
    """Add files of the user that register parts."""
    parser.add_argument(
        "--use", action="append", default=[], type=Path, metavar="FILE.py", help="run a file that registers parts"
    )


def compute_options(parser) -> None:
    """Add where and how to compute."""
    extension_option(parser)
    parser.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto")
    parser.add_argument("--precision", choices=["32", "bf16"], default="32", help="32 means TF32 off")
    parser.add_argument("--threads", type=int, metavar="N", help="CPU threads (default: all cores)")


def memory_option(parser) -> None:
    """Add how much of the data may lie in memory."""
    parser.add_argument(
        "--memory-budget",
        type=_bytes,
        metavar="SIZE",
        help="e.g. 2GB: data beyond it lie in the cache folder, paged in and out",
    )


def _bytes(text: str) -> int:
    """Return a size such as ``2GB`` or ``500 MB`` in bytes."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?) *([KMGT]?)B", text.strip(), re.IGNORECASE)
    if found is None:
        raise ArgumentTypeError(f"'{text}' is no size; give for example 2GB or 500MB")
    return int(float(found[1]) * 1000 ** " KMGT".index(found[2].upper() or " "))


def set_threads(args: Namespace) -> None:
    """Use so many threads.

    Raises
    ------
    InputError
        If there are none.
    """
    from ..contract import InputError

    if args.threads is not None and args.threads < 1:
        raise InputError(f"--threads must be at least 1, got {args.threads}")
    if args.threads:
        from torch import set_num_threads

        set_num_threads(args.threads)


def three_decimals(value: float) -> str:
    """Return a number as tables print it."""
    return f"{value:.3f}"
