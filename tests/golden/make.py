"""Makes `conv_gru.npz` and `losses.npz`: the published network and losses in plain NumPy and SciPy, without torch.

Run it from anywhere as ``python tests/golden/make.py``; the files are committed and change only with this script.
"""

from pathlib import Path

import numpy as np
from scipy.ndimage import map_coordinates
from scipy.signal import correlate2d
from scipy.special import expit

HERE = Path(__file__).parent
GRID, CHANNELS, WIDTH, HIDDEN, HEAD, LAYERS = (6, 8), 3, 4, 5, 7, 2


def parameters(rng):
    """Random parameters of a small published network, named as in its checkpoints."""
    sizes, features = (CHANNELS, WIDTH, 2 * WIDTH, 2 * WIDTH, 4 * WIDTH), 4 * WIDTH * GRID[0] * GRID[1] // 4
    shapes = {}
    for i in "12":
        for place, before, after in zip((0, 3, 6, 9), sizes[:-1], sizes[1:]):
            conv, norm = f"spatial_encoder{i}.{place}", f"spatial_encoder{i}.{place + 1}"
            shapes |= {f"{conv}.weight": (after, before, 3, 3), f"{conv}.bias": (after,)}
            shapes |= {f"{norm}.{part}": (after,) for part in ("weight", "bias", "running_mean", "running_var")}
            shapes |= {f"{norm}.num_batches_tracked": ()}
        shapes |= {f"se{i}.conv1.weight": (1, 4 * WIDTH, 1, 1), f"se{i}.conv1.bias": (1,)}
        shapes |= {f"se{i}.conv2.weight": (4 * WIDTH, 1, 1, 1), f"se{i}.conv2.bias": (4 * WIDTH,)}
        for layer in range(LAYERS):
            inputs = HIDDEN if layer else features
            shapes |= {f"temporal_model{i}.weight_ih_l{layer}": (3 * HIDDEN, inputs)}
            shapes |= {f"temporal_model{i}.weight_hh_l{layer}": (3 * HIDDEN, HIDDEN)}
            shapes |= {f"temporal_model{i}.bias_{way}_l{layer}": (3 * HIDDEN,) for way in ("ih", "hh")}
        shapes |= {f"ln{i}.weight": (HIDDEN,), f"ln{i}.bias": (HIDDEN,)}
        shapes |= {f"output_proj{i}.0.weight": (HEAD, HIDDEN), f"output_proj{i}.0.bias": (HEAD,)}
        shapes |= {f"output_proj{i}.1.weight": (HEAD,), f"output_proj{i}.1.bias": (HEAD,)}
        shapes |= {
            f"output_proj{i}.4.weight": (GRID[0] * GRID[1], HEAD),
            f"output_proj{i}.4.bias": (GRID[0] * GRID[1],),
        }
    values = {}
    for name, shape in shapes.items():
        scale = 1 / np.sqrt(np.prod(shape[1:], dtype=float))
        values[name] = (scale * rng.standard_normal(shape)).astype(np.float32)
        if name.endswith("running_var"):
            values[name] = rng.uniform(0.5, 2, shape).astype(np.float32)
        if name.endswith("num_batches_tracked"):
            values[name] = np.array(1)
    return values


def normalise(x, mean, variance, weight, bias):
    """Batch or layer norm with the usual small constant."""
    return (x - mean) / np.sqrt(variance + 1e-5) * weight + bias


def encode(p, i, month):
    """Spatial encoder and channel attention of pathway `i` for one month (channel, lat, lon), flattened."""
    x = month
    for place, stride in ((0, 1), (3, 1), (6, 2), (9, 1)):
        kernels, bias = p[f"spatial_encoder{i}.{place}.weight"], p[f"spatial_encoder{i}.{place}.bias"]
        maps = [sum(correlate2d(a, k, "same") for a, k in zip(x, bank)) + b for bank, b in zip(kernels, bias)]
        x = np.array(maps)[:, ::stride, ::stride]
        norm = [
            p[f"spatial_encoder{i}.{place + 1}.{part}"][:, None, None]
            for part in ("running_mean", "running_var", "weight", "bias")
        ]
        x = np.maximum(normalise(x, *norm), 0)
    squeezed = np.maximum(p[f"se{i}.conv1.weight"][:, :, 0, 0] @ x.mean((1, 2)) + p[f"se{i}.conv1.bias"], 0)
    return (x * expit(p[f"se{i}.conv2.weight"][:, :, 0, 0] @ squeezed + p[f"se{i}.conv2.bias"])[:, None, None]).ravel()


def gru(p, i, sequence):
    """Last output of the GRU of pathway `i` over `sequence`, a list of vectors."""
    for layer in range(LAYERS):
        w_ih, w_hh, b_ih, b_hh = (
            p[f"temporal_model{i}.{part}_l{layer}"] for part in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        )
        h, outputs = np.zeros(HIDDEN), []
        for x in sequence:
            x_r, x_z, x_n = np.split(w_ih @ x + b_ih, 3)
            h_r, h_z, h_n = np.split(w_hh @ h + b_hh, 3)
            z = expit(x_z + h_z)
            h = (1 - z) * np.tanh(x_n + expit(x_r + h_r) * h_n) + z * h
            outputs.append(h)
        sequence = outputs
    return sequence[-1]


def network(p, window):
    """Published network in evaluation mode for one window (time, channel, lat, lon) -> (2, lat, lon)."""
    maps = []
    for i in "12":
        h = gru(p, i, [encode(p, i, month) for month in window])
        h = normalise(h, h.mean(), h.var(), p[f"ln{i}.weight"], p[f"ln{i}.bias"])
        h = p[f"output_proj{i}.0.weight"] @ h + p[f"output_proj{i}.0.bias"]
        h = np.maximum(normalise(h, h.mean(), h.var(), p[f"output_proj{i}.1.weight"], p[f"output_proj{i}.1.bias"]), 0)
        maps.append((p[f"output_proj{i}.4.weight"] @ h + p[f"output_proj{i}.4.bias"]).reshape(GRID))
    return np.array(maps)


def gabor_kernels():
    """The 32 kernels (32, 7, 7), one formula per cell."""
    y, x = np.mgrid[-3:4, -3:4]
    kernels = []
    for scale in (1, 2):
        for wavelength in (3, 5):
            for angle in np.pi / 8 * np.arange(8):
                a, b = x * np.cos(angle) + y * np.sin(angle), -x * np.sin(angle) + y * np.cos(angle)
                k = np.exp(-(a**2 + 0.25 * b**2) / (2 * scale**2)) * np.cos(2 * np.pi * a / wavelength)
                kernels.append(k / np.abs(k).sum())
    return np.array(kernels)


def respond(fields, kernels):
    """Zero-padded responses of every field to every kernel."""
    return np.array([[correlate2d(f, k, "same") for k in kernels] for f in fields])


def polar_view(field):
    """One field resampled bilinearly to (radius, angle) around the centre of the array."""
    height, width = field.shape
    cy, cx = (height - 1) / 2, (width - 1) / 2
    largest = np.hypot(cx, cy)
    radius, angle = np.linspace(0, largest, int(largest))[:, None], np.linspace(0, 2 * np.pi, width)
    return map_coordinates(field, [cy + radius * np.sin(angle), cx + radius * np.cos(angle)], order=1, mode="nearest")


def losses(pred, target):
    """Every published term, of both fields apart (not of their difference), and the composite."""
    (tas, pr), (tas_true, pr_true) = pred.swapaxes(0, 1), target.swapaxes(0, 1)
    stencils = np.array(
        [[[0, 0, 0], [1, -2, 1], [0, 0, 0]], [[0, 1, 0], [0, -2, 0], [0, 1, 0]], [[1, 0, -1], [0, 0, 0], [-1, 0, 1]]]
    )
    bank = gabor_kernels()
    dxx, dyy, dxy = np.moveaxis(respond(tas, stencils) - respond(tas_true, stencils), 1, 0)
    terms = {
        "tas_l1": np.abs(tas - tas_true).mean(),
        "tas_gabor": np.abs(respond(tas, bank) - respond(tas_true, bank)).mean(),
        "tas_hessian": np.sqrt((dxx**2 + 2 * dxy**2 + dyy**2).mean()),
        "tas_polar": np.mean([np.abs(polar_view(a) - polar_view(b)) for a, b in zip(tas, tas_true)]),
        "pr_dice": 1 - 2 * (pr * pr_true).sum() / ((pr**2).sum() + (pr_true**2).sum() + 1e-6),
        "pr_mse": ((pr - pr_true) ** 2).mean(),
    }
    weights = (1, 0.5, 0.2, 0.3, 0.5, 0.5)
    return terms | {"composite": sum(w * v for w, v in zip(weights, terms.values()))}


def gradient(pred, target, cells, step=1e-6):
    """Central differences of the composite in the flat positions `cells` of `pred`."""
    values = []
    for cell in cells:
        shift = np.zeros(pred.size)
        shift[cell] = step
        shift = shift.reshape(pred.shape)
        above, below = (losses(pred + sign * shift, target)["composite"] for sign in (1, -1))
        values.append((above - below) / (2 * step))
    return np.array(values)


def main():
    """Write both files."""
    rng = np.random.default_rng(20150101)
    p, windows = parameters(rng), rng.standard_normal((2, 4, CHANNELS, *GRID)).astype(np.float32)
    p64 = {name: value.astype(np.float64) for name, value in p.items()}
    output = np.array([network(p64, window.astype(np.float64)) for window in windows])
    np.savez_compressed(HERE / "conv_gru.npz", input=windows, output=output, **{f"model.{k}": v for k, v in p.items()})

    pred, target = rng.standard_normal((2, 3, 2, 12, 18))
    target += 0.5 * pred
    cells = rng.choice(pred.size, 24, replace=False)
    fields = {"pred": pred, "target": target, "cells": cells, "gradient": gradient(pred, target, cells)}
    np.savez_compressed(HERE / "losses.npz", gabor_kernels=gabor_kernels(), **fields, **losses(pred, target))


if __name__ == "__main__":
    main()
