"""Stop trainings by signals, resume each: ``python -m tests.robustness.signals [TRIALS] [--csv FILE]``.

Right: exit 75 and one line, or 0 where the work was done; and the weights of an uninterrupted training to the bit.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

from climgru_lib import mini_earth
from climgru_lib.training import runs

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)
SETTINGS = ("epochs=4", "cosine_epochs=4", "architecture.width=4", "architecture.hidden=8", "architecture.head=16")


def command(run_dir: Path, data: Path, runs_of_batch: int) -> list[str]:
    """Return the training; with many runs a batch it has one batch an epoch."""
    settings = [part for setting in (*SETTINGS, f"runs={runs_of_batch}") for part in ("--set", setting)]
    arguments = ["train", str(run_dir), "--recipe", "compact-final", "--data", str(data), "--threads", "1", "--resume"]
    return [sys.executable, "-m", "climgru_lib.cli", *arguments, *settings]


def listens(pid: int) -> bool:
    """Whether the command has begun to listen, SIGUSR1 last; before, the interpreter itself starts."""
    (caught,) = re.findall(r"^SigCgt:\s*(\w+)$", Path(f"/proc/{pid}/status").read_text(), re.M)
    return bool(int(caught, 16) >> signal.SIGUSR1 - 1 & 1)


def trial(run_dir: Path, data: Path, kind: signal.Signals, of_batch: int, after: float, weights: bytes) -> str:
    """Stop one training once, after some seconds, resume it, and say what became of it."""
    process = subprocess.Popen(command(run_dir, data, of_batch), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    time.sleep(after)
    while process.poll() is None and not listens(process.pid):
        time.sleep(0.01)
    process.send_signal(kind)
    lines = process.communicate()[1].decode().splitlines()
    if process.returncode not in (0, 75) or (process.returncode == 75 and len(lines) != 1):
        return f"wrong: exit {process.returncode}, {len(lines)} lines, {lines[-1:]}"
    if subprocess.run(command(run_dir, data, of_batch), capture_output=True).returncode:
        return "wrong: not resumed"
    if (run_dir / runs.WEIGHTS).read_bytes() != weights:
        return "wrong: other weights"
    return "stopped" if process.returncode else "finished"


def table(trials: int, seed: int = 0) -> pd.DataFrame:
    """Return for each signal how many trainings were tried, stopped, finished before it came, and came out wrong."""
    os.environ |= {"OMP_NUM_THREADS": "1", "TQDM_DISABLE": "1"}
    counts = pd.DataFrame(0, [kind.name for kind in SIGNALS], ["tried", "stopped", "finished", "wrong"])
    with tempfile.TemporaryDirectory() as name:
        folder, rng, whole = Path(name), random.Random(seed), {}
        lat, lon = np.linspace(-78.75, 78.75, 8), 15 + 30.0 * np.arange(12)
        mini_earth.write(folder / "data.zarr", n_months=168, n_members=1, lat=lat, lon=lon)
        for of_batch in (2, 100_000):
            started, run_dir = time.monotonic(), folder / f"whole-{of_batch}"
            subprocess.run(command(run_dir, folder / "data.zarr", of_batch), check=True, capture_output=True)
            whole[of_batch] = time.monotonic() - started, (run_dir / runs.WEIGHTS).read_bytes()
        for number in range(trials):
            kind, of_batch = SIGNALS[number % len(SIGNALS)], rng.choice(list(whole))
            seconds, weights = whole[of_batch]
            after = rng.uniform(0, seconds)
            found = trial(folder / str(number), folder / "data.zarr", kind, of_batch, after, weights)
            print(number, kind.name, f"after {after:.1f} of {seconds:.1f} s:", found, flush=True)
            counts.loc[kind.name, ["tried", found.split(":")[0]]] += 1
    return counts.rename_axis("signal")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("trials", nargs="?", type=int, default=150)
    parser.add_argument("--csv")
    args = parser.parse_args()
    made = table(args.trials)
    print(made.to_string())
    if args.csv:
        made.to_csv(args.csv)
