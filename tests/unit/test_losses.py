import math

import numpy as np
import pytest
import torch

from climgru_lib.contract import InputError
from climgru_lib.training.losses import (
    CompositeLoss,
    dice,
    gabor,
    gabor_kernels,
    hessian,
    l1,
    mse,
    polar,
)
from climgru_lib.training.recipe import MSE_LOSS, PUBLISHED_LOSS


def field(values):
    return torch.tensor(values, dtype=torch.float64).unsqueeze(0)


def zeros(*shape):
    return torch.zeros(1, *shape, dtype=torch.float64)


def impulse(height, width, row, column):
    maps = zeros(height, width)
    maps[0, row, column] = 1
    return maps


def test_dice_by_hand():
    assert dice(field([[1.0, 2.0]]), field([[2.0, 1.0]])).item() == pytest.approx(1 - 8 / 10, abs=1e-6)
    assert dice(field([[1.0, 2.0]]), field([[-1.0, -2.0]])).item() == pytest.approx(2, abs=1e-6)
    assert dice(zeros(2, 2), zeros(2, 2)).item() == 1


def test_dice_of_the_batch_is_not_the_mean_of_the_maps():
    pred = torch.tensor([[[1.0, 0.0]], [[0.0, 3.0]]])
    target = torch.tensor([[[1.0, 0.0]], [[0.0, -3.0]]])
    assert dice(pred, target).item() == pytest.approx(1 + 16 / 20, abs=1e-6)
    assert dice(pred, target, per_sample=True).item() == pytest.approx((0 + 2) / 2, abs=1e-6)


def test_area_weights_enter_the_inner_products_and_means():
    pred, target = field([[1.0], [2.0]]), field([[1.0], [0.0]])
    weights = torch.tensor([[1.5], [0.5]], dtype=torch.float64)
    assert l1(pred, target, weights).item() == pytest.approx(0.5 * 2 / 2)
    assert mse(pred, target, weights).item() == pytest.approx(0.5 * 4 / 2)
    assert dice(pred, target, weights=weights).item() == pytest.approx(1 - 3 / (3.5 + 1.5), abs=1e-6)


def test_gabor_bank_has_the_published_order_and_scale():
    bank = gabor_kernels().double()[:, 0]
    assert bank.shape == (32, 7, 7)
    np.testing.assert_allclose(bank.abs().sum((1, 2)), 1, rtol=1e-6)
    # relative to the centre, one cell along longitude and one along latitude
    for index, scale, wavelength in [(0, 1, 3), (8, 1, 5), (16, 2, 3), (24, 2, 5)]:
        along = math.exp(-1 / (2 * scale**2)) * math.cos(2 * math.pi / wavelength)
        across = math.exp(-0.25 / (2 * scale**2))
        assert (bank[index, 3, 4] / bank[index, 3, 3]).item() == pytest.approx(along, rel=1e-5)
        assert (bank[index, 4, 3] / bank[index, 3, 3]).item() == pytest.approx(across, rel=1e-5)
        np.testing.assert_allclose(bank[index + 4], bank[index].T, atol=1e-7)  # a quarter turn
        diagonal = math.exp(-2 / (2 * scale**2)) * math.cos(2 * math.pi * math.sqrt(2) / wavelength)
        assert (bank[index + 2, 4, 4] / bank[index + 2, 3, 3]).item() == pytest.approx(diagonal, rel=1e-5)


def test_what_both_fields_share_is_no_difference():
    same = impulse(9, 11, 4, 5) + 3
    assert [loss(same, same).item() for loss in (gabor, hessian, polar)] == [0, 0, 0]


def test_gabor_of_an_impulse_spreads_each_kernels_unit_sum():
    assert gabor(impulse(9, 11, 4, 5), zeros(9, 11)).item() == pytest.approx(1 / 99, rel=1e-6)


def test_hessian_of_an_impulse_by_hand():
    # Dxx and Dyy: 1, -2, 1 (squares 6 each); Dxy: four corners (4, counted twice); over 25 cells
    assert hessian(impulse(5, 5, 2, 2), zeros(5, 5)).item() == pytest.approx(math.sqrt((6 + 6 + 2 * 4) / 25))


def test_hessian_of_a_constant_sees_the_zero_padding():
    # Dxx is -1 in the two outer columns (8 cells), Dyy in the two outer rows (10), Dxy is +-1 in the corners
    ones = torch.ones(1, 4, 5, dtype=torch.float64)
    assert hessian(ones, zeros(4, 5)).item() == pytest.approx(math.sqrt((8 + 10 + 2 * 4) / 20))


def test_hessian_gradient_is_zero_where_prediction_equals_target():
    pred = torch.randn(2, 6, 6, generator=torch.manual_seed(0)).requires_grad_()
    loss = hessian(pred, pred.detach().clone())
    loss.backward()
    assert loss.item() == 0
    assert torch.equal(pred.grad, torch.zeros_like(pred))


def test_polar_of_a_constant_is_the_constant():
    assert polar(torch.full((2, 5, 8), 1.5), torch.full((2, 5, 8), 4.0)).item() == pytest.approx(2.5, rel=1e-6)


def test_polar_of_ramps_is_the_clamped_sampling_position():
    radius = np.linspace(0, np.hypot(35.5, 23.5), 42)[:, None]
    angle = np.linspace(0, 2 * np.pi, 72)
    x, y = radius * np.cos(angle), radius * np.sin(angle)
    assert np.mean((np.abs(x) > 35.5) | (np.abs(y) > 23.5)) == pytest.approx(0.25, abs=0.03)
    columns = (torch.arange(72, dtype=torch.float64) - 35.5).expand(1, 48, 72)
    rows = (torch.arange(48, dtype=torch.float64) - 23.5).view(48, 1).expand(1, 48, 72)
    assert polar(columns, zeros(48, 72)).item() == pytest.approx(np.abs(np.clip(x, -35.5, 35.5)).mean(), rel=1e-9)
    assert polar(rows, zeros(48, 72)).item() == pytest.approx(np.abs(np.clip(y, -23.5, 23.5)).mean(), rel=1e-9)


def test_composite_is_the_published_sum_by_default():
    generator = torch.manual_seed(1)
    pred, target = (torch.randn(3, 2, 10, 12, generator=generator, dtype=torch.float64) for _ in range(2))
    tas, pr = (pred[:, 0], target[:, 0]), (pred[:, 1], target[:, 1])
    expected = l1(*tas) + 0.5 * gabor(*tas) + 0.2 * hessian(*tas) + 0.3 * polar(*tas) + 0.5 * dice(*pr) + 0.5 * mse(*pr)
    torch.testing.assert_close(CompositeLoss(PUBLISHED_LOSS)(pred, target), expected, rtol=1e-12, atol=0)
    torch.testing.assert_close(CompositeLoss(MSE_LOSS)(pred, target), (pred - target).square().mean())


def test_composite_computes_only_terms_with_a_weight():
    loss = CompositeLoss(PUBLISHED_LOSS | {"tas_gabor": 0.0, "tas_polar": 0})
    terms = loss.terms(torch.ones(1, 2, 4, 6), torch.zeros(1, 2, 4, 6))
    assert list(terms) == ["tas_l1", "tas_hessian", "pr_dice", "pr_mse"]
    assert terms["tas_l1"].item() == 1  # not yet weighted


def test_composite_options_reach_the_terms():
    pred, target = torch.zeros(2, 2, 2, 3), torch.zeros(2, 2, 2, 3)
    pred[0, :, 0], target[0, :, 0] = 3.0, 1.0  # the first map differs in its first row only
    pred[1], target[1] = 1.0, -1.0
    weights = {"tas_l1": 1.0, "pr_dice": 1.0}
    terms = CompositeLoss(weights, dice_per_sample=True, area_weights=torch.tensor([0.5, 1.5])).terms(pred, target)
    assert terms["tas_l1"].item() == pytest.approx((0.5 * 2 * 3 + 2 * 6) / 12)
    assert terms["pr_dice"].item() == pytest.approx(((1 - 2 * 3 / 10) + 2) / 2, abs=1e-5)


def test_composite_trains_after_a_pass_in_inference_mode():
    pred, target = torch.randn(1, 2, 13, 17), torch.randn(1, 2, 13, 17)  # a grid no other test caches
    with torch.inference_mode():
        value = CompositeLoss(PUBLISHED_LOSS)(pred, target)
    pred.requires_grad_()
    loss = CompositeLoss(PUBLISHED_LOSS)(pred, target)
    loss.backward()
    assert loss.item() == value.item()
    assert pred.grad.isfinite().all()


def test_composite_refuses_an_unknown_term():
    with pytest.raises(InputError, match="unknown loss 'huber'; there are l1, mse, dice"):
        CompositeLoss({"tas_huber": 1.0})
