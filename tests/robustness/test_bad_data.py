"""A seeded subset of the harness: each kind of bad data once, each guise of good data once."""

import numpy as np
import pytest

from robustness import good, measure, mutations

#: Kinds that may be right in a world that we do not know: told by name, not refused.
TOLD = {"co2_carbon"}
#: A word that the line must hold where the name of the kind does not begin with the variable.
NAMED = {
    "latitudes_flipped": "rsdt",
    "radians": "radians",
    "beyond_the_poles": "poles",
    "out_of_order": "out of order",
    "nan_in_coordinate": "not a number",
    "aerosols_swapped": "BC",
    "half_zero_rain": "pr",
    "identical_members": "members 0 and 1",
    "identical_in_part": "members 0 and 1",
    "co2_constant": "CO2",
    "co2_ppm": "CO2",
    "co2_kilotonnes": "CO2",
    "co2_carbon": "CO2",
}


@pytest.fixture(scope="module")
def base():
    return good.embedded(np.random.default_rng(1), shape=(16, 24))


@pytest.mark.parametrize("kind", mutations.KINDS, ids=lambda kind: kind.__name__)
def test_data_that_lie_are_refused_by_name(base, kind):
    outcome, lines = measure.outcome(kind(base, np.random.default_rng(3)))
    assert outcome == ("warned" if kind.__name__ in TOLD else "refused"), lines
    first = kind.__name__.split("_")[0]
    word = NAMED.get(kind.__name__, first if first in base else "")
    assert any(word in line for line in lines), lines
    assert all("\n" not in line for line in lines)


@pytest.mark.parametrize("guise", good.GUISES, ids=lambda guise: guise.__name__)
def test_good_data_in_any_guise_are_accepted_without_a_word(base, guise):
    assert measure.outcome(guise(base, np.random.default_rng(4))) == ("accepted", [])
