# Every target sets up what it needs in .venv by itself; PYTHON=... chooses the interpreter.

.DEFAULT_GOAL := help
.PHONY: help demo test nightly check bench format environment lint layout types floors examples clean

VENV ?= .venv
RUN := $(VENV)/bin

help: ## Say what can be made
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: environment ## Show Whimbrel at work, on SQLite, and on a large table of PostgreSQL
	@PATH="$(CURDIR)/$(RUN):$$PATH" $(RUN)/python demo/run.py

test: environment ## Run all tests (PYTEST="-k name" for some)
	$(RUN)/python -m pytest -n 2 --dist worksteal $(PYTEST)

nightly: environment ## Look for rare examples, for hours (PYTEST="--hypothesis-seed=7" to repeat)
	$(RUN)/python -m pytest -n 2 --dist worksteal -m hypothesis --hypothesis-profile=nightly $(PYTEST)

check: lint layout types floors examples ## Lint, format, types, floors, examples of the docs

bench: environment ## Measure against Django and Alembic (BENCH="..." for its options)
	$(RUN)/python bench/run.py $(BENCH)

format: environment ## Put the code in order
	$(RUN)/ruff check --fix-only --quiet .
	$(RUN)/ruff format .

environment:
	@tools/environment $(VENV)

lint: environment
	$(RUN)/ruff check .

layout: environment
	$(RUN)/ruff format --check .

types: environment
	$(RUN)/mypy

floors: environment
	$(RUN)/lint-imports

examples: environment
	@if [ -d tests/docs ]; then $(RUN)/python -m pytest -q -n 2 --dist worksteal tests/docs; fi

clean: ## Remove what was made
	rm -rf .venv .venv-* .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
