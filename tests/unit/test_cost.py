"""The cost of larger data: what is counted, the laws that are fitted, and what the page says of them."""

import numpy as np
import pandas as pd
import pytest
import torch
from benchmarks import budget, cost
from test_book import module

from climgru_lib.training.recipes import named


@pytest.fixture(scope="module")
def costs():
    return module("costs")


@pytest.fixture(autouse=True)
def threads(monkeypatch):
    """Leave the number of threads of the tests alone."""
    monkeypatch.setattr(torch, "set_num_threads", lambda count: None)


def test_a_network_is_made_wider_as_a_whole():
    assert cost.recipe(8) == named("compact-final")
    wide = cost.recipe(16).architecture
    assert [wide[name] for name in ("width", "hidden", "head")] == [16, 192, 384]


def test_a_step_is_counted_without_doing_it():
    sizes = [cost.Size(60, 2, "4x6", 4, runs=runs, run_length=5) for runs in (1, 2)]
    one, two = map(cost.counted, sizes)
    assert one["data_mb"] == pytest.approx(4 * 60 * 24 * (6 + 2 * 2) / 1e6)
    assert one["pairs_mb"] == pytest.approx(4 * 5 * 2 * 2 * 24 / 1e6)
    model = cost.recipe(4).build(6, (4, 6))
    assert one["parameters"] == pytest.approx(sum(parameter.numel() for parameter in model.parameters()) / 1e6)
    assert two["gflop"] == pytest.approx(2 * one["gflop"])
    # the head alone, of two pathways and 5 targets: forward pass and two products of the gradient
    assert one["gflop"] > 2 * 5 * 2 * 3 * (48 * 96 + 96 * 24) / 1e9
    assert one["pairs_mb"] < two["kept_mb"] - one["kept_mb"]


def test_laws_are_found_again(costs, monkeypatch):
    members, data = np.array([3.0, 3, 6, 12, 24]), np.array([1.0, 9, 2, 4, 8])
    made = pd.DataFrame({"task": "train", "axis": ["base", "months", *["members"] * 3], "months": [1, 9, 1, 1, 1]})
    made["members"], made["data_mb"], made["pairs_mb"] = members, data, members
    made["kept_mb"], made["parameters_mb"], made["one"] = [1.0, 1, 5, 2, 3], [2.0, 1, 1, 4, 1], 1.0
    made["memory"] = 10 + 2 * data + 3 * members + 4 * made["parameters_mb"]
    made["cpu_s"] = 0.2 * members**1.5
    monkeypatch.setattr(costs, "all_rows", lambda: made)
    costs.law.cache_clear()
    coefficients, worst = costs.law("train", "memory")
    costs.law.cache_clear()
    assert coefficients.to_dict() == pytest.approx(
        {"one": 10, "data_mb": 2, "kept_mb": 0, "pairs_mb": 3, "parameters_mb": 4}, abs=1e-6
    )
    assert worst == pytest.approx(0, abs=1e-9)
    assert costs.exponent("train", "cpu_s", "members") == pytest.approx((1.5, 1.0))
    assert costs.exponent("train", "cpu_s", "months") is None  # two sizes tell no law


def test_the_page_says_what_the_data_would_hold():
    page = module("pages").filled((module("costs").results.FOLDER.parents[2] / "book" / "cost.md").read_text())
    row = next(line for line in page.splitlines() if line.startswith("| GB: the data as tensors"))
    models, fine, _ = (float(cell.replace(" ", "")) for cell in row.split("|")[2:-1])
    assert models == pytest.approx(4 * 5 * 1032 * 96 * 144 * (6 + 2) / 1e9, rel=0.005)
    assert fine == pytest.approx(4 * 4 * 1032 * 720 * 1440 * (6 + 2 * 100) / 1e9, rel=0.005)


def test_rows_become_the_table_of_the_page(monkeypatch, tmp_path):
    monkeypatch.setattr(cost, "_forked", lambda work, *arguments: work(*arguments))
    monkeypatch.setattr(cost, "PLANNED", {"fine": cost.Size(60, 9, "8x12", 4)})
    base, out = cost.Size(60, 2, "4x6", 4), tmp_path / "cost.csv"
    rows = [*cost.rows({"members": (3,), "months": ()}, base, [], out)]
    table = pd.read_csv(out)
    assert len(rows) == len(table) - 1 == 5
    assert table["task"].tolist() == ["train", "train", "limits", "limits", "predict", "train"]
    assert table["axis"].tolist() == ["base", "members", "base", "members", "base", "fine"]
    steps = table[table["task"] == "train"]
    by_hand = [4 * 60 * 24 * (6 + 2 * 2), 4 * 60 * 24 * (6 + 2 * 3), 4 * 60 * 96 * (6 + 2 * 9)]
    assert steps["data_mb"].tolist() == pytest.approx([size / 1e6 for size in by_hand], rel=1e-4)
    assert table["cpu_s"].isna().tolist() == [False] * 5 + [True]


def test_a_budget_changes_no_score(store):
    whole, streamed = (budget.trained_and_scored(store, bytes_) for bytes_ in (None, 0))
    assert whole["score"] == streamed["score"]
