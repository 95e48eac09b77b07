# All commands that anyone must remember. `make help` lists them.
.DEFAULT_GOAL := help
SHELL := /bin/sh
PYTHON ?= python3
BIN := .venv/bin
DATA := $(wildcard ../shared/data)
export PIP_DISABLE_PIP_VERSION_CHECK := 1

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

up: .venv/default ## Set up, start everything, seed the demo creator, print one cited answer, keep serving
	@./understudy up

demo: .venv/default ## The same, and exit after the answer
	@./understudy demo

test: .venv/dev ## Set up and run the tests
	@$(BIN)/python -m pytest

check: .venv/dev ## What CI runs: lint, types, architecture, tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/basedpyright
	$(BIN)/lint-imports
	UNDERSTUDY_TEST_DATA="$${UNDERSTUDY_TEST_DATA-$(abspath $(DATA))}" $(BIN)/python -m pytest

bench: .venv/dev ## Measure the figures of docs/benchmarks.md on this machine (DATA=folder of real videos)
	@$(BIN)/python -m tests.bench "$(or $(DATA),$(error set DATA to the folder of real data))"

bench-faults: .venv/dev ## Kill workers, flush Redis, stop PostgreSQL in mid-ingest (ARGS="--kills 20 --sources 50")
	@$(BIN)/python -m tests.faults $(ARGS)

lock: .tools/bin/uv ## Renew the hashed requirement files from pyproject.toml
	.tools/bin/uv pip compile -q --upgrade --generate-hashes --no-annotate --no-header --python-version 3.11 \
	  --override requirements/overrides.txt pyproject.toml -o requirements/default.txt
	.tools/bin/uv pip compile -q --generate-hashes --no-annotate --no-header --python-version 3.11 \
	  --override requirements/overrides.txt -c requirements/default.txt pyproject.toml --group dev \
	  -o requirements/dev.txt

# The environment is brought in line with a lock once; a stamp says which lock it holds.
.tools/bin/uv: requirements/tools.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Understudy needs Python 3.11 or newer.")'
	@$(PYTHON) -m venv .tools
	@.tools/bin/pip install -q --require-hashes -r requirements/tools.txt
	@touch $@

define install
	@test -x $(BIN)/python || .tools/bin/uv venv -q --python "$$($(PYTHON) -c 'import sys; print(sys.executable)')" .venv
	@echo "Installing $(1) ..."
	@.tools/bin/uv pip sync -q --link-mode=copy --compile-bytecode --python $(BIN)/python $(1)
endef

# Development installs everything the product needs too, so `make up` after `make test` has nothing to do.
.venv/default: requirements/default.txt | .tools/bin/uv
	@if test -e .venv/dev -a ! .venv/dev -ot requirements/default.txt; then :; else $(MAKE) -s .venv/default-now; fi
	@touch $@

.venv/default-now:
	$(call install,requirements/default.txt)
	@rm -f .venv/dev

.venv/dev: requirements/dev.txt | .tools/bin/uv
	$(call install,requirements/dev.txt)
	@touch .venv/default $@

.PHONY: help up demo test check bench bench-faults lock .venv/default-now
