"""What long work shows on stderr: something at a terminal, a line a minute elsewhere, nothing where it is silenced."""

import io
import os
import re
import subprocess
import sys

import pytest

from climgru_lib import mini_earth, progress
from climgru_lib.cli import main


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def terminal(monkeypatch) -> Terminal:
    """Put a terminal in the place of stderr; within a test, as pytest exchanges it after fixtures."""
    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.setattr(progress, "SECONDS_BEFORE_BAR", 0)
    return sys.stderr


@pytest.fixture(scope="module")
def short(tmp_path_factory):
    path = tmp_path_factory.mktemp("store") / "short.zarr"
    return mini_earth.write(path, n_months=168, n_members=2)


@pytest.fixture(scope="module")
def run_dir(short, tmp_path_factory):
    run_dir = tmp_path_factory.mktemp("runs") / "run"
    assert main(["train", str(run_dir), "--recipe", "pattern-scaling", "--data", str(short)]) == 0
    return run_dir


def test_making_the_embedded_data_shows_a_bar(monkeypatch, tmp_path, capsys):
    at = terminal(monkeypatch)
    mini_earth.write(tmp_path / "a.zarr", n_months=26, n_members=1, scenarios=["ssp126", "ssp245"])
    shown = at.getvalue()
    assert re.search(r"making the embedded data: +0%.* 0/52 ", shown)
    assert re.search(r"making the embedded data: +(50%.* 26|100%.* 52)/52 ", shown)  # half is shown where it lasts
    assert shown.endswith("\r")  # what was shown is gone
    assert capsys.readouterr().out == ""


def test_a_file_gets_a_line_a_minute(monkeypatch):
    shown = io.StringIO()
    monkeypatch.setattr(sys, "stderr", shown)
    mini_earth.make(n_months=2, n_members=1)
    assert shown.getvalue() == ""
    monkeypatch.setattr(progress, "SECONDS_PER_LINE", 0)
    mini_earth.make(n_months=2, n_members=1, scenarios=["ssp126", "ssp245"])
    assert shown.getvalue().splitlines() == [f"making the embedded data: {done} of 4 months" for done in (0, 2, 4)]


@pytest.mark.parametrize(
    ("arguments", "steps"),
    [
        ("evaluate {run} --data {data} --draws 3", ["loading", "reading", "scoring", "judging 3 draws"]),
        ("predict {run} --data {data} --ssp ssp245 --out {out}.nc", ["loading", "reading", "predicting ssp245"]),
        ("predict {run} --data {data} --ssp ssp245 --draws 2 --out {out}.nc", ["predicting", "drawing", "writing"]),
        ("train {out} --recipe climatology --data {data}", ["loading", "reading", "preparing", "scoring"]),
        ("data check {data}", ["loading", "reading"]),
        ("recipes compact", ["loading"]),
    ],
)
def test_a_command_says_at_a_terminal_what_it_does(arguments, steps, short, run_dir, tmp_path, monkeypatch, capsys):
    command = arguments.format(run=run_dir, data=short, out=tmp_path / "out").split()
    at = terminal(monkeypatch)
    assert main(command) == 0
    shown = at.getvalue()
    places = [shown.find(step) for step in steps]
    assert -1 not in places and places == sorted(places), shown
    assert capsys.readouterr().out


def test_silence_is_kept(short, run_dir, tmp_path):
    command = [sys.executable, "-c", "import sys; sys.stderr.isatty = lambda: True; from climgru_lib.cli import main; "]
    command[-1] += f"sys.exit(main(['predict', '{run_dir}', '--data', '{short}', '--ssp', 'ssp245', '--draws', '1', "
    command[-1] += f"'--out', '{tmp_path / 'p.nc'}']))"
    for disable, silent in (("1", True), ("", False)):
        done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"TQDM_DISABLE": disable})
        assert done.returncode == 0
        assert (done.stderr == "") is silent
