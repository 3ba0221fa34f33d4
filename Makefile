# Every task of a developer, each from a fresh clone: `make` lists them.
#
# The package is installed into .venv as users get it, not linked: the tests see what ships.
# Two stamps keep that quick: one for the dependencies, one for the package itself.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
.DELETE_ON_ERROR:
# Two stamps written at once by parallel jobs would install into one .venv twice.
.NOTPARALLEL:

# A shim may stand on the path without a Python behind it, so each candidate must start.
PYTHON ?= $(shell for name in python3.11 python3 python; do \
	"$$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& echo "$$name" && break; done)

# pip speaks of errors only; a caller's own mirror settings are left alone, since the
# hashes of the locked files decide what may be installed.
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_NO_INPUT := 1
export PIP_ROOT_USER_ACTION := ignore
VENV := .venv/bin/python
PIP := $(VENV) -m pip -qq

# PROFILE is a hypothesis profile of tests/conftest.py; JOBS processes run the tests.
PROFILE ?= default
JOBS ?= 2
ARGS ?=
HISTORIES ?= 1000000
SEED ?= 0
EVENTS ?= 100000
# The tables of sessions reach to the end of the next year.
UNTIL ?= $(shell expr `date +%Y` + 1)
PYTEST := $(VENV) -m pytest --hypothesis-profile=$(PROFILE)
TESTS := $(PYTEST) -p no:benchmark -n $(JOBS) --dist worksteal

# Folders too: their time changes when a file goes away.
SOURCES := $(shell find engine rules -name __pycache__ -prune -o -print 2>/dev/null | sed 's/ /\\ /g')

.PHONY: help demo test test-all long recorded coverage fuzz histories solvers bench load soak million sessions lookalikes zones venues manual schemas calls docs lint format format-check types public-types layers check wheel image pythons sbom audit lock clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-13s %s\n", $$1, $$2}' Makefile

demo: .venv/installed ## set everything up and show the checker at work
	@.venv/bin/repurchase demo

test: .venv/installed ## set everything up and run the tests (ARGS="-k word", JOBS=0, PROFILE=ci)
	@$(TESTS) -m "not slow" $(ARGS)

test-all: .venv/installed ## those, and the slow ones: long proofs, mutation, crashes, breaks on purpose
	@$(TESTS) -m "not long" $(ARGS)

long: .venv/installed ## the longest ones, every hostile file among them (a quarter of an hour)
	@HOSTILE=1000 $(TESTS) -m "long or hostile" $(ARGS)

recorded: .venv/installed ## whether decisions are those recorded (ARGS=--write records them anew)
	@PYTHONPATH=tests/benchmarks $(VENV) tests/recorded.py $(ARGS)

coverage: .venv/installed ## the tests once more, listing lines and branches that none of them reach
	@$(VENV) -m coverage run -m pytest --hypothesis-profile=$(PROFILE) -p no:benchmark $(ARGS)
	@$(VENV) -m coverage report

fuzz: .venv/installed ## the property tests with very many examples (hours; stop it when you like)
	@$(VENV) -m pytest --hypothesis-profile=fuzz -p no:benchmark -m hypothesis -n $(JOBS) $(ARGS)

histories: .venv/installed ## random histories over several editions (HISTORIES=1000000, SEED=0)
	@PYTHONPATH=tests $(VENV) tests/lives.py $(HISTORIES) $(SEED)

solvers: .venv/installed ## every obligation of 200 random rule files, put to z3 and to cvc5 (half an hour)
	@OBLIGATIONS=1000000 $(PYTEST) -q -p no:benchmark tests/test_smt.py -k random

bench: .venv/installed ## the measurements of tests/benchmarks
	@$(PYTEST) -q -s tests/benchmarks $(ARGS)

load: .venv/installed ## 100,000 events over 64 connections to services that are killed (EVENTS=100000)
	@EVENTS=$(EVENTS) $(PYTEST) -q -s -p no:benchmark tests/test_service_load.py $(ARGS)

soak: .venv/installed ## rate and memory of a replay of ten million rows (ten minutes, 4 GB of disk)
	@ROWS=10000000 $(PYTEST) -q -s tests/benchmarks/bench_replay.py $(ARGS)

million: .venv/installed ## a journal of a million events, and a million orders in memory (an hour)
	@ORDERS=1000000 $(PYTEST) -q -s tests/benchmarks/bench_memory.py $(ARGS)
	@EVENTS=1000000 $(PYTEST) -q -s tests/benchmarks/bench_million.py $(ARGS)

sessions: .venv/dependencies ## write the tables of sessions anew (UNTIL=2027), to be read as a diff
	@$(VENV) -m venv .venv/sessions
	@.venv/sessions/bin/pip install --quiet --requirement .ci/sessions.in
	@.venv/sessions/bin/python .ci/sessions.py $(UNTIL)

lookalikes: .venv/dependencies ## write the table of letters that look alike anew (.ci/lookalikes.in)
	@$(VENV) -m venv .venv/lookalikes
	@.venv/lookalikes/bin/pip install --quiet --requirement .ci/lookalikes.in
	@.venv/lookalikes/bin/python .ci/lookalikes.py

zones: .venv/dependencies ## write the table of time zones anew, from the release in .ci/dev.in
	@$(VENV) .ci/zones.py

venues: .venv/dependencies ## write the tables of venues and currencies anew (.ci/venues.in), to be read as a diff
	@$(VENV) -m venv .venv/venues
	@.venv/venues/bin/pip install --quiet --requirement .ci/venues.in
	@.venv/venues/bin/python .ci/venues.py

manual: .venv/installed ## write the tables of rules/README.md and docs/packs/ anew, from the program
	@$(VENV) .ci/manual.py
	@$(VENV) .ci/packs.py

schemas: .venv/installed ## write the JSON Schemas anew, from the program
	@$(VENV) .ci/schemas.py

calls: .venv/installed ## write the answers to the examples of the service's document anew
	@PYTHONPATH=tests $(VENV) tests/answers.py

docs: .venv/installed ## build the pages of docs/ into build/docs; a warning is an error
	@.ci/docs

lint: .venv/dependencies ## ruff's findings
	@$(VENV) -m ruff check

format: .venv/dependencies ## rewrite the files as ruff lays them out
	@$(VENV) -m ruff format
	@$(VENV) -m ruff check --select I --fix

format-check: .venv/dependencies ## whether `make format` would change a file
	@$(VENV) -m ruff format --check

types: .venv/dependencies ## mypy, strict, tests included
	@$(VENV) -m mypy

public-types: .venv/installed ## whether every public name has a complete type (pyright, half a minute)
	@.ci/public-types

layers: .venv/installed ## which module may import which (pyproject.toml)
	@.venv/bin/lint-imports --no-logo

check: lint format-check types layers ## all four of the above that change nothing

wheel: .venv/dependencies ## build the wheel, install it in an empty place elsewhere, run its demo
	@.ci/wheel

image: .venv/dependencies ## install what the Dockerfile holds, in an empty place, and start it as it does
	@.ci/image-check

pythons: .venv/installed ## try the wheel with each Python that is there: demo, fast tests (ARGS=3.13)
	@.ci/pythons $(ARGS)

sbom: .venv/dependencies ## list what an installation consists of, as CycloneDX, in build/sbom.json
	@.ci/sbom

audit: .venv/dependencies ## ask for known vulnerabilities of it; fails if nobody answers
	@.ci/audit

lock: .venv/dependencies ## pin again what pyproject.toml and .ci/*.in ask for (UPGRADE=1: newest)
	@.ci/lock $(if $(UPGRADE),--upgrade)

clean: ## remove everything that these tasks made
	@rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis \
		.benchmarks .coverage .coverage.* dist build

.venv/dependencies: .ci/locked-build.txt .ci/locked.txt .ci/hardening
	@.ci/dependencies "$(PYTHON)"
	@touch $@

.venv/installed: .venv/dependencies pyproject.toml README.md LICENSE docs/constraints.txt $(SOURCES)
	@echo "installing repurchase into .venv"
	@$(PIP) install --no-deps --no-build-isolation --no-index --force-reinstall .
	@touch $@
