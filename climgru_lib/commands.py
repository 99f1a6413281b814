"""What each command of `climgru` does: the library called in order, with the cheap checks first."""

from __future__ import annotations

import sys
from argparse import Namespace
from typing import TYPE_CHECKING

from .contract import InputError
from .progress import doing

if TYPE_CHECKING:
    from .data.tensors import EmulationData
    from .predict.ensemble import StochasticEmulator

LOADING, READING = "loading the library", "reading the data"


def data_make(args: Namespace) -> None:
    """Write the embedded data set as a store."""
    with doing(LOADING):
        from .data.manifest import write_manifest
        from .mini_earth import write
    write(args.dest, n_months=args.months, n_members=args.members, seed=args.seed)
    write_manifest(args.dest)
    print(f"wrote {args.dest}: {args.months} months, {args.members} members, seed {args.seed}")


def data_check(args: Namespace) -> None:
    """Check a store against the contract."""
    from .data import command

    command.check(args)


def data_convert(args: Namespace) -> None:
    """Write a store of the contract from files in another layout."""
    from .data import command

    command.convert(args)


def train(args: Namespace) -> None:
    """Train a recipe, then score it."""
    from .data import splits
    from .data.paths import require_source
    from .training import recipes, runs

    recipe, split = recipes.named(args.recipe), splits.named(args.split)
    require_source(args.data)
    runs.require_free_or_run(args.run_dir)
    with doing(LOADING):
        from .data import store, tensors
        from .score.evaluation import Diverged, evaluate
        from .training import fit
        from .training.settings import with_settings

        _set_threads(args)
        recipe = with_settings(recipe, args.settings)
    with doing(READING):
        prepared = tensors.prepare(store.open_dataset(args.data), recipe.season, split)
    compute = {"device": args.device, "precision": args.precision}
    fit.train(recipe, prepared, args.run_dir, seed=args.seed, resume=args.resume, **compute)
    try:
        with doing("scoring"):
            scores = evaluate(args.run_dir, prepared)
        _show({recipe.name: scores})
    except InputError as error:
        if isinstance(error, Diverged):
            raise
        print(f"not scored: {error}")
    print(f"finished {args.run_dir}; predict with `climgru predict {args.run_dir} --data {args.data} --ssp ...`")


def evaluate(args: Namespace) -> None:
    """Score a run, and where asked another one and an ensemble of draws."""
    from .data import splits
    from .data.paths import require_source
    from .training import runs

    run = runs.require_finished(args.run_dir)
    runs.read_scores(args.run_dir)
    if args.against is not None:
        runs.require_finished(args.against)
    split = splits.named(args.split or run["split"])
    require_source(args.data)
    with doing(LOADING):
        from .data import store
        from .predict.emulator import Emulator
        from .predict.ensemble import StochasticEmulator
        from .score.evaluation import evaluate

        _set_threads(args)
        emulator = Emulator.open(args.run_dir, args.device, args.precision)
        other = None if args.against is None else Emulator.open(args.against, args.device, args.precision)
    with doing(READING):
        dataset = store.open_dataset(args.data)
        loaded = emulator.load(dataset)
    with doing("scoring"):
        stochastic = None if args.draws is None else StochasticEmulator(emulator, loaded)
        scores = evaluate(args.run_dir, loaded, split, emulator)
        tables = {emulator.recipe.name: scores}
        if other is not None:
            tables[f"{other.recipe.name} ({args.against})"] = evaluate(args.against, other.load(dataset), split, other)
    _show(tables)
    if other is not None:
        _show_differences(args, scores, loaded)
    if stochastic is not None:
        _calibrate(args, stochastic, scores, f"{split.name} {loaded.fingerprint}")
    if runs.read_scores(args.run_dir).get(f"{split.name} {loaded.fingerprint}") == scores:
        print(f"wrote {args.run_dir / runs.SCORES} and {args.run_dir / runs.PREDICTIONS}")


def _show_differences(args: Namespace, scores: list[dict], loaded: EmulationData) -> None:
    from .score import compare

    with doing("comparing"):
        found = compare.differences(args.run_dir, args.against, scores, loaded)
    print(f"less {args.against}:\n{found.to_string(float_format=_three_decimals)}")


def _calibrate(args: Namespace, stochastic: StochasticEmulator, scores: list[dict], key: str) -> None:
    """Judge an ensemble, store the result beside the scores of that ``key`` and print it."""
    from .score import calibration
    from .training import runs

    with doing(f"judging {args.draws} draws"):
        found = calibration.calibrate(stochastic, scores, args.draws, args.draw_seed)
    runs.add_scores(args.run_dir, f"{key} draws={args.draws} seed={args.draw_seed}", found)
    print(calibration.table(found).to_string(float_format=_three_decimals, na_rep="n/a"))


def predict(args: Namespace) -> None:
    """Predict a scenario into a file."""
    from .data.paths import require_source
    from .training import runs

    runs.require_finished(args.run_dir)
    require_source(args.data)
    with doing(LOADING):
        from .data import store
        from .predict import output
        from .predict.emulator import Emulator
        from .predict.ensemble import StochasticEmulator

        _set_threads(args)
        emulator = Emulator.open(args.run_dir, args.device, args.precision)
    with doing(READING):
        dataset = store.open_dataset(args.data)
        needed = [args.ssp] if args.draws is None and not args.variance_matched else None
        loaded = emulator.load(dataset, needed)
    with doing(f"predicting {args.ssp}"):
        if args.draws is not None:
            predicted = StochasticEmulator(emulator, loaded).predict(args.ssp, args.draws, args.draw_seed)
        elif args.variance_matched:
            predicted = StochasticEmulator(emulator, loaded).predict_matched(args.ssp, output.SUBMISSION_MONTHS)
        else:
            predicted = emulator.predict(loaded, args.ssp)
    with doing(f"writing {args.out}"):
        written = output.write_prediction(predicted, args.out)
    print(f"wrote {written}")


def draw_map(args: Namespace) -> None:
    """Draw maps of predictions."""
    from .data.paths import EMBEDDED, require_source
    from .training import runs

    for source in args.source:
        if source != EMBEDDED:
            runs.prediction_file(source)
    if args.truth is not None:
        require_source(args.truth)
    with doing("drawing"):
        from .maps import command

        told = command.draw_map(args)
    print(told)


def submission_score(args: Namespace) -> None:
    """Score one file of the competition against another."""
    if args.command == "score":
        print("`climgru score` is the old name of `climgru submission score`", file=sys.stderr)
    with doing("scoring"):
        from .score import submission

        score = submission.score_files(args.submission, args.solution)
    print(f"{score:.6f}")


def import_checkpoint(args: Namespace) -> None:
    """Make a run of a published checkpoint."""
    from .data import splits
    from .data.paths import require_source

    split = splits.named(args.split)
    require_source(args.data)
    with doing("importing"):
        from .data import store
        from .predict import published_checkpoint

        published_checkpoint.import_checkpoint(args.checkpoint, args.run_dir, store.open_dataset(args.data), split)
    print(f"finished {args.run_dir}; score it with `climgru evaluate {args.run_dir} --data {args.data}`")


def export_checkpoint(args: Namespace) -> None:
    """Write a run as a published checkpoint."""
    from .training import runs

    runs.require_finished(args.run_dir)
    with doing("exporting"):
        from .predict import published_checkpoint

        written = published_checkpoint.export_checkpoint(args.run_dir, args.checkpoint)
    print(f"wrote {written}")


def show_recipes(args: Namespace) -> None:
    """List the recipes, or one with all its settings and their meaning."""
    from .training import describe, recipes

    with doing(LOADING):
        text = describe.listing() if args.name is None else describe.described(recipes.named(args.name))
    print(text)


def show_splits(args: Namespace) -> None:
    """List the splits."""
    from .data import splits

    print(splits.listing())


def run_course(args: Namespace) -> None:
    """Execute the notebooks, or copy them."""
    from . import course
    from .data.paths import require_source

    require_source(args.data)
    if args.copy is not None:
        count = course.notebooks.copy(args.copy)
        print(f"copied {count} notebooks to {args.copy}; those that were there are as they were")
        return
    course.execute.run(data=args.data, profile=args.profile, only=args.only, out=args.out, parameters=args.parameters)


def run_study(args: Namespace) -> None:
    """Run a study, or list them."""
    from .course import study
    from .data.paths import require_source

    if args.name is None:
        print(study.listing())
        return
    if args.name != "verify":
        study.STUDIES.require(args.name)
    require_source(args.data)
    if args.name == "verify":
        return _verify(args)
    options = {"seeds": args.seeds, "device": args.device, "minutes": args.minutes, "workers": args.workers}
    table = study.run(args.name, args.data, args.profile, args.out, **options)
    print(table.to_string(float_format=_three_decimals))


def _verify(args: Namespace) -> None:
    from .course.study import results

    found = results.verify_all([args.of] if args.of else results.known(), args.data, args.out, args.device)
    print(found.to_string(index=False, float_format=_three_decimals))
    if not found["within"].all():
        raise InputError("not all scores were repeated within the tolerance")


def _set_threads(args: Namespace) -> None:
    if args.threads is not None and args.threads < 1:
        raise InputError(f"--threads must be at least 1, got {args.threads}")
    if args.threads:
        from torch import set_num_threads

        set_num_threads(args.threads)


def _show(scores: dict[str, list[dict]]) -> None:
    """Print scores beside their limits, 100 columns wide."""
    from .score.tables import score_table, to_text

    print(to_text(score_table(scores)))


def _three_decimals(value: float) -> str:
    return f"{value:.3f}"
