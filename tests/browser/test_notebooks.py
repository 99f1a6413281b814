"""Notebooks 00 and 04 in a real JupyterLab: they run, and their viewer answers; screenshots in ``build/browser/``."""

import re

import pytest
from lab import SHOTS, change, control, drag, needs_chromium, of_the_course, require_no_error
from playwright.sync_api import expect

pytestmark = needs_chromium


@pytest.mark.parametrize("number", ["00", "04"])
def test_a_notebook_runs_and_its_viewer_answers(number, tmp_path):
    with of_the_course(number, tmp_path) as page:
        box = page.locator(".jp-OutputArea-output:has(img.climgru-maps)")
        maps, period = box.locator("img.climgru-maps"), control(box, "period").locator("input")
        year = control(box, "year").locator(".noUi-handle")
        first = int(float(year.get_attribute("aria-valuemin")))
        page.locator(".jp-Notebook-ExecutionIndicator[data-status='idle']").wait_for()
        for reached, move in (
            (first + 1, lambda: (year.focus(), page.keyboard.press("ArrowRight"))),
            (first, lambda: drag(year, -100)),
        ):
            change(maps, move)
            expect(period).to_have_value(re.compile(rf"\b{reached}"))
        box.screenshot(path=SHOTS / f"notebook-{number}.png")
        require_no_error(page)
