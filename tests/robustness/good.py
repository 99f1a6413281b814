"""Data sets that are right, in many guises."""

import numpy as np
import xarray as xr

from climgru_lib import mini_earth

GRIDS = ((24, 36), (16, 32), (36, 48), (12, 18), (20, 60))


def grid(n_lat, n_lon):
    half = 90 / n_lat
    return {"lat": np.linspace(-90 + half, 90 - half, n_lat), "lon": (np.arange(n_lon) + 0.5) * 360 / n_lon}


def embedded(rng, n_months=1021, n_members=2, shape=(24, 36)) -> xr.Dataset:
    return mini_earth.make(n_months, n_members, seed=int(rng.integers(1000)), **grid(*shape))


def southward(data, rng):
    return data.isel(y=slice(None, None, -1), latitude=slice(None, None, -1))


def from_the_date_line(data, rng):
    """Longitudes -180..180 in ascending order."""
    there = data.assign_coords(x=(data.x + 180) % 360 - 180, longitude=(data.longitude + 180) % 360 - 180)
    return there.sortby("x").sortby("longitude")


def two_scenarios(data, rng):
    return data.isel(ssp=np.sort(rng.choice(data.sizes["ssp"], 2, replace=False)))


def one_member(data, rng):
    return data.isel(member_id=[int(rng.integers(data.sizes["member_id"]))])


def later(data, rng):
    """Begins in another month and year."""
    return data.isel(time=slice(int(rng.integers(1, data.sizes["time"] // 2)), None))


def short(data, rng):
    return data.isel(time=slice(0, int(rng.integers(25, 200))))


def rounded(data, rng):
    """As after packing into 16 bits."""
    out = data.copy()
    for name in ("tas", "pr", "rsdt"):
        out[name] = (data[name] / 0.01).round() * np.float32(0.01)
    return out


def named_members(data, rng):
    return data.assign_coords(member_id=[f"r{k}i1p1f1" for k in range(data.sizes["member_id"])])


def without_attributes(data, rng):
    return data.drop_attrs()


def withheld_end(data, rng):
    """The last ten years of an open scenario withheld, as for a competition."""
    out = data.copy(deep=True)
    for name in ("tas", "pr"):
        out[name][-1, -120:] = 0
    return out


def other_names(data, rng):
    return data.assign_coords(ssp=[f"path-{k}" for k in range(data.sizes["ssp"])])


def yearly_emissions(data, rng):
    """Emissions that step each January instead of growing by the month."""
    out, first = data.copy(), np.arange(data.sizes["time"]) // 12 * 12
    for name in ("SO2", "BC", "CO2", "CH4"):
        out[name] = data[name].isel(time=first).assign_coords(time=data.time)
    return out


def brighter(data, rng):
    """A solar cycle and another solar constant."""
    wave = 1.003 + 0.0004 * np.sin(2 * np.pi * np.arange(data.sizes["time"]) / 127)
    return data.assign(rsdt=(data.rsdt * wave[None, :, None, None]).astype("f4"))


def warmer_model(data, rng):
    """A model with a bias of its own and twice the response of rain."""
    bias = rng.normal(0, 1.5, (data.sizes["y"], 1)).astype("f4")
    keep = data.tas != 0
    return data.assign(
        tas=(data.tas + bias).where(keep, 0).astype("f4"), pr=data.pr * np.float32(rng.uniform(0.9, 1.15))
    )


GUISES = (
    southward, from_the_date_line, two_scenarios, one_member, later, short, rounded, named_members,
    without_attributes, withheld_end, other_names, yearly_emissions, brighter, warmer_model,
)  # fmt: skip


def variants(base, rng):
    """Yield (name, data set) without end: one or two guises of a base at a time."""
    while True:
        chosen = rng.choice(len(GUISES), size=int(rng.integers(1, 3)), replace=False)
        data = base
        for k in chosen:
            data = GUISES[k](data, rng)
        yield "+".join(GUISES[k].__name__ for k in chosen), data
