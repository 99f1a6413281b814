"""A run's network as one file that needs no climgru: ONNX, or a program of `torch.export`.

What goes in are forcings in the units of the contract and the calendar month, what comes out are maps in K and mm/day:
the seasonal encoding and the normalisation are part of the graph. The file's metadata tell names, order, units and
grid.
"""

from __future__ import annotations

import importlib
import json
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from .. import __version__
from ..contract import VARIABLES, InputError
from ..data import season
from ..data.normalizer import denormalise
from ..training import files
from .emulator import Emulator, targets_of, trained_step

INPUTS, OUTPUT = ("forcings", "month"), "maps"
METADATA = "climgru.json"  # its name among the extra files of a program; in ONNX the entry is named "climgru"
TOLERANCE = 1e-5  # of the standard deviation of a target
SAMPLES = {"traced": 2, "checked": 3}  # the batch is free, so both must do


class ExportedNetwork(nn.Module):
    """A network between the units of the contract.

    Parameters
    ----------
    emulator : Emulator
        A run of a network that maps windows.
    """

    def __init__(self, emulator: Emulator):
        super().__init__()
        recipe, normalizer = emulator.recipe, emulator.normalizer
        self.network, self.window, self.lead = emulator.model, recipe.window, recipe.lead
        channels = emulator.run["channels"]
        self.count = len(channels) - len(season.channels(recipe.season))
        shown = [float(name not in recipe.ignore) for name in channels]
        encoding = season.encode(recipe.season, emulator.run["lat"], np.arange(1, 13))
        season_maps = torch.from_numpy(encoding)[..., None] if encoding.size else None  # (12, channel, lat, 1)
        self.register_buffer("season", season_maps)
        constants = {name: getattr(normalizer, name) for name in normalizer.__dataclass_fields__} | {"shown": shown}
        for name, values in constants.items():
            self.register_buffer(name, torch.tensor(values, dtype=torch.float32)[:, None, None])

    def forward(self, forcings: Tensor, month: Tensor) -> Tensor:
        """Predict the maps of one month.

        Parameters
        ----------
        forcings : Tensor, shape (batch, window, forcing, lat, lon), in the units of the contract
            The last month given is ``lead`` months before the predicted one.
        month : Tensor of int, shape (batch,)
            Calendar month of the prediction, 1..12; a run without a season does not look at it.

        Returns
        -------
        Tensor, shape (batch, target, lat, lon), in the units of the contract
        """
        inputs = forcings
        if self.season is not None:
            before = torch.arange(self.window - 1, -1, -1, device=month.device) + self.lead
            place = torch.remainder(month[:, None] - 1 - before, 12)
            encoding = self.season[place].expand(-1, -1, -1, -1, forcings.shape[-1])
            inputs = torch.cat([forcings, encoding], dim=2)
        z = (inputs - self.input_mean) / self.input_std * self.shown
        return self.network(z) * self.target_std + self.target_mean


def export_network(run_dir: str | Path, out: str | Path) -> Path:
    """Write the network of a run as ``.onnx`` or ``.pt2``, and compare what the file predicts with the run.

    Parameters
    ----------
    run_dir : str or Path
        A finished run of a network without a closed form.
    out : str or Path
        A new file.

    Returns
    -------
    Path

    Raises
    ------
    InputError
        If the file exists, the run is no such network, or the file predicts something else than the run.
    """
    out = Path(out)
    if out.exists():
        raise InputError(f"{out} exists already; remove it or name another place")
    emulator = Emulator.open(run_dir)
    if emulator.recipe.is_fitted:
        raise InputError(
            f"{emulator.recipe.model} predicts whole scenarios, and a file holds a network that maps one window; "
            "export a run of cnn3d or conv_gru"
        )
    write, predict = FORMATS[out.suffix]

    def checked(path: Path) -> None:
        with _quiet():
            write(ExportedNetwork(emulator).eval(), _sample(emulator, SAMPLES["traced"]), _about(emulator), path)
        _require_equal(emulator, predict(path, *_sample(emulator, SAMPLES["checked"])))

    out.parent.mkdir(parents=True, exist_ok=True)
    files.write_atomically(out, checked)
    return out


def _about(emulator: Emulator) -> dict[str, Any]:
    """Return what a user of the file must know."""
    run, recipe, unit = emulator.run, emulator.recipe, trained_step(emulator.run).unit
    hidden = season.channels(recipe.season)
    forcings = [name for name in run["channels"] if name not in hidden]
    units = {name: VARIABLES[name].units[0] for name in (*forcings, *targets_of(run))}
    return {
        "source": f"climgru {__version__}",
        "inputs": {
            "forcings": {
                "dims": ["batch", "window", "forcing", "lat", "lon"],
                "type": "float32",
                "forcing": {name: units[name] for name in forcings},
                "window": f"{recipe.window} consecutive {unit}; the last is {recipe.lead} before the predicted one",
            },
            "month": {"dims": ["batch"], "type": "int64", "meaning": "calendar month of the prediction, 1..12"},
        },
        "output": {
            "maps": {
                "dims": ["batch", "target", "lat", "lon"],
                "target": {name: units[name] for name in targets_of(run)},
                "meaning": f"means of {unit}; precipitation is not cut off at 0",
            }
        },
        "lat": run["lat"],
        "lon": run["lon"],
        "window": recipe.window,
        "lead": recipe.lead,
        "done_within": {
            "season": {"encoding": recipe.season, "channels": hidden},
            "ignored": recipe.ignore,
            "channels": run["channels"],
            "normalisation": emulator.normalizer.to_json(),
        },
        "run": {key: run.get(key) for key in ("recipe", "split", "seed", "data", "numerics", "torch")},
    }


def _sample(emulator: Emulator, count: int) -> tuple[Tensor, Tensor]:
    """Return inputs that are as likely as those of the training: noise with their mean and standard deviation."""
    forcings = len(emulator.run["channels"]) - len(season.channels(emulator.recipe.season))
    noise = torch.randn(
        count, emulator.recipe.window, forcings, *emulator.run["grid"], generator=torch.Generator().manual_seed(count)
    )
    mean, std = (
        torch.tensor(values[:forcings], dtype=torch.float32)[:, None, None]
        for values in (emulator.normalizer.input_mean, emulator.normalizer.input_std)
    )
    return noise * std + mean, torch.arange(count) * 5 % 12 + 1


@torch.inference_mode()
def _of_the_run(emulator: Emulator, forcings: Tensor, month: Tensor) -> np.ndarray:
    """Predict as the run does, with none of what `ExportedNetwork` adds."""
    recipe, normalizer = emulator.recipe, emulator.normalizer
    before = np.arange(recipe.window)[::-1] + recipe.lead
    windows = []
    for one, predicted in zip(forcings, month.numpy()):
        encoding = season.encode(recipe.season, emulator.run["lat"], (predicted - 1 - before) % 12 + 1)
        whole = torch.from_numpy(encoding)[..., None].expand(-1, -1, -1, one.shape[-1])
        inputs = torch.cat([one, whole], dim=1).double()
        mean, std = (torch.from_numpy(v)[:, None, None] for v in (normalizer.input_mean, normalizer.input_std))
        windows.append(recipe.visible(((inputs - mean) / std).float(), emulator.run["channels"]))
    return denormalise(emulator.model(torch.stack(windows)), normalizer)


def _require_equal(emulator: Emulator, maps: np.ndarray) -> None:
    """Refuse a file whose maps are not those of the run, for a batch of another length than was traced."""
    error = np.abs(maps - _of_the_run(emulator, *_sample(emulator, SAMPLES["checked"]))).max(axis=(0, 2, 3))
    relative = error / emulator.normalizer.target_std
    if not (relative <= TOLERANCE).all():
        raise InputError(
            f"the exported network differs from the run by {relative.max():.1e} of a standard deviation, more than "
            f"{TOLERANCE:g}; it is not written"
        )


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep what PyTorch's exporters tell of their own insides from the user."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


def _dynamic() -> dict[str, dict[int, Any]]:
    batch = torch.export.Dim("batch", min=1)
    return {name: {0: batch} for name in INPUTS}


def _write_program(network: ExportedNetwork, sample: tuple, about: dict[str, Any], path: Path) -> None:
    program = torch.export.export(network, sample, dynamic_shapes=_dynamic())
    torch.export.save(program, path, extra_files={METADATA: json.dumps(about)})


def _predict_program(path: Path, forcings: Tensor, month: Tensor) -> np.ndarray:
    with torch.inference_mode():
        return torch.export.load(path).module()(forcings, month).numpy()


def _write_onnx(network: ExportedNetwork, sample: tuple, about: dict[str, Any], path: Path) -> None:
    for module in ("onnx", "onnxscript", "onnxruntime"):  # before a long export, which would fail without one
        importlib.import_module(module)
    found = torch.onnx.export(
        network,
        sample,
        dynamo=True,
        dynamic_shapes=_dynamic(),
        input_names=INPUTS,
        output_names=[OUTPUT],
        verbose=False,
    )
    found.model.metadata_props["climgru"] = json.dumps(about)
    found.save(path)


def _predict_onnx(path: Path, forcings: Tensor, month: Tensor) -> np.ndarray:
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return session.run(None, {"forcings": forcings.numpy(), "month": month.numpy()})[0]


#: Ending to a function that writes a network, and one that predicts with what was written.
FORMATS = {".onnx": (_write_onnx, _predict_onnx), ".pt2": (_write_program, _predict_program)}
