"""The course: what its notebooks share, how they are executed, and the studies."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=["execute", "notebooks", "study"],
    submod_attrs={
        "answers": ["Answers"],
        "explorer": ["Explorer"],
        "figures": ["SCENARIO_LINES", "diagram", "show"],
        "training_range": ["TrainingRange", "drivers"],
        "workbook": ["Workbook", "curves"],
    },
)
