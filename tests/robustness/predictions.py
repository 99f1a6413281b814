"""Predictions as other tools leave them, and files that only call themselves predictions."""

import os

import numpy as np

MEGABYTE = "x" * 1_000_000


def _written(change):
    return lambda dataset, path: change(dataset).to_netcdf(path)


def _attributes(**attrs):
    def change(dataset):
        dataset["tas"].attrs |= attrs
        return dataset.assign_attrs(attrs)

    return _written(change)


def _filled(value):
    return _written(lambda dataset: dataset.assign(tas=dataset.tas * 0 + value))


def _cut(dataset, path):
    dataset.to_netcdf(path)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def _chunk_spoiled(dataset, path):
    """The bytes within the packed chunk of tas are others."""
    dataset.to_netcdf(path, encoding={"tas": {"zlib": True, "chunksizes": dataset.tas.shape}})
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 4000] = bytes(4000)
    path.write_bytes(content)


def _strings(dataset):
    return dataset.assign(tas=(dataset.tas.dims, np.full(dataset.tas.shape, "warm")))


#: A map can be drawn of each.
DRAWN = {
    "as it is": _written(lambda dataset: dataset),
    "no attributes": _written(lambda dataset: dataset.drop_attrs()),
    "latitude, longitude": _written(lambda dataset: dataset.rename(lat="latitude", lon="longitude")),
    "TeX in names": _attributes(long_name=r"$\frac{1}{$ _^", ssp=r"$\undefined{", recipe="100 % $"),
    "control characters": _attributes(long_name="a\x1b[31m\x07b", ssp="ssp\n245", recipe="\x1b]0;x\x07"),
    "names of a megabyte": _attributes(long_name=MEGABYTE, ssp=MEGABYTE, recipe=MEGABYTE),
    "numbers for names": _attributes(long_name=3, ssp=np.arange(5), recipe=2.5),
    "some cells missing": _written(lambda dataset: dataset.assign(tas=dataset.tas.where(dataset.lon > 40))),
}
#: One may draw them or refuse them.
HOSTILE = {
    "one month": _written(lambda dataset: dataset.isel(time=66)),
    "mean over time": _written(lambda dataset: dataset.mean("time")),
    "years for dates": _written(lambda dataset: dataset.assign_coords(time=2000 + np.arange(dataset.sizes["time"]))),
    "unit unknown": _attributes(units="furlong"),
    "units of a megabyte": _attributes(units=MEGABYTE),
    "units that are a list": _attributes(units=np.arange(3)),
    "infinite": _filled(np.inf),
    "as large as can be": _filled(3e38),
    "nothing but NaN": _filled(np.nan),
    "whole numbers": _written(lambda dataset: dataset.assign(tas=dataset.tas.astype(int))),
    "one latitude": _written(lambda dataset: dataset.isel(lat=[3])),
    "chunk spoiled": _chunk_spoiled,
}
REFUSED = {
    "strings": _written(_strings),
    "latitudes beyond the poles": _written(lambda dataset: dataset.assign_coords(lat=dataset.lat * 2)),
    "latitude not a number": _written(lambda dataset: dataset.assign_coords(lat=dataset.lat.where(dataset.lat > 0))),
    "latitudes out of order": _written(lambda dataset: dataset.isel(lat=[3, 1, 2, 0, 4, 5, 6, 7])),
    "one dimension more": _written(lambda dataset: dataset.expand_dims(height=[2, 10])),
    "no longitude": _written(lambda dataset: dataset.isel(lon=0, drop=True)),
    "cut short": _cut,
    "text": lambda dataset, path: path.write_text("hello"),
    "pipe": lambda dataset, path: os.mkfifo(path),
    "folder": lambda dataset, path: path.mkdir(),
}
