"""Notebooks 00 and 04 in a real JupyterLab: they run, and their viewer answers; screenshots in ``build/browser/``."""

import pytest
from lab import SHOTS, change, control, needs_chromium, of_the_course, require_no_error
from playwright.sync_api import expect

pytestmark = needs_chromium


@pytest.mark.parametrize("number", ["00", "04"])
def test_a_notebook_runs_and_its_viewer_answers(number, tmp_path):
    with of_the_course(number, tmp_path) as page:
        box = page.locator(".jp-OutputArea-output:has(img.climgru-maps)")
        period = control(box, "period").locator("input")
        page.locator(".jp-Notebook-ExecutionIndicator[data-status='idle']").wait_for()
        before = period.input_value()
        year = control(box, "year").locator(".noUi-handle")
        change(box.locator("img.climgru-maps"), lambda: (year.focus(), page.keyboard.press("ArrowLeft")))
        expect(period).not_to_have_value(before)
        box.scroll_into_view_if_needed()
        box.screenshot(path=SHOTS / f"notebook-{number}.png")
        require_no_error(page)
