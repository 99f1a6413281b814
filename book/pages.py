"""Filling the pages: ``{{ ... }}`` calls a public function of `measured` or `reference`."""

import inspect

import measured
import reference
from jinja2 import Environment, StrictUndefined

FUNCTIONS = {
    name: function
    for module in (measured, reference)
    for name, function in inspect.getmembers(module, inspect.isfunction)
    if not name.startswith("_")
}


def filled(text: str) -> str:
    """Return a page with its calls replaced by what they return."""
    return Environment(undefined=StrictUndefined).from_string(text).render(FUNCTIONS)


def render(app, name: str, source: list[str]) -> None:
    """Fill a page as Sphinx reads it; notebooks stay as they are."""
    if not name.startswith("notebooks/"):
        source[0] = filled(source[0])
