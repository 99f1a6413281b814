"""Splits: window counts and dates are those of the published set-up, counted by hand in the design."""

import numpy as np
import pytest

from climgru_lib.contract import InputError, Step
from climgru_lib.data import splits
from climgru_lib.data.splits import Split, Stretch

OPEN = ("ssp126", "ssp370", "ssp585")  # the targets of ssp245 are withheld in the public file
FULL, EXTRACT = (1021, 3), (901, 2)  # months from 2015-01, members


def label(month: int) -> str:
    return f"{2015 + month // 12}-{month % 12 + 1:02d}"


def count(split, size, lead):
    return sum(split.training_targets(ssp, *size, window=12, lead=lead).sum() for ssp in OPEN)


@pytest.mark.parametrize(
    ("size", "lead", "counts"),
    [
        (FULL, 1, (8961, 8721, 6054)),
        (EXTRACT, 1, (5214, 5094, 3556)),
        (FULL, 0, (8970, 8730, 6060)),
        (EXTRACT, 0, (5220, 5100, 3560)),
    ],
)
def test_training_targets_of_published_clean_and_unseen(size, lead, counts):
    found = tuple(count(splits.named(name), size, lead) for name in ("published", "clean", "unseen:ssp370"))
    assert found == counts


@pytest.mark.parametrize(
    ("name", "size", "expected"),
    [
        ("published", FULL, [("ssp370", "2091-02", "2100-01", 108)]),
        ("clean", FULL, [("ssp370", "2091-02", "2100-01", 108), ("ssp370", "2090-02", "2100-01", 120)]),
        ("clean", EXTRACT, [("ssp370", "2081-02", "2090-01", 108), ("ssp370", "2080-02", "2090-01", 120)]),
        ("unseen:ssp585", FULL, [("ssp585", "2070-02", "2100-01", 360), ("ssp585", "2091-02", "2100-01", 108)]),
        ("unseen:ssp370", EXTRACT, [("ssp370", "2060-02", "2090-01", 360), ("ssp370", "2081-02", "2090-01", 108)]),
        ("D126", FULL, [("ssp126", "2091-02", "2100-01", 108)]),
        ("D585", FULL, [("ssp585", "2091-02", "2100-01", 108)]),
        ("L126", FULL, [("ssp126", "2091-02", "2100-01", 108)]),
        ("L370m", FULL, [("ssp370", "2071-02", "2080-01", 108)]),
        ("L585m", FULL, [("ssp585", "2051-02", "2060-01", 108)]),
    ],
)
def test_scored_dates(name, size, expected):
    slices = splits.named(name).scored_months(size[0], window=12, lead=1)
    assert [(ssp, label(m[0]), label(m[-1]), len(m)) for ssp, m in slices] == expected


def test_published_withholds_the_slice_of_the_first_member_alone():
    keep = splits.PUBLISHED_SPLIT.training_months("ssp370", *FULL)
    assert keep.dtype == bool
    assert keep.sum(axis=1).tolist() == [901, 1021, 1021]
    assert not keep[0, 901:].any()
    assert splits.PUBLISHED_SPLIT.training_months("ssp126", *FULL).all()


@pytest.mark.parametrize("split", splits.folds(), ids=lambda split: split.name)
def test_a_fold_scores_what_it_withholds_and_never_touches_the_official_slice(split):
    assert not split.training_months("ssp370", *FULL)[:, -120:].any()
    for ssp, months in split.scored_months(1021, window=12, lead=1):
        assert not split.training_months(ssp, *FULL)[:, months].any()
        assert ssp != "ssp370" or months[-1] < 901


@pytest.mark.parametrize(
    ("split", "kept"),
    [
        ("D126", {"ssp126": 901, "ssp370": 901, "ssp585": 1021}),
        ("D585", {"ssp126": 1021, "ssp370": 901, "ssp585": 901}),
        ("L126", {"ssp126": 0, "ssp370": 901, "ssp585": 1021}),
        ("L370m", {"ssp126": 1021, "ssp370": 0, "ssp585": 1021}),
        ("L585m", {"ssp126": 1021, "ssp370": 901, "ssp585": 0}),
    ],
)
def test_months_left_by_a_fold(split, kept):
    found = {ssp: splits.named(split).training_months(ssp, *FULL).sum() // 3 for ssp in OPEN}
    assert found == kept


def test_targets_begin_with_the_first_full_window():
    empty = Split("all", (), ())
    targets = empty.training_targets("ssp126", 20, 2, window=4, lead=2)
    # month 5 is the first: it needs the inputs of months 0..3, two months ahead
    np.testing.assert_array_equal(targets, np.tile(np.arange(20) >= 5, (2, 1)))
    assert splits.first_target(12, 1) == 12
    assert splits.first_target(12, 0) == 11


def test_unknown_split_is_refused_with_the_names_that_exist():
    for name in ("best", "unseen:", "unseen", "members", "members:", "members:0", "members:-1", "members:two"):
        with pytest.raises(
            InputError, match=r"unknown split .*published, clean, .*L585m, unseen:<ssp> and members:<n>"
        ):
            splits.named(name)


def test_first_members_are_trained_on_and_the_slice_of_clean_is_scored():
    split = splits.named("members:2")
    keep = split.training_months("ssp370", 300, 3)
    assert keep.sum(axis=1).tolist() == [180, 180, 0]
    assert split.training_months("ssp126", 300, 3).sum(axis=1).tolist() == [300, 300, 0]
    np.testing.assert_array_equal(splits.named("members:3").training_months("ssp370", 300, 3).sum(1), [180, 180, 180])
    assert split.scored == splits.CLEAN.scored
    with pytest.raises(InputError, match="split members:4 needs 4 members; the data set has 3"):
        splits.named("members:4").training_months("ssp126", 300, 3)


def test_too_short_a_series_is_refused():
    with pytest.raises(InputError, match="100 months, the split needs 120 at the end of ssp370"):
        splits.CLEAN.training_months("ssp126", 100, 3)
    with pytest.raises(InputError, match="has 12 months, window 12 with lead 1 needs 13"):
        Split("all", (), ()).training_targets("ssp126", 12, 1, window=12, lead=1)
    with pytest.raises(InputError, match=r"slice of ssp370 would start at month 12,.* predicts from month 13 on"):
        splits.PUBLISHED_SPLIT.scored_months(119, window=12, lead=1)
    assert splits.CLEAN.training_months("ssp126", 120, 3).all()
    assert splits.PUBLISHED_SPLIT.scored_months(120, window=12, lead=1) == [("ssp370", range(12, 120))]


def test_a_stretch_counts_like_a_slice():
    assert Stretch("ssp126").months(7) == range(7)
    assert Stretch("ssp126", 2, -1).months(7) == range(2, 6)
    with pytest.raises(InputError):
        Stretch("ssp126", -8, -6).months(7)


def test_annual_data_are_split_by_the_same_years():
    split = splits.PUBLISHED_SPLIT.on(Step.YEAR)
    assert split.withheld == (Stretch("ssp370", -10, members=(0,)),)
    assert split.scored == (Stretch("ssp370", -9),)
    assert split.step is Step.YEAR
    assert splits.named("L370m").on(Step.YEAR).scored == (Stretch("ssp370", -29, -20),)
    assert split.on(Step.YEAR) is split
    with pytest.raises(InputError, match="the data set has 9 years, the split needs 10 at the end of ssp370"):
        split.training_months("ssp370", 9, 1)
    with pytest.raises(InputError, match="split published counts years, the data have months"):
        split.on(Step.MONTH)
    odd = Split("odd", (Stretch("ssp126", -18, -6),), ())
    with pytest.raises(InputError, match=r"has ssp126\[-18:-6\], whose bounds are no whole years"):
        odd.on(Step.YEAR)


def test_listing_says_what_each_split_withholds_and_scores():
    lines = splits.listing().splitlines()
    assert lines[0] == "published     withholds ssp370[-120:] of member 0; scores ssp370[-108:]"
    assert lines[1] == "clean         withholds ssp370[-120:]; scores ssp370[-108:], ssp370[-120:]"
    assert lines[5] == "L126          withholds ssp370[-120:], ssp126; scores ssp126[-108:]"
    assert lines[6] == "L370m         withholds ssp370; scores ssp370[-348:-240]"
    assert lines[-1] == "members:<n>   clean, trained on the first n members alone"
    assert str(Stretch("ssp585", stop=6, members=(0, 2))) == "ssp585[:6] of member 0, 2"
