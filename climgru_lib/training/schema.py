"""What ``run.json`` may hold: types and sizes, checked before anything is built of it."""

from __future__ import annotations

from functools import cache
from typing import Any

#: Raised when a field is added; 2 has coordinates, 3 has targets: tas and pr where there are none; 5 has processes;
#: 6 has a step: a month where there is none.
VERSION = 6

_WORD = {"type": "string", "minLength": 1, "maxLength": 200, "pattern": r"^[^\x00-\x1f\x7f]*$"}
_WORDS = {"type": "array", "items": _WORD, "maxItems": 1000}
_COUNT = {"type": "integer", "minimum": 0, "maximum": 1_000_000}
_NUMBER = {"type": "number", "minimum": 0, "maximum": 1e40}
_INTEGER = {"type": "integer", "minimum": -(2**63), "maximum": 2**63 - 1}  # as files of predictions hold them
_SWITCH = {"type": "boolean"}
_PARTS = {"type": "object", "maxProperties": 100}
_MONTHS = {"type": "array", "items": {"type": "string", "pattern": r"^\d{4}(-\d\d)?$"}, "maxItems": 100_000}
_SIZE = {"type": "integer", "minimum": 1, "maximum": 10_000}


def _numbers(low: float, high: float, **more: Any) -> dict[str, Any]:
    return {"type": "array", "items": {"type": "number", "minimum": low, "maximum": high, **more}, "maxItems": 10_000}


def _fields(known: dict[str, Any], required: str = "", **more: Any) -> dict[str, Any]:
    return {"type": "object", "properties": known, "required": required.split(), **more}


_RECIPE = _fields(
    {
        "name": _WORD,
        "model": _WORD,
        "architecture": _PARTS,
        "season": _WORD,
        "ignore": _WORDS,
        "loss": {"type": "object", "maxProperties": 100, "additionalProperties": _NUMBER},
        "loss_settings": {"type": "object", "maxProperties": 100, "additionalProperties": _PARTS},
        "combination": _WORD,
        **dict.fromkeys(("dice_per_sample", "area_weighted", "cosine_by_batch", "start_at_mean"), _SWITCH),
        **dict.fromkeys(
            ("window", "lead", "epochs", "cosine_epochs", "warmup", "runs", "run_length", "stride"), _COUNT
        ),
        **dict.fromkeys(("learning_rate", "weight_decay", "min_learning_rate", "gradient_clip"), _NUMBER),
    },
    "name model",  # a field of another version is named by `Recipe.from_json`
)
_NORMALIZER = _fields(
    {
        "input_mean": _numbers(-1e40, 1e40),
        "target_mean": _numbers(-1e40, 1e40),
        "input_std": _numbers(0, 1e40, exclusiveMinimum=0),
        "target_std": _numbers(0, 1e40, exclusiveMinimum=0),
    },
    "input_mean target_mean input_std target_std",
    additionalProperties=False,
)
_RUN = _fields(
    {
        "schema": {"type": "integer", "minimum": 1},
        "status": {"enum": ["unfinished", "finished"]},
        "recipe": _RECIPE,
        "split": _WORD,
        "withheld": _WORDS,
        "loss": {"type": "object"},
        "added": {"type": "object", "additionalProperties": _WORD},
        "imported": {"type": "object", "additionalProperties": _WORD},
        "seed": {"anyOf": [_INTEGER, {"enum": ["unknown"]}]},
        "numerics": _INTEGER,
        "precision": _WORD,
        **dict.fromkeys(("data", "torch", "climgru", "python", "numpy", "xarray", "code", "device"), _WORD),
        **dict.fromkeys(("threads", "processes"), _SIZE),  # without processes: one
        "data_suspicions": {"type": "array", "items": {"type": "string", "maxLength": 1000}, "maxItems": 1000},
        "normalizer": _NORMALIZER,
        "channels": _WORDS,
        "targets": _WORDS,
        "step": {"enum": ["month", "year"]},
        "grid": {"type": "array", "items": _SIZE, "minItems": 2, "maxItems": 2},
        "lat": _numbers(-90, 90),
        "lon": _numbers(-360, 720),
        "trained": {"type": "object", "maxProperties": 1000, "additionalProperties": _MONTHS},
        **dict.fromkeys(("parameters", "wall_seconds", "peak_memory_mb"), _NUMBER),
    },
    "status recipe split seed data",
    additionalProperties=False,
)
_OF_FINISHED = _fields({}, "normalizer channels grid trained parameters")


@cache
def _validators():
    import fastjsonschema

    return [fastjsonschema.compile(schema) for schema in (_RUN, _OF_FINISHED)]


def fault(run: Any) -> str:
    """Return what is wrong with the content of a ``run.json``, in a few words; nothing if it is sound."""
    import fastjsonschema

    of_all, of_finished = _validators()
    try:
        of_all(run)
        if run["status"] == "finished":
            of_finished(run)
    except fastjsonschema.JsonSchemaValueException as error:
        return error.message.removeprefix("data").lstrip(". ")[:200]
    return "" if run["status"] != "finished" else _mismatch(run)


def _mismatch(run: dict[str, Any]) -> str:
    """Tell which lists of a finished run do not go together."""
    targets = run.get("targets", ["tas", "pr"])
    lengths = {
        "input_mean": (run["normalizer"]["input_mean"], len(run["channels"])),
        "input_std": (run["normalizer"]["input_std"], len(run["channels"])),
        "target_mean": (run["normalizer"]["target_mean"], len(targets)),
        "target_std": (run["normalizer"]["target_std"], len(targets)),
        "lat": (run.get("lat"), run["grid"][0]),
        "lon": (run.get("lon"), run["grid"][1]),
    }
    for name, (values, wanted) in lengths.items():
        if values is not None and len(values) != wanted:
            return f"{name} has {len(values)} entries, not {wanted}"
    if ("lat" in run) != ("lon" in run):
        return "lat and lon are given together or not at all"
    if len(set(targets)) != len(targets) or len(set(run["channels"])) != len(run["channels"]):
        return "channels or targets are named twice"
    return ""
