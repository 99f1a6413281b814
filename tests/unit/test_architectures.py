"""Other encoders, cores and heads of the Conv-GRU: both forms agree, all of it learns, and simple ones by hand."""

import math

import pytest
import torch
from torch import nn

from climgru_lib.contract import InputError
from climgru_lib.models import ConvGru
from climgru_lib.models.conv_gru import _probed
from climgru_lib.models.cores import CORES, Projection
from climgru_lib.models.encoders import ENCODERS
from climgru_lib.models.heads import HEADS
from climgru_lib.models.temporal_transformer import positions

SMALL = {"in_channels": 3, "grid": (7, 9), "width": 4, "hidden": 8, "head": 7, "dropout": 0.0, "norm": "running"}
PARTS = [
    *({"encoder": name} for name in ENCODERS),
    {"encoder": "unet", "padding": "circular"},
    *({"core": name} for name in CORES),
    {"core": "conv_gru", "padding": "circular"},
    *({"head_kind": name} for name in HEADS),
]


def network_with(seed=1, **changes):
    torch.manual_seed(seed)
    return ConvGru(**(SMALL | {"scaled": True} | changes))


def series(batch, time, dtype=torch.float32, seed=0):
    return torch.randn(batch, time, 3, 7, 9, generator=torch.manual_seed(seed), dtype=dtype)


def every_window(network, months, window):
    return torch.stack([network(months[:, j : j + window]) for j in range(months.shape[1] - window + 1)], dim=1)


def names(parts):
    return "-".join(map(str, parts.values()))


@pytest.mark.parametrize("parts", PARTS, ids=names)
@pytest.mark.parametrize(("time", "window"), [(6, 3), (4, 1)])
def test_shared_form_equals_plain_form(parts, time, window):
    network, months = network_with(**parts), series(2, time, torch.float64)
    network.forward_series(series(3, 5, seed=7), 2)  # moves the running statistics off their start
    network.double().eval()
    with torch.no_grad():
        shared, plain = network.forward_series(months, window), every_window(network, months, window)
    assert shared.shape == (2, time - window + 1, 2, 7, 9)
    assert plain.flatten(0, 1).std(0).max() > 1e-3  # windows differ by far more than the tolerance
    torch.testing.assert_close(shared, plain, rtol=0, atol=1e-10)


@pytest.mark.parametrize("parts", PARTS, ids=names)
def test_gradients_reach_every_parameter(parts):
    """In one of some networks at least: the attention of so small ones has a single unit, which may be off."""
    silent = None
    for seed in range(8):
        network = network_with(seed, **parts).train()
        (network.forward_series(series(2, 6, seed=seed), 3) ** 3).sum().backward()
        still = {name for name, parameter in network.named_parameters() if not parameter.grad.abs().max() > 1e-9}
        silent = still if silent is None else silent & still
    assert silent == set()


@pytest.mark.parametrize("core", CORES)
def test_no_core_sees_beyond_its_window(core):
    network, months = network_with(core=core).eval(), series(1, 7).requires_grad_()
    network.forward_series(months, 3)[:, 2].square().sum().backward()  # of the months 2, 3, 4
    seen = (months.grad.abs().sum((0, 2, 3, 4)) > 0).tolist()
    assert seen == [False, False, *([core != "last"] * 2), True, False, False]


@pytest.mark.parametrize("parts", PARTS, ids=names)
def test_a_network_starts_at_maps_but_for_a_tenth_of_chance(parts):
    """A last layer whose bias is zero makes maps by chance; with a tenth of its weights they are a tenth as large."""
    network, months = network_with(**parts).eval(), series(2, 5)
    maps = torch.arange(2 * 63.0).view(2, 7, 9)
    with torch.no_grad():
        for head in (network.output_proj1, network.output_proj2):
            (*_, bias) = (parameter for name, parameter in head.named_parameters() if name.endswith("bias"))
            bias.zero_()
        by_chance = network.forward_series(months, 3)
        network.start_at(maps)
        torch.testing.assert_close(network.forward_series(months, 3) - maps, 0.1 * by_chance, rtol=0, atol=1e-4)


def test_a_network_is_built_without_numbers_and_filled():
    """As `Emulator.open` does: what is no parameter and no buffer must not have been drawn at the start."""
    for parts in PARTS:
        source = network_with(**parts).eval()
        with torch.device("meta"):
            filled = ConvGru(**(SMALL | {"scaled": True} | parts))
        filled = filled.to_empty(device="cpu")
        filled.load_state_dict(source.state_dict())
        months = series(1, 4)
        with torch.no_grad():
            torch.testing.assert_close(filled.eval().forward_series(months, 2), source.forward_series(months, 2))


# --- cores ----------------------------------------------------------------------------------------------------------


def one_cell(name, **settings):
    """A core over maps of one channel and cell, whose projection is the identity."""
    core = CORES[name]((1, 1, 1), hidden=1, **settings).eval()
    if hasattr(core, "project"):
        nn.init.ones_(core.project.weight)
        nn.init.zeros_(core.project.bias)
    return core


def read(core, *months):
    with torch.no_grad():
        return core(torch.tensor(months).view(1, -1, 1, 1, 1)).item()


def test_the_last_core_is_the_last_month():
    assert read(one_cell("last"), 1.0, -3.0, 8.0) == 8.0


def test_the_mean_core_is_the_mean_of_gelu_of_months_and_places():
    """Two features, 1 and 10 times the month; the places k months back are sin k and cos k."""
    core = CORES["mean"]((1, 1, 1), hidden=2)
    gelu = lambda a: a * (1 + math.erf(a / 2**0.5)) / 2  # noqa: E731
    months = torch.tensor([1.0, -3.0, 8.0])
    with torch.no_grad():
        core.project.weight.copy_(torch.tensor([[1.0], [10.0]]))
        core.project.bias.zero_()
        found = core(months.view(1, 3, 1, 1, 1))[0].tolist()
    places = list(zip((2, 1, 0), months.tolist()))
    first = sum(gelu(month + math.sin(back)) for back, month in places) / 3
    second = sum(gelu(10 * month + math.cos(back)) for back, month in places) / 3
    assert found == pytest.approx([first, second], rel=1e-5)


def test_a_projection_is_as_large_as_if_it_had_few_features():
    torch.manual_seed(0)
    scaled, plain = Projection(4096, 16, scaled=True), Projection(4096, 16)
    assert scaled.weight.abs().max().item() == pytest.approx(0.25, abs=1e-3)  # 1 / sqrt(16)
    plain.load_state_dict(scaled.state_dict())
    maps = torch.randn(200, 4096, 1, 1)
    with torch.no_grad():
        nn.init.zeros_(scaled.bias)
        nn.init.zeros_(plain.bias)
        # uniform weights within 1 / 4 have the variance 1 / 48, 4096 of them times scale 16 / 4096 make 1 / 3
        assert scaled(maps).var().item() == pytest.approx(1 / 3, rel=0.1)
        torch.testing.assert_close(plain(maps), scaled(maps) * 16)


def sigmoid(a):
    return 1 / (1 + math.exp(-a))


def with_gates(core, of_month, of_state):
    """Give the middle of the kernels and nothing else."""
    for part, values in ((core.of_month, of_month), (core.of_state, of_state)):
        nn.init.zeros_(part.weight)
        nn.init.zeros_(part.bias)
        with torch.no_grad():
            part.weight[:, 0, 1, 1] = torch.tensor(values)
    return core


def test_conv_gru_by_hand():
    core = with_gates(one_cell("conv_gru", cells=1), [0.5, -1.0, 2.0], [0.3, 0.7, -0.6])
    first = (1 - sigmoid(-0.8)) * math.tanh(1.6)
    reset, update = sigmoid(0.5 * -0.4 + 0.3 * first), sigmoid(0.4 + 0.7 * first)
    second = update * first + (1 - update) * math.tanh(-0.8 - reset * 0.6 * first)
    assert read(core, 0.8, -0.4) == pytest.approx(second, rel=1e-5)


def test_conv_lstm_by_hand():
    core = with_gates(one_cell("conv_lstm", cells=1), [0.5, -1.0, 2.0, 0.4], [0.3, 0.7, -0.6, 1.1])
    memory = sigmoid(0.4) * math.tanh(1.6)
    state = sigmoid(0.32) * math.tanh(memory)
    memory = sigmoid(0.4 + 0.7 * state) * memory + sigmoid(-0.2 + 0.3 * state) * math.tanh(-0.8 - 0.6 * state)
    assert read(core, 0.8, -0.4) == pytest.approx(sigmoid(-0.16 + 1.1 * state) * math.tanh(memory), rel=1e-5)


def test_a_convolution_in_the_gates_sees_neighbours():
    core = CORES["conv_gru"]((1, 4, 5), hidden=3, cells=2)
    maps = torch.zeros(1, 1, 1, 4, 5)
    assert (core.months(maps[0])[0, :, 0] != core.months(maps[0] + torch.eye(4, 5))[0, :, 0]).any()


def test_directions_of_the_bidirectional_gru_end_at_opposite_months():
    core = CORES["bidirectional_gru"]((2, 1, 1), hidden=3, layers=2, dropout=0.0)
    months = torch.randn(1, 5, 2, 1, 1)
    with torch.no_grad():
        output = nn.GRU.forward(core, months.flatten(2))[0][0]
        torch.testing.assert_close(core(months)[0], torch.cat([output[-1, :3], output[0, 3:]]))


def test_positions_count_back_from_the_last_month():
    code = positions(3, torch.zeros(4))
    expected = [[math.sin(2), math.sin(0.02), math.cos(2), math.cos(0.02)], [0, 0, 1, 1]]
    torch.testing.assert_close(code[[0, 2]], torch.tensor(expected))
    torch.testing.assert_close(positions(60, torch.zeros(4))[-3:], code)


@pytest.mark.parametrize("core", [name for name in CORES if name != "last"])
def test_a_core_knows_the_order_of_months(core):
    """A year has the same months in every window of 12: without their order no core could tell the season."""
    torch.manual_seed(0)
    read_by, months = CORES[core]((3, 2, 2), hidden=8).eval(), series(1, 6)[:, :, :, :2, :2]
    with torch.no_grad():
        assert (read_by(months) - read_by(months.roll(1, dims=1))).abs().max() > 1e-2


# --- encoders -------------------------------------------------------------------------------------------------------


def test_no_encoder_means_over_boxes():
    """On 3 x 5 cells boxes of 2 x 2 leave 2 x 3; those at the edge hold fewer."""
    maps = torch.arange(15.0).view(1, 1, 3, 5)
    assert ENCODERS["none"](2)(maps).flatten().tolist() == [3.0, 5.0, 6.5, 10.5, 12.5, 14.0]


def test_features_are_as_many_as_those_of_the_published_encoder_with_two_strides():
    maps = torch.zeros(1, 6, 48, 72)
    for name in ("unet", "vit"):
        encoder = ENCODERS.build(name, {"in_channels": 6, "grid": (48, 72), "width": 8})
        assert encoder(maps).numel() == 32 * 12 * 18
    published = ENCODERS["published"](6, 8, strides=(2, 1, 2, 1))
    assert published(maps).numel() == 32 * 12 * 18


def test_the_unet_joins_levels_that_do_not_halve_evenly():
    encoder = ENCODERS["unet"](3, 4, depth=3, out=5)
    assert encoder(torch.zeros(1, 3, 7, 9)).shape == (1, 5, 7, 9)
    assert [block[0].in_channels for block in encoder.down] == [3, 4, 8, 16]
    assert [block[0].in_channels for block in encoder.up] == [32 + 16, 16 + 8, 8 + 4]


def test_a_patch_is_a_token_and_attends_to_all_others():
    torch.manual_seed(0)
    encoder = ENCODERS["vit"](1, (8, 12), 2, patch=4).eval()
    maps = torch.randn(1, 1, 8, 12)
    embedded = []
    encoder.embed.register_forward_hook(lambda module, inputs, output: embedded.append(output))
    with torch.no_grad():
        before, maps[0, 0, 0, 0] = encoder(maps), 9.0
        after = encoder(maps)
    assert before.shape == (1, 8, 2, 3)
    assert (embedded[0] != embedded[1]).any(1).flatten().tolist() == [True, *[False] * 5]
    assert ((after - before).abs().amax(1) > 1e-5).all()


# --- heads ----------------------------------------------------------------------------------------------------------


def test_a_dense_head_too_narrow_to_tell_states_apart_is_refused():
    with pytest.raises(InputError, match="head=2: layer norm leaves nothing but signs"):
        HEADS["dense"](5, (4, 6), head=2)
    maps = HEADS["dense"](5, (4, 6), head=3, dropout=0.0)(10 * torch.randn(50, 5, generator=torch.manual_seed(0)))
    assert len(maps.detach().unique(dim=0)) > 25


def test_low_rank_maps_are_coefficients_times_maps():
    torch.manual_seed(0)
    head = HEADS["low_rank"](5, (4, 6), head=9, dropout=0.0, rank=2)
    assert [layer.out_features for layer in head if isinstance(layer, nn.Linear)] == [9, 2, 24]
    states = torch.randn(30, 5)
    with torch.no_grad():
        maps, coefficients = head(states), nn.Sequential(*list(head)[:-1])(states)
        by_hand = torch.einsum("nr,ryx->nyx", coefficients, head[-1].weight.T.unflatten(1, (4, 6)))
        torch.testing.assert_close(maps, by_hand + head[-1].bias.view(4, 6))
        assert torch.linalg.matrix_rank((maps - maps.mean(0)).flatten(1), rtol=1e-4) == 2


def test_transposed_convolutions_double_the_grid_and_cut_off_what_is_too_much():
    head = HEADS["transposed"](5, (7, 9), dropout=0.0, channels=8, doublings=2)
    assert head.coarse == (8, 2, 3)
    assert [layer.out_channels for layer in head.layers if isinstance(layer, nn.ConvTranspose2d)] == [4, 2]
    assert head(torch.zeros(2, 3, 5)).shape == (2, 3, 7, 9)


def test_settings_of_a_part_are_checked():
    with pytest.raises(InputError, match="the core 'mean' has no setting 'cells'; it has maps, hidden, scaled"):
        ConvGru(**SMALL, core="mean", core_settings={"cells": 3})


def test_a_part_that_needs_a_sample_gets_one():
    class Rows(nn.Linear):
        """Reshapes by the length of the batch, which no samples leave open."""

        def forward(self, maps):
            return super().forward(maps.reshape(len(maps), -1))

    assert _probed(Rows(2 * 3 * 4, 5), (2, 3, 4)) == (5,)
    with torch.device("meta"):
        assert _probed(Rows(2 * 3 * 4, 5), (2, 3, 4)) == (5,)
