"""What is imported, and what is not: help and refusals need no library that takes a second to import."""

import argparse
import json
import os
import subprocess
import sys
from importlib.metadata import version

import pytest

from climgru_lib import cli

HEAVY = {"torch", "lightning", "xarray", "pandas", "zarr", "scipy", "matplotlib", "cartopy", "IPython", "papermill"}
REPORT = "\nimport json, sys; print(json.dumps([code, sorted({name.partition('.')[0] for name in sys.modules})]))"
RUN = """
import io, sys
from contextlib import redirect_stdout
from climgru_lib.cli import main
with redirect_stdout(io.StringIO()):
    try:
        code = main({arguments})
    except SystemExit as ended:
        code = ended.code
"""


def outcome(program: str, cwd=None) -> tuple[int, set[str]]:
    """Run a program in a new interpreter; return what it has put into ``code``, and the packages imported."""
    command = [sys.executable, "-c", program + REPORT]
    path = os.pathsep.join(entry for entry in sys.path if entry)
    done = subprocess.run(command, capture_output=True, text=True, cwd=cwd, env=os.environ | {"PYTHONPATH": path})
    assert done.returncode == 0, done.stderr
    code, packages = json.loads(done.stdout)
    return code, set(packages)


@pytest.mark.parametrize("arguments", ["--help", "train --help", "--version"])
def test_help_imports_nothing_but_the_arguments(arguments):
    code, packages = outcome(RUN.format(arguments=arguments.split()))
    assert code == 0
    assert packages & {*HEAVY, "numpy", "tqdm"} == set()


@pytest.mark.parametrize("arguments", ["splits", "recipes", "study"])
def test_lists_import_nothing_heavy(arguments):
    code, packages = outcome(RUN.format(arguments=arguments.split()))
    assert code == 0
    assert packages & HEAVY == set()


def test_every_command_has_its_function():
    def functions(parser):
        parsers = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
        inner = [name for action in parsers for chosen in action.choices.values() for name in functions(chosen)]
        return inner or [parser.get_default("run")]

    found = functions(cli._parser())
    assert len(found) > 12
    assert {run.__module__.rpartition(".")[0] for run in found} == {"climgru_lib.commands"}


@pytest.mark.parametrize(
    "arguments",
    [
        "train X --recipe nonsense",
        "train X --recipe compact --split nonsense",
        "train X --recipe compact --data missing.zarr",
        "train . --recipe compact",
        "evaluate missing",
        "predict missing --ssp ssp245 --out p.nc",
        "map missing --month 2085-07 --var tas --out m.png",
        "study nonsense",
        "study season --data missing.zarr",
        "course --data missing.zarr",
        "import missing.ckpt X --data missing.zarr",
        "export missing X",
        "data check missing.zarr",
    ],
)
def test_what_cannot_be_done_is_refused_before_anything_heavy_is_imported(arguments, tmp_path):
    (tmp_path / "something").touch()
    code, packages = outcome(RUN.format(arguments=arguments.split()), cwd=tmp_path)
    assert code == 2
    assert packages & HEAVY == set()


@pytest.mark.parametrize("name", ["plot", "plot_map", "map_row", "Selection", "Viewer"])
def test_maps_are_drawn_without_torch(name):
    code, packages = outcome(f"import climgru_lib.maps as maps; code = callable(maps.{name})")
    assert code
    assert "xarray" in packages
    assert "torch" not in packages


def test_a_prediction_is_opened_without_torch():
    _, packages = outcome("from climgru_lib import predict; code = callable(predict.open_prediction)")
    assert "xarray" in packages
    assert "torch" not in packages


@pytest.mark.skipif(
    tuple(map(int, version("torch").split(".")[:2])) < (2, 13), reason="2.6 imports it with the device meta"
)
def test_a_run_is_opened_without_the_compiler_of_pytorch(tmp_path):
    program = """
import torch
from pathlib import Path
from climgru_lib.training import recipes, weights
recipe, code = recipes.named("compact-final"), 0
weights.save_weights(Path("."), recipe.build(6, (12, 18)))
with torch.device("meta"):
    model = recipe.build(6, (12, 18))
weights.load_weights(Path("."), model)
"""
    _, packages = outcome(program, cwd=tmp_path)
    assert "torch" in packages
    assert packages & {"sympy", "pandas", "lightning"} == set()  # sympy comes with the compiler
