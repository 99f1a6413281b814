"""The embedded mini-earth: layout, determinism, physics, and the statistics of the climate it describes."""

import numpy as np
import pytest
import xarray as xr
import zarr

from climgru_lib import mini_earth
from climgru_lib.contract import InputError
from climgru_lib.data.store import open_dataset
from climgru_lib.grid import land_fraction
from climgru_lib.mini_earth import climate, dataset, emissions, processes, scenarios, variability
from climgru_lib.mini_earth.realism import cesm2, deviation, measure
from climgru_lib.score import noise_limits
from climgru_lib.score.verdicts import verdicts

FACTS = cesm2()
LAT, LON = dataset.LATITUDES, dataset.LONGITUDES
WEIGHT = np.cos(np.deg2rad(LAT))[:, None] * np.ones(LON.size)
LAND = land_fraction(LAT, LON) >= 0.5


def mean(field, mask=True):
    """Area mean over the last two axes, where mask holds."""
    weight = WEIGHT * np.broadcast_to(mask, WEIGHT.shape)
    return (field * weight).sum(axis=(-2, -1)) / weight.sum()


def by_latitude(low, high):
    return ((low < LAT) & (high > LAT))[:, None]


@pytest.fixture(scope="module")
def small():
    return mini_earth.make(n_months=60, n_members=2, seed=3)


# -- layout -------------------------------------------------------------------------------------------------


def test_layout_is_that_of_the_contract(small):
    dims = {name: variable.dims for name, variable in small.data_vars.items()}
    maps = ("ssp", "time", "latitude", "longitude")
    assert dims == {
        "tas": ("ssp", "time", "member_id", "y", "x"),
        "pr": ("ssp", "time", "member_id", "y", "x"),
        "rsdt": ("ssp", "time", "y", "x"),
        "SO2": maps,
        "BC": maps,
        "CO2": ("ssp", "time"),
        "CH4": ("ssp", "time"),
    }
    assert dict(small.sizes) == dict(ssp=4, time=60, member_id=2, y=48, x=72, latitude=48, longitude=72)
    assert {name: str(v.dtype) for name, v in small.data_vars.items()} == {
        **dict.fromkeys(("tas", "pr", "rsdt"), "float32"),
        **dict.fromkeys(("SO2", "BC", "CO2", "CH4"), "float64"),
    }
    assert list(small["ssp"].values) == ["ssp126", "ssp245", "ssp370", "ssp585"]
    assert small["tas"].attrs["units"] == "K"
    assert small["pr"].attrs["units"] == "mm/day"
    assert (small["y"].attrs["units"], small["x"].attrs["units"]) == ("degrees_north", "degrees_east")


def test_grid_and_calendar_to_the_digit(small):
    np.testing.assert_allclose(small["y"].values[[0, 1, -1]], [-88.58638743, -84.81675393, 88.58638743], atol=1e-8)
    np.testing.assert_allclose(small["x"].values[[0, 1, -1]], [1.875, 6.875, 356.875])
    np.testing.assert_allclose(small["latitude"].values[[0, -1]], [-89.05263158, 89.05263158], atol=1e-8)
    np.testing.assert_allclose(small["longitude"].values[[0, -1]], [1.25, 356.25])
    first, last = small["time"].values[[0, -1]]
    assert (first.year, first.month, first.day, first.calendar) == (2015, 1, 15, "noleap")
    assert (last.year, last.month, last.day) == (2019, 12, 15)


def test_ssp245_is_withheld_and_the_solution_is_not(small):
    held = small.sel(ssp="ssp245")
    assert not held["tas"].values.any()
    assert not held["pr"].values.any()
    truth = mini_earth.solution(n_months=60, n_members=2, seed=3)
    assert list(truth["ssp"].values) == ["ssp245"]
    np.testing.assert_allclose(mean(truth["tas"].values).mean(), 288.4, atol=0.4)
    assert (truth["pr"].values > 0).mean() > 0.999


def test_values_are_finite_and_rain_is_not_negative(small):
    for name in small.data_vars:
        assert np.isfinite(small[name].values).all(), name
    assert small["pr"].values.min() >= 0
    assert 190 < small["tas"].sel(ssp="ssp370").values.min() < 230
    assert 305 < small["tas"].sel(ssp="ssp370").values.max() < 325


def test_store_has_every_chunk_and_reads_back(tmp_path):
    dest = mini_earth.write(tmp_path / "mini.zarr", n_months=26, n_members=2, seed=3, scenarios=["ssp126", "ssp245"])
    group = zarr.open_group(dest, mode="r")
    assert group.metadata.zarr_format == 2
    assert (dest / ".zmetadata").is_file()
    expected = {"tas": (1, 24, 1, 48, 72), "SO2": (1, 24, 48, 72), "CO2": (1, 24)}
    assert {name: group[name].chunks for name in expected} == expected
    assert len([p for p in (dest / "tas").iterdir() if not p.name.startswith(".")]) == 2 * 2 * 2
    made = mini_earth.make(n_months=26, n_members=2, seed=3, scenarios=["ssp126", "ssp245"])
    xr.testing.assert_identical(xr.open_zarr(dest).load().drop_attrs(), made.drop_attrs())
    truth = xr.open_zarr(tmp_path / "mini_solution.zarr").load()
    assert dict(truth.sizes) == dict(ssp=1, time=26, member_id=2, y=48, x=72)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["mini.zarr", "mini_solution.zarr"]


def test_an_existing_store_is_refused_and_kept(tmp_path):
    (tmp_path / "mini.zarr").mkdir()
    with pytest.raises(InputError, match=r"mini\.zarr exists already"):
        mini_earth.write(tmp_path / "mini.zarr", n_months=1, n_members=1)
    assert list((tmp_path / "mini.zarr").iterdir()) == []


@pytest.mark.parametrize(
    ("wrong", "line"),
    [
        ({"n_months": 0}, "n_months is 0"),
        ({"n_members": 1.5}, "n_members is 1.5"),
        ({"scenarios": ["ssp119"]}, "unknown scenario 'ssp119'"),
        ({"scenarios": ["ssp126", "ssp126"]}, "different names"),
        ({"lat": [10.0, 0.0]}, "ascending"),
        ({"lat": [0.0, 100.0]}, r"-90\.\.90"),
    ],
)
def test_bad_arguments_are_named(wrong, line):
    with pytest.raises(InputError, match=line):
        mini_earth.make(**{"n_months": 1, "n_members": 1, **wrong})


# -- determinism --------------------------------------------------------------------------------------------


def test_fewer_months_and_members_are_the_same_data(small):
    other = mini_earth.make(n_months=25, n_members=1, seed=3, scenarios=["ssp585", "ssp370"])
    for name in small.data_vars:
        part = small[name].isel(time=slice(25)).sel(ssp=["ssp585", "ssp370"])
        part = part.isel(member_id=[0]) if "member_id" in part.dims else part
        np.testing.assert_array_equal(other[name].values, part.values, err_msg=name)


def test_blocks_join_without_a_seam():
    long = mini_earth.make(n_months=2 * scenarios.BLOCK + 5, n_members=1, scenarios=["ssp126"])
    short = mini_earth.make(n_months=scenarios.BLOCK + 1, n_members=1, scenarios=["ssp126"])
    np.testing.assert_array_equal(long["tas"].values[:, : scenarios.BLOCK + 1], short["tas"].values)
    ocean = (~LAND) & by_latitude(-20, 20)
    jump = np.abs(np.diff(long["tas"].values[0, :, 0], axis=0))
    steps = mean(jump, ocean).reshape(-1)[: 2 * scenarios.BLOCK]
    assert steps[scenarios.BLOCK - 1] < 1.5 * steps[11::12].mean()


def test_members_scenarios_and_seeds_have_different_weather(small):
    tas = small["tas"].values
    # one month of 60 removed mean: patterns of independent weather correlate within about 3 / sqrt(30 x 60)
    deviation = tas[[0, 2, 3]] - tas[[0, 2, 3]].mean(axis=(0, 2), keepdims=True)
    a, b = deviation[0, :, 0], deviation[0, :, 1]
    assert not np.array_equal(tas[0, 0, 0], tas[2, 0, 0])
    assert not np.array_equal(tas[0, 0, 0], tas[0, 0, 1])
    assert (a * b * WEIGHT).sum() / np.sqrt((a**2 * WEIGHT).sum() * (b**2 * WEIGHT).sum()) < 0.05
    other = mini_earth.make(n_months=1, n_members=1, seed=4, scenarios=["ssp126"])
    assert not np.array_equal(other["tas"].values[0, 0, 0], tas[0, 0, 0])


def test_members_scatter_around_the_forced_climate():
    run = mini_earth.make(n_months=120, n_members=6, scenarios=["ssp370"])
    truth = mini_earth.forced("ssp370", 120)
    for name in ("tas", "pr"):
        values = run[name].values[0]
        error = (values - truth[name].values[:, None]).mean(axis=0)  # ten-year means, (member, lat, lon)
        scatter = error.std(axis=0, ddof=1) / np.sqrt(6)
        t = error.mean(axis=0) / scatter
        # Student's t with 5 degrees of freedom: variance 5/3, 95 % within 2.57
        assert (np.abs(t) < 2.57).mean() == pytest.approx(0.95, abs=0.05)
        total = mean(error)
        assert abs(total.mean()) < 4 * total.std(ddof=1) / np.sqrt(6) + 1e-3


def test_gamma_rain_has_mean_one_and_the_asked_variance():
    z = np.random.default_rng(0).standard_normal(200_000).astype("f4")
    for shape in (0.3, 1.0, 5.0, 40.0):
        rain = processes.gamma_rain(z, np.full_like(z, shape))
        assert rain.mean() == pytest.approx(1, abs=4 / np.sqrt(shape * z.size) + 2e-3)
        assert rain.var() * shape == pytest.approx(1, rel=0.04)
    # exponential distribution: quantile -ln(1 - p)
    median = processes.gamma_rain(np.zeros(1, "f4"), np.ones(1, "f4"))[0]
    assert median == pytest.approx(np.log(2), abs=2e-3)


def test_fields_have_unit_variance_on_any_grid():
    lat, lon = np.linspace(-80, 80, 9), np.linspace(0, 350, 11)
    sphere = processes.Sphere(lat, lon, ((1000, 0, 0.6), (500, 4, 0.4)), 30)
    rng = np.random.default_rng(1)
    fields = sphere.synthesise(rng.standard_normal((4000, *sphere.shape), dtype="f4"))
    np.testing.assert_allclose(fields.var(axis=0), 1, atol=6 * np.sqrt(2 / 4000))


# -- forcings -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ssp", "co2", "ch4"),
    [  # January 2015, 2050, 2100: Gt and Gt/yr
        ("ssp126", (1536.1, 2604.9, 2792.5), (0.3737, 0.2001, 0.1136)),
        ("ssp245", (1536.1, 2950.7, 4524.3), (0.3737, 0.3423, 0.2803)),
        ("ssp370", (1536.1, 3291.1, 6763.9), (0.3737, 0.5384, 0.7496)),
        ("ssp585", (1536.1, 3513.1, 9362.6), (0.3737, 0.5746, 0.4653)),
    ],
)
def test_greenhouse_gases_of_the_ssps(ssp, co2, ch4):
    total, rate = scenarios.greenhouse_gases(mini_earth.PATHWAYS[ssp], 1021)
    np.testing.assert_allclose(total[[0, 420, 1020]], co2, atol=0.06)
    np.testing.assert_allclose(rate[[0, 420, 1020]], ch4, atol=1e-4)


@pytest.mark.parametrize(
    ("ssp", "so2", "bc"),
    [
        ("ssp126", (98.34, 24.69, 6.45), (7.98, 2.17, 1.10)),
        ("ssp370", (98.34, 97.06, 75.16), (7.98, 9.25, 7.42)),
    ],
)
def test_emission_maps_hold_the_totals(ssp, so2, bc):
    lat, lon = dataset.EMISSION_LATITUDES, dataset.EMISSION_LONGITUDES
    area = emissions.cell_areas(lat, lon)
    for species, totals in (("SO2", so2), ("BC", bc)):
        maps = emissions.emission_maps(mini_earth.PATHWAYS[ssp], species, 1021, lat, lon)[[0, 420, 1020]]
        teragram = (maps * area).sum(axis=(1, 2)) * 365 * 86400 / 1e9
        np.testing.assert_allclose(teragram, totals, atol=0.02 if species == "SO2" else 0.006)
        assert maps.min() >= 0
        assert not maps[:, lat < -60].any()


def test_emissions_move_from_east_asia_to_africa():
    early, late = scenarios.regional_emissions(mini_earth.PATHWAYS["ssp126"], "SO2", 901)[[0, 900]]
    asia, africa = scenarios.REGIONS.index("E Asia"), scenarios.REGIONS.index("S Africa")
    assert early[asia] / early.sum() == pytest.approx(0.26, abs=0.02)
    assert late[asia] / late.sum() == pytest.approx(0.055, abs=0.01)
    assert late[africa] / late.sum() == pytest.approx(0.40, abs=0.02)


def test_own_pathways():
    peak = mini_earth.peak_and_decline(peak_year=2030, peak_co2=50, final_co2=-20)
    # 15 years from 35.637 to 50, then 70 years to -20, emitted at the end of each year
    expected = 1536.072 + 15 * (35.637 + 50) / 2 + (50 - 35.637) / 2 + 70 * 15 - 35
    assert scenarios.greenhouse_gases(peak, 1021)[0][-1] == pytest.approx(expected, abs=0.01)
    shock = mini_earth.sulphur_shock(base="ssp370", year=2050, factor=0.0)
    after = scenarios.regional_emissions(shock, "SO2", 480).sum(axis=1)
    assert after[420] == pytest.approx(0, abs=1e-9)
    assert after[300] == pytest.approx(96.939)
    warm = (
        mini_earth.energy_balance(shock, 480)[0][-1]
        - mini_earth.energy_balance(mini_earth.PATHWAYS["ssp370"], 480)[0][-1]
    )
    assert 0.2 < warm < 0.95  # at most forcing / feedback-plus-exchange 0.95 / 1.5 in equilibrium with the fast box
    with pytest.raises(InputError, match="peak_year"):
        mini_earth.peak_and_decline(peak_year=2100)
    with pytest.raises(InputError, match="no shock"):
        mini_earth.sulphur_shock(year=2051)


# -- insolation ---------------------------------------------------------------------------------------------


def test_insolation_globally_and_over_the_year():
    lat = (np.arange(180) + 0.5) - 90
    sun = mini_earth.daily_mean(lat, np.arange(365) + 1.5)
    globe = (sun * np.cos(np.deg2rad(lat))).sum(axis=1) / np.cos(np.deg2rad(lat)).sum()
    # S0/4 / sqrt(1 - e2) over the year (Kepler's second law); perihelion near 3 January, ratio ((1+e)/(1-e))2
    assert globe.mean() == pytest.approx(1360.742 / 4 / np.sqrt(1 - 0.0167**2), abs=0.02)
    assert globe.max() / globe.min() == pytest.approx((1.0167 / 0.9833) ** 2, rel=1e-4)
    assert globe.argmax() in (2, 3, 4)


def test_insolation_is_dark_in_the_polar_night_and_even_at_the_equinox():
    assert not mini_earth.daily_mean(np.array([80.0]), np.array([355.0])).any()
    north, south = mini_earth.daily_mean(np.array([40.0, -40.0]), np.array([80.501]))[0]
    assert north == pytest.approx(south, rel=2e-3)
    # at the equinox sin(dec) = 0: S0/pi cos(lat) / r2
    distance = (1 + 0.0167 * np.cos(np.deg2rad(-282.732))) / (1 - 0.0167**2)
    assert north == pytest.approx(1360.742 / np.pi * np.cos(np.deg2rad(40)) * distance**2, rel=2e-3)


def test_insolation_is_the_same_everywhere_in_the_data(small):
    sun = small["rsdt"].values
    assert np.ptp(sun, axis=(0, 3)).max() == 0
    np.testing.assert_array_equal(sun[0, :12], sun[0, 12:24])
    assert mean(sun[0, :12]).mean() == pytest.approx(340.235, abs=0.05)


# -- climate ------------------------------------------------------------------------------------------------


def test_energy_balance_conserves_energy():
    path = mini_earth.PATHWAYS["ssp585"]
    fast, beyond = mini_earth.energy_balance(path, 600)
    slow = beyond + climate.SLOW_SHARE * fast
    net = climate.radiative_forcing(path, 600) + climate.IMBALANCE_2015 - climate.FEEDBACK * fast
    stored = climate.FAST_OCEAN * fast[-1] + climate.SLOW_OCEAN * slow[-1]
    assert stored == pytest.approx(net[:-1].sum() / 12, rel=1e-9)


def test_carbon_keeps_what_the_impulse_response_says():
    """A stop of all emissions leaves the permanent share of the 2015 excess in the end."""
    stopped = scenarios.replace(mini_earth.PATHWAYS["ssp126"], co2=(0.0,) * 10)
    ppm = climate.co2_concentration(stopped, 12 * 3000)
    filling = climate.CARBON_SHARE / (climate.GROWTH + 1 / climate.CARBON_YEARS)
    assert ppm[0] == pytest.approx(400)
    assert ppm[-1] == pytest.approx(278 + 122 * filling[0] / filling.sum(), abs=0.1)


def test_sulphur_cools_and_dries_its_region():
    clean = mini_earth.sulphur_shock(name="clean", base="ssp370", year=2020, factor=0.0)
    maps = climate.Maps.on(LAT, LON)
    month, still = np.array([60]), np.zeros(1)
    so2 = scenarios.regional_emissions(clean, "SO2", 61)
    change = so2[60:] - so2[:1]
    after, before = maps.forced(month, still, still, change), maps.forced(month, still, still, 0 * change)
    china = np.unravel_index(np.argmin((LAT[:, None] - 34) ** 2 + (LON[None] - 113) ** 2), WEIGHT.shape)
    assert after[0][0][china] - before[0][0][china] > 0.1
    assert after[1][0][china] > before[1][0][china]
    assert abs(mean(after[0][0] - before[0][0])) < 0.1


def test_drift_is_common_to_all_scenarios_and_moves_heat_around():
    maps = climate.Maps.on(LAT, LON)
    month, still = np.array([0, 12 * 85]), np.zeros(2)
    tas, pr = maps.forced(month, still, still, np.zeros((2, len(scenarios.REGIONS))))
    np.testing.assert_allclose(tas[1] - tas[0], maps.tas_drift[2], atol=1e-4)
    assert abs(mean(tas[1] - tas[0])) < 0.02
    assert np.sqrt(mean((tas[1] - tas[0]) ** 2)) > 0.5  # its pattern is an order of magnitude larger than its mean
    assert abs(mean(pr[1] - pr[0])) < 0.02


# -- statistics of the full data set against those of CESM2 ---------------------------------------------------


@pytest.fixture(scope="module")
def full():
    return open_dataset("embedded")


@pytest.fixture(scope="module")
def measured(full):
    return measure(full)


def test_every_statistic_is_measured(measured):
    assert measured.keys() == FACTS["statistics"].keys()


@pytest.mark.parametrize("name", [name for name, fact in FACTS["statistics"].items() if fact["tolerance"] is not None])
def test_statistics_are_those_of_cesm2(measured, name):
    fact = FACTS["statistics"][name]
    assert deviation(fact["kind"], measured[name], fact["value"]) <= fact["tolerance"]


def test_noise_limits_are_those_of_cesm2(full):
    held_out = np.stack([full[name].sel(ssp="ssp370").values.swapaxes(0, 1) for name in ("tas", "pr")], axis=2)
    limits = noise_limits.limits(held_out, range(913, 1021), full.time.dt.month.values, full.lat.values)
    facts = FACTS["noise_limits"]
    for kind, values in limits.items():
        for name, expected in facts[kind].items():
            # the reference of f's own standard deviation comes from another estimator, about 4 % higher
            tolerance = 0.15 if (kind, name) == ("forced", "tas_time_std_mae") else facts["tolerance_relative"]
            assert values[name] == pytest.approx(expected, rel=tolerance), (kind, name)


def test_simple_methods_get_the_same_verdicts(full):
    facts = FACTS["verdicts"]
    here = verdicts(full.isel(time=slice(901), member_id=[0, 1]))
    assert here == pytest.approx(facts["scores"], rel=facts["tolerance_relative"])
    assert sorted(here, key=here.get) == sorted(facts["scores"], key=facts["scores"].get)


# -- weather ------------------------------------------------------------------------------------------------


def test_weather_leaves_the_index_of_el_nino_alone():
    """Nino3.4 is the oscillator's: what is left of its mean is the lagged response, an exact multiple of the index."""
    maps = variability.NoiseMaps.on(LAT, LON)
    assert (maps.nino * maps.tas_enso[0]).sum() == pytest.approx(1, abs=1e-5)
    spheres = {name: processes.Sphere(LAT, LON, *parts) for name, (_, *parts) in variability.PROCESSES.items()}
    run = variability.Weather(spheres, maps, 0, "ssp126", 0, scenarios.BLOCK)
    zero, one = np.zeros((scenarios.BLOCK, 48, 72), "f4"), np.ones((scenarios.BLOCK, 48, 72), "f4")
    hot, _ = run.block(0, np.zeros(scenarios.BLOCK), zero, one)
    month = (np.arange(-3, scenarios.BLOCK)) % 12
    locked = run.enso * variability.ENSO_SIGMA[month]
    expected = locked[3:] + locked[:-3] * (maps.nino * maps.tas_enso[1]).sum()
    np.testing.assert_allclose(np.tensordot(hot, maps.nino, 2), expected, atol=1e-4)


def test_zonality_stretches_the_correlation_along_the_latitude():
    lat, lon = np.array([-4.0, 0.0, 4.0]), np.array([0.0, 4.0])
    sphere = processes.Sphere(lat, lon, ((600, 1, 1.0),), 60)
    rng = np.random.default_rng(2)
    fields = sphere.synthesise(rng.standard_normal((40_000, *sphere.shape), dtype="f4"))
    half = (4 * np.pi / 180 * 6371 / 600) ** 2 / 2  # squared distance over twice the squared length
    # the zonal and the meridional wind of a plane share exp(-half): along f, across g, f + g = 2 exp(-half),
    # and without divergence g = d(r f)/dr, so f = (1 - exp(-half)) / half
    along = (1 - np.exp(-half)) / half
    across = 2 * np.exp(-half) - along
    assert np.mean(fields[:, 1, 0] * fields[:, 1, 1]) == pytest.approx(along, abs=0.03)
    assert np.mean(fields[:, 0, 0] * fields[:, 1, 0]) == pytest.approx(across, abs=0.03)


def test_el_nino_oscillates_with_the_season():
    index = processes.enso_index(np.random.default_rng(0), 120_000)
    assert index.std() == pytest.approx(1, abs=0.03)
    # autocorrelation of Nino3.4 in CESM2 at 3, 9, 18 and 36 months
    made = [np.mean(index[k:] * index[:-k]) for k in (3, 9, 18, 36)]
    np.testing.assert_allclose(made, [0.777, -0.005, -0.298, 0.101], atol=0.1)


def test_another_grid():
    lat, lon = np.linspace(-89, 89, 90), np.arange(120) * 3.0
    run = mini_earth.make(n_months=1, n_members=1, lat=lat, lon=lon, scenarios=["ssp126"])
    assert run["tas"].shape == (1, 1, 1, 90, 120)
    coarse = mini_earth.make(n_months=1, n_members=1, scenarios=["ssp126"])
    weight = np.cos(np.deg2rad(lat))[:, None] * np.ones(120)
    fine = (run["tas"].values[0, :, 0] * weight).sum(axis=(1, 2)) / weight.sum()
    np.testing.assert_allclose(fine, mean(coarse["tas"].values[0, :, 0]), atol=0.3)
