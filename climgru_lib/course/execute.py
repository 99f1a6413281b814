"""Executing the course: papermill over the notebooks, and the scrubbing of committed ones."""

from __future__ import annotations

import ast
import base64
import copy
import os
import sys
from collections.abc import Iterable, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nbformat
import papermill
import yaml
from papermill.exceptions import PapermillExecutionError
from tqdm import tqdm

from ..contract import InputError
from ..data.paths import EMBEDDED, is_remote, output_dir, require_source
from ..maps.pictures import small
from . import figures, notebooks, readme_picture

CELL_SECONDS = {"quick": 900, "full": None}
#: Waiting threads sleep: on a machine with other work, spinning ones make small convolutions many times slower.
KERNEL_ENVIRONMENT = {"TQDM_DISABLE": "1", "PYTHONWARNINGS": "ignore", "OMP_WAIT_POLICY": "PASSIVE"}


class NotebookFailed(InputError):
    """A notebook stopped with an error; its partial output is kept."""


def run(
    data: str = "embedded",
    profile: str = "quick",
    only: Sequence[str] | None = None,
    out: str | Path | None = None,
    parameters: Sequence[str] = (),
    folder: Path | None = None,
) -> list[Path]:
    """Execute the notebooks in order.

    Parameters
    ----------
    data, profile : str
        Parameters ``data_path`` and ``profile`` of every notebook.
    only : sequence of str, optional
        Numbers of notebooks, e.g. ``["04"]``.
    out : path, optional
        Where executed notebooks and results go; see `paths.output_dir`.
    parameters : sequence of str
        ``key=value``, injected where a notebook declares the key.
    folder : Path, optional
        The notebooks; those of the course by default.

    Returns
    -------
    list of Path
        The executed copies.

    Raises
    ------
    InputError
        If a parameter is declared by no selected notebook, or a number names no notebook.
    NotebookFailed
        If a cell fails; the message names notebook, cell and error.
    """
    root = output_dir(str(out or ""))
    chosen = _select(folder or notebooks.folder(), only)
    wanted = dict(_parse(text) for text in parameters)
    declared = {path: papermill.inspect_notebook(str(path)) for path in chosen}
    for key in wanted:
        if not any(key in keys for keys in declared.values()):
            known = sorted(set().union(*declared.values()))
            raise InputError(f"no selected notebook has a parameter '{key}'; there are {', '.join(known)}")
    _check_types(wanted, declared.values())
    common = {"data_path": data, "profile": profile, "out_dir": str(root)} | wanted
    if common["data_path"] != EMBEDDED:
        require_source(common["data_path"])
        if not is_remote(common["data_path"]):
            common["data_path"] = str(Path(common["data_path"]).resolve())
    (root / "notebooks").mkdir(parents=True, exist_ok=True)
    outputs = []
    for path in tqdm(chosen, desc="course", unit="notebook"):
        given = {key: value for key, value in common.items() if key in declared[path]}
        tqdm.write(f"{path.name} ...", file=sys.stderr)
        outputs.append(_execute(path, root / "notebooks" / path.name, given, CELL_SECONDS[profile]))
    return outputs


def _select(folder: Path, only: Sequence[str] | None) -> list[Path]:
    numbered = {path.name.partition("_")[0]: path for path in sorted(folder.glob(notebooks.PATTERN))}
    for number in only or ():
        if number not in numbered:
            raise InputError(f"no notebook {number}; there are {', '.join(numbered)}")
    return [path for number, path in numbered.items() if only is None or number in only]


def _parse(text: str) -> tuple[str, Any]:
    key, equals, value = text.partition("=")
    if not equals:
        raise InputError(f"-p wants key=value, got '{text}'")
    return key, yaml.safe_load(value)


def _check_types(wanted: dict[str, Any], declared: Iterable[dict[str, dict[str, Any]]]) -> None:
    """Refuse values of another type than a notebook's own, before an hour has passed in the notebooks before it."""
    for parameters in declared:
        for key in wanted.keys() & parameters.keys():
            own, value = ast.literal_eval(parameters[key]["default"]), wanted[key]
            if type(own) is float and type(value) is int:
                continue
            if type(own) is not type(value):
                raise InputError(f"-p {key} wants a {type(own).__name__} such as {own!r}, got {value!r}")


def _execute(source: Path, target: Path, parameters: dict[str, Any], seconds: int | None) -> Path:
    try:
        with _environment(KERNEL_ENVIRONMENT):
            papermill.execute_notebook(
                str(source),
                str(target),
                parameters=parameters,
                kernel_name="python3",
                progress_bar=False,
                execution_timeout=seconds,
                cwd=str(target.parent),
                extra_arguments=["--IPKernelApp.log_level=ERROR"],  # it warns of TCP, which stays on this machine
            )
    except PapermillExecutionError as error:
        first = next(iter(str(error.evalue).splitlines()), "no message")
        raise NotebookFailed(
            f"{source.name} failed in cell {error.exec_count}: {error.ename}: {first} (partial output: {target})"
        ) from error
    except Exception as error:
        raise NotebookFailed(f"{source.name} did not finish: {error} (partial output: {target})") from error
    return target


@contextmanager
def _environment(changes: dict[str, str]):
    before = dict(os.environ)
    os.environ.update(changes)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def scrub(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Drop from an executed notebook what differs from run to run, in place.

    Timings, widget state, injected parameters and stderr go, and most colours of pictures; cell ids and execution
    counts are made regular, so that two executions of one notebook differ only where their results do.
    """
    notebook.metadata = nbformat.from_dict(
        {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        }
    )
    notebook.cells = [cell for cell in notebook.cells if "injected-parameters" not in cell.metadata.get("tags", [])]
    count = 0
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number:03d}"
        tags, jupyter = cell.metadata.get("tags"), cell.metadata.get("jupyter")
        cell.metadata = nbformat.from_dict({k: v for k, v in (("tags", tags), ("jupyter", jupyter)) if v})
        if cell.cell_type != "code":
            continue
        count += 1
        cell.execution_count = count
        cell.outputs = [output for output in cell.outputs if output.get("name") != "stderr"]
        for output in cell.outputs:
            if "execution_count" in output:
                output.execution_count = count
            for view in ("application/vnd.jupyter.widget-view+json", "application/vnd.jupyter.widget-state+json"):
                output.get("data", {}).pop(view, None)
            if picture := output.get("data", {}).get("image/png"):
                output.data["image/png"] = _small(picture)
    return notebook


def _small(picture: str) -> str:
    """Return a PNG, in base64, with few colours, see `canvas.small`; as it is if it has a palette already."""
    png = base64.b64decode(picture)
    has_palette = png[25] == 3  # the colour type, in the header of every PNG
    return picture if has_palette else base64.b64encode(small(png)).decode()


def unscrubbed(folder: Path) -> list[Path]:
    """Return the notebooks of a folder that `scrub` would change."""
    read = {path: nbformat.read(path, as_version=4) for path in _select(folder, None)}
    return [path for path, notebook in read.items() if scrub(copy.deepcopy(notebook)) != notebook]


def refresh(folder: Path, only: Sequence[str] | None, out: Path) -> None:
    """Execute notebooks with their committed parameters, put the scrubbed results in their place, draw ``figures/``."""
    for path in tqdm(_select(folder, only), desc="notebooks", unit="notebook"):
        target = out / path.name
        target.parent.mkdir(parents=True, exist_ok=True)
        _execute(path, target, {}, CELL_SECONDS["quick"])
        nbformat.write(scrub(nbformat.read(target, as_version=4)), path)
    pictures = folder.parent / "figures"
    for name, picture in figures.named(folder).items():
        (pictures / f"{name}.png").write_bytes(picture.png)
    readme_picture.draw(pictures)
