# make demo: set up, train for a few minutes on the embedded chorales, write a MIDI file.
# make test: set up, run the whole test suite.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
DEMO_EPOCHS ?= 10

.PHONY: demo test lint lock

demo: $(INSTALLED)
	$(BIN)/python train.py --model gru --epochs $(DEMO_EPOCHS)
	$(BIN)/python generate.py --temperature 1.0

test: $(INSTALLED)
	$(BIN)/python -m pytest

lint: $(INSTALLED)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

# The lock holds every package, so pip has nothing to resolve: --no-deps.
$(INSTALLED): requirements.lock setup.cfg pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || { \
	  echo "bach_tf needs Python 3.11; name it with: make PYTHON=/path/to/python3.11 ..."; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps \
	  --no-build-isolation --editable .
	$(BIN)/python -m pip check
	@touch $@

# After a change of the dependencies: what is installed now becomes the lock.
lock:
	$(BIN)/python -m pip freeze --all --exclude pip --exclude-editable > requirements.lock
