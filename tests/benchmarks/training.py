"""A step of training, plain and ours, and where its time goes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from climgru_lib.course.study.measure import Row
from climgru_lib.course.study.steps import REPEATS, Trainee, compare_steps, our_batch
from climgru_lib.data.tensors import EmulationData
from climgru_lib.training.devices import pick_device
from climgru_lib.training.recipe import Recipe

from .parts import profile
from .setting import full_size, precisions

RUN_LENGTHS = (11, 24, 48, 72)


def rows(
    sizes: Callable[[], tuple[Recipe, EmulationData]] = full_size,
    run_lengths: Sequence[int] = RUN_LENGTHS,
    chosen: Sequence[str] | None = None,
) -> Iterator[Row]:
    """Compare the time per (window, member) of a step at several run lengths; then say where the time goes.

    The precisions are those that are ``chosen``, or all that the device is made for.
    """
    recipe, data = sizes()
    device = pick_device("auto")
    for precision in chosen or precisions(device):
        trainee = Trainee(recipe, data, device, precision)
        yield from compare_steps(trainee, recipe, data, device, precision, run_lengths)
        longest = replace(recipe, run_length=run_lengths[-1])
        batch = our_batch(data, longest, len(data.members), device)
        name = f"{precision}, run of {run_lengths[-1]}"
        yield from profile(trainee.module, trainee.optimizer, batch, trainee.autocast, name, REPEATS, device)
        del trainee
