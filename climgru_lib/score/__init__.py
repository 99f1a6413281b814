"""Judging: metrics beside their noise limits, comparisons of two runs, ensembles, the competition's files."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=["calibration", "climatebench", "compare", "distributions", "metrics", "noise_limits", "submission"],
    submod_attrs={
        "compare": ["paired_difference"],
        "curve": ["ScoreCurve", "read_curve"],
        "evaluation": ["evaluate", "score_slice"],
        "metrics": ["score_fields"],
        "tables": ["COLUMNS", "HEADINGS", "PUBLISHED_SCORES", "published_table", "score_table"],
        "verdicts": ["verdicts"],
    },
)
