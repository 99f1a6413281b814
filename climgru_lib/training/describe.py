"""Recipes in words: every setting with its value and what its documentation says."""

from __future__ import annotations

import inspect
import json
import re
import textwrap

from ..models import MODELS
from .recipe import Recipe
from .recipes import RECIPES

WIDTH = 100
ABOUT = {
    "climatology": "each calendar month's mean map",
    "regression-1": "each cell and calendar month regressed on CO2",
    "regression-2": "... on CO2 and CH4",
    "regression-3": "... on CO2, CH4 and SO2",
    "regression-4": "... on CO2, CH4, SO2 and BC",
    "pattern-scaling": "each cell and calendar month regressed on the global mean temperature",
    "pattern-scaling-gp": "and a Gaussian process of its residual",
    "energy-balance": "beyond the published method: regressed on the warming of each latitude",
    "energy-balance-gp": "and a Gaussian process of its residual",
    "published-first": "the published 3D-CNN, 45 epochs (hours on a GPU)",
    "published-final": "the published two-pathway Conv-GRU, 352.9 million parameters, 45 epochs (a GPU)",
    "compact-first": "a small 3D-CNN of the published blocks that learns in minutes",
    "compact-final": "a small Conv-GRU of the published form with a calm start: a minute on one core",
    "compact": "beyond the published method: a Conv-GRU of what the energy balance leaves over",
}


def listing() -> str:
    """Return a line for each recipe."""
    width = max(map(len, RECIPES))
    return "\n".join(f"{name:{width}}  {ABOUT[name]}" for name in RECIPES)


def described(recipe: Recipe) -> str:
    """Return every setting of a recipe, as `settings.with_settings` takes it, with its meaning."""
    of_recipe, of_model = meanings(Recipe), meanings(MODELS[recipe.model])
    lines = [f"{recipe.name}: {ABOUT[recipe.name]}", ""]
    for name, value in recipe.to_json().items():
        if name == "architecture":
            defaults = inspect.signature(MODELS[recipe.model]).parameters
            for key in recipe.architecture_settings():
                shown = value.get(key, defaults[key].default)
                lines += _setting(f"architecture.{key}", shown, of_model.get(key, ""))
        elif name == "loss":
            for term, weight in value.items():
                lines += _setting(f"loss.{term}", weight, "Weight of this term of the loss.")
        elif name != "name":
            lines += _setting(name, value, of_recipe.get(name, ""))
    return "\n".join(lines)


def _setting(name: str, value: object, meaning: str) -> list[str]:
    indent = " " * 4
    return [
        f"{name} = {json.dumps(value)}",
        *textwrap.wrap(meaning, WIDTH, initial_indent=indent, subsequent_indent=indent),
    ]


def meanings(documented: type) -> dict[str, str]:
    """Return what the section Parameters of a numpydoc docstring says, by name; names listed together share it."""
    section = re.search(r"Parameters\n-+\n(.*?)(?=\n\n\w[^\n]*\n-+\n|\Z)", inspect.getdoc(documented) or "", re.S)
    entries = section.group(1) if section else ""
    found: dict[str, str] = {}
    for names, kind, text in re.findall(r"^(\w[\w, ]*?) : ([^\n]*)\n?((?:[ \n][^\n]*\n?)*)", entries, re.M):
        said = " ".join(textwrap.dedent(text).split())
        found |= dict.fromkeys(names.split(", "), said or kind)
    return found
