"""Runs: trained, scored, used to predict."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from .. import processes
from ..progress import doing
from .options import (
    LOADING,
    READING,
    command,
    compute_options,
    data_option,
    memory_option,
    seed_of_draws,
    set_threads,
    three_decimals,
)

if TYPE_CHECKING:
    from xarray import Dataset

    from ..data.tensors import EmulationData
    from ..predict.ensemble import StochasticEmulator
    from ..training.recipe import Recipe


def add(parsers) -> None:
    """Add `train`, `evaluate` and `predict`."""
    _train_arguments(command(parsers, "train", train, "train a recipe into a run directory"))
    _evaluate_arguments(command(parsers, "evaluate", evaluate, "score a finished run beside its noise limits"))
    _predict_arguments(command(parsers, "predict", predict, "predict a whole scenario"))


def _train_arguments(parser) -> None:
    parser.add_argument("run_dir", type=Path, metavar="RUN_DIR", help="a new folder, or that of the run to resume")
    parser.add_argument(
        "--recipe", required=True, metavar="NAME", help="e.g. compact, published-final, pattern-scaling"
    )
    data_option(parser)
    parser.add_argument(
        "--split", default="clean", metavar="S", help="published, clean (default), unseen:<ssp>, members:<n>, a fold"
    )
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="seed of weights and batches (default 0)")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", dest="settings", help="change a field of the recipe"
    )
    parser.add_argument("--resume", action="store_true", help="continue an unfinished run")
    tools = ["tensorboard", "mlflow", "wandb"]
    parser.add_argument("--logger", choices=tools, help="curves for this tool, too, in logs/ of the run; all offline")
    memory_option(parser)
    compute_options(parser)


def _evaluate_arguments(parser) -> None:
    parser.add_argument("run_dir", type=Path, metavar="RUN_DIR")
    data_option(parser)
    parser.add_argument("--split", metavar="S", help="score the slices of another split (default: the run's own)")
    parser.add_argument(
        "--draws", type=int, metavar="N", help="judge an ensemble of N draws too (the run's own data; at least 3)"
    )
    seed_of_draws(parser)
    parser.add_argument(
        "--against", type=Path, metavar="RUN_DIR", help="score this run too, and the difference by block bootstrap"
    )
    parser.add_argument(
        "--metrics", choices=["climatebench"], help="then print NRMSE of ClimateBench too, of the last 20 scored years"
    )
    memory_option(parser)
    compute_options(parser)


def _predict_arguments(parser) -> None:
    parser.add_argument("run_dir", type=Path, metavar="RUN_DIR")
    data_option(parser)
    parser.add_argument("--ssp", required=True, metavar="NAME", help="the scenario, e.g. ssp245")
    parser.add_argument(
        "--out", required=True, metavar="FILE", help=".nc, .zarr, or .csv (submission: last 360 months)"
    )
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--draws", type=int, metavar="N", help="N members drawn at random, not their mean")
    form.add_argument(
        "--variance-matched",
        action="store_true",
        help="the last 360 months, stretched to a member's standard deviation: better in the Kaggle score alone",
    )
    seed_of_draws(parser)
    memory_option(parser)
    compute_options(parser)


def train(args: Namespace) -> None:
    """Train a recipe, then score it."""
    from ..contract import InputError
    from ..data import splits
    from ..data.paths import require_source
    from ..training import loggers, recipes, runs

    recipe, split = recipes.named(args.recipe), splits.named(args.split)
    require_source(args.data)
    runs.require_free_or_run(args.run_dir)
    loggers.require(args.logger)
    with doing(LOADING):
        from ..data import store, tensors
        from ..score.evaluation import Diverged, evaluate
        from ..training import fit
        from ..training.settings import with_settings

        set_threads(args)
        recipe = with_settings(recipe, args.settings)
    with doing(READING):
        dataset = store.open_dataset(args.data)
        recipe = _on_step_of(dataset, recipe)
        prepared = tensors.prepare(dataset, recipe.season, split, args.memory_budget)
    compute = {"device": args.device, "precision": args.precision}
    fit.train(recipe, prepared, args.run_dir, seed=args.seed, resume=args.resume, logger=args.logger, **compute)
    if not processes.is_first():
        return
    try:
        with doing("scoring"):
            scores = evaluate(args.run_dir, prepared)
        _show({recipe.name: scores}, prepared)
    except InputError as error:
        if isinstance(error, Diverged):
            raise
        print(f"not scored: {error}")
    print(f"finished {args.run_dir}; predict with `climgru predict {args.run_dir} --data {args.data} --ssp ...`")


def _on_step_of(dataset: Dataset, recipe: Recipe) -> Recipe:
    """Return a recipe without its seasonal encoding where the data are annual, and say so."""
    from ..contract import step_of

    suited = recipe.on(step_of(dataset))
    if suited != recipe and processes.is_first():
        print(f"the data are annual: {recipe.name} is trained without its seasonal encoding ({recipe.season})")
    return suited


def evaluate(args: Namespace) -> None:
    """Score a run, and where asked another one and an ensemble of draws."""
    from ..data import splits
    from ..data.paths import require_source
    from ..training import runs

    run = runs.require_finished(args.run_dir)
    runs.read_scores(args.run_dir)
    if args.against is not None:
        runs.require_finished(args.against)
    split = splits.named(args.split or run["split"])
    require_source(args.data)
    with doing(LOADING):
        from ..data import store
        from ..predict.emulator import Emulator
        from ..predict.ensemble import StochasticEmulator
        from ..score.evaluation import evaluate

        set_threads(args)
        emulator = Emulator.open(args.run_dir, args.device, args.precision)
        other = None if args.against is None else Emulator.open(args.against, args.device, args.precision)
    with doing(READING):
        dataset = store.open_dataset(args.data)
        loaded = emulator.load(dataset, memory_budget=args.memory_budget)
    with doing("scoring"):
        stochastic = None if args.draws is None else StochasticEmulator(emulator, loaded)
        judged = {emulator.recipe.name: (args.run_dir, loaded, split, emulator)}
        if other is not None:
            loaded_by_other = other.load(dataset, None, args.memory_budget)
            judged[f"{other.recipe.name} ({args.against})"] = (args.against, loaded_by_other, split, other)
        tables = {name: evaluate(*of_run) for name, of_run in judged.items()}
    _show(tables, loaded)
    if args.metrics == "climatebench":
        from ..score import climatebench

        with doing("scoring"):
            found = climatebench.table({name: climatebench.evaluate(*of_run) for name, of_run in judged.items()})
        print(climatebench.to_text(found))
    scores = tables[emulator.recipe.name]
    if other is not None:
        _show_differences(args, scores, loaded)
    if stochastic is not None:
        _calibrate(args, stochastic, scores, f"{split.name} {loaded.fingerprint}")
    if runs.read_scores(args.run_dir).get(f"{split.name} {loaded.fingerprint}") == scores:
        print(f"wrote {args.run_dir / runs.SCORES} and {args.run_dir / runs.PREDICTIONS}")


def _show_differences(args: Namespace, scores: list[dict], loaded: EmulationData) -> None:
    from ..score import compare

    with doing("comparing"):
        found = compare.differences(args.run_dir, args.against, scores, loaded)
    print(f"less {args.against}:\n{found.to_string(float_format=three_decimals)}")


def _calibrate(args: Namespace, stochastic: StochasticEmulator, scores: list[dict], key: str) -> None:
    """Judge an ensemble, store the result beside the scores of that ``key`` and print it."""
    from ..score import calibration
    from ..training import runs

    with doing(f"judging {args.draws} draws"):
        found = calibration.calibrate(stochastic, scores, args.draws, args.draw_seed)
    runs.add_scores(args.run_dir, f"{key} draws={args.draws} seed={args.draw_seed}", found)
    print(calibration.table(found).to_string(float_format=three_decimals, na_rep="n/a"))


def predict(args: Namespace) -> None:
    """Predict a scenario into a file."""
    from ..data.paths import require_source
    from ..training import runs

    runs.require_finished(args.run_dir)
    require_source(args.data)
    with doing(LOADING):
        from ..data import store
        from ..predict import output
        from ..predict.emulator import Emulator

        set_threads(args)
        emulator = Emulator.open(args.run_dir, args.device, args.precision)
    with doing(READING):
        dataset = store.open_dataset(args.data)
        if weather := args.draws is not None or args.variance_matched:  # which is learned from all scenarios
            loaded = emulator.load(dataset, None, args.memory_budget)
        else:
            loaded = emulator.load(dataset, [args.ssp], args.memory_budget, targets=False)
    with doing(f"predicting {args.ssp}"):
        if weather:
            from ..predict.ensemble import StochasticEmulator

            stochastic = StochasticEmulator(emulator, loaded)
        if args.variance_matched:
            predicted = stochastic.predict_matched(args.ssp, output.SUBMISSION_MONTHS)
        elif args.draws is None:
            predicted = emulator.predict(loaded, args.ssp)
    if args.draws is not None:
        written = stochastic.write(args.ssp, args.draws, args.draw_seed, args.out)
    else:
        with doing(f"writing {args.out}"):
            written = output.write_prediction(predicted, args.out)
    print(f"wrote {written}")


def _show(scores: dict[str, list[dict]], data: EmulationData) -> None:
    """Print scores beside their limits, 100 columns wide."""
    from ..contract import Step
    from ..score.tables import score_table, to_text

    if data.step is Step.YEAR:
        print("scores of annual means: a month is a year here, and none compares with a score of monthly data")
    print(to_text(score_table(scores)))
