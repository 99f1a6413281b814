"""Filling the pages: ``{{ ... }}`` calls a public function of `costs`, `drawings`, `measured` or `reference`."""

import inspect
import json

import costs
import drawings
import measured
import reference
from jinja2 import Environment, StrictUndefined

FUNCTIONS = {
    name: function
    for module in (costs, drawings, measured, reference)
    for name, function in inspect.getmembers(module, inspect.isfunction)
    if not name.startswith("_") and function.__module__ == module.__name__
}


def filled(text: str) -> str:
    """Return a page with its calls replaced by what they return."""
    return Environment(undefined=StrictUndefined).from_string(text).render(FUNCTIONS)


def described(notebook: str) -> str:
    """Return a notebook whose pictures have their captions as description, and whose solutions are folded."""
    content = json.loads(notebook)
    for cell in content["cells"]:
        kept = [output.get("metadata", {}).get("image/png", {}).get("alt") for output in cell.get("outputs", [])]
        if captions := [caption for caption in kept if caption]:
            cell["metadata"]["mystnb"] = {"image": {"alt": " ".join(captions)}}
        if "solution" in cell["metadata"].get("tags", []):
            cell["metadata"]["tags"].append("hide-input")
    return json.dumps(content)


def render(app, name: str, source: list[str]) -> None:
    """Fill a page as Sphinx reads it; notebooks are described instead."""
    change = described if name.startswith("notebooks/") else filled
    source[0] = change(source[0])
