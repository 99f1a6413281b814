"""Notebook 09 in a real JupyterLab: sliders by keyboard and mouse; screenshots land in ``build/browser/``.

The notebook trains its network unless ``CLIMGRU_OUT`` (or ``build/``) holds the run of notebook 04.
"""

import os
import time
from pathlib import Path

import nbformat
import pytest
from lab import SHOTS, change, needs_chromium, opened, serve
from playwright.sync_api import expect

from climgru_lib.data.paths import output_dir

NOTEBOOK = next((Path(__file__).resolve().parents[2] / "notebooks").glob("09_*.ipynb"))
pytestmark = needs_chromium


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    folder, before = tmp_path_factory.mktemp("lab"), os.environ.get("CLIMGRU_OUT")
    notebook = nbformat.read(NOTEBOOK, 4)
    for cell in notebook.cells:  # so that what is saved was made here
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    nbformat.write(notebook, folder / NOTEBOOK.name)
    os.environ["CLIMGRU_OUT"] = before or str(output_dir())
    try:
        with serve(folder) as address, opened(address, NOTEBOOK.name) as page:
            page.errors, page.saved = [], folder / NOTEBOOK.name
            page.on("console", lambda message: page.errors.append(message.text) if message.type == "error" else None)
            page.locator("img.climgru-maps").wait_for()
            yield page
    finally:
        os.environ.pop("CLIMGRU_OUT") if before is None else None


class Explorer:
    """The explorer on the page, used as a reader does."""

    def __init__(self, page):
        self.box = page.locator(".jp-OutputArea-output:has(img.climgru-maps)")
        self.maps, self.graph = self.box.locator("img.climgru-maps"), self.box.locator("img.widget-image").nth(1)

    def slider(self, name: str):
        return self.box.locator(f".widget-inline-hbox:has(> label:text-is('{name}')) .noUi-handle")

    def shot(self, name: str) -> None:
        self.box.scroll_into_view_if_needed()
        self.box.screenshot(path=SHOTS / f"explorer-{name}.png")


def test_it_opens_inside_the_range_of_training(page):
    explorer = Explorer(page)
    expect(explorer.box.get_by_text("Inside the range of training")).to_be_visible()
    explorer.shot("1-start")


def test_a_slider_moved_by_keyboard_changes_maps_and_graph(page):
    explorer = Explorer(page)
    handle, maps = explorer.slider("sulphur ×"), explorer.maps.get_attribute("src")
    change(explorer.graph, lambda: (handle.focus(), page.keyboard.press("PageUp")))
    assert explorer.maps.get_attribute("src") != maps
    explorer.shot("2-keyboard")


def test_a_slider_dragged_far_leaves_the_range_and_says_so(page):
    explorer = Explorer(page)
    handle = explorer.slider("methane ×")
    handle.scroll_into_view_if_needed()
    place = handle.bounding_box()
    x, y = place["x"] + place["width"] / 2, place["y"] + place["height"] / 2

    def drag():
        page.mouse.move(x, y)
        page.mouse.down()
        page.mouse.move(x + 400, y, steps=5)
        page.mouse.up()

    change(explorer.maps, drag)
    expect(explorer.box.get_by_text("OUTSIDE the range of training")).to_be_visible()
    explorer.shot("3-outside")


def test_the_notebook_ends_without_an_error(page):
    page.locator(".jp-Notebook-ExecutionIndicator[data-status='idle']").wait_for()
    page.keyboard.press("Control+s")
    for _ in range(100):
        code = [cell for cell in nbformat.read(page.saved, 4).cells if cell.cell_type == "code"]
        if code[-1].outputs:
            break
        time.sleep(0.2)
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    assert not any(output.output_type == "error" for cell in code for output in cell.outputs)
    assert page.errors == []
    page.screenshot(path=SHOTS / "explorer-4-end.png")
