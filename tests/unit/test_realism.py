"""Statistics of archives whose statistics are known by construction."""

import numpy as np
import pytest
import xarray as xr

from climgru_lib.contract import InputError
from climgru_lib.mini_earth.realism import compare, deviation, measure
from climgru_lib.mini_earth.realism.archive import Archive
from climgru_lib.mini_earth.store import _times

LAT, LON = np.arange(-87.5, 90, 5.0), np.arange(2.5, 360, 5.0)
YEARS, SSPS = 30, ("ssp126", "ssp370", "ssp585")
RISE = {"ssp126": 1.0, "ssp370": 2.0, "ssp585": 4.0}  # K in 30 years
KEEP = 0.5  # autocorrelation of the weather from month to month


def archive(members=3):
    """White noise in space with memory in time, on a warming of 1 K/K at sea and 2 K/K on land, with a July maximum."""
    rng = np.random.default_rng(0)
    shape = (len(SSPS), 12 * YEARS, members, LAT.size, LON.size)
    noise = rng.standard_normal(shape).astype("f4")
    for t in range(1, shape[1]):
        noise[:, t] = KEEP * noise[:, t - 1] + np.sqrt(1 - KEEP**2) * noise[:, t]
    time = _times(12 * YEARS)
    month, year = np.arange(shape[1]) % 12, np.arange(shape[1]) / 12
    season = 5 * np.cos(2 * np.pi * (month - 6) / 12)
    land = Archive(SSPS, {}, np.empty(0), LAT, LON).land
    pattern = np.where(land, 2.0, 1.0)
    warming = np.array([RISE[ssp] for ssp in SSPS])[:, None] * year / YEARS
    forced = 285 + season[None, :, None, None] + warming[..., None, None] * pattern
    tas = forced[:, :, None] + 2 * noise
    pr = np.broadcast_to(np.arange(LON.size) / 10.0, shape) + 0.01 * noise
    dims = ("ssp", "time", "member_id", "lat", "lon")
    rsdt = np.broadcast_to(100.0 + month[None, :, None, None], (len(SSPS), shape[1], LAT.size, LON.size))
    return xr.Dataset(
        {"tas": (dims, tas), "pr": (dims, np.maximum(pr, 0)), "rsdt": (("ssp", "time", "lat", "lon"), rsdt)},
        {"ssp": list(SSPS), "time": time, "lat": LAT, "lon": LON},
    )


@pytest.fixture(scope="module")
def made():
    return archive()


@pytest.fixture(scope="module")
def result(made):
    return measure(made)


def test_the_convention_of_longitudes_changes_no_statistic(made, result):
    from_the_date_line = made.assign_coords(lon=(LON + 180) % 360 - 180).sortby("lon")
    assert from_the_date_line.lon[0] == -177.5
    found = measure(from_the_date_line)
    assert found.keys() == result.keys()
    for name, value in result.items():  # sums are taken in another order
        np.testing.assert_allclose(found[name], value, rtol=1e-4, atol=1e-6, err_msg=name)


def test_means_and_seasons(result):
    # linear from 0: the means of the first and last of three decades lie 20 of 30 years apart
    land = (result["tas ssp585 change, K"] - RISE["ssp585"] * 2 / 3) / (RISE["ssp585"] * 2 / 3)
    assert 0.25 < land < 0.32  # the share of the Earth that is land adds once more
    assert result["tas ssp370 change, K"] == pytest.approx(2 / 4 * result["tas ssp585 change, K"], rel=0.01)
    np.testing.assert_allclose(result["tas annual amplitude sea, K"], 5, atol=0.15)  # drift and noise add a little
    np.testing.assert_allclose(result["tas month of maximum sea"], 7, atol=0.05)
    np.testing.assert_allclose(result["rsdt zonal by month, W/m2"], np.tile(100.0 + np.arange(12), 14))


def test_warming_pattern(result):
    assert result["warming land over sea"] == pytest.approx(2, rel=0.01)
    assert result["warming 66-90N DJF over JJA"] == pytest.approx(1, rel=0.02)


def test_size_and_memory_of_the_weather(result):
    assert result["tas sigma monthly, K"] == pytest.approx(2, rel=0.01)
    np.testing.assert_allclose(result["tas lag-1 by region"], KEEP, atol=0.02)
    # variance of the mean of n months over 1/n: (1 + r) / (1 - r) - 2 r (1 - r^n) / (n (1 - r)^2)
    inflation = 3 - 2 * 0.5 / (120 * 0.25)
    assert result["tas decadal variance over white"] == pytest.approx(inflation, rel=0.03)
    # the mean of independent cells: sigma times the root of the sum of the squared weights
    weight = np.repeat(np.cos(np.deg2rad(LAT)), LON.size)
    shrink = np.sqrt((weight**2).sum()) / weight.sum()
    assert result["tas sigma of the global mean, K"] == pytest.approx(2 * shrink, rel=0.05)


def test_independent_cells_are_all_degrees_of_freedom(result):
    weight = np.repeat(np.cos(np.deg2rad(LAT)), LON.size)
    cells = weight.sum() ** 2 / (weight**2).sum()
    # a sample of n months adds 1/n; memory halves them: 1080 months x 2 free members x (1 - r2) / (1 + r2)
    months = 1080 * 2 * (1 - KEEP**2) / (1 + KEEP**2)
    assert result["tas effective degrees of freedom"] == pytest.approx(1 / (1 / cells + 1 / months), rel=0.05)


def test_uncorrelated_cells_fall_below_1_over_e_at_once(result):
    # 1 at distance 0, 0 in the first filled bin (the poles fill that of 0-500 km, centre 250)
    assert result["tas e-folding distance by region, km"][-1] == pytest.approx(250 * (1 - np.exp(-1)), rel=0.03)


def test_el_nino_box_and_coupling(result):
    box = (np.abs(LAT) < 5).sum() * ((LON > 190) & (LON < 240)).sum()
    assert result["Nino3.4 sigma, K"] == pytest.approx(2 / np.sqrt(box), rel=0.05)
    assert sum(result["Nino3.4 spectrum, shares up to 1, 2, 3, 5, 7, 10, more years"]) == pytest.approx(1)
    assert result["Nino3.4 autocorrelation at 1, 6, 12, 18 months"][0] == pytest.approx(KEEP, abs=0.05)
    # one noise in both variables, but where rain is cut at 0
    assert min(result["tas-pr correlation sea by band"]) > 0.97


def test_rain_quantiles(result):
    # 72 longitudes with 0.0 .. 7.1 mm/day: half of the area lies below 3.55, an exact step
    np.testing.assert_allclose(result["pr quantiles 5 to 99 %, mm/day"][3], 3.55, atol=0.06)
    assert result["pr share below 0.1 mm/day"] == pytest.approx(1.5 / 72, rel=0.01)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [("absolute", 1.0), ("relative", 0.5), ("rms", np.sqrt(0.5)), ("relative rms", np.sqrt(1 / 20)), ("months", 1.0)],
)
def test_deviation(kind, expected):
    assert deviation(kind, [3.0, 4.0], [2.0, 4.0]) == pytest.approx(expected)


def test_months_are_a_circle():
    assert deviation("months", [12.9], [1.1]) == pytest.approx(0.2)


def test_compare_tells_what_lies_outside():
    facts = {
        name: {"value": 2.0, "kind": "relative", "tolerance": limit} for name, limit in zip("abc", (0.1, 0.6, None))
    }
    assert compare(dict.fromkeys("abc", 3.0), facts)["within"].to_list() == ["no", "yes", ""]


def test_too_little_data_is_refused(made):
    with pytest.raises(InputError, match="two members and twenty years"):
        measure(archive(members=1))
    with pytest.raises(InputError, match="targets of ssp585"):
        measure(made.sel(ssp=["ssp126", "ssp370"]))
