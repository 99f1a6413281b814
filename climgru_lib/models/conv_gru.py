"""The published final model: two pathways of a spatial encoder and a GRU, one per variable."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ..contract import InputError
from .cores import CORES
from .encoders import ENCODERS, STRIDES, SqueezeExcite
from .heads import HEADS
from .inputs import check_months, check_window

_PARTS = ("spatial_encoder", "se", "temporal_model", "ln", "output_proj")
_CHUNK = 64  # months encoded at a time where nothing couples them: keeps the maps in little memory


class ConvGru(nn.Module):
    """Conv-GRU with one pathway per variable and no shared weights (the published method, "Final model").

    Each month is encoded by convolutions and channel attention, flattened, and read by a GRU over the window;
    layer norm of its last output and a two-layer head give the map. At the defaults it has 352 878 672
    parameters, under the names of the published checkpoints (1 = tas, 2 = pr).

    Parameters
    ----------
    in_channels : int
        Forcings and seasonal encoding.
    grid : (int, int)
        Latitudes and longitudes.
    width : int
        d of the encoder; a multiple of 4.
    hidden, layers : int
        Size and depth of the GRU.
    head : int
        Width of the head.
    dropout : float
        Between GRU layers and in the head.
    bidirectional : bool
        The backward direction's last output has seen the window's last month only.
    padding : {"zeros", "circular"}
        Of the longitudes; "zeros" is published.
    norm : {"batch", "running"}
        Of the encoder in training; "batch" is published, see `normalisation.RunningNorm`.
    strides : sequence of four int
        Of the encoder's convolutions.
    scaled : bool
        Multiply the flattened features by sqrt(hidden / features), so that a step of the optimiser moves the gates of
        the GRU as far as if it had ``hidden`` inputs. Published: no.
    encoder, core, head_kind : str
        Names in `encoders.ENCODERS`, `cores.CORES` and `heads.HEADS`. A part takes of the sizes above what it names;
        the size of what it makes is found by trying it.
    encoder_settings, core_settings, head_settings : dict, optional
        Further arguments of these parts.
    n_targets : int
        Number of pathways; output channels in order tas, pr, further ones.

    Raises
    ------
    InputError
        If a part is unknown, or refuses its settings.
    """

    trained = True

    def __init__(
        self,
        in_channels: int = 6,
        grid: tuple[int, int] = (48, 72),
        width: int = 32,
        hidden: int = 512,
        layers: int = 2,
        head: int = 1024,
        dropout: float = 0.2,
        bidirectional: bool = False,
        padding: str = "zeros",
        norm: str = "batch",
        strides: Sequence[int] = STRIDES,
        scaled: bool = False,
        encoder: str = "published",
        core: str = "gru",
        head_kind: str = "dense",
        encoder_settings: Mapping[str, Any] | None = None,
        core_settings: Mapping[str, Any] | None = None,
        head_settings: Mapping[str, Any] | None = None,
        n_targets: int = 2,
    ):
        super().__init__()
        self.in_channels, self.grid, self.n_targets = in_channels, tuple(grid), n_targets
        sizes = {"in_channels": in_channels, "width": width, "padding": padding, "norm": norm, "strides": strides}
        sizes |= {"hidden": hidden, "layers": layers, "head": head, "dropout": dropout, "grid": self.grid}
        sizes |= {"bidirectional": bidirectional, "scaled": scaled}
        for i in range(1, n_targets + 1):
            maps_of = ENCODERS.build(encoder, sizes, encoder_settings)
            maps = _probed(maps_of, (in_channels, *self.grid))
            attention = SqueezeExcite(maps[0])
            state_of = CORES.build(core, sizes | {"maps": maps}, core_settings)
            (features,) = _probed(state_of, (1, *maps))
            head_of = HEADS.build(head_kind, sizes | {"features": features}, head_settings)
            parts = (maps_of, attention, state_of, nn.LayerNorm(features), head_of)
            for name, part in zip(_PARTS, parts):
                self.add_module(f"{name}{i}", part)

    def _pathways(self) -> list[list[nn.Module]]:
        return [[getattr(self, f"{name}{i}") for name in _PARTS] for i in range(1, self.n_targets + 1)]

    def start_at(self, maps: Tensor) -> None:
        """Start training near given maps: they become the bias of the last layers, whose weights shrink.

        Parameters
        ----------
        maps : Tensor, shape (target, lat, lon), z-scored

        Raises
        ------
        InputError
            If the head cannot start at a map.
        """
        for (*_, head), field in zip(self._pathways(), maps, strict=True):
            if not hasattr(head, "start_at"):
                raise InputError(f"start_at_mean: the head {type(head).__name__} cannot start at a map")
            head.start_at(field)

    def forward(self, windows: Tensor) -> Tensor:
        """Map each window to the fields of its target month: the plain form, every window by itself.

        Parameters
        ----------
        windows : Tensor, shape (batch, time, channel, lat, lon), z-scored

        Returns
        -------
        Tensor, shape (batch, target, lat, lon), z-scored

        Raises
        ------
        InputError
            If channels or grid are not those of the network.
        """
        check_months(windows, self.in_channels, self.grid)
        batch, time = windows.shape[:2]
        maps = []
        for encoder, attention, core, norm, head in self._pathways():
            encoded = attention(encoder(windows.flatten(0, 1))).unflatten(0, (batch, time))
            maps.append(head(norm(core(encoded))))
        return torch.stack(maps, dim=1)

    def forward_series(self, months: Tensor, window: int) -> Tensor:
        """Map every window of a series at once: the shared form, each month encoded and projected once.

        Parameters
        ----------
        months : Tensor, shape (batch, time, channel, lat, lon), z-scored
            Consecutive months; each batch element is a series of its own.
        window : int, months

        Returns
        -------
        Tensor, shape (batch, time - window + 1, target, lat, lon), z-scored
            Output j is that of the window of months j .. j + window - 1.

        Raises
        ------
        InputError
            If channels or grid are not those of the network, or the window does not fit.

        Notes
        -----
        In evaluation mode it equals `forward` over the unfolded windows up to rounding, gradients included. In
        training mode batch norm takes its statistics over the months of the batch, each once, not once per window
        that holds it; dropout masks are drawn per window and step as ever. How training as a whole differs from the
        published way is told in `batches`.
        """
        check_months(months, self.in_channels, self.grid)
        check_window(months, window)
        series = months.shape[:2]
        maps = []
        for encoder, attention, core, norm, head in self._pathways():
            chunks = months.flatten(0, 1).split(self._chunk(series.numel()))
            shared = torch.cat([core.months(attention(encoder(chunk))) for chunk in chunks]).unflatten(0, series)
            maps.append(head(norm(core.windows(shared, window))))
        return torch.stack(maps, dim=2)

    def _chunk(self, months: int) -> int:
        """Months to encode at a time: all of them where batch norm or a gradient couples them."""
        return months if self.training or torch.is_grad_enabled() else _CHUNK

    def published_state(self) -> dict[str, Tensor]:
        """Return the state of the network without scaled features that computes the same."""
        state, core = self.state_dict(), self.temporal_model1
        if core.scale == 1:
            return state
        for i in range(1, self.n_targets + 1):
            for way in ("", "_reverse") if core.bidirectional else ("",):
                name = f"temporal_model{i}.weight_ih_l0{way}"
                state[name] = core.scale * state[name]
        return state

    @classmethod
    def from_published(
        cls,
        state_dict: Mapping[str, Tensor],
        grid: tuple[int, int] = (48, 72),
        dropout: float = 0.2,
        padding: str = "zeros",
    ) -> ConvGru:
        """Build the network from the parameters of a published checkpoint.

        Parameters
        ----------
        state_dict : mapping of str to Tensor
            Under the published names, with or without the prefix ``model.``; where it occurs, entries without
            it are ignored. The tensors are taken over, not copied.
        grid : (int, int)
            Latitudes and longitudes; parameters tell only their product.
        dropout, padding
            As in the constructor; parameters do not tell them.

        Returns
        -------
        ConvGru
            In training mode, as any new module.

        Raises
        ------
        InputError
            If a parameter is missing, unknown or of the wrong shape.
        """
        prefix = "model." if any(name.startswith("model.") for name in state_dict) else ""
        state = {name.removeprefix(prefix): value for name, value in state_dict.items() if name.startswith(prefix)}
        with torch.device("meta"):
            network = cls(grid=grid, dropout=dropout, padding=padding, **_sizes(state))
        expected = {name: tuple(value.shape) for name, value in network.state_dict().items()}
        for name in sorted(expected.keys() ^ state.keys()):
            fault = "missing" if name in expected else "unknown"
            raise InputError(f"not a published Conv-GRU: {name} is {fault}")
        for name in expected:
            if tuple(state[name].shape) != expected[name]:
                raise InputError(
                    f"not a published Conv-GRU on the grid {grid[0]} x {grid[1]}: "
                    f"{name} has shape {tuple(state[name].shape)}, expected {expected[name]}"
                )
        network.load_state_dict(state, assign=True)
        return network


@torch.no_grad()
def _probed(part: nn.Module, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape that a part makes of one sample, without the sample.

    No sample goes through weights of no size in memory, which takes no time; on the meta device, of which PyTorch first
    has to import a compiler, only a part that must have a sample gets one.
    """
    part.eval()
    try:
        with torch.device("cpu"):
            weightless = {k: torch.zeros((), dtype=v.dtype).expand(v.shape) for k, v in part.state_dict().items()}
            made = torch.func.functional_call(part, weightless, torch.zeros(0, *shape))
    except RuntimeError:
        made = part(torch.zeros(1, *shape))
    part.train()
    return tuple(made.shape[1:])


def _sizes(state: Mapping[str, Tensor]) -> dict[str, int | bool]:
    """Read the constructor's sizes off the shapes of the first pathway."""
    width, in_channels, *_ = _shape(state, "spatial_encoder1.0.weight", 4)
    _, hidden = _shape(state, "temporal_model1.weight_hh_l0", 2)
    head, _ = _shape(state, "output_proj1.0.weight", 2)
    return {
        "in_channels": in_channels,
        "width": width,
        "hidden": hidden,
        "head": head,
        "layers": sum(f"temporal_model1.weight_hh_l{k}" in state for k in range(len(state))),
        "bidirectional": "temporal_model1.weight_hh_l0_reverse" in state,
        "n_targets": sum(f"ln{k}.weight" in state for k in range(len(state))),
    }


def _shape(state: Mapping[str, Tensor], name: str, dims: int) -> tuple[int, ...]:
    if name not in state:
        raise InputError(f"not a published Conv-GRU: {name} is missing")
    shape = tuple(state[name].shape)
    if len(shape) != dims:
        raise InputError(f"not a published Conv-GRU: {name} has shape {shape}, expected {dims} dimensions")
    return shape
