"""What works without the extras ``maps`` and ``course``, and what is said where one of them is missing."""

import os
import subprocess
import sys

import numpy as np
import pytest
import xarray as xr
from conftest import make_raw, write_store

from climgru_lib.predict import open_prediction

ABSENT = ("matplotlib", "cartopy", "cmocean", "ipywidgets", "IPython", "papermill", "nbformat", "jupyterlab")
#: An import of None fails as that of a module that is not there; torchmetrics looks at what is installed, too.
WITHOUT = f"""
import importlib.metadata, sys
sys.modules.update(dict.fromkeys({ABSENT}))
found = importlib.metadata.Distribution.from_name
def from_name(name):
    if name.lower() in {tuple(name.lower() for name in ABSENT)}:
        raise importlib.metadata.PackageNotFoundError(name)
    return found(name)
importlib.metadata.Distribution.from_name = from_name
from climgru_lib.cli import main
for command in sys.argv[1:]:
    if code := main(command.split()):
        sys.exit(code)
"""


def climgru(*commands: str) -> subprocess.CompletedProcess:
    """Run commands up to the first that fails, in an interpreter for which the modules of the extras are absent."""
    command = [sys.executable, "-c", WITHOUT, *commands]
    path = os.pathsep.join(entry for entry in sys.path if entry)
    return subprocess.run(command, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": path})


@pytest.fixture(scope="module")
def long_store(tmp_path_factory):
    """32 years, of which a submission holds 30."""
    return write_store(make_raw(n_months=384, n_members=2), tmp_path_factory.mktemp("data") / "long.zarr")


def test_training_predicting_and_scoring_need_no_extra(long_store, tmp_path):
    run, data = tmp_path / "run", f"--data {long_store}"
    done = climgru(
        f"train {run} --recipe compact-final {data} --set epochs=1 --set cosine_epochs=1",
        f"train {tmp_path / 'other'} --recipe energy-balance-gp {data}",
        f"evaluate {run} {data} --draws 3 --against {tmp_path / 'other'}",
        *(f"predict {run} {data} --ssp ssp245 --out {tmp_path / name}" for name in ("p.nc", "p.csv")),
        f"submission score {tmp_path / 'p.csv'} {tmp_path / 'p.csv'}",
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "0.000000"
    assert open_prediction(tmp_path / "p.nc").sizes["time"] == 384 - 12


@pytest.mark.parametrize(
    ("command", "extra"),
    [
        ("map {file} --month 2020-07 --var tas --out {out}.png", "maps"),
        ("course --only 00 --out {out}", "course"),
        ("study season --data {file}", "maps"),
    ],
)
def test_a_missing_extra_is_named_with_what_brings_it(command, extra, tmp_path):
    field = xr.DataArray(np.zeros((1, 2, 2)), coords={"time": [0], "lat": [-45.0, 45.0], "lon": [0.0, 180.0]})
    field = field.assign_coords(time=xr.date_range("2020-07", periods=1, freq="MS", calendar="noleap", use_cftime=True))
    xr.Dataset({"tas": field, "pr": field}, attrs={"ssp": "ssp245"}).to_netcdf(tmp_path / "p.nc")
    done = climgru(command.format(file=tmp_path / "p.nc", out=tmp_path / "out"))
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith("climgru: ") and f"pip install 'climgru[{extra}]'" in line
    assert not list(tmp_path.glob("out*"))
