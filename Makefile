# Each target sets up what it needs, once: see setup.sh.
BIN := .venv/bin
SETUP := requirements.lock pyproject.toml setup.sh $(if $(shell readlink .venv),linked)

.PHONY: run linked

run: .venv/ready ## the whole workflow, with all that this machine has
	@$(BIN)/snakemake
	@echo "The report is in $(CURDIR)/results/report.html"

.venv/ready: $(SETUP)
	@./setup.sh

# A linked .venv is another repository's (`contraflow new`): whether it still has what is locked here is asked each time.
linked:

-include tests/targets.mk
