# Modelyard's commands. `make help` lists them; each can be called on a fresh clone.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON ?= python3
# The project's own environment, and those of the clients that the tests run as a user has them.
PY := .venv/bin/python
CLIENTS := boto3 awscli sagemaker2 sagemaker3
# pytest workers. Stories mostly wait for a client's 30-second polls, so twice as many as cores.
WORKERS ?= 4
# More arguments for pytest: make test ARGS="-k approval"
ARGS ?=

# uv is taken as it is found; where there is none it goes into a small environment of its own.
UV := $(shell command -v uv 2>/dev/null || echo .cache/uv/bin/uv)
export UV_PYTHON_DOWNLOADS := never
# Empty is unset: where it is set, every start of a server compiles 350 modules, half a second each.
export PYTHONDONTWRITEBYTECODE :=
COMPILE = $(UV) pip compile -q --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --custom-compile-command "make lock" $(if $(UPGRADE),--upgrade)

# Before anything is made, so that a second try with another Python starts afresh.
TOO_OLD = import sys; sys.exit(sys.version_info < (3, 11) and "setup: Python 3.11 or newer is \
	needed, $(PYTHON) is " + sys.version.split()[0] + "; name one with make PYTHON=...")
CHECK_PYTHON = command -v "$(PYTHON)" >/dev/null || { echo "setup: there is no $(PYTHON); name a \
	Python of 3.11 or newer with make PYTHON=..." >&2; exit 1; }; "$(PYTHON)" -c '$(TOO_OLD)'

.PHONY: help setup setup-clients system test check format golden bench demo lock clean

help: ## List the targets
	@echo "Modelyard. First: make demo (see it work), make test (prove it)."
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) \
		| awk -F':.*## ' '{ printf "  make %-15s %s\n", $$1, $$2 }'

setup: .venv/.ready ## Make .venv with the program and its tools (1 minute; nothing when up to date)

.venv/.ready: requirements/dev.txt pyproject.toml | $(UV)
	@echo "setup: making .venv from requirements/dev.txt (about 150 MB to fetch, 1 minute)"
	@$(PY) -c '$(TOO_OLD)' 2>/dev/null || { $(CHECK_PYTHON) && rm -rf .venv && \
		$(UV) venv -q --python "$(PYTHON)" .venv; }
	@$(UV) pip sync -q --require-hashes -p $(PY) requirements/dev.txt
	@$(UV) pip install -q --no-deps --no-build-isolation -p $(PY) -e .
	@touch $@
	@echo "setup: done; .venv/bin/modelyard is the program"

.cache/uv/bin/uv: requirements/uv.txt
	@$(CHECK_PYTHON)
	@echo "setup: uv is not here, putting it into .cache/uv (20 MB, seconds)"
	@PYTHON="$(PYTHON)" scripts/system-packages.sh venv
	@"$(PYTHON)" -m venv --clear .cache/uv
	@.cache/uv/bin/python -m pip install -q --require-hashes -r requirements/uv.txt
	@touch $@

setup-clients: $(CLIENTS:%=.envs/%/.ready) ## Make .envs/ with the outside clients for tests (2 minutes)

.envs/%/.ready: requirements/clients/%.txt | $(UV)
	@echo "setup-clients: making .envs/$* from $< (up to 450 MB on disk, half a minute)"
	@test -x .envs/$*/bin/python || $(UV) venv -q --python "$(PYTHON)" .envs/$*
	@$(UV) pip sync -q --require-hashes -p .envs/$*/bin/python $<
	@touch $@

system: ## Install the system packages that tests need, where this user may
	@scripts/system-packages.sh tests

test: setup system setup-clients ## Set everything up and run every test (about 18 minutes on 2 cores)
	@echo "test: every tier on $(WORKERS) workers; 'make test ARGS=\"-m \\\"not slow\\\"\"' is quicker"
	@$(PY) -m pytest -n $(WORKERS) --dist loadgroup --durations=25 $(ARGS)

check: setup ## Format, lint, types and import rules, as CI runs them (half a minute)
	@echo "check: format"
	@.venv/bin/ruff format --check --quiet --diff .
	@echo "check: lint"
	@.venv/bin/ruff check --quiet .
	@echo "check: types"
	@.venv/bin/mypy --no-error-summary
	@echo "check: imports"
	@.venv/bin/lint-imports --no-logo --cache-dir .cache/imports
	@echo "check: all good"

format: setup ## Rewrite the sources in the project's format, and mend what lint can
	@.venv/bin/ruff check --quiet --fix .
	@.venv/bin/ruff format --quiet .

golden: setup ## Rewrite what lists the program's surface: golden files, README and docs tables
	@$(PY) -m tests.golden.surfaces

bench: setup ## Measure speed and size, and write docs/benchmarks.md (about 10 minutes a round)
	@$(PY) -m bench $(ARGS)

demo: setup ## Register, approve, deploy, invoke, roll back, and leave the server running (ONCE=1: stop it; PORT=9100)
	@$(PY) -m modelyard quickstart --data demo-data $(if $(ONCE),--once) $(if $(PORT),--port $(PORT))

lock: | $(UV) ## Rewrite requirements/*.txt from pyproject.toml and *.in (UPGRADE=1: to the newest)
	@echo "lock: resolving (seconds)"
	@$(COMPILE) pyproject.toml --all-extras --group dev -o requirements/dev.txt
	@$(COMPILE) pyproject.toml --all-extras -c requirements/dev.txt -o requirements/runtime.txt
	@$(COMPILE) requirements/uv.in -o requirements/uv.txt
	@for client in $(CLIENTS); do \
		$(COMPILE) requirements/clients/$$client.in -o requirements/clients/$$client.txt; \
	done

clean: ## Remove everything that the other targets made
	rm -rf .venv .envs .cache .ruff_cache .mypy_cache .pytest_cache .hypothesis \
		.import_linter_cache build dist demo-data
