"""Stop trainings by signals at random moments, resume each: ``python -m tests.robustness.signals [TRIALS]``.

Right: exit 75 and one line, or 0 where the work was done; and the weights of an uninterrupted training to the bit.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from climgru_lib import mini_earth
from climgru_lib.training import runs

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)
SETTINGS = ("epochs=4", "cosine_epochs=4", "architecture.width=4", "architecture.hidden=8", "architecture.head=16")
#: Before it no handler can be there: the interpreter itself starts.
START_SECONDS = 0.3


def command(run_dir: Path, data: Path, runs_of_batch: int) -> list[str]:
    """Return the training; with many runs a batch it has one batch an epoch."""
    settings = [part for setting in (*SETTINGS, f"runs={runs_of_batch}") for part in ("--set", setting)]
    arguments = ["train", str(run_dir), "--recipe", "compact-final", "--data", str(data), "--threads", "1", "--resume"]
    return [sys.executable, "-m", "climgru_lib.cli", *arguments, *settings]


def trial(folder: Path, number: int, data: Path, whole: dict[int, tuple[float, bytes]], rng: random.Random) -> str:
    """Stop one training once, resume it, and say what became of it."""
    kind, of_batch, run_dir = SIGNALS[number % 3], rng.choice(list(whole)), folder / str(number)
    seconds, weights = whole[of_batch]
    process = subprocess.Popen(command(run_dir, data, of_batch), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    time.sleep(rng.uniform(START_SECONDS, seconds))
    process.send_signal(kind)
    lines = process.communicate()[1].decode().splitlines()
    if process.returncode not in (0, 75) or (process.returncode == 75 and len(lines) != 1):
        return f"{kind.name}: exit {process.returncode}, {len(lines)} lines, {lines[-1:]}"
    if subprocess.run(command(run_dir, data, of_batch), capture_output=True).returncode:
        return f"{kind.name}: not resumed"
    same = (run_dir / runs.WEIGHTS).read_bytes() == weights
    return f"{kind.name}: {process.returncode}, {'identical weights' if same else 'OTHER WEIGHTS'}"


def main(trials: int = 150, seed: int = 0) -> None:
    """Print how often each outcome came."""
    os.environ |= {"OMP_NUM_THREADS": "1", "TQDM_DISABLE": "1"}
    with tempfile.TemporaryDirectory() as name:
        folder, rng, whole = Path(name), random.Random(seed), {}
        mini_earth.write(folder / "data.zarr", n_months=168, n_members=1)
        for of_batch in (2, 100_000):
            started, run_dir = time.monotonic(), folder / f"whole-{of_batch}"
            subprocess.run(command(run_dir, folder / "data.zarr", of_batch), check=True, capture_output=True)
            whole[of_batch] = time.monotonic() - started, (run_dir / runs.WEIGHTS).read_bytes()
        found = Counter(trial(folder, number, folder / "data.zarr", whole, rng) for number in range(trials))
    for outcome, count in sorted(found.items()):
        print(f"{count:4} {outcome}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
