"""Dots on a difference: where nothing but chance is at work they cover 95 % of the cells, whatever is compared."""

import numpy as np
import pytest
import xarray as xr

from climgru_lib.contract import InputError
from climgru_lib.maps import Selection, Source, plot
from climgru_lib.maps.comparison import NoDots, chance_limit, compare
from climgru_lib.score import chance

YEARS, SIDE = 60, 40
OURS = {"source": "climgru 0.1", "recipe": "pattern-scaling"}  # as `climgru predict` writes them


def members(count, seed, name="member_id"):
    """Yearly white noise about 280 K; without members if ``count`` is 0."""
    noise = 280 + np.random.default_rng(seed).normal(size=(max(count, 1), YEARS, SIDE, SIDE))
    data = xr.Dataset(
        {"tas": ((name, "year", "lat", "lon"), noise, {"units": "K"})},
        {"year": np.arange(2015, 2015 + YEARS), "lat": np.linspace(-78, 78, SIDE), "lon": 9.0 * np.arange(SIDE)},
    )
    return data.assign_coords({name: range(count)}) if count else data.isel({name: 0})


def source(data, name="emulator", **attrs):
    return Source(name, {"": data.assign_attrs(attrs)})


def forced(**attrs):
    """The forced response alone: 280 K."""
    return source(members(0, 0) * 0 + 280, **attrs)


TRUTH = members(6, seed=1)
#: What is looked at, the member of it, what it is compared with, its member, the words that say what is assumed.
CASES = {
    "weather-free, mean of 6": (forced(**OURS), "mean", source(TRUTH, "truth"), "mean", "emulator taken as free of"),
    "weather-free, one member": (forced(**OURS), "mean", source(TRUTH, "truth"), 2, "emulator taken as free of"),
    "weather-free, one file": (forced(**OURS), "mean", source(members(0, 2), "truth"), "mean", "truth taken as one"),
    "one file, mean of 6": (source(members(0, 3)), "mean", source(TRUTH, "truth"), "mean", "emulator taken as one"),
    "one file, one member": (source(members(0, 4)), "mean", source(TRUTH, "truth"), 5, "emulator taken as one"),
    "two files": (source(members(0, 5)), "mean", source(members(0, 6), "truth"), "mean", "truth taken as one"),
    "one member, one member": (source(members(3, 7)), 1, source(TRUTH, "truth"), 0, ""),
    "mean of 3, mean of 6": (source(members(3, 8)), "mean", source(TRUTH, "truth"), "mean", ""),
    "mean of 4 draws, mean of 6": (
        source(members(4, 9, "realization"), **OURS, draws=4),
        "mean",
        source(TRUTH, "truth"),
        "mean",
        "",
    ),
    "one draw of a file, mean of 6": (
        source(members(4, 10).sel(member_id=2), **OURS, draws=4),
        "mean",
        source(TRUTH, "truth"),
        "mean",
        "emulator taken as one",
    ),
}


@pytest.mark.parametrize("statistic", ["mean", "change"])
@pytest.mark.parametrize("case", CASES)
def test_where_chance_alone_is_at_work_19_of_20_cells_are_dotted(case, statistic):
    """1600 cells: the standard error of the share is 0.5 %; the variances have 10 degrees of freedom and more."""
    one, member, reference, its, assumed = CASES[case]
    asked = {"variable": "tas", "period": "2055-2074", "statistic": statistic}
    pair = compare(
        Selection(**asked, members=member),
        one,
        reference,
        Selection(**asked, members=its),
        stipple=True,
        noise=source(members(6, 13), "noise"),
    )
    assert pair.within.mean() == pytest.approx(0.95, abs=0.02)
    assert assumed in pair.assumed and bool(assumed) == bool(pair.assumed)


def test_the_noise_is_by_default_the_reference_or_else_the_source_that_has_members():
    """A single file as the truth of an ensemble: the ensemble tells."""
    selection = Selection("tas", "2055-2074")
    pair = compare(selection, source(members(6, 11)), source(members(0, 12), "truth"), stipple=True)
    assert pair.within.mean() == pytest.approx(0.95, abs=0.02)
    with pytest.raises(NoDots, match="no dots: emulator taken as free of weather, so"):
        compare(selection, forced(**OURS), forced(**OURS), stipple=True)


def test_the_note_says_what_is_tested_and_what_is_assumed():
    prediction, truth = (members(0, 0) * 0 + 280).assign_attrs(OURS), TRUTH
    prediction.tas.attrs["units"] = "K"
    said = "each cell by itself, 95 %"
    note = plot(prediction, "tas", "2055-2074", truth=truth, stipple=True).texts[-1].get_text()
    assert note == f"dots: difference within internal variability, {said}, emulator taken as free of weather"
    change = plot(truth, "tas", "2055-2074", statistic="change", stipple=True).texts[-1].get_text()
    assert change == f"dots: change within internal variability of one member, {said}"
    assert plot(truth, "tas", "2055-2074", statistic="change").texts[-1].get_text() == ""


def test_the_variance_is_from_the_members_and_years_that_a_cell_has():
    """Blocks of two years: (0, 2) and (1, 7) of two members; a gap in the second block leaves 2 and one degree."""
    yearly = np.array([[0.0, 0, 1, 1], [2, 2, 5, 9]])[:, :, None, None] * np.ones(3)
    yearly[1, 3, 0, 1] = np.nan
    yearly[0, :, 0, 2] = np.nan
    variance, freedom = chance.variance_of_mean(yearly, 2)
    np.testing.assert_array_equal(freedom, [[2, 1, 0]])
    np.testing.assert_array_equal(variance, [[10, 2, np.nan]])
    assert np.isnan(chance.allowed(variance, freedom)[0, 2])


def test_cells_without_data_are_not_dotted_and_years_without_data_tell_nothing():
    holes = TRUTH.copy(deep=True)
    holes.tas[:, :, :5] = np.nan
    holes.tas[:, :20] = np.nan  # of 60 years; two blocks of 20 are left
    within = compare(Selection("tas", "2055-2074"), source(members(0, 3)), source(holes, "truth"), stipple=True).within
    assert not within[:5].any() and within[5:].mean() == pytest.approx(0.95, abs=0.02)


def test_noise_in_another_unit_is_refused():
    celsius = TRUTH.assign(tas=(TRUTH.tas - 273.15).assign_attrs(units="degC"))
    with pytest.raises(InputError, match="no dots: noise is in degC, the map in K; convert one of them"):
        compare(
            Selection("tas", "2055-2074"),
            source(members(0, 3)),
            source(TRUTH, "truth"),
            stipple=True,
            noise=source(celsius, "noise"),
        )


@pytest.mark.parametrize("period", ["2074", "2065-2074", "2055-2074"])
def test_a_change_of_a_period_shorter_than_its_baseline_is_dotted_as_often(period):
    """A year, ten and twenty years against twenty: variances of 60, 6 and 3 blocks, in which the baseline's has few."""
    selection = Selection("tas", period, statistic="change")
    limit = chance_limit(selection, source(TRUTH, "noise"), selection.of(source(members(0, 14))))
    within = np.abs(selection.of(source(members(0, 14))).values) <= limit
    assert within.mean() == pytest.approx(0.95, abs=0.02)
