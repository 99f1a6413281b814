"""Plant ten faults that emulators have had, one at a time, and see tests fail: ``python -m tests.robustness.planted``.

A fault that no test notices is one that the next change may bring in.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
COPIED = ("climgru_lib", "tests", "pyproject.toml")


@dataclass(frozen=True)
class Fault:
    """A line exchanged in a module, and the tests that must notice."""

    what: str
    module: str
    line: str
    planted: str
    tests: str


FAULTS = (
    Fault(
        "sign of a loss",
        "training/losses.py",
        "return 1 - overlap.mean()",
        "return 1 + overlap.mean()",
        "unit/test_losses.py",
    ),
    Fault(
        "no area weights",
        "grid.py",
        "weights = np.cos(np.deg2rad(lat))",
        "weights = np.ones_like(lat)",
        "unit/test_metrics.py",
    ),
    Fault(
        "window shifted by a month",
        "training/batches.py",
        "[run.start - back : stop - self.recipe.lead]",
        "[run.start - back + 1 : stop - self.recipe.lead + 1]",
        "unit/test_batches.py",
    ),
    Fault(
        "tas and pr swapped",
        "score/evaluation.py",
        "var: all_metrics(fields[:, i], member[:, i]",
        "var: all_metrics(fields[:, 1 - i], member[:, i]",
        "integration/test_training.py",
    ),
    Fault(
        "no land mask", "grid.py", "fraction = on_land.reshape", "fraction = 0 * on_land.reshape", "unit/test_grid.py"
    ),
    Fault(
        "leaky split",
        "data/splits.py",
        'CLEAN = Split("clean", (_last("ssp370", 120),)',
        'CLEAN = Split("clean", (_last("ssp370", 120, members=(0,)),)',
        "unit/test_splits.py",
    ),
    Fault(
        "encoding without latitude",
        "data/season.py",
        "return np.sign(lat) * np.cos(np.deg2rad(lat)) * ",
        "return np.ones_like(lat) * ",
        "unit/test_season.py",
    ),
    Fault(
        "members averaged in scoring",
        "score/evaluation.py",
        "for member in truth\n",
        "for member in np.broadcast_to(mean, truth.shape)\n",
        "integration/test_training.py",
    ),
    Fault(
        "wrong calendar month",
        "data/tensors.py",
        'calendar_month = dataset["time"].dt.month.values',
        'calendar_month = dataset["time"].dt.month.values % 12 + 1',
        "unit/test_tensors.py",
    ),
    Fault(
        "untrained network",
        "training/lightning_adapter.py",
        "lr=recipe.learning_rate,",
        "lr=0.0,",
        "integration/test_training.py",
    ),
)


def noticed(fault: Fault | None, tests: str) -> bool:
    """Whether the tests fail in a copy of the project with a fault planted."""
    with tempfile.TemporaryDirectory() as folder:
        for name in COPIED:
            copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
            copy(ROOT / name, Path(folder) / name)
        if fault:
            module = Path(folder) / "climgru_lib" / fault.module
            before = module.read_text()
            assert before.count(fault.line) == 1, f"{fault.what}: the line is not there, or several times"
            module.write_text(before.replace(fault.line, fault.planted))
        command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", f"tests/{tests}"]
        environment = os.environ | {"PYTHONPATH": folder, "OMP_NUM_THREADS": "1"}
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
        if done.returncode not in (0, 1):
            raise RuntimeError(done.stdout[-2000:] + done.stderr[-2000:])
        return done.returncode == 1


def main() -> int:
    """Print a line a fault; return how many are not noticed."""
    missed = 0
    for tests in sorted({fault.tests for fault in FAULTS}):
        assert not noticed(None, tests), f"{tests} fails as it is"
    for fault in FAULTS:
        found = noticed(fault, fault.tests)
        missed += not found
        print(f"{fault.what:30} {'noticed' if found else 'NOT NOTICED'} by {fault.tests}", flush=True)
    return missed


if __name__ == "__main__":
    sys.exit(main())
