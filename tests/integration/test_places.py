"""Where a run lies: full disks, folders that may only be read, odd names, no home, no locks."""

import errno
import os
import resource
import subprocess
import sys

import pytest
import torch
import xarray as xr
from filelock import FileLock
from test_training import LATE, TINY, stop_at, train

from climgru_lib import cli
from climgru_lib.cli import main
from climgru_lib.contract import InputError
from climgru_lib.data import tensors
from climgru_lib.stopping import Stopped
from climgru_lib.training import files, runs


@pytest.fixture(scope="module")
def data(dataset):
    return tensors.prepare(dataset, "published", LATE)


def full(*args, **kwargs):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_full_disk_leaves_the_last_good_checkpoint(data, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        stop_at(patch, 12)
        with pytest.raises(Stopped):
            train(TINY, data, tmp_path / "run")
    before = (tmp_path / "run" / runs.CHECKPOINT).read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(torch, "save", full)
        with pytest.raises(InputError, match=r"cannot write .*last.ckpt: No space left on device"):
            train(TINY, data, tmp_path / "run", resume=True)
    assert (tmp_path / "run" / runs.CHECKPOINT).read_bytes() == before
    assert not [path for path in (tmp_path / "run").iterdir() if files.is_temporary(path)]
    train(TINY, data, tmp_path / "run", resume=True)


def test_a_writer_with_errors_of_its_own_is_understood(tmp_path, monkeypatch):
    def fail(path):
        raise RuntimeError("unexpected pos 64 vs 0")

    with pytest.raises(RuntimeError, match="unexpected pos"):
        files.write_atomically(tmp_path / "x", fail)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    monkeypatch.setattr(files, "ROOM", 30_000)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))  # as a quota, which the free space does not tell
    try:
        with pytest.raises(InputError, match=r"cannot write .*x: File too large; what was there"):
            files.write_atomically(tmp_path / "x", fail)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list(tmp_path.iterdir()) == []


def test_scores_that_cannot_be_stored_are_shown(store, tmp_path, capsys, monkeypatch):
    run = str(tmp_path / "run")
    assert main(["train", run, "--recipe", "climatology", "--data", str(store)]) == 0
    table = capsys.readouterr().out.split("finished")[0]
    monkeypatch.setattr(runs, "write_json", full)
    (tmp_path / "run" / runs.SCORES).unlink()
    assert main(["evaluate", run, "--data", str(store)]) == 0
    out, err = capsys.readouterr()
    assert out == table  # and nothing is said to be written
    *warnings, line = err.splitlines()
    assert all(other.startswith("climgru: warning: ") for other in warnings)  # of the toy data
    assert line == "the scores are not stored: [Errno 28] No space left on device"


def test_a_file_system_without_locks_is_named(tmp_path, capsys, monkeypatch):
    def none(*args, **kwargs):
        raise NotImplementedError("FileSystem does not appear to support flock")

    monkeypatch.setattr(FileLock, "acquire", none)
    runs.add_scores(tmp_path, "clean abc", [1])
    assert runs.read_scores(tmp_path) == {"clean abc": [1]}
    assert f"no locks on this file system: let one process alone work on {tmp_path}" in capsys.readouterr().err


def test_odd_names_and_no_home(store, tmp_path):
    folder = tmp_path / "Läufe und mehr\n2"
    folder.mkdir()
    path = os.pathsep.join(entry for entry in sys.path if entry)
    bare = {key: value for key, value in os.environ.items() if key not in ("HOME", "XDG_CACHE_HOME")}

    def climgru(*arguments):
        command = [sys.executable, "-m", "climgru_lib.cli", *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, env=bare | {"PYTHONPATH": path})

    done = climgru("train", folder / "run", "--recipe", "climatology", "--data", store)
    assert done.returncode == 0, done.stderr
    done = climgru("predict", folder / "run", "--data", store, "--ssp", "ssp245", "--out", folder / "p.nc")
    assert done.returncode == 0, done.stderr
    with xr.open_dataset(folder / "p.nc") as prediction:
        assert prediction.sizes["time"] == 144
    done = climgru("evaluate", folder / "none", "--data", store)
    (line,) = done.stderr.splitlines()
    assert done.returncode == 2 and r"mehr\n2" in line


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (PermissionError(errno.EACCES, "Permission denied", "/x\x1b[31m"), r"cannot use /x\x1b[31m: Permission denied"),
        (OSError(errno.EROFS, "Read-only file system"), "cannot use: Read-only file system"),
    ],
)
def test_a_forbidden_place_is_one_line(error, told, capsys, monkeypatch):
    def fail(*args):
        raise error

    monkeypatch.setattr("climgru_lib.commands.lists.show_splits", fail)
    assert cli.main(["splits"]) == 2
    assert capsys.readouterr().err == f"climgru: {told}\n"
