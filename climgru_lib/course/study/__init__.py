"""Studies: many trainings, planned, resumed and put into tables. A study is one file with a `plan.Study`."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING

import lazy_loader

from ...contract import InputError
from ...registry import Registry

if TYPE_CHECKING:
    import pandas as pd

STUDIES = Registry(
    "study",
    {
        "folds": "course.study.folds:STUDY",
        "calm-start": "course.study.calm_start:STUDY",
        "first-start": "course.study.first_start:STUDY",
        "season": "course.study.season:STUDY",
        "dice": "course.study.dice:STUDY",
        "first-final": "course.study.first_final:STUDY",
        "core": "course.study.core:STUDY",
        "encoder": "course.study.encoder:STUDY",
        "window": "course.study.window:STUDY",
        "tas-loss": "course.study.tas_loss:STUDY",
        "loss-weights": "course.study.loss_weights:STUDY",
        "size": "course.study.size:STUDY",
        "head": "course.study.head:STUDY",
        "members": "course.study.members:STUDY",
        "leak": "course.study.leak:STUDY",
        "search": "course.study.search:STUDY",
        "published": "course.study.published:STUDY",
    },
)

_getattr, _dir, _names = lazy_loader.attach(
    __name__,
    submodules=["results", "spread"],
    submod_attrs={"plan": ["Study", "Trial"], "report": ["differences", "plot_curves", "summary", "told"]},
)
__getattr__, __dir__, __all__ = _getattr, _dir, ["STUDIES", "listing", "run", *_names]


def listing() -> str:
    """Return a line for each study: the question that it answers."""
    return "\n".join(f"{name:12}  {question_of(name)}" for name in STUDIES)


def question_of(name: str) -> str:
    """Return the question of a study; that of one of the library is read off its file, importing it takes seconds."""
    file = Path(__file__).with_name(f"{name.replace('-', '_')}.py")
    if STUDIES.source_of(name) or not file.is_file():
        return STUDIES[name].question
    made = next(
        node.value
        for node in ast.parse(file.read_text(encoding="utf-8")).body
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "STUDY"
    )
    named = {keyword.arg: keyword.value for keyword in made.keywords}
    return ast.literal_eval(named.get("question") or made.args[0])


def run(name: str, *args, minutes: float | None = None, workers: int | str | None = None, **kwargs) -> pd.DataFrame:
    """Run a study by name; see `runner.run` for the arguments, and for ``minutes`` `published.run`.

    Raises
    ------
    InputError
        If there is no such study, or it does not take one of the options.
    """
    from . import runner

    study = STUDIES[name]
    own = hasattr(study, "run")
    given = {key: value for key, value in (("minutes", minutes), ("workers", workers)) if value is not None}
    for option in set(given) - set(study.options if own else ["workers"]):
        raise InputError(f"the study {name} takes no --{option}")
    return study.run(*args, **given, **kwargs) if own else runner.run(name, study, *args, **given, **kwargs)
