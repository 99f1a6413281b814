"""One part of the network in several forms, at equal parameters and at equal compute.

Every form has as many parameters as `compact-final` to within 10 %; the widths were found by counting. It is trained
twice: for as many steps of the optimiser as `compact-final`, and, marked ``equal seconds``, for the whole number of
epochs, at least one, whose CPU seconds come closest, as a ratio, to those of that training. The seconds of a step are
those of one thread of a shared CPU with PyTorch 2.13 and batches of 2 runs of 24 targets of two members, the least of
four steps, all forms in turn. One learning rate serves all.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ...training.recipe import Recipe
from ..workbook import Workbook
from .plan import Trial

EQUAL_SECONDS = ", equal seconds"


@dataclass(frozen=True)
class Form:
    """What changes in the architecture of `compact-final`, and the CPU seconds of a step of it."""

    architecture: Mapping[str, Any]
    seconds: float

    def of(self, recipe: Recipe, epochs: int) -> Recipe:
        """Return the recipe with this architecture, annealed over a number of epochs."""
        architecture = {**recipe.architecture, **self.architecture}
        return replace(recipe, architecture=architecture, epochs=epochs, cosine_epochs=epochs)

    def epochs_in(self, epochs: int, reference: Form) -> int:
        """Return the whole number of epochs whose seconds are, as a ratio, closest to those of the reference."""
        exact = epochs * reference.seconds / self.seconds
        below = int(exact)
        return below + (exact**2 > below * (below + 1))


def plan_forms(
    book: Workbook, seeds: Sequence[int], forms: Mapping[str, Form], quick: Sequence[str]
) -> Iterator[Trial]:
    """Plan all forms, the first of which is the reference; the quick profile has some, at equal steps alone."""
    recipe, reference = book.recipe("compact-final"), next(iter(forms.values()))
    for label, form in forms.items() if book.profile == "full" else [(label, forms[label]) for label in quick]:
        timed = form.epochs_in(recipe.epochs, reference)
        for seed in seeds:
            yield Trial(label, form.of(recipe, recipe.epochs), "clean", seed)
            if book.profile == "full" and form is not reference:
                yield Trial(label + EQUAL_SECONDS, form.of(recipe, timed), "clean", seed)


def against_first(forms: Mapping[str, Form]) -> dict[str, str]:
    """Compare every form with the first, at equal steps and at equal seconds."""
    reference, *others = forms
    return {label + how: reference for label in others for how in ("", EQUAL_SECONDS)}
