# The set-up commands. Everything else is `snakemake` and `mmv2`; see README.md.
PYTHON ?= python3
VENV ?= .venv
READY := $(VENV)/.installed

.PHONY: install reproduce test keep container
.DELETE_ON_ERROR:

install: $(READY)  ## install the pinned packages into .venv

reproduce: $(READY)  ## install the pinned packages, then build the default suite end to end
	$(VENV)/bin/snakemake --cores all

test: $(READY)  ## install what is missing, then run the linters, the type checker and the tests
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/snakefmt --check Snakefile workflow
	$(VENV)/bin/mypy
	$(VENV)/bin/pytest

$(READY): requirements.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --requirement requirements.lock
	$(VENV)/bin/pip install --quiet --no-deps --editable .
	touch $@

SUITE ?= laptop
keep: $(READY)  ## copy the small results of a finished suite to results/measured, for the repository
	$(VENV)/bin/python -m mmv2.keep $(SUITE)

container: workflow/container.sif  ## the image for `snakemake --software-deployment-method apptainer`
workflow/container.sif: workflow/container.def requirements.lock
	apptainer build $@ workflow/container.def
