"""Figures of kept rows, as drawings within the page that take the colour of its text."""

import io

import matplotlib
from matplotlib.figure import Figure
from measured import rows_of

#: Text stays text, for search and for readers that speak; names within the drawing do not change from build to build.
_STYLE = {"svg.fonttype": "none", "svg.hashsalt": "climgru", "font.size": 10}
_BLACK = "#000000"


def scores(name: str, split: str, claim: str) -> str:
    """Draw the score of every seed of a study's first slice, a line of dots for each label, beside the noise limit."""
    groups = list(rows_of(name, split).groupby("label", sort=False))[::-1]
    limit = groups[0][1]["limit: forced"].iloc[0]
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(8, 1.1 + 0.34 * len(groups)), layout="constrained")
        axis = figure.subplots()
        for height, (_, rows) in enumerate(groups):
            axis.plot(rows["score"], [height] * len(rows), "o", color="tab:blue", alpha=0.7)
        axis.axvline(limit, color=_BLACK, linestyle="--", linewidth=1)
        axis.set_xlabel("score of each seed, lower is better; dashed: limit of a perfect forced response")
        axis.set_yticks(range(len(groups)), [label for label, _ in groups])
        axis.set_xscale("log")
        ticks = [tick for tick in (0.6, 0.7, 0.8, 1, 1.5, 2, 3, 4, 5) if tick <= max(axis.get_xlim())]
        axis.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        axis.minorticks_off()
        axis.grid(axis="x", alpha=0.3)
        axis.set_title(claim, loc="left", fontsize=10)
        drawn = io.StringIO()
        figure.savefig(drawn, format="svg", transparent=True, metadata={"Date": None})
    svg = drawn.getvalue()
    svg = svg[svg.index("<svg") :].replace(_BLACK, "currentColor")
    told = f'<svg role="img" fill="currentColor" aria-label="Scores of the study {name}, split {split}: {claim}"'
    return "```{raw} html\n" + "\n".join(line for line in svg.replace("<svg", told, 1).splitlines() if line) + "\n```"
