"""Limits of what is unusual: of maps among few and many members, of forcings, and of the warming that follows them."""

import numpy as np
import pytest

from climgru_lib.contract import Step
from climgru_lib.data.plausibility import Findings, forcings, weather

NONE, SUSPICION, PROBLEM = (0, 0), (0, 1), (1, 0)


@pytest.mark.parametrize(("members", "suspicious"), [(1, 3.0), (3, 3.0), (30, 3.6), (300, 4.0)])
def test_limits_move_with_the_logarithm_of_the_members(members, suspicious):
    assert weather.among(members, 3.0, 4.0) == pytest.approx((suspicious, 4.0))


@pytest.mark.parametrize(("members", "told"), [(3, True), (30, False)])
def test_a_map_that_is_suspicious_among_three_members_is_not_among_thirty(members, told):
    """Signs of +-1 in every cell: an ordinary deviation has the size sqrt(1.5), one of 4 times them sqrt(16.5)."""
    maps = np.random.default_rng(0).choice([-1.0, 1.0], (120, members, 20, 30))
    maps[60, 0] *= 4  # sqrt(16.5 / 1.5) = 3.3 times the usual
    found = Findings()
    months = np.array([f"{2015 + month // 12}-{month % 12 + 1:02d}" for month in range(120)])
    weather.check_sizes(
        "pr", "ssp370", maps, np.ones((120, members), bool), np.ones((20, 1)), months, Step.MONTH, found
    )
    assert found.problems == []
    assert [line[:39] for line in found.suspicions] == ["pr of ssp370 in 2020-01 lies 3.3 times "] * told


def labels(first, count, step=Step.MONTH):
    if step is Step.YEAR:
        return np.array([str(first + year) for year in range(count)])
    return np.array([f"{first + month // 12}-{month % 12 + 1:02d}" for month in range(count)])


def counts(found):
    return len(found.problems), len(found.suspicions)


@pytest.mark.parametrize(
    ("growth", "first", "count", "step", "outcome"),
    [
        (40, 2015, 60, Step.MONTH, NONE),
        (40, 2015, 10, Step.YEAR, NONE),
        (21, 2015, 24, Step.MONTH, NONE),
        (19, 2015, 24, Step.MONTH, SUSPICION),
        (151, 2015, 60, Step.MONTH, SUSPICION),
        (1499, 2015, 60, Step.MONTH, SUSPICION),
        (1501, 2015, 60, Step.MONTH, PROBLEM),
        (7, 2015, 3, Step.YEAR, SUSPICION),
        (5, 2015, 3, Step.YEAR, PROBLEM),
        (5, 2015, 2, Step.YEAR, NONE),  # too short to tell
        (5, 2015, 23, Step.MONTH, NONE),
        (5, 2000, 24, Step.MONTH, PROBLEM),
        (5, 2040, 24, Step.MONTH, PROBLEM),
        (5, 1999, 24, Step.MONTH, NONE),  # of other times nothing is known
        (5, 2041, 24, Step.MONTH, NONE),
    ],
)
def test_growth_of_co2_tells_its_unit(growth, first, count, step, outcome):
    series, found = 1000 + growth * np.arange(count) / step.value, Findings()
    forcings.check_co2({"low": series - growth / 1e3, "high": series}, labels(first, count, step), step, found)
    assert counts(found) == outcome
    assert all(
        f"CO2 grows by {growth:.3g} Gt a year from {first}" in line for line in found.problems + found.suspicions
    )


@pytest.mark.parametrize(("constant", "outcome"), [(0, NONE), (1, SUSPICION), (2, PROBLEM), (3, PROBLEM)])
def test_constant_co2_of_one_scenario_may_be_meant(constant, outcome):
    growing, found = np.linspace(0, 200, 60), Findings()
    co2 = {f"s{k}": np.full(60, 9.0) if k < constant else growing for k in range(3)}
    forcings.check_co2(co2, labels(2015, 60), Step.MONTH, found)
    assert counts(found) == outcome


@pytest.mark.parametrize(
    ("every", "step", "jumps", "outcome"),
    [
        # of steps of 1, a jump is above 4 of them, and above 5 % of the size, 100
        (1, Step.MONTH, [4.9], NONE),
        (1, Step.MONTH, [5.1], SUSPICION),
        (1, Step.MONTH, [5.1, 5.1], PROBLEM),
        (1, Step.YEAR, [59], NONE),  # 5 % for each month
        (1, Step.YEAR, [61], SUSPICION),
        (12, Step.MONTH, [55], NONE),  # emissions given by the year
        (12, Step.MONTH, [65], SUSPICION),
    ],
)
def test_jumps_of_a_forcing_are_told_from_its_usual_steps(every, step, jumps, outcome):
    steps, found = np.where(np.arange(1, 240) % every == 0, 1.0, 0.0), Findings()
    steps[[every * (5 + k) - 1 for k in range(len(jumps))]] = jumps
    forcings.check_steps("SO2", "ssp126", steps, 100.0, labels(2015, 240), step, found)
    assert counts(found) == outcome
    if outcome == SUSPICION and every == 1:
        assert found.suspicions[0].startswith("SO2 of ssp126 jumps in 2015-06;")


def test_few_steps_tell_nothing_and_small_ones_are_measured_by_themselves():
    found = Findings()
    forcings.check_steps("SO2", "ssp126", np.array([1.0] * 22 + [50.0]), 100.0, labels(2015, 24), Step.MONTH, found)
    forcings.check_steps("SO2", "ssp126", np.array([3.0] * 23 + [11.9]), 100.0, labels(2015, 25), Step.MONTH, found)
    assert counts(found) == NONE
    forcings.check_steps("SO2", "ssp126", np.array([3.0] * 23 + [12.1]), 100.0, labels(2015, 25), Step.MONTH, found)
    assert counts(found) == SUSPICION


@pytest.mark.parametrize(("spikes", "outcome"), [([9.7], NONE), ([9.9], SUSPICION), ([9.9, 9.9], PROBLEM)])
def test_a_spike_of_co2_is_measured_in_gt(spikes, outcome):
    """Second differences are .4 from month to month, and .4 and twice the spike in it."""
    month, found = np.arange(60), Findings()
    series = 40 / 12 * month + np.where(month % 2, -0.1, 0.1)
    series[[30, 40][: len(spikes)]] += spikes
    forcings.check_co2({"ssp126": series}, labels(2015, 60), Step.MONTH, found)
    assert counts(found) == outcome


@pytest.mark.parametrize(
    ("years", "excess", "wrong"),
    [((2045, 2049), 1, "2045 .. 2049"), ((2030, 2044), 1, None), ((2045, 2049), 0, None), ((2100, 2100), 1, "2100")],
)
def test_co2_is_ordered_as_the_names_from_2045_to_2100(years, excess, wrong):
    months, found = labels(2030, 75, Step.YEAR), Findings()
    high = 40.0 * np.arange(75)
    inside = (months.astype(int) >= years[0]) & (months.astype(int) <= years[1])
    low = high - 0.5 * ~inside + excess * inside
    forcings.check_co2({"ssp585": high, "ssp126": low}, months, Step.YEAR, found)
    assert [line.partition(";")[0] for line in found.suspicions] == (
        [f"CO2 of ssp126 lies above that of ssp585 in {wrong}"] if wrong else []
    )


@pytest.mark.parametrize(
    ("warming", "years", "outcome"),
    [
        (0.6, 40, NONE),  # K per 1000 Gt
        (2.4, 40, NONE),
        (2.6, 40, SUSPICION),
        (4.9, 40, SUSPICION),
        (5.1, 40, PROBLEM),
        (5.1, 29, NONE),  # too short for a rate
        (0.1, 40, SUSPICION),  # where they are 1000 Gt apart, 1500 in the mean: .15 K
        (-0.1, 40, PROBLEM),
        (-0.1, 25, PROBLEM),
        (-0.1, 24, NONE),  # four years are apart enough
    ],
)
@pytest.mark.parametrize("step", Step)
def test_the_scenario_of_more_co2_is_warmer(warming, years, outcome, step):
    apart = np.repeat(np.append(np.linspace(0, 900, 20), np.linspace(1001, 2000, 20))[:years], step.value)
    co2 = {"a": 5000 + apart, "b": np.full(len(apart), 5000.0)}
    tas = {"a": 287 + warming * apart / 1000, "b": np.full(len(apart), 287.0), "no CO2": apart}
    found = Findings()
    forcings.check_warming(co2, tas, step, found)
    assert counts(found) == outcome
    if warming > 2.5 and years >= 30:
        assert f"differ by {warming:.1f} K per 1000 Gt of CO2" in (found.problems + found.suspicions)[0]
    if warming == -0.1 and years == 40:
        assert "warmer by -0.15 K where they are 1000 Gt apart" in found.problems[0]


@pytest.mark.parametrize(("share", "outcome"), [(0.1, NONE), (0.2, SUSPICION), (0.4, PROBLEM)])
@pytest.mark.parametrize(("lag", "words"), [(1, "repeat the month before"), (12, "repeat the year before")])
@pytest.mark.parametrize("usual", [0, 0.3])
def test_maps_that_stand_still_more_than_others_do_are_told(share, outcome, lag, words, usual):
    maps = np.random.default_rng(2).random((48, 2, 10, 20))
    maps[..., : round(20 * usual)] = np.arange(10)[:, None] + np.arange(20 * usual) / 10  # always, such as dry cells
    first = round(20 * usual)
    maps[30, 1, :, first : first + round(20 * share)] = maps[30 - lag, 1, :, first : first + round(20 * share)]
    found = Findings()
    weather.check_repeats("pr", "ssp126", maps, np.ones((48, 2), bool), labels(2015, 48), Step.MONTH, found)
    assert counts(found) == outcome
    if outcome != NONE:
        told = f"pr of ssp126: up to {100 * (share + usual):.0f} % of a map {words} in 2017-07;"
        assert (found.problems + found.suspicions)[0].startswith(told)


@pytest.mark.parametrize(("columns", "outcome"), [(3, NONE), (5, SUSPICION), (8, PROBLEM)])
def test_maps_that_are_flat_in_part_are_told(columns, outcome):
    maps = np.random.default_rng(3).random((48, 1, 10, 21))  # 20 pairs of neighbours
    maps[7, 0, :, :columns] = 0
    found = Findings()
    weather.check_repeats("pr", "ssp126", maps, np.ones((48, 1), bool), labels(2015, 48), Step.MONTH, found)
    assert counts(found) == outcome
    assert all(f"{5 * (columns - 1)} % of a map are one constant in 2015-08" in line for line in found.problems)


@pytest.mark.parametrize(
    ("noise", "outcome"), [(1.0, NONE), (0.8, NONE), (0.6, SUSPICION), (0.16, SUSPICION), (0.12, PROBLEM)]
)
def test_members_that_differ_less_than_years_do_are_told(noise, outcome):
    """Years differ by the root of 2; the limits of the ratio are a half and a tenth, so .71 and .14 of the noise."""
    rng = np.random.default_rng(4)
    one, other = rng.standard_normal((2, 60, 12, 30))
    maps, known = np.stack([one, one + noise * other], 1), np.ones((60, 2), bool)
    found = Findings()
    weather.check_members("tas", "ssp126", maps, known, np.array(["r1", "r2"]), labels(2015, 60), Step.MONTH, found)
    assert counts(found) == outcome
    ratio = np.sqrt(np.mean((noise * other) ** 2) / np.mean((one[12:] - one[:-12]) ** 2))
    told = f"tas of ssp126: members r1 and r2 differ by {ratio:.2f} of what two years do"
    assert all(line.startswith(told) for line in found.problems + found.suspicions)


def test_members_that_are_identical_in_some_months_are_told_where_both_are_known():
    maps = np.random.default_rng(5).random((36, 2, 24, 6))
    maps[10:14, 1] = maps[10:14, 0]
    known = np.ones((36, 2), bool)
    known[12:, 1] = False
    found = Findings()
    weather.check_members("tas", "ssp126", maps, known, np.array([0, 1]), labels(2015, 36), Step.MONTH, found)
    assert found.problems == ["tas of ssp126: members 0 and 1 are identical in 2015-11 .. 2015-12; keep one of them"]


@pytest.mark.parametrize("step", Step)
def test_tropical_maps_lose_their_season_and_keep_their_level(step):
    season = 3 * np.cos(2 * np.pi * np.arange(48) / step.value)[:, None, None, None]
    level = np.random.default_rng(6).random((1, 1, 7, 9))
    near = weather.tropical(season + level + np.zeros((48, 2, 7, 9)), np.arange(-60, 61, 20), step)
    level_near = (season.mean() + level[0, 0, 2:5]).ravel()  # 20 S, the equator, 20 N
    np.testing.assert_allclose(near, np.broadcast_to(level_near, near.shape), atol=1e-5)


@pytest.mark.parametrize(
    ("past", "turned", "count", "step", "outcome"),
    [
        (0, slice(0), 120, Step.MONTH, NONE),
        (10, slice(0), 120, Step.MONTH, NONE),  # a common past
        (0, slice(60, 72), 120, Step.MONTH, PROBLEM),
        (0, slice(40, 52), 71, Step.MONTH, NONE),  # too short to tell what is usual
        (0, slice(60, 72), 120, Step.YEAR, NONE),
        (120, slice(0), 120, Step.MONTH, PROBLEM),  # a copy
    ],
)
def test_scenarios_that_change_places_or_are_copies_are_told(past, turned, count, step, outcome):
    one, apart = np.random.default_rng(7).standard_normal((2, count, 1, 8))
    apart[:] = apart[0]  # a difference that stays
    apart[turned] *= -1
    apart[:past] = 0
    found = Findings()
    weather.check_exchange("tas", {"a": one, "b": one - apart}, labels(2015, count), step, found)
    assert counts(found) == outcome
    if past == count:
        assert found.problems == ["tas of a and b is identical in 2015-01 .. 2024-12; one is a copy"]
    elif outcome == PROBLEM:
        assert found.problems[0].startswith("tas of a and b change places in 2019-1")
