# Everything a checkout needs on a bare Debian 12 with Python 3.11 and make:
#   make demo    simulate one METEOR pass over Lai Châu, decode it, make the maps, show them
#   make test    the tests
# Each target does its own set-up; `make help` lists them.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
BUILD := build/dev
STAMP := $(VENV)/.stamp
SOURCES := $(wildcard decoders/*.h decoders/*/*.cpp decoders/*/*.h sim/*.cpp sim/*.h sim/*/*.cpp sim/*/*.h sdr/*.cpp sdr/*.h)
TEST_SOURCES := $(wildcard tests/*.cpp tests/*/*.cpp tests/*/*.c)
# Tests at a time: many wait for a device, so fewer than two would idle.
WORKERS ?= $(shell n=$$(nproc); echo $$((n > 2 ? n : 2)))
# Tests start some hundred processes; each would compile what it imports where the environment forbids keeping it.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help setup kernels demo test test-slow bench lint format lock clean
help:
	@grep -E '^#   make' Makefile | cut -c5-
	@echo "make setup | test-slow | bench | lint | format | lock | clean"

setup: kernels

$(STAMP)-packages: setup.sh
	@bash setup.sh packages "$(PYTHON)"
	@mkdir -p $(VENV) && touch $@

$(STAMP)-venv: $(STAMP)-packages requirements.lock pyproject.toml
	@bash setup.sh venv "$(PYTHON)"
	@touch $@

$(STAMP)-kernels: $(STAMP)-venv CMakeLists.txt $(SOURCES)
	@bash setup.sh kernels $(BUILD)
	@touch $@

kernels: $(STAMP)-kernels

demo: kernels
	$(BIN)/tramthu demo $(ARGS)

test: kernels
	$(BIN)/pytest -n $(WORKERS) --dist worksteal $(ARGS)

# All of the longer proofs, or with SLICE=k/n every n-th of them, beginning with the k-th. One at a time, as
# some of them judge times.
test-slow: kernels
	TRAMTHU_SLICE=$(SLICE) $(BIN)/pytest -m slow --timeout 3600 $(ARGS)

bench: kernels
	$(BIN)/python -m tests.bench $(ARGS)

lint: kernels
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/clang-format --dry-run --Werror $(SOURCES) $(TEST_SOURCES)

format: kernels
	$(BIN)/ruff check --fix-only
	$(BIN)/ruff format
	$(BIN)/clang-format -i $(SOURCES) $(TEST_SOURCES)

# Pins every dependency for every supported Python; hashes guard against a changed archive.
lock:
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --no-header --group dev pyproject.toml -o requirements.lock

clean:
	rm -rf build $(VENV) demo .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
	find . -name '*.so' -not -path './$(VENV)/*' -delete
