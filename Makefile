# Two commands: `make demo` and `make test`. Both set up what they need in .venv, once.
.DEFAULT_GOAL := help
.PHONY: help demo test check laws bench peers soak crash calibrate test-slow clean

VENV := .venv
BIN := $(VENV)/bin
DEMO := washout-demo

help: ## Show this help
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

demo: $(VENV)/.ready ## Set up, then chart and quicktake of the bundled record
	$(BIN)/washout demo --out $(DEMO)

test: $(VENV)/.ready-dev check ## Set up, then run every check and test
	$(BIN)/python -m pytest -n 2 --dist loadscope

check: $(VENV)/.ready-dev ## Lint, format, types, layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test-slow: $(VENV)/.ready-dev ## The tests that take minutes
	$(BIN)/python -m pytest -m slow -n 2 --dist worksteal -p no:randomly

bench: $(VENV)/.ready-dev ## Measure against peers and limits (minutes, 5 GB of disk)
	$(BIN)/python bench/startup.py
	$(BIN)/python bench/bootstrap.py
	$(BIN)/python bench/import_trades.py
	$(BIN)/python bench/query_events.py
	$(BIN)/python bench/waves.py
	$(BIN)/python bench/live.py

peers: $(VENV)/.ready-dev ## Other libraries in environments of their own: who agrees, who is faster
	sh tools/peers.sh bench/peers
	$(BIN)/python bench/peers_agree.py
	$(BIN)/python bench/decode_frames.py

soak: $(VENV)/.ready-dev ## Record a day of market with faults at 20 times its speed (72 minutes)
	$(BIN)/python bench/soak.py

crash: $(VENV)/.ready-dev ## Kill the recorder 200 times (20 minutes)
	$(BIN)/python bench/crash.py

calibrate: $(VENV)/.ready-dev ## How often tests of claims are wrong on known truths (an hour)
	OPENBLAS_NUM_THREADS=1 $(BIN)/python bench/calibration.py --markdown bench/CALIBRATION.md
	OPENBLAS_NUM_THREADS=1 $(BIN)/python bench/censoring.py --markdown bench/CENSORING.md

$(VENV)/.ready: pyproject.toml constraints.txt
	sh tools/setup.sh $(VENV) .
	touch $@

$(VENV)/.ready-dev: pyproject.toml constraints.txt
	sh tools/setup.sh $(VENV) '.[dev]'
	touch $(VENV)/.ready $@

clean: ## Remove what make made
	rm -rf $(VENV) $(DEMO) .pytest_cache .mypy_cache .ruff_cache
