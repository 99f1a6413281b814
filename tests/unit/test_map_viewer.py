"""The viewer: what its controls show, asserted on the maps drawn, without a browser."""

import io
from threading import Event, Thread

import ipywidgets as widgets
import numpy as np
import pytest
import xarray as xr
from conftest import monthly_ensemble as ensemble
from conftest import seasonal
from matplotlib.image import imread
from matplotlib.text import Text

from climgru_lib import maps
from climgru_lib.contract import InputError


def forecast(ssps=("ssp370",), grid="12 x 18 from 10 E", seed=5, **changes):
    """One field a month, with weather of its own."""
    data = ensemble(grid, **changes).isel(member_id=0, drop=True).sel(ssp=list(ssps))
    noise = np.random.default_rng(seed).normal(size=data.tas.shape)
    return data.assign(tas=(data.tas + noise).assign_attrs(units="K")).squeeze()


def viewers(**options):
    prediction, truth = forecast(), ensemble()
    return prediction, truth, maps.Viewer(prediction, truth, **options)


def texts(figure):
    return " | ".join(text.get_text() for text in figure.findobj(Text))


def rgb(png):
    return imread(io.BytesIO(png))[..., :3]


@pytest.mark.parametrize("grid", ["12 x 18 from 10 E", "8 x 12 from 165 W", "north first"])
def test_a_move_changes_all_three_maps(grid):
    prediction, truth = forecast(grid=grid), ensemble(grid)
    viewer = maps.Viewer(prediction, truth)
    figure = viewer.figure
    for year, month, label in ((2020, "January", "2020-01"), (2031, "July", "2031-07")):
        viewer.controls.year.value, viewer.controls.month.value = year, month
        emulator = prediction.tas.sel(time=label).squeeze().sortby("lat")
        mean = truth.tas.sel(ssp="ssp370", time=label).squeeze().mean("member_id").sortby("lat")
        for mesh, expected in zip(viewer.meshes, (mean, emulator, emulator - mean), strict=True):
            np.testing.assert_allclose(mesh.get_array(), expected, rtol=1e-6, atol=1e-9)
        assert viewer.figure.get_suptitle() == f"ssp370, {month} {year}"
        assert viewer.figure.axes[0].get_title() == "truth, mean of 3 members"
    assert viewer.figure is figure  # the maps were exchanged, not drawn anew


@pytest.mark.parametrize("projection", [None, "Robinson", "NorthPolarStereo"])
def test_the_quick_picture_is_the_one_drawn_in_full(projection):
    _, _, viewer = viewers(projection=projection)
    viewer.controls.stipple.value = True
    viewer.controls.period.value = "JJA 2035-2054"
    viewer.controls.variable.value = "pr"
    quick, full = rgb(viewer.image.value), rgb(viewer.figure.png())
    assert np.abs(quick - full).max() < 0.02  # coasts are blended in another order


def test_every_way_to_choose_a_time_ends_at_the_same():
    prediction, _, viewer = viewers()
    controls = viewer.controls
    controls.month.value, controls.year.value, controls.years.value = "JJA", 2035, 20
    assert controls.period.value == "JJA 2035-2054"
    expected = seasonal(prediction.tas, [6, 7, 8], (2035, 2054)).mean("year")
    np.testing.assert_allclose(viewer.meshes[1].get_array(), expected, rtol=1e-6)
    controls.period.value = "2030-12"
    assert (controls.month.value, controls.year.value, controls.years.value) == ("December", 2030, 1)
    controls.forth.click()
    assert (controls.period.value, controls.month.value, controls.year.value) == ("2031-01", "January", 2031)
    controls.play.value += 1
    assert viewer.figure.get_suptitle() == "ssp370, February 2031"
    controls.back.click()
    controls.month.value = "year"
    assert controls.period.value == "2031"


def test_a_wrong_word_is_said_and_the_picture_stays():
    _, _, viewer = viewers()
    before = viewer.image.value
    viewer.controls.period.value = "July 85"
    assert "cannot read the period" in viewer.message.value
    viewer.controls.period.value = "2015-01"
    assert viewer.message.value == "" and viewer.image.value == before
    viewer.controls.region.value = "<atlantis>"
    assert "unknown region" in viewer.message.value and "<atlantis>" not in viewer.message.value


def test_without_truth_the_change_from_its_first_20_years_stands_beside():
    """Value = number of the year: the mean of years 0..19 is 9.5, year 24 lies 14.5 above."""
    prediction = forecast()
    year = prediction.time.dt.year - 2015
    prediction["tas"] = (prediction.tas * 0 + 270 + year).assign_attrs(units="K")
    viewer = maps.Viewer(prediction, period="2039-07")
    emulator, change = viewer.meshes
    np.testing.assert_allclose(emulator.get_array(), 294)
    np.testing.assert_allclose(change.get_array(), 14.5)
    assert change.norm.vmin == -change.norm.vmax
    assert "July 2015–2034" in texts(viewer.figure)


@pytest.mark.parametrize("case", ["month outside truth", "withheld as zeros", "scenario outside truth"])
def test_months_without_truth_show_no_difference_and_say_why(case):
    prediction, truth = forecast(), ensemble()
    if case == "month outside truth":
        truth = truth.isel(time=slice(24))
    if case == "withheld as zeros":
        truth.tas.loc[{"ssp": "ssp370", "time": "2020-03"}] = 0
    if case == "scenario outside truth":
        truth = truth.sel(ssp=["ssp126"])
    viewer = maps.Viewer(prediction, truth, period="2020-03")
    assert len(viewer.meshes) == 2
    assert "no truth for this month" in viewer.figure.get_suptitle()
    assert "nothing to compare with" in viewer.message.value
    if case != "scenario outside truth":
        viewer.controls.period.value = "2015-04"
        assert len(viewer.meshes) == 3 and viewer.message.value == ""


def test_two_scenarios_and_two_runs_side_by_side():
    both, rival = forecast(("ssp126", "ssp370")), forecast(seed=6)
    viewer = maps.Viewer([both.sel(ssp=ssp) for ssp in ("ssp126", "ssp370")], other=rival, period="2040")
    viewer.controls.scenario.value = "ssp370"
    assert viewer.controls.beside.options == ("other run", "ssp126", "its first 20 years", "nothing")
    yearly = {ssp: seasonal(both.tas.sel(ssp=ssp), range(1, 13), (2040, 2040))[0] for ssp in ("ssp126", "ssp370")}
    other = seasonal(rival.tas, range(1, 13), (2040, 2040))[0]
    np.testing.assert_allclose(viewer.meshes[2].get_array(), yearly["ssp370"] - other, atol=1e-9)
    viewer.controls.beside.value = "ssp126"
    np.testing.assert_allclose(viewer.meshes[2].get_array(), yearly["ssp370"] - yearly["ssp126"], atol=1e-9)
    assert [ax.get_title() for ax in viewer._row.axes] == ["ssp126", "ssp370", "ssp370 − ssp126"]


@pytest.mark.parametrize("dim", ["member_id", "realization"])
def test_an_ensemble_shows_mean_member_spread_and_probability(dim, tmp_path):
    draws = ensemble(ssps=("ssp370",), dim=dim, members=5).squeeze("ssp")
    draws.assign_attrs(ssp="ssp370").drop_vars("ssp").to_netcdf(tmp_path / "draws.nc")
    viewer = maps.Viewer(tmp_path / "draws.nc", period="July 2045-2054")
    controls, yearly = viewer.controls, seasonal(draws.tas, [7], (2045, 2054))
    np.testing.assert_allclose(viewer.meshes[0].get_array(), yearly.mean(("year", dim)), rtol=1e-6)
    assert viewer.figure.get_suptitle() == "ssp370, July 2045–2054, mean of 5 members"
    controls.members.value = "4"
    np.testing.assert_allclose(viewer.meshes[0].get_array(), yearly.mean("year").sel({dim: 4}), rtol=1e-6)
    controls.members.value = "spread"
    np.testing.assert_allclose(viewer.meshes[0].get_array(), yearly.mean("year").std(dim, ddof=1), rtol=1e-5)
    controls.members.value, controls.statistic.value = "mean", "exceedance"
    assert controls.level.value == float(f"{float(yearly.mean(('year', dim)).median()):.3g}")  # a map that tells
    controls.level.value = 297.0
    np.testing.assert_allclose(viewer.meshes[0].get_array(), (yearly > 297).mean(("year", dim)), atol=1e-12)
    mesh = viewer.meshes[0]
    assert (mesh.norm.vmin, mesh.norm.vmax) == (0, 1)
    label = viewer._row._bars[0].get_xlabel().replace("\n", " ")
    assert label == "Probability above 297 K of Near-Surface Air Temperature [dimensionless]"


def test_colours_stay_while_they_suit_and_follow_when_they_do_not():
    _, _, viewer = viewers()
    controls = viewer.controls
    controls.period.value = "2015-07"
    norm = viewer.meshes[1].norm
    controls.year.value = 2017
    assert viewer.meshes[1].norm is norm
    controls.statistic.value = "std"
    assert "needs 2 values" in viewer.message.value
    controls.years.value = 10
    assert viewer.meshes[1].norm is not norm and viewer.meshes[1].norm.vmin == 0
    assert viewer.meshes[1].norm.vmax < 5  # no black map of a standard deviation
    controls.limits.value = "0.5, 2"
    assert [(mesh.norm.vmin, mesh.norm.vmax) for mesh in viewer.meshes[:2]] == [(0.5, 2)] * 2
    controls.limits.value = "2"
    assert "two numbers" in viewer.message.value


def test_a_click_shows_the_series_of_the_cell():
    _, _, viewer = viewers()
    ax = viewer._row.axes[1]
    x, y = ax.transData.transform((9.0, 51.0))
    viewer._clicks._dom_handlers({"dataX": x, "dataY": viewer.figure.bbox.height - y})
    assert viewer.controls.place.value == "lat=51.0,lon=9.0"
    assert viewer.controls.graph.value == "series" and viewer.graph.layout.display != "none"
    assert bytes(viewer.graph.value).startswith(b"\x89PNG")
    before = viewer.graph.value
    viewer.click(1, 1)  # beside the maps
    assert viewer.graph.value is before
    for kind in ("zonal mean", "Hovmöller"):
        viewer.controls.graph.value = kind
        assert viewer.graph.value is not before


def test_the_code_draws_what_is_shown():
    prediction, truth, viewer = viewers(period="JJA 2035-2054")
    viewer.controls.region.value = "europe"
    viewer.controls.stipple.value = True
    call = viewer.code()
    assert call == "maps.plot(prediction, 'tas', 'JJA 2035-2054', truth=truth, stipple=True, region='europe')"
    figure = eval(call, {"maps": maps, "prediction": prediction, "truth": truth})
    assert figure.get_suptitle() == viewer.figure.get_suptitle()
    assert np.abs(rgb(figure.png()) - rgb(viewer.figure.png())).max() < 0.02


def test_numbers_and_pictures_are_saved(tmp_path, monkeypatch):
    _, _, viewer = viewers(period="2035-2054")
    viewer.controls.stipple.value = True
    written = xr.open_dataset(viewer.save(tmp_path / "maps.nc"))
    np.testing.assert_array_equal(written["difference"], viewer.meshes[2].get_array())
    np.testing.assert_array_equal(written["reference"] + written["difference"], written["shown"])
    assert written["shown"].attrs["units"] == "K" and written.attrs["title"] == "ssp370, 2035–2054"
    assert set(np.unique(written["within_internal_variability"])) == {0, 1}
    assert viewer.save(tmp_path / "maps.svg").read_text().startswith("<?xml")
    assert viewer.save(tmp_path / "maps.pdf").read_bytes().startswith(b"%PDF")
    with pytest.raises(InputError, match=r"end in \.png"):
        viewer.save(tmp_path / "maps.foo")
    monkeypatch.chdir(tmp_path)
    viewer.controls.save.click()
    assert "tas_ssp370_2035_2054_mean.png" in viewer.message.value
    width = imread(tmp_path / "tas_ssp370_2035_2054_mean.png").shape[1]
    assert width == 12 * 200  # inches times dpi


def test_what_cannot_be_shown_at_all_is_refused(tmp_path):
    nameless = forecast().drop_vars("ssp")
    assert maps.Viewer(nameless).figure.get_suptitle() == "January 2015"
    with pytest.raises(InputError, match="names no scenario; choose one of the truth: ssp126, ssp370"):
        maps.Viewer(nameless, ensemble())
    with pytest.raises(InputError, match="cells differ"):
        maps.Viewer(forecast(), ensemble().isel(lat=slice(0, 10)))
    with pytest.raises(InputError, match="no member 7; there are 0 to 2"):
        maps.Viewer(ensemble(), member=7)
    with pytest.raises(InputError, match=r"nothing\.nc"):
        maps.Viewer(tmp_path / "nothing.nc")


def test_one_month_one_member_and_a_constant_field():
    month = forecast().isel(time=[3])
    viewer = maps.Viewer(month)
    np.testing.assert_allclose(viewer.meshes[0].get_array(), month.tas[0], rtol=1e-6)
    constant = forecast().isel(time=slice(30))
    constant["tas"] = (constant.tas * 0 + 288).assign_attrs(units="K")
    norm = maps.Viewer(constant).meshes[0].norm
    assert norm.vmin < 288 < norm.vmax
    holes = forecast()
    holes["tas"] = holes.tas.where(holes.lon > 100)
    viewer = maps.Viewer(holes, ensemble())
    assert "nan" not in viewer._row._note.get_text() and "RMSE" in viewer._row._note.get_text()


def test_a_viewer_leaves_a_picture_for_readers_without_a_kernel(monkeypatch):
    _, _, viewer = viewers()
    shown = []
    monkeypatch.setattr("climgru_lib.maps.viewer.display", lambda data, raw: shown.append(data))
    viewer._ipython_display_()
    still, alive = shown
    assert np.abs(rgb(still["image/png"]) - rgb(viewer.image.value)).mean() < 0.01  # of 256 colours
    assert len(still["image/png"]) < len(viewer.image.value) / 2
    assert "application/vnd.jupyter.widget-view+json" in alive and "kernel" in alive["text/plain"]
    assert "image/png" not in alive
    assert isinstance(viewer.widget, widgets.VBox)


def test_why_there_are_no_dots_is_said_and_a_baseline_counts_for_the_change_alone():
    viewer = maps.Viewer(forecast(), period="2045-2054")
    mean = viewer.meshes[0].get_array().copy()
    viewer.controls.stipple.value = True
    assert len(viewer.meshes) == 2 and "has no members" in viewer.message.value
    viewer.controls.baseline.value = "2035-2044"
    yearly = seasonal(forecast().tas, range(1, 13), (2035, 2054))
    np.testing.assert_array_equal(viewer.meshes[0].get_array(), mean)
    change = yearly.sel(year=slice(2045, 2054)).mean("year") - yearly.sel(year=slice(2035, 2044)).mean("year")
    np.testing.assert_allclose(viewer.meshes[1].get_array(), change, atol=1e-9)
    assert "baseline='2035-2044'" in viewer.code()
    beside = maps.Viewer(forecast(), ensemble(), period="2045-2054")
    beside.controls.stipple.value = True
    beside.controls.statistic.value = "trend"
    assert "trend" in beside.message.value and "no dots for" in beside.message.value and len(beside.meshes) == 3
    assert "no truth" not in beside.figure.get_suptitle()


def test_a_choice_from_a_second_thread_waits_for_the_first(monkeypatch):
    """JupyterLab sends some controls to the kernel's main thread, others to a subshell."""
    _, _, viewer = viewers()
    drawing, go_on, draw = Event(), Event(), viewer._stage.draw

    def slowly(*args):
        drawing.set()
        assert go_on.wait(10)
        return draw(*args)

    monkeypatch.setattr(viewer._stage, "draw", slowly)
    acts = (lambda: setattr(viewer.controls.period, "value", "2031-02"), lambda: viewer.controls.code.click())
    threads = [Thread(target=act) for act in acts]
    threads[0].start()
    assert drawing.wait(10)
    threads[1].start()
    threads[1].join(0.2)
    assert "maps.plot" not in viewer.message.value  # it would be wiped away, or tell of a picture half changed
    go_on.set()
    for thread in threads:
        thread.join(10)
    assert "maps.plot" in viewer.message.value and "2031-02" in viewer.message.value
