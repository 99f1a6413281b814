"""Change the library a little, again and again, and see tests fail: ``python -m tests.robustness.mutants``.

Each mutant is one change within a function: an operator, a comparison, a number, a word, a condition, a slice, an
argument left out; what only words an error is left alone. The tests of the module are collected once and then run
in a forked process for each mutant; a mutant that no test notices survives. Of a module with many mutants a seeded
sample is tried.
"""

from __future__ import annotations

import argparse
import ast
import copy
import importlib
import inspect
import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import pytest

TESTS = Path(__file__).resolve().parents[1]
STORES = ["unit/test_layouts.py", "unit/test_contract.py", "unit/test_tensors.py"]
LIES = ["unit/test_plausibility.py", "unit/test_plausible_places.py", "robustness/test_bad_data.py"]
#: Modules and the tests that hold them.
TARGETS = {
    "score.metrics": ["unit/test_metrics.py"],
    "training.losses": ["unit/test_losses.py"],
    "score.noise_limits": ["unit/test_noise_limits.py"],
    "data.season": ["unit/test_season.py"],
    "data.splits": ["unit/test_splits.py"],
    "data.normalizer": ["unit/test_tensors.py"],
    "data.tensors": ["unit/test_tensors.py", "unit/test_memory.py"],
    "data.memory": ["unit/test_memory.py"],
    "data.reading": STORES,
    "data.folders": STORES,
    "data.store": [*STORES, "unit/test_cache.py"],
    "data.manifest": STORES,
    "data.plausibility.forcings": LIES,
    "data.plausibility.places": LIES,
    "data.plausibility.watch": LIES,
    "data.plausibility.weather": LIES,
}
#: Not of the tests above: between mutants this is said to come next, so that only what a session has set up stays.
ELSEWHERE = "unit/test_workbook.py"
MOST, SEED, FACTOR = 120, 1, 5
SWAPS = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult, ast.Mod: ast.Mult,
    ast.Pow: ast.Mult, ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq, ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In, ast.And: ast.Or,
    ast.Or: ast.And, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd,
}  # fmt: skip


def variants(node: ast.AST) -> Iterator[ast.AST]:
    """Yield a changed copy of a node for each change that there is."""

    def changed(**fields):
        new = copy.copy(node)
        for name, value in fields.items():
            setattr(new, name, value)
        return new

    match node:
        case ast.BinOp(op=op) | ast.AugAssign(op=op) | ast.BoolOp(op=op) if type(op) in SWAPS:
            yield changed(op=SWAPS[type(op)]())
        case ast.Compare(ops=ops):
            for k, op in enumerate(ops):
                yield changed(ops=[*ops[:k], SWAPS[type(op)](), *ops[k + 1 :]])
        case ast.UnaryOp(op=ast.Not() | ast.USub(), operand=operand):
            yield operand
        case ast.Constant(value=bool(value)):
            yield changed(value=not value)
        case ast.Constant(value=int(value) | float(value)):
            yield changed(value=value + 1)
        case ast.Constant(value=str(value)):
            yield changed(value=f"X{value}")
        case ast.If(test=test) | ast.IfExp(test=test) | ast.While(test=test):
            yield changed(test=ast.UnaryOp(ast.Not(), test))
        case ast.comprehension(ifs=[first, *more]):
            yield changed(ifs=[ast.UnaryOp(ast.Not(), first), *more])
        case ast.Slice(lower=lower, upper=upper):
            yield from (changed(lower=None),) if lower else ()
            yield from (changed(upper=None),) if upper else ()
        case ast.Call(keywords=keywords):
            for k in range(len(keywords)):
                yield changed(keywords=keywords[:k] + keywords[k + 1 :])


def mutants(tree: ast.Module) -> Iterator[tuple[str, str, ast.Module]]:
    """Yield function, change and changed module for each mutant."""
    for of_class in [tree, *(node for node in tree.body if isinstance(node, ast.ClassDef))]:
        for function in of_class.body:
            if isinstance(function, ast.FunctionDef):
                name = function.name if of_class is tree else f"{of_class.name}.{function.name}"
                for parent, field, k, node in places(function):
                    for new in variants(node):
                        told = f"line {node.lineno if hasattr(node, 'lineno') else parent.lineno}: "
                        told += f"{ast.unparse(node)} -> {ast.unparse(ast.fix_missing_locations(new))}"
                        put(parent, field, k, new)
                        yield name, told, tree
                        put(parent, field, k, node)


def places(function: ast.FunctionDef) -> Iterator[tuple[ast.AST, str, int | None, ast.AST]]:
    """Yield parent, field, position and node for all within a function that is code, not words."""
    skipped = (ast.Raise, ast.JoinedStr, ast.arguments)
    body = function.body[1:] if ast.get_docstring(function) else function.body
    waiting = [(function, "body", function.body.index(node), node) for node in body]
    while waiting:
        parent, field, k, node = waiting.pop(0)
        if isinstance(node, skipped):
            continue
        yield parent, field, k, node
        for name, value in ast.iter_fields(node):
            if name not in ("annotation", "returns", "decorator_list"):
                inner = enumerate(value) if isinstance(value, list) else [(None, value)]
                waiting += [(node, name, at, one) for at, one in inner if isinstance(one, ast.AST)]


def put(parent: ast.AST, field: str, k: int | None, node: ast.AST) -> None:
    """Set a field, or one item of it."""
    if k is None:
        setattr(parent, field, node)
    else:
        getattr(parent, field)[k] = node


def plant(module, name: str, code) -> None:
    """Give a function of a loaded module the code that it has in a compiled one."""
    for of in (vars(module), *(vars(value) for value in vars(module).values() if inspect.isclass(value))):
        for value in of.values():
            if hasattr(value, "cache_clear"):
                value.cache_clear()
    target, found = module, code
    for part in name.split("."):
        target = inspect.getattr_static(target, part)
        found = next(one for one in found.co_consts if inspect.iscode(one) and one.co_name == part)
    target = inspect.unwrap(getattr(target, "__func__", getattr(target, "fget", getattr(target, "func", target))))
    target.__code__ = found


class Trial:
    """A plugin of pytest that runs the collected tests once as they are, and once for each mutant."""

    def __init__(self, module: str, most: int):
        self.module = importlib.import_module(f"climgru_lib.{module}")
        self.most, self.survivors, self.tried, self.all = most, [], 0, 0

    def pytest_runtestloop(self, session) -> bool:
        items = [item for item in session.items if not str(item.path).endswith(ELSEWHERE)]
        after = next(item for item in session.items if str(item.path).endswith(ELSEWHERE))
        started = time.monotonic()
        assert not self.failing(session, items, after), "the tests fail as it is"
        self.patience = 10 + FACTOR * (time.monotonic() - started)
        assert not self.noticed(session, items, after, lambda: None), "the tests fail as it is in a forked process"
        found = []
        for name, told, tree in mutants(ast.parse(Path(self.module.__file__).read_text())):
            found.append((name, told, compile(tree, self.module.__file__, "exec")))
        self.all = len(found)
        sample = random.Random(SEED).sample(found, min(self.most, len(found)))
        for name, told, code in sample:
            if not self.noticed(session, items, after, lambda name=name, code=code: plant(self.module, name, code)):
                self.survivors.append(f"{name}, {told}")
        self.tried = len(sample)
        return True

    def noticed(self, session, items, after, change: Callable[[], None]) -> bool:
        """Whether a test fails, or takes much too long, in a forked process after a change."""
        child = os.fork()
        if not child:
            signal.alarm(int(self.patience))
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            failed = True
            try:
                change()
                failed = self.failing(session, items, after)
            finally:
                os._exit(failed)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != 0

    def failing(self, session, items, after) -> bool:
        """Whether a test fails; the rest are then not run."""
        for k, item in enumerate(items):
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=items[k + 1] if k + 1 < len(items) else after)
            if session.testsfailed:
                return True
        return False


def tried(module: str, most: int) -> dict:
    """Return how many mutants of a module were made, tried and noticed; print those that survive."""
    trial = Trial(module, most)
    tests = [str(TESTS / name) for name in (*TARGETS[module], ELSEWHERE)]
    pytest.main(["-q", "--no-header", "--no-summary", "-p", "no:cacheprovider", "-p", "no:zarr", *tests], [trial])
    print(*(f"{module}: {line}" for line in trial.survivors), sep="\n", flush=True)
    killed = trial.tried - len(trial.survivors)
    score = f"{100 * killed / trial.tried:.0f} %"
    return {"module": module, "mutants": trial.all, "tried": trial.tried, "noticed": killed, "score": score}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("modules", nargs="*", default=list(TARGETS))
    parser.add_argument("--most", type=int, default=MOST)
    parser.add_argument("--csv")
    args = parser.parse_args()
    made = pd.DataFrame([tried(module, args.most) for module in args.modules])
    print(made.to_string(index=False))
    if args.csv:
        made.to_csv(args.csv, index=False)
