# A machine with Python >= 3.11, make and git is enough; `make VENV=` uses the active environment.
PYTHON ?= python3
VENV ?= .venv
BIN := $(if $(VENV),$(VENV)/bin/)
READY := $(if $(VENV),$(VENV)/.ready)
DATA ?= embedded
PROFILE ?= quick
TEST_OUT := build/test
PYTEST := $(BIN)python -m pytest

export PATH := $(if $(VENV),$(abspath $(VENV))/bin:)$(PATH)

.PHONY: course test test-browser test-full lab notebooks book bench lint clean

course: $(READY)  ## every notebook, executed; results in build/
	$(BIN)climgru course --data "$(DATA)" --profile $(PROFILE)

test: $(READY) lint  ## lint, unit and integration tests, nbval, papermill with other parameters
	rm -rf $(TEST_OUT)
	CLIMGRU_OUT=$(abspath $(TEST_OUT)) OMP_NUM_THREADS=1 $(PYTEST) -n 3 --dist loadfile tests/unit tests/integration tests/robustness
	for part in 'notebooks/0[0-6]*.ipynb' 'notebooks/0[7-9]*.ipynb notebooks/10*.ipynb'; do \
	  CLIMGRU_OUT=$(abspath $(TEST_OUT)) OMP_NUM_THREADS=1 PYTHONWARNINGS=ignore TQDM_DISABLE=1 \
	    $(PYTEST) -n 2 --dist loadfile --nbval --nbval-current-env --nbval-sanitize-with tests/nbval.cfg \
	    --nbval-cell-timeout=900 --nbval-kernel-startup-timeout=120 $$part || exit 1; \
	done  # 07 shows runs of those before it
	CLIMGRU_OUT=$(abspath $(TEST_OUT)) $(PYTEST) tests/numbers --ignore tests/numbers/test_real_data.py  # in test-full

test-browser: $(READY)  ## viewer and notebooks in a real JupyterLab (chromium); screenshots in build/browser/
	CLIMGRU_OUT=$(abspath $(TEST_OUT)) $(PYTEST) tests/browser

test-full: $(READY)  ## every notebook with three parameter sets, real data, full profile; outside CI
	$(BIN)climgru course --data "$(DATA)" --profile full --out build/full
	$(BIN)climgru course --data "$(DATA)" --profile full --out build/full-seed1 -p seed=1
	$(BIN)climgru course --data "$(DATA)" --profile full --out build/full-window6 -p window=6
	CLIMGRU_FULL=1 $(PYTEST) tests/numbers/test_real_data.py

lint: $(READY)
	$(BIN)ruff check .
	$(BIN)ruff format --check .

lab: $(READY)  ## JupyterLab on a copy of the notebooks that is never overwritten
	mkdir -p build/lab && for n in notebooks/*.ipynb; do [ -e build/lab/$${n##*/} ] || cp $$n build/lab/; done
	$(BIN)jupyter lab --notebook-dir=build/lab

notebooks: $(READY)  ## maintainers: re-execute and scrub the committed notebooks, refresh figures/
	rm -rf build/made  # trainings of an earlier state are not reused
	CLIMGRU_OUT=$(abspath build/made) $(BIN)python -m climgru_lib.course

book: $(READY)  ## the book from committed notebooks, results and docstrings, offline: build/book/html
	rm -rf build/book && mkdir -p build/book && cp -r book build/book/source && cp -r notebooks figures build/book/source/
	$(BIN)python -m sphinx -q -W --keep-going -d build/book/doctrees build/book/source build/book/html
	@echo "build/book/html/index.html"

bench: $(READY)  ## side-by-side timings
	cd tests && python -m benchmarks

clean:
	rm -rf build $(VENV) *.egg-info

ifneq ($(VENV),)
$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet -c constraints.txt -e '.[course,test,book]'
	touch $@
endif
