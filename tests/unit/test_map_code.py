"""The call that a viewer gives draws what it shows, whatever stands beside the prediction."""

import cartopy.crs as ccrs
import numpy as np
import pytest
from conftest import monthly_ensemble
from matplotlib.collections import PathCollection

from climgru_lib import maps
from climgru_lib.contract import InputError
from climgru_lib.maps import face
from climgru_lib.maps.cells import Cells
from climgru_lib.maps.statistics import STATISTICS

BESIDE = ("truth", "other run", "ssp126", "its first 20 years", "nothing")
LEVELS = {"quantile": 0.8, "exceedance": 3.5}


@pytest.fixture(scope="module")
def given():
    """Two scenarios of a prediction in a list, another run of weather of its own, and a truth of three members."""
    truth, runs = monthly_ensemble("north first"), monthly_ensemble("north first", members=5)
    one = [runs.sel(ssp=ssp).isel(member_id=3, drop=True) for ssp in ("ssp126", "ssp370")]
    other = runs.sel(ssp="ssp370").isel(member_id=4, drop=True)
    return {"prediction": one, "truth": truth, "other": other}


@pytest.fixture(scope="module")
def viewer(given):
    viewer = maps.Viewer(given["prediction"], given["truth"], other=given["other"], period="2041-2050")
    viewer.controls.scenario.value, viewer.controls.variable.value = "ssp370", "pr"
    return viewer


def drawn(figure):
    """Return all that a figure says, but what is written on the last map."""
    cells, axes = figure.findobj(Cells), [ax for ax in figure.axes if hasattr(ax, "projection")]
    dots = [part.get_offsets().tolist() for ax in axes for part in ax.collections if isinstance(part, PathCollection)]
    return {
        "arrays": [mesh.get_array().tolist() for mesh in cells],
        "colours": [(mesh.cmap.name, mesh.norm.vmin, mesh.norm.vmax) for mesh in cells],
        "titles": [figure.get_suptitle(), *(ax.get_title() for ax in axes)],
        "labels": [ax.get_xlabel() for ax in figure.axes if not hasattr(ax, "projection")],
        "notes": [text.get_text() for part in (*axes, figure) for text in part.texts],
        "projection": axes[0].projection,
        "dots": dots,
    }


def executed(viewer, given):
    return eval(viewer.code(), {"maps": maps, **given})


@pytest.mark.parametrize("statistic", STATISTICS)
@pytest.mark.parametrize("beside", BESIDE)
def test_the_code_draws_what_is_shown(viewer, given, beside, statistic):
    controls = viewer.controls
    controls.statistic.value = "mean"
    controls.beside.value, controls.stipple.value = beside, True
    controls.level.value = LEVELS.get(statistic, controls.level.value)
    controls.statistic.value = statistic
    shown, again = drawn(viewer.figure), drawn(executed(viewer, given))
    assert shown == again
    compared = beside in BESIDE[:3]
    assert len(shown["arrays"]) == (3 if compared else 2 if (beside, statistic) == (BESIDE[3], "mean") else 1)
    dotted = statistic == "change" or (statistic == "mean" and beside != "nothing")
    assert bool(sum(map(len, shown["dots"]))) == dotted


def test_the_code_tells_colours_that_were_kept_and_a_projection_that_was_given(given):
    viewer = maps.Viewer(given["prediction"][1], projection=ccrs.Mollweide(), period="2018-07")
    viewer.controls.baseline.value, viewer.controls.region.value = "2020-2029", "tropics"
    before = viewer.meshes[0].norm
    viewer.controls.period.value = "2022-07"
    assert viewer.meshes[0].norm is before and "limits=" in viewer.code() and "span=" in viewer.code()
    viewer.controls.limits.value = "281, 2"  # refused; the picture stays
    names = {"prediction": given["prediction"][1], "projection": ccrs.Mollweide()}
    assert drawn(viewer.figure) == drawn(executed(viewer, names))
    viewer.controls.limits.value = "270, 300"
    assert "limits=(270.0, 300.0)" in viewer.code() and "baseline='2020-2029'" in viewer.code()


def test_of_a_truth_that_lacks_the_month_the_code_leaves_it_out(given):
    names = {"prediction": given["prediction"][1], "truth": given["truth"].isel(time=slice(24))}
    viewer = maps.Viewer(*names.values(), period="2030-03")
    assert "nothing to compare with" in viewer.message.value and "truth" not in viewer.code()
    assert drawn(executed(viewer, names))["arrays"] == drawn(viewer.figure)["arrays"]


def test_paths_are_written_out(given, tmp_path):
    paths = [tmp_path / "a.nc", tmp_path / "b.nc"]
    for path, one in zip(paths, given["prediction"]):
        one.to_netcdf(path)
    viewer = maps.Viewer(paths)
    assert viewer.code().startswith(f"maps.plot(maps.open_source({[str(path) for path in paths]}), 'tas', '2015-01'")
    assert drawn(executed(viewer, {})) == drawn(viewer.figure)


def test_two_things_to_compare_with_are_refused(given):
    for both in ({"truth": given["truth"]}, {"change": True}):
        with pytest.raises(InputError, match="leave"):
            maps.plot(given["other"], "tas", "2030", other=given["other"], **both)


def test_dots_beside_another_run_are_from_the_members_of_the_noise(given):
    """Both are single runs: the variance of their difference is twice that of one member, on all 81 cells."""
    asked = {"other": given["other"], "stipple": True}
    with pytest.raises(InputError, match="no dots: emulator has no members"):
        maps.plot(given["prediction"][1], "pr", "2041-2050", **asked)
    figure = maps.plot(given["prediction"][1], "pr", "2041-2050", **asked, noise=given["truth"])
    yearly = given["truth"].pr.sel(ssp="ssp370").groupby("time.year").mean().transpose("member_id", "year", ...)
    blocks = yearly.values.reshape(3, 4, 10, 9, 9).mean(axis=2)
    limit = 2.306004 * np.sqrt(2 * blocks.var(axis=0, ddof=1).mean(axis=0))  # Student's t of 8 degrees
    late = [one.pr.isel(time=slice(312, 432)).mean("time") for one in (given["prediction"][1], given["other"])]
    assert len(drawn(figure)["dots"][2]) == int((np.abs(late[0] - late[1]) <= limit).sum())
    with pytest.raises(InputError, match=r"no dots: noise is in kg m-2 s-1, the map in mm/day"):
        flux = given["truth"].assign(pr=given["truth"].pr.assign_attrs(units="kg m-2 s-1"))
        maps.plot(given["prediction"][1], "pr", "2041-2050", **asked, noise=flux)


def test_a_film_stands_beside_the_same_things(given, tmp_path, monkeypatch):
    shown, draw = [], face.draw
    monkeypatch.setattr(face, "draw", lambda *a, **k: shown.append(draw(*a, **k)) or shown[-1])
    months, one = "2030-01..2030-02", given["prediction"][1]
    for asked in ({"other": given["other"]}, {"change": True, "baseline": "2020-2029"}):
        assert face.animate(tmp_path / "film.gif", one, "tas", months, dpi=30, **asked) == 2
        last = maps.plot(one, "tas", "2030-02", **asked)
        assert drawn(shown[-2].figure)["arrays"] == drawn(last)["arrays"]
