"""House rules: imports in one direction, every import declared, the same dependencies in both files."""

import ast
import json
import re
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from climgru_lib.cli import EXTRAS

ROOT = Path(__file__).resolve().parents[2]
#: From the top; a room imports only from itself and the rooms above it.
ROOMS = (
    "contract registry grid processes progress stopping mini_earth data models training predict score maps course "
    "commands cli"
).split()
SOURCES = sorted((ROOT / "climgru_lib").rglob("*.py"))
IMPORT_NAMES = {"mlflow-skinny": "mlflow", "pyyaml": "yaml", "pytorch": "torch", "ipython": "IPython", "pillow": "PIL"}
#: What is used without being imported here.
UNSEEN = {"ipykernel", "jupyterlab", "nbclient", "nbval", "nc_time_axis", "netcdf4", "pytest_xdist", "ruff"}
UNSEEN |= {"aiohttp", "alembic", "fsspec", "myst_nb", "onnx", "onnxscript", "sphinx_book_theme", "sqlalchemy"}
UNSEEN |= {"distributed"}  # a module of ours has its name
#: A tool of the user's choice each; the environment has none of them.
TOOLS = {"tensorboard", "mlflow", "wandb"}
#: The rooms that may need more than the plain installation.
EXTRAS_OF_ROOMS = {"maps": {"maps"}, "course": {"maps", "course", "cluster"}, "predict": {"export"}, "training": TOOLS}


def imported(path: Path) -> set[str]:
    """Absolute names of all modules that a file imports."""
    package = path.relative_to(ROOT).with_suffix("").parts[:-1]
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            module = ".".join(part for part in (base, node.module) if part)
            names |= {f"{module}.{alias.name}" for alias in node.names} | {module}
    return names


def room(path: Path) -> str:
    return path.relative_to(ROOT / "climgru_lib").parts[0].removesuffix(".py")


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_imports_only_from_the_rooms_above(path):
    own = room(path)
    if own == "__init__":
        assert not any(name.startswith("climgru_lib") for name in imported(path))
        return
    above = {*ROOMS[: ROOMS.index(own) + 1], "__version__"}
    used = {name.split(".")[1] for name in imported(path) if name.startswith("climgru_lib.")}
    assert used <= above, f"{path.name} reaches down to {used - above}"


def test_no_module_is_longer_than_300_lines():
    assert {path.name: lines for path in SOURCES if (lines := len(path.read_text().splitlines())) > 300} == {}


NOTEBOOKS = sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_import_from_the_faces_of_rooms(path):
    cells = json.loads(path.read_text())["cells"]
    code = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    modules = re.findall(r"^\s*(?:from|import) (climgru_lib[\w.]*)", code, re.M)
    assert modules
    assert all(module.count(".") <= 1 for module in modules), modules


def test_lightning_is_imported_by_its_adapter_alone():
    users = {path.name for path in SOURCES if any(name.split(".")[0] == "lightning" for name in imported(path))}
    assert users == {"lightning_adapter.py", "descent.py", "distributed.py", "loggers.py"}


def requirements() -> dict[str, dict[str, str]]:
    """Return name and bounds of each dependency by extra; those of the plain installation under ``""``."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    groups = {"": project["dependencies"], **project["optional-dependencies"]}
    return {
        extra: dict(split_requirement(line) for line in lines if not line.startswith("climgru["))
        for extra, lines in groups.items()
    }


def declared() -> dict[str, str]:
    return {name: bounds for group in requirements().values() for name, bounds in group.items()}


def modules(names) -> set[str]:
    return {IMPORT_NAMES.get(name, name.replace("-", "_")) for name in names}


def split_requirement(line: str) -> tuple[str, str]:
    name, bounds = re.fullmatch(r"([A-Za-z0-9_-]+)(.*)", line.replace(" ", "")).groups()
    of_conda = {"pytorch": "torch", "python-fastjsonschema": "fastjsonschema"}
    return of_conda.get(name.lower(), name.lower()), bounds


def test_pyproject_and_environment_name_the_same_dependencies():
    conda = yaml.safe_load((ROOT / "environment.yml").read_text())
    assert conda["name"] == "climgru"
    lines = [line for line in conda["dependencies"] if isinstance(line, str)]
    listed = dict(split_requirement(line) for line in lines)
    assert listed.pop("python") == ">=3.11"
    assert listed.pop("pip") == ""
    of_tools = {name for extra in TOOLS for name in requirements()[extra]}
    assert listed == {name: bounds for name, bounds in declared().items() if name not in of_tools}
    assert conda["dependencies"][-1] == {"pip": ["-e ."]}


def test_every_import_is_declared_and_every_dependency_used():
    book = sorted((ROOT / "book").glob("*.py"))
    files = SOURCES + sorted((ROOT / "tests").rglob("*.py")) + book
    used = {name.split(".")[0] for path in files for name in imported(path)} - {
        "climgru_lib",
        "tests",
        "benchmarks",
        "robustness",
        "",
        *(path.stem for path in files),
        *(path.stem for path in book),
    }
    outside = {name for name in used if name not in sys.stdlib_module_names}
    assert outside == modules(declared()) - UNSEEN


def test_every_dependency_is_declared_once():
    names = [name for group in requirements().values() for name in group]
    assert sorted(names) == sorted(set(names))
    assert requirements().keys() == {"", "book", "test", *EXTRAS}


def test_the_course_brings_the_maps_that_its_notebooks_draw():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["name"] == "climgru"
    assert "climgru[maps]" in project["optional-dependencies"]["course"]


def test_the_command_knows_which_extra_brings_a_module():
    assert {extra: set(names) for extra, names in EXTRAS.items()} == {
        extra: modules(requirements()[extra]) for extra in {"maps", "course", "cluster", "export", *TOOLS}
    }


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_plain_installation_is_enough_but_for_maps_and_the_course(path):
    allowed = EXTRAS_OF_ROOMS.get(room(path), set())
    beyond = {module for extra in EXTRAS.keys() - allowed for module in modules(requirements()[extra])}
    assert {name.split(".")[0] for name in imported(path)} & beyond == set()


def test_constraints_pin_every_dependency():
    pinned = {
        re.split("==", line)[0].lower().replace("_", "-") for line in (ROOT / "constraints.txt").read_text().split()
    }
    assert {name.replace("_", "-") for name in declared()} <= pinned
