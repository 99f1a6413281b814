"""Tables of studies on real data, in the README, notebook 06 and the documentation, are those of the committed rows."""

import json
import re
from pathlib import Path

import pandas as pd
import pytest

from climgru_lib.score.tables import COLUMNS
from climgru_lib.training import recipes

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "tests" / "expected" / "results"
NOTEBOOK = ROOT / "notebooks" / "06_experiments.ipynb"


def markdown() -> dict[str, str]:
    """Return the texts that hold tables of studies."""
    cells = json.loads(NOTEBOOK.read_text())["cells"]
    notebook = "\n\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
    return {"README": (ROOT / "README.md").read_text(), "06": notebook}


def rows_of(name: str) -> pd.DataFrame:
    rows = pd.read_csv(RESULTS / f"{name}.csv")
    return rows[rows["slice"] == 0]


def told(text: str, name: str) -> dict[str, tuple[int, list[float], list[float]]]:
    """Return (seeds, means, standard deviations) by label from the table that follows ``climgru study NAME``."""
    table = re.search(rf"`climgru study {name}[^|]*((?:\|.*\n?)+)", text).group(1)
    found = {}
    for label, seeds, cells in re.findall(r"^\| ([^|]+?) \| (\d+) \|(.*)\|$", table, re.M):
        numbers = [re.findall(r"[+-]?\d\.\d+", cell) for cell in cells.split("|")]
        found[label] = (int(seeds), *([float(cell[i]) for cell in numbers] for i in (0, 1)))
    return found


@pytest.mark.parametrize(("where", "name"), [("06", "season"), ("06", "dice"), ("README", "dice")])
def test_a_table_is_that_of_the_rows(where, name):
    rows, table = rows_of(name), told(markdown()[where], name)
    assert len(table) >= 3
    for label, (seeds, means, spread) in table.items():
        first, *second = (rows[rows["label"] == one].set_index("seed")[COLUMNS] for one in label.split(" less "))
        values = first - second[0] if second else first
        error = values.std() / (len(values) ** 0.5 if second else 1)  # of a paired difference, the standard error
        assert seeds == len(values)
        assert means == pytest.approx(values.mean().tolist(), abs=6e-4), label
        assert spread == pytest.approx(error.tolist(), abs=6e-4), label


def test_the_documentation_of_recipes_has_the_ablation():
    rows = pd.read_csv(RESULTS / "calm-start.csv")
    table = re.findall(r"^([a-z][\w -]+?)  +(\d\.\d+) ± (\d\.\d+)  +(\d\.\d+) ± (\d\.\d+)", recipes.__doc__, re.M)
    labels = {label for label in rows["label"]}
    assert {label for label, *_ in table} == labels
    for label, *cells in table:
        scores = [rows[(rows["label"] == label) & (rows["ssp"] == ssp)]["score"] for ssp in ("ssp126", "ssp585")]
        expected = [number for score in scores for number in (score.mean(), score.std())]
        assert [float(cell) for cell in cells] == pytest.approx(expected, abs=6e-4), label


@pytest.mark.parametrize("path", sorted(RESULTS.glob("*.json")), ids=lambda path: path.stem)
def test_results_say_what_they_come_from(path):
    source = json.loads(path.read_text())
    assert source["command"].startswith(f"climgru study {path.stem} ")
    assert re.fullmatch("[0-9a-f]{64}", source["code"])
    assert min(source["seeds"].values()) >= 1
