"""The command as a user runs it: exit codes, one clear line for bad input, and a whole run from data to maps."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from climgru_lib import mini_earth
from climgru_lib.cli import main
from climgru_lib.maps import command as map_command
from climgru_lib.maps.cells import Cells


@pytest.fixture(scope="session")
def store(tmp_path_factory) -> Path:
    """A short embedded data set: long enough for the clean split with its 120 withheld months."""
    path = tmp_path_factory.mktemp("store") / "short.zarr"
    mini_earth.write(path, n_months=168, n_members=2)
    return path


@pytest.fixture(scope="session")
def baseline(store, tmp_path_factory) -> Path:
    run_dir = tmp_path_factory.mktemp("runs") / "ps"
    assert main(["train", str(run_dir), "--recipe", "pattern-scaling", "--data", str(store)]) == 0
    return run_dir


def refused(capsys, *arguments) -> str:
    """Run a command that must end with exit code 2 and one line (``data check``: one a problem); return the first."""
    capsys.readouterr()
    assert main([str(argument) for argument in arguments]) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1 or arguments[:2] == ("data", "check")
    assert all(line.startswith("climgru: ") for line in lines)
    return lines[0]


def broken(store: Path, tmp_path: Path, change) -> Path:
    """Write a changed copy of the store."""
    dataset = xr.open_dataset(store, engine="zarr", chunks=None).load().drop_encoding()
    path = tmp_path / "broken.zarr"
    change(dataset).to_zarr(path, zarr_format=2, consolidated=True)
    return path


def with_nan_month(dataset):
    dataset["tas"].loc[{"time": dataset.time[30], "ssp": "ssp585"}] = np.nan
    return dataset


def in_celsius(dataset):
    dataset["tas"] = (dataset["tas"] - 273.15).assign_attrs({})
    return dataset


def as_flux(dataset):
    dataset["pr"] = (dataset["pr"] / 86400).assign_attrs({})
    return dataset


BROKEN = {
    "variable": (lambda d: d.drop_vars("BC"), ("BC",)),
    "dimension": (lambda d: d.isel(member_id=0, drop=True), ("tas", "member_id")),
    "celsius": (in_celsius, ("tas", "ssp126", "273.15")),
    "flux": (as_flux, ("pr", "ssp126", "86400")),
    "nan": (with_nan_month, ("tas", "ssp585", "2017-07")),
    "gap": (lambda d: d.isel(time=[*range(20), *range(21, 168)]), ("2016-08", "2016-10")),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_store_is_refused_with_variable_and_place(store, tmp_path, capsys, kind):
    change, words = BROKEN[kind]
    path = broken(store, tmp_path, change)
    for command in (["data", "check", path], ["train", tmp_path / "run", "--recipe", "climatology", "--data", path]):
        line = refused(capsys, *command)
        assert all(word in line for word in words), line
    assert not (tmp_path / "run").exists()


def test_a_missing_scenario_is_named(store, tmp_path, capsys):
    path = broken(store, tmp_path, lambda d: d.sel(ssp=["ssp126", "ssp585"]))
    assert "ssp370" in refused(capsys, "train", tmp_path / "run", "--recipe", "climatology", "--data", path)


def test_no_path_and_no_store(tmp_path, capsys):
    assert "no data at" in refused(capsys, "data", "check", tmp_path / "absent.zarr")
    (tmp_path / "text.nc").write_text("hello")
    assert "neither" in refused(capsys, "data", "check", tmp_path / "text.nc")
    (tmp_path / "folder").mkdir()
    assert "neither" in refused(capsys, "data", "check", tmp_path / "folder")


def test_deleted_and_truncated_chunks(store, tmp_path, capsys):
    lost, cut = tmp_path / "lost.zarr", tmp_path / "cut.zarr"
    shutil.copytree(store, lost)
    (lost / "tas" / "2.3.1.0.0").unlink()
    line = refused(capsys, "data", "check", lost)
    assert all(word in line for word in ("tas", "ssp370", "2021-01"))
    shutil.copytree(store, cut)
    chunk = cut / "pr" / "3.1.0.0.0"
    chunk.write_bytes(chunk.read_bytes()[:100])
    line = refused(capsys, "data", "check", cut)
    assert "pr of ssp585" in line


def test_a_manifest_finds_a_changed_byte(store, tmp_path, capsys):
    path = tmp_path / "copy.zarr"
    shutil.copytree(store, path)
    assert main(["data", "check", str(path), "--write-manifest"]) == 0
    chunk = path / "rsdt" / "0.0.0.0"
    content = bytearray(chunk.read_bytes())
    content[-1] ^= 1
    chunk.write_bytes(content)
    assert "rsdt/0.0.0.0" in refused(capsys, "data", "check", path)


def test_unknown_names_and_settings(store, tmp_path, capsys):
    train = ("train", tmp_path / "run", "--data", store)
    assert "compact-final" in refused(capsys, *train, "--recipe", "nonsense")
    assert "clean" in refused(capsys, *train, "--recipe", "compact-final", "--split", "nonsense")
    assert "no setting 'nonsense'" in refused(capsys, *train, "--recipe", "compact-final", "--set", "nonsense=1")
    assert "wants a int" in refused(capsys, *train, "--recipe", "compact-final", "--set", "epochs=many")
    assert not (tmp_path / "run").exists()


def test_withheld_scenarios_are_neither_trained_nor_scored(store, baseline, tmp_path, capsys):
    train = ("train", tmp_path / "run", "--recipe", "climatology", "--data", store)
    assert "ssp245" in refused(capsys, "evaluate", baseline, "--data", store, "--split", "unseen:ssp245")
    only = broken(store, tmp_path, lambda d: d.sel(ssp=["ssp245", "ssp370"]))
    assert "nothing to train" in refused(capsys, *train[:-1], only, "--split", "unseen:ssp370")


def test_months_that_were_trained_on_are_not_scored(store, baseline, capsys):
    line = refused(capsys, "evaluate", baseline, "--data", store, "--split", "D126")
    assert "ssp126 2020-01" in line and "trained on" in line


def test_too_few_months_for_the_window(tmp_path, capsys):
    short = tmp_path / "short.zarr"
    mini_earth.write(short, n_months=125, n_members=1)
    train = ("train", tmp_path / "run", "--recipe", "climatology", "--data", short)
    assert "125 months" in refused(capsys, *train, "--set", "window=130")
    assert "window 12" in refused(capsys, "evaluate", made(train, capsys), "--data", short)


def made(train, capsys) -> Path:
    assert main([str(argument) for argument in train]) == 0
    return train[1]


def test_a_run_directory_of_another_recipe_is_not_touched(store, baseline, capsys):
    before = {path: path.stat().st_mtime_ns for path in baseline.iterdir()}
    line = refused(capsys, "train", baseline, "--recipe", "climatology", "--data", store)
    assert "another run" in line
    assert {path: path.stat().st_mtime_ns for path in baseline.iterdir()} == before


def test_from_scores_to_files_and_a_map(store, baseline, tmp_path, capsys):
    longer = tmp_path / "longer.zarr"
    mini_earth.write(longer, n_months=384, n_members=1)
    assert main(["evaluate", str(baseline), "--data", str(store)]) == 0
    table = capsys.readouterr().out
    assert "ssp370 2020-01..2028-12" in table and "limit: forced" in table
    for name in ("p.nc", "p.zarr", "p.csv"):
        arguments = ["predict", str(baseline), "--data", str(longer), "--ssp", "ssp245", "--out", str(tmp_path / name)]
        assert main(arguments) == 0
    netcdf, zarr = xr.open_dataset(tmp_path / "p.nc"), xr.open_dataset(tmp_path / "p.zarr", engine="zarr")
    assert netcdf.sizes["time"] == zarr.sizes["time"] == 384 - 12
    np.testing.assert_array_equal(netcdf["tas"], zarr["tas"])
    first = (tmp_path / "p.csv").read_text().splitlines()[1]
    assert first == f"t000_tas_-88.59_1.88,{float(netcdf['tas'][-360, 0, 0]):.8g}"
    assert (
        main(["map", str(tmp_path / "p.nc"), "--month", "2030-07", "--var", "pr", "--out", str(tmp_path / "m.png")])
        == 0
    )
    assert (tmp_path / "m.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    assert "2100-01" in refused(capsys, "map", tmp_path / "p.nc", "--month", "2100-01", "--var", "pr", "--out", "m.png")
    assert "no scenario ssp999" in refused(
        capsys, "predict", baseline, "--data", store, "--ssp", "ssp999", "--out", tmp_path / "x.nc"
    )


def drawn_by(arguments, monkeypatch):
    """Run `climgru map` and return its figure."""
    figures, plot = [], map_command.plot
    monkeypatch.setattr(
        map_command, "plot", lambda *given, **options: figures.append(plot(*given, **options)) or figures[-1]
    )
    assert main(arguments) == 0
    monkeypatch.undo()
    return figures[0]


def test_ensembles_from_the_command(store, baseline, tmp_path, capsys, monkeypatch):
    predict = ["predict", str(baseline), "--data", str(store), "--ssp", "ssp245"]
    for seed in (1, 2):
        out = str(tmp_path / f"e{seed}.nc")
        assert main([*predict, "--draws", "2", "--draw-seed", str(seed), "--out", out]) == 0
    one, other = (xr.open_dataset(tmp_path / f"e{seed}.nc") for seed in (1, 2))
    assert dict(one.sizes) == {"member_id": 2, "time": 156, "lat": 48, "lon": 72, "bnds": 2}
    assert float(one["pr"].min()) >= 0
    assert not np.array_equal(one["tas"][:, 0], other["tas"][:, 0])
    draw = ["map", str(tmp_path / "e1.nc"), "--month", "2020-07", "--var", "pr", "--out", str(tmp_path / "m.png")]
    drawn = drawn_by(draw, monkeypatch), drawn_by([*draw, "--member", "1"], monkeypatch)
    july = one["pr"].isel(time=54)  # from 2016-01 on
    for figure, expected in zip(drawn, (july.mean("member_id"), july[1])):
        np.testing.assert_allclose(figure.findobj(Cells)[0].get_array(), expected, rtol=1e-6)
    assert [figure.get_suptitle() for figure in drawn] == [
        f"ssp245, July 2020, {told}" for told in ("mean of 2 members", "member 1 of 2")
    ]
    assert "no member 2; there are 0 to 1" in refused(capsys, *draw, "--member", "2")
    assert "ensemble has 2" in refused(capsys, *predict, "--draws", "2", "--out", tmp_path / "e.csv")
    assert "got 0" in refused(capsys, *predict, "--draws", "0", "--out", tmp_path / "e.nc")
    assert "360 months" in refused(capsys, *predict, "--variance-matched", "--out", tmp_path / "e.csv")
    assert not any((tmp_path / name).exists() for name in ("e.csv", "e.nc"))
    with pytest.raises(SystemExit):
        main([*predict, "--variance-matched", "--draws", "2", "--out", "e.nc"])


def test_calibration_from_the_command(store, baseline, tmp_path, capsys):
    assert main(["evaluate", str(baseline), "--data", str(store), "--draws", "3", "--draw-seed", "1"]) == 0
    text = capsys.readouterr().out
    assert "limit: forced" in text and "tas spread-skill" in text
    stored = json.loads((baseline / "metrics.json").read_text())
    key = next(name for name in stored if name.endswith("draws=3 seed=1"))
    found, scores = stored[key], stored[key.removesuffix(" draws=3 seed=1")]
    assert [one["months"] for one in found] == [one["months"] for one in scores]
    assert found[0]["rows"]["score: mean"][0] == pytest.approx(scores[0]["avg"]["score"])
    assert "at least three" in refused(capsys, "evaluate", baseline, "--data", store, "--draws", "2")
    shorter = broken(store, tmp_path, lambda d: d.isel(time=slice(160)))
    assert "data of the training" in refused(capsys, "evaluate", baseline, "--data", shorter, "--draws", "3")


def test_a_submission_with_the_variance_of_a_member(tmp_path):
    longer, run_dir = tmp_path / "longer.zarr", tmp_path / "run"
    mini_earth.write(longer, n_months=384, n_members=1)
    assert main(["train", str(run_dir), "--recipe", "pattern-scaling", "--data", str(longer)]) == 0
    predict = ["predict", str(run_dir), "--data", str(longer), "--ssp", "ssp245", "--out"]
    for name, form in (
        ("matched.nc", ["--variance-matched"]),
        ("mean.nc", []),
        ("matched.csv", ["--variance-matched"]),
    ):
        assert main([*predict, str(tmp_path / name), *form]) == 0
    matched, mean = (
        xr.open_dataset(tmp_path / "matched.nc"),
        xr.open_dataset(tmp_path / "mean.nc").isel(time=slice(-360, None)),
    )
    np.testing.assert_array_equal(matched["time"], mean["time"])
    np.testing.assert_allclose(matched["tas"].mean("time"), mean["tas"].mean("time"), atol=1e-3)
    assert float((matched["pr"].std("time") > mean["pr"].std("time")).mean()) > 0.99
    first = (tmp_path / "matched.csv").read_text().splitlines()[1]
    assert first == f"t000_tas_-88.59_1.88,{float(matched['tas'][0, 0, 0]):.8g}"


def test_two_runs_are_compared(baseline, store, tmp_path, capsys):
    other = tmp_path / "other"
    assert main(["train", str(other), "--recipe", "climatology", "--data", str(store)]) == 0
    capsys.readouterr()
    assert main(["evaluate", str(other), "--data", str(store), "--against", str(baseline)]) == 0
    table, differences = capsys.readouterr().out.split(f"less {baseline}:\n")
    ours, theirs = (
        float(next(line for line in table.splitlines() if name in line).split()[-1])
        for name in ("climatology  ", f"pattern-scaling ({baseline})")
    )
    row = [line for line in differences.splitlines() if line.strip().startswith("score")][
        -1
    ].split()  # the longer slice
    assert float(row[1]) == pytest.approx(ours - theirs, abs=2e-3)  # three decimals each
    assert float(row[3]) < float(row[1]) < float(row[4])
    assert "no run" in refused(capsys, "evaluate", other, "--data", store, "--against", tmp_path / "none")


def test_an_interrupted_training_is_resumed(store, tmp_path):
    run_dir = tmp_path / "run"
    command = [
        sys.executable,
        "-m",
        "climgru_lib.cli",
        "train",
        str(run_dir),
        "--recipe",
        "compact-final",
        "--data",
        str(store),
    ]
    command += ["--set", "epochs=1000", "--set", "run_length=6", "--threads", "1"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"})
    deadline = time.monotonic() + 120
    while not (run_dir / "metrics.csv").exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    message = process.communicate(timeout=60)[1]
    assert process.returncode == 75, message
    assert "continue with --resume" in message
    assert (run_dir / "last.ckpt").exists()
    assert main(command[3:]) == 2


@pytest.mark.parametrize(
    "command",
    [
        "",
        "data make",
        "data check",
        "data convert",
        "train",
        "evaluate",
        "predict",
        "map",
        "import",
        "export",
        "score",
        "course",
    ],
)
def test_help_names_every_argument(command, capsys):
    with pytest.raises(SystemExit) as ended:
        main([*command.split(), "--help"])
    assert ended.value.code == 0
    text = capsys.readouterr().out
    assert text.startswith(f"usage: climgru {command}".rstrip())
