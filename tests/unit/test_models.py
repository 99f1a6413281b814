from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import nn

from climgru_lib.contract import InputError
from climgru_lib.models import Cnn3d, ConvGru
from climgru_lib.models.cnn3d import LocalConv1x1
from climgru_lib.models.cores import last_outputs, project
from climgru_lib.models.encoders import SqueezeExcite, spatial_encoder
from climgru_lib.training.losses import CompositeLoss
from climgru_lib.training.recipe import PUBLISHED_LOSS

SMALL = {"in_channels": 3, "grid": (6, 8), "width": 4, "hidden": 5, "head": 7}


def count(network):
    return sum(parameter.numel() for parameter in network.parameters())


def series(batch, time, dtype=torch.float32, grid=(6, 8), seed=0):
    return torch.randn(batch, time, 3, *grid, generator=torch.manual_seed(seed), dtype=dtype)


def small_conv_gru(dtype=torch.float32, **changes):
    """A small network in evaluation mode whose batch norms are not the identity."""
    torch.manual_seed(1)
    return with_uneven_norms(ConvGru(**(SMALL | changes)).to(dtype)).eval()


def with_uneven_norms(network):
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.uniform_(-0.5, 0.5)
            module.running_var.uniform_(0.5, 2)
    return network


def every_window(network, months, window):
    """The plain form over all windows."""
    return torch.stack([network(months[:, j : j + window]) for j in range(months.shape[1] - window + 1)], dim=1)


def relative(ours, plain):
    return ((ours - plain).norm() / plain.norm()).item()


# --- Conv-GRU -------------------------------------------------------------------------------------------------------


def test_published_network_has_352_878_672_parameters():
    convolutions = sum(9 * a * b + b + 2 * b for a, b in pairwise((6, 32, 64, 64, 128)))
    attention = 128 * 8 + 8 + 8 * 128 + 128
    gates = 3 * 512
    gru = gates * (128 * 24 * 36 + 512 + 2) + gates * (512 + 512 + 2)
    head = 512 * 1024 + 1024 + 2 * 1024 + 1024 * 3456 + 3456
    assert 2 * (convolutions + attention + gru + 2 * 512 + head) == 352_878_672
    with torch.device("meta"):
        assert count(ConvGru()) == 352_878_672


VARIANTS = pytest.mark.parametrize(
    ("time", "window", "changes"),
    [
        (9, 4, {}),
        (6, 3, {"layers": 3, "bidirectional": True}),
        (5, 5, {"layers": 1, "padding": "circular"}),
        (4, 1, {"layers": 1, "bidirectional": True, "n_targets": 1}),
        (7, 2, {"grid": (5, 7), "padding": "circular"}),
        (7, 3, {"grid": (9, 11), "strides": [2, 1, 2, 1], "scaled": True, "hidden": 40}),
    ],
)


@VARIANTS
def test_shared_form_equals_plain_form(time, window, changes):
    network = small_conv_gru(**changes)
    months = series(2, time, grid=network.grid)
    with torch.no_grad():
        shared, plain = network.forward_series(months, window), every_window(network, months, window)
    assert shared.shape == (2, time - window + 1, changes.get("n_targets", 2), *network.grid)
    assert plain.flatten(0, 1).std(0).max() > 5e-3  # windows differ by far more than the tolerance
    torch.testing.assert_close(shared, plain, rtol=0, atol=1e-5)


def test_shared_form_equals_plain_form_over_many_months():
    network, months = small_conv_gru(), series(2, 75)  # more than are encoded at a time
    with torch.no_grad():
        torch.testing.assert_close(
            network.forward_series(months, 12), every_window(network, months, 12), rtol=0, atol=1e-5
        )


@VARIANTS
def test_gradients_of_the_shared_form_equal_those_of_the_plain_form(time, window, changes):
    network = small_conv_gru(torch.float64, **changes)
    months = series(2, time, torch.float64, grid=network.grid)
    gradients = []
    for maps in (network.forward_series(months, window), every_window(network, months, window)):
        network.zero_grad()
        (maps**3).sum().backward()
        gradients.append({name: parameter.grad for name, parameter in network.named_parameters()})
    for name, plain in gradients[1].items():
        if plain.norm() > 0:
            assert relative(gradients[0][name], plain) <= 1e-9, name
        else:
            assert gradients[0][name].norm() == 0, name


def test_shared_form_equals_plain_form_at_full_size():
    network, months = with_uneven_norms(ConvGru()).eval(), torch.randn(1, 13, 6, 48, 72)
    target, loss = torch.randn(1, 2, 2, 48, 72), CompositeLoss(PUBLISHED_LOSS)
    maps, gradients = [], []
    for compute in (network.forward_series, lambda series, window: every_window(network, series, window)):
        maps.append(compute(months, 12))
        loss(maps[-1][0], target[0]).backward()
        gradients.append({name: parameter.grad for name, parameter in network.named_parameters()})
        network.zero_grad()
    assert (maps[1][0, 0] - maps[1][0, 1]).std() > 5e-3
    torch.testing.assert_close(*maps, rtol=0, atol=1e-5)
    for name, plain in gradients[1].items():
        assert relative(gradients[0][name], plain) <= 1e-4, name


def test_shared_form_encodes_each_month_once():
    network, encoded = small_conv_gru(), []
    network.spatial_encoder2.register_forward_hook(lambda module, inputs, output: encoded.append(len(output)))
    network.forward_series(series(2, 20), 12)
    with torch.no_grad():
        network.forward_series(series(2, 50), 12)
    assert encoded[0] == 40
    assert sum(encoded[1:]) == 100


def test_normalisation_in_training_sees_all_months_once_without_gradients_too():
    network = small_conv_gru().train()
    network.spatial_encoder1[1].momentum = 1.0
    months = series(1, 80)
    with torch.no_grad():
        network.forward_series(months, 12)
        convolved = network.spatial_encoder1[0](months[0])
    torch.testing.assert_close(network.spatial_encoder1[1].running_mean, convolved.mean((0, 2, 3)))


def test_gru_step_by_hand():
    gru = nn.GRU(1, 1, batch_first=True)
    values = {"weight_ih_l0": [0.5, -1, 2], "weight_hh_l0": [0.3, 0.7, -0.6]}
    values |= {"bias_ih_l0": [0.1, 0.2, 0.3], "bias_hh_l0": [-0.1, 0.4, 0.5]}
    with torch.no_grad():
        for name, value in values.items():
            parameter = getattr(gru, name)
            parameter.copy_(torch.tensor(value).view_as(parameter))
        state = last_outputs(gru, [gate.unsqueeze(0) for gate in project(gru, torch.tensor([[0.8], [-0.4]]))], 2)
    sigmoid = lambda a: 1 / (1 + np.exp(-a))  # noqa: E731
    first = (1 - sigmoid(-0.8 + 0.2 + 0.4)) * np.tanh(1.6 + 0.3 + sigmoid(0.4 + 0.1 - 0.1) * 0.5)
    reset = sigmoid(-0.2 + 0.1 + 0.3 * first - 0.1)
    update = sigmoid(0.4 + 0.2 + 0.7 * first + 0.4)
    second = (1 - update) * np.tanh(-0.8 + 0.3 + reset * (-0.6 * first + 0.5)) + update * first
    assert state.item() == pytest.approx(second, rel=1e-6)


def test_dropout_acts_between_layers_only():
    gru = nn.GRU(4, 6, num_layers=3, dropout=1.0, batch_first=True).train()
    months = torch.randn(1, 5, 4, generator=torch.manual_seed(2))
    shared = last_outputs(gru, project(gru, months), 5)
    torch.testing.assert_close(shared[:, 0], gru(months)[0][:, -1])  # dropping all is the same draw in both
    assert shared.abs().max() > 0.01


def test_dropout_masks_differ_between_windows():
    gru = nn.GRU(4, 6, num_layers=2, dropout=0.5, batch_first=True).train()
    same = last_outputs(gru, project(gru, torch.ones(1, 8, 4)), 3)[0]
    assert torch.pdist(same).min() > 0


def test_circular_padding_turns_with_the_globe():
    maps = series(1, 1)[0]
    for padding, turns in (("circular", True), ("zeros", False)):
        torch.manual_seed(0)
        encoder = spatial_encoder(3, 4, padding).eval()
        with torch.no_grad():
            plain, turned = encoder(maps), encoder(maps.roll(2, dims=-1))
        assert torch.allclose(turned, plain.roll(1, dims=-1), atol=1e-6) == turns
        assert plain.shape == (1, 16, 3, 4)


def test_circular_padding_leaves_the_poles_apart():
    encoder = spatial_encoder(1, 4, "circular").eval()
    maps = torch.zeros(1, 1, 32, 8)
    with torch.no_grad():
        background, maps[0, 0, 0] = encoder(maps), 5.0
        changed = (encoder(maps) - background).abs().amax((0, 1, 3))
    assert changed[0] > 1e-3
    assert changed[-1] == 0


def test_squeeze_excite_by_hand():
    attention = SqueezeExcite(16)
    maps = torch.randn(1, 16, 2, 3, generator=torch.manual_seed(3))
    with torch.no_grad():
        for parameter in attention.parameters():
            parameter.fill_(0.5)
        scaled = attention(maps)
        squeezed = max(0.0, 0.5 * maps.mean((2, 3)).sum().item() + 0.5)
        torch.testing.assert_close(scaled, maps / (1 + np.exp(-0.5 * squeezed - 0.5)))


def test_from_published_reads_the_sizes_and_ignores_the_rest_of_a_checkpoint():
    source = small_conv_gru(layers=3, bidirectional=True)
    state = {f"model.{name}": value for name, value in source.state_dict().items()}
    network = ConvGru.from_published(state | {"criterion.weight": torch.ones(1)}, grid=(6, 8)).eval()
    months = series(1, 4)
    torch.testing.assert_close(network(months), source(months), rtol=0, atol=0)
    assert ConvGru.from_published(source.state_dict(), grid=(6, 8), dropout=0.1).temporal_model1.dropout == 0.1


@pytest.mark.parametrize(
    ("change", "grid", "message"),
    [
        (lambda state: state.pop("ln2.bias"), (6, 8), "ln2.bias is missing"),
        (lambda state: state.pop("output_proj1.0.weight"), (6, 8), "output_proj1.0.weight is missing"),
        (lambda state: state.update(extra=torch.ones(1)), (6, 8), "extra is unknown"),
        (lambda state: None, (6, 10), r"on the grid 6 x 10: temporal_model1.weight_ih_l0 has shape \(15, 192\)"),
    ],
)
def test_from_published_refuses_other_parameters(change, grid, message):
    state = small_conv_gru().state_dict()
    change(state)
    with pytest.raises(InputError, match=message):
        ConvGru.from_published(state, grid=grid)


@pytest.mark.parametrize(
    ("months", "window", "message"),
    [
        (torch.zeros(1, 5, 4, 6, 8), 3, "takes 3 input channels, got 4"),
        (torch.zeros(1, 5, 3, 6, 9), 3, r"grid 6 x 8 \(lat x lon\), got 6 x 9"),
        (torch.zeros(5, 3, 6, 8), 3, r"must be \(batch, time, channel, lat, lon\)"),
        (torch.zeros(1, 5, 3, 6, 8), 6, "a window of 6 months does not fit into a series of 5 months"),
        (torch.zeros(1, 5, 3, 6, 8), 0, "a window of 0 months"),
    ],
)
def test_conv_gru_refuses_other_input(months, window, message):
    with pytest.raises(InputError, match=message):
        small_conv_gru().forward_series(months, window)


def test_conv_gru_refuses_impossible_settings():
    with pytest.raises(InputError, match="multiple of 4, got 6"):
        ConvGru(width=6)
    with pytest.raises(InputError, match="'reflect'; choose one of zeros, circular"):
        ConvGru(**SMALL, padding="reflect")


def test_strides_quarter_the_grid_and_the_gru_takes_what_is_left():
    for grid, strides, left in (((48, 72), (1, 1, 2, 1), (24, 36)), ((48, 72), (2, 1, 2, 1), (12, 18))):
        assert spatial_encoder(3, 4, strides=strides)(torch.zeros(1, 3, *grid)).shape[2:] == left
    network = small_conv_gru(grid=(5, 7), strides=(2, 1, 2, 1))
    assert network.temporal_model1.input_size == 16 * 2 * 2  # 5 -> 3 -> 2, 7 -> 4 -> 2
    assert network.spatial_encoder1(torch.zeros(1, 3, 5, 7)).shape == (1, 16, 2, 2)
    for strides in ((2, 1, 2), (1, 0, 2, 1)):
        with pytest.raises(InputError, match="has 4 convolutions, each with a stride from 1 on"):
            ConvGru(**SMALL, strides=strides)


def test_scaled_features_are_as_smaller_weights_of_the_gru():
    """6 x 8 cells, two strides of 2: 16 channels on 2 x 2 cells, 64 features for 5 hidden units."""
    scaled = small_conv_gru(scaled=True, strides=(2, 1, 2, 2), bidirectional=True)
    plain = ConvGru(**SMALL, strides=(2, 1, 2, 2), bidirectional=True).eval()
    state = scaled.state_dict()
    features = scaled.temporal_model1.input_size
    assert features == 16 * 1 * 1
    for name in state:
        if "weight_ih_l0" in name:
            state[name] = (5 / features) ** 0.5 * state[name]
    plain.load_state_dict(state)
    months = series(2, 6)
    with torch.no_grad():
        torch.testing.assert_close(scaled.forward_series(months, 3), plain.forward_series(months, 3))
    plain.load_state_dict(scaled.published_state())
    with torch.no_grad():
        torch.testing.assert_close(scaled.forward_series(months, 3), plain.forward_series(months, 3))


def test_a_network_that_starts_at_maps_predicts_them_but_for_a_tenth_of_chance():
    network, months = small_conv_gru(), series(2, 6)
    maps = torch.arange(2 * 6 * 8.0).view(2, 6, 8)
    with torch.no_grad():
        bias = torch.stack([network.output_proj1[-1].bias, network.output_proj2[-1].bias]).view(2, 6, 8)
        by_chance = network.forward_series(months, 3) - bias
        network.start_at(maps)
        torch.testing.assert_close(network.forward_series(months, 3), maps + 0.1 * by_chance)


# --- 3D-CNN ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("widths", [(64, 128, 256, 512, 512), (4, 8, 16, 16)])
def test_cnn3d_has_the_starters_layers_with_a_third_dimension(widths):
    conv = lambda a, b, cells=27: cells * a * b + 3 * b  # noqa: E731  # weights, bias and batch norm
    expected = conv(6, widths[0]) + conv(widths[-1], widths[-1] // 2) + 2 * (widths[-1] // 2) + 2
    for a, b in pairwise(widths):
        expected += conv(a, b) + conv(b, b) + (conv(a, b, cells=1) if a != b else 0)
    with torch.device("meta"):
        assert count(Cnn3d(widths=widths)) == expected


@pytest.fixture
def cnn3d():
    torch.manual_seed(4)
    network = Cnn3d(3, widths=(4, 4, 6))
    network(series(8, 9))  # moves the running statistics off their start
    return network.eval()


def all_steps(network, windows):
    """The layers over every time step, the last one taken at the end."""
    volume = network.stem(windows.transpose(1, 2))
    for block in network.blocks:
        volume = block(volume)
    return network.output(network.head(volume))[:, :, -1]


@pytest.mark.parametrize("time", [1, 3, 7, 12])
def test_cnn3d_in_evaluation_equals_all_of_its_steps(cnn3d, time):
    windows = series(2, time)
    with torch.no_grad():
        torch.testing.assert_close(cnn3d(windows), all_steps(cnn3d, windows), rtol=0, atol=1e-6)


def test_cnn3d_sees_twice_its_blocks_plus_three_months(cnn3d):
    windows = series(1, 9).requires_grad_()
    cnn3d(windows).square().sum().backward()
    seen = windows.grad.abs().sum((0, 2, 3, 4)) > 0
    assert seen.tolist() == [False, False] + [True] * 7


def test_cnn3d_over_a_series_equals_its_windows(cnn3d):
    months = series(2, 45)  # more windows than are taken at a time
    with torch.no_grad():
        torch.testing.assert_close(cnn3d.forward_series(months, 5), every_window(cnn3d, months, 5), rtol=0, atol=1e-6)


def local_cnn3d(**changes):
    torch.manual_seed(4)
    return Cnn3d(3, widths=(4, 6), grid=(5, 7), local=True, **changes).eval()


def test_a_local_last_layer_weighs_features_in_each_cell():
    layer = LocalConv1x1(2, 1, (1, 2))
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[[[1.0, 10.0]], [[2.0, 20.0]]]]))
        layer.bias.copy_(torch.tensor([[[0.5, -0.5]]]))
        cells = layer(torch.tensor([3.0, 4.0]).view(1, 2, 1, 1, 1).expand(1, 2, 1, 1, 2))
    assert cells.flatten().tolist() == [3 + 8 + 0.5, 30 + 80 - 0.5]


def test_a_local_cnn3d_starts_at_maps_and_is_bound_to_its_grid():
    network, windows, maps = local_cnn3d(), series(2, 6, grid=(5, 7)), torch.arange(70.0).view(2, 5, 7)
    with torch.no_grad():
        by_chance = network(windows)
        network.start_at(maps)
        torch.testing.assert_close(network(windows), maps + 0.1 * by_chance)
    with pytest.raises(InputError, match="made for the grid 5 x 7"):
        network(series(2, 6))
    with pytest.raises(InputError, match=r"start_at_mean needs a 3D-CNN with architecture.local=true"):
        Cnn3d(3, widths=(4, 6)).start_at(maps)


def test_a_coarse_cnn3d_sees_means_over_boxes():
    """On 5 x 7 cells boxes of 2 x 2 leave 3 x 4; those at the edge hold fewer cells."""
    torch.manual_seed(4)
    fine = Cnn3d(3, widths=(4, 6)).eval()
    coarse = Cnn3d(3, widths=(4, 6), coarsen=2).eval()
    coarse.load_state_dict(fine.state_dict())
    windows = series(2, 6, grid=(5, 7))
    boxes = torch.empty(2, 6, 3, 3, 4)
    for y in range(3):
        for x in range(4):
            boxes[..., y, x] = windows[..., 2 * y : 2 * y + 2, 2 * x : 2 * x + 2].mean((-2, -1))
    with torch.no_grad():
        expected = fine(boxes).repeat_interleave(2, 2).repeat_interleave(2, 3)[..., :5, :7]
        torch.testing.assert_close(coarse(windows), expected, rtol=0, atol=1e-6)


def test_cnn3d_refuses_other_input(cnn3d):
    with pytest.raises(InputError, match="coarsen takes a number of cells from 1 on, got 0"):
        Cnn3d(3, widths=(4, 6), coarsen=0)
    with pytest.raises(InputError, match="takes 3 input channels, got 6"):
        cnn3d(torch.zeros(1, 5, 6, 6, 8))
    with pytest.raises(InputError, match="a window of 7 months does not fit"):
        cnn3d.forward_series(series(1, 6), 7)
