"""Re-execute the committed notebooks: ``python -m climgru_lib.course``; ``--check``: only tell which are unscrubbed."""

import argparse
import sys

from ..data.paths import output_dir
from .execute import refresh, unscrubbed
from .notebooks import folder

parser = argparse.ArgumentParser(prog="python -m climgru_lib.course", description="Re-execute committed notebooks.")
parser.add_argument("--only", action="append", metavar="NN")
parser.add_argument("--check", action="store_true", help="execute nothing; name notebooks that are not scrubbed")
args = parser.parse_args()
if args.check:
    sys.exit("\n".join(f"{path} is not scrubbed; run `make notebooks`" for path in unscrubbed(folder())) or None)
refresh(folder(), args.only, output_dir() / "notebooks")
