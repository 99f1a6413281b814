"""The `climgru` command: arguments only; all work is done by the library."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from . import __version__
from .contract import InputError

BAD_INPUT, STOPPED = 2, 75


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments; those of the process by default.

    Returns
    -------
    int
        0 done, 2 bad input (one line on stderr), 75 stopped by a signal and resumable.
    """
    args = _parser().parse_args(argv)
    try:
        args.run(args)
    except InputError as error:
        print(f"climgru: {error}", file=sys.stderr)
        return BAD_INPUT
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except Exception as error:
        from .runs import Stopped

        if not isinstance(error, Stopped):
            raise
        print(f"climgru: stopped: {error}", file=sys.stderr)
        return STOPPED
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="climgru",
        description="Climate emulation: from forcings to monthly maps of temperature and precipitation.",
        epilog="Exit codes: 0 done, 2 bad input, 75 stopped by a signal and resumable, 1 a defect.",
    )
    parser.add_argument("--version", action="version", version=f"climgru {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    _data_commands(commands)
    _run_commands(commands)
    _checkpoint_commands(commands)
    _course_commands(commands)
    return parser


def _command(commands, name: str, run: Callable, text: str) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
    parser.set_defaults(run=run)
    return parser


def _data_commands(commands) -> None:
    data = commands.add_parser("data", help="make or check a data set").add_subparsers(required=True, metavar="COMMAND")
    make = _command(data, "make", _data_make, "write the embedded data set as a store of the contract")
    make.add_argument("dest", type=Path, metavar="DEST", help="a new Zarr store; the withheld truth goes beside it")
    make.add_argument("--months", type=int, default=1021, metavar="N", help="months from 2015-01 on (default 1021)")
    make.add_argument("--members", type=int, default=3, metavar="N", help="ensemble members (default 3)")
    make.add_argument("--seed", type=int, default=0, metavar="N", help="seed of the weather (default 0)")
    check = _command(data, "check", _data_check, "check a store against the data contract")
    check.add_argument("path", metavar="PATH", help="Zarr store, NetCDF file or 'embedded'")
    check.add_argument(
        "--write-manifest", action="store_true", help="then write sizes and SHA-256 of all files beside the store"
    )


def _run_commands(commands) -> None:
    train = _command(commands, "train", _train, "train a recipe into a run directory")
    train.add_argument("run_dir", type=Path, metavar="RUN_DIR", help="a new folder, or that of the run to resume")
    train.add_argument("--recipe", required=True, metavar="NAME", help="e.g. compact, published-final, pattern-scaling")
    _data_option(train)
    train.add_argument("--split", default="clean", metavar="S", help="published, clean (default), unseen:<ssp>, a fold")
    train.add_argument("--seed", type=int, default=0, metavar="N", help="seed of weights and batches (default 0)")
    train.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", dest="settings", help="change a field of the recipe"
    )
    train.add_argument("--resume", action="store_true", help="continue an unfinished run")
    _compute_options(train)

    evaluate = _command(commands, "evaluate", _evaluate, "score a finished run beside its noise limits")
    evaluate.add_argument("run_dir", type=Path, metavar="RUN_DIR")
    _data_option(evaluate)
    evaluate.add_argument("--split", metavar="S", help="score the slices of another split (default: the run's own)")
    evaluate.add_argument(
        "--draws", type=int, metavar="N", help="judge an ensemble of N draws too (the run's own data; at least 3)"
    )
    _seed_of_draws(evaluate)
    evaluate.add_argument(
        "--against", type=Path, metavar="RUN_DIR", help="score this run too, and the difference by block bootstrap"
    )
    _compute_options(evaluate)

    predict = _command(commands, "predict", _predict, "predict a whole scenario")
    predict.add_argument("run_dir", type=Path, metavar="RUN_DIR")
    _data_option(predict)
    predict.add_argument("--ssp", required=True, metavar="NAME", help="the scenario, e.g. ssp245")
    predict.add_argument(
        "--out", required=True, metavar="FILE", help=".nc, .zarr, or .csv (submission: last 360 months)"
    )
    form = predict.add_mutually_exclusive_group()
    form.add_argument("--draws", type=int, metavar="N", help="N members drawn at random, not their mean")
    form.add_argument(
        "--variance-matched",
        action="store_true",
        help="the last 360 months, stretched to a member's standard deviation: better in the Kaggle score alone",
    )
    _seed_of_draws(predict)
    _compute_options(predict)

    draw = _command(commands, "map", _map, "draw one month of a prediction")
    draw.add_argument("source", metavar="RUN_DIR|PREDICTION", help="a run with predictions, or a file of `predict`")
    draw.add_argument("--month", required=True, metavar="YYYY-MM")
    draw.add_argument("--var", required=True, choices=["tas", "pr"])
    draw.add_argument("--out", required=True, type=Path, metavar="FILE.png")

    score = _command(commands, "score", _score, "compute the Kaggle score of a submission")
    score.add_argument("submission", metavar="SUBMISSION.csv")
    score.add_argument("solution", metavar="SOLUTION.csv")


def _checkpoint_commands(commands) -> None:
    take = _command(commands, "import", _import, "make a run of a checkpoint of the published code")
    take.add_argument("checkpoint", metavar="CKPT", help="a Lightning .ckpt; its weights are used, nothing in it runs")
    take.add_argument("run_dir", type=Path, metavar="RUN_DIR", help="a new folder")
    take.add_argument(
        "--data", required=True, metavar="PATH", help="what it was trained on: the normalisation is not in the file"
    )
    take.add_argument(
        "--split", default="published", metavar="S", help="what was withheld from its training (default published)"
    )
    give = _command(commands, "export", _export, "write a Conv-GRU's weights as a checkpoint of the published code")
    give.add_argument("run_dir", type=Path, metavar="RUN_DIR")
    give.add_argument("checkpoint", metavar="CKPT", help="a new file")


def _course_commands(commands) -> None:
    study = _command(commands, "study", _study, "run many trainings, resumable, into one table")
    study.add_argument("name", metavar="NAME", help="folds, calm-start, season, dice, first-final or published")
    _data_option(study)
    what = "length of trainings, seeds (default quick; published on a GPU: full)"
    study.add_argument("--profile", choices=["quick", "full"], help=what)
    study.add_argument("--seeds", type=int, metavar="N", help="number of seeds (default: the profile's)")
    study.add_argument("--out", default="", metavar="DIR", help="where results go (default build/ of the checkout)")
    study.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto")
    study.add_argument("--minutes", type=float, metavar="M", help="budget of the study published (default 9)")

    course = _command(commands, "course", _course, "execute the notebooks in order")
    course.add_argument("--data", default="embedded", metavar="PATH", help="store of the notebooks (default embedded)")
    course.add_argument("--profile", choices=["quick", "full"], default="quick", help="length of the trainings")
    course.add_argument("--only", action="append", metavar="NN", help="this notebook alone, e.g. 04; may be repeated")
    course.add_argument("--out", type=Path, metavar="DIR", help="where results go (default build/ of the checkout)")
    course.add_argument(
        "-p", action="append", default=[], metavar="KEY=VALUE", dest="parameters", help="a notebook parameter"
    )
    bench = _command(commands, "bench", _bench, "put our computations beside their plain form: time, memory, skill")
    bench.add_argument("name", nargs="?", metavar="NAME", help="one bench (default all but skill, which takes hours)")
    bench.add_argument("--data", metavar="PATH", help="store of the bench skill (default embedded)")


def _data_option(parser) -> None:
    parser.add_argument("--data", default="embedded", metavar="PATH", help="Zarr store or NetCDF (default embedded)")


def _seed_of_draws(parser) -> None:
    parser.add_argument("--seed", type=int, default=0, metavar="K", help="seed of the draws (default 0)")


def _compute_options(parser) -> None:
    parser.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto")
    parser.add_argument("--precision", choices=["32", "bf16"], default="32", help="32 means TF32 off")
    parser.add_argument("--threads", type=int, metavar="N", help="CPU threads (default: all cores)")


def _set_threads(args) -> None:
    if args.threads is not None:
        import torch

        if args.threads < 1:
            raise InputError(f"--threads must be at least 1, got {args.threads}")
        torch.set_num_threads(args.threads)


def _data_make(args) -> None:
    from . import embedded

    embedded.write(args.dest, n_months=args.months, n_members=args.members, seed=args.seed)
    print(f"wrote {args.dest}: {args.months} months, {args.members} members, seed {args.seed}")


def _data_check(args) -> None:
    from . import contract, data

    dataset = data.open_dataset(args.path)
    problems = data.check_manifest(Path(args.path)) or contract.check(dataset)
    if problems:
        raise InputError("\nclimgru: ".join(problems))
    sizes = ", ".join(f"{count} {name}" for name, count in dataset.sizes.items())
    print(f"{args.path} meets the contract: {sizes}")
    if args.write_manifest:
        print(f"wrote {data.write_manifest(Path(args.path))}")


def _train(args) -> None:
    from . import data, recipes, series, splits, training

    _set_threads(args)
    recipe = recipes.with_settings(recipes.named(args.recipe), args.settings)
    split = splits.named(args.split)
    prepared = series.prepare(data.open_dataset(args.data), recipe.season, split)
    training.fit(
        recipe,
        prepared,
        args.run_dir,
        seed=args.seed,
        device=args.device,
        precision=args.precision,
        resume=args.resume,
    )
    print(f"finished {args.run_dir}; score it with `climgru evaluate {args.run_dir} --data {args.data}`")


def _evaluate(args) -> None:
    from . import calibration, data, emulate, runs, splits, versus
    from .stochastic import StochasticEmulator
    from .workbook import score_table

    _set_threads(args)
    emulator = emulate.Emulator.open(args.run_dir, args.device, args.precision)
    split = splits.named(args.split or emulator.run["split"])
    dataset = data.open_dataset(args.data)
    loaded = emulator.load(dataset)
    stochastic = None if args.draws is None else StochasticEmulator(emulator, loaded)
    other = None if args.against is None else emulate.Emulator.open(args.against, args.device, args.precision)
    scores = emulate.evaluate(args.run_dir, loaded, split, emulator)
    tables = {emulator.recipe.name: scores}
    if other is not None:
        others = emulate.evaluate(args.against, other.load(dataset), split, other)
        tables[f"{other.recipe.name} ({args.against})"] = others
    print(score_table(tables).to_string(float_format=_three_decimals))
    if other is not None:
        found = versus.differences(args.run_dir, args.against, scores, loaded)
        print(f"less {args.against}:\n{found.to_string(float_format=_three_decimals)}")
    if stochastic is not None:
        found = calibration.calibrate(stochastic, scores, args.draws, args.seed)
        runs.add_scores(args.run_dir, f"{split.name} {loaded.fingerprint} draws={args.draws} seed={args.seed}", found)
        print(calibration.table(found).to_string(float_format=_three_decimals, na_rep="n/a"))


def _predict(args) -> None:
    from . import data, emulate, submission
    from .stochastic import StochasticEmulator

    _set_threads(args)
    emulator = emulate.Emulator.open(args.run_dir, args.device, args.precision)
    dataset = data.open_dataset(args.data)
    if args.draws is not None:
        predicted = StochasticEmulator(emulator, emulator.load(dataset)).predict(args.ssp, args.draws, args.seed)
    elif args.variance_matched:
        stochastic = StochasticEmulator(emulator, emulator.load(dataset))
        predicted = stochastic.predict_matched(args.ssp, submission.MONTHS)
    else:
        predicted = emulator.predict(emulator.load(dataset, [args.ssp]), args.ssp)
    print(f"wrote {emulate.write_prediction(predicted, args.out)}")


def _three_decimals(value: float) -> str:
    return f"{value:.3f}"


def _map(args) -> None:
    from . import contract, emulate, maps

    prediction = emulate.open_prediction(args.source)
    field = maps.month_map(prediction, args.var, args.month)
    if field is None:
        months = contract.month_labels(prediction)
        raise InputError(f"{args.source} holds no {args.month}; it runs from {months[0]} to {months[-1]}")
    args.out.parent.mkdir(parents=True, exist_ok=True)
    maps.plot_map(field.assign_attrs(ssp=prediction.attrs["ssp"])).savefig(args.out)
    print(f"wrote {args.out}")


def _import(args) -> None:
    from . import checkpoints, data, splits

    split = splits.named(args.split)
    checkpoints.import_checkpoint(args.checkpoint, args.run_dir, data.open_dataset(args.data), split)
    print(f"finished {args.run_dir}; score it with `climgru evaluate {args.run_dir} --data {args.data}`")


def _export(args) -> None:
    from . import checkpoints

    print(f"wrote {checkpoints.export_checkpoint(args.run_dir, args.checkpoint)}")


def _score(args) -> None:
    from . import submission

    print(f"{submission.score_files(args.submission, args.solution):.6f}")


def _course(args) -> None:
    from . import course

    course.run(data=args.data, profile=args.profile, only=args.only, out=args.out, parameters=args.parameters)


def _study(args) -> None:
    from . import studies

    options = {"seeds": args.seeds, "device": args.device, "minutes": args.minutes}
    table = studies.run(args.name, args.data, args.profile, args.out, **options)
    print(table.to_string(float_format=_three_decimals))


def _bench(args) -> None:
    from . import bench

    bench.run(args.name, args.data)


if __name__ == "__main__":
    sys.exit(main())
