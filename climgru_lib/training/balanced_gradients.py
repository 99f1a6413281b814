"""A combination of losses whose terms pull equally at the prediction."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

LEAST = 1e-6  # of the mean norm; a term whose gradient is smaller is not enlarged further


class BalancedGradients(nn.Module):
    """The sum of the terms, each weighed so that its gradient has a given share of a common norm.

    After GradNorm (Chen et al. 2018, arXiv:1711.02257) without its asymmetry, which slows terms that learn fast: the
    norms are made equal in each batch, not by a descent of their own, and the gradients are those with respect to
    the predicted maps, the last thing that the terms have in common.

    Parameters
    ----------
    weights : mapping of str to float
        Norm of a term's gradient over the mean norm of all.
    """

    def __init__(self, weights: Mapping[str, float]):
        super().__init__()
        self.weights = dict(weights)

    def forward(self, terms: Mapping[str, Tensor], pred: Tensor) -> Tensor:
        """Return a scalar; ``pred`` is what the terms were computed of."""
        norms = {name: torch.autograd.grad(terms[name], pred, retain_graph=True)[0].norm() for name in self.weights}
        mean = sum(norms.values()) / len(norms)
        return sum(
            weight * mean / norms[name].clamp(min=LEAST * mean) * terms[name] for name, weight in self.weights.items()
        )
