"""Which versions of Python and of our dependencies go together: ``python -m tests.robustness.versions UV``.

Each pair of a Python and a choice (oldest that we claim, newest) is resolved by uv with all extras. Where an
interpreter of that Python is on the machine it is installed, too, and the quick tests of the library run on it;
elsewhere the table says "not tested".
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
CHOICES = {"oldest": "lowest-direct", "newest": "highest"}
TESTS = ("tests/unit", "tests/integration/test_training.py", "tests/integration/test_cli.py")


def main(uv: str, *install: str) -> None:
    """Print a line for each combination; ``--install`` also installs and tests."""
    print("python  choice  resolved                       tested")
    for python in PYTHONS:
        for choice, resolution in CHOICES.items():
            resolved = run(uv, "pip", "compile", "-q", "--all-extras", "--python-version", python, "--resolution",
                           resolution, "pyproject.toml")  # fmt: skip
            told = "yes" if not resolved.returncode else next(iter(resolved.stderr.splitlines()), "no")[:60]
            print(f"{python:6}  {choice:6}  {told:30} {tested(uv, python, resolution, resolved, install)}", flush=True)


def tested(uv: str, python: str, resolution: str, resolved: subprocess.CompletedProcess, install: tuple) -> str:
    """Install one combination and run the tests on it, where there is an interpreter and that is wanted."""
    if "--install" not in install or resolved.returncode or not shutil.which(f"python{python}"):
        return "not tested"
    with tempfile.TemporaryDirectory() as folder:
        (pinned := Path(folder) / "pinned.txt").write_text(resolved.stdout)
        made = run(uv, "venv", "-q", "--python", python, f"{folder}/venv")
        own = f"{folder}/venv/bin/python"
        for what in (["-r", str(pinned)], ["--no-deps", "-e", str(ROOT)]):
            made = made if made.returncode else run(uv, "pip", "install", "-q", "--python", own, *what)
        if made.returncode:
            return f"not installed: {made.stderr.strip().splitlines()[-1][:60]}"
        done = run(own, "-m", "pytest", "-q", *TESTS)
        return done.stdout.strip().splitlines()[-1]


def run(*command: str) -> subprocess.CompletedProcess:
    """Run a command at the root of the project."""
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
