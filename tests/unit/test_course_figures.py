"""Figures of the notebooks: captions that stay with the picture, diagrams, and notebooks that use them."""

import base64
import json
from pathlib import Path

import matplotlib.pyplot as plt
import pytest

from climgru_lib.contract import SCENARIOS
from climgru_lib.course import SCENARIO_LINES, diagram, figures, show

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"


def test_a_caption_stands_below_its_figure_and_is_kept_as_its_description(monkeypatch):
    shown = []
    monkeypatch.setattr("climgru_lib.course.figures.display", lambda what, **kept: shown.append((what, kept)))
    figure = plt.figure()
    show(figure, "A falling line.")
    (first, kept), (second, _) = shown
    assert first is figure
    assert kept == {"metadata": {"image/png": {"alt": "A falling line."}}}
    assert second.data == "*A falling line.*"
    assert plt.get_fignums() == []


def test_a_figure_without_a_caption_is_refused():
    with pytest.raises(ValueError, match="needs a caption"):
        show(plt.figure(), " ")
    plt.close("all")


def test_a_diagram_has_a_box_and_a_shape_for_each_step_and_an_arrow_between_two():
    lanes = {"tas": [("read", "12 × 6"), ("write", "2")], "pr": [("read", "12 × 6"), ("write", "2"), ("stop", "1")]}
    axis = diagram(lanes, "two rows", skips=[(0, 1)]).axes[0]
    texts = [text.get_text() for text in axis.texts if text.get_text()]
    assert sorted(texts) == sorted(["tas", "pr", *2 * ["read", "12 × 6", "write", "2"], "stop", "1"])
    arrows = [text for text in axis.texts if getattr(text, "arrow_patch", None)]
    assert len(arrows) == 1 + 2 + 2  # between boxes of both rows, and a skip above each
    plt.close("all")


def test_lines_of_scenarios_differ_in_colour_and_in_dashes():
    assert SCENARIO_LINES.keys() == set(SCENARIOS)
    for key in ("color", "linestyle"):
        assert len({str(line[key]) for line in SCENARIO_LINES.values()}) == len(SCENARIOS)


@pytest.mark.parametrize("number", ["00", "02", "03", "04", "05", "09"])
def test_a_notebook_has_a_caption_for_each_figure(number):
    cells = json.loads(next(NOTEBOOKS.glob(f"{number}_*.ipynb")).read_text())["cells"]
    sources = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    assert any("show(" in source for source in sources)
    for source in sources:
        assert "plt.show()" not in source
        assert not source.rstrip().splitlines()[-1].startswith(("maps.map_row", "maps.plot_map", "row.figure"))


def test_named_pictures_are_found_in_executed_notebooks(tmp_path):
    png = {"image/png": base64.b64encode(b"a picture").decode()}
    told = {"image/png": {"alt": "What can be seen.", "name": "a_claim"}}
    outputs = [{"data": png, "metadata": told}, {"data": png, "metadata": {"image/png": {"alt": "Another."}}}]
    cells = [{"cell_type": "markdown"}, {"cell_type": "code", "outputs": outputs}]
    (tmp_path / "03_a.ipynb").write_text(json.dumps({"cells": cells}))
    assert figures.named(tmp_path) == {"a_claim": figures.Named(b"a picture", "What can be seen.", "03_a.ipynb")}


def test_figures_are_the_named_pictures_of_the_committed_notebooks():
    root = Path(__file__).resolve().parents[2]
    names = {path.stem for path in (root / "figures").glob("*.png")} - {"change_pr"}
    assert names == set(figures.named(root / "notebooks"))
    assert len(names) >= 12
