"""Files of the competition and of the published code."""

from __future__ import annotations

import sys
from argparse import Namespace
from pathlib import Path

from ..progress import doing
from .options import command, group


def add(parsers) -> None:
    """Add `submission score`, `import` and `export`."""
    files = group(parsers, "submission", "files of the competition")
    score = command(files, "score", submission_score, "compute the Kaggle score of a submission")
    old = command(parsers, "score", submission_score, "old name of `submission score`")
    for parser, name in ((score, "submission score"), (old, "score")):
        parser.set_defaults(command=name)
        parser.add_argument("submission", metavar="SUBMISSION.csv")
        parser.add_argument("solution", metavar="SOLUTION.csv")
    take = command(parsers, "import", import_checkpoint, "make a run of a checkpoint of the published code")
    take.add_argument("checkpoint", metavar="CKPT", help="a Lightning .ckpt; its weights are used, nothing in it runs")
    take.add_argument("run_dir", type=Path, metavar="RUN_DIR", help="a new folder")
    take.add_argument(
        "--data", required=True, metavar="PATH", help="what it was trained on: the normalisation is not in the file"
    )
    take.add_argument(
        "--split", default="published", metavar="S", help="what was withheld from its training (default published)"
    )
    give = command(parsers, "export", export, "write a network for use elsewhere")
    give.add_argument("run_dir", type=Path, metavar="RUN_DIR")
    what = ".onnx, .pt2: maps from forcings without climgru; else a Conv-GRU's checkpoint for the published code"
    give.add_argument("file", type=Path, metavar="FILE", help=what)


def submission_score(args: Namespace) -> None:
    """Score one file of the competition against another."""
    if args.command == "score":
        print("`climgru score` is the old name of `climgru submission score`", file=sys.stderr)
    with doing("scoring"):
        from ..score import submission

        score = submission.score_files(args.submission, args.solution)
    print(f"{score:.6f}")


def import_checkpoint(args: Namespace) -> None:
    """Make a run of a published checkpoint."""
    from ..data import splits
    from ..data.paths import require_source

    split = splits.named(args.split)
    require_source(args.data)
    with doing("importing"):
        from ..data import store
        from ..predict import published_checkpoint

        published_checkpoint.import_checkpoint(args.checkpoint, args.run_dir, store.open_dataset(args.data), split)
    print(f"finished {args.run_dir}; score it with `climgru evaluate {args.run_dir} --data {args.data}`")


def export(args: Namespace) -> None:
    """Write a run as a file of another program."""
    from ..training import runs

    runs.require_finished(args.run_dir)
    with doing("exporting"):
        from ..predict import exported_network, published_checkpoint

        if args.file.suffix in exported_network.FORMATS:
            written = exported_network.export_network(args.run_dir, args.file)
        else:
            written = published_checkpoint.export_checkpoint(args.run_dir, args.file)
    print(f"wrote {written}")
