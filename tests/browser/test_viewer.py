"""The viewer in a real JupyterLab; screenshots land in ``build/browser/``.

``CLIMGRU_BROWSER_DATA`` names a store of the contract to look at instead of a small made-up one.
"""

import os
import re
import subprocess
import sys
import time
from io import BytesIO
from pathlib import Path

import cftime
import nbformat
import numpy as np
import pytest
import xarray as xr
from lab import SHOTS, change, control, needs_chromium, opened, serve
from matplotlib.image import imread
from playwright.sync_api import Page, expect

pytestmark = needs_chromium

DATA = os.environ.get("CLIMGRU_BROWSER_DATA", "")
NAME = Path(DATA).stem or "made-up"
CELLS = (
    "import xarray as xr\nfrom climgru_lib import maps",
    f"truth = maps.open_source({DATA!r} or 'truth.nc', 'truth')\n"
    "ssp = list(truth.scenarios)[-1]\n"
    "fields = truth.scenarios[ssp][['tas', 'pr']]\n"
    "prediction = fields.mean('member_id', keep_attrs=True)\n"
    "prediction['tas'] = prediction.tas + 0.3 * (prediction.lon > 180)\n"
    "maps.Viewer(prediction, truth, period='2020-07')",
    "draws = xr.concat([fields.isel(member_id=i % fields.sizes['member_id'], drop=True) + 0.1 * i for i in range(4)],"
    " 'realization')\nmaps.Viewer(draws.assign_coords(realization=range(4)), period='July 2025-2034')",
)


def truth():
    """Three members of 30 years: 280 K, a season, and a warming of 1 K a decade north of the equator."""
    lat, lon = np.linspace(-87.5, 87.5, 36), 2.5 + 5.0 * np.arange(72)
    time_ = [cftime.DatetimeNoLeap(2015 + i // 12, i % 12 + 1, 15) for i in range(360)]
    rng, dims = np.random.default_rng(0), ("ssp", "time", "member_id", "lat", "lon")
    shape = (1, 360, 3, lat.size, lon.size)
    t = np.arange(360)[:, None, None, None]
    field = 300 - 50 * np.sin(np.deg2rad(lat))[:, None] ** 2 - 8 * np.cos(t * np.pi / 6) * np.sign(lat)[:, None]
    tas = field + t / 120 * (lat > 0)[:, None] + rng.normal(size=shape)
    pr = rng.gamma(2, 1.5, shape)
    return xr.Dataset(
        {"tas": (dims, tas.astype("f4"), {"units": "K"}), "pr": (dims, pr.astype("f4"), {"units": "mm/day"})},
        coords={"ssp": ["ssp370"], "time": time_, "member_id": range(3), "lat": lat, "lon": lon},
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with the notebook, which is also where the viewer saves."""
    folder = tmp_path_factory.mktemp("lab")
    if not DATA:
        truth().to_netcdf(folder / "truth.nc")
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(text) for text in CELLS])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(notebook, folder / "viewer.ipynb")
    return folder


@pytest.fixture(scope="module")
def lab(folder):
    """JupyterLab on that folder; its address."""
    with serve(folder) as address:
        yield address


@pytest.fixture(scope="module")
def page(lab):
    with opened(lab, "viewer.ipynb") as page:
        try:
            page.locator("img.climgru-maps").nth(1).wait_for()
        finally:
            page.screenshot(path=SHOTS / f"{NAME}-0-start.png")
        yield page


class Lab:
    """One viewer on the page, used as a reader does."""

    def __init__(self, page: Page, number: int):
        self.page = page
        self.box = page.locator(".jp-OutputArea-output:has(img.climgru-maps)").nth(number)
        self.image = self.box.locator("img.climgru-maps")

    def control(self, name: str):
        return control(self.box, name)

    def change(self, act):
        """Act, and wait until the picture is another."""
        change(self.image, act)

    def choose(self, name: str, option: str):
        self.change(lambda: self.control(name).locator("select").select_option(label=option))

    def write(self, name: str, text: str):
        field = self.control(name).locator("input")
        self.change(lambda: (field.fill(text), field.press("Enter")))

    def shot(self, name: str) -> np.ndarray:
        """Keep a screenshot of the viewer; return the picture of its maps, RGB from 0 to 1."""
        self.box.scroll_into_view_if_needed()
        self.box.screenshot(path=SHOTS / f"{NAME}-{name}.png")
        return imread(BytesIO(self.image.screenshot()))[..., :3]


def require_maps(picture: np.ndarray, panels: int) -> None:
    """No panel is blank, of one colour, or black."""
    for panel in np.array_split(picture[30:-70], panels, axis=1):
        colours = np.unique((panel.reshape(-1, 3) * 15).astype(int), axis=0)
        assert len(colours) > 12, "a blank panel, or one of a single colour"
        assert (panel.max(axis=-1) < 0.2).mean() < 0.3, "a black map"


def test_a_season_mean_beside_the_truth(page):
    viewer = Lab(page, 0)
    require_maps(viewer.shot("1-month"), 3)
    viewer.write("period", "JJA 2025-2034")
    require_maps(viewer.shot("2-season"), 3)
    assert viewer.control("month").locator("select").input_value() == "JJA"
    assert page.locator(".jp-OutputArea-output img[src^='data:image/png']").first.is_hidden()  # the still picture


def test_a_change_with_dots(page):
    viewer = Lab(page, 0)
    viewer.change(lambda: viewer.box.get_by_text("dot what may be chance").click())
    viewer.choose("beside", "nothing")
    viewer.choose("statistic", "change")
    picture = viewer.shot("3-change")
    require_maps(picture, 1)


def test_sliders_and_keyboard(page):
    viewer = Lab(page, 0)
    viewer.choose("statistic", "mean")
    viewer.choose("beside", "truth")
    viewer.write("period", "2020-07")
    handle = viewer.control("year").locator(".noUi-handle")
    viewer.change(lambda: (handle.focus(), page.keyboard.press("ArrowRight")))
    expect(viewer.control("period").locator("input")).to_have_value("2021-07")
    viewer.change(lambda: viewer.box.get_by_role("button", name="›").click())
    expect(viewer.control("period").locator("input")).to_have_value("2021-08")


def test_a_clicked_cell_gives_its_series(page):
    viewer = Lab(page, 0)
    size = viewer.image.bounding_box()
    viewer.image.click(position={"x": size["width"] / 6, "y": size["height"] * 0.4})
    graph = viewer.box.locator("img.widget-image").nth(1)
    expect(graph).to_be_visible()
    place = viewer.control("of").locator("input").input_value()
    lat, lon = (float(part.split("=")[1]) for part in place.split(","))
    assert -10 < lon < 10 and 0 < lat < 50  # the middle of the first of three panels
    viewer.shot("4-clicked-cell")


def test_draws_and_their_spread(page):
    viewer = Lab(page, 1)
    require_maps(viewer.shot("5-draws"), 2)
    viewer.choose("members", "spread")
    require_maps(viewer.shot("6-spread"), 1)
    viewer.choose("members", "mean")
    viewer.choose("statistic", "exceedance")
    viewer.write("level", "295")
    expect(viewer.control("level").locator("input")).to_have_value("295")
    require_maps(viewer.shot("7-exceedance"), 1)
    viewer.choose("projection", "Robinson")
    require_maps(viewer.shot("8-robinson"), 1)
    viewer.choose("projection", "fitting")
    viewer.write("region", "arctic")
    require_maps(viewer.shot("9-arctic"), 1)


def test_numbers_are_exported(page, folder):
    viewer = Lab(page, 0)
    viewer.write("period", "2020-07")
    viewer.box.locator(".widget-dropdown:has(option[value='nc']) select").select_option("nc")
    viewer.box.get_by_role("button", name="save").click()
    expect(viewer.box.get_by_text("wrote tas_")).to_be_visible()
    (written,) = folder.glob("tas_*2020_mean.nc")
    maps = xr.open_dataset(written)
    assert maps["shown"].attrs["units"] == "K"
    if not DATA:
        july = truth().tas.sel(ssp="ssp370", time="2020-07").squeeze().mean("member_id")
        np.testing.assert_allclose(maps["reference"], july, rtol=1e-6)
        np.testing.assert_allclose(maps["difference"], 0 * july + 0.3 * (july.lon > 180), atol=1e-3)  # float32 at 300 K
    viewer.box.get_by_role("button", name="as code").click()
    expect(viewer.box.get_by_text("maps.plot(prediction")).to_be_visible()
    viewer.shot("10-export")


def test_without_a_kernel_a_picture_is_left(page, folder, lab):
    page.keyboard.press("Control+s")
    for _ in range(100):
        outputs = [
            output for cell in nbformat.read(folder / "viewer.ipynb", 4).cells for output in cell.get("outputs", [])
        ]
        if len(outputs) >= 4:
            break
        time.sleep(0.2)
    assert ["image/png" in output.data for output in outputs] == [True, False] * 2
    done = subprocess.run(
        [sys.executable, "-m", "nbconvert", "--to", "html", "viewer.ipynb"], cwd=folder, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    html = (folder / "viewer.html").read_text()
    assert len(re.findall(r"<img[^>]*src=\"data:image/png;base64", html)) == 2
    assert "need a running kernel" in html and "VBox(" not in html
    # Without a kernel, in JupyterLab itself:
    page.get_by_role("menuitem", name="Kernel", exact=True).click()
    page.get_by_role("menuitem", name="Shut Down Kernel", exact=True).click()
    page.reload()
    stills = page.locator(".jp-OutputArea-output img[src^='data:image/png']")
    expect(stills.first).to_be_visible()
    page.screenshot(path=SHOTS / f"{NAME}-11-no-kernel.png")
