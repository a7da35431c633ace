# Everything a developer does; CI calls the same targets.
VENV := .venv
PYTHON ?= python3
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# One thread per process: the tests run one process per core.
export OMP_NUM_THREADS := 1

.PHONY: setup demo test lint types bench docs docs-table check clean

setup: $(STAMP)

# The oracles of the tests, the linters and the documentation come from the dependency groups of
# pyproject.toml; constraints.txt keeps the CPU build of torch.
$(STAMP): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[all]' \
		--group test --group lint --group types --group docs
	touch $@

demo: setup
	$(BIN)/cryopick demo --out demo --overwrite

test: setup
	$(BIN)/python -m pytest --numprocesses 2 --dist worksteal

lint: setup
	$(BIN)/ruff check src tests benchmarks docs
	$(BIN)/ruff format --check src tests benchmarks docs
	$(BIN)/lint-imports

types: setup
	$(BIN)/pyright

docs: setup
	$(BIN)/sphinx-build --fail-on-warning --keep-going --quiet docs docs/_build/html

# The table of dialects is measured; the test writes it when asked to.
docs-table: setup
	CRYOPICK_WRITE_TABLE=1 $(BIN)/python -m pytest -q tests/io/picks/test_dialect_table.py

bench: setup
	for script in benchmarks/*.py; do echo "== $$script"; $(BIN)/python $$script || exit 1; done

check: lint types test docs

clean:
	rm -rf $(VENV) demo docs/_build
