"""Where maps lie, told by physics: a Sun, a year of tas on land and at sea, emissions, each in a known wrong place."""

import numpy as np
import pytest

from climgru_lib.data.plausibility import Findings
from climgru_lib.data.plausibility.places import Places

LAT, LON = np.linspace(-85, 85, 18), np.arange(36) * 10.0
HERE = Places(LAT, LON)
OVER = "upside down (north to south)"


def year_of_tas():
    """A tenth of a kelvin for each W m-2: on land a month after the Sun, at sea two, and there half of it."""
    on_land, at_sea = (0.1 * np.roll(HERE.sun, lag, axis=0)[..., None] for lag in (1, 2))
    return 280 + HERE.land * on_land + 0.5 * (1 - HERE.land) * at_sea


def found_by(check, *arguments):
    found = Findings()
    getattr(HERE, check)(*arguments, found)
    return found.problems, found.suspicions


def test_the_sun_of_a_southward_grid_is_that_of_a_northward_one():
    southward = Places(LAT[::-1], LON)
    np.testing.assert_array_equal(southward.sun, HERE.sun[:, ::-1])
    june = HERE.sun[5]
    assert june[-1] > 500 > june[9] > 400 > june[0] == 0  # W m-2 near the poles and the equator


@pytest.mark.parametrize(
    ("shift", "over", "reading"),
    [
        (2, False, "them 2 months late"),
        (7, False, "them 5 months early"),
        (6, False, f"them {OVER}"),  # half a year is half a globe, nearly
        (3, True, f"them {OVER} and 3 months late"),
    ],
)
def test_insolation_tells_the_reading_that_fits(shift, over, reading):
    rsdt = np.roll(HERE.sun[:, ::-1] if over else HERE.sun, shift, axis=0)
    (problem,), suspicions = found_by("check_sun", "ssp126", rsdt)
    assert f"it fits {reading}" in problem or (shift == 6 and "it fits them 6 months early" in problem)
    assert suspicions == []


@pytest.mark.parametrize(("off", "suspicious"), [(4, False), (14, False), (16, True)])
def test_insolation_that_fits_nothing_is_suspicious(off, suspicious):
    rsdt = HERE.sun + off
    rsdt[3] = np.nan  # a month that is not there
    problems, suspicions = found_by("check_sun", "ssp126", rsdt)
    assert problems == []
    assert len(suspicions) == suspicious
    annual = found_by("check_annual_sun", "ssp126", HERE.sun.mean(axis=0) + off)
    assert [len(lines) for lines in annual] == [0, suspicious]


def test_a_year_is_not_one_of_its_months():
    assert found_by("check_annual_sun", "ssp126", HERE.sun.mean(axis=0)) == ([], [])
    (problem,), _ = found_by("check_annual_sun", "ssp126", HERE.sun[6])
    assert "it fits month 7 of each" in problem


@pytest.mark.parametrize(
    ("late", "words"), [(0, None), (1, "its months are 1 too late"), (-1, "its months are 1 too early")]
)
def test_months_of_tas_follow_the_sun(late, words):
    problems, suspicions = found_by("check_tas", "ssp126", np.roll(year_of_tas(), late, axis=0))
    assert suspicions == []
    assert [line.rpartition(": ")[2] for line in problems] == ([words] if words else [])
    if words:
        on_land, at_sea = 1 + late, 2 + late
        assert f"by {on_land:.1f} months on land and {at_sea:.1f} months at sea, not by" in problems[0]


@pytest.mark.parametrize(("cells", "over"), [(9, False), (0, True), (9, True)])
def test_land_is_found_where_the_year_is_large(cells, over):
    size = np.log(np.abs(np.fft.fft(year_of_tas(), axis=0)[1]) / 6 + 0.2)
    turned = [OVER] * over + [f"turned by {10 * cells} degrees of longitude"] * (cells > 0)
    size = np.roll(size[::-1] if over else size, cells, axis=1)
    found = Findings()
    HERE._check_land("ssp126", size, found)
    assert f"tas of ssp126 has its land {' and '.join(turned)} (correlation" in (found.problems + found.suspicions)[0]


def test_a_year_upside_down_runs_against_the_sun():
    (sun, land), _ = found_by("check_tas", "ssp126", year_of_tas()[:, ::-1])
    assert "the maps are upside down or their months shifted" in sun
    assert f"has its land {OVER} (correlation" in land


@pytest.mark.parametrize(("agreement", "refused"), [(1.0, False), (-0.2, False), (-0.3, True), (-1.0, True)])
def test_tropical_rain_may_not_run_against_the_sun(agreement, refused):
    sun = np.roll(HERE.sun, 1, axis=0)
    sun = sun - sun.mean(axis=0)
    across = np.roll(sun, 3, axis=0)  # a quarter of a year on
    tropics = np.abs(LAT) < 25
    across = across - sun * (across * sun)[:, tropics].sum() / (sun**2)[:, tropics].sum()
    across *= np.sqrt((sun**2)[:, tropics].sum() / (across**2)[:, tropics].sum())
    rain = 5 + 0.01 * (agreement * sun + np.sqrt(1 - agreement**2) * across)
    rain[:, ~tropics] = 5 - 0.01 * sun[:, ~tropics]  # elsewhere it may
    problems, _ = found_by("check_rain", "ssp126", np.repeat(rain[..., None], 36, axis=2))
    assert [f"(correlation {agreement:.2f})" in line for line in problems] == [True] * refused


@pytest.mark.parametrize(("cells", "over"), [(0, False), (9, False), (0, True), (9, True)])
def test_emissions_come_from_land(cells, over):
    mean = np.where(HERE.land == 1, 1e-11, 0.0)
    mean = np.roll(mean, cells, axis=1)
    mean = mean[::-1] if over else mean
    problems, suspicions = found_by("check_emissions", "SO2", "ssp126", mean)
    assert suspicions == []
    if not cells and not over:
        assert problems == []
        return
    back = [OVER] * over + [f"turned by {360 - 10 * cells} degrees of longitude"] * (cells > 0)
    share = 100 * (mean * HERE.land * HERE.weights).sum() / (mean * HERE.weights).sum()
    assert f"{share:.0f} % of the emissions lie on land, and 100 % if the maps are {' and '.join(back)};" in problems[0]
