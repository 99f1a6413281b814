"""``make bench``, or one bench: ``cd tests && python -m benchmarks [NAME] [--data PATH]``."""

import argparse
import sys

from climgru_lib.contract import InputError

from . import run

parser = argparse.ArgumentParser(prog="python -m benchmarks", description=run.__doc__.splitlines()[0])
parser.add_argument("name", nargs="?", metavar="NAME", help="one bench (default all but skill, which takes hours)")
parser.add_argument("--data", metavar="PATH", help="store of the bench skill (default embedded)")
arguments = parser.parse_args()
try:
    run(arguments.name, arguments.data)
except InputError as error:
    sys.exit(f"benchmarks: {error}")
