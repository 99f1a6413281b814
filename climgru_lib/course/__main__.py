"""Re-execute the committed notebooks: ``python -m climgru_lib.course``."""

import argparse

from ..data.paths import output_dir
from .execute import refresh
from .notebooks import folder

parser = argparse.ArgumentParser(prog="python -m climgru_lib.course", description="Re-execute committed notebooks.")
parser.add_argument("--only", action="append", metavar="NN")
refresh(folder(), parser.parse_args().only, output_dir() / "notebooks")
