"""A temporal core: a GRU that reads the window in both directions."""

from __future__ import annotations

from torch import Tensor, nn

from .cores import WindowGru, last_outputs


class BidirectionalGru(WindowGru):
    """A bidirectional GRU whose directions have both read the whole window when they are asked.

    (batch, time, channel, y, x) -> (batch, 2 hidden). The forward direction is taken at the last month and the backward
    one at the first (Schuster and Paliwal 1997, doi:10.1109/78.650093; GRU: Cho et al. 2014, arXiv:1406.1078). The
    published option ``bidirectional`` takes both at the last month, of which its backward direction has seen no other.

    Parameters
    ----------
    maps, hidden, layers, dropout, scaled
        As in `WindowGru`; ``hidden`` is that of one direction.
    """

    def __init__(
        self,
        maps: tuple[int, int, int],
        hidden: int = 512,
        layers: int = 2,
        dropout: float = 0.2,
        scaled: bool = False,
    ):
        super().__init__(maps, hidden, layers, dropout, bidirectional=True, scaled=scaled)

    def forward(self, maps: Tensor) -> Tensor:
        """Read windows by themselves, (batch, time, channel, y, x), with PyTorch's GRU."""
        return nn.GRU.forward(self, self.scale * maps.flatten(2))[1][-2:].transpose(0, 1).flatten(1)

    def windows(self, months: Tensor, window: int) -> Tensor:
        """Run the recurrences of every window in both directions."""
        return last_outputs(self, months.chunk(2, dim=-1), window, backward_ends=True)
