"""Reference pages from the code: the command line, variables, splits, recipes, the faces of the rooms, extensions."""

import argparse
import ast
import inspect
import json
import os
import sys
from importlib import import_module

from measured import markdown
from sphinx.pycode import ModuleAnalyzer

from climgru_lib import cli
from climgru_lib.contract import VARIABLES
from climgru_lib.course.figures import named
from climgru_lib.course.notebooks import PATTERN, folder
from climgru_lib.data import splits
from climgru_lib.training import describe, recipes

ROOT = folder().parent
EXTENSIONS = ROOT / "tests" / "integration" / "extensions"


def repository() -> str:
    """Return ``owner/name`` where GitHub builds the book; elsewhere it has no links that launch notebooks."""
    return os.environ.get("GITHUB_REPOSITORY", "")


def readme(first: str, before: str) -> str:
    """Return the lines of the README from the one that begins with ``first`` to another."""
    text = (ROOT / "README.md").read_text()
    return text[text.index(f"\n{first}") : text.index(f"\n{before}")].strip()


def notebooks() -> str:
    """Return the list of notebooks: title, the sentence below it, the line of time and needs."""
    rows = []
    for path in sorted(folder().glob(PATTERN)):
        first = "".join(json.loads(path.read_text())["cells"][0]["source"]).split("\n\n")
        needs = next((text for text in first[1:] if text.startswith("Time:")), "")
        time = needs.removeprefix("Time:").split("·")[0].strip()
        rows.append([f"[{first[0].lstrip('# ')}](notebooks/{path.stem}.ipynb)", " ".join(first[1].split()), time])
    return markdown(["notebook", "in one sentence", "time"], rows)


def story() -> str:
    """Return the named pictures of the notebooks, each under its claim."""
    parts = []
    for name, picture in named(folder()).items():
        claim = name.replace("_", " ").capitalize()
        link = f"[{picture.notebook[:3].strip('_')}](notebooks/{picture.notebook})"
        parts.append(f"## {claim}\n\n![{picture.caption}](figures/{name}.png)\n\n{picture.caption} (Notebook {link}.)")
    return "\n\n".join(parts)


def variables() -> str:
    """Return the table of the contract's variables."""
    rows = [
        [
            f"`{name}`",
            one.role,
            ", ".join(one.dims),
            f"`{one.units[0]}`",
            f"{one.low:g} .. {one.high:g}",
            f"{one.mean_low:g} .. {one.mean_high:g}",
        ]
        for name, one in VARIABLES.items()
    ]
    return markdown(["variable", "role", "dimensions", "unit", "range", "range of a scenario's mean"], rows)


def list_of_splits() -> str:
    """Return the splits as ``climgru splits`` prints them."""
    return f"```text\n{splits.listing()}\n```"


def all_recipes() -> str:
    """Return every recipe with its settings, as ``climgru recipes NAME`` prints them."""
    parts = [f"## {name}\n\n```text\n{describe.described(recipe)}\n```" for name, recipe in recipes.RECIPES.items()]
    return "\n\n".join(parts)


def commands(parser: argparse.ArgumentParser | None = None) -> str:
    """Return every command with its arguments, from the parser itself."""
    parser = parser or cli._parser()
    inner = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    if inner:
        return "\n\n".join(commands(one) for one in inner[0].choices.values())
    parser.formatter_class = lambda prog: argparse.HelpFormatter(prog, width=95)
    usage = parser.format_usage().strip()
    rows = [[f"`{_spelled(action)}`", _meaning(action)] for action in parser._actions if action.dest != "help"]
    told = f"## {parser.prog}\n\n{parser.description}\n\n```text\n{usage}\n```"
    return f"{told}\n\n{markdown(['argument', 'meaning'], rows)}" if rows else told


def _spelled(action: argparse.Action) -> str:
    shown = action.metavar or ("" if action.nargs == 0 else "|".join(action.choices or [action.dest.upper()]))
    shown = " ".join(shown) if isinstance(shown, tuple) else shown
    return _escaped(" ".join([", ".join(action.option_strings), shown]).strip())


def _meaning(action: argparse.Action) -> str:
    said = action.help or ""
    if action.choices and action.metavar:
        said += f" ({', '.join(action.choices)})"
    if action.default not in (None, argparse.SUPPRESS, False, "", []) and "default" not in said:
        said = f"{said} (default {action.default})".strip()
    return _escaped(said.replace("<", "&lt;"))


def _escaped(cell: str) -> str:
    return cell.replace("|", "\\|")


def face(room: str) -> str:
    """Return the public names of a room, in reStructuredText for autodoc."""
    module = import_module(f"climgru_lib.{room}")
    public = [name for name in getattr(module, "__all__", []) if not name.startswith("_")]
    parts = [f".. automodule:: climgru_lib.{room}"]
    if not public:
        parts[0] += "\n   :members:"
    shown = {}
    for name in public:
        value = getattr(module, name)
        if inspect.ismodule(value):
            shown[name] = value
        else:
            parts.append(_of_value(room, name, value))
    faces = {id(getattr(module, name)) for name in public}
    for name, inner in sorted(shown.items()):
        again = [key for key, value in vars(inner).items() if id(value) in faces]
        hidden = f"\n   :exclude-members: {', '.join(again)}" if again else ""
        title = f"{room}.{name}"
        parts.append(f"{title}\n{'-' * len(title)}\n\n.. automodule:: {inner.__name__}\n   :members:{hidden}")
    return "```{eval-rst}\n" + "\n\n".join(parts) + "\n```"


def _of_value(room: str, name: str, value: object) -> str:
    path = f"climgru_lib.{room}.{name}"
    if inspect.isclass(value):
        return f".. autoclass:: {path}\n   :members:"
    if inspect.isfunction(value):
        return f".. autofunction:: {path}"
    return f".. py:data:: {path}\n\n   {_comment(room, name)}"


def _comment(room: str, name: str) -> str:
    """Return the ``#:`` comment of a value, which its own module has."""
    for module in [key for key in sys.modules if key.startswith(f"climgru_lib.{room}")]:
        said = ModuleAnalyzer.for_module(module).find_attr_docs().get(("", name))
        if said:
            return " ".join(said).strip()
    return ""


def extensions() -> str:
    """Return the files of the tests that each add one part, with their docstring as heading."""
    parts = []
    for path in sorted(EXTENSIONS.glob("*.py")):
        text = path.read_text()
        said = ast.get_docstring(ast.parse(text)).rstrip(".")
        parts.append(f"### {said[0].upper()}{said[1:]}\n\n`{path.name}`\n\n```python\n{text.strip()}\n```")
    return "\n\n".join(parts)


def example(name: str) -> str:
    """Return one of these files as code."""
    return f"```python\n{(EXTENSIONS / name).read_text().strip()}\n```"


def planted() -> str:
    """Return the faults that are planted to see tests fail."""
    sys.path.insert(0, str(ROOT / "tests"))
    faults = import_module("robustness.planted").FAULTS
    rows = [[fault.what, f"`climgru_lib/{fault.module}`", f"`tests/{fault.tests}`"] for fault in faults]
    return markdown(["fault", "in", "noticed by"], rows)
