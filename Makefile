# What this project can do for you: `make` alone lists it.
PYTHON ?= python3
# Who names a Python gets that one, and no faster one that is there.
THIS := $(if $(filter file,$(origin PYTHON)),,--this-python)
# One more than there are processors: while one test waits, another one works.
WORKERS ?= $(shell echo $$(( $$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2) + 1 )))
ARGS ?=
BIN := .venv/bin
PYTEST := $(BIN)/python -m pytest

# nginx and others live where not every PATH looks.
export PATH := $(PATH):/usr/sbin:/sbin

# Containers often forbid it; then every process that a test starts compiles a thousand modules anew.
unexport PYTHONDONTWRITEBYTECODE

# Databases of tests need no disk that survives a power cut: in memory, where there is room.
ROOM := $(shell df -k /dev/shm 2>/dev/null | awk 'NR == 2 && $$4 > 2000000 {print "/dev/shm"}')
ifneq ($(ROOM),)
export PYTEST_DEBUG_TEMPROOT := $(ROOM)
endif

.PHONY: help setup setup-demo demo demo-broker tour lint test test-all mutants fuzz bench chaos pictures release index lock clean
.DEFAULT_GOAL := help

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## .venv, and what the tests need of the system
	@$(PYTHON) scripts/setup.py tests $(THIS)

setup-demo:
	@$(PYTHON) scripts/setup.py demo $(THIS)

demo: setup-demo ## a city with its own identities: http://localhost:8000; ARGS="--port-base 9000"
	@$(BIN)/civitas demo $(ARGS)

demo-broker: setup-demo ## a regulator, a private provider and a broker: http://localhost:8100
	@$(BIN)/civitas demo --broker $(ARGS)

tour: setup-demo ## the whole story, headless, a line per step
	@$(BIN)/civitas tour

lint: setup ## style, types, import contracts
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

test: lint ## all tests but the slow ones
	$(PYTEST) -m "not slow" -n $(WORKERS) --dist worksteal --durations=15

test-all: lint ## all tests, with the share of lines that they cover, and the tests' own check
	$(PYTEST) -n $(WORKERS) --dist worksteal --cov --cov-report=term
	$(BIN)/python -m tests.mutants --workers $(WORKERS)

mutants: setup ## take each control out in a copy: its test must go red; ARGS="EN-5 G-5"
	$(BIN)/python -m tests.mutants --workers $(WORKERS) --record $(ARGS)

pictures: setup ## every page: wide, narrow, dark, right to left; pictures/index.html
	$(BIN)/python -m tests.pictures $(ARGS)

chaos: setup ## kill processes in the middle of things; nothing may be lost or doubled
	$(PYTEST) tests/chaos

fuzz: setup ## ten minutes of coverage-guided input for each entrance of the authorities; SECONDS=600
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements/fuzz.txt
	$(BIN)/python -m tests.fuzz --seconds $(or $(SECONDS),600)

bench: setup ## speeds beside others, and what is promised, met or not; ARGS="--database postgresql+psycopg://…"
	$(BIN)/python -m benchmarks $(ARGS)

index: setup ## write anew what docs/ takes from the code
	$(BIN)/python scripts/spec_index.py
	$(BIN)/python scripts/settings_reference.py
	$(BIN)/python scripts/assurance_controls.py
	$(BIN)/python -m tests.support.access

release: setup ## dist/: wheel, bill of materials, licences, checksums; KEY=… VULNERABILITIES=…
	@$(BIN)/python -m scripts.release $(if $(KEY),--key $(KEY)) $(if $(VULNERABILITIES),--vulnerabilities $(VULNERABILITIES))

lock: setup ## pin what pyproject.toml asks for; `scripts/lock.sh --upgrade` for the newest
	scripts/lock.sh

clean: ## remove what was made here, the demo's data included
	rm -rf .venv build dist *.egg-info .coverage .coverage.* htmlcov demo-data pictures \
	  .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis .schemathesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
