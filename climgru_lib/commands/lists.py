"""Lists of what can be named."""

from __future__ import annotations

from argparse import Namespace

from ..progress import doing
from .options import LOADING, command


def add(parsers) -> None:
    """Add `recipes` and `splits`."""
    recipes = command(parsers, "recipes", show_recipes, "list the recipes, or all settings of one")
    recipes.add_argument("name", nargs="?", metavar="NAME")
    command(parsers, "splits", show_splits, "list the splits")


def show_recipes(args: Namespace) -> None:
    """List the recipes, or one with all its settings and their meaning."""
    from ..training import describe, recipes

    with doing(LOADING):
        text = describe.listing() if args.name is None else describe.described(recipes.named(args.name))
    print(text)


def show_splits(args: Namespace) -> None:
    """List the splits."""
    from ..data import splits

    print(splits.listing())
