"""The same code on a GPU: predictions, losses and a training step agree with the CPU."""

import pytest
import torch

from climgru_lib.models import Cnn3d, ConvGru
from climgru_lib.training.losses import CompositeLoss
from climgru_lib.training.recipe import PUBLISHED_LOSS

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")

NETWORKS = {
    "conv_gru": lambda: ConvGru(grid=(16, 24), width=8, hidden=32, head=64),
    "bidirectional": lambda: ConvGru(grid=(16, 24), width=8, hidden=32, head=64, bidirectional=True),
    "cnn3d": lambda: Cnn3d(widths=(4, 8, 8, 8)),
}


@pytest.fixture(autouse=True)
def full_float32(monkeypatch):
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)
    monkeypatch.setattr(torch.backends.cuda.matmul, "allow_tf32", False)


def on_both(name, compute):
    """Return what `compute` makes of a network and its months on the CPU and on the GPU, both on the CPU."""
    results = []
    for device in ("cpu", "cuda"):
        torch.manual_seed(0)
        network, months = NETWORKS[name](), torch.randn(2, 20, 6, 16, 24)
        results.append(compute(network.to(device), months.to(device)).cpu())
    return results


@pytest.mark.parametrize("name", NETWORKS)
def test_predictions_agree_with_the_cpu(name):
    with torch.inference_mode():
        cpu, cuda = on_both(name, lambda network, months: network.eval().forward_series(months, 12))
    assert cpu.std() > 0.05
    torch.testing.assert_close(cuda, cpu, rtol=0, atol=1e-4)


@pytest.mark.parametrize("name", NETWORKS)
def test_gradients_of_the_published_loss_agree_with_the_cpu(name):
    def gradient(network, months):
        fields = network.eval().forward_series(months, 12).flatten(0, 1)
        CompositeLoss(PUBLISHED_LOSS)(fields, torch.zeros_like(fields)).backward()
        return torch.cat([parameter.grad.flatten() for parameter in network.parameters()])

    cpu, cuda = on_both(name, gradient)
    assert (cuda - cpu).norm() <= 1e-4 * cpu.norm()
