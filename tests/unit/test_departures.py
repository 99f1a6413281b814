"""Pathways of one's own: their forcings by hand, the same from the mini-earth, and where they leave training."""

from types import SimpleNamespace

import cftime
import numpy as np
import pytest
import xarray as xr

from climgru_lib import mini_earth
from climgru_lib.contract import InputError
from climgru_lib.course import TrainingRange, drivers
from climgru_lib.data import splits
from climgru_lib.data.departures import CHANGED, Departure, decimal_years, forcings, on_mini_earth
from climgru_lib.data.store import open_dataset


def scenario(n_years=20, rate=10.0):
    """A scenario of constant emissions of CO2 and CH4, and uniform ones of SO2 and BC, from January 2015."""
    time = [cftime.DatetimeNoLeap(2015 + m // 12, m % 12 + 1, 15) for m in range(12 * n_years + 1)]
    days = np.array([(t - time[0]).days for t in time])
    maps, place = ("time", "lat", "lon"), {"time": time, "lat": [-30.0, 30.0], "lon": [0.0, 120.0, 240.0]}
    shape = (len(time), 2, 3)
    return xr.Dataset(
        {
            "CO2": ("time", 1000 + rate * days / 365),
            "CH4": ("time", np.full(len(time), 0.4)),
            "SO2": (maps, np.full(shape, 4e-12)),
            "BC": (maps, np.full(shape, 1e-13)),
            "rsdt": (maps, np.full(shape, 300.0)),
        },
        place,
    )


def test_times_in_years_are_whole_in_the_month_of_the_first():
    years = decimal_years(scenario().time)
    assert years[0] == 2015 and years[12] == 2016 and years[-1] == 2035
    assert years[1] == pytest.approx(2015 + 31 / 365)


def test_a_departure_that_changes_nothing_is_the_scenario():
    given = scenario()
    assert forcings(given, Departure("any")).identical(given[list(CHANGED)])


@pytest.mark.parametrize(
    ("final", "in_ten_years", "at_the_end"),
    [
        (10.0, 100.0, 200.0),  # as before: 10 Gt/yr for ten and for twenty years
        (0.0, 100.0, 150.0),  # a triangle: half of the second hundred
        (-10.0, 100.0, 100.0),  # as much is taken out as still comes in
        (30.0, 100.0, 300.0),  # (10 + 30) / 2 over ten years
    ],
)
def test_co2_emissions_move_in_a_straight_line_after_the_peak(final, in_ten_years, at_the_end):
    co2 = forcings(scenario(), Departure("any", peak=2025, final_co2=final)).CO2.values
    assert co2[120] - 1000 == pytest.approx(in_ten_years)
    assert co2[-1] - 1000 == pytest.approx(at_the_end)


def test_co2_is_smooth_at_the_peak_and_halfway_down_the_line():
    co2 = forcings(scenario(), Departure("any", peak=2025, final_co2=0)).CO2.values
    # January 2030: half of the time, emissions at 5 Gt/yr, so 5 years of 7.5 on average
    assert co2[180] - co2[120] == pytest.approx(37.5)
    before, after = co2[120] - co2[119], co2[121] - co2[120]
    assert after == pytest.approx(before, rel=0.02)  # of 10 Gt/yr a month later less than a hundredth is gone


@pytest.mark.parametrize(("years", "factor"), [(0, 1.0), (7, 1.4), (35, 3.0), (80, 3.0)])
def test_methane_reaches_its_factor_in_a_straight_line(years, factor):
    assert Departure("any", methane=3).factor("methane", np.array([years]))[0] == pytest.approx(factor)


def test_methane_and_sulphur_scale_their_forcings_and_leave_the_others():
    given, departure = scenario(n_years=40), Departure("any", methane=0.5, sulphur=0)
    changed = forcings(given, departure)
    assert changed.CH4.values[[0, -1]] == pytest.approx([0.4, 0.2])
    assert changed.CH4.values[12 * 14] == pytest.approx(0.4 * 0.8)  # 14 of 35 years towards a half
    for name, before in (("SO2", 4e-12), ("BC", 1e-13)):
        assert changed[name].values[0] == pytest.approx(before)
        assert changed[name].values[12 * 7] == pytest.approx(before * 0.8)  # 7 of 35 years towards none
        assert not changed[name].values[-1].any()
    assert changed.CO2.identical(given.CO2)
    assert given.SO2.values.min() == 4e-12, "the base was changed"


def test_departures_that_make_no_sense_are_refused():
    with pytest.raises(InputError, match="factor of methane is -1; emissions must not be negative"):
        Departure("any", methane=-1)
    with pytest.raises(InputError, match="comes less than a year after the first month"):
        forcings(scenario(), Departure("any", peak=2015.5))
    with pytest.raises(InputError, match="more CO2 is taken out of the air than was ever emitted"):
        forcings(scenario(), Departure("any", peak=2020, final_co2=-400))
    with pytest.raises(InputError, match="mini-earth has no scenario ssp999"):
        on_mini_earth(Departure("ssp999"), 120)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    path = tmp_path_factory.mktemp("departures") / "store.zarr"
    return open_dataset(mini_earth.write(path, n_months=1021, n_members=1, lat=[-60, 0, 60], lon=[0, 120, 240]))


DEPARTURES = (
    Departure("ssp370"),
    Departure("ssp245", peak=2040, final_co2=-20, methane=0.5, sulphur=0.25),
    Departure("ssp585", peak=2060, final_co2=180, methane=3, sulphur=2),
)


@pytest.mark.parametrize("departure", DEPARTURES, ids=lambda departure: departure.base)
def test_the_mini_earth_makes_the_same_forcings_of_its_own_emissions(departure, store):
    """Annual emissions, summed and spread over maps by `mini_earth.make`, against the formula."""
    ours = forcings(store.sel(ssp=departure.base), departure)
    pathway = on_mini_earth(departure, 1021)
    theirs = mini_earth.make(n_months=1021, n_members=1, lat=[-60, 0, 60], lon=[0, 120, 240], scenarios=[pathway])
    for name in CHANGED:
        # Theirs are linear between Januaries, ours curved: an eighth of a year's bend of 2.5 Gt/yr in thousands of Gt.
        np.testing.assert_allclose(ours[name].values, theirs[name].values[0], rtol=1e-3)


def test_the_mini_earth_knows_a_scenario_that_is_left_as_it_is():
    own, known = mini_earth.forced(on_mini_earth(DEPARTURES[0], 240), 240), mini_earth.forced("ssp370", 240)
    for name in ("tas", "pr"):
        np.testing.assert_allclose(own[name], known[name], atol=1e-4)  # float32 at 300 K


def test_the_clean_split_leaves_the_last_methane_of_ssp370_outside(store):
    clean = splits.named("clean")
    masks = {ssp: clean.training_months(ssp, 1021, 1) for ssp in ("ssp126", "ssp370", "ssp585")}
    trained = TrainingRange(store, SimpleNamespace(split=clean, training_months=lambda split: masks))
    ssp585 = store.sel(ssp="ssp585")
    assert trained.limits["CO2"] == (1536.072, pytest.approx(ssp585.CO2.values.max()))
    assert trained.limits["rate"] == pytest.approx((-6.3, 131.072))  # ssp126 in 2090, ssp585 in 2090
    assert trained.limits["CH4"] == pytest.approx((0.1136, 0.7086))  # ssp126 in 2100, ssp370 in January 2090
    assert trained.told(drivers(ssp585)) == []
    told = trained.told(drivers(store.sel(ssp="ssp370")))
    assert told == ["CH₄ emissions: 0.75 Gt/yr, in training 0.114 to 0.709, outside in 2090–2100"]
    distance = trained.furthest(drivers(store.sel(ssp="ssp370")))
    assert distance == pytest.approx((0.7496 - 0.7086) / (0.7086 - 0.1136))
