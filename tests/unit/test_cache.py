"""The cache of the embedded data set: what is removed from it, and what stays."""

import json
import multiprocessing
import os
import time
from pathlib import Path

import numpy as np
import pytest

from climgru_lib import mini_earth
from climgru_lib.data import store

HOUR, PACKAGE = 3600, Path(mini_earth.__file__).parents[1]
OLD, USED, HALF_USED = "0123456789ab", "a" * 12, "b" * 12  # digests


def pair(digest):
    return f"embedded-{digest}.zarr", f"embedded-{digest}_solution.zarr"


def leave(folder: Path, hours: float) -> None:
    """Make a folder with something in it that is some hours old."""
    folder.mkdir(parents=True)
    (folder / ".zattrs").write_text("{}")
    os.utime(folder, (time.time() - hours * HOUR,) * 2)


@pytest.fixture
def cache(tmp_path, monkeypatch) -> Path:
    """An empty cache; the data set is made at once."""

    def write(dest):
        for path in (dest, dest.with_name(f"{dest.stem}_solution.zarr")):
            leave(path, 0)

    monkeypatch.setenv("CLIMGRU_CACHE", str(tmp_path))
    monkeypatch.setattr(mini_earth, "write", write)
    return tmp_path


def names(cache) -> set[str]:
    return {path.name for path in cache.iterdir()}


def test_stores_of_other_code_are_removed_when_one_is_made(cache):
    for name, hours in zip((*pair(OLD), *pair(USED), *pair(HALF_USED)), (25, 25, 23, 23, 1, 100)):
        leave(cache / name, hours)
    made = store.embedded_store()
    assert names(cache) == {*pair(USED), *pair(HALF_USED), made.name, f"{made.stem}_solution.zarr"}


def test_the_withheld_truth_is_there_before_the_store_and_in_a_new_cache(cache, monkeypatch):
    monkeypatch.setenv("CLIMGRU_CACHE", str(cache / "new" / "cache"))
    moved, rename = [], Path.rename
    monkeypatch.setattr(Path, "rename", lambda path, to: moved.append(path.name) or rename(path, to))
    made = store.embedded_store()
    assert moved == [f"{made.stem}_solution.zarr", made.name]
    assert names(cache / "new" / "cache") == set(moved)


@pytest.mark.parametrize(
    "name",
    [
        "embedded-0123456789.zarr",  # ten digits
        "embedded-0123456789xy.zarr",
        "embedded-0123456789ab.zarr.manifest.json",
        "my-embedded-0123456789ab.zarr",
        "embedded-0123456789ab_mine.zarr",
        "tmpabcdef12",  # a folder in which another process makes one
        "runs",
    ],
)
def test_what_is_named_otherwise_stays(cache, name):
    leave(cache / name, 1000)
    store.embedded_store()
    assert (cache / name / ".zattrs").exists()


def test_neither_a_link_nor_a_file_of_that_name_is_removed(cache, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "data.zarr"
    leave(elsewhere, 1000)
    (cache / pair(OLD)[0]).symlink_to(elsewhere)
    (cache / pair(OLD)[1]).write_text("no store")
    os.utime(cache / pair(OLD)[1], (0, 0))
    store.embedded_store()
    assert {*pair(OLD)} < names(cache) and (elsewhere / ".zattrs").exists()


def test_nothing_is_removed_while_the_store_is_there_and_opening_keeps_it(cache):
    made = store.embedded_store()
    leave(cache / pair(OLD)[0], 1000)
    os.utime(made, (0, 0))
    assert store.embedded_store() == made
    assert pair(OLD)[0] in names(cache)
    assert time.time() - made.stat().st_mtime < HOUR


def test_the_name_tells_the_code_and_the_figures_that_make_the_store(cache, monkeypatch):
    read = []
    monkeypatch.setattr(Path, "read_bytes", lambda path: read.append(path.relative_to(PACKAGE).as_posix()) or b"")
    store.embedded_store()
    modules = {f"mini_earth/{path.name}" for path in (PACKAGE / "mini_earth").iterdir() if path.suffix == ".py"}
    assert {"mini_earth/climate.py", "mini_earth/emissions.py"} < modules
    assert set(read) == modules | {f"assets/{path.name}" for path in (PACKAGE / "assets").iterdir()}


def made_together(folder, both):
    """Make the data set, on a small grid, at the same moment as another process; return what it holds."""
    write = mini_earth.write

    def wait(dest):
        write(dest, n_months=36, n_members=1, lat=np.linspace(-67.5, 67.5, 4), lon=30.0 + 60 * np.arange(6))
        both.wait(60)  # nobody has moved a store to its place yet

    os.environ["CLIMGRU_CACHE"], mini_earth.write = str(folder), wait
    return contents(store.embedded_store())


def contents(made):
    """What a store's files hold; zarr 3.0 wrote the consolidated metadata in any order."""
    held = {file.relative_to(made).as_posix(): file.read_bytes() for file in made.rglob("*") if file.is_file()}
    return held | {".zmetadata": json.loads(held[".zmetadata"])}


def test_two_processes_that_make_it_at_once_read_the_same_whole_store(tmp_path):
    context = multiprocessing.get_context("spawn")
    with context.Manager() as manager, context.Pool(2) as pool:
        both = manager.Barrier(2)
        one, other = pool.starmap(made_together, [(tmp_path / "new" / "cache", both)] * 2)
    alone = tmp_path / "alone.zarr"
    mini_earth.write(alone, 36, 1, lat=np.linspace(-67.5, 67.5, 4), lon=30.0 + 60 * np.arange(6))
    assert one == other == contents(alone)
    made = sorted(names(tmp_path / "new" / "cache"))
    assert len(made) == 2 and made[1] == made[0].removesuffix(".zarr") + "_solution.zarr"  # nothing else is left
