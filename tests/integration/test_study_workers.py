"""Studies in processes of their own: failures, kills and signals cost no other run."""

import json
import os
import signal
import subprocess
import sys
import threading
import time

import distributed
import numpy as np
import pandas as pd
import pytest

from climgru_lib import mini_earth
from climgru_lib.contract import InputError
from climgru_lib.course.study import cluster, results, runner
from climgru_lib.course.study.plan import Study, Trial
from climgru_lib.course.workbook import Workbook
from climgru_lib.stopping import Stopped
from climgru_lib.training import recipes

STUDY = """
import os, signal
from dataclasses import replace
from climgru_lib.course.study import STUDIES, Study, Trial
from climgru_lib.models import MODELS
from climgru_lib.models.simple import Climatology

@MODELS.register("dies")
class Dies(Climatology):
    def fit(self, series, lat):
        os.kill(os.getpid(), signal.SIGKILL)

def plan(book, seeds):
    tiny = {"width": 4, "hidden": 4, "head": 8}
    net = book.recipe("compact-final", epochs=3, cosine_epochs=3, runs=1, run_length=11)
    net = replace(net, architecture=net.architecture | tiny)
    yield Trial("before", book.recipe("climatology"), "clean", 0)
    yield Trial("killed", replace(book.recipe("climatology"), name="dies", model="dies"), "clean", 0)
    yield Trial("refused", book.recipe("climatology"), "unseen:ssp999", 0)
    yield from (Trial("net", net, "clean", seed) for seed in seeds)

STUDIES.register("trouble")(Study("What becomes of the others?", plan, {"quick": 2}))
"""


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    path = tmp_path_factory.mktemp("workers") / "coarse.zarr"
    mini_earth.write(path, n_months=300, n_members=2, lat=np.linspace(-78.75, 78.75, 8), lon=np.arange(12) * 30.0 + 15)
    return path


def command(folder, store) -> list[str]:
    file = folder / "trouble.py"
    file.write_text(STUDY)
    options = ["--use", str(file), "--data", str(store), "--out", str(folder / "out")]
    return [sys.executable, "-m", "climgru_lib.cli", "study", "trouble", *options]


@pytest.fixture(scope="module")
def undisturbed(store, tmp_path_factory):
    folder = tmp_path_factory.mktemp("undisturbed")
    return folder / "out", subprocess.run(command(folder, store), capture_output=True, text=True)


def test_a_failed_or_killed_run_is_reported_and_the_others_go_on(store, tmp_path, undisturbed):
    out, done = undisturbed
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "killed, clean, seed 0: RuntimeError: its process was killed" in done.stderr
    assert "refused, unseen:ssp999, seed 0: InputError: " in done.stderr
    folder = out / "study-trouble"
    rows = pd.read_csv(folder / "rows.csv")
    assert rows[rows.slice == 0][["label", "seed"]].values.tolist() == [["before", 0], ["net", 0], ["net", 1]]
    assert json.loads((folder / "provenance.json").read_text())["seeds"] == {"clean: before": 1, "clean: net": 2}
    # in one process the same trials give the same numbers
    book = Workbook("here", str(store), "quick", 0, str(tmp_path / "here"))
    trials = [Trial("before", book.recipe("climatology"), "clean", 0)]
    here = runner.collect(book, Study("", lambda book, seeds: trials), range(1), "cpu").rows
    assert here["score"].tolist() == pytest.approx(rows[rows.label == "before"]["score"].tolist(), rel=1e-6)


def test_a_study_stopped_and_killed_on_its_way_loses_and_repeats_nothing(store, tmp_path, undisturbed):
    call, out, before = command(tmp_path, store), tmp_path / "out", {}
    for seed, number in enumerate((signal.SIGTERM, signal.SIGKILL)):
        study = subprocess.Popen(call, stderr=subprocess.PIPE, text=True)
        for _ in range(600):
            if list(out.glob(f"runs/compact-final-*-s{seed}-*/progress.csv")):
                break
            time.sleep(0.1)
        study.send_signal(number)
        error = study.communicate()[1]
        assert study.returncode == (75 if number == signal.SIGTERM else -number), error
        begun = {path: json.loads(path.read_text()) for path in out.glob("runs/*/run.json")}
        finished = {path for path, run in begun.items() if run["status"] == "finished"}
        (unfinished,) = (path.parent for path in begun if path not in finished and "compact" in path.parent.name)
        assert len(finished) == 1 + seed
        assert f"-s{seed}-" in unfinished.name
        assert number != signal.SIGTERM or (unfinished / "last.ckpt").exists()
        before |= {path: path.stat().st_mtime_ns for path in finished - before.keys()}
    assert subprocess.run(call, capture_output=True).returncode == 2  # for the two that fail by themselves
    assert {path: path.stat().st_mtime_ns for path in before} == before
    tables = [pd.read_csv(folder / "study-trouble" / "table.csv") for folder in (out, undisturbed[0])]
    pd.testing.assert_frame_equal(*tables)


def test_a_dask_cluster_gives_the_same_table(store, tmp_path, undisturbed):
    options = {"dashboard_address": None, "scheduler_kwargs": {"allowed_failures": 0}}
    with distributed.LocalCluster(n_workers=1, threads_per_worker=1, **options) as workers:
        call = [*command(tmp_path, store), "--workers", workers.scheduler_address]
        done = subprocess.run(call, capture_output=True, text=True)
    assert done.returncode == 2
    assert "killed, clean, seed 0: KilledWorker" in done.stderr
    assert "refused, unseen:ssp999, seed 0: InputError: " in done.stderr  # it came after, and was not killed with it
    tables = [pd.read_csv(folder / "study-trouble" / "table.csv") for folder in (tmp_path / "out", undisturbed[0])]
    pd.testing.assert_frame_equal(*tables)


def test_a_cluster_that_cannot_train_says_so(tmp_path, monkeypatch):
    book = Workbook("refused", "embedded", "quick", 0, str(tmp_path))
    trial = Trial("means", recipes.named("climatology"), "clean", 0)
    monkeypatch.setattr(cluster, "PATIENCE", 0.5)
    options = {"processes": False, "dashboard_address": None, "threads_per_worker": 2}
    with pytest.raises(InputError, match=r"no dask scheduler answers at tcp://127.0.0.1:9;"):
        list(cluster.outcomes(book, [trial], "cpu", "tcp://127.0.0.1:9"))
    with distributed.LocalCluster(n_workers=1, **options) as workers:
        address = workers.scheduler_address
        (told,) = cluster.outcomes(book, [trial], "cpu", address)
        assert "the worker does several tasks at once" in str(told)
        monkeypatch.setattr(cluster, "_do_there", lambda *args: time.sleep(6))
        for change in ((os.kill, [os.getpid(), signal.SIGTERM]), (workers.scale, [0])):
            threading.Timer(2, *change).start()
            with pytest.raises(Stopped, match="a signal came, or the cluster was lost; the same command continues"):
                list(cluster.outcomes(book, [trial], "cpu", address))
        with pytest.raises(InputError, match="has no worker; begin some with"):
            list(cluster.outcomes(book, [trial], "cpu", address))


def test_kept_results_are_repeated_or_not(store, tmp_path, monkeypatch):
    def plan(book, seeds):
        return [Trial("means", book.recipe("climatology"), "clean", seed) for seed in seeds]

    study = Study("", plan, {"quick": 1})
    monkeypatch.setattr(results, "FOLDER", tmp_path / "results")
    runner.run("means", study, str(store), out_dir=str(tmp_path))
    results.keep(tmp_path / "study-means", "means")
    assert results.known() == ["means"]
    found = results.verify("means", study, str(store), str(tmp_path / "again"))
    assert found.within.all()
    kept = results.rows("means")
    kept.assign(score=kept.score * 1.002).to_csv(tmp_path / "results" / "means.csv", index=False)
    found = results.verify("means", study, str(store), str(tmp_path / "again")).set_index("metric")
    assert found.index[~found.within].unique().tolist() == ["score"]
    with pytest.raises(InputError, match="other data"):
        mini_earth.write(
            tmp_path / "b.zarr",
            n_months=300,
            n_members=2,
            seed=1,
            lat=np.linspace(-78.75, 78.75, 8),
            lon=np.arange(12) * 30.0 + 15,
        )
        results.verify("means", study, str(tmp_path / "b.zarr"), str(tmp_path / "again"))
