"""Settings from the command line: ``key=value`` into a recipe."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterable
from dataclasses import fields, replace
from typing import Any

from ..contract import InputError, of_role
from ..models import MODELS
from .recipe import Recipe


def with_settings(recipe: Recipe, settings: Iterable[str]) -> Recipe:
    """Change fields of a recipe.

    Parameters
    ----------
    recipe : Recipe
    settings : iterable of str
        ``key=value`` with a field of `Recipe` or a dotted entry of ``architecture`` or ``loss``
        (``loss.pr_dice=0.7``); the value is JSON, or a plain word.

    Returns
    -------
    Recipe

    Raises
    ------
    InputError
        If a key is unknown or a value has the wrong type.
    """
    changes: dict[str, Any] = {}
    for setting in settings:
        key, equals, text = setting.partition("=")
        if not equals:
            raise InputError(f"--set wants key=value, got '{setting}'")
        head, _, entry = key.partition(".")
        old = changes.get(head, getattr(recipe, head, None)) if head in _SETTABLE else None
        if old is None or bool(entry) != isinstance(old, dict):
            raise InputError(f"no setting '{key}'; there are {', '.join(_SETTABLE)} (architecture.KEY, loss.TERM)")
        value = _parse(text)
        kind = _entry_type(recipe, head, entry) if entry else type(old)
        if kind is float and type(value) is int:
            value = float(value)
        if kind and type(value) is not kind:
            raise InputError(f"{key} wants a {kind.__name__}, got '{text}'")
        changes[head] = {**old, entry: value} if entry else value
    changed = replace(recipe, **changes)
    if changes:
        changed.check()
        changed.build_loss(of_role("target"))
    return changed


def _entry_type(recipe: Recipe, head: str, entry: str) -> type | None:
    """Return the JSON type of an entry of ``architecture`` or ``loss``; None if the model has no such setting."""
    if head in ("loss", "loss_settings"):
        return {"loss": float, "loss_settings": dict}[head]
    parameter = inspect.signature(MODELS[recipe.model]).parameters.get(entry)
    kind = parameter and type(parameter.default)
    return {tuple: list, type(None): dict}.get(kind, kind)


_SETTABLE = tuple(f.name for f in fields(Recipe) if f.name not in ("name", "model"))


def _parse(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text
