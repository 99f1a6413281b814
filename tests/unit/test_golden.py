"""Values computed elsewhere: by tests/golden/make.py (NumPy, SciPy), and the published golden files where present."""

from pathlib import Path

import numpy as np
import pytest
import torch

from climgru_lib.data import season
from climgru_lib.models import ConvGru
from climgru_lib.training.losses import CompositeLoss, gabor_kernels
from climgru_lib.training.recipe import PUBLISHED_LOSS

OWN = Path(__file__).parents[1] / "golden"
PUBLISHED_FILES = Path(__file__).parents[2].parent / "shared" / "reference"


def load(path: Path) -> dict[str, torch.Tensor]:
    if not path.exists():
        pytest.skip(f"{path.name} is not beside this checkout")
    with np.load(path) as file:
        return {name: torch.from_numpy(file[name]) for name in file}


def check_losses(golden, names, gradient):
    """Compare kernels, terms and composite, and the gradient returned by `gradient` from that in the fields."""
    torch.testing.assert_close(
        gabor_kernels().squeeze(), golden["gabor_kernels"].squeeze().float(), rtol=1e-5, atol=1e-7
    )
    loss, pred = CompositeLoss(PUBLISHED_LOSS), golden["pred"].float().requires_grad_()
    terms = loss.terms(pred, golden["target"].float())
    assert terms.keys() == PUBLISHED_LOSS.keys()
    for name, value in terms.items():
        assert value.item() == pytest.approx(golden[names[name]].item(), rel=1e-5), name
    composite = loss.combination(terms, pred)
    assert composite.item() == pytest.approx(golden["composite"].item(), rel=1e-5)
    composite.backward()
    ours, expected = gradient(pred.grad)
    assert (ours - expected).abs().max() <= 1e-5 * expected.abs().max()


def check_network(golden, prefix, grid, windows, output):
    state = {"model." + name.removeprefix(prefix): value for name, value in golden.items() if name.startswith(prefix)}
    network = ConvGru.from_published(state, grid=grid).eval()
    with torch.no_grad():
        torch.testing.assert_close(network(windows), output.float(), rtol=0, atol=1e-5)
        shared = network.forward_series(windows, window=windows.shape[1])
    torch.testing.assert_close(shared.squeeze(1), output.float(), rtol=0, atol=1e-5)


def test_network_meets_plain_numpy():
    golden = load(OWN / "conv_gru.npz")
    assert golden["output"].std() > 0.3  # far above the tolerance
    check_network(golden, "model.", (6, 8), golden["input"], golden["output"])


def test_losses_meet_plain_numpy():
    golden = load(OWN / "losses.npz")
    cells = golden["cells"]
    check_losses(
        golden, {n: n for n in PUBLISHED_LOSS}, lambda grad: (grad.flatten()[cells], golden["gradient"].float())
    )


def test_network_meets_the_published_one():
    golden = load(PUBLISHED_FILES / "published_golden.npz")
    check_network(golden, "model/", (16, 24), golden["model_input"], golden["model_output"])


def test_losses_meet_the_published_ones():
    golden = load(PUBLISHED_FILES / "published_golden.npz")
    names = {name: "_".join(reversed(name.split("_"))) for name in PUBLISHED_LOSS}
    check_losses(golden, names, lambda grad: (grad, golden["composite_grad"]))


def test_encoding_meets_the_published_one():
    golden = load(PUBLISHED_FILES / "published_metric_golden.npz")
    ours = season.published(golden["encoding_lat"].numpy(), np.arange(1, 13)[:, None])
    np.testing.assert_allclose(ours, golden["encoding"], rtol=0, atol=1e-12)
