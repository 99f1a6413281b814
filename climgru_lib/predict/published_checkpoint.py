"""Checkpoints of the published code: into a run directory, and back under the published names.

Such a file holds, beside the parameters, its configuration as objects of other packages; they are passed over, see
`training.pickled`.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
import xarray as xr
from torch import Tensor

from ..contract import PUBLISHED_FORCINGS, PUBLISHED_TARGETS, InputError
from ..data import season, splits, tensors
from ..data.splits import Split
from ..models import ConvGru
from ..models.encoders import STRIDES
from ..training import files, fit, pickled, recipes, runs, weights
from .emulator import Emulator, targets_of

PREFIX = "model."  # of the network's parameters among those of the published LightningModule
#: What a run must share with the published code, which would misread its weights otherwise.
AS_PUBLISHED = {
    "model": "conv_gru",
    "season": "published",
    "lead": 1,
    "ignore": [],
    "padding": "zeros",
    "strides": list(STRIDES),
    "encoder": "published",
    "core": "gru",
    "head_kind": "dense",
}
MOST_PARAMETERS = 1000  # names; each of them would be built before it is compared
_SEASON = season.channels(AS_PUBLISHED["season"])
_CONFIGURATION = (
    r"omegaconf(\.\w+)+|typing\.Any|collections\.defaultdict"
    r"|builtins\.(bool|bytes|dict|float|frozenset|int|list|object|range|slice|str|tuple)"
)


def import_checkpoint(
    checkpoint: str | Path, run_dir: str | Path, dataset: xr.Dataset, split: Split = splits.PUBLISHED_SPLIT
) -> Path:
    """Make a finished run of a checkpoint that the published code has trained.

    Parameters
    ----------
    checkpoint : str or Path
        A Lightning ``.ckpt``; only the tensors of its ``state_dict`` under ``model.`` are used.
    run_dir : str or Path
        A new folder; a finished import of the same file, data and split is reused.
    dataset : Dataset
        From `open_dataset`: what the checkpoint was trained on; variables beyond the published ones are left out.
        The file holds no normalisation; the published code fits it on these data, and so does this function.
    split : Split
        What was withheld from that training. The file does not tell; the published code has `splits.PUBLISHED_SPLIT`.

    Returns
    -------
    Path
        The run directory. Its recipe is ``published-final`` with the sizes of the file; how long and with which
        losses it was trained is not in the file, so there are no curves and the seed is ``"unknown"``.

    Raises
    ------
    InputError
        If the file is no such checkpoint, is damaged, names anything that could run code, or does not fit the
        data's grid, or if the folder holds something else. Then nothing is written.
    """
    checkpoint, run_dir = Path(checkpoint), Path(run_dir)
    network = _network(checkpoint, (dataset.sizes["lat"], dataset.sizes["lon"]))
    recipe = replace(recipes.named("published-final"), architecture=_architecture(network))
    data = tensors.prepare(dataset[[*PUBLISHED_FORCINGS, *PUBLISHED_TARGETS]], recipe.season, split)
    with checkpoint.open("rb") as file:
        source = {"file": checkpoint.name, "sha256": hashlib.file_digest(file, "sha256").hexdigest()}
    identity = fit.identity(recipe, data, seed="unknown") | {"imported": source}
    runs.require_free_or_run(run_dir)
    with runs.locked(run_dir):
        if runs.begin(run_dir, identity, resume=True) == "finished":
            print(f"reused the finished run {run_dir.name}")
        else:
            weights.save_weights(run_dir, network)
            runs.finish(run_dir, **fit.facts(recipe, data, network))
    return run_dir


def export_checkpoint(run_dir: str | Path, checkpoint: str | Path) -> Path:
    """Write the weights of a run as a checkpoint that the published LightningModule loads.

    The published code fits its normaliser itself, on its own split, and is told the window by its configuration:
    neither is in the file. Nor is the optimiser's state, so that training cannot go on from it.

    Parameters
    ----------
    run_dir : str or Path
        A finished run of the Conv-GRU with the published season, lead, inputs, padding and strides. What scales the
        features of one is taken into the weights of its GRU.
    checkpoint : str or Path
        A new file.

    Returns
    -------
    Path
        The file; imported again it gives the same weights to the bit.

    Raises
    ------
    InputError
        If the file exists, or the published code has no place for such a run.
    """
    checkpoint = Path(checkpoint)
    if checkpoint.exists():
        raise InputError(f"{checkpoint} exists already; remove it or name another place")
    emulator = Emulator.open(run_dir)
    _require_published(emulator)
    content = {
        "epoch": 0,
        "global_step": 0,
        "pytorch-lightning_version": importlib.metadata.version("lightning"),
        "state_dict": {PREFIX + name: tensor for name, tensor in emulator.model.published_state().items()},
    }
    checkpoint.parent.mkdir(parents=True, exist_ok=True)
    files.write_atomically(checkpoint, lambda temporary: torch.save(content, temporary))
    return checkpoint


def _require_published(emulator: Emulator) -> None:
    recipe = emulator.recipe
    found = recipe.to_json()
    for key, value in AS_PUBLISHED.items():
        found[key] = found.get(key, recipe.architecture.get(key, value))
    wanted = AS_PUBLISHED | {"list of targets": [*PUBLISHED_TARGETS], "list of inputs": [*PUBLISHED_FORCINGS, *_SEASON]}
    found |= {"list of targets": [*targets_of(emulator.run)], "list of inputs": emulator.run["channels"]}
    for key, value in wanted.items():
        if found[key] != value:
            raise InputError(f"the published code has no place for this run: its {key} is {found[key]}, not {value}")


def _network(path: Path, grid: tuple[int, int]) -> ConvGru:
    """Build the network of a checkpoint; its parameters stay in the file until they are read."""
    network = ConvGru.from_published(_parameters(path), grid=grid)
    inputs = len(PUBLISHED_FORCINGS + _SEASON)
    sizes = {"input channels": (network.in_channels, inputs), "pathways": (network.n_targets, len(PUBLISHED_TARGETS))}
    for what, (count, wanted) in sizes.items():
        if count != wanted:
            raise InputError(f"{path} cannot be used: it has {count} {what}, the published network {wanted}")
    return network


def _architecture(network: ConvGru) -> dict[str, Any]:
    gru = network.temporal_model1
    return {
        "width": network.spatial_encoder1[0].out_channels,
        "hidden": gru.hidden_size,
        "layers": gru.num_layers,
        "head": network.output_proj1[0].out_features,
        "bidirectional": gru.bidirectional,
    }


def _parameters(path: Path) -> dict[str, Tensor]:
    """Return the entries of ``state_dict`` under ``model.``, each found to be a sound tensor."""
    cure = "fetch it again, or save it with PyTorch 1.6 or newer"
    content = pickled.read(path, _CONFIGURATION, cure)
    state = content.get("state_dict") if isinstance(content, dict) else None
    if not isinstance(state, dict):
        raise InputError(f"{path} holds no state_dict; it is no checkpoint of the published code")
    named = {name: value for name, value in state.items() if isinstance(name, str) and name.startswith(PREFIX)}
    if len(named) > MOST_PARAMETERS:
        raise InputError(f"{path} has {len(named)} parameters under '{PREFIX}', the published network about a hundred")
    if not named:
        raise InputError(f"{path} holds no parameter under '{PREFIX}'; it is no checkpoint of the published code")
    for name, value in named.items():
        fault = _fault(name, value)
        if fault:
            raise InputError(f"{path} cannot be used: {name} {fault}")
    return named


def _fault(name: str, value: Any) -> str:
    if not isinstance(value, Tensor) or value.layout != torch.strided or value.device.type != "cpu":
        return "is no dense tensor"
    if value.untyped_storage().nbytes() < value.numel() * value.element_size():
        return "repeats its values in memory"
    wanted = torch.int64 if name.endswith("num_batches_tracked") else torch.float32
    if value.dtype != wanted:
        return f"is {value.dtype}, expected {wanted}"
    if not value.numel():
        return "is empty"
    return "" if torch.isfinite(value).all() else "has NaN or infinite values"
