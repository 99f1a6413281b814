"""Data beyond a memory budget lie in files without a name, and change no number."""

import errno
import os
from pathlib import Path

import numpy as np
import pytest
import torch
import xarray as xr
from conftest import make_raw, write_store

from climgru_lib import cli, contract
from climgru_lib.data import prepare, splits
from climgru_lib.data.memory import Space


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("CLIMGRU_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def tensors(data):
    return [t for s in data.scenarios.values() for t in (s.inputs, s.targets) if t is not None]


def in_a_file(tensor):
    return tensor.untyped_storage().filename is not None


def test_a_budget_is_spent_in_order_and_the_rest_lies_in_files(cache):
    space = Space(4 * (6 + 2))
    shapes = [(2, 3), (5,), (2,), (1,)]  # 24 bytes, 20 too many, the last 8, none left
    assert [in_a_file(space.empty(*shape)) for shape in shapes] == [False, True, False, True]
    assert list(cache.iterdir()) == []
    assert not in_a_file(Space().empty(10))


def test_series_are_the_same_to_the_bit(dataset, cache):
    plain = prepare(dataset, "published", splits.named("clean"))
    tight = prepare(dataset, "published", splits.named("clean"), memory_budget=0)
    assert plain.fingerprint == tight.fingerprint and plain.normalizer.same_as(tight.normalizer)
    assert [in_a_file(tensor) for tensor in tensors(tight)] == [True] * len(tensors(plain))
    assert all(torch.equal(one, other) for one, other in zip(tensors(plain), tensors(tight), strict=True))


def test_a_training_is_the_same_to_the_bit(tmp_path, cache, capsys):
    store = write_store(make_raw(), tmp_path / "store.zarr")
    small = "--recipe compact-final --set epochs=1 --set cosine_epochs=1 --device cpu".split()
    for name, budget in (("plain", []), ("tight", ["--memory-budget", "1 kB"])):
        assert cli.main(["train", str(tmp_path / name), "--data", str(store), *small, *budget]) == 0
    weights = [(tmp_path / name / "weights.safetensors").read_bytes() for name in ("plain", "tight")]
    assert weights[0] == weights[1]


def test_a_full_disk_is_told_before_anything_is_written(cache, monkeypatch):
    asked = []

    def full(file, start, size):
        asked.append((start, size))
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(contract.InputError, match=r"exceed the memory budget.*CLIMGRU_CACHE"):
        Space(0).empty(10)
    assert asked == [(0, 40)] and list(cache.iterdir()) == []


@pytest.mark.parametrize("size", ["2", "GB", "-1GB", "1.GB", "2 GiB", "1e3MB"])
def test_a_size_without_sense_is_refused(size, capsys):
    with pytest.raises(SystemExit) as ended:
        cli.main(["train", "X", "--recipe", "compact", f"--memory-budget={size}"])
    assert ended.value.code == 2
    assert f"'{size}' is no size; give for example 2GB" in capsys.readouterr().err


@pytest.mark.parametrize(("text", "size"), [("2GB", 2e9), ("1.5 MB", 1.5e6), ("10b", 10), ("3kB", 3e3)])
def test_sizes_are_decimal(text, size):
    args = cli._parser().parse_args(["train", "X", "--recipe", "compact", "--memory-budget", text])
    assert args.memory_budget == size


def test_an_embedded_store_on_another_grid(tmp_path, capsys):
    path = tmp_path / "fine.zarr"
    assert cli.main(["data", "make", str(path), "--months", "2", "--members", "1", "--grid", "6x8"]) == 0
    raw = contract.standardise(xr.open_zarr(path))
    np.testing.assert_allclose(raw.lat, [-75, -45, -15, 15, 45, 75])
    np.testing.assert_allclose(raw.lon, [22.5, 67.5, 112.5, 157.5, 202.5, 247.5, 292.5, 337.5])
    assert cli.main(["data", "make", str(tmp_path / "no.zarr"), "--grid", "6by8"]) == 2
    assert capsys.readouterr().err.endswith("give rows and columns, such as 192x288\n")


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="the system does not tell which files are mapped")
def test_what_exceeds_the_budget_lies_in_files_without_a_name_in_the_cache_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("CLIMGRU_CACHE", str(tmp_path / "new" / "cache"))
    space = Space(4000)
    held = [space.empty(10, 100) for _ in range(3)]
    files = [line for line in Path("/proc/self/maps").read_text().splitlines() if "/new/cache/series-" in line]
    assert len(files) == len(held) - 1
    assert all(line.endswith("(deleted)") for line in files)
    assert list((tmp_path / "new" / "cache").iterdir()) == []
