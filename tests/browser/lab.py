"""JupyterLab on a folder, and notebooks run in it by Playwright and Debian's Chromium."""

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect, sync_playwright

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="no chromium here")

SHOTS = Path(__file__).resolve().parents[2] / "build" / "browser"
TOKEN, SECONDS = "local-test", 240


@contextmanager
def serve(folder: Path) -> Iterator[str]:
    """Start JupyterLab on a folder; yield its address."""
    options = [f"--IdentityProvider.token={TOKEN}", f"--ServerApp.root_dir={folder}", "--ServerApp.port=0"]
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
        expect.set_options(timeout=1000 * SECONDS)
        page.goto(f"{address}/lab/tree/{notebook}?token={TOKEN}")
        page.locator(".jp-Notebook .jp-CodeCell").nth(2).wait_for()
        page.locator(".jp-Notebook-ExecutionIndicator[data-status='idle']").wait_for()
        page.locator("#jp-main-dock-panel").click()
        page.get_by_role("menuitem", name="Run", exact=True).click()
        page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
        yield page
        browser.close()


def change(image, act) -> None:
    """Act, and wait until a picture is another."""
    before = image.get_attribute("src")
    act()
    image.page.wait_for_function(
        "([image, before]) => image.src !== before && image.complete && image.naturalWidth > 0",
        arg=[image.element_handle(), before],
    )
