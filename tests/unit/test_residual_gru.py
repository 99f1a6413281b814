"""The residual Conv-GRU: its two forms, its patterns and its gate against sums written out here."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from climgru_lib.contract import InputError
from climgru_lib.data import normalizer, tensors
from climgru_lib.data.splits import Split, Stretch
from climgru_lib.models import ResidualGP, ResidualGru
from climgru_lib.training import weights
from climgru_lib.training.fit import fit_series
from climgru_lib.training.recipe import Recipe
from climgru_lib.training.recipes import named
from climgru_lib.training.settings import with_settings

LATE = Split("late", (Stretch("ssp370", -36), Stretch("ssp585")), (Stretch("ssp370", -24),))
RECIPE = replace(named("compact"), window=4, architecture={"width": 4, "modes": 5, "dropout": 0.0})


@pytest.fixture(scope="module")
def data(dataset):
    return tensors.prepare(dataset, RECIPE.season, LATE)


@pytest.fixture(scope="module")
def fitted(data):
    return fitted_on(data)


def fitted_on(data, recipe=RECIPE):
    torch.manual_seed(0)
    model = recipe.build(len(data.channels), (8, 12))
    model.fit(fit_series(data, recipe), data.lat)
    return model.eval()


def with_a_head(model, size=0.1):
    """Give the network something to say."""
    torch.nn.init.normal_(model.head.weight, std=size, generator=torch.Generator().manual_seed(1))
    return model


def area_shares(lat):
    return np.outer(np.cos(np.deg2rad(lat)), np.ones(12)) / np.cos(np.deg2rad(lat)).sum() / 12


def gru_by_definition(model, window):
    """Run the network over one window, month by month, with the textbook equations of PyTorch's GRU."""
    state = torch.zeros(1, 4, 1, 2)
    for month in window:
        encoded = model.encoder(month[None])
        from_month, from_state = model.months_to_gates(encoded), model.state_to_gates(state)
        reset, update = (torch.sigmoid(from_month[:, k : k + 4] + from_state[:, k : k + 4]) for k in (0, 4))
        new = torch.tanh(from_month[:, 8:] + reset * from_state[:, 8:])
        state = (1 - update) * new + update * state
    return model.head(model.norm(state).flatten(1)).view(2, 5)


def test_the_shared_form_equals_every_window_by_itself_with_its_gradients(data):
    model = with_a_head(fitted_on(data))
    months = model.describe(data.scenarios["ssp126"].inputs, data.lat)[None, :9].requires_grad_()
    wanted = torch.randn(1, 6, 2, 5, generator=torch.Generator().manual_seed(2))
    results = []
    for form in ("shared", "plain", "definition"):
        if form == "shared":
            out = model.forward_series(months, 4)
        elif form == "plain":
            out = model(torch.cat([months[:, j : j + 4] for j in range(6)]))[None]
        else:
            out = torch.stack([gru_by_definition(model, months[0, j : j + 4]) for j in range(6)])[None]
        gradients = torch.autograd.grad((out * wanted).sum(), [months, *model.parameters()])
        results.append([out.detach(), *gradients])
    assert results[0][0].std() > 0.05
    for other in results[1:]:
        for ours, theirs in zip(results[0], other):
            torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-6)


def test_wrong_months_are_refused(fitted):
    with pytest.raises(InputError, match="takes 10 input channels, got 7"):
        fitted.forward_series(torch.zeros(1, 9, 7, 4, 6), 4)
    with pytest.raises(InputError, match="window of 10 months does not fit"):
        fitted.forward_series(torch.zeros(1, 9, 10, 4, 6), 10)


def test_before_training_it_predicts_the_gated_share_of_the_gaussian_process(data, fitted):
    process = ResidualGP((8, 12), "energy_balance")
    process.fit(fit_series(data, RECIPE), data.lat)
    for ssp in ("ssp126", "ssp585"):
        arguments = data.scenarios[ssp].inputs, data.calendar_month, data.lat
        prior, both = process.prior.predict(*arguments)[:, 0], process.predict(*arguments)[:, 0]
        gate = fitted.novelty_gate(data.scenarios[ssp].inputs, data.lat)[:, None, None]
        expected = prior + 0.7 * gate * (both - prior)
        torch.testing.assert_close(fitted.predict(*arguments)[:, 0], expected, rtol=1e-5, atol=1e-6)
        assert (both - prior).abs().max() > 5e-3


def test_a_month_is_described_by_means_of_its_maps_and_by_standardised_features(data, fitted):
    inputs = data.scenarios["ssp126"].inputs
    months = fitted.describe(inputs, data.lat)
    assert months.shape == (156, 3 + 2 + 5, 4, 6)
    for channel, source in enumerate((1, 3, 4, 5, 6)):  # SO2, BC, rsdt; cosine and sine of the season
        block = inputs[77, source, 2:4, 8:10]
        assert months[77, channel, 1, 4].item() == pytest.approx(block.mean().item(), rel=1e-5)
    assert (months[:, 5:] == months[:, 5:, :1, :1]).all()
    features = {ssp: fitted.prior.features(data.scenarios[ssp].inputs, data.lat) for ssp in ("ssp126", "ssp370")}
    # the first year has no full window, in ssp370 the last three are withheld
    years = [features["ssp126"][12:], features["ssp370"][12:120]]
    known = np.concatenate([part.reshape(-1, 12, 5).mean(axis=1) for part in years])
    expected = (features["ssp126"][77] - known.mean(axis=0)) / known.std(axis=0)
    np.testing.assert_allclose(months[77, 5:, 0, 0], expected, rtol=1e-4, atol=1e-5)


def test_an_odd_grid_is_rounded_up(data):
    model = ResidualGru(7, (7, 11), width=4, modes=5)
    assert model.describe(torch.zeros(20, 7, 7, 11), np.linspace(-75, 75, 7)).shape == (20, 10, 4, 6)
    assert model.forward_series(torch.zeros(1, 13, 10, 4, 6), 12).shape == (1, 2, 2, 5)


def test_the_features_are_those_of_the_energy_balance(data, fitted):
    prior, inputs = fitted.prior, data.scenarios["ssp585"].inputs
    warming, sulphur, slow, loss, contrast = prior.features(inputs, data.lat).T
    np.testing.assert_allclose(warming, prior.global_warming(inputs, data.lat))
    keep, expected = np.exp(-1 / 240), [warming[0]]
    for value in warming[1:]:
        expected.append(keep * expected[-1] + (1 - keep) * value)
    np.testing.assert_allclose(slow, expected)
    np.testing.assert_allclose(loss, 1 - np.exp(-((np.maximum(slow - warming[:60].mean(), 0) / 0.5) ** 2)), atol=1e-9)
    so2 = inputs[:, 1].double().numpy() * data.normalizer.input_std[1] + data.normalizer.input_mean[1]
    tg = 5.1e14 * 365 * 86_400 / 1e9 * (so2 * area_shares(data.lat)).sum(axis=(1, 2))
    assert sulphur[0] == pytest.approx(tg[0], rel=1e-5)
    assert contrast.std() > 0


def test_the_patterns_are_orthonormal_over_the_area_and_those_of_the_smoothed_residual(data, fitted):
    shares = area_shares(data.lat)
    for eofs in fitted.eofs.double().numpy():
        np.testing.assert_allclose(np.einsum("kyx,lyx,yx->kl", eofs, eofs, shares), np.eye(5), atol=1e-5)
    one = fit_series(data, RECIPE)[0]
    assert one.weight[:3].max() == 0 and one.weight[3:].min() == 3  # the first three months have no full window
    rows = []
    for one in fit_series(data, RECIPE):
        whole = [y for y in range(13) if one.weight[12 * y : 12 * y + 12].min() > 0]
        residual = one.target - fitted.prior.predict(one.inputs, one.calendar_month, data.lat)
        for quarter in range(4):
            means = [residual[12 * y + 3 * quarter : 12 * y + 3 * quarter + 3].mean(0).double() for y in whole]
            for i in range(len(means)):
                near = [means[min(max(k, 0), len(means) - 1)] for k in range(i - 5, i + 6)]
                rows.append(torch.stack(near).mean(0).numpy())
    for channel, eofs in enumerate(fitted.eofs.numpy()):
        weighted = np.array(rows)[:, channel] * np.sqrt(shares)
        values, vectors = np.linalg.eigh(np.einsum("tyx,tba->yxba", weighted, weighted).reshape(96, 96))
        for k in range(5):
            pattern = vectors[:, -1 - k].reshape(8, 12) / np.sqrt(shares)
            assert values[-1 - k] > 1.02 * values[-2 - k]  # a pattern of its own
            assert abs((pattern * eofs[k] * shares).sum()) == pytest.approx(1, abs=1e-3)


def test_fewer_years_than_patterns_leave_the_last_patterns_empty(data):
    short = Split("short", (Stretch("ssp126", 36), Stretch("ssp370"), Stretch("ssp585")), ())
    model = fitted_on(replace(data, split=short), replace(RECIPE, architecture={"width": 4, "modes": 12}))
    assert (model.eofs[:, :8].abs().amax((2, 3)) > 0).all()  # two whole years of four seasons
    assert (model.eofs[:, 8:] == 0).all()


def test_reduced_targets_are_the_members_residuals_in_units_of_the_weather(data, fitted):
    reduced = fitted.reduce(data)
    one, scenario = reduced.scenarios["ssp126"], data.scenarios["ssp126"]
    assert one.targets.shape == (3, 156, 2, 5)
    assert one.inputs.shape == (156, 10, 4, 6)
    assert reduced.scenarios["ssp245"] is data.scenarios["ssp245"]  # withheld
    prior = fitted.prior.predict(scenario.inputs, data.calendar_month, data.lat)
    residual = (scenario.targets[2, 40] - prior[40]).numpy()
    for channel in range(2):
        share = (residual[channel] * fitted.eofs[channel, 3].numpy() * area_shares(data.lat)).sum()
        assert one.targets[2, 40, channel, 3].item() == pytest.approx(share / fitted.weather[channel].item(), rel=1e-3)
    # the mean over the members is fitted: with three, training to three targets is training to their mean
    total = sum((one.targets[m, 40] - 0.3).square().mean() for m in range(3)) / 3
    about = (one.targets[:, 40].mean(0) - 0.3).square().mean() + one.targets[:, 40].var(0, correction=0).mean()
    torch.testing.assert_close(total, about)


def test_the_weather_is_the_residual_of_one_member(data, fitted):
    squares = []
    for one in fit_series(data, RECIPE):
        residual = (one.target - fitted.prior.predict(one.inputs, one.calendar_month, data.lat)).double().numpy()
        means = (residual**2 * area_shares(data.lat)).sum(axis=(2, 3))
        squares += [n * mean for n, mean in zip(one.weight, means) if n]
    assert len(squares) == 153 + 117
    np.testing.assert_allclose(fitted.weather, np.sqrt(np.mean(squares, axis=0)), rtol=1e-4)
    # the data set has weather of 1 K; the energy balance is not its physics, and a third of its error counts thrice
    assert 1 < fitted.weather[0].item() * data.normalizer.target_std[0] < 1.2


def test_the_gate_is_one_on_known_forcing_and_closes_away_from_it(data, fitted):
    known = fitted.novelty_gate(data.scenarios["ssp126"].inputs, data.lat)
    assert known[12:].min() > 0.8  # January and December are half a year of warming from their year's mean
    hot = data.scenarios["ssp126"].inputs.clone()
    hot[:, 0] += 6
    assert fitted.novelty_gate(hot, data.lat).max() < 1e-3
    features = [fitted.prior.features(data.scenarios[ssp].inputs, data.lat)[:, :3] for ssp in ("ssp126", "ssp370")]
    years = np.concatenate([part[12:stop].reshape(-1, 12, 3).mean(axis=1) for part, stop in zip(features, (156, 120))])
    here = fitted.prior.features(data.scenarios["ssp585"].inputs, data.lat)[:, None, :3]
    nearest = (((here - years) / years.std(axis=0)) ** 2).sum(axis=2).min(axis=1)
    gate = fitted.novelty_gate(data.scenarios["ssp585"].inputs, data.lat).numpy()
    np.testing.assert_allclose(gate, np.exp(-nearest / 0.98), rtol=1e-4, atol=1e-6)  # 0.7 standard deviations wide
    assert gate.min() < 0.01 and ((gate > 0.2) & (gate < 0.8)).any()


@pytest.mark.parametrize("lead", [0, 1])
def test_predictions_are_the_prior_plus_gated_patterns_and_process(data, lead):
    model = with_a_head(fitted_on(data, replace(RECIPE, lead=lead)))
    one = data.scenarios["ssp126"]
    maps = model.predict(one.inputs, data.calendar_month, data.lat)[:, 0]
    prior = model.prior.predict(one.inputs, data.calendar_month, data.lat)[:, 0]
    process = model.process.predict(one.inputs, data.calendar_month, data.lat)[:, 0] - prior
    gate = model.novelty_gate(one.inputs, data.lat)
    months = model.describe(one.inputs, data.lat)
    for month in (5, 60):
        coefficients = model(months[None, month - lead - 3 : month - lead + 1])[0] * model.weather[:, None]
        patterns = (coefficients[0, :, None, None] * model.eofs[0]).sum(0)
        assert patterns.abs().max() > 1e-3
        expected = prior[month] + 0.7 * gate[month] * (patterns + process[month])
        torch.testing.assert_close(maps[month], expected, rtol=1e-5, atol=1e-5)
    repeated = months[[0, 0, 0, 0]]
    first = (model(repeated[None])[0] * model.weather[:, None])[0, :, None, None] * model.eofs[0]
    expected = prior[0] + 0.7 * gate[0] * (first.sum(0) + process[0])
    torch.testing.assert_close(maps[0], expected, rtol=1e-5, atol=1e-5)


def test_precipitation_is_never_negative(data):
    model = with_a_head(fitted_on(data), size=5.0)
    maps = model.predict(data.scenarios["ssp126"].inputs, data.calendar_month, data.lat)
    pr = normalizer.denormalise(maps.detach(), data.normalizer)[:, 1]
    assert pr.min() == pytest.approx(0, abs=1e-6) and pr.min() >= 0
    assert (pr < 1e-6).mean() > 0.05


def test_withheld_targets_are_not_read(data):
    torch.manual_seed(3)
    changed = {ssp: replace(one) for ssp, one in data.scenarios.items()}
    for ssp, stretch in (("ssp370", slice(-36, None)), ("ssp585", slice(None))):
        changed[ssp].targets = changed[ssp].targets.clone()
        changed[ssp].targets[:, stretch] = torch.randn_like(changed[ssp].targets[:, stretch])
    one, other = fitted_on(data), fitted_on(replace(data, scenarios=changed))
    assert one.state_dict().keys() == other.state_dict().keys()
    assert all(torch.equal(value, other.state_dict()[name]) for name, value in one.state_dict().items())


def test_saved_and_loaded_it_predicts_the_same(data, tmp_path):
    model = with_a_head(fitted_on(data))
    weights.save_weights(tmp_path, model)
    with torch.device("meta"):
        empty = RECIPE.build(len(data.channels), (8, 12))
    loaded = weights.load_weights(tmp_path, empty.to_empty(device="cpu")).eval()
    arguments = data.scenarios["ssp585"].inputs, data.calendar_month, data.lat
    assert torch.equal(loaded.predict(*arguments), model.predict(*arguments))


def test_the_recipe_is_small_and_refuses_losses_of_maps():
    model = Recipe.build(named("compact"), 7, (48, 72))
    encoder = (10 * 9 + 1) * 8 + (8 * 9 + 1) * 8
    gru = 2 * (8 * 9 + 1) * 24
    head = 2 * 8 + (8 * 6 * 9 + 1) * 48
    assert sum(p.numel() for p in model.parameters()) == encoder + gru + head == 25_616
    for setting, what in (("loss.pr_dice=0.5", "pr_dice"), ("area_weighted=true", "area_weighted")):
        with pytest.raises(InputError, match=rf"learns coefficients of patterns, not maps: .*, got {what}"):
            with_settings(named("compact"), [setting])
