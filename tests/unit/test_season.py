import numpy as np
import pytest

from climgru_lib.contract import InputError
from climgru_lib.data.season import channels, encode, phase, published


@pytest.mark.parametrize(
    ("lat", "month", "expected"),
    [
        (60, 1, 0.5),
        (60, 7, -0.5),
        (-60, 1, -0.5),
        (60, 4, 0.0),
        (0, 1, 0.0),
        (45, 3, np.sqrt(0.5) * 0.5),
        (-90, 1, 0.0),
    ],
)
def test_published_is_the_signed_cosine_of_latitude_times_that_of_the_month(lat, month, expected):
    assert published(lat, month) == pytest.approx(expected, abs=1e-15)


def test_published_jumps_at_the_equator_and_repeats_every_month_but_two():
    assert published([-0.1, 0.1], 1) == pytest.approx([-1, 1], abs=1e-5)
    months = np.arange(2, 8)
    np.testing.assert_allclose(published(50, months), published(50, 14 - months), atol=1e-15)


def test_phase_is_insolation_like_and_tells_every_month():
    np.testing.assert_allclose(phase(30, [1, 4, 7, 10]), [[0.5, 0, -0.5, 0], [0, 0.5, 0, -0.5]], atol=1e-15)
    series = phase(-20, np.arange(1, 13))
    np.testing.assert_allclose(np.hypot(*series), np.sin(np.deg2rad(20)))
    apart = np.linalg.norm(series[:, :, None] - series[:, None, :], axis=0)
    assert apart[~np.eye(12, dtype=bool)].min() == pytest.approx(2 * np.sin(np.deg2rad(20)) * np.sin(np.pi / 12))


def test_encode_orders_time_channel_lat():
    lat, months = [-60.0, 0.0, 30.0], [1, 2, 7, 12]
    season = encode("published", lat, months)
    assert season.shape == (4, 1, 3)
    assert season.dtype == np.float32
    assert season[2, 0, 0] == pytest.approx(0.5)
    both = encode("phase", lat, months)
    assert both.shape == (4, 2, 3)
    np.testing.assert_allclose(both[1, :, 2], [0.5 * np.cos(np.pi / 6), 0.5 * np.sin(np.pi / 6)], rtol=1e-6)
    assert encode("none", lat, months).shape == (4, 0, 3)
    np.testing.assert_allclose(encode("phase", [-90.0, 90.0], [1])[0], [[-1, 1], [0, 0]], atol=1e-7)


@pytest.mark.parametrize("encoding", [published, phase])
def test_encodings_of_single_precision_are_as_exact_as_those_of_double(encoding):
    lat, month = np.array([-41.3, 17.7]), np.array([3, 8])
    np.testing.assert_allclose(
        encoding(lat.astype("f4"), month.astype("f4")), encoding(lat.astype("f4").astype("f8"), month), rtol=1e-14
    )


def test_channels_name_what_encode_returns():
    assert [channels(name) for name in ("published", "phase", "none")] == [
        ("season",),
        ("season_cos", "season_sin"),
        (),
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("monsoon", [0.0], [1]), "'monsoon'; choose one of published, phase, none"),
        (("phase", [0.0], [0, 1]), "months must be whole numbers 1..12"),
        (("phase", [0.0], [12, 13]), "months must be whole numbers 1..12"),
        (("published", [90.5], [1]), "latitudes must lie in -90..90"),
        (("published", [np.nan], [1]), "latitudes must lie in -90..90"),
    ],
)
def test_encode_refuses_bad_input(arguments, message):
    with pytest.raises(InputError, match=message):
        encode(*arguments)
