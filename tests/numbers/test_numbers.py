"""The trained numbers of the notebooks, as nbval has just recomputed them, against the committed ones.

Runs after nbval (see the Makefile) and reads the ``metrics.json`` that the notebooks left.
"""

import json
import os
from pathlib import Path

import pytest

from climgru_lib.data.paths import output_dir

EXPECTED = Path(__file__).resolve().parents[1] / "expected"
NOTEBOOKS = sorted(EXPECTED.glob("[0-9][0-9]*.json"))
CASES = [(path.stem, name) for path in NOTEBOOKS for name in json.loads(path.read_text())]


def recorded(notebook: str) -> dict[str, float]:
    """Return the numbers that a notebook left; `make test`, which sets ``CLIMGRU_OUT``, must find them."""
    path = output_dir() / notebook / "metrics.json"
    if "CLIMGRU_OUT" not in os.environ and not path.exists():
        pytest.skip("nothing to compare: `make test` executes the notebooks first")
    return json.loads(path.read_text())


@pytest.mark.parametrize(("notebook", "name"), CASES)
def test_a_trained_number_is_as_committed(notebook, name):
    expected = json.loads((EXPECTED / f"{notebook}.json").read_text())[name]
    assert expected["reason"]
    assert recorded(notebook)[name] == pytest.approx(expected["value"], rel=expected["rtol"])


@pytest.mark.parametrize("notebook", [path.stem for path in NOTEBOOKS])
def test_every_recorded_number_is_expected(notebook):
    assert recorded(notebook).keys() == json.loads((EXPECTED / f"{notebook}.json").read_text()).keys()
