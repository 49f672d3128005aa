# Each command brings its own set-up: `make demo` shows what the package does, `make check` is for
# while one works (aim: under two minutes on two cores), `make test` runs everything.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
OLDEST := .venv-oldest

.PHONY: demo check test static-checks lint docs test-oldest fuzz mutants audit clean

demo: $(VENV)/.installed-demo
	$(BIN)/python examples/japanese_vowels.py

# Lint, types, and all tests but those marked slow.
check: static-checks
	$(BIN)/python -m pytest -n 2 --dist worksteal -q -m "not slow"

# The same with all tests.
test: static-checks
	$(BIN)/python -m pytest -n 2 --dist worksteal -q

static-checks: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# Mends what ruff can mend.
lint: $(VENV)/.installed-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/mypy

# The site, in build/docs; a warning is an error.
docs: $(VENV)/.installed-docs
	rm -rf build/docs docs/generated
	$(BIN)/python -m sphinx --fail-on-warning --keep-going -q docs build/docs

# Not part of `make test`: slow, or in need of a network. Their results are in docs/trust.md.

# The oldest releases that pyproject.toml admits, in an environment of their own.
test-oldest: $(OLDEST)/.installed
	OMP_NUM_THREADS=1 $(OLDEST)/bin/python -m pytest -n 2 -q -m "not slow" tests

FUZZ_SECONDS ?= 300
fuzz: $(VENV)/.installed-dev
	$(BIN)/python -m pip install --quiet -c constraints.txt -e ".[fuzz]"
	for target in model_files dataset_files audio_headers; do \
	  OMP_NUM_THREADS=1 $(BIN)/python fuzz/$$target.py --runs 10000000 --seconds $(FUZZ_SECONDS) || exit 1; \
	done

mutants: $(VENV)/.installed-dev
	$(BIN)/python -m pip install --quiet -c constraints.txt -e ".[mutants]"
	OMP_NUM_THREADS=1 $(BIN)/mutmut run --max-children 1
	$(BIN)/mutmut results

# Known weaknesses of the installed versions.
audit: $(VENV)/.installed-dev
	$(BIN)/python -m pip install --quiet -c constraints.txt -e ".[audit]"
	$(BIN)/pip-audit --skip-editable

$(VENV)/.installed-demo: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet -c constraints.txt -e ".[sktime,plots]"
	touch $@

$(VENV)/.installed-dev: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet -c constraints.txt -e ".[dev]"
	touch $@

$(VENV)/.installed-docs: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet -c constraints.txt -e ".[docs]"
	touch $@

$(OLDEST)/.installed: pyproject.toml constraints-oldest.txt
	test -x $(OLDEST)/bin/python || $(PYTHON) -m venv $(OLDEST)
	$(OLDEST)/bin/python -m pip install --quiet -c constraints-oldest.txt -e \
	  ".[sktime,plots,minirocket,search,audio,video,arrow,zarr,accelerate,dask]" hypothesis polars pytest pytest-xdist
	touch $@

clean:
	rm -rf $(VENV) $(OLDEST) build docs/generated *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis demo_output mutants fuzz/corpus fuzz/crashes
