"""From stores to tensors: values, normalisation, damaged files, withheld targets."""

import shutil

import numpy as np
import pytest
import torch
import xarray as xr

from climgru_lib import contract
from climgru_lib.contract import DataError, InputError
from climgru_lib.data import normalizer, splits, tensors
from climgru_lib.data.season import published
from climgru_lib.data.splits import Split, Stretch
from climgru_lib.data.store import cache_dir, open_dataset

ALL = Split("all", (), ())


def by_hand(raw, keep):
    """Return population mean and std of forcings and targets, months counted once per member that keeps them."""
    pools = {name: [] for name in contract.VARIABLES}
    for ssp, mask in keep.items():
        scenario = raw.sel(ssp=ssp)
        for member, months in enumerate(mask):
            for name in pools:
                values = scenario[name].values.astype("f8")
                values = values[:, member] if name in contract.PUBLISHED_TARGETS else values
                pools[name].append(np.maximum(values[months], 0).ravel())
    pooled = {name: np.concatenate(parts) for name, parts in pools.items()}
    return {name: (values.mean(), values.std()) for name, values in pooled.items()}


@pytest.mark.parametrize("name", ["published", "clean"])
def test_normaliser_is_mean_and_population_std_of_the_months_left(raw, dataset, name):
    keep = {ssp: np.ones((3, 156), dtype=bool) for ssp in ("ssp126", "ssp370", "ssp585")}
    keep["ssp370"][: 1 if name == "published" else 3, 36:] = False
    expected = by_hand(raw, keep)
    data = tensors.load(dataset)
    found = tensors.fit_normalizer(data, splits.named(name))
    for i, variable in enumerate(contract.PUBLISHED_FORCINGS):
        assert found.input_mean[i] == pytest.approx(expected[variable][0], rel=1e-5), variable
        assert found.input_std[i] == pytest.approx(expected[variable][1], rel=1e-5), variable
    for i, variable in enumerate(contract.PUBLISHED_TARGETS):
        assert found.target_mean[i] == pytest.approx(expected[variable][0], rel=1e-6), variable
        assert found.target_std[i] == pytest.approx(expected[variable][1], rel=1e-6), variable
    weight = np.concatenate([mask.sum(axis=0) for mask in keep.values()])
    season = np.tile(published(raw["y"].values[:, None], np.arange(156) % 12 + 1), 3)
    mean = (season * weight).sum() / (weight.sum() * 8)
    assert found.input_mean[5] == pytest.approx(mean, abs=1e-6)
    std = np.sqrt((np.square(season - mean) * weight).sum() / (weight.sum() * 8))
    assert found.input_std[5] == pytest.approx(std, rel=1e-5)


def test_prepared_tensors_are_z_scores_of_the_store(raw, dataset):
    data = tensors.prepare(dataset, "published", splits.CLEAN)
    scenario, norm = data.scenarios["ssp585"], data.normalizer
    tas = (raw["tas"].values[3, :, 2] - norm.target_mean[0]) / norm.target_std[0]
    np.testing.assert_allclose(scenario.targets[2, :, 0], tas, atol=1e-4)
    ch4 = (raw["CH4"].values[3] - norm.input_mean[2]) / norm.input_std[2]
    np.testing.assert_allclose(scenario.inputs[:, 2], np.broadcast_to(ch4[:, None, None], (156, 8, 12)), atol=1e-5)
    bc = (np.maximum(raw["BC"].values[3], 0) - norm.input_mean[3]) / norm.input_std[3]
    np.testing.assert_allclose(scenario.inputs[:, 3], bc, atol=1e-5)
    kelvin = normalizer.denormalise(scenario.targets, norm)[:, :, 0]
    np.testing.assert_allclose(kelvin, raw["tas"].values[3].swapaxes(0, 1), atol=1e-3)
    assert data.channels == ("CO2", "SO2", "CH4", "BC", "rsdt", "season")


def test_a_prepared_split_tells_what_is_trained_on_and_its_mean(raw, dataset):
    split = splits.unseen("ssp370")
    data = tensors.prepare(dataset, "none", split)
    assert data.split == split
    masks = data.training_targets(window=12, lead=1)
    assert {ssp: keep.sum(axis=1).tolist() for ssp, keep in masks.items()} == {
        ssp: [144, 144, 144] for ssp in ("ssp126", "ssp585")
    }
    kelvin = raw["tas"].sel(ssp=["ssp126", "ssp585"]).values[:, 12:].mean(axis=(0, 1, 2), dtype=float)
    found = data.mean_target(window=12, lead=1)
    assert found.shape == (2, 8, 12)
    mean, std = data.normalizer.target_mean[0], data.normalizer.target_std[0]
    np.testing.assert_allclose(found[0] * std + mean, kelvin, rtol=1e-6)
    assert tensors.load(dataset, "none").normalise(data.normalizer).split is None


def test_rounding_residues_of_emissions_count_as_zero(raw, dataset):
    assert raw["SO2"].values.min() < 0
    data = tensors.load(dataset)
    for ssp in raw["ssp"].values:
        assert data.scenarios[ssp].inputs[:, 1].min() == 0
        assert data.scenarios[ssp].inputs[0, 1, 0, 0] == 0


def test_withheld_scenario_has_inputs_and_no_targets(dataset):
    data = tensors.load(dataset)
    assert data.open_scenarios == ["ssp126", "ssp370", "ssp585"]
    assert data.scenarios["ssp245"].targets is None
    assert data.scenarios["ssp245"].inputs.shape == (156, 6, 8, 12)
    assert data.scenarios["ssp245"].withheld.all()
    with pytest.raises(DataError, match=r"^scoring on ssp245 .* member 0, 2025-01"):
        data.require_scored("ssp245", range(120, 156))


def test_seasonal_encoding_follows_the_calendar(dataset):
    data = tensors.load(dataset, "phase", ["ssp126"])
    inputs = data.scenarios["ssp126"].inputs
    assert inputs.shape == (156, 7, 8, 12)
    angle = 2 * np.pi * 3 / 12  # April
    sine = np.sin(np.deg2rad(data.lat)) * np.sin(angle)
    np.testing.assert_allclose(inputs[15, 6], np.tile(sine[:, None], 12), atol=1e-6)
    assert data.channels[5:] == ("season_cos", "season_sin")


def test_netcdf_and_zarr_give_the_same_tensors(raw, dataset, tmp_path):
    raw.to_netcdf(tmp_path / "small.nc")
    zarr, netcdf = (tensors.load(opened) for opened in (dataset, open_dataset(tmp_path / "small.nc")))
    assert netcdf.fingerprint == zarr.fingerprint
    for ssp, scenario in zarr.scenarios.items():
        assert torch.equal(scenario.inputs, netcdf.scenarios[ssp].inputs)
    assert torch.equal(zarr.scenarios["ssp370"].targets, netcdf.scenarios["ssp370"].targets)


def test_fingerprint_tells_data_apart(raw, dataset):
    known = tensors.load(dataset).fingerprint
    raw["pr"].values[3, 100, 2, 4, 4] += 0.01
    assert tensors.load(contract.standardise(raw)).fingerprint != known
    renamed = dataset.assign_coords(ssp=["ssp126", "ssp245", "ssp585", "ssp370"])
    assert tensors.load(renamed).fingerprint != known


def test_a_missing_chunk_is_named_at_opening(store, tmp_path):
    broken = shutil.copytree(store, tmp_path / "broken.zarr")
    (broken / "tas" / "2.1.0.0.0").unlink()
    with pytest.raises(DataError, match=r"tas lacks 1 of 12 chunks, the first in ssp370, 2020-01 \.\. 2024-12; fetch"):
        open_dataset(broken)


def test_a_missing_chunk_of_another_order_of_dimensions_is_named(raw, tmp_path):
    turned = raw.transpose("time", "ssp", "member_id", "y", "x", "latitude", "longitude")
    turned.to_zarr(tmp_path / "t.zarr", zarr_format=2, encoding={"rsdt": {"chunks": (60, 1, 8, 12)}})
    (tmp_path / "t.zarr" / "rsdt" / "2.3.0.0").unlink()
    with pytest.raises(DataError, match=r"rsdt lacks 1 of 12 chunks, the first in ssp585, 2025-01 \.\. 2027-12"):
        open_dataset(tmp_path / "t.zarr")


def test_a_truncated_chunk_is_named_when_it_is_read(store, tmp_path):
    broken = shutil.copytree(store, tmp_path / "broken.zarr")
    chunk = broken / "rsdt" / "3.2.0.0"  # beyond the first years, which are read on opening
    chunk.write_bytes(chunk.read_bytes()[:200])
    dataset = open_dataset(broken)
    with pytest.raises(DataError, match=r"rsdt of ssp585 cannot be read .*fetch it again"):
        tensors.load(dataset)
    assert any("rsdt of ssp585 cannot be read" in line for line in contract.check(dataset))


def test_a_truncated_netcdf_is_refused(raw, tmp_path):
    raw.to_netcdf(tmp_path / "small.nc")
    content = (tmp_path / "small.nc").read_bytes()
    (tmp_path / "short.nc").write_bytes(content[: len(content) // 2])
    with pytest.raises(InputError, match=r"short.nc"):
        tensors.load(open_dataset(tmp_path / "short.nc"))


def test_no_data_and_no_store_are_told_apart(tmp_path):
    with pytest.raises(InputError, match="no data at"):
        open_dataset(tmp_path / "nothing.zarr")
    (tmp_path / "folder").mkdir()
    (tmp_path / "notes.txt").write_text("no data")
    for path in ("folder", "notes.txt"):
        with pytest.raises(InputError, match="neither a Zarr store nor a"):
            open_dataset(tmp_path / path)


def test_loading_checks_the_values(raw):
    raw["tas"].values[2, 40, 1, 0, 0] = np.nan
    with pytest.raises(DataError, match=r"tas has missing or infinite values in ssp370, 2018-05"):
        tensors.load(contract.standardise(raw))


def test_training_on_partly_withheld_months_is_refused(raw):
    for name in ("tas", "pr"):
        raw[name].values[2, 50:60, 1] = 0
    data = tensors.load(contract.standardise(raw))
    with pytest.raises(DataError, match=r"^training on ssp370 .* member 1, 2019-03; choose another split"):
        data.training_months(ALL)
    withheld = Split("without", (Stretch("ssp370", 50, 60, (1,)),), ())
    assert data.training_months(withheld)["ssp370"].sum() == 3 * 156 - 10
    assert data.training_months(Split("last", (Stretch("ssp370", 50),), ()))["ssp370"].sum() == 150
    with pytest.raises(DataError, match="scoring on ssp370"):
        data.require_scored("ssp370", range(59, 70))
    data.require_scored("ssp370", range(60, 70))


def test_unknown_scenarios_and_empty_trainings_are_refused(dataset):
    with pytest.raises(InputError, match="no scenario ssp119 in the data set; it has ssp126, ssp245"):
        tensors.load(dataset, scenarios=["ssp119"])
    data = tensors.load(dataset)
    with pytest.raises(InputError, match=r"split unseen:ssp119 needs ssp119; the data set has ssp126"):
        data.training_months(splits.unseen("ssp119"))
    nothing = Split("none", tuple(Stretch(ssp) for ssp in data.scenarios), ())
    with pytest.raises(InputError, match="leaves nothing to train on"):
        data.training_months(nothing)


def test_normaliser_survives_json(dataset):
    norm = tensors.fit_normalizer(tensors.load(dataset, scenarios=["ssp126", "ssp370"]), splits.CLEAN)
    back = normalizer.Normalizer.from_json(norm.to_json())
    for name in norm.__dataclass_fields__:
        np.testing.assert_array_equal(getattr(back, name), getattr(norm, name))
    assert back.same_as(norm)
    assert not tensors.fit_normalizer(tensors.load(dataset), splits.CLEAN).same_as(norm)


def test_a_constant_channel_is_centred_and_not_divided(raw):
    raw["CH4"].values[:] = 0.4
    data = tensors.prepare(contract.standardise(raw), "none", splits.CLEAN)
    assert data.channels[2] == "CH4"
    assert data.normalizer.input_std[2] == 1
    assert data.scenarios["ssp126"].inputs[:, 2].abs().max() < 1e-6


def test_a_standard_calendar_is_accepted(raw, tmp_path):
    raw = raw.assign_coords(time=xr.date_range("2015-01-01", periods=156, freq="MS") + np.timedelta64(14, "D"))
    raw.to_netcdf(tmp_path / "gregorian.nc")
    data = tensors.load(open_dataset(tmp_path / "gregorian.nc"), scenarios=["ssp126"])
    assert (data.months[13], data.calendar_month[13]) == ("2016-02", 2)
    assert data.time.values[0].replace(day=1).day == 1  # dates that `cf` can turn into bounds


def test_cache_folder_can_be_set(monkeypatch, tmp_path):
    monkeypatch.setenv("CLIMGRU_CACHE", str(tmp_path))
    assert cache_dir() == tmp_path


def test_forcings_alone_are_read_where_targets_are_not_wanted(raw, dataset, monkeypatch):
    whole, read = tensors.load(dataset, scenarios=["ssp370"]), []
    fields = contract.scenario_fields

    def watched(*args):
        for name, values in fields(*args):
            read.append(name)
            yield name, values

    monkeypatch.setattr(contract, "scenario_fields", watched)
    found = tensors.load(dataset, scenarios=["ssp370"], targets=False)
    assert read == ["CO2", "SO2", "CH4", "BC", "rsdt"]
    assert torch.equal(found.scenarios["ssp370"].inputs, whole.scenarios["ssp370"].inputs)
    assert found.scenarios["ssp370"].targets is None
    assert found.scenarios["ssp370"].withheld.all()
    assert found.targets == ("tas", "pr")
