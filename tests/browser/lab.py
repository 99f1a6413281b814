"""JupyterLab on a folder, and notebooks run in it by Playwright and Debian's Chromium."""

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import Locator, Page, expect, sync_playwright

from climgru_lib.data.paths import output_dir

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="no chromium here")

ROOT = Path(__file__).resolve().parents[2]
SHOTS = ROOT / "build" / "browser"
TOKEN, SECONDS = "local-test", 240


@contextmanager
def serve(folder: Path) -> Iterator[str]:
    """Start JupyterLab on a folder, without the tabs and settings of the user's own; yield its address."""
    options = [f"--IdentityProvider.token={TOKEN}", f"--ServerApp.root_dir={folder}", "--ServerApp.port=0"]
    options += [f"--LabApp.workspaces_dir={folder / '.lab'}", f"--LabApp.user_settings_dir={folder / '.lab'}"]
    quiet = ["--no-browser", "--allow-root", "--LabApp.news_url=None", "--ServerApp.open_browser=False"]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "PYTHONWARNINGS": "ignore"}
    with (folder / "lab.log").open("w") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", *options, *quiet], stdout=log, stderr=log, cwd=folder, env=environment
        )
    try:
        for _ in range(10 * SECONDS):
            found = re.search(r"http://(?:localhost|127\.0\.0\.1):(\d+)/lab", (folder / "lab.log").read_text())
            if found or server.poll() is not None:
                break
            time.sleep(0.1)
        assert found, (folder / "lab.log").read_text()
        yield f"http://127.0.0.1:{found[1]}"
    finally:
        server.kill()
        server.wait()


@contextmanager
def opened(address: str, notebook: str) -> Iterator[Page]:
    """Open a notebook of at least three code cells in the browser, and run all of it."""
    SHOTS.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1500, "height": 1500})
        page.set_default_timeout(1000 * SECONDS)
        page.errors = []
        page.on("console", lambda told: page.errors.append(told.text) if told.type == "error" else None)
        expect.set_options(timeout=1000 * SECONDS)
        page.goto(f"{address}/lab/tree/{notebook}?token={TOKEN}")
        page.locator(".jp-Notebook .jp-CodeCell").nth(2).wait_for(state="attached")  # cells off the screen are hidden
        page.locator(".jp-Notebook-ExecutionIndicator[data-status='idle']").wait_for()
        page.locator("#jp-main-dock-panel .lm-TabBar-tab.lm-mod-current").click()
        page.get_by_role("menuitem", name="Run", exact=True).click()
        page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
        try:
            yield page
        finally:
            page.screenshot(path=SHOTS / "last.png")
            browser.close()


@contextmanager
def of_the_course(number: str, folder: Path) -> Iterator[Page]:
    """Open a notebook of the course, beside the others, without its outputs, run it, and wait for its first maps.

    Trainings that ``CLIMGRU_OUT``, or else ``build/``, holds are not repeated.
    """
    for path in (ROOT / "notebooks").glob("*.ipynb"):
        shutil.copy(path, folder)
    (path,) = folder.glob(f"{number}_*.ipynb")
    notebook = nbformat.read(path, 4)
    for cell in notebook.cells:  # so that what is saved was made here
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    nbformat.write(notebook, path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLIMGRU_OUT", str(output_dir()))
        with serve(folder) as address, opened(address, path.name) as page:
            page.saved = path
            maps = page.locator("img.climgru-maps").first
            maps.wait_for(state="attached")
            maps.evaluate("image => image.scrollIntoView({block: 'center'})")
            maps.wait_for()
            yield page


def require_no_error(page: Page) -> None:
    """All cells of a notebook of the course ran, in order, and none ended in an error, nor did the page."""
    page.locator(".jp-Notebook-ExecutionIndicator[data-status='idle']").wait_for()
    page.keyboard.press("Control+s")
    for _ in range(100):
        code = [cell for cell in nbformat.read(page.saved, 4).cells if cell.cell_type == "code"]
        if code[-1].execution_count:
            break
        time.sleep(0.2)
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    assert not any(output.output_type == "error" for cell in code for output in cell.outputs)
    assert page.errors == [], page.errors


def control(box: Locator, name: str) -> Locator:
    """Return what stands beside a label of a viewer, with the label."""
    return box.locator(f".widget-inline-hbox:has(> label:text-is('{name}'))")


def change(image: Locator, act: Callable[[], object]) -> None:
    """Act, and wait until a picture is another."""
    before = image.get_attribute("src")
    act()
    image.page.wait_for_function(
        "([image, before]) => image.src !== before && image.complete && image.naturalWidth > 0",
        arg=[image.element_handle(), before],
    )


def drag(handle: Locator, pixels: int) -> None:
    """Move the handle of a slider by the mouse."""
    handle.scroll_into_view_if_needed()
    place = handle.bounding_box()
    x, y = place["x"] + place["width"] / 2, place["y"] + place["height"] / 2
    mouse = handle.page.mouse
    mouse.move(x, y)
    mouse.down()
    mouse.move(x + pixels, y, steps=5)
    mouse.up()
