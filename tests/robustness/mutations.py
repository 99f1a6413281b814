"""Data that lie: each function takes a good data set of the stores' layout and returns a bad one.

`KINDS` were at hand while thresholds were set, `HELD_BACK` were written and measured afterwards.
"""

import numpy as np

OPEN = ("ssp126", "ssp370", "ssp585")


def where(data, **at):
    return {dim: at[dim] for dim in at if dim in data.dims}


def changed(data, name, change):
    """Return the data with a changed copy of one variable's values."""
    values = data[name].values.copy()
    result = change(values)
    return data.assign({name: (data[name].dims, values if result is None else result, data[name].attrs)})


def pick(rng, names):
    return names[int(rng.integers(len(names)))]


def index(data, ssp):
    return list(data.ssp.values).index(ssp)


def scenario(rng, data):
    return index(data, pick(rng, [s for s in OPEN if s in data.ssp.values]))


def two(rng, data):
    return rng.choice([index(data, s) for s in OPEN if s in data.ssp.values], 2, replace=False)


def late_chunk(rng, data, length=24):
    """Months of a chunk in the second half, where scenarios differ."""
    n = data.sizes["time"]
    start = int(rng.integers(n // 2, n - 2 * length))
    return slice(start, start + length)


def latitudes_flipped(data, rng):
    return data.assign_coords(y=data.y.values[::-1].copy(), latitude=data.latitude.values[::-1].copy())


def upside_down(*names):
    def mutate(data, rng):
        for name in names:
            data = changed(data, name, lambda v: v[..., ::-1, :])
        return data

    mutate.__name__ = f"{'_'.join(names)}_upside_down"
    return mutate


def rolled(*names):
    def mutate(data, rng):
        n = data.sizes["x"]
        by = int(rng.integers(max(n // 12, 2), n - max(n // 12, 2)))
        for name in names:
            data = changed(data, name, lambda v: np.roll(v, by, axis=-1))
        return data

    mutate.__name__ = f"{'_'.join(names)}_rolled"
    return mutate


def radians(data, rng):
    return data.assign_coords({dim: np.deg2rad(data[dim].values) for dim in ("y", "latitude")})


def beyond_the_poles(data, rng):
    return data.assign_coords(y=data.y * 1.1, latitude=data.latitude * 1.1)


def nan_in_coordinate(data, rng):
    dim = pick(rng, ("y", "x"))
    values = data[dim].values.copy()
    values[int(rng.integers(len(values)))] = np.nan
    return data.assign_coords({dim: values})


def out_of_order(data, rng):
    dim, emission = pick(rng, (("y", "latitude"), ("x", "longitude")))
    order = np.arange(data.sizes[dim])
    k = int(rng.integers(1, len(order) - 2))
    order[[k, k + 1]] = order[[k + 1, k]]
    return data.assign_coords({dim: data[dim].values[order], emission: data[emission].values[order]})


def index_labels(data, rng):
    """Numbers of rows and columns as labels, degrees in 2-D coordinates turned over."""
    flipped = np.broadcast_to(data.y.values[::-1], (data.sizes["x"], data.sizes["y"]))
    names = {"y": np.arange(data.sizes["y"]), "x": np.arange(data.sizes["x"])}
    return data.assign_coords(**names, lat=(("x", "y"), flipped.copy()))


def aerosols_swapped(data, rng):
    return data.assign(SO2=data.BC, BC=data.SO2)


def swapped(*names):
    def mutate(data, rng):
        a, b = two(rng, data)

        def swap(values):
            values[[a, b]] = values[[b, a]]

        for name in names:
            data = changed(data, name, swap)
        return data

    mutate.__name__ = f"{'_'.join(names)}_swapped"
    return mutate


def exchanged(*names):
    def mutate(data, rng):
        (a, b), months = two(rng, data), late_chunk(rng, data)
        member = int(rng.integers(data.sizes["member_id"]))
        at = (months, member) if names[0] in ("tas", "pr") else (months,)

        def swap(values):
            values[(a, *at)], values[(b, *at)] = values[(b, *at)].copy(), values[(a, *at)].copy()

        for name in names:
            data = changed(data, name, swap)
        return data

    mutate.__name__ = f"{'_'.join(names)}_chunks_exchanged"
    return mutate


def shifted(by, *names):
    def mutate(data, rng):
        sign = pick(rng, (-1, 1))
        for name in names:
            data = changed(data, name, lambda v: np.roll(v, sign * by, axis=1))
        return data

    mutate.__name__ = f"{'_'.join(names)}_shifted_by_{by}"
    return mutate


def spoilt(spoil, name_of):
    """A month of a target in an open scenario spoilt in one member or all."""

    def mutate(data, rng):
        name, ssp = pick(rng, ("tas", "pr")), scenario(rng, data)
        month = int(rng.integers(12, data.sizes["time"] - 12))
        member = pick(rng, (slice(None), int(rng.integers(data.sizes["member_id"]))))
        return changed(data, name, lambda v: spoil(v, (ssp, month, member), (ssp, month - 1, member)))

    mutate.__name__ = name_of
    return mutate


def _stuck(v, at, before):
    v[at] = v[before]


def _zero(v, at, before):
    v[at] = 0


def _half_stuck(v, at, before):
    half = v.shape[-2] // 2
    v[at][..., :half, :] = v[before][..., :half, :]


def _half_flat(v, at, before):
    half = v.shape[-1] // 2
    v[at][..., :half] = v[at].mean()


def half_zero_rain(data, rng):
    ssp, month = scenario(rng, data), int(rng.integers(12, data.sizes["time"] - 12))
    return changed(data, "pr", lambda v: v[ssp, month, ..., : v.shape[-1] // 2].fill(0))


def identical_members(data, rng):
    def copy(values):
        values[:, :, 1] = values[:, :, 0]

    return changed(changed(data, "tas", copy), "pr", copy)


def identical_in_part(data, rng):
    ssp, months = scenario(rng, data), late_chunk(rng, data)

    def copy(values):
        values[ssp, months, 1] = values[ssp, months, 0]

    return changed(data, "tas", copy)


def co2_constant(data, rng):
    ssp = pick(rng, (slice(None), scenario(rng, data)))
    return changed(data, "CO2", lambda v: np.copyto(v[ssp], v[ssp][..., :1]))


def co2_ppm(data, rng):
    return changed(data, "CO2", lambda v: 400 + (v - v[:, :1]) * 0.45 / 7.8)


def co2_kilotonnes(data, rng):
    return changed(data, "CO2", lambda v: v * 1e6)


def co2_carbon(data, rng):
    return changed(data, "CO2", lambda v: v / 3.664)


KINDS = (
    latitudes_flipped, upside_down("rsdt"), upside_down("tas", "pr"), upside_down("tas"), upside_down("pr"),
    upside_down("SO2", "BC"), upside_down("SO2"), rolled("tas", "pr"), rolled("tas"), rolled("pr"), rolled("SO2", "BC"),
    radians, beyond_the_poles, nan_in_coordinate, out_of_order, index_labels, aerosols_swapped,
    swapped("tas", "pr"), swapped("tas"), swapped("CO2"), exchanged("tas", "pr"), exchanged("tas"), exchanged("CO2"),
    exchanged("SO2"), shifted(1, "tas", "pr"), shifted(6, "tas", "pr"), shifted(1, "pr"), shifted(6, "rsdt"),
    shifted(1, "rsdt"), spoilt(_stuck, "month_stuck"), spoilt(_zero, "month_zero"), spoilt(_half_stuck, "half_stuck"),
    spoilt(_half_flat, "half_flat"), half_zero_rain, identical_members, identical_in_part, co2_constant, co2_ppm,
    co2_kilotonnes, co2_carbon,
)  # fmt: skip


def fahrenheit(data, rng):
    return changed(data, "tas", lambda v: np.where(v == 0, v, v * 1.8 - 459.67 + 250))


def years_reversed(data, rng):
    """The record of a scenario from its end to its beginning."""
    ssp = scenario(rng, data)
    return changed(data, "tas", lambda v: np.copyto(v[ssp], v[ssp, ::-1].copy()))


def one_scenario_upside_down(data, rng):
    ssp = scenario(rng, data)
    return changed(data, "tas", lambda v: np.copyto(v[ssp], v[ssp, ..., ::-1, :].copy()))


def one_scenario_shifted(data, rng):
    ssp, by = scenario(rng, data), pick(rng, (1, 2, -3))
    for name in ("tas", "pr"):
        data = changed(data, name, lambda v: np.copyto(v[ssp], np.roll(v[ssp], by, axis=0)))
    return data


def chunk_upside_down(data, rng):
    ssp, months = scenario(rng, data), late_chunk(rng, data)
    return changed(data, "tas", lambda v: np.copyto(v[ssp, months], v[ssp, months, ..., ::-1, :].copy()))


def chunk_rolled(data, rng):
    ssp, months, half = scenario(rng, data), late_chunk(rng, data), data.sizes["x"] // 2
    return changed(data, "tas", lambda v: np.copyto(v[ssp, months], np.roll(v[ssp, months], half, axis=-1)))


def another_season(data, rng):
    ssp, month = scenario(rng, data), int(rng.integers(12, data.sizes["time"] - 12))
    return changed(data, "tas", lambda v: np.copyto(v[ssp, month], v[ssp, month - 5]))


def scenario_copied(data, rng):
    a, b = two(rng, data)
    return changed(changed(data, "tas", lambda v: np.copyto(v[a], v[b])), "pr", lambda v: np.copyto(v[a], v[b]))


def members_nearly_identical(data, rng):
    return changed(data, "tas", lambda v: np.copyto(v[:, :, 1], v[:, :, 0] * np.float32(1.00001)))


def insolation_chunk_lost(data, rng):
    ssp, months = scenario(rng, data), late_chunk(rng, data)
    return changed(data, "rsdt", lambda v: v[ssp, months].fill(0))


def emissions_chunk_lost(data, rng):
    ssp, months = scenario(rng, data), late_chunk(rng, data)
    return changed(data, "BC", lambda v: v[ssp, months].fill(0))


def pr_of_another_scenario(data, rng):
    return swapped("pr")(data, rng)


def co2_upside_down_in_time(data, rng):
    return changed(data, "CO2", lambda v: v[:, ::-1])


def emissions_on_another_convention(data, rng):
    """Maps from -180 on, labels from 0 on."""
    half = data.sizes["x"] // 2
    return changed(changed(data, "SO2", lambda v: np.roll(v, half, -1)), "BC", lambda v: np.roll(v, half, -1))


def repeated_year(data, rng):
    ssp, month = scenario(rng, data), int(rng.integers(24, data.sizes["time"] - 24))
    year, before = slice(month, month + 12), slice(month - 12, month)
    return changed(data, "tas", lambda v: np.copyto(v[ssp, year], v[ssp, before]))


HELD_BACK = (
    fahrenheit, years_reversed, one_scenario_upside_down, one_scenario_shifted, chunk_upside_down, chunk_rolled,
    another_season, scenario_copied, members_nearly_identical, insolation_chunk_lost, emissions_chunk_lost,
    pr_of_another_scenario, co2_upside_down_in_time, emissions_on_another_convention, repeated_year,
)  # fmt: skip
