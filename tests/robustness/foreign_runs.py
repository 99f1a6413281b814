"""What somebody else's run directory may hold: fields of run.json, whole files, weights."""

import struct

import torch


def sized(**changes):
    """Change sizes of the recipe's architecture."""
    return lambda run: run["recipe"]["architecture"].update(changes)


def placed(*keys, value):
    """Put a value at a place within run.json."""

    def change(run):
        *path, last = keys
        for key in path:
            run = run[key]
        run[last] = value

    return change


NUMBERS = ("input_mean", "input_std", "target_mean", "target_std")
CHANGES = {
    "unknown field": placed("colour", value="red"),
    "grid": placed("grid", value=[100_000, 100_000]),
    "grid of another shape": placed("grid", value=[8]),
    "longitudes": placed("lon", value=[0.0, 1.0]),
    "latitudes": placed("lat", value=[100.0] * 8),
    "hidden": sized(hidden=1_000_000),
    "layers": sized(layers=10_000_000),
    "width": sized(width="wide"),
    "negative": sized(head=-3),
    "window": placed("recipe", "window", value=10**9),
    "epochs": placed("recipe", "epochs", value="many"),
    "loss": placed("recipe", "loss", value={"tas_l1": None}),
    "seed": placed("seed", value=[1]),
    "name": placed("recipe", "name", value="tiny\nand more"),
    "no model": placed("recipe", "model", value="skynet"),
    "channels": placed("channels", value=["CO2"]),
    "targets": placed("targets", value=["tas", "tas"]),
    "trained": placed("trained", value={"ssp126": "always"}),
    "normaliser": placed("normalizer", value={}),
    "seed too long": placed("seed", value=10**30),
    "numerics too long": placed("numerics", value=-(10**30)),
    "deviation": placed("normalizer", "input_std", value=[0] * 6),
    **{f"{name} is text": placed("normalizer", name, value="x") for name in NUMBERS},
}

#: Fields that a run may lack; each has its meaning without.
OPTIONAL = set(
    "schema withheld loss added numerics precision threads device targets step data_suspicions climgru python torch "
    "numpy xarray wall_seconds peak_memory_mb".split()
)
#: Whole files in the place of run.json.
TEXTS = {
    "empty": "",
    "list": "[]",
    "number": "3",
    "null": "null",
    "cut": "{",
    "deep list": "[" * 100_000,
    "deep object": '{"a":' * 100_000,
    "NaN": "NaN",
    "later schema": '{"schema": 99}',
    "bytes": "\x00\x01",
    "long number": "9" * 5000,
}


def header(length):
    return struct.pack("<Q", length) + b"{}"


def reshaped(content):
    return {name: value.flatten() if value.ndim > 1 else value for name, value in content.items()}


#: Whole files in the place of weights.safetensors.
WEIGHTS = {
    "empty": b"",
    "text": b"hello",
    "header of 10 GB": header(10**10),
    "header beyond the file": header(2),
    "header of 2**63": header(2**63),
}
#: Changes of the weights.
STATES = {
    "flat": reshaped,
    "one missing": lambda content: dict(list(content.items())[1:]),
    "one more": lambda content: content | {"more": torch.ones(1)},
    "another": lambda content: {"ln1.weight": torch.ones(10**6)},
}
#: Whole files in the place of metrics.json.
SCORES = {"list": "[]", "cut": "{", "number": "3", "deep list": "[" * 100_000}
