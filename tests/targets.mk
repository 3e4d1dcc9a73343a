# What is made in contraflow's own repository only: tests, checks, documentation.

.PHONY: test test-data test-units test-agreement test-changes test-runs test-few-kills test-slow test-kills gpu lint lock docs

test: .venv/ready-test ## everything but the slow tests, as CI runs it, four parts at a time, the longest first: each waits now and then
	@$(MAKE) --no-print-directory --keep-going --jobs 4 --output-sync=target \
		test-runs test-units test-agreement test-changes test-few-kills test-data

PYTEST := $(BIN)/python -m pytest -m "not slow"

test-agreement: .venv/ready-test ## Snakemake and DVC through everything that a user does
	$(PYTEST) tests/workflow/test_agreement.py

test-changes: .venv/ready-test ## results that somebody changes while a run goes on
	$(PYTEST) tests/workflow/test_changes.py

test-runs: .venv/ready-test ## other whole runs: faults, a first day, every figure recomputed
	$(PYTEST) tests/workflow tests/recomputed $(foreach part,agreement changes kills,--ignore tests/workflow/test_$(part).py)

test-few-kills: .venv/ready-test ## runs killed at 20 moments
	$(PYTEST) tests/workflow/test_kills.py

test-data: .venv/ready-test ## reading images and making views: minutes
	$(PYTEST) tests/images tests/encoded tests/views

test-units: .venv/ready-test ## everything else: minutes
	$(PYTEST) --ignore tests/workflow --ignore tests/recomputed --ignore tests/images --ignore tests/encoded --ignore tests/views

test-slow: .venv/ready-test
	$(BIN)/python -m pytest -m slow

test-kills: .venv/ready-test ## runs killed at 200 moments instead of 20; SEED=1 for others
	CONTRAFLOW_KILLS=200 CONTRAFLOW_KILL_SEED=$(or $(SEED),0) $(BIN)/python -m pytest tests/workflow/test_kills.py

ifneq ($(wildcard /dev/nvidia[0-9]* /dev/dxg),)
gpu: .venv/ready-test ## where there is an NVIDIA card: the tests that need one, then benchmarks/gpu; ten minutes
	$(BIN)/python -m pytest -m gpu
	$(BIN)/python -m benchmarks.gpu
else
gpu:
	@echo "make gpu: there is no NVIDIA card here, and so nothing to do"
endif

lint: .venv/ready-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile workflow
	$(BIN)/lint-imports
	$(BIN)/python workflow/sync.py

docs: .venv/ready ## these pages as a site, which opens from the disk
	@$(BIN)/python -m sphinx -q -W --keep-going -c docs . docs/site
	@echo "The documentation begins at $(CURDIR)/docs/site/docs/index.html"

lock: ## resolve the dependencies of pyproject.toml anew (needs uv)
	uv pip compile --quiet --universal --generate-hashes --extra dev --extra docs --extra onnx --extra ssh --no-header --python-version 3.11 pyproject.toml -o requirements.lock

.venv/ready-test: $(SETUP)
	@./setup.sh test
