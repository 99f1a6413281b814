"""Tables of scores."""

import pytest

from climgru_lib.course.workbook import Workbook
from climgru_lib.score.tables import COLUMNS, HEADINGS, score_table
from climgru_lib.training import runs

KINDS = ("forced", "member", "variance")


def result(limits=True, errors=True):
    """One slice whose scores are 1, limits 2, 3, 4 and errors 0.2, 0.3, 0.4 in every column."""
    return {
        "ssp": "ssp370",
        "months": ["2081-02", "2090-01"],
        "leaky": False,
        "avg": dict.fromkeys(COLUMNS, 1.0),
        "limits": {kind: dict.fromkeys(COLUMNS, 2.0 + i) for i, kind in enumerate(KINDS)} if limits else None,
        "limit_errors": {kind: dict.fromkeys(COLUMNS, 0.2 + i / 10) for i, kind in enumerate(KINDS)}
        if errors
        else None,
    }


def test_limits_stand_below_the_scores_each_with_its_error():
    table = score_table({"ours": [result()]}).loc["ssp370 2081-02..2090-01"]
    assert list(table.index) == ["ours"] + [f"limit: {kind}{end}" for kind in KINDS for end in ("", ", +-")]
    assert table[HEADINGS["tas_time_std_mae"]].tolist() == pytest.approx([1, 2, 0.2, 3, 0.3, 4, 0.4])


def test_what_cannot_be_told_is_left_out():
    table = score_table({"ours": [result(errors=False)]}).droplevel("slice")
    assert list(table.index) == ["ours"] + [f"limit: {kind}" for kind in KINDS]
    table = score_table({"ours": [result(limits=False, errors=False)]}).droplevel("slice")
    assert table.loc["limit: forced", "score"] == "n/a"
    assert list(score_table({"ours": [result()]}, limits=False).droplevel("slice").index) == ["ours"]


def test_a_run_is_known_once_it_is_finished_with_the_same_seed(store, tmp_path):
    book, other_seed = (Workbook("07", str(store), "quick", seed, str(tmp_path)) for seed in (0, 1))
    recipe = book.recipe("climatology")
    assert book.finished(recipe) is None
    run_dir = book.train(recipe)
    assert book.finished(recipe) == run_dir
    assert other_seed.finished(recipe) is None
    runs.write_json(run_dir / runs.RUN, runs.read_run(run_dir) | {"status": "unfinished"})
    assert book.finished(recipe) is None
