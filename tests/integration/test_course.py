"""The papermill driver: order, parameters, failures; nbval and the number check notice planted faults."""

import base64
import io
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import matplotlib
import nbformat
import numpy as np
import pytest
from PIL import Image

from climgru_lib.cli import main
from climgru_lib.contract import InputError
from climgru_lib.course import execute

ROOT = Path(__file__).resolve().parents[2]
QUIET = {"PYTHONWARNINGS": "ignore", "TQDM_DISABLE": "1"}


def write_notebook(path: Path, *sources: str, parameters: str = "window: int = 12") -> Path:
    cells = [nbformat.v4.new_code_cell(parameters, metadata={"tags": ["parameters"]})]
    cells += [nbformat.v4.new_code_cell(source) for source in sources]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), path)
    return path


@pytest.fixture
def folder(tmp_path) -> Path:
    folder = tmp_path / "notebooks"
    folder.mkdir()
    write_notebook(folder / "00_first.ipynb", "print('window', window)")
    write_notebook(folder / "01_second.ipynb", "print('before')", "raise ValueError('no rain')", "print('after')")
    return folder


def test_parameters_reach_the_notebooks_that_declare_them(folder, tmp_path, capfd):
    [path] = execute.run(only=["00"], out=tmp_path / "out", parameters=["window=6"], folder=folder)
    cells = nbformat.read(path, as_version=4).cells
    assert cells[-1].outputs[0].text == "window 6\n"
    assert "WARNING" not in capfd.readouterr().err


def test_an_undeclared_parameter_is_refused_before_anything_runs(folder, tmp_path):
    with pytest.raises(InputError, match="no selected notebook has a parameter 'windw'; there are window"):
        execute.run(out=tmp_path / "out", parameters=["windw=6"], folder=folder)
    assert not (tmp_path / "out" / "notebooks").exists()


def test_an_unknown_notebook_is_refused(folder, tmp_path):
    with pytest.raises(InputError, match="no notebook 09; there are 00, 01"):
        execute.run(only=["09"], out=tmp_path / "out", folder=folder)


def test_a_failing_notebook_is_named_with_its_cell_and_kept(folder, tmp_path):
    with pytest.raises(execute.NotebookFailed, match=r"01_second.ipynb failed in cell 3: ValueError: no rain"):
        execute.run(out=tmp_path / "out", folder=folder)
    kept = nbformat.read(tmp_path / "out" / "notebooks" / "01_second.ipynb", as_version=4)
    assert any("before" in output.get("text", "") for cell in kept.cells for output in cell.get("outputs", []))


def test_scrubbing_makes_two_executions_equal(folder, tmp_path):
    texts = []
    for name in ("a", "b"):
        [path] = execute.run(only=["00"], out=tmp_path / name, folder=folder)
        texts.append(nbformat.writes(execute.scrub(nbformat.read(path, as_version=4))))
    assert texts[0] == texts[1]
    assert json.loads(texts[0])["cells"][1]["execution_count"] == 2


def test_scrubbing_leaves_few_colours_all_near_their_own_and_is_done_once():
    hue = np.linspace(0, 1, 40_000).reshape(200, 200)  # every colour of a map with two ends and white between
    full = (255 * matplotlib.colormaps["RdBu_r"](hue)).round().astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(full).save(buffer, "png")
    cell = nbformat.v4.new_code_cell(outputs=[nbformat.v4.new_output("display_data", {"image/png": ""})])
    cell.outputs[0].data["image/png"] = base64.b64encode(buffer.getvalue()).decode()
    once = execute.scrub(nbformat.v4.new_notebook(cells=[cell]))
    picture = once.cells[0].outputs[0].data["image/png"]
    left = np.asarray(Image.open(io.BytesIO(base64.b64decode(picture))).convert("RGB")).astype(int)
    assert len(np.unique(left.reshape(-1, 3), axis=0)) <= 256
    assert np.abs(left - full[..., :3]).max() < 0.1 * 255
    assert execute.scrub(once).cells[0].outputs[0].data["image/png"] == picture


def nbval(path: Path) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:zarr", "-p", "no:cacheprovider", "--nbval"]
    command += ["--nbval-current-env", "--nbval-sanitize-with", str(ROOT / "tests/nbval.cfg"), str(path)]
    return subprocess.run(command, capture_output=True, text=True, env=os.environ | QUIET, cwd=path.parent)


def test_nbval_notices_a_changed_shape_and_ignores_a_trained_digit(tmp_path):
    path = write_notebook(tmp_path / "n.ipynb", "print('shape', (2, 3))\nprint('[num] score = 0.81')")
    execute._execute(path, path, {}, 60)
    assert nbval(path).returncode == 0
    text = path.read_text()
    path.write_text(text.replace("score = 0.81\\n", "score = 0.79\\n"))
    assert nbval(path).returncode == 0
    path.write_text(text.replace("shape (2, 3)\\n", "shape (2, 4)\\n"))
    assert nbval(path).returncode == 1


@pytest.mark.parametrize("path", sorted((ROOT / "notebooks").glob("*.ipynb")), ids=lambda path: path.stem)
def test_a_committed_notebook_is_executed_clean_and_small(path):
    notebook = nbformat.read(path, as_version=4)
    assert problems_of(notebook) == []
    assert path.stat().st_size < 1_000_000


@pytest.mark.parametrize("path", sorted((ROOT / "notebooks").glob("*.ipynb")), ids=lambda path: path.stem)
def test_a_notebook_needs_no_checkout(path):
    code = [cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    place = (
        r"__file__|\bROOT\b|pyproject|getcwd|\.cwd\(|\.\./|\b(?:tests|figures|book|climgru_lib|notebooks)/|from tests"
    )
    assert [line for cell in code for line in cell.splitlines() if re.search(place, line)] == []


def problems_of(notebook) -> list[str]:
    """What nbval would not see: cells that it would not compare, errors, warnings, missing template parts."""
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    problems = [f"cell {i} was not executed in order" for i, cell in enumerate(code, 1) if cell.execution_count != i]
    outputs = [output for cell in code for output in cell.outputs]
    problems += ["an error is committed" for output in outputs if output.output_type == "error"]
    problems += ["stderr is committed" for output in outputs if output.get("name") == "stderr"]
    problems += ["coastlines() would download" for cell in code if ".coastlines(" in cell.source]
    tagged = [cell for cell in code if "parameters" in cell.metadata.get("tags", [])]
    wanted = ("data_path", "profile", "seed", "out_dir")
    if len(tagged) != 1 or [line.split(":")[0] for line in tagged[0].source.splitlines()[:4]] != list(wanted):
        problems.append("the parameters cell is missing or does not begin with " + ", ".join(wanted))
    prose = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    problems += [f"{part} is missing" for part in ("## Overview", "## Exercises", "## Summary") if part not in prose]
    return problems


def test_most_cells_with_text_or_tables_are_compared():
    told = compared = 0
    for path in (ROOT / "notebooks").glob("*.ipynb"):
        for cell in nbformat.read(path, as_version=4).cells:
            outputs = cell.get("outputs", [])
            if any(one.output_type in ("stream", "execute_result") or "text/html" in one.data for one in outputs):
                told += 1
                compared += "nbval-ignore-output" not in cell.metadata.get("tags", [])
    assert told > 150
    assert compared / told >= 0.7


def test_the_notebook_check_notices_an_unexecuted_cell():
    path = sorted((ROOT / "notebooks").glob("*.ipynb"))[0]
    notebook = nbformat.read(path, as_version=4)
    [cell for cell in notebook.cells if cell.cell_type == "code"][1].execution_count = None
    assert problems_of(notebook) == ["cell 2 was not executed in order"]


def test_the_number_check_notices_a_number_outside_its_tolerance(tmp_path):
    out = tmp_path / "out"
    expected = json.loads((ROOT / "tests/expected/04.json").read_text())
    values = {name: entry["value"] for name, entry in expected.items()}
    (out / "04").mkdir(parents=True)
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        str(ROOT / "tests/numbers/test_numbers.py"),
    ]
    command += ["-k", "04"]
    for factor, code in ((1.0, 0), (1 + 2 * max(entry["rtol"] for entry in expected.values()), 1)):
        (out / "04" / "metrics.json").write_text(json.dumps({name: value * factor for name, value in values.items()}))
        done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"CLIMGRU_OUT": str(out)})
        assert done.returncode == code, done.stdout


def test_numbers_are_skipped_where_no_notebook_was_executed_but_not_under_make_test(tmp_path):
    for part in ("climgru_lib", "tests/expected"):
        shutil.copytree(ROOT / part, tmp_path / part, ignore=shutil.ignore_patterns("__pycache__", "results"))
    for part in ("tests/numbers/test_numbers.py", "pyproject.toml"):
        (tmp_path / part).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / part, tmp_path / part)
    command = [sys.executable, "-m", "pytest", "-x", "-p", "no:cacheprovider", "tests/numbers"]
    environment = {name: value for name, value in os.environ.items() if name != "CLIMGRU_OUT"}
    environment["PYTHONPATH"] = str(tmp_path)
    for changes, code in (({}, 0), ({"CLIMGRU_OUT": str(tmp_path / "out")}, 1)):
        done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment | changes)
        assert done.returncode == code, done.stdout
        assert ("`make test` executes the notebooks first" in done.stdout) is (code == 0)
    assert "passed" not in done.stdout and "metrics.json" in done.stdout


@pytest.fixture(scope="session")
def netcdf(tmp_path_factory) -> Path:
    from climgru_lib import mini_earth

    path = tmp_path_factory.mktemp("netcdf") / "short.nc"
    mini_earth.make(n_months=180, n_members=2, seed=3).to_netcdf(path)
    return path


@pytest.mark.parametrize(
    ("number", "parameter"),
    [("02", "seed=1"), ("04", "window=6"), ("09", "pathways=4")],
    ids=lambda value: value,
)
def test_notebooks_run_with_other_parameters_on_a_netcdf_file(number, parameter, netcdf, tmp_path):
    assert main(["course", "--data", str(netcdf), "--only", number, "-p", parameter, "--out", str(tmp_path)]) == 0
    text = next((tmp_path / "notebooks").glob(f"{number}_*.ipynb")).read_text()
    assert "not compared: data_path" in text or "check_close" not in text


@pytest.mark.parametrize("where", ["notebooks", "elsewhere"])
def test_a_notebook_runs_with_plain_papermill_from_any_directory(where, netcdf, tmp_path, tmp_path_factory):
    cwd = {"notebooks": ROOT / "notebooks", "elsewhere": tmp_path}[where]
    out = tmp_path_factory.getbasetemp() / "shared"
    command = [
        sys.executable,
        "-m",
        "papermill",
        str(ROOT / "notebooks" / "02_seasonal_encoding.ipynb"),
        str(tmp_path / "executed.ipynb"),
    ]
    command += ["-k", "python3", "--no-progress-bar", "-p", "data_path", str(netcdf), "-p", "out_dir", str(out)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=cwd, env=os.environ | QUIET)
    assert done.returncode == 0, done.stderr[-2000:]
