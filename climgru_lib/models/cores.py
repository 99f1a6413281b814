"""What reads the months of a window: temporal cores by name, the GRU before all.

A core is built by ``core(maps=(channel, y, x), hidden=..., layers=..., ...)``, of which it takes what it names. It maps
the encoded months of a window, (batch, time, channel, y, x), to (batch, size) of any size, and is a `TemporalCore`,
which lets it share between windows what it computes of each month. One more file makes one more::

    @CORES.register("last month")
    class LastMonth(TemporalCore): ...

A month enters up to `window` windows. In the GRU its projection into the gates of the first layer, by far the largest
matrix product of the published network, is the same in all of them; only the recurrences, which are small, belong to
one window.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..registry import Registry

CORES = Registry(
    "core",
    {
        "gru": "models.cores:WindowGru",
        "bidirectional_gru": "models.bidirectional_gru:BidirectionalGru",
        "conv_gru": "models.conv_gru_core:ConvGruCore",
        "conv_lstm": "models.conv_lstm_core:ConvLstmCore",
        "transformer": "models.temporal_transformer:TemporalTransformer",
        "mean": "models.mean_core:MeanOfMonths",
        "last": "models.last_core:LastMonth",
    },
)


class TemporalCore(nn.Module):
    """A core whose windows share nothing but the encoded months; subclasses write `forward`, and may share more."""

    def months(self, maps: Tensor) -> Tensor:
        """Compute of each month, (month, channel, y, x), what its windows share: here the maps themselves."""
        return maps

    def windows(self, months: Tensor, window: int) -> Tensor:
        """Read every window of series of what `months` returns, (batch, time, ...).

        Returns
        -------
        Tensor, shape (batch, time - window + 1, size)
        """
        every = months.unfold(1, window, 1).movedim(-1, 2)
        return self.forward(every.flatten(0, 1)).unflatten(0, every.shape[:2])


class SharingCore(TemporalCore):
    """A core that is told by what it computes once a month; subclasses write `months` and `windows`."""

    def forward(self, maps: Tensor) -> Tensor:
        """Read windows by themselves, (batch, time, channel, y, x)."""
        batch, time = maps.shape[:2]
        return self.windows(self.months(maps.flatten(0, 1)).unflatten(0, (batch, time)), time)[:, 0]


class Projection(nn.Linear):
    """Flattened maps to a few features, started and scaled as the input gates of `WindowGru` are.

    Parameters
    ----------
    features, hidden : int
        Of a map, and of what is made of it. Weights are drawn from +-1 / sqrt(hidden).
    scaled : bool
        Multiply the features by sqrt(hidden / features), so that a step of the optimiser moves the result as far as if
        there were ``hidden`` features.
    """

    def __init__(self, features: int, hidden: int, scaled: bool = False):
        super().__init__(features, hidden)
        self.scale = math.sqrt(hidden / features) if scaled else 1.0
        nn.init.uniform_(self.weight, -(hidden**-0.5), hidden**-0.5)

    def forward(self, maps: Tensor) -> Tensor:
        """Project maps (sample, channel, y, x) to (sample, hidden)."""
        return super().forward(self.scale * maps.flatten(1))


class VectorCore(SharingCore):
    """A core that reads a month as a vector, its `Projection`; subclasses write `windows`.

    Parameters
    ----------
    maps : (int, int, int)
        Channels, rows and columns of an encoded month.
    hidden : int
        Size of the vector.
    scaled : bool
        See `Projection`.
    """

    def __init__(self, maps: tuple[int, int, int], hidden: int = 512, scaled: bool = False):
        super().__init__()
        self.project = Projection(math.prod(maps), hidden, scaled)

    def months(self, maps: Tensor) -> Tensor:
        """Project months (month, channel, y, x) to (month, hidden)."""
        return self.project(maps)


class WindowGru(TemporalCore, nn.GRU):
    """The published core: a GRU over the flattened maps, of which the last output counts.

    Parameters
    ----------
    maps : (int, int, int)
        Channels, rows and columns of an encoded month.
    hidden, layers : int
    dropout : float
        Between layers.
    bidirectional : bool
    scaled : bool
        Multiply the features by sqrt(hidden / features).
    """

    def __init__(
        self,
        maps: tuple[int, int, int],
        hidden: int = 512,
        layers: int = 2,
        dropout: float = 0.2,
        bidirectional: bool = False,
        scaled: bool = False,
    ):
        features = math.prod(maps)
        super().__init__(features, hidden, layers, True, True, dropout if layers > 1 else 0.0, bidirectional)
        self.scale = math.sqrt(hidden / features) if scaled else 1.0

    def forward(self, maps: Tensor) -> Tensor:
        """Read windows by themselves, (batch, time, channel, y, x), with PyTorch's GRU."""
        return nn.GRU.forward(self, self.scale * maps.flatten(2))[0][:, -1]

    def months(self, maps: Tensor) -> Tensor:
        """Project months into the input gates of the first layer, directions side by side."""
        gates = project(self, self.scale * maps.flatten(1))
        return torch.cat(gates, dim=-1) if self.bidirectional else gates[0]

    def windows(self, months: Tensor, window: int) -> Tensor:
        """Run the recurrences of every window."""
        return last_outputs(self, months.chunk(2 if self.bidirectional else 1, dim=-1), window)


def project(gru: nn.GRU, features: Tensor, layer: int = 0) -> list[Tensor]:
    """Project features into the input gates of a layer.

    Parameters
    ----------
    gru : nn.GRU
    features : Tensor, shape (..., feature)
        For layer 0 the flattened maps of months, (month, feature).
    layer : int

    Returns
    -------
    list of Tensor, shape (..., 3 hidden)
        One per direction; gates in PyTorch's order reset, update, new.
    """
    directions = ("", "_reverse") if gru.bidirectional else ("",)
    return [
        F.linear(features, getattr(gru, f"weight_ih_l{layer}{way}"), getattr(gru, f"bias_ih_l{layer}{way}"))
        for way in directions
    ]


def last_outputs(gru: nn.GRU, gates: Sequence[Tensor], window: int, backward_ends: bool = False) -> Tensor:
    """Run the GRU over every window and return its output at each window's last month.

    Parameters
    ----------
    gru : nn.GRU
        Any number of layers, one or two directions. In training mode dropout between layers draws a mask per
        window and step, as `nn.GRU` does.
    gates : sequence of Tensor, shape (batch, time, 3 hidden)
        Input gates of the first layer per direction, see `project`.
    window : int, months
    backward_ends : bool
        Take the backward direction's output where it ends, at the first month.

    Returns
    -------
    Tensor, shape (batch, time - window + 1, hidden x directions)
        Equal to ``gru(windows)[0][:, -1]`` up to rounding, or to the last layer's final states side by side.
    """
    count = gates[0].shape[1] - window + 1
    steps = [[gate[:, start : start + count] for start in range(window)] for gate in gates]
    for layer in range(gru.num_layers - 1):
        scanned = [_scan(steps[0], gru, layer)]
        if gru.bidirectional:
            scanned.append(_scan(steps[1][::-1], gru, layer, "_reverse")[::-1])
        outputs = torch.stack([torch.cat(states, dim=-1) for states in zip(*scanned)])
        outputs = F.dropout(outputs, gru.dropout, gru.training)
        steps = [gate.unbind() for gate in project(gru, outputs, layer + 1)]
    last = gru.num_layers - 1
    states = [_scan(steps[0], gru, last)[-1]]
    if gru.bidirectional:
        states.append(_scan(steps[1][::-1] if backward_ends else steps[1][-1:], gru, last, "_reverse")[-1])
    return torch.cat(states, dim=-1)


def _scan(steps: Sequence[Tensor], gru: nn.GRU, layer: int, direction: str = "") -> list[Tensor]:
    """Return the hidden state after each step, from zeros on; `steps` are input gates (..., 3 hidden)."""
    w_hh = getattr(gru, f"weight_hh_l{layer}{direction}")
    b_hh = getattr(gru, f"bias_hh_l{layer}{direction}")
    hidden = gru.hidden_size
    state = steps[0].new_zeros(*steps[0].shape[:-1], hidden)
    states = []
    for gate in steps:
        gate_ru, gate_n = gate.split((2 * hidden, hidden), dim=-1)
        state_ru, state_n = F.linear(state, w_hh, b_hh).split((2 * hidden, hidden), dim=-1)
        reset, update = torch.sigmoid(gate_ru + state_ru).chunk(2, dim=-1)
        new = torch.tanh(torch.addcmul(gate_n, reset, state_n))
        state = new + update * (state - new)
        states.append(state)
    return states
