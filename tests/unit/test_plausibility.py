"""Limits of what is unusual: the farthest of many maps lies farther out than that of few."""

import numpy as np
import pytest

from climgru_lib.contract import Step
from climgru_lib.data.plausibility import Findings, weather


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
