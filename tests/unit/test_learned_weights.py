"""Combinations of losses that weigh their terms themselves, by hand."""

import math

import pytest
import torch

from climgru_lib.training.balanced_gradients import BalancedGradients
from climgru_lib.training.losses import CompositeLoss
from climgru_lib.training.uncertainty_weights import UncertaintyWeights

WEIGHTS = {"tas_l1": 1.0, "pr_mse": 0.25}


def fields(requires_grad=False):
    torch.manual_seed(0)
    pred, target = torch.randn(2, 3, 2, 4, 5)
    return pred.requires_grad_(requires_grad), target


def test_uncertainty_starts_at_the_given_weights():
    pred, target = fields()
    fixed, learned = (CompositeLoss(WEIGHTS, combination=name) for name in ("sum", "uncertainty"))
    terms = learned.terms(pred, target)
    # exp(-s) = weight, so that the sum has the weights' logarithms beside the fixed sum
    assert learned(pred, target).item() == pytest.approx(fixed(pred, target).item() - math.log(0.25), rel=1e-6)
    assert terms["tas_l1"].item() == pytest.approx((pred - target)[:, 0].abs().mean().item())


def test_uncertainty_learns_to_weigh_a_term_by_its_inverse():
    combination = UncertaintyWeights(WEIGHTS)
    terms = {"tas_l1": torch.tensor(0.2), "pr_mse": torch.tensor(3.0)}
    optimizer = torch.optim.Adam(combination.parameters(), lr=1e-2)
    for _ in range(300):
        optimizer.zero_grad()
        loss = combination(terms, None)
        loss.backward()
        optimizer.step()
    assert loss.item() == pytest.approx(2 + math.log(0.2) + math.log(3.0), abs=1e-4)  # L / L + log L of each


def test_balanced_terms_pull_with_the_norms_that_their_weights_ask_for():
    """Gradients of known norm: of 3 a0 it is 3, of 4 a1 it is 4; the mean 3.5 is shared 1 to 1/4."""
    pred = torch.zeros(2, requires_grad=True)
    terms = {"tas_l1": 3 * pred[0], "pr_mse": 4 * pred[1]}
    BalancedGradients(WEIGHTS)(terms, pred).backward()
    assert pred.grad.tolist() == pytest.approx([3.5, 3.5 / 4])


def test_balanced_gradients_of_fields_do_not_depend_on_the_units_of_a_term():
    found = []
    for scale in (1.0, 100.0):
        pred, target = fields(requires_grad=True)
        loss = CompositeLoss({"tas_l1": 1.0, "tas_mse": 1.0}, combination="balanced_gradients")
        terms = loss.terms(pred, target)
        terms["tas_mse"] = scale * terms["tas_mse"]
        loss.combination(terms, pred).backward()
        found.append(pred.grad / pred.grad.norm())
    torch.testing.assert_close(*found)
    plain, target = fields(requires_grad=True)
    CompositeLoss({"tas_l1": 1.0, "tas_mse": 1.0})(plain, target).backward()
    assert not torch.allclose(plain.grad / plain.grad.norm(), found[0], atol=1e-3)


def test_a_term_that_is_fulfilled_pulls_at_nothing():
    pred = torch.zeros(2, requires_grad=True)
    BalancedGradients(WEIGHTS)({"tas_l1": 2 * pred[0], "pr_mse": pred[1].square()}, pred).backward()
    assert pred.grad.tolist() == [1.0, 0.0]  # the mean of the norms 2 and 0
