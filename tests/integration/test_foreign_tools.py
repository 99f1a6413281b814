"""What other tools make of our predictions: CDO, Iris, the CF checker, xarray; each skipped where it is absent."""

import re
import shutil
import subprocess
from dataclasses import replace

import numpy as np
import pytest
import xarray as xr

from climgru_lib.data import tensors
from climgru_lib.data.splits import Split, Stretch
from climgru_lib.grid import area_mean
from climgru_lib.predict import Emulator, StochasticEmulator, write_prediction
from climgru_lib.training import fit, recipes

LATE = Split("late", (Stretch("ssp370", -36),), (Stretch("ssp370", -24),))
SINCE = "days since 1850-01-01"


@pytest.fixture(scope="module")
def files(dataset, tmp_path_factory):
    """A prediction and an ensemble of three."""
    folder = tmp_path_factory.mktemp("files")
    recipe = replace(recipes.named("pattern-scaling"), season="none")
    data = tensors.prepare(dataset, "none", LATE)
    emulator = Emulator.open(fit.train(recipe, data, folder / "run", progress=False))
    ensemble = StochasticEmulator(emulator, data)
    return {
        "mean": write_prediction(emulator.predict(data, "ssp245"), folder / "mean.nc"),
        "ensemble": write_prediction(ensemble.predict("ssp245", 3, seed=7), folder / "ensemble.nc"),
    }


@pytest.mark.parametrize("kind", ["mean", "ensemble"])
def test_cdo_computes_our_means(files, kind):
    if not shutil.which("cdo"):
        pytest.skip("cdo is not installed")
    command = ["cdo", "-s", "outputf,%.6f,1", "-timmean", "-zonmean", "-selname,tas", str(files[kind])]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stderr
    with xr.open_dataset(files[kind]) as found:
        members = found["tas"] if kind == "ensemble" else found["tas"].expand_dims(member_id=[0])
        expected = members.mean(["time", "lon"], dtype=float).transpose("member_id", "lat").values.ravel()
    np.testing.assert_allclose([float(line) for line in done.stdout.split()], expected, atol=1e-4)  # K, float32


@pytest.mark.parametrize("kind", ["mean", "ensemble"])
def test_iris_weighs_by_the_cells_that_we_wrote(files, kind):
    iris = pytest.importorskip("iris", reason="Iris is not installed")
    area_weights = pytest.importorskip("iris.analysis.cartography").area_weights
    cube = iris.load_cube(str(files[kind]), "air_temperature")
    assert (cube.units, str(cube.cell_methods[0])) == ("K", "time: mean")
    assert [cell.point.month for cell in cube.coord("time").cells()][:3] == [1, 2, 3]
    assert all(cube.coord(axis).has_bounds() for axis in ("time", "latitude", "longitude"))
    mean = cube.collapsed(["latitude", "longitude"], iris.analysis.MEAN, weights=area_weights(cube))
    with xr.open_dataset(files[kind]) as found:  # area from sines of the edges, 22.5 degrees apart
        edges = np.sin(np.deg2rad(np.arange(-90, 91, 22.5)))
        expected = (found["tas"].astype(float).mean("lon") * xr.DataArray(np.diff(edges) / 2, dims="lat")).sum("lat")
    np.testing.assert_allclose(mean.data, expected, atol=1e-3)  # K, float32
    if kind == "ensemble":
        assert cube.coord("realization").points.tolist() == [0, 1, 2]


@pytest.mark.parametrize("kind", ["mean", "ensemble"])
def test_the_cf_checker_finds_nothing(files, kind):
    checker = shutil.which("compliance-checker")
    if not checker:
        pytest.skip("compliance-checker is not installed")
    done = subprocess.run([checker, "--test=cf:1.11", str(files[kind])], capture_output=True, text=True)
    found = {line.strip() for line in done.stdout.splitlines() if line.startswith("§")}
    # CF recommends members before time, CDO opens no file in which time is not first
    assert found == ({"§2.4 Dimensions"} if kind == "ensemble" else set()), done.stdout


def test_a_file_tells_what_it_is(files):
    with xr.open_dataset(files["ensemble"], decode_times=False) as raw:
        assert raw["tas"].dims == ("time", "member_id", "lat", "lon")
        assert raw["tas"].encoding["chunksizes"] == (120, 1, 8, 12)
        assert {name for name, field in raw.variables.items() if "_FillValue" in field.encoding} == set()
        assert raw["time_bnds"].dtype == float
        first = raw["time_bnds"].values[0]
        assert raw["time"].attrs["units"] == SINCE
        assert (first % 1 == 0).all() and first[1] - first[0] in (28, 30, 31)  # midnight to midnight
        np.testing.assert_allclose(raw["lat_bnds"][:, 1] - raw["lat_bnds"][:, 0], 22.5)
        np.testing.assert_allclose(raw["lon_bnds"].values[0], [0, 30])
        about = raw.attrs
    assert (about["draws"], about["draws_seed"], about["recipe"]) == (3, 7, "pattern-scaling")
    assert {"data", "numerics", "split", "torch", "history", "source"} <= about.keys()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ climgru .*", about["history"])


def test_a_zarr_store_appears_whole_or_not_at_all(files, tmp_path, monkeypatch):
    with xr.open_dataset(files["mean"]) as dataset:
        dataset = dataset.load()
    monkeypatch.setattr(xr.Dataset, "to_zarr", half_written)
    with pytest.raises(MemoryError):
        write_prediction(dataset, tmp_path / "p.zarr")
    assert list(tmp_path.iterdir()) == []
    monkeypatch.undo()
    with xr.open_dataset(write_prediction(dataset, tmp_path / "p.zarr"), engine="zarr") as written:
        np.testing.assert_array_equal(written["tas"], dataset["tas"])
        assert area_mean(written["pr"].values, written["lat"].values).min() >= 0


def half_written(dataset, path, **kwargs):
    (path / "tas").mkdir(parents=True)
    (path / "tas" / "0.0.0").write_bytes(b"half")
    raise MemoryError
