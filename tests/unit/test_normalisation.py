"""Running normalisation: statistics of the mixture of batches, no gradient through them."""

import pytest
import torch

from climgru_lib.contract import InputError
from climgru_lib.models.normalisation import SETTLING, RunningNorm, norm_layer


@pytest.mark.parametrize("shape", [(4, 3, 5, 6), (4, 3, 2, 5, 6)])
def test_running_statistics_are_those_of_all_batches_together(shape):
    norm = RunningNorm(3)
    batches = [torch.randn(shape, generator=torch.manual_seed(i)) * (i + 1) + 3 * i for i in range(4)]
    for batch in batches:
        last = norm(batch)
    pooled = torch.cat(batches).transpose(0, 1).flatten(1)
    torch.testing.assert_close(norm.running_mean, pooled.mean(1))
    torch.testing.assert_close(norm.running_var, pooled.var(1, correction=0))
    by_hand = (batches[-1].movedim(1, -1) - pooled.mean(1)) / (pooled.var(1, correction=0) + norm.eps).sqrt()
    torch.testing.assert_close(last.movedim(1, -1), by_hand)
    torch.testing.assert_close(norm.eval()(batches[-1]), last)


def test_statistics_stay_after_the_first_batches():
    norm, first = RunningNorm(1), torch.arange(float(SETTLING))
    for value in first:
        norm(torch.full((2, 1, 2, 2), value.item()))
    norm(torch.full((2, 1, 2, 2), 1e6))
    assert norm.running_mean.item() == pytest.approx((SETTLING - 1) / 2)  # the mean of 0 .. 49
    assert norm.running_var.item() == pytest.approx(first.var(correction=0).item(), rel=1e-5)
    assert norm.num_batches_tracked.item() == SETTLING + 1


def test_a_common_shift_reaches_the_output_and_its_gradient_too():
    norm = RunningNorm(1)
    norm(torch.randn(64, 1, 8, 8))
    months = torch.full((4, 1, 8, 8), 2.0, requires_grad=True)  # a batch of one climate
    norm(months).sum().backward()
    assert norm(months).mean() > 0.5
    torch.testing.assert_close(
        months.grad, torch.full_like(months, (norm.running_var + norm.eps).rsqrt().item()), rtol=0.1, atol=0
    )


def test_parameters_have_the_names_of_batch_norm():
    assert RunningNorm(3).state_dict().keys() == torch.nn.BatchNorm2d(3).state_dict().keys()


def test_an_unknown_norm_is_refused():
    with pytest.raises(InputError, match="unknown norm 'layer'; choose one of batch, running"):
        norm_layer("layer", 2)
