"""Hostile files, each through the command in a process of its own: ``python -m tests.robustness.hostile [--csv FILE]``.

The processes are forked from one that has imported what the command needs, so that the seconds of processor time are
those beyond the start of Python and of PyTorch; the line ``start`` tells what that start takes by itself. Right is
exit 2 with one line, or exit 0 with the right answer; a refusal may take 2 s and a process 1 GB.
"""

from __future__ import annotations

import argparse
import gc
import os
import resource
import signal
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from climgru_lib import cli

from . import hostile_kinds

MOST_SECONDS, MOST_MB, PATIENCE = 2, 1000, 120
COLUMNS = ["group", "kind", "exit", "lines", "seconds", "memory_mb", "outcome"]
#: Imported before the forks, so that no kind pays for it.
NEEDED = "import climgru_lib.training.lightning_adapter, climgru_lib.predict, climgru_lib.maps.command, papermill, zarr"


@dataclass
class Ended:
    """How a process ended."""

    code: int
    out: str
    err: str
    seconds: float
    memory_mb: float


def apart(call: Callable[[], int | None], folder: Path) -> Ended:
    """Run something in a forked process within a folder."""
    out, err = folder.with_suffix(".out"), folder.with_suffix(".err")
    sys.stdout.flush()
    child = os.fork()
    if not child:
        code = 1
        try:
            signal.alarm(PATIENCE)
            for stream, path in ((1, out), (2, err)):
                os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), stream)
            os.chdir(folder)
            code = call() or 0
        except SystemExit as end:
            code = end.code
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            os._exit(code)
    _, status, used = os.wait4(child, 0)
    told = [path.read_text(errors="replace") for path in (out, err)]
    return Ended(os.waitstatus_to_exitcode(status), *told, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


def command(kind: hostile_kinds.Kind, shared: Path) -> int:
    """Run the command of a kind under its limits."""
    for name, value in kind.environment.items():
        os.environ.pop(name, None)
        if value is not None:
            os.environ[name] = value
    if kind.largest_file:
        resource.setrlimit(resource.RLIMIT_FSIZE, (kind.largest_file,) * 2)
    return cli.main([word.format(shared=shared) for word in kind.arguments])


def tried(kind: hostile_kinds.Kind, shared: Path, folder: Path) -> list:
    """Return the row of a kind."""
    folder.mkdir()
    made = apart(lambda: kind.make(folder) and None, folder)
    if made.code:
        raise RuntimeError(f"{kind.group}, {kind.name} cannot be made: {made.err}")
    ended = apart(lambda: command(kind, shared), folder)
    lines = [line for line in ended.err.splitlines() if not line.startswith("climgru: warning: ")]
    outcome = judged(kind, ended, lines)
    if outcome in ("answered", kind.expected):
        checked = apart(lambda: not kind.right(folder, ended.out), folder)
        outcome = "wrong" if checked.code else outcome
    if outcome == "wrong":
        print(f"WRONG: {kind.group}, {kind.name}: exit {ended.code}, {ended.seconds:.1f} s, {ended.memory_mb:.0f} MB")
        print("\n".join(lines[-3:])[:1000], flush=True)
    return [kind.group, kind.name, ended.code, len(lines), round(ended.seconds, 2), round(ended.memory_mb), outcome]


def judged(kind: hostile_kinds.Kind, ended: Ended, lines: list[str]) -> str:
    """Return the outcome by exit code, lines, time and memory."""
    problems = kind.arguments[:2] == ["data", "check"]  # it tells one a line
    told = lines and all(line.startswith("climgru") for line in lines) and (len(lines) == 1 or problems)
    if ended.code == 2 and kind.expected != "answered" and told:
        return "refused" if ended.seconds < MOST_SECONDS and ended.memory_mb < MOST_MB else "wrong"
    return "answered" if ended.code == 0 and kind.expected != "refused" else "wrong"


def start(folder: Path) -> list:
    """Return the row of the start of a process by itself."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", NEEDED], check=True, cwd=folder)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = used.ru_utime + used.ru_stime - before.ru_utime - before.ru_stime
    return ["start", "imports alone", 0, 0, round(seconds, 2), round(used.ru_maxrss / 1024), ""]


def table(only: list[str]) -> pd.DataFrame:
    """Return a row for each kind of some groups, or of all."""
    os.environ |= {"OMP_NUM_THREADS": "1", "TQDM_DISABLE": "1", "MPLBACKEND": "agg"}
    kinds = [kind for kind in hostile_kinds.kinds() if kind.group in only or not only]
    with tempfile.TemporaryDirectory() as name:
        shared = Path(name) / "shared"
        shared.mkdir()
        rows = [start(shared.parent)]
        made = apart(lambda: hostile_kinds.share(shared), shared)
        if made.code:
            raise RuntimeError(made.err)
        exec(NEEDED)
        gc.freeze()
        os.environ["HOSTILE_SHARED"] = str(shared)
        rows += [tried(kind, shared, Path(name) / str(number)) for number, kind in enumerate(kinds)]
    return pd.DataFrame(rows, columns=COLUMNS)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", action="append", default=[], metavar="GROUP")
    parser.add_argument("--csv")
    args = parser.parse_args()
    found = table(args.only)
    print(found.groupby(["group", "outcome"], sort=False)["kind"].count().to_string())
    if args.csv:
        found.to_csv(args.csv, index=False)
