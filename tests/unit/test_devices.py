"""Where to compute, and how exactly."""

import pytest
import torch

from climgru_lib.training.devices import matmul_precision

FLAGS = (torch.backends.cuda.matmul, torch.backends.cudnn)


@pytest.fixture
def uneven():
    before = [flag.allow_tf32 for flag in FLAGS]
    FLAGS[0].allow_tf32, FLAGS[1].allow_tf32 = True, False
    yield
    for flag, allowed in zip(FLAGS, before):
        flag.allow_tf32 = allowed


@pytest.mark.parametrize(("precision", "allowed"), [("32", False), ("tf32", True), ("bf16", False)])
def test_tf32_is_on_where_it_is_asked_for_and_then_as_before(precision, allowed, uneven):
    with matmul_precision(precision):
        assert [flag.allow_tf32 for flag in FLAGS] == [allowed, allowed]
    with pytest.raises(MemoryError), matmul_precision(precision):
        raise MemoryError
    assert [flag.allow_tf32 for flag in FLAGS] == [True, False]
