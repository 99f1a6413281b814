"""Numbers of studies on real data, in the book, notebooks and the README, are those of the committed rows."""

import importlib
import json
import re
from pathlib import Path

import pandas as pd
import pytest

from climgru_lib.course.study import report, results, spread
from climgru_lib.score.tables import COLUMNS

ROOT = Path(__file__).resolve().parents[2]
BOOK = ROOT / "book"


@pytest.fixture(scope="module")
def filled():
    """Return the function that puts numbers into a page of the book."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(BOOK))
        pages = importlib.import_module("pages")
    return lambda name: pages.filled((BOOK / f"{name}.md").read_text())


@pytest.fixture(scope="module")
def markdown(filled) -> dict[str, str]:
    """Return the texts that hold tables of studies."""
    return {"book": filled("results"), "06": prose_of("06_experiments")}


def prose_of(notebook: str) -> str:
    cells = json.loads((ROOT / "notebooks" / f"{notebook}.ipynb").read_text())["cells"]
    return "\n\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")


def paired(name: str, label: str, less: str, metric: str) -> pd.Series:
    values = results.rows(name, "clean").pivot_table(index="seed", columns="label", values=metric)
    return values[label] - values[less]


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
    ("book", "season", "clean"),
    ("book", "dice", "clean"),
    ("book", "first-final", "clean"),
    ("book", "first-final", "unseen:ssp370"),
]


@pytest.mark.parametrize(("where", "name", "split"), TABLES)
def test_a_table_is_that_of_the_rows(where, name, split, markdown):
    rows, table = rows_of(name), told(markdown[where], name, split)
    rows = rows[rows["split"] == split]
    assert len(table) >= 3
    for label, (seeds, means, deviations) in table.items():
        first, *second = (rows[rows["label"] == one].set_index("seed")[COLUMNS] for one in label.split(" less "))
        values = first - second[0] if second else first
        error = values.std() / (len(values) ** 0.5 if second else 1)  # of a paired difference, the standard error
        assert seeds == len(values)
        assert means == pytest.approx(values.mean().tolist(), abs=6e-4), label
        assert deviations == pytest.approx(error.dropna().tolist(), abs=6e-4), label


def test_the_book_tells_the_mean_over_seeds(markdown):
    means = pd.read_csv(results.FOLDER / "first-final-means.csv")
    (score,) = means[(means["label"] == "Conv-GRU (final)") & (means["split"] == "clean") & (means["slice"] == 0)].score
    told = f"The mean of the predictions of the five seeds, five minutes of one core, scores {score:.3f}."
    assert told in markdown["book"]


VERDICTS = [
    ("season", "with season", "without season", "helps a finished training", "within noise"),
    (
        "season",
        "with season, published start",
        "without season, published start",
        "with the published start",
        "within noise",
    ),
    ("season", "with season, one epoch", "without season, one epoch", "after one epoch", "better"),
    ("season", "with season, lead 0", "without season, lead 0", "at lead 0", "better"),
    ("season", "with season, no rsdt", "without season, no rsdt", "without insolation", "better"),
    ("first-final", "Conv-GRU (final)", "3D-CNN (first)", "the final model beats the first", "within noise"),
]


@pytest.mark.parametrize(("name", "label", "less", "claim", "verdict"), VERDICTS, ids=lambda value: value)
def test_the_verdicts_of_the_book_are_those_of_the_rows(name, label, less, claim, verdict, markdown):
    row = next(line for line in markdown["book"].splitlines() if line.startswith("|") and claim in line)
    mean, error, said = re.search(r"\| (\S+) ± (\S+), ([a-z ]+) \|", row).groups()
    rows = rows_of(name)
    scores = rows[rows["split"] == "clean"].pivot_table(index="seed", columns="label", values="score")
    difference = scores[label] - scores[less]
    digits = len(mean.partition(".")[2])
    assert mean == f"{difference.mean():+.{digits}f}"
    assert error == f"{difference.std() / len(difference) ** 0.5:.{digits}f}"
    assert said == verdict


@pytest.mark.parametrize(("metric", "published"), [("time_std_mae", -0.118), ("time_mean_rmse", 0.186)])
def test_the_book_tells_the_trade_of_dice_beside_the_published_one(metric, published, markdown):
    start = {"time_std_mae": "| more Dice", "time_mean_rmse": "| ... and raises its time-mean"}[metric]
    row = next(line for line in markdown["book"].splitlines() if line.startswith(start))
    means = rows_of("dice").groupby("label")[f"pr_{metric}"].mean()
    difference = means["1.0 Dice + 0.0 MSE"] - means["0.5 Dice + 0.5 MSE"]
    assert re.findall(r"[+-]\d\.\d+", row) == [f"{difference:+.3f}", f"{published:+.3f}"]
    assert difference * published > 0  # the claim holds


SEASON_BULLETS = {
    "After one epoch": (", one epoch", 2),
    "Lead 0": (", lead 0", 3),
    "Published start": (", published start", 2),
}


@pytest.mark.parametrize("start", SEASON_BULLETS)
def test_notebook_06_tells_what_the_channel_brings(start, markdown):
    condition, digits = SEASON_BULLETS[start]
    gain = -paired("season", f"with season{condition}", f"without season{condition}", "score")
    line = next(line for line in markdown["06"].splitlines() if line.startswith(f"- *{start}*"))
    assert f": {gain.mean():.{digits}f} ± {gain.std() / 5**0.5:.{digits}f}" in line


def test_notebook_06_tells_what_the_network_does_without_insolation(markdown):
    means = results.rows("season", "clean").groupby("label")["score"].mean()
    line = next(line for line in markdown["06"].splitlines() if line.startswith("- *No insolation*"))
    assert f"({means['without season, no rsdt']:.2f} against {means['with season, no rsdt']:.2f})" in line


def test_notebook_06_tells_the_trade_of_dice(markdown):
    pure, even = "1.0 Dice + 0.0 MSE", "0.5 Dice + 0.5 MSE"
    std, mean, month = (
        paired("dice", pure, even, f"pr_{metric}").mean()
        for metric in ("time_std_mae", "time_mean_rmse", "monthly_rmse")
    )
    told = f"the std error falls by {-std:.3f} (published 0.118), the time mean rises by {mean:.3f} (0.186) and the "
    assert told + f"monthly error by {month:.3f} (0.065)" in markdown["06"]
    mse, more = (paired("dice", label, even, "score") for label in ("0.0 Dice + 1.0 MSE", "0.7 Dice + 0.3 MSE"))
    assert (mse > 0).all() and (more > 0).all()
    assert f"by {mse.mean():.3f} before MSE alone and by {more.mean():.3f} before 0.7" in markdown["06"]


def test_notebook_06_tells_first_against_final(markdown):
    scores = paired("first-final", "Conv-GRU (final)", "3D-CNN (first)", "score")
    reach = 2.132 * scores.std() / 5**0.5  # Student's t, 4 degrees of freedom, 95 %
    interval = f"from {scores.mean() - reach:.3f} to {scores.mean() + reach:+.3f}"
    assert (
        f"The difference of {-scores.mean():.3f} has a 90 % interval {interval} over the five seeds" in markdown["06"]
    )


@pytest.mark.parametrize("name", ["dice", "first-final"])
def test_a_kept_curve_ends_at_the_score_of_its_row(name):
    key = ["split", "label", "seed"]
    curves, rows = results.curves(name), results.rows(name)
    ends = curves.sort_values("step").groupby(key)[COLUMNS].last()
    scores = rows[rows["slice"] == 0].set_index(key).loc[ends.index, COLUMNS]
    assert (ends - scores).abs().to_numpy().max() < 6e-5  # five digits of a point are stored
    assert curves.groupby(key).size().eq(12).all()


@pytest.mark.parametrize(("form", "row"), [("steps", "as many steps"), ("epochs", "as many pairs")])
def test_the_book_tells_what_the_batches_cost(form, row, filled):
    scores = pd.read_csv(results.FOLDER / "bench-skill.csv", index_col=["form", "seed"])
    paired = scores.loc[form] - scores.loc["plain"]
    paired["mean"] = paired.mean(axis=1)
    line = next(line for line in filled("speed").splitlines() if line.startswith(f"| {row}"))
    cells = [cell.strip() for cell in line.split("|")[2:-1]]
    assert cells == [f"{values.mean():+.3f} ± {values.std() / 5**0.5:.3f}" for _, values in paired.items()]


def test_the_readme_tells_the_results_of_the_rows():
    """Every score of the three lines of results, in their order."""
    text = (ROOT / "README.md").read_text().split("## Results")[1].split("\n## ")[0]
    fits = pd.read_csv(results.FOLDER / "recipes.csv").set_index(["split", "label"])["score"]
    card = pd.read_csv(results.FOLDER / "model-card.csv").query("form == 'mean'").set_index("split")
    lines = [line for line in text.splitlines() if line.startswith("* ")]
    assert len(lines) == 3
    for line, split in zip(lines, ("clean", "unseen:ssp370")):
        rows = rows_of("first-final").query("split == @split")
        seeds = rows[rows["label"] == "Conv-GRU (final)"]["score"]
        compact = [card["compact"][split], card["compact_sd"][split]]
        expected = [fits[split, name] for name in ("climatology", "pattern-scaling")]
        expected += [seeds.mean(), seeds.std(), *compact, fits[split, "limit: perfect forced response"]]
        assert [float(number) for number in re.findall(r"\d\.\d{3}", line)] == pytest.approx(expected, abs=6e-4)
    assert lines[2].count("within noise") == 1


@pytest.mark.parametrize("page", sorted(path.stem for path in BOOK.glob("*.md")))
def test_no_page_of_the_book_types_a_score(page):
    text = re.sub(r"\{\{.*?\}\}|\]\([^)]*\)|```.*?```", "", (BOOK / f"{page}.md").read_text(), flags=re.S)
    assert re.findall(r"(?<!\d)\d\.\d{3}|± *\d", text) == []


def test_kept_fits_agree_with_the_study_that_has_them_too():
    fits = pd.read_csv(results.FOLDER / "recipes.csv").set_index(["split", "label"])
    rows = rows_of("first-final").query("label in ['climatology', 'pattern-scaling', 'energy-balance']")
    assert len(rows) == 6
    for row in rows.to_dict("records"):
        told = fits.loc[(row["split"], row["label"]), COLUMNS].tolist()
        assert told == pytest.approx([row[column] for column in COLUMNS], abs=6e-4)


def check_scores(name: str, table: list[tuple[str, ...]]) -> None:
    """Compare means and standard deviations of the score, ssp126 and ssp585, with the rows of a study."""
    rows = results.rows(name)
    assert {label for label, *_ in table} == set(rows["label"])
    for label, *cells in table:
        scores = [rows[(rows["label"] == label) & (rows["ssp"] == ssp)]["score"] for ssp in ("ssp126", "ssp585")]
        expected = [number for score in scores for number in (score.mean(), score.std())]
        assert [float(cell) for cell in cells] == pytest.approx(expected, abs=6e-4), label


def test_the_book_has_the_ablation_of_the_calm_start(filled):
    section = filled("how_found").split("(calm-start)=")[1].split("\n## What the 3D-CNN")[0]
    pattern = r"^\| ([a-z][\w -]+?) \| (\d\.\d+) ± (\d\.\d+) \| (\d\.\d+) ± (\d\.\d+) \|$"
    check_scores("calm-start", re.findall(pattern, section, re.M))


def test_notebook_03_has_the_additions_to_the_3d_cnn():
    pattern = r"^\| ([a-zD3 -]+) \| (\d\.\d+) ± (\d\.\d+) \| (\d\.\d+) ± (\d\.\d+) \|$"
    table = re.findall(pattern, prose_of("03_baseline_3dcnn"), re.M)
    check_scores("first-start", table)


@pytest.mark.parametrize("name", results.known())
def test_results_say_what_they_come_from(name):
    source = results.source(name)
    assert source["command"].startswith(f"climgru study {name} ")
    seeds = results.rows(name).groupby(["split", "label"])["seed"].nunique()
    assert source["seeds"] == {f"{split}: {label}": count for (split, label), count in seeds.items()}
    assert source["numerics"] == "1"
    assert min(source["seeds"].values()) >= 1


NOTEBOOK_10 = {  # what stands in the text, and the study, split and label whose mean score it is
    "5.5 million with a calm start do as well in a minute ({})": ("first-final", "clean", "Conv-GRU (final)"),
    "the same Conv-GRU scores {}": ("first-final", "unseen:ssp370", "Conv-GRU (final)"),
    "behind pattern scaling ({})": ("first-final", "unseen:ssp370", "pattern-scaling"),
}


@pytest.mark.parametrize("told", NOTEBOOK_10)
def test_notebook_10_tells_scores_of_the_rows(told):
    name, split, label = NOTEBOOK_10[told]
    rows = results.rows(name, split)
    assert told.format(f"{rows[rows['label'] == label]['score'].mean():.3f}") in prose_of("10_what_we_learned")


def test_notebook_10_tells_what_a_second_member_is_worth():
    one, two = (results.rows("members", f"members:{count}").set_index("seed")["score"] for count in (1, 2))
    gain = one - two
    assert f"worth {gain.mean():.3f} ± {gain.std() / 3**0.5:.3f} (`members`, three seeds)" in prose_of(
        "10_what_we_learned"
    )
    cores = results.rows("core", "clean").groupby("label")["score"].mean()
    equal_steps = cores[~cores.index.str.endswith("equal seconds")]
    assert gain.mean() > 10 * (cores["GRU (published)"] - equal_steps.min())


def test_the_readme_and_notebook_10_tell_that_the_last_month_serves():
    rows = results.rows("core", "clean")
    (found,) = report.verdicts(report.differences(rows, {"GRU (published)": "last month"}))
    assert found["verdict"] == "within noise"
    assert "the memory of twelve months" in (ROOT / "README.md").read_text()


def test_notebook_10_tells_the_score_at_full_size():
    (score,) = results.table("published-full-size").query("label == 'calm start'")["score"]
    assert f"352.9 million after six epochs on the same split ({score:.3f}, one run" in prose_of("10_what_we_learned")


def test_notebooks_tell_what_the_leak_is_worth():
    rows = rows_of("leak").pivot_table(index="seed", columns=["label", "split"], values=["score", "tas_time_mean_rmse"])
    told, gains = [], {}
    for label, so in (("5 epochs", "without the leak and {} with it"), ("20 epochs", "and {}")):
        scores = rows["score"][label]
        told.append(f"{scores['clean'].mean():.3f} {so.format(f'{scores.published.mean():.3f}')} after {label[:-7]}")
        gains[label] = scores["clean"] - scores["published"]
    worth = {label: f"{gain.mean():.3f} ± {gain.std() / 3**0.5:.3f}" for label, gain in gains.items()}
    text = prose_of("07b_audit")
    assert f"scores {told[0]} epochs, {told[1]}: a gain of {worth['5 epochs']} and of {worth['20 epochs']}." in text
    means = rows["tas_time_mean_rmse"]["20 epochs"].mean()
    assert f"{means.published:.2f} K off instead of {means.clean:.2f} K" in text
    share = (means.clean - means.published) / 2 / gains["20 epochs"].mean()  # two variables share the score
    assert share == pytest.approx(0.75, abs=0.03)
    assert f"worth {worth['20 epochs']} to `compact-final` after 20 epochs" in prose_of("10_what_we_learned")
    for name, published in (("core", "GRU (published)"), ("encoder", "CNN (published)"), ("tas-loss", "L1")):
        scores = results.rows(name, "clean").groupby("label")["score"].mean()
        assert scores[published] - scores.min() < gains["20 epochs"].mean()


def test_notebook_10_tells_what_weights_of_the_loss_do():
    scores = results.rows("loss-weights", "clean").pivot_table(index="seed", columns="label", values="score")
    mean = {label: f"({value:.3f})" for label, value in scores.mean().items()}
    text = prose_of("10_what_we_learned")
    assert f"their weights of the loss {mean['fixed (published)']} are not beaten" in text
    assert f"learned by uncertainty {mean['learned by uncertainty']} and all one {mean['all one']} cannot be" in text
    worse = scores["balanced gradients"] - scores["fixed (published)"]
    assert f"worse by {worse.mean():.3f} ± {worse.std() / 3**0.5:.3f} (`loss-weights`, three seeds)" in text
    against = {"learned by uncertainty": "within noise", "all one": "within noise", "balanced gradients": "worse"}
    found = report.verdicts(
        report.differences(results.rows("loss-weights", "clean"), dict.fromkeys(against, "fixed (published)"))
    )
    assert {one["label"]: one["verdict"] for one in found} == against


def test_notebook_10_tells_what_windows_do():
    scores = results.rows("window", "clean").pivot_table(index="seed", columns="label", values="score")
    lengths = ["1 month", *(f"{months} months" for months in (3, 6, 12, 18, 24, 60))]
    mean, text = scores.mean(), prose_of("10_what_we_learned")
    limit = results.rows("window", "clean")["limit: forced"].iloc[0]
    told = f"{mean[lengths].min():.3f} to {mean[lengths].max():.3f}, limit {limit:.3f}; `window`, three seeds)"
    assert f"{told} cannot be told from the published twelve ({mean['12 months']:.3f})" in text
    gains = pd.concat([scores[length] - scores[f"{length}, lead 0"] for length in lengths])
    pairs = f"over all seven lengths and three seeds, in {(gains > 0).sum()} of {len(gains)} pairs"
    assert f"lower by {gains.mean():.3f} ± {gains.sem():.3f} (standard error) {pairs}" in text
    apart = sorted(scores["12 months, stride 13"])
    assert f"{mean['12 months, stride 5']:.3f}, with every thirteenth" in text
    assert f"{apart[0]:.2f}, {apart[1]:.2f} and {apart[2]:.2f} by seed; worse with each seed, and within noise" in text
    strides = ["12 months, stride 5", "12 months, stride 13"]
    assert scores[strides].gt(scores["12 months"], axis=0).all(axis=None)
    own = {f"{length}, lead 0": length for length in lengths} | dict.fromkeys(strides, "12 months")
    found = report.verdicts(report.differences(results.rows("window", "clean"), own))
    assert len(found) == 9 and {one["verdict"] for one in found} == {"within noise"}
    others = dict.fromkeys(set(lengths) - {"12 months"}, "12 months")
    found = report.verdicts(report.differences(results.rows("window", "clean"), others))
    assert {one["verdict"] for one in found} == {"within noise"}


def test_notebook_10_tells_what_size_does():
    rows = results.rows("size", "clean")
    groups, text = rows[rows["slice"] == 0].groupby("label"), prose_of("10_what_we_learned")
    mean, sd = groups["score"].mean(), groups["score"].std()
    million = {"100 k": "0.1", "500 k": "0.5", "2 M": "1.9", "5.5 M": "5.5", "20 M": "19"}
    assert million.keys() == set(mean.index)
    for label, parameters in (groups["parameters"].first() / 1e6).items():
        assert f"{parameters:.{0 if label == '20 M' else 1}f}" == million[label]
        digits = 2 if label == "100 k" else 3
        assert f"{mean[label]:.{digits}f} ± {sd[label]:.{digits}f} with {million[label]}" in text
    assert f"beside a limit of {groups['limit: forced'].first().iloc[0]:.3f}; whether more would help" in text
    assert f"{mean['100 k']:.2f} with 0.1 million parameters, {mean['2 M']:.2f} with two million (`size`)" in text
    found = report.verdicts(report.differences(results.rows("size", "clean"), {"2 M": "5.5 M", "20 M": "5.5 M"}))
    assert {one["verdict"] for one in found} == {"within noise"}
    assert set(results.source("size")["seeds"]).isdisjoint({"clean: 80 M", "clean: 353 M"})


def test_notebook_09_tells_what_longer_trainings_learn():
    kept, text = (
        results.table("explorer-full").set_index(["data", "seed"]).sort_index(),
        prose_of("09_scenario_explorer"),
    )

    def three(values) -> str:
        first, second, third = (f"{value:.2f}".replace("-", "−") for value in values)
        return f"{first}, {second} and {third}"

    earth, cesm2 = kept.loc["embedded"], kept.loc["CESM2"]
    share = {name: three(earth[f"{name}_network"] / earth[f"{name}_truth"]) for name in ("methane", "sulphur")}
    assert (
        f"{share['methane']} of the true effect of methane, and {share['sulphur']} of that of sulphur, and the" in text
    )
    assert f"20 pathways outside the range is off by {three(earth['worst_outside_network'])} K" in text
    inside, outside = three(cesm2["median_inside_network"]), three(cesm2["worst_outside_network"])
    assert f"differ by {inside} K inside (the middle of the pathways there) and by up to {outside} K outside" in text
    methane, sulphur = (f"{cesm2[f'{name}_closed_form'][0]:.2f} K and the network" for name in ("methane", "sulphur"))
    assert f"warms by {methane} by {three(cesm2['methane_network'])} K" in text
    assert f"has {sulphur.replace('-', '−')} {three(cesm2['sulphur_network'])} K" in text


def test_the_spread_of_a_study_by_hand():
    rows = [("a", 0, 1.0), ("a", 1, 1.2), ("b", 0, 2.0), ("b", 1, 2.2), ("fit", 0, 9.0)]  # one seed: does not count
    frame = pd.DataFrame(rows, columns=["label", "seed", "score"]).assign(split="clean", slice=0)
    found = spread.of_study(pd.concat([frame, frame.assign(slice=1, score=7.0)]))
    # means 1.1 and 2.1, variance 0.5; over seeds 0.02 each, of which the mean of two has 0.01
    assert found == pytest.approx(
        {
            "labels": 2,
            "best": 1.1,
            "worst": 2.1,
            "best_sd": 0.02**0.5,
            "between": 0.7,
            "seeds": 0.02**0.5,
            "share": 0.49 / 0.51,
        }
    )


def test_every_kept_study_of_a_choice_is_in_the_table_of_choices():
    table = spread.by_choice()
    assert {("loss", "dice"), ("features", "season"), ("architecture", "first-final")} <= set(table.index)
    assert table.loc[("features", "season"), "labels"] == 6  # less the conditions that are choices of training
    assert table.loc[("features", "window"), "labels"] == 14  # less two strides
    dice = results.rows("dice")
    means = dice[dice["slice"] == 0].groupby("label")["score"].mean()
    assert table.loc[("loss", "dice"), "worst"] == pytest.approx(means.max())


def test_notebook_10_tells_by_how_much_a_start_and_the_place_count():
    text = prose_of("10_what_we_learned")

    def means(name):
        rows = results.rows(name)
        return rows[rows["slice"] == 0].groupby("label")["score"].mean()

    first, final = means("first-start"), means("calm-start")
    place = f"{first['without own weights in each cell']:.1f} against {first['all parts']:.2f}"
    assert f"(`first-start`: {place})" in text
    assert f"worth {final['published start'] - final['all parts']:.1f} for the Conv-GRU (`calm-start`)" in text
    low, high = (first[f"without {part}"] - first["all parts"] for part in ("annealing to zero", "start at the mean"))
    assert f"and {low:.1f} to {high:.1f} for the 3D-CNN" in text


def test_notebook_10_tells_how_often_pattern_scaling_is_ahead():
    rows = results.rows("first-final", "unseen:ssp370")
    scores = rows[rows["label"] == "Conv-GRU (final)"]["score"]
    (fitted,) = rows[rows["label"] == "pattern-scaling"]["score"]
    assert len(scores) == 5 and (scores > fitted).all()
    told = f"scores {scores.mean():.3f} ± {scores.std():.3f} (standard deviation over seeds), behind pattern scaling"
    assert f"{told} ({fitted:.3f}) with each of five seeds" in prose_of("10_what_we_learned")


def test_notebook_10_tells_what_all_losses_of_temperature_are_worth():
    scores = results.rows("tas-loss", "clean").groupby("label")["score"].mean()
    assert f"(by {scores['L1'] - scores['all (published)']:.3f})" in prose_of("10_what_we_learned")
