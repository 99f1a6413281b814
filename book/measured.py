"""Tables and numbers of the pages, from the rows that studies have left: no page types a result."""

import json
from functools import cache

import numpy as np
import pandas as pd

from climgru_lib.course.study import STUDIES, dice, report, results
from climgru_lib.score.tables import COLUMNS, HEADINGS, published_table


@cache
def kept(file: str) -> pd.DataFrame:
    """Return a kept table as it stands, text in every cell."""
    return pd.read_csv(results.FOLDER / f"{file}.csv", dtype=str).fillna("")


def markdown(headings: list[str], rows: list[list[str]]) -> str:
    """Return a table in Markdown; columns of numbers, but for the first, stand to the right."""
    numbers = [all(row[i].startswith(tuple("+-0123456789")) for row in rows if row[i]) for i in range(len(headings))]
    lines = [headings, ["---", *("--:" if right else "---" for right in numbers[1:])], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def table(file: str, *columns: str, **where: str) -> str:
    """Return kept rows, those with these values, as a table of all other columns, or of ``columns``."""
    found = kept(file)
    for column, value in where.items():
        found = found[found[column] == value].drop(columns=column)
    found = found[list(columns)] if columns else found
    return markdown([HEADINGS.get(name, name.replace("_", " ")) for name in found], found.values.tolist())


def cell(file: str, column: str, **where: str) -> str:
    """Return one cell of a kept table, that of the row with these values."""
    found = kept(file)
    for name, value in where.items():
        found = found[found[name] == value]
    (value,) = found[column]
    return value


def rows_of(name: str, split: str, ssp: str = "") -> pd.DataFrame:
    """Return the rows of a study on a split: those of the first scored slice, or of a scenario."""
    return results.rows(name, split) if not ssp else results.rows(name).query("split == @split and ssp == @ssp")


def _told(values: pd.Series, digits: int = 3) -> str:
    spread = f" ± {values.std():.{digits}f}" if len(values) > 1 else ""
    return f"{values.mean():.{digits}f}{spread}"


def study(name: str, split: str = "clean") -> str:
    """Return mean and standard deviation over seeds of the metrics of a study's first slice, by label."""
    table = report.told(results.rows(name, split)).reset_index(names="")
    return markdown(list(table), table.values.tolist())


def scenarios(name: str, *ssps: str, split: str = "decades") -> str:
    """Return mean and standard deviation over seeds of the score in some scenarios, by label."""
    by_ssp = [rows_of(name, split, ssp).groupby("label", sort=False)["score"] for ssp in ssps]
    rows = [[label, *(_told(scores.get_group(label)) for scores in by_ssp)] for label, _ in by_ssp[0]]
    return markdown(["", *ssps], rows)


def mean(name: str, label: str, column: str = "score", split: str = "clean", digits: int = 3) -> str:
    """Return the mean over seeds of one metric of the first slice."""
    rows = rows_of(name, split)
    return f"{rows[rows['label'] == label][column].mean():.{digits}f}"


def together(name: str, label: str, split: str = "clean") -> str:
    """Return the score of the mean of the seeds' predictions."""
    rows = pd.read_csv(results.FOLDER / f"{name}-means.csv")
    (score,) = rows[(rows["label"] == label) & (rows["split"] == split) & (rows["slice"] == 0)]["score"]
    return f"{score:.3f}"


def difference(
    name: str, label: str, less: str, column: str = "score", split: str = "clean", digits: int = 3, error: bool = True
) -> str:
    """Return the mean difference of two labels, seed by seed, and its standard error; a fit has one seed for all."""
    values = rows_of(name, split).pivot_table(index="seed", columns="label", values=column)
    reference = values[less].fillna(values[less].iloc[0]) if values[less].count() == 1 else values[less]
    paired = (values[label] - reference).dropna()
    return f"{paired.mean():+.{digits}f}" + (f" ± {paired.std() / np.sqrt(len(paired)):.{digits}f}" if error else "")


def verdict(name: str, label: str, less: str, split: str = "clean") -> str:
    """Return what the differences of the score say of the first slice: better, worse, or within noise."""
    found = report.differences(rows_of(name, split), {label: less})
    return report.verdicts(found)[0]["verdict"]


def published(row: str, column: str = "score") -> str:
    """Return a published metric."""
    return f"{published_table().set_axis(COLUMNS, axis=1).loc[row, column]:.3f}"


def published_dice(column: str) -> str:
    """Return the published difference of pure Dice and equal shares (experiment 2)."""
    even, pure = (dice.STUDY.published[label] for label in ("0.5 Dice + 0.5 MSE", "1.0 Dice + 0.0 MSE"))
    return f"{pure[COLUMNS.index(column)] - even[COLUMNS.index(column)]:+.3f}"


def against_published(form: str) -> list[str]:
    """Return what a form of our batches costs beside the published one: scores of each scenario, and their mean."""
    scores = pd.read_csv(results.FOLDER / "bench-skill.csv", index_col=["form", "seed"])
    paired = scores.loc[form] - scores.loc["plain"]
    paired["mean"] = paired.mean(axis=1)
    return [f"{values.mean():+.3f} ± {values.std() / np.sqrt(len(values)):.3f}" for _, values in paired.items()]


def batches() -> str:
    """Return the table of `against_published`."""
    forms = {"as many steps": "steps", "as many pairs": "epochs"}
    rows = [[label, *against_published(form)] for label, form in forms.items()]
    return markdown(["", "ssp126", "ssp370", "ssp585", "mean"], rows)


def gpu_ratio(precision: str, runs: int) -> str:
    """Return how many times faster than the plain form the shared one trains on the GPU."""
    timings = pd.read_csv(results.FOLDER / "gpu" / "timings.csv")
    found = timings[(timings["precision"] == precision) & timings["what"].str.contains(f"runs of {runs},")]
    return f"{found['ratio'].item():.2f}"


def on_gpu(split: str, seed: int = 0, column: str = "score", **settings: float) -> str:
    """Return a metric of a training of the published network on the GPU: the first slice of a split."""
    found = pd.read_csv(results.FOLDER / "gpu" / "published-final-calm.csv")
    for name, value in {"split": split, "seed": seed, **settings}.items():
        found = found[found[name] == value]
    return f"{found[found['other'].isna()][column].iloc[0]:.3f}"


def full_size() -> str:
    """Return the table of the published network at full size: published, trained on a CPU, trained on a GPU."""
    rows = [["published: three members, 2091-02..2100-01, first member as truth", "published, leaky", "12645"]]
    rows[0] += [published("published final", column) for column in COLUMNS]
    for row in kept("published-full-size").to_dict("records"):
        split = row["split"] + (", leaky" if row["split"] == "published" else "")
        rows.append([f"here: {row['label']}", split, row["batches"], *(row[column] for column in COLUMNS)])
    for split in ("clean", "published"):
        found = [on_gpu(split, column=column, learning_rate=1e-3, epochs=20, runs=2) for column in COLUMNS]
        told = split + (", leaky" if split == "published" else "")
        rows.append(["here: calm start, 20 epochs on a GPU", told, "about 1100", *found])
    return markdown(["", "split", "batches", *HEADINGS.values(), "score"], rows)


def sources() -> str:
    """Return what every kept study asks, and what its rows come from."""
    rows = []
    for name in results.known():
        told = results.source(name)
        seeds = sorted(set(told["seeds"].values()))
        count = str(seeds[0]) if len(seeds) == 1 else f"{seeds[0]} to {seeds[-1]}"
        rows.append([f"`{name}`", STUDIES[name].question, f"`{told['command']}`", count, told["torch"], told["device"]])
    return markdown(["study", "question", "made by", "seeds", "torch", "device"], rows)


def members() -> str:
    """Return members and last month of the data that all kept studies come from.

    Raises
    ------
    ValueError
        If they come from several.
    """
    told = {(source["members"], source["last_month"]) for source in map(results.source, results.known())}
    if len(told) > 1:
        raise ValueError(f"kept studies come from several data sets: {json.dumps(sorted(told))}")
    ((count, month),) = told
    return f"{count} members, to {month}"


def others(*shown: str) -> list[str]:
    """Return the names of the kept studies that a page has not shown yet."""
    return [name for name in results.known() if name not in shown]


def splits_of(name: str) -> list[str]:
    """Return the splits of a kept study."""
    return list(dict.fromkeys(results.rows(name)["split"]))


def question(name: str) -> str:
    """Return what a study asks."""
    return STUDIES[name].question


def bad_data() -> str:
    """Return what became of data sets with a planted fault, all kinds together."""
    found = kept("bad-data")
    found = found[found["kind"].isin(["known kinds", "kinds held back", "good data sets"])]
    return markdown(["", *found.columns[1:]], found.values.tolist())


def hostile() -> str:
    """Return what became of hostile files and places, by group, and what the dearest refusal took."""
    found = pd.read_csv(results.FOLDER / "hostile.csv")
    rows = []
    for group, of in found[found["group"] != "start"].groupby("group", sort=False):
        refused = of[of["outcome"] == "refused"]
        counts = [str((of["outcome"] == outcome).sum()) for outcome in ("refused", "answered", "wrong")]
        rows.append([group, str(len(of)), *counts, f"{refused['seconds'].max():.1f}", f"{of['memory_mb'].max():.0f}"])
    return markdown(["", "tried", "refused", "answered", "wrong", "most s of a refusal", "most MB"], rows)
