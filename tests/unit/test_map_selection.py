"""What is looked at: periods, statistics, members, places and comparisons beside xarray's own and hand-made numbers."""

import numpy as np
import pytest
import xarray as xr
from conftest import GRIDS, seasonal
from conftest import monthly_ensemble as ensemble
from scipy.stats import t as student
from shapely import box

from climgru_lib.contract import InputError
from climgru_lib.maps import Region, Selection, open_source, plot
from climgru_lib.maps.cells import Cells
from climgru_lib.maps.comparison import chance_limit, compare
from climgru_lib.maps.period import Period, require_month
from climgru_lib.maps.profiles import hovmoller, series
from climgru_lib.score import chance


@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize(
    ("period", "months", "years"),
    [
        ("2020-07", [7], (2020, 2020)),
        ("JJA 2020", [6, 7, 8], (2020, 2020)),
        ("2020", range(1, 13), (2020, 2020)),
        ("2020s", range(1, 13), (2020, 2029)),
        ("2021-2040", range(1, 13), (2021, 2040)),
        ("July 2021-2040", [7], (2021, 2040)),
        ("JJA 2021–2040", [6, 7, 8], (2021, 2040)),
        ("MAM", [3, 4, 5], (2015, 2054)),
    ],
)
def test_a_mean_is_xarrays_own(grid, period, months, years):
    data = ensemble(grid)
    found = Selection("tas", period, "ssp370").of(open_source(data))
    expected = seasonal(data.tas.sel(ssp="ssp370").mean("member_id"), months, years).mean("year").sortby("lat")
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert found.units == "K" and found.members == "mean of 3 members"


def test_a_winter_belongs_to_the_year_in_which_it_ends_and_only_whole_ones_count():
    data = ensemble().sel(ssp="ssp126")
    found = Selection("tas", "DJF 2015-2017").of(open_source(data))
    winters = [data.tas.sel(time=slice(f"{year - 1}-12", f"{year}-02")).mean("time") for year in (2016, 2017)]
    np.testing.assert_allclose(found, sum(winters).mean("member_id") / 2, rtol=1e-6)
    assert found.when == "DJF 2016–2017"  # December 2014 is not there
    with pytest.raises(InputError, match="no whole DJF 2015; the months run from 2015-01 to 2054-12"):
        Selection("tas", "DJF 2015").of(open_source(data))


def statistics():
    """Names and expected maps of a series of yearly values, dims (member_id, year, lat, lon)."""
    early = slice(2015, 2034)
    late = slice(2045, 2054)
    return {
        "change": lambda x: (x.sel(year=late).mean("year") - x.sel(year=early).mean("year")).mean("member_id"),
        "percent": lambda x: (
            100
            * (x.mean("member_id").sel(year=late).mean("year") / x.mean("member_id").sel(year=early).mean("year") - 1)
        ),
        "std": lambda x: x.sel(year=late).std("year", ddof=1).mean("member_id"),
        "trend": lambda x: (
            10 * x.mean("member_id").sel(year=late).polyfit("year", 1).polyfit_coefficients.sel(degree=1)
        ),
        "quantile": lambda x: x.sel(year=late).quantile(0.8, "year").mean("member_id"),
        "exceedance": lambda x: (x.sel(year=late) > 3.5).mean(("year", "member_id")),
    }


LEVELS = {"quantile": 0.8, "exceedance": 3.5}


@pytest.mark.parametrize("name", statistics())
def test_statistics_are_xarrays_own(name):
    data = ensemble()
    found = Selection("pr", "JJA 2045-2054", "ssp370", name, level=LEVELS.get(name)).of(open_source(data))
    yearly = seasonal(data.pr.sel(ssp="ssp370"), [6, 7, 8], (2015, 2054))
    np.testing.assert_allclose(found, statistics()[name](yearly), rtol=1e-6, atol=1e-9)
    unit = {"percent": "%", "trend": "mm/day per decade", "exceedance": "dimensionless"}.get(name, "mm/day")
    assert found.units == unit


def test_a_baseline_of_ones_own_and_a_change_that_exceeds():
    data = ensemble().sel(ssp="ssp370")
    yearly = data.tas.groupby("time.year").mean()
    change = yearly.sel(year=slice(2050, 2054)) - yearly.sel(year=slice(2020, 2024)).mean("year")
    given = {"baseline": "2020-2024", "statistic": "exceedance", "level": 6.0}
    found = Selection("tas", "2050-2054", **given).of(open_source(data))
    np.testing.assert_allclose(found, (change > 6).mean(("year", "member_id")), atol=1e-12)
    assert 0 < float(found.mean()) < 1
    assert found.when == "2050–2054 against 2020–2024"


@pytest.mark.parametrize("dim", ["member_id", "realization"])
def test_members_are_averaged_spread_or_picked_never_cut(dim):
    data = ensemble(dim=dim).sel(ssp="ssp126")
    source, each = open_source(data), data.tas.sel(time="2020-07").squeeze("time")
    at = {"variable": "tas", "period": "2020-07"}
    np.testing.assert_allclose(Selection(**at).of(source), each.mean(dim), rtol=1e-6)
    np.testing.assert_allclose(Selection(**at, members="spread").of(source), each.std(dim, ddof=1), rtol=1e-6)
    second = Selection(**at, members=1).of(source)
    np.testing.assert_allclose(second, each[1], rtol=1e-6)
    assert second.members == "member 1 of 3"
    with pytest.raises(InputError, match="no member 3; there are 0 to 2"):
        Selection(**at, members=3).of(source)
    with pytest.raises(InputError, match="a single field"):
        Selection(**at, members="spread").of(open_source(data.isel({dim: 0}, drop=True)))


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"period": "2085-13"}, "no month 13"),
        ({"period": "July 85"}, "cannot read the period"),
        ({"period": "2040-2030"}, "ends before it begins"),
        ({"period": "2099"}, "no whole 2099; the months run from 2015-01 to 2054-12"),
        ({"period": "2054-06..2055-05"}, "no 2054-06..2055-05"),
        ({"statistic": "median"}, "unknown statistic 'median'; there are mean"),
        ({"statistic": "trend", "period": "2020"}, "needs 3 values in time"),
        ({"statistic": "quantile", "level": 90}, "from 0 to 1"),
        ({"statistic": "exceedance"}, "needs a level"),
        ({"baseline": "2015-2034"}, "a mean has no baseline; choose the statistic 'change'"),
        ({"statistic": "percent"}, "no natural zero"),
        ({"scenario": None}, "holds several scenarios; choose of ssp126, ssp370"),
        ({"scenario": "ssp585"}, "no scenario ssp585"),
        ({"variable": "psl"}, "holds no psl; it has tas, pr"),
    ],
)
def test_what_cannot_be_looked_at_is_refused_in_one_line(asked, message):
    with pytest.raises(InputError, match=message) as refusal:
        Selection(**{"variable": "tas", "scenario": "ssp370"} | asked).of(open_source(ensemble()))
    assert "\n" not in str(refusal.value)


def test_a_month_is_written_one_way():
    assert require_month("2085-07") == "2085-07"
    for wrong in ("2085-7", "July", "2085"):
        with pytest.raises(InputError, match="YYYY-MM"):
            require_month(wrong)
    assert Period.parse("JJAS 2050").months == (6, 7, 8, 9)


def seasons_only(slope=0.0):
    """One member of 20 years: an annual cycle of 40 K, and ``slope`` K per decade; no weather."""
    data = ensemble(members=1, ssps=("ssp370",), years=20).isel(member_id=0, ssp=0)
    n = np.arange(240)
    cycle = 280 - 20 * np.cos(2 * np.pi * n / 12) + slope * n / 120
    tas = xr.DataArray(cycle, dims="time", coords={"time": data.time}) + 0 * data.tas
    return open_source(data.assign(tas=tas.transpose("time", "lat", "lon").assign_attrs(units="K")))


@pytest.mark.parametrize("period", ["2025-01..2034-12", "2025-01..2030-06", "2025-04..2030-08"])
def test_months_with_no_change_but_the_season_have_no_trend_change_or_exceedance(period):
    """A regression with an intercept for each month finds a slope beside an annual cycle exactly."""
    asked = {"variable": "tas", "period": period}
    still, warming = seasons_only(), seasons_only(0.6)
    for statistic in ("trend", "std"):
        np.testing.assert_allclose(Selection(**asked, statistic=statistic).of(still), 0, atol=1e-9)
    np.testing.assert_allclose(Selection(**asked, statistic="trend").of(warming), 0.6, rtol=1e-9)
    since = {"baseline": "2015-2024"}
    np.testing.assert_allclose(Selection(**asked, **since, statistic="change").of(still), 0, atol=1e-9)
    above = Selection(**asked, **since, statistic="exceedance", level=2.0)
    np.testing.assert_array_equal(above.of(still), 0)
    np.testing.assert_allclose(Selection(**asked, **since, statistic="quantile", level=0.9).of(still), 0, atol=1e-9)


def test_a_change_of_months_over_new_year_and_a_trend_of_a_year_of_months():
    found = Selection("tas", "2030-12..2031-02", statistic="change", baseline="2016-2025").of(seasons_only(0.6))
    np.testing.assert_allclose(found, 0.06 * 10.5, rtol=1e-6)  # winter 2031 from the mean of 2016 to 2025
    with pytest.raises(InputError, match=r"3 values in time of each calendar month, .* has 2; choose more years"):
        Selection("tas", "2030-01..2031-12", statistic="trend").of(seasons_only())


def test_months_withheld_as_zeros_are_refused_also_within_a_period():
    data = ensemble().sel(ssp="ssp126").load()
    data.tas[100] = 0
    source = open_source(data)
    with pytest.raises(InputError, match="withheld"):
        Selection("tas", "2015-2030").of(source)
    assert float(Selection("tas", "2030-2040").of(source).min()) > 200


def test_files_of_other_tools():
    data = ensemble().sel(ssp="ssp126", member_id=0, drop=True)
    july = data.tas.sel(time="2020-07").squeeze("time", drop=True)
    plain = data.drop_attrs(deep=False).rename(lat="latitude", lon="longitude")
    for changed, period in ((plain, "2020-07"), (data.sel(time="2020-07"), "2020-07"), (july.to_dataset(), "all")):
        np.testing.assert_allclose(Selection("tas", period).of(open_source(changed)), july, rtol=1e-6)
    lat, lon = np.meshgrid(data.lat, data.lon, indexing="ij")
    public = data.rename(lat="y", lon="x").assign_coords(lat=(("y", "x"), lat), lon=(("y", "x"), lon))
    np.testing.assert_allclose(Selection("tas", "2020-07").of(open_source(public)), july, rtol=1e-6)
    with pytest.raises(InputError, match="holds no maps"):
        open_source(public.assign_coords(y=data.lat.values * 1e5))  # metres of another projection
    yearly = data.isel(time=slice(10)).assign_coords(time=range(2015, 2025))
    np.testing.assert_allclose(Selection("tas", "2016-2017").of(open_source(yearly)), data.tas[1:3].mean("time"))
    with pytest.raises(InputError, match="one value a year"):
        Selection("tas", "2016-07").of(open_source(yearly))
    with pytest.raises(InputError, match="neither dates nor years"):
        Selection("tas").of(open_source(data.isel(time=slice(3)).assign_coords(time=[0.5, 1.5, 2.5])))
    fluxes = data.assign(pr=(data.pr / 86400).drop_attrs())
    assert Selection("pr", "2020").of(open_source(fluxes)).units == "unit unknown"  # not plausible in mm/day
    assert Selection("pr", "2020").of(open_source(data.assign(pr=data.pr.drop_attrs()))).units == "mm/day"


@pytest.mark.parametrize("shift", [0, -180, 180])
def test_the_mean_of_a_box_over_the_date_line_by_hand(shift):
    """Rows at 7.5 and 22.5 N, columns at 170, 190 and 210 E: values row + column / 1000, weights cos(lat)."""
    lat, lon = GRIDS["12 x 18 from 10 E"]
    values = lat[:, None] + lon[None, :] / 1000
    order = np.argsort((lon + shift) % 360)
    field = xr.DataArray(values[:, order], {"lat": lat, "lon": (lon[order] + shift) % 360 - shift}, ("lat", "lon"))
    w = np.cos(np.deg2rad([7.5, 22.5]))
    expected = (w[0] * 7.5 + w[1] * 22.5) / w.sum() + 0.190
    for region in ("165,-145,0,30", "165E,145W,0N,30N", (165, 215, 0, 30)):
        assert Region.parse(region).mean(field).item() == pytest.approx(expected)
    hole = field.where(field.lon % 360 != 190)
    assert Region.parse("165,-145,0,30").mean(hole).item() == pytest.approx(expected)  # 170 and 210 are left
    assert np.isnan(Region.parse("165,-145,0,30").mean(field * np.nan))


def test_regions_by_name_cell_and_polygon():
    lat, lon = GRIDS["12 x 18 from 10 E"]
    assert Region.parse("tropics").cells(lat, lon).sum() == 4 * 18
    assert Region.parse("arctic").cells(lat, lon).sum() == 2 * 18
    assert np.argwhere(Region.parse("lat=50, lon=-12").cells(lat, lon)).tolist() == [[9, 17]]  # 52.5 N, 350 E
    triangle = Region.parse(box(-30, 0, 30, 30))
    assert triangle.cells(lat, lon)[:, [0, 1, 17]].sum() == 4  # 10 E and 350 E; 30 E lies on the edge
    for wrong in ("atlantis", "1,2,3", "0,10,50,20"):
        with pytest.raises(InputError, match=r"region|box"):
            Region.parse(wrong)
    with pytest.raises(InputError, match="no cell"):
        Region.parse("0,1,0,1").cells(lat, lon)


def test_variance_of_a_mean_by_hand():
    """Two members of four years: blocks of two differ by 2 and 6, variances 2 and 18, with one degree each."""
    yearly = np.array([[0.0, 0, 1, 1], [2, 2, 5, 9]])[:, :, None, None]
    variance, freedom = chance.variance_of_mean(yearly, 2)
    assert (variance.item(), freedom) == (10.0, 2)
    assert chance.allowed(variance, freedom).item() == pytest.approx(4.302653 * np.sqrt(10), rel=1e-6)
    with pytest.raises(ValueError, match="1 members"):
        chance.variance_of_mean(yearly[:1], 2)


def test_the_chance_of_white_noise_covers_what_it_says():
    """Means of 10 independent years of unit variance have the variance 0.1; one cell in twenty lies beyond."""
    noise = np.random.default_rng(0).normal(size=(3, 80, 60, 60))
    variance, freedom = chance.variance_of_mean(noise, 10)
    assert (freedom == 16).all() and variance.mean() == pytest.approx(0.1, rel=0.02)
    fresh = np.random.default_rng(1).normal(size=(60, 60)) * np.sqrt(0.1)
    assert (np.abs(fresh) > chance.allowed(variance, freedom)).mean() == pytest.approx(0.05, abs=0.012)


def test_a_bias_is_within_chance_where_the_members_say_so():
    """Bias of a prediction without weather against three members: the mean's variance is a third of one member's."""
    truth = ensemble().sel(ssp="ssp370")
    forecast = truth.mean("member_id") + xr.where(truth.lat > 0, 1.0, 0.02)
    forecast = forecast.assign_attrs(source="climgru 0.1", recipe="pattern-scaling")
    forecast.tas.attrs["units"] = "K"
    pair = compare(Selection("tas", "JJA 2035-2054"), open_source(forecast[["tas"]]), open_source(truth), stipple=True)
    np.testing.assert_allclose(
        pair.difference, xr.where(truth.lat > 0, 1.0, 0.02) * (0 * truth.tas[0, 0] + 1), atol=1e-9
    )
    blocks = seasonal(truth.tas, [6, 7, 8], (2015, 2054)).coarsen(year=20).mean()
    limit = student.ppf(0.975, 4) * np.sqrt(blocks.var("member_id", ddof=1).mean("year") / 3)
    np.testing.assert_array_equal(pair.within, np.abs(pair.difference) <= limit)
    assert pair.within[truth.lat < 0].mean() > 0.8 and not pair.within[truth.lat > 0].any()
    assert pair.rmse(Region.parse("-180,180,0,90")) == pytest.approx(1.0)


def test_of_a_change_both_periods_vary():
    data = ensemble().sel(ssp="ssp370")
    source, selection = open_source(data), Selection("tas", "2045-2054", statistic="change")
    yearly = seasonal(data.tas, range(1, 13), (2015, 2054))
    parts = [yearly.coarsen(year=n).mean().var("member_id", ddof=1).mean("year") for n in (10, 20)]
    decade, twenty = parts  # estimated with 8 and 4 degrees of freedom
    freedom = (decade + twenty) ** 2 / (decade**2 / 8 + twenty**2 / 4)
    expected = student.ppf(0.975, freedom) * np.sqrt(decade + twenty)
    np.testing.assert_allclose(chance_limit(selection, source, selection.of(source)), expected, rtol=1e-6)
    with pytest.raises(InputError, match="no members"):
        chance_limit(selection, open_source(data.isel(member_id=[0])), selection.of(source))


def test_a_series_and_zonal_means_by_hand():
    data, region = ensemble().sel(ssp="ssp370"), Region.parse("tropics")
    found = series(Selection("tas", "JJA 2050", statistic="change"), open_source(data), region)
    yearly = seasonal(data.tas, [6, 7, 8], (2015, 2054)).sel(lat=slice(-30, 30))
    mean = yearly.weighted(np.cos(np.deg2rad(yearly.lat))).mean(("lat", "lon"))
    expected = mean - mean.sel(year=slice(2015, 2034)).mean("year")
    np.testing.assert_allclose(found, expected.transpose("member_id", "year"), atol=1e-9)
    zonal = hovmoller(Selection("tas", "2050"), open_source(data))
    np.testing.assert_allclose(
        zonal, seasonal(data.tas, range(1, 13), (2015, 2054)).mean(("lon", "member_id")), rtol=1e-6
    )


def test_dots_of_a_source_in_another_convention_of_longitudes_lie_on_its_cells():
    """Only the eastern half of the Earth warms: the western half is dotted, in both panels."""
    data = ensemble(ssps=("ssp370",), years=20).isel(ssp=0)
    noise = np.random.default_rng(0).normal(size=data.tas.shape)
    jump = 5.0 * ((data.lon < 180) & (data.time.dt.year >= 2025))
    data["tas"] = (280 + jump + data.tas.copy(data=noise)).transpose(*data.tas.dims).assign_attrs(units="K")
    shifted = data.assign_coords(lon=(data.lon + 180) % 360 - 180).sortby("lon")
    asked = {"statistic": "change", "baseline": "2015-2024", "stipple": True}
    figure = plot([data, shifted], "tas", "2025-2034", **asked)
    yearly = seasonal(data.tas, range(1, 13), (2015, 2034))
    change = (yearly[10:].mean("year") - yearly[:10].mean("year")).mean("member_id")
    blocks = yearly.coarsen(year=10).mean().var("member_id", ddof=1).mean("year")
    within = np.abs(change) <= student.ppf(0.975, 4) * np.sqrt(2 * blocks)
    expected = {(float(lat), float(lon)) for lat in data.lat for lon in data.lon if within.sel(lat=lat, lon=lon)}
    assert len(expected) > 90 and min(lon for _, lon in expected) > 180
    for ax in (ax for ax in figure.axes if hasattr(ax, "projection")):
        (dots,) = [drawn.get_offsets() for drawn in ax.collections if len(drawn.get_offsets()) > 5]
        assert {(round(lat, 6), round(lon % 360, 6)) for lon, lat in dots} == expected


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"statistic": "percent"}, "no dots for 'percent'"),
        ({"statistic": "trend"}, "no dots for 'trend'"),
        ({}, "no dots on a mean by itself"),
        ({"statistic": "change", "members": "spread"}, "no dots for 'spread'"),
        ({"statistic": "change", "period": "2045-01..2050-06"}, "do not make whole years"),
    ],
)
def test_dots_that_cannot_be_made_are_refused_in_one_line(asked, message):
    data = ensemble(ssps=("ssp370",)).isel(ssp=0)
    given = {"variable": "pr", "period": "2045-2054"} | asked
    with pytest.raises(InputError, match=message):
        plot(data, **given, stipple=True)
    assert plot(data, **given) is not None


def test_a_year_with_a_month_without_data_is_no_value():
    """January 2045 is 280 - 10 K in the season: a mean of the eleven others would be 0.9 K too warm."""
    data = ensemble(members=1, ssps=("ssp370",)).isel(ssp=0, member_id=0)
    data.tas[360, 3] = np.nan
    source = open_source(data)
    assert np.isnan(Selection("tas", "2045").of(source)[3]).all()
    found = Selection("tas", "2045-2047").of(source)
    expected = seasonal(data.tas, range(1, 13), (2045, 2047))
    np.testing.assert_allclose(found[3], expected[1:, 3].mean("year"), rtol=1e-9)
    np.testing.assert_allclose(found[4], expected[:, 4].mean("year"), rtol=1e-9)


@pytest.mark.parametrize("statistic", ["trend", "change"])
def test_a_field_that_stays_the_same_has_a_white_map(statistic):
    data = ensemble(members=1, ssps=("ssp370",), years=20).isel(ssp=0, member_id=0)
    data["tas"] = (0 * data.tas + 287.3).assign_attrs(units="K")
    (cells,) = plot(data, "tas", "2016-2031", statistic=statistic, baseline="2018-2024").findobj(Cells)
    np.testing.assert_array_equal(cells.get_array(), 0)
    assert (cells.norm.vmin, cells.norm.vmax) == (-1, 1)


def test_a_difference_alone_of_two_periods_is_refused():
    truth = ensemble(ssps=("ssp370",)).isel(ssp=0)
    late = truth.isel(member_id=0, drop=True).isel(time=slice(240, None))
    for asked in ({}, {"statistic": "change", "period": "2045-2054"}):
        with pytest.raises(InputError, match="a difference alone would not tell"):
            plot(late, "tas", **asked, truth=truth, difference=True)
    alone = plot(late, "tas", "2045-2054", truth=truth, difference=True).findobj(Cells)[0]
    yearly = seasonal(truth.tas, range(1, 13), (2045, 2054)).mean("year")
    np.testing.assert_allclose(alone.get_array(), yearly[0] - yearly.mean("member_id"), atol=1e-9)


def test_withheld_months_tell_nothing_of_internal_variability():
    """Dots of an early decade are as from the 30 years that are there: three blocks of ten."""
    data = ensemble(ssps=("ssp370",)).isel(ssp=0)
    data.tas[360:] = 0
    source, selection = open_source(data), Selection("tas", "2020-2029")
    blocks = seasonal(data.tas, range(1, 13), (2015, 2044)).coarsen(year=10).mean()
    expected = student.ppf(0.975, 6) * np.sqrt(blocks.var("member_id", ddof=1).mean("year"))
    np.testing.assert_allclose(chance_limit(selection, source, selection.of(source)), expected, rtol=1e-6)
    with pytest.raises(InputError, match="30 years that are not withheld"):
        chance_limit(Selection("tas", "2015-2054"), source, selection.of(source))


def test_a_file_of_one_month_is_refused_in_plain_words():
    with pytest.raises(InputError, match="no whole year; the months run from 2015-04 to 2015-04"):
        plot(ensemble(ssps=("ssp370",)).isel(ssp=0, time=[3]), "tas")
