"""Copy the rows of studies that were run on real data to tests/expected/results, and say what they come from.

    python tests/golden/collect_studies.py OUT season dice first-final calm-start

OUT is the ``--out`` of ``climgru study NAME --data STORE --profile full --out OUT``.
"""

import json
import sys
from pathlib import Path

import pandas as pd

RESULTS = Path(__file__).resolve().parents[1] / "expected" / "results"
KEPT = ("climgru", "python", "torch", "numpy", "xarray", "numerics", "data", "device", "threads")
PROFILES = {"first-start": "quick --seeds 3"}  # full for all others


def provenance(out: Path, name: str, rows: pd.DataFrame) -> dict:
    """Return what a study was run with, from its run directories; refuse a mixture of states of the code."""
    found = [json.loads(path.read_text()) for path in sorted((out / "runs").glob("*/run.json"))]
    common = {key: {str(run.get(key, 1)) for run in found if run["status"] == "finished"} for key in KEPT}
    mixed = {key: values for key, values in common.items() if len(values) > 1}
    if mixed:
        raise SystemExit(f"{out} holds runs of several states: {mixed}")
    seeds = rows.groupby(["split", "label"], sort=False)["seed"].nunique()
    return {
        "command": f"climgru study {name} --data STORE --profile {PROFILES.get(name, 'full')}",
        "data": "extract of CESM2, two members, to 2090-01; means over both members as truth",
        "seeds": {f"{split}: {label}": int(count) for (split, label), count in seeds.items()},
        **{("fingerprint" if key == "data" else key): values.pop() for key, values in common.items()},
    }


def main(out: Path, names: list[str]) -> None:
    """Write NAME.csv and NAME.json for each study, and NAME-means.csv, the scores of means over seeds."""
    RESULTS.mkdir(exist_ok=True)
    for name in names:
        folder = out / f"study-{name}"
        rows = pd.read_csv(folder / "rows.csv", index_col=0)
        rows.round(5).to_csv(RESULTS / f"{name}.csv", index=False)
        if (folder / "means.csv").exists():
            pd.read_csv(folder / "means.csv", index_col=0).round(5).to_csv(RESULTS / f"{name}-means.csv", index=False)
        text = json.dumps(provenance(out, name, rows), indent=1)
        (RESULTS / f"{name}.json").write_text(text + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
