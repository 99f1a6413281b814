"""A Zarr store behind an address, as http serves it."""

import re
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from climgru_lib import cli
from climgru_lib.contract import InputError
from climgru_lib.data import load, open_dataset


class Quiet(SimpleHTTPRequestHandler):
    """Serves a folder; in the store ``broken.zarr`` the chunks of rain are an error of the server."""

    def log_message(self, *args):
        pass

    def do_GET(self):
        name, _, rest = self.path[1:].partition("/")
        if name == "broken.zarr":
            self.path = f"/small.zarr/{rest}"
            if rest.startswith("pr/") and ".z" not in rest:
                return self.send_error(500)
        super().do_GET()


@pytest.fixture(scope="module")
def address(store):
    """The folder of the store, served on this machine."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=store.parent))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


def test_a_store_behind_an_address_is_that_on_disk(store, address):
    here, there = load(open_dataset(store)), load(open_dataset(f"{address}/{store.name}"))
    assert here.fingerprint == there.fingerprint
    for ssp in here.scenarios:
        np.testing.assert_array_equal(here.scenarios[ssp].inputs, there.scenarios[ssp].inputs)


@pytest.mark.parametrize("name", ["absent.zarr", "\n.zarr"])
def test_no_store_is_one_line(name, address, tmp_path, capsys):
    assert cli.main(["train", str(tmp_path / "run"), "--recipe", "climatology", "--data", f"{address}/{name}"]) == 2
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 1 and "is no Zarr store that can be read" in told[0]


def test_a_server_that_fails_is_one_line(address, tmp_path, capsys):
    broken = f"{address}/broken.zarr"
    assert cli.main(["train", str(tmp_path / "run"), "--recipe", "climatology", "--data", broken]) == 2
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 1 and re.match(r"climgru: pr of ssp126 cannot be read \(500, .*", told[0])


def test_an_address_of_an_unknown_kind_is_one_line():
    with pytest.raises(InputError, match=r"nowhere://data\.zarr is no Zarr store"):
        open_dataset("nowhere://data.zarr")
