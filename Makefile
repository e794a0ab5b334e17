# Everything a newcomer needs: `make demo` shows the product, `make test` proves it.
.DEFAULT_GOAL := help
.PHONY: help setup demo test check bench soak schemas services

BIN := .venv/bin
CODE := gateway tests $(wildcard benchmarks)
# Extra words for the program behind a target: make test ARGS="-k receipt -x"
ARGS ?=

help:
	@echo 'make demo       set up and play the story; KEEP=1 leaves it running, SCALE=1: three gateways, one killed'
	@echo 'make test       set up and run the tests; ARGS="-k receipt" narrows'
	@echo 'make check      style, types, architecture'
	@echo 'make bench      measure; make soak: the tests that take long'
	@echo 'make schemas    print schemas/, docs/cli.md and tables anew; make services: what tests borrow from Debian'

setup:
	@tools/setup.sh

demo: setup
	@$(BIN)/python -m tools.services $(if $(filter-out 0,$(SCALE)),initdb postgres,mosquitto)
	@$(if $(filter-out 0,$(SCALE)),$(BIN)/python -m tools.scale_demo,$(BIN)/accord demo $(if $(filter-out 0,$(KEEP)),--keep)) $(ARGS)

test: setup services
	@$(BIN)/python -m pytest $(ARGS)

check: setup
	@$(BIN)/ruff check --quiet $(CODE) tools
	@$(BIN)/ruff format --check --quiet $(CODE) tools
	@$(BIN)/mypy --no-error-summary $(CODE) tools
	@$(BIN)/python -m pytest tests/test_architecture.py

bench: setup
	@$(BIN)/python -m benchmarks $(ARGS)

soak: setup services
	@$(BIN)/python -m pytest -m soak --timeout 0 $(ARGS)

schemas: setup
	@$(BIN)/accord schemas print --out schemas
	@$(BIN)/accord schemas manual --out docs/cli.md
	@$(BIN)/accord policy coverage --into docs/sources.md
	@$(BIN)/accord schemas agreements --page docs/agreements.md

services: setup
	@$(BIN)/python -m tools.services
