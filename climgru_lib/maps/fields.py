"""From a prediction or a data set to one map: a scenario, a month, and the mean of the members or one of them."""

from __future__ import annotations

import numpy as np
import xarray as xr

from .. import contract
from ..contract import InputError

MEMBER_DIMS = ("member_id", "realization")


def by_scenario(dataset: xr.Dataset, role: str, default: str | None = None) -> dict[str, xr.Dataset]:
    """Split a data set into its scenarios, by the dimension or coordinate ``ssp`` or ``attrs["ssp"]``."""
    if "ssp" in dataset.dims:
        return {str(name): dataset.sel(ssp=name) for name in dataset["ssp"].values}
    name = dataset["ssp"].item() if "ssp" in dataset.coords else dataset.attrs.get("ssp", default)
    if name is None:
        raise InputError(f"the {role} names no scenario; set for instance dataset.attrs['ssp'] = 'ssp370'")
    return {str(name): dataset}


def members_of(dataset: xr.Dataset | xr.DataArray) -> tuple[str | None, list]:
    """Return the dimension of the members and their labels; None and an empty list without one."""
    dim = next((dim for dim in MEMBER_DIMS if dim in dataset.dims), None)
    return dim, [] if dim is None else dataset[dim].values.tolist()


def one_field(field: xr.DataArray, member: int | None = None) -> xr.DataArray:
    """Return the mean of the members of a field, or one member, with dims (..., lat, lon).

    Parameters
    ----------
    field : DataArray
    member : int, optional
        Label of a member; the mean of all by default.

    Returns
    -------
    DataArray
        ``attrs["members"]`` says what it is, as ``mean of 16 members`` or ``member 3 of 16``; a field without
        members stays as it is.

    Raises
    ------
    InputError
        If there is no such member.
    """
    dim, labels = members_of(field)
    if member is not None and member not in labels:
        there = f"there are {labels[0]} to {labels[-1]}" if labels else "the prediction is a single field"
        raise InputError(f"no member {member}; {there}")
    if dim is None:
        return field.transpose(..., "lat", "lon")
    if member is None and len(labels) > 1:
        field = field.mean(dim, keep_attrs=True).assign_attrs(members=f"mean of {len(labels)} members")
    else:
        member = labels[0] if member is None else member
        field = field.isel({dim: labels.index(member)}).assign_attrs(members=f"member {member} of {len(labels)}")
    return field.transpose(..., "lat", "lon")


def month_map(dataset: xr.Dataset, name: str, month: str, member: int | None = None) -> xr.DataArray | None:
    """Return the map of a variable in a month, or None where the data set lacks it; see `one_field` for members."""
    index = np.flatnonzero(contract.month_labels(dataset) == month)
    if name not in dataset or not index.size:
        return None
    return one_field(dataset[name].isel(time=index[0]), member).load()
