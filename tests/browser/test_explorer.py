"""Notebook 09 in a real JupyterLab: sliders by keyboard and mouse; screenshots land in ``build/browser/``."""

import pytest
from lab import SHOTS, change, control, drag, needs_chromium, of_the_course, require_no_error
from playwright.sync_api import expect

pytestmark = needs_chromium


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    with of_the_course("09", tmp_path_factory.mktemp("lab")) as page:
        yield page


class Explorer:
    """The explorer on the page, used as a reader does."""

    def __init__(self, page):
        self.box = page.locator(".jp-OutputArea-output:has(img.climgru-maps)")
        self.maps, self.graph = self.box.locator("img.climgru-maps"), self.box.locator("img.widget-image").nth(1)

    def slider(self, name: str):
        return control(self.box, name).locator(".noUi-handle")

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
    change(explorer.maps, lambda: drag(handle, 400))
    expect(explorer.box.get_by_text("OUTSIDE the range of training")).to_be_visible()
    explorer.shot("3-outside")


def test_the_notebook_ends_without_an_error(page):
    require_no_error(page)
    page.screenshot(path=SHOTS / "explorer-4-end.png")
