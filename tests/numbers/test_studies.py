"""Tables of studies on real data, in the README, notebook 06 and the documentation, are those of the committed rows."""

import json
import re
from pathlib import Path

import pandas as pd
import pytest

from climgru_lib.course.study import results
from climgru_lib.score.tables import COLUMNS
from climgru_lib.training import recipes

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOK = ROOT / "notebooks" / "06_experiments.ipynb"


def markdown() -> dict[str, str]:
    """Return the texts that hold tables of studies."""
    cells = json.loads(NOTEBOOK.read_text())["cells"]
    notebook = "\n\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
    return {"README": (ROOT / "README.md").read_text(), "06": notebook}


def rows_of(name: str) -> pd.DataFrame:
    rows = results.rows(name)
    return rows[rows["slice"] == 0]


def told(text: str, name: str, split: str) -> dict[str, tuple[int, list[float], list[float]]]:
    """Return (seeds, means, standard deviations) by label from the table after ``climgru study NAME`` and the split."""
    table = re.search(rf"`climgru study {name}`[^|]*`{split}`[^|]*((?:\|.*\n?)+)", text).group(1)
    found = {}
    for label, seeds, cells in re.findall(r"^\| ([^|]+?) \| (\d+) \|(.*)\|$", table, re.M):
        numbers = [re.findall(r"[+-]?\d\.\d+", cell) for cell in cells.split("|")]
        means, spread = ([float(cell[i]) for cell in numbers if len(cell) > i] for i in (0, 1))
        found[label] = (int(seeds), means, spread)
    return found


TABLES = [
    ("06", "season", "clean"),
    ("06", "dice", "clean"),
    ("06", "first-final", "clean"),
    ("README", "dice", "clean"),
    ("README", "first-final", "unseen:ssp370"),
]


@pytest.mark.parametrize(("where", "name", "split"), TABLES)
def test_a_table_is_that_of_the_rows(where, name, split):
    rows, table = rows_of(name), told(markdown()[where], name, split)
    rows = rows[rows["split"] == split]
    assert len(table) >= 3
    for label, (seeds, means, spread) in table.items():
        first, *second = (rows[rows["label"] == one].set_index("seed")[COLUMNS] for one in label.split(" less "))
        values = first - second[0] if second else first
        error = values.std() / (len(values) ** 0.5 if second else 1)  # of a paired difference, the standard error
        assert seeds == len(values)
        assert means == pytest.approx(values.mean().tolist(), abs=6e-4), label
        assert spread == pytest.approx(error.dropna().tolist(), abs=6e-4), label


def test_the_readme_tells_the_mean_over_seeds():
    means = pd.read_csv(results.FOLDER / "first-final-means.csv")
    (score,) = means[(means["label"] == "Conv-GRU (final)") & (means["split"] == "clean") & (means["slice"] == 0)].score
    assert (
        f"The mean of the predictions of the five seeds, five minutes of one core, scores {score:.3f}."
        in (markdown()["README"])
    )


VERDICTS = [
    ("season", "with season", "without season", r"sees insolation \((\S+) ± (\S+)\)"),
    ("season", "with season, published start", "without season, published start", r"published start \((\S+) ± (\S+)\)"),
    ("season", "with season, one epoch", "without season, one epoch", r"after one epoch \((\S+) ± (\S+),"),
    ("season", "with season, lead 0", "without season, lead 0", r"at lead 0 \((\S+) ± (\S+),"),
    ("season", "with season, no rsdt", "without season, no rsdt", r"without insolation \((\S+) ± (\S+)\)"),
    ("first-final", "Conv-GRU (final)", "3D-CNN (first)", r"beats the first: \*\*within noise\*\* \((\S+) ± (\S+)\)"),
]


@pytest.mark.parametrize(("name", "label", "less", "pattern"), VERDICTS, ids=lambda value: value if value else "")
def test_the_verdicts_of_the_readme_are_those_of_the_rows(name, label, less, pattern):
    sentence = next(line for line in markdown()["README"].splitlines() if line.startswith("Verdicts on what"))
    mean, error = re.search(pattern, sentence).groups()
    rows = rows_of(name)
    scores = rows[rows["split"] == "clean"].pivot_table(index="seed", columns="label", values="score")
    difference = scores[label] - scores[less]
    digits = len(mean.partition(".")[2])
    assert mean == f"{difference.mean():+.{digits}f}"
    assert error == f"{difference.std() / len(difference) ** 0.5:.{digits}f}"


@pytest.mark.parametrize(("form", "row"), [("steps", "as many steps"), ("epochs", "as many pairs")])
def test_the_readme_tells_what_the_batches_cost(form, row):
    scores = pd.read_csv(results.FOLDER / "bench-skill.csv", index_col=["form", "seed"])
    paired = scores.loc[form] - scores.loc["plain"]
    paired["mean"] = paired.mean(axis=1)
    line = next(line for line in markdown()["README"].splitlines() if line.startswith(f"| {row}"))
    cells = [cell.strip() for cell in line.split("|")[2:-1]]
    assert cells == [f"{values.mean():+.3f} ± {values.std() / 5**0.5:.3f}" for _, values in paired.items()]


def check_scores(name: str, table: list[tuple[str, ...]]) -> None:
    """Compare means and standard deviations of the score, ssp126 and ssp585, with the rows of a study."""
    rows = results.rows(name)
    assert {label for label, *_ in table} == set(rows["label"])
    for label, *cells in table:
        scores = [rows[(rows["label"] == label) & (rows["ssp"] == ssp)]["score"] for ssp in ("ssp126", "ssp585")]
        expected = [number for score in scores for number in (score.mean(), score.std())]
        assert [float(cell) for cell in cells] == pytest.approx(expected, abs=6e-4), label


def test_the_documentation_of_recipes_has_the_ablation():
    pattern = r"^([a-z][\w -]+?)  +(\d\.\d+) ± (\d\.\d+)  +(\d\.\d+) ± (\d\.\d+)"
    check_scores("calm-start", re.findall(pattern, recipes.__doc__, re.M))


def test_notebook_03_has_the_additions_to_the_3d_cnn():
    cells = json.loads((NOTEBOOK.parent / "03_baseline_3dcnn.ipynb").read_text())["cells"]
    text = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
    table = re.findall(r"^\| ([a-zD3 -]+) \| (\d\.\d+) ± (\d\.\d+) \| (\d\.\d+) ± (\d\.\d+) \|$", text, re.M)
    check_scores("first-start", table)


@pytest.mark.parametrize("name", results.known())
def test_results_say_what_they_come_from(name):
    source = results.source(name)
    assert source["command"].startswith(f"climgru study {name} ")
    seeds = results.rows(name).groupby(["split", "label"])["seed"].nunique()
    assert source["seeds"] == {f"{split}: {label}": count for (split, label), count in seeds.items()}
    assert source["numerics"] == "1"
    assert min(source["seeds"].values()) >= 1
