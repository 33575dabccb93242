# `make demo` and `make test` need python 3.11 or newer, and a package index that pip knows; nothing else.
PYTHON ?= python3
VENV   ?= .venv
JOBS   ?= 2

BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet --constraint constraints.txt

# One thread a process: tests run side by side.
export OMP_NUM_THREADS ?= 1

.PHONY: demo test test-long test-browser fuzz lint proof bench bench-search clean

demo: $(VENV)/.package
	cd / && "$(abspath $(BIN))/blockdsl" compile alexnet.arch
	$(BIN)/blockdsl train lenet5 --data digits --epochs 12 --at-least 0.97 --out out/demo

test: $(VENV)/.test lint
	$(BIN)/python -m pytest -n $(JOBS) -m "not long and not browser"

test-long: $(VENV)/.test
	$(BIN)/python -m pytest -n $(JOBS) -m long

# A Debian without it: apt-get install chromium chromium-driver
test-browser: $(VENV)/.test
	$(BIN)/python -m pytest -m browser

# The property tests with new seeds for FUZZ_SECONDS; what repeats a failure is printed.
FUZZ_SECONDS ?= 300
fuzz: $(VENV)/.test
	$(BIN)/python tests/fuzz.py $(FUZZ_SECONDS) -n $(JOBS)

lint: $(VENV)/.test
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

# Writes docs/zoo_proof.md: every network of the zoo against an independent one.
proof: $(VENV)/.test
	$(BIN)/python -m pytest -n $(JOBS) tests/zoo/test_proof.py -k "not page" --proof-page

bench: $(VENV)/.test
	$(BIN)/python benchmarks/compile.py --write

# TABLE is nas-bench-macro_cifar10.json of github.com/xiusu/NAS-Bench-Macro; takes about an hour.
bench-search: $(VENV)/.test benchmarks/digits_table.json
	$(BIN)/python benchmarks/search.py $(TABLE) benchmarks/digits_table.json --out docs/benchmarks.md

# Every network of search/residual_stages.arch trained on the digits: an hour on one core.
benchmarks/digits_table.json: $(VENV)/.test
	$(BIN)/python benchmarks/digits_table.py $@

clean:
	rm -rf .venv out build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(VENV)/.package: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(PIP) --editable .
	touch $@

# The reference networks come without their dependencies: torch is there already.
$(VENV)/.test: $(VENV)/.package
	$(PIP) --editable '.[test]'
	$(PIP) --no-deps torchvision timm pytorchcv
	touch $@
