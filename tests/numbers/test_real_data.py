"""The tables of the README on real data, where the extract lies beside the checkout."""

import re
import runpy
import sys
from pathlib import Path

import pytest

from climgru_lib import data, emulate, recipes, series, splits, training
from climgru_lib.workbook import COLUMNS

ROOT = Path(__file__).resolve().parents[2]
UNPACK = ROOT.parent / "shared" / "data" / "unpack.py"
LIMITS = {"perfect forced response": "forced", "right-variance deterministic": "variance"}


def tables() -> dict[str, dict[str, list[float]]]:
    """Return the rows of each table of the README by its split."""
    found = {}
    for split, text in re.findall(
        r"\(`(clean|unseen:ssp370)`\)(.*?)\n\n(?=[A-Z])", (ROOT / "README.md").read_text(), re.S
    ):
        rows = re.findall(r"^\| (?:`([\w-]+)`|limit: ([\w -]+?)) \|(.*)\|$", text, re.M)
        found[split] = {name or limit: [float(cell) for cell in cells.split("|")] for name, limit, cells in rows}
    return found


@pytest.fixture(scope="module")
def extract(tmp_path_factory):
    if not UNPACK.exists():
        pytest.skip("the real extract is not beside this checkout")
    store = tmp_path_factory.mktemp("real") / "real.zarr"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", [str(UNPACK), str(store)])
        runpy.run_path(str(UNPACK), run_name="__main__")
    return data.open_dataset(store)


@pytest.mark.parametrize("name", ["clean", "unseen:ssp370"])
def test_the_readme_tells_what_the_recipes_score(name, extract, tmp_path):
    rows = tables()[name]
    prepared = series.prepare(extract, "published", splits.named(name))
    for recipe in [row for row in rows if row not in LIMITS]:
        run = training.fit(recipes.named(recipe), prepared, tmp_path / recipe, progress=False)
        scored = emulate.evaluate(run, prepared)[0]
        assert [scored["avg"][column] for column in COLUMNS] == pytest.approx(rows[recipe], abs=1e-3), recipe
    for row in set(rows) & set(LIMITS):
        limit = scored["limits"][LIMITS[row]]
        assert [limit[column] for column in COLUMNS] == pytest.approx(rows[row], abs=1e-3), row


def test_the_readme_has_both_tables():
    assert {split: len(rows) for split, rows in tables().items()} == {"clean": 8, "unseen:ssp370": 4}
