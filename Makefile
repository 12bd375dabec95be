# Targets set up .venv on first use and reuse it afterwards. `make` lists them.

PYTHON ?= python3
CORES ?= $(shell getconf _NPROCESSORS_ONLN)
BIN := .venv/bin

.PHONY: help demo picture test smoke unit lint format clean
.DEFAULT_GOAL := help

help:
	@echo "make demo     run the simulated study; report: results/demo/report/index.html"
	@echo "make test     run the unit tests and the smoke study"
	@echo "make lint     check the code: ruff, mypy, order of imports, snakefmt, snakemake"
	@echo "make format   format the code"
	@echo "make picture  draw docs/demo.png from a finished demo"
	@echo "make clean    remove the results of the demo and smoke study, not .venv"

.venv/.ready: requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("deeprecon needs Python 3.11 or newer, found " + sys.version.split()[0] if sys.version_info < (3, 11) else 0)'
	@echo "Setting up .venv (once; about 6 GB, mostly PyTorch)"
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
	@touch $@

demo: .venv/.ready
	$(BIN)/snakemake --cores $(CORES) --quiet rules
	$(BIN)/snakemake --report results/demo/report/workflow.html --quiet all
	@echo "Images reconstructed from simulated fMRI:          results/demo/report/index.html"
	@echo "The workflow's own report (rules, times, figures): results/demo/report/workflow.html"

picture: .venv/.ready
	$(BIN)/python docs/make_picture.py

test: unit smoke

unit: .venv/.ready
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist worksteal -m "not smoke" --doctest-modules deeprecon tests

smoke: .venv/.ready
	$(BIN)/python -m pytest -m smoke tests

# Helper functions stand above the rule that they serve, which Snakemake's lint advises against.
lint: .venv/.ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/snakefmt --check Snakefile workflow/rules
	$(BIN)/snakemake --dry-run --quiet all > /dev/null
	! $(BIN)/snakemake --lint 2>&1 | grep '^    \* ' | grep -v 'Mixed rules and functions'

format: .venv/.ready
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/snakefmt Snakefile workflow/rules

clean:
	rm -rf results/demo results/smoke
