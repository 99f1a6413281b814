"""Where on the globe and in the year a map lies, told by physics alone.

Insolation follows from latitude and month. The year of tas follows it by one month on land and two at sea, is larger on
land, and rain in the tropics goes with it. Sulphur and soot come from land. What the labels claim is refused only
where another reading of them, such as a map turned over, fits much better: a climate unlike ours fits none.
"""

from __future__ import annotations

import numpy as np

from ...grid import area_weights, land_fraction
from ...mini_earth.insolation import monthly_mean
from .findings import Findings

MONTHS = np.arange(12)
EXTRATROPICS = (25, 65)  # degrees: a strong year, no polar night
#: Months by which the year of tas follows the Sun on land and at sea: .83 to .98 and 1.97 to 2.12 in CESM2's halves.
#: Half a month is the most by which a shift by whole months can be told from none.
LAG, LAG_TOLERANCE = {"land": 0.95, "sea": 2.0}, 0.5
#: W m-2 rms of the zonal climatology. CESM2 lies .1 from the formula, another model's calendar and solar constant
#: within 3; a month's shift makes 30. What lies beyond 5 and twice as far as another reading is mislabelled.
SUN_CLOSE, SUN_FAR, SUN_BETTER = 5.0, 15.0, 0.5
#: Correlation of the size of the year with land along the parallels: .65 in CESM2, .0 turned by half a turn or over.
LAND_SEEN, LAND_LOST, LAND_OFF = 0.4, 0.6, 0.95
#: Share of the emissions that lies on land: .73 to .81 in CESM2's SO2 and BC, .3 for any map spread evenly.
EMITTED_ON_LAND, EMITTED_LOST = 0.5, 1.5
RAIN_AGAINST_SUN = (
    -0.25
)  # correlation of the tropical years of rain and Sun a month before: .5 in CESM2, -.5 upside down


class Places:
    """The checks on one grid.

    Parameters
    ----------
    lat, lon : array, shape (lat,) and (lon,), degrees
    """

    def __init__(self, lat: np.ndarray, lon: np.ndarray):
        self.lat, self.weights = lat, area_weights(lat)[:, None]
        self.land = land_fraction(lat, lon)
        self.step = float(np.abs(np.diff(lon)).min())
        upward = slice(None) if lat[0] < lat[-1] else slice(None, None, -1)
        self.sun = np.clip(monthly_mean(lat[upward])[:, upward], 0, None)

    def check_sun(self, ssp: str, rsdt: np.ndarray, found: Findings) -> None:
        """Compare insolation with the Sun's; ``rsdt`` is the zonal climatology, shape (12, lat), NaN where unknown."""
        readings = {
            (shift, over): np.roll(self.sun[:, ::-1] if over else self.sun, shift, axis=0)
            for shift in range(12)
            for over in (False, True)
        }
        weight = np.where(np.isfinite(rsdt), self.weights[:, 0], 0)
        misfit = {
            reading: np.sqrt((weight * (np.nan_to_num(rsdt) - sun) ** 2).sum() / weight.sum())
            for reading, sun in readings.items()
        }
        own, best = misfit[0, False], min(misfit, key=misfit.get)
        what = f"rsdt of {ssp} lies {own:.0f} W m-2 from the insolation of its latitudes and months"
        if own > SUN_CLOSE and misfit[best] < SUN_BETTER * own:
            found.problems.append(f"{what}; it fits {_reading(*best)}: mend the labels or the maps")
        elif own > SUN_FAR:
            found.suspicions.append(f"{what}: check latitudes, months and units")

    def check_annual_sun(self, ssp: str, rsdt: np.ndarray, found: Findings) -> None:
        """Compare a zonal mean over years, shape (lat,), with the Sun's: that of one month is no year's."""
        misfit = [
            np.sqrt((self.weights[:, 0] * (rsdt - sun) ** 2).mean()) for sun in (self.sun.mean(axis=0), *self.sun)
        ]
        what = f"rsdt of {ssp} lies {misfit[0]:.0f} W m-2 from the insolation of its latitudes in the mean of a year"
        if misfit[0] > SUN_CLOSE and min(misfit) < SUN_BETTER * misfit[0]:
            month = np.argmin(misfit)
            found.problems.append(
                f"{what}; it fits month {month} of each: give all months, or the means of whole years"
            )
        elif misfit[0] > SUN_FAR:
            found.suspicions.append(f"{what}: check latitudes and units")

    def check_tas(self, ssp: str, year: np.ndarray, found: Findings) -> None:
        """Place the climatology of tas, shape (12, lat, lon), by the Sun and by land."""
        wave = np.exp(-2j * np.pi * MONTHS / 12)
        sun = (wave @ self.sun)[:, None]
        tas = np.tensordot(wave, year, 1)
        middle = (np.abs(self.lat) > EXTRATROPICS[0]) & (np.abs(self.lat) < EXTRATROPICS[1])
        follows = np.where(middle[:, None], tas * np.conj(sun) * self.weights, 0)
        if not middle.any() or np.abs(follows.sum()) < 0.5 * np.abs(follows).sum():
            return
        places = {"land": self.land > 0.8, "sea": self.land < 0.05}
        lags = {kind: _months(follows[cells].sum()) for kind, cells in places.items() if follows[cells].any()}
        self._check_lags(ssp, _months(follows.sum()), lags, found)
        self._check_land(ssp, np.log(np.abs(tas) / 6 + 0.2), found)

    def _check_lags(self, ssp: str, lag: float, lags: dict[str, float], found: Findings) -> None:
        told = " and ".join(f"{value:.1f} months on {kind}".replace("on sea", "at sea") for kind, value in lags.items())
        what = (
            f"the year of tas of {ssp} follows the Sun by {told or f'{lag:.1f} months'}, not by 1 on land and 2 at sea"
        )
        if abs(lag - 1.5) > 3:  # a quarter of a year
            found.problems.append(
                f"{what}: the maps are upside down or their months shifted; mend the labels or the maps"
            )
            return
        fits = [
            s
            for s in (-2, -1, 0, 1, 2)
            if len(lags) == 2 and all(abs(value - s - LAG[kind]) < LAG_TOLERANCE for kind, value in lags.items())
        ]
        if fits and 0 not in fits:
            found.problems.append(f"{what}: its months are {abs(fits[0])} too {'late' if fits[0] > 0 else 'early'}")
        elif lags and not fits and len(lags) == 2:
            found.suspicions.append(f"{what}: check its months")

    def _check_land(self, ssp: str, size: np.ndarray, found: Findings) -> None:
        """Find land by the size of the year, along the parallels between the ice sheets."""
        rows = np.abs(self.lat) < 70
        best, score, own = self._best_turn(size[rows], rows)
        if score < LAND_SEEN:
            return
        what = f"tas of {ssp} has its land {_turned(*best, self.step)} (correlation {score:.2f}, as labelled {own:.2f})"
        found.judge(-own / score, -LAND_OFF, -LAND_LOST, f"{what}; put the maps and lat, lon in one order")

    def _best_turn(self, size: np.ndarray, rows: np.ndarray) -> tuple[tuple[int, bool], float, float]:
        """Correlate a map with land turned by every number of cells and turned over."""
        weight = np.sqrt(self.weights[rows])

        def anomaly(field: np.ndarray) -> np.ndarray:
            field = (field - field.mean(axis=1, keepdims=True)) * weight
            return field / max(np.sqrt((field**2).sum()), 1e-12)

        size, scores = anomaly(size), {}
        for over in (False, True):
            land = anomaly((self.land[::-1] if over else self.land)[rows])
            for turn in range(size.shape[1]):
                scores[turn, over] = float((size * np.roll(land, turn, axis=1)).sum())
        best = max(scores, key=scores.get)
        return best, scores[best], scores[0, False]

    def check_rain(self, ssp: str, year: np.ndarray, found: Findings) -> None:
        """Compare the year of tropical rain, shape (12, lat, lon), with the Sun's a month before."""
        rows = np.abs(self.lat) < EXTRATROPICS[0]
        sun, rain = np.roll(self.sun, 1, axis=0)[:, rows], year.mean(axis=2)[:, rows]
        sun, rain = sun - sun.mean(axis=0), rain - rain.mean(axis=0)
        size = np.sqrt((sun**2).sum() * (rain**2).sum())
        if size > 0 and (agreement := float((sun * rain).sum() / size)) < RAIN_AGAINST_SUN:
            found.problems.append(
                f"pr of {ssp}: rain in the tropics runs against the Sun (correlation {agreement:.2f}); "
                "its maps are upside down or its months shifted: mend the labels or the maps"
            )

    def check_emissions(self, name: str, ssp: str, mean: np.ndarray, found: Findings) -> None:
        """Look for a reading in which emissions, a mean map of shape (lat, lon), lie on land."""
        total = max(float((mean * self.weights).sum()), 1e-300)
        shares = {
            (turn, over): float((np.roll(mean[::-1] if over else mean, turn, axis=1) * self.land * self.weights).sum())
            / total
            for turn in range(mean.shape[1])
            for over in (False, True)
        }
        best, own = max(shares, key=shares.get), shares[0, False]
        if shares[best] > EMITTED_ON_LAND and shares[best] > EMITTED_LOST * own:
            found.problems.append(
                f"{name} of {ssp}: {100 * own:.0f} % of the emissions lie on land, and {100 * shares[best]:.0f} % if "
                f"the maps are {_turned(*best, self.step)}; put maps and labels in one order"
            )


def _months(wave: complex) -> float:
    """Return by how many months, -4.5 .. 7.5, a wave of one year lags."""
    return float((-np.angle(wave) * 6 / np.pi + 4.5) % 12 - 4.5)


def _reading(shift: int, over: bool) -> str:
    months = (shift + 6) % 12 - 6
    parts = ["upside down (north to south)"] * over
    parts += [f"{abs(months)} months {'late' if months > 0 else 'early'}"] * (months != 0)
    return "them " + " and ".join(parts)


def _turned(turn: int, over: bool, step: float) -> str:
    parts = ["upside down (north to south)"] * over + [f"turned by {turn * step:g} degrees of longitude"] * (turn != 0)
    return " and ".join(parts) or "in place"
