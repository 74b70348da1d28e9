# `make demo` and `make test` do all the set-up; both stand on `make install`.
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
DEMO ?= demo-project
DATA ?= ../shared/data

.PHONY: help install models demo test lint style types pytest bench-retrieval bench-training bench-search bench-start bench-review bench-reviewing bench-keys bench-rounds bench-s3 bench-s3-transfer bench-s3-transfer-quick bench-novelty bench-tuning bench-generation gpu-checks clean

help: ## Say what can be made
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 20

install: $(VENV)/.installed ## Install everything into .venv

$(VENV)/.installed: pyproject.toml .ci/constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed; name one with: make PYTHON=python3.12"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing into $(VENV) (a few minutes the first time) …"
	@# torch first and alone: the pinned line must not be widened by another package's range.
	@$(PIP) install -c .ci/constraints.txt torch==2.13.0
	@$(PIP) install -c .ci/constraints.txt -e '.[embedded,sft,documents,improve,serve,dev]'
	@touch $@

models: install ## Fetch the small embedded models (about 210 MB, once)
	@$(BIN)/studio models pull smollm2-135m
	@$(BIN)/studio models pull minilm-l6
	@$(BIN)/studio models pull wordllama-256

demo: models ## Run the main job on a sample corpus with the embedded models
	@$(BIN)/studio demo $(DEMO)

lint: style types ## Style, types, layers

style: install
	@$(BIN)/ruff check studio tests
	@$(BIN)/ruff format --check studio tests
	@$(BIN)/lint-imports

types: install
	@$(BIN)/mypy

test: style models ## All checks and tests
	@# mypy has one thread: the tests need not wait for it.
	@$(MAKE) --no-print-directory -j 2 types pytest

pytest: install
	@# Tests of screens and of processes wait more than they work: six at a time keep two cores
	@# busy. Each has one torch thread: spinning ones would starve one another.
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 6 --dist worksteal

# What benchmarks make and delete is no project that somebody opened.
bench-% gpu-checks: export STUDIO_STATE := $(CURDIR)/$(VENV)/bench-state

bench-retrieval: models ## The whole path on real data sets
	@$(BIN)/python tests/benchmarks/retrieval.py $(DATA)/retrieval/cranfield

bench-training: models ## Training speed beside a bare sentence-transformers script
	@$(BIN)/python tests/benchmarks/training_speed.py

bench-generation: install ## Requests a second of the whole path beside a bare aiohttp loop
	@$(BIN)/python -m tests.benchmarks.generation_speed

bench-search: install ## Exact search and round trip over a million embeddings
	@$(BIN)/python tests/benchmarks/search_scale.py

bench-start: install ## Time to first paint beside a minimal Textual app
	@$(BIN)/python tests/benchmarks/first_paint.py

bench-keys: install ## How fast keys answer under load, bytes to the terminal, idle processor
	@$(BIN)/python -m tests.benchmarks.keys

bench-review: install ## Review over a million records: open, search, decide, undo
	@$(BIN)/python tests/benchmarks/review_scale.py

bench-reviewing: install ## 1,000 decisions by a script of keys on 100,000 records
	@$(BIN)/python tests/benchmarks/reviewing_speed.py

bench-rounds: install ## Rounds opens on 50,000 errors; scoring and gap of 50,000 rows, and their memory
	@$(BIN)/python -m tests.benchmarks.rounds_scale
	@$(BIN)/python -m tests.benchmarks.scoring_scale

bench-s3: models ## S3 against ZeroGen, GoldGen and ProGen in a simulation where the right answer is known
	@$(BIN)/python -m tests.benchmarks.s3_simulation

bench-s3-transfer: models ## Error extrapolations on another data set's seed: real data, fine-tuned, an hour
	@$(BIN)/python -m tests.benchmarks.s3_transfer $(DATA)

bench-s3-transfer-quick: models ## The same with a linear head, within ten minutes
	@$(BIN)/python -m tests.benchmarks.s3_transfer $(DATA) --quick

bench-novelty: install ## Novelty of 52,002 instructions beside the published scorer
	@$(BIN)/python -m tests.benchmarks.novelty $(DATA)/instructions/alpaca_en

bench-tuning: models ## Rows chosen by IFD against random ones: a small LLM tuned on each (OPTIONS="--rows 2000 …")
	@$(BIN)/python -m tests.benchmarks.instruction_tuning $(DATA)/instructions $(OPTIONS)

gpu-checks: models ## What only a GPU shows: training, search, too little memory, S3 (under eight minutes)
	@$(BIN)/python -m tests.benchmarks.gpu_checks

clean: ## Remove the environment and the demo project
	rm -rf $(VENV) $(DEMO)
