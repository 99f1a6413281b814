"""Which versions of Python and our dependencies go together: ``python -m tests.robustness.versions UV [--csv FILE]``.

Each pair of a Python and a choice (oldest that we claim, newest) is resolved by uv with all extras, from wheels alone.
Where an interpreter of that Python is on the machine the pair is installed, and the quick tests of the library run on
it; elsewhere the table says "no interpreter". Wheels of PyTorch for GPUs make this gigabytes.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import tempfile
from pathlib import Path

import pandas as pd

ROOT = Path(__file__).resolve().parents[2]
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
CHOICES = {"oldest": "lowest-direct", "newest": "highest"}
TESTS = ("tests/unit", "tests/integration/test_training.py", "tests/integration/test_cli.py")
SHOWN = ("torch", "lightning", "numpy", "xarray", "zarr")


def row(uv: str, python: str, choice: str) -> dict[str, str]:
    """Resolve, install and test one pair."""
    resolved = run(uv, "pip", "compile", "-q", "--all-extras", "--only-binary", ":all:", "--python-version", python,
                   "--resolution", CHOICES[choice], "--no-annotate", "--no-header", "pyproject.toml")  # fmt: skip
    pinned = dict(line.split("==") for line in resolved.stdout.splitlines() if "==" in line)
    told = {name: pinned.get(name, "not resolved") for name in SHOWN}
    result = tested(uv, python, resolved.stdout) if not resolved.returncode else "not tested"
    return {"python": python, "choice": choice} | told | {"tests": result}


def tested(uv: str, python: str, pinned: str) -> str:
    """Install one pair and run the tests on it; return how many passed, failed and were skipped."""
    if run(uv, "python", "find", "--no-python-downloads", python).returncode:
        return "no interpreter"
    with tempfile.TemporaryDirectory() as folder:
        (wanted := Path(folder) / "pinned.txt").write_text(pinned)
        made = run(uv, "venv", "-q", "--python", python, f"{folder}/venv")
        own = f"{folder}/venv/bin/python"
        for what in (["-r", str(wanted)], ["--no-deps", "-e", str(ROOT)]):
            made = made if made.returncode else run(uv, "pip", "install", "-q", "--python", own, *what)
        if made.returncode:
            return f"not installed: {made.stderr.strip().splitlines()[-1][:60]}"
        done = run(own, "-m", "pytest", "-q", "-p", "no:cacheprovider", *TESTS)
        return ", ".join(re.findall(r"\d+ (?:passed|failed|skipped|errors?)", done.stdout.strip().splitlines()[-1]))


def run(*command: str) -> subprocess.CompletedProcess:
    """Run a command at the root of the project."""
    environment = os.environ | {"OMP_NUM_THREADS": "1", "TQDM_DISABLE": "1"}
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=environment)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("uv")
    parser.add_argument("--csv")
    args = parser.parse_args()
    rows = []
    for python in PYTHONS:
        for choice in CHOICES:
            rows.append(row(args.uv, python, choice))
            print(*rows[-1].values(), sep="  ", flush=True)
    if args.csv:
        pd.DataFrame(rows).to_csv(args.csv, index=False)
