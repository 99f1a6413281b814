"""Checkpoints as they come: of the published code, damaged, unsound, and such as would run code where unpickled."""

import io
import os
import sys
import types
from pathlib import Path

import torch

from climgru_lib.models import ConvGru

GRID = (8, 12)
SIZES = {"grid": GRID, "width": 4, "hidden": 8, "layers": 2, "head": 16}


def network() -> ConvGru:
    """A network whose batch norms have moved."""
    torch.manual_seed(5)
    made = ConvGru(**SIZES)
    made(torch.randn(2, 3, 6, *GRID))
    return made.eval()


def as_trained_on_a_gpu(network) -> dict[str, torch.Tensor]:
    """Parameters under ``model.``: those of a GRU are parts of one buffer, those of a convolution channels-last."""
    state = {name: value.clone() for name, value in network.state_dict().items()}
    for i in (1, 2):
        names = [name for name in state if name.startswith(f"temporal_model{i}.")]
        parts = torch.cat([state[name].flatten() for name in names]).split([state[name].numel() for name in names])
        state |= {name: part.view(state[name].shape) for name, part in zip(names, parts)}
    for name, value in state.items():
        if value.ndim == 4:
            state[name] = value.contiguous(memory_format=torch.channels_last)
    return {f"model.{name}": value for name, value in state.items()}


def checkpoint(state, **more) -> dict:
    return {
        "epoch": 44,
        "global_step": 12645,
        "pytorch-lightning_version": "2.5.1",
        "state_dict": {**state, "criterion.kernels": torch.full((3,), torch.nan)},
        "optimizer_states": [{"state": {0: {"step": torch.tensor(3.0)}}, "param_groups": [{"lr": 1e-4}]}],
        **more,
    }


def save(content, path: Path, **kwargs) -> Path:
    torch.save(content, path, **kwargs)
    return path


class Harm:
    """Pickles as a call."""

    def __init__(self, function, *args):
        self.call = function, args

    def __reduce__(self):
        return self.call


def lookalike(path: Path):
    """Return a function of a module whose name begins like an accepted one."""
    module = types.ModuleType("omegaconfiscate")
    exec("def touch(path):\n    open(path, 'w')", module.__dict__)
    sys.modules[module.__name__] = module
    return module.touch, str(path)


HARMS = {
    "posix.system": lambda path: (os.system, f"touch {path}"),
    "builtins.eval": lambda path: (eval, f"open({str(path)!r}, 'w')"),
    "builtins.exec": lambda path: (exec, f"open({str(path)!r}, 'w')"),
    "builtins.getattr": lambda path: (getattr, str(path), "upper"),
    "builtins.__import__": lambda path: (__import__, "this"),
    "torch.hub.load": lambda path: (torch.hub.load, str(path), "model"),
    "omegaconfiscate.touch": lookalike,
}


def changed(name, change):
    def edit(state):
        return {**state, f"model.{name}": change(state[f"model.{name}"])}

    return edit


def with_nan(value):
    value = value.clone()
    value[1] = torch.nan
    return value


GRU = "temporal_model1.weight_hh_l0"
UNSOUND = {
    "not a number": (changed("ln2.bias", with_nan), "model.ln2.bias has NaN or infinite values"),
    "infinite": (changed("spatial_encoder2.1.running_var", lambda v: v / 0), "running_var has NaN or infinite"),
    "half": (changed("ln1.weight", torch.Tensor.half), "model.ln1.weight is torch.float16, expected torch.float32"),
    "sparse": (changed(GRU, torch.Tensor.to_sparse), f"model.{GRU} is no dense tensor"),
    "meta": (changed(GRU, lambda v: v.to("meta")), f"model.{GRU} is no dense tensor"),
    "no tensor": (changed(GRU, lambda v: "weights"), f"model.{GRU} is no dense tensor"),
    "expanded": (changed(GRU, lambda v: v[:1, :1].expand(10**6, 10**7)), f"model.{GRU} repeats its values in memory"),
    "empty": (changed(GRU, lambda v: v[:0]), f"model.{GRU} is empty"),
    "shape": (changed("ln1.weight", lambda v: v[:5]), "ln1.weight has shape (5,), expected (8,)"),
    "flat": (changed(GRU, torch.Tensor.flatten), f"{GRU} has shape (192,), expected 2 dimensions"),
    "missing": (lambda s: {k: v for k, v in s.items() if "ln2.bias" not in k}, "ln2.bias is missing"),
    "unknown": (lambda s: s | {"model.extra": torch.ones(1)}, "extra is unknown"),
    "no prefix": (lambda s: {k.removeprefix("model."): v for k, v in s.items()}, "no parameter under 'model.'"),
}
#: What a file that cannot be read must be called.
DAMAGED = {
    "cut short": "cut short",
    "bit flipped": "is damaged in",
    "old format": "not in the zip format",
    "text": "not in the zip format",
    "empty": "not in the zip format",
}
#: What can be read and is no checkpoint.
STATELESS = ({"epoch": 1}, [torch.ones(1)], {"state_dict": [1]})


def damaged(network, folder: Path) -> dict[str, bytes]:
    """Return the content of files that cannot be read, by the kinds of `DAMAGED`."""
    content = checkpoint(as_trained_on_a_gpu(network))
    whole = save(content, folder / "whole.ckpt").read_bytes()
    flipped = bytearray(whole)
    flipped[whole.index(network.output_proj1[0].weight.detach().numpy().tobytes())] ^= 1
    legacy = io.BytesIO()
    torch.save(content, legacy, _use_new_zipfile_serialization=False)
    return dict(zip(DAMAGED, (whole[:-100], bytes(flipped), legacy.getvalue(), b"hello", b""), strict=True))
