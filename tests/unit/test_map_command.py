"""`climgru map`: pictures with what was asked for, and one line for what cannot be drawn."""

import matplotlib.animation
import numpy as np
import pytest
from conftest import monthly_ensemble, seasonal
from matplotlib.image import imread
from PIL import Image

from climgru_lib import maps
from climgru_lib.cli import main
from climgru_lib.maps import command
from climgru_lib.maps.cells import Cells


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Truth of two scenarios with three members, and two predictions without members, which differ by 0.5 K."""
    folder = tmp_path_factory.mktemp("maps")
    truth = monthly_ensemble(years=12)
    truth.to_netcdf(folder / "truth.nc")
    one = truth.sel(ssp="ssp370").isel(member_id=0, drop=True)
    one.to_netcdf(folder / "one.nc")
    one.assign(tas=(one.tas + 0.5).assign_attrs(units="K")).to_netcdf(folder / "other.nc")
    return folder


@pytest.fixture
def drawn(files, monkeypatch, tmp_path, capsys):
    """Run the command and return its figure."""
    figures, plot = [], command.plot
    monkeypatch.setattr(command, "plot", lambda *a, **k: figures.append(plot(*a, **k)) or figures[-1])
    monkeypatch.chdir(files)

    def run(*arguments):
        assert main(["map", *arguments, "--var", "tas", "--out", str(tmp_path / "m.png")]) == 0, capsys.readouterr().err
        return figures[-1]

    return run


def titles(figure):
    return [ax.get_title() for ax in figure.axes if hasattr(ax, "projection")]


def test_a_picture_is_at_least_1200_pixels_wide(drawn, tmp_path):
    drawn("one.nc", "--month", "2020-07")
    assert imread(tmp_path / "m.png").shape[1] >= 1200
    drawn("one.nc", "--month", "2020-07", "--extent", "arctic", "--graticule")
    assert imread(tmp_path / "m.png").shape[1] >= 1200
    figure = drawn("one.nc", "--month", "2020-07", "--dpi", "50")
    assert imread(tmp_path / "m.png").shape[1] == 50 * figure.get_figwidth() == 300


def test_truth_emulator_and_difference(drawn, files):
    figure = drawn("one.nc", "--period", "JJA 2017-2026", "--truth", "truth.nc", "--stipple", "--span", "1")
    assert titles(figure) == ["truth, mean of 3 members", "emulator", "emulator − truth"]
    truth = monthly_ensemble(years=12).sel(ssp="ssp370")
    yearly = seasonal(truth.tas, [6, 7, 8], (2017, 2026)).mean("year")
    difference = figure.findobj(Cells)[2]
    np.testing.assert_allclose(difference.get_array(), yearly[0] - yearly.mean("member_id"), atol=1e-9)
    assert (difference.norm.vmin, difference.norm.vmax) == (-1, 1)
    alone = drawn("one.nc", "--period", "JJA 2017-2026", "--truth", "truth.nc", "--difference")
    assert titles(alone) == ["emulator − truth"]
    np.testing.assert_array_equal(alone.findobj(Cells)[0].get_array(), difference.get_array())


def test_several_maps_at_once_share_their_colours(drawn):
    figure = drawn("one.nc", "--month", "2020-01", "--month", "2020-07", "--limits", "250", "300", "--levels", "5")
    assert titles(figure) == ["January 2020", "July 2020"] and figure.get_suptitle() == "ssp370"
    january, july = figure.findobj(Cells)
    assert january.norm is july.norm and list(january.norm.boundaries) == [250, 260, 270, 280, 290, 300]
    two = drawn("truth.nc", "--scenario", "ssp126", "--scenario", "ssp370", "--period", "2020")
    assert titles(two) == ["ssp126", "ssp370"] and two.get_suptitle() == "2020, mean of 3 members"
    runs = drawn("one.nc", "other.nc", "--period", "2020", "--difference")
    np.testing.assert_allclose(runs.findobj(Cells)[0].get_array(), 0.5)


def place(ax, x, y):
    """Return longitude and latitude of a point in the coordinates of an axes."""
    return maps.Frame().crs.transform_point(x, y, ax.projection)


def test_projection_and_box(drawn):
    figure = drawn("one.nc", "--month", "2020-07", "--projection", "robinson")
    assert figure.axes[0].projection.__class__.__name__ == "Robinson"
    box = drawn("one.nc", "--month", "2020-07", "--extent", "150E,110W,20S,40N").axes[0]
    assert (box.get_xlim(), box.get_ylim()) == ((-50, 50), (-20, 40))
    assert place(box, 0, 10) == pytest.approx((-160, 10))  # over the date line
    cap = drawn("one.nc", "--month", "2020-07", "--projection", "NorthPolarStereo").axes[0]
    corner = cap.transData.inverted().transform(cap.transAxes.transform((0.5, 0.0)))
    assert place(cap, *corner)[1] == pytest.approx(40, abs=0.1)  # a cap, not the whole Earth
    assert len(cap.patch.get_path().vertices) > 100  # round


def test_a_series_of_months_becomes_a_film(drawn, files, tmp_path, capsys):
    film = tmp_path / "film.gif"
    options = ["--var", "tas", "--period", "2020-11..2021-02", "--out", str(film), "--dpi", "40"]
    assert main(["map", "one.nc", *options]) == 0
    assert "4 frames" in capsys.readouterr().out
    with Image.open(film) as frames:
        assert frames.n_frames == 4 and frames.size[0] == 240


REFUSED = {
    "--month 2020-7": "YYYY-MM, such as 2085-07; got '2020-7'",
    "--month 2020-13": "no month 13",
    "--month July": "YYYY-MM",
    "--month 2090-07": "no 2090-07; the months run from 2015-01 to 2026-12",
    "--month 2020-07 --out m.xyz": "must end in .png, .svg, .pdf",
    "--month 2020-07 --truth nothing.nc": "no data at nothing.nc",
    "--month 2020-07 --difference": "a difference needs a truth",
    "--month 2020-07 --stipple": "no dots on a mean by itself: choose the statistic 'change', or a truth",
    "--period 2024-2026 --statistic change --stipple": "no dots: one.nc has no members",
    "--month 2020-07 --projection Mercator": "unknown projection 'Mercator'; there are PlateCarree",
    "--month 2020-07 --extent atlantis": "unknown region 'atlantis'; there are global",
    "--month 2020-07 --limits 300 250": "a low and a high value",
    "--month 2020-07 --levels 1": "discrete levels are 2 to 256",
    "--month 2020-07 --dpi 0": "--dpi is from 10 to 2400",
    "--month 2020-07 --member 4": "a single field",
    "--month 2020-07 --var psl": "holds no psl; it has tas, pr",
    "--month 2020-07 --month 2020-08 --out m.gif": "an animation is of one source",
}


@pytest.mark.parametrize("arguments", REFUSED)
def test_what_cannot_be_drawn_is_refused_in_one_line(arguments, files, monkeypatch, capsys):
    monkeypatch.chdir(files)
    given = arguments.split()
    given += [] if "--out" in given else ["--out", "m.png"]
    given += [] if "--var" in given else ["--var", "tas"]
    assert main(["map", "one.nc", *given]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert REFUSED[arguments] in line


def test_a_store_of_several_scenarios_needs_one(files, monkeypatch, capsys):
    monkeypatch.chdir(files)
    assert main(["map", "truth.nc", "--var", "tas", "--month", "2020-07", "--out", "m.png"]) == 2
    assert "holds several scenarios; choose of ssp126, ssp370" in capsys.readouterr().err


def test_a_film_in_mp4_needs_ffmpeg(files, monkeypatch, capsys):
    monkeypatch.chdir(files)
    monkeypatch.setattr(matplotlib.animation.FFMpegWriter, "isAvailable", lambda: False)
    assert main(["map", "one.nc", "--var", "tas", "--period", "2020-01..2020-02", "--out", "m.mp4"]) == 2
    assert "ffmpeg, which is not installed; write a .gif" in capsys.readouterr().err
