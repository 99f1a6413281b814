"""The trained numbers of the notebooks, as nbval has just recomputed them, against the committed ones.

Runs after nbval (see the Makefile) and reads the ``metrics.json`` that the notebooks left.
"""

import json
from pathlib import Path

import pytest

from climgru_lib.data.paths import output_dir

EXPECTED = Path(__file__).resolve().parents[1] / "expected"
NOTEBOOKS = sorted(EXPECTED.glob("[0-9][0-9].json"))
CASES = [(path.stem, name) for path in NOTEBOOKS for name in json.loads(path.read_text())]


@pytest.mark.parametrize(("notebook", "name"), CASES)
def test_a_trained_number_is_as_committed(notebook, name):
    expected = json.loads((EXPECTED / f"{notebook}.json").read_text())[name]
    found = json.loads((output_dir() / notebook / "metrics.json").read_text())
    assert expected["reason"]
    assert found[name] == pytest.approx(expected["value"], rel=expected["rtol"])


@pytest.mark.parametrize("notebook", [path.stem for path in NOTEBOOKS])
def test_every_recorded_number_is_expected(notebook):
    found = json.loads((output_dir() / notebook / "metrics.json").read_text())
    assert found.keys() == json.loads((EXPECTED / f"{notebook}.json").read_text()).keys()
