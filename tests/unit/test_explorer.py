"""The scenario explorer: what emulators answer, the truth beside them, and the pictures that sliders change."""

import io
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.image import imread

from climgru_lib import mini_earth
from climgru_lib.contract import InputError
from climgru_lib.course import Answers, Explorer
from climgru_lib.data import Departure, prepare, splits
from climgru_lib.data.store import open_dataset
from climgru_lib.predict import Emulator
from climgru_lib.training import fit, recipes

pytestmark = pytest.mark.filterwarnings("ignore::climgru_lib.contract.DataWarning")  # a grid of 48 cells is no Earth
GRID = {"lat": np.linspace(-75, 75, 6), "lon": np.arange(0.0, 360, 45)}
OWN = Departure("ssp245", peak=2030, final_co2=20)
MONTHS = 49 * 12 + 1


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    path = tmp_path_factory.mktemp("explorer") / "store.zarr"
    return open_dataset(mini_earth.write(path, n_months=MONTHS, n_members=2, **GRID))


@pytest.fixture(scope="module")
def data(dataset):
    return prepare(dataset, "published", splits.named("clean"))


@pytest.fixture(scope="module")
def emulators(data, tmp_path_factory):
    """Pattern scaling, and a network that was hardly trained: what it says does not matter here."""
    folder = tmp_path_factory.mktemp("runs")
    small = replace(recipes.named("compact-final"), epochs=1, cosine_epochs=1)
    runs = {"pattern": recipes.named("pattern-scaling"), "network": small}
    return {
        name: Emulator.open(fit.train(recipe, data, folder / name, seed=0, progress=False))
        for name, recipe in runs.items()
    }


@pytest.fixture(scope="module")
def made(dataset, data, emulators):
    return Explorer(dataset, data, emulators, OWN)


@pytest.fixture
def explorer(made):
    """The same explorer, with its controls as they were at first."""
    made.variable.value, made.scenario.value = "tas", OWN.base
    for name in ("peak", "final_co2", "methane", "sulphur"):
        getattr(made, name).value = getattr(OWN, name)
    return made


@pytest.mark.parametrize("name", ["pattern", "network"])
def test_a_scenario_left_as_it_is_is_predicted_as_by_the_emulator(name, dataset, data, emulators):
    answers = Answers(dataset, data, emulators)
    whole = emulators[name].fields(data.scenarios["ssp370"], data)  # from the 13th month on
    field = answers.fields(Departure("ssp370"))[name]
    assert field.shape == (12, 2, 6, 8)  # 576 months in blocks of 48
    # The third block holds months 96 to 143 of the predicted ones, its middle twelve are 114 to 125.
    np.testing.assert_allclose(field[2], whole[114:126].mean(axis=0), rtol=1e-5, atol=1e-5)


def test_the_truth_of_a_scenario_is_the_forced_climate_of_the_mini_earth(dataset, data, emulators):
    answers = Answers(dataset, data, emulators)
    known = mini_earth.forced("ssp585", MONTHS, **GRID).tas.values[12 + 114 : 12 + 126].mean(axis=0)
    np.testing.assert_allclose(answers.fields(Departure("ssp585"))["truth"][2, 0], known, atol=1e-3)  # float32 at 300 K


def test_changes_are_against_the_first_period(dataset, data, emulators):
    answers = Answers(dataset, data, emulators)
    assert answers.period == 5
    field = np.arange(12.0)[:, None, None, None] * np.ones((12, 2, 6, 8))  # one more in each block
    np.testing.assert_allclose(answers.change(field, 7), 7)
    np.testing.assert_allclose(answers.global_change(field)[:, 1], np.arange(12) - 2)
    np.testing.assert_allclose(answers.rms(-3 * np.ones((6, 8))), 3)


def test_weather_is_that_between_members(dataset, data, emulators):
    """Against half the variance of the two members' difference, as a sum over years and cells written out."""
    answers, squares = Answers(dataset, data, emulators), []
    for ssp, years in (("ssp126", 49), ("ssp370", 39), ("ssp585", 49)):  # ssp370 without its last ten years
        first, second = dataset.tas.sel(ssp=ssp).isel(time=slice(0, 12 * years)).transpose("member_id", ...).values
        weight = np.cos(np.deg2rad(GRID["lat"]))
        apart = ((first - second) * weight[:, None]).sum(axis=(1, 2)) / (8 * weight.sum())
        squares.append((apart.reshape(years, 12).mean(axis=1) ** 2 / 2).mean())
    of_year, of_change = answers.weather()
    assert of_year[0] == pytest.approx(np.sqrt(np.mean(squares)), rel=1e-3)
    assert of_change[0] > of_year[0]  # one cell over twenty years varies more than the globe over one


def test_too_few_months_are_refused(dataset, emulators):
    short = dataset.isel(time=slice(0, 100))
    with pytest.raises(InputError, match="100 months are too few for a change"):
        Answers(short, prepare(short, "published", splits.Split("all", (), ())), emulators)


def picture(widget):
    return imread(io.BytesIO(bytes(widget.value)))[..., :3]


def test_a_slider_changes_maps_graph_and_message(explorer):
    assert explorer.told.startswith("Inside the range of training")
    maps, graph = picture(explorer.image), picture(explorer.graph)
    explorer.methane.value = 3.0
    assert explorer.departure == replace(OWN, methane=3.0)
    assert "OUTSIDE the range of training. CH₄ emissions:" in explorer.told
    assert (picture(explorer.image) != maps).any() and (picture(explorer.graph) != graph).any()
    red = (np.abs(picture(explorer.graph) - [192 / 255, 0, 0]) < 0.02).all(axis=-1)
    before = (np.abs(graph - [192 / 255, 0, 0]) < 0.02).all(axis=-1)
    assert red.sum() > before.sum() + 50  # the legend has a red line from the start


def test_the_error_told_is_that_of_the_maps(explorer):
    explorer.variable.value = "pr"
    fields = explorer.answers.fields(explorer.departure)
    at = explorer.period.value
    apart = {name: explorer.answers.change(field, at)[1] for name, field in fields.items()}
    weight = np.cos(np.deg2rad(GRID["lat"]))[:, None] * np.ones(8)
    for name in ("pattern", "network"):
        rmse = np.sqrt(np.average((apart[name] - apart["truth"]) ** 2, weights=weight))
        assert f"{name} {rmse:.2f} mm/day" in explorer.told


def test_a_peak_at_the_end_of_its_slider_is_none(explorer):
    explorer.peak.value = explorer.peak.max
    assert explorer.departure.peak == np.inf


def test_what_cannot_be_is_said_and_the_picture_stays(explorer):
    before = explorer.image.value
    explorer.final_co2.min = -5000
    explorer.final_co2.value = -5000
    assert explorer.told == "more CO2 is taken out of the air than was ever emitted; raise final_co2, or peak later"
    assert explorer.image.value == before


def test_other_data_have_no_truth_and_emulators_are_compared(dataset, data, emulators):
    foreign = dataset.assign_attrs(source="a climate model")
    explorer = Explorer(foreign, data, emulators)
    assert explorer.answers.names == ["pattern", "network"]
    assert explorer.emulator.options == ("network",)
    assert "against pattern: network " in explorer.told and "truth" not in explorer.told


def test_it_leaves_a_picture_with_a_description(explorer, monkeypatch):
    shown = []
    monkeypatch.setattr("climgru_lib.course.explorer.display", lambda what, **kept: shown.append((what, kept)))
    explorer._ipython_display_()
    (still, kept), (live, _) = shown
    assert kept["metadata"] == {"image/png": {"alt": explorer.told}}
    height = sum(picture(widget).shape[0] for widget in (explorer.image, explorer.graph))
    assert imread(io.BytesIO(still["image/png"])).shape[0] == height
    assert "need a running kernel" in live["text/plain"]
    assert "application/vnd.jupyter.widget-view+json" in live
