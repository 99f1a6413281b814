"""Maps, drawn from files and runs."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from ..progress import doing
from .options import command, extension_option


def add(parsers) -> None:
    """Add `map`."""
    draw = command(parsers, "map", draw_map, "draw maps of predictions or of a data set")
    draw.add_argument(
        "source",
        nargs="+",
        metavar="RUN_DIR|FILE",
        help="a run with predictions, a file of maps; several: side by side",
    )
    draw.add_argument("--var", required=True, metavar="NAME", help="tas, pr, or another variable of the source")
    draw.add_argument("--out", required=True, type=Path, metavar="FILE", help=".png, .svg, .pdf; .gif, .mp4: a film")
    draw.add_argument("--month", action="append", default=[], metavar="YYYY-MM", help="may be repeated")
    what = "2081-2100, 2085, 2080s, 'JJA 2081-2100', 'July 2085', 2081-01..2090-12, all (default); may be repeated"
    draw.add_argument("--period", action="append", default=[], metavar="WHEN", help=f"{what}; months count alike")
    draw.add_argument("--scenario", action="append", metavar="S", help="of a source with several; may be repeated")
    draw.add_argument(
        "--statistic", default="mean", help="mean (default), change, percent, std, trend, quantile or exceedance"
    )
    draw.add_argument("--baseline", metavar="YEARS", help="a change is from these years (default: the first 20)")
    draw.add_argument("--level", type=float, metavar="X", help="the quantile (0 to 1), or the threshold to exceed")
    draw.add_argument("--member", metavar="K", help="this member of an ensemble, or `spread` (default: their mean)")
    draw.add_argument(
        "--truth", metavar="PATH", help="draw truth, emulator and difference; a store, file or 'embedded'"
    )
    draw.add_argument("--difference", action="store_true", help="the difference alone, from truth or of two sources")
    draw.add_argument("--stipple", action="store_true", help="dot what internal variability may explain")
    draw.add_argument("--projection", metavar="NAME", help="PlateCarree (default), Robinson, NorthPolarStereo, ...")
    draw.add_argument("--extent", default="global", metavar="BOX", help="europe, arctic, ..., or 20W,60E,30N,75N")
    draw.add_argument("--limits", nargs=2, type=float, metavar=("LOW", "HIGH"), help="of the colours (default: fitted)")
    draw.add_argument("--span", type=float, metavar="X", help="colours of differences from -X to X (default: fitted)")
    draw.add_argument("--levels", type=int, metavar="N", help="so many discrete colours")
    draw.add_argument("--graticule", action="store_true", help="draw meridians and parallels with their labels")
    draw.add_argument("--dpi", type=float, metavar="N", help="dots an inch (default: 200, at least 1200 pixels wide)")
    extension_option(draw)


def draw_map(args: Namespace) -> None:
    """Draw maps of predictions."""
    from ..data.paths import EMBEDDED, require_source
    from ..training import runs

    for source in args.source:
        if source != EMBEDDED:
            runs.prediction_file(source)
    if args.truth is not None:
        require_source(args.truth)
    with doing("drawing"):
        from ..maps import command

        told = command.draw_map(args)
    print(told)
