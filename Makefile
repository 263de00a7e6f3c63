# make demo: set up, train for a few minutes on the embedded chorales, write a MIDI file.
# make studio: set up, open the studio in the browser.
# make test: set up, run the whole test suite.
# All take another Python by name: make test PYTHON=python3.13

# The environment's own once there is one, else the first of these that runs.
PYTHON ?= $(shell for python in .venv/bin/python python3.11 python3.12 python3.13 python3; do \
  $$python -c '' 2>/dev/null && echo $$python && break; done)
version_of = $(shell $(1) -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null)
VERSION := $(call version_of,$(PYTHON))
# One environment for each Python: .venv is of the first, .venv-3.13 stands beside it.
VENV := $(if $(filter-out $(VERSION),$(call version_of,.venv/bin/python)),.venv-$(VERSION),.venv)
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
LOCK := requirements/$(VERSION).lock
TFDV_LOCK := requirements/$(VERSION)-tfdv.lock
PIP := $(BIN)/python -m pip --disable-pip-version-check
DEMO_EPOCHS ?= 10

.PHONY: demo studio test lint docs lock screenshots

demo: $(INSTALLED)
	$(BIN)/python train.py --model gru --epochs $(DEMO_EPOCHS)
	$(BIN)/python generate.py --temperature 1.0

studio: $(INSTALLED)
	$(BIN)/bach-tf studio

# A file's tests stay together, since they share what was made for the first of them, and files keep
# their order: by number of tests, the longest would come last. A worker takes up to 3 GB: never more
# than four. One that has ended on a test that hangs has no successor, which would hang on it, too.
test: $(INSTALLED)
	$(BIN)/python -m pytest -n auto --maxprocesses 4 --max-worker-restart 0 --dist loadfile \
	  --no-loadscope-reorder

lint: $(INSTALLED)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

# Pictures of the studio's page in build/screenshots, to be looked at after a change of it.
screenshots: $(INSTALLED)
	$(BIN)/python -m benchmarks.screenshots

# Tools of their own, so that the environments above stay light: mkdocs reads the docstrings from the
# source and imports nothing of ours.
DOCS := .venv-docs
docs: $(DOCS)/.installed
	$(DOCS)/bin/mkdocs build --strict

$(DOCS)/.installed: pyproject.toml
	$(PYTHON) -m venv $(DOCS)
	$(DOCS)/bin/python -m pip install --quiet 'pip>=25.1'  # the first that knows groups
	$(DOCS)/bin/python -m pip install --quiet --group docs
	@touch $@

# The locks hold every package, so pip has nothing to resolve: --no-deps.
$(INSTALLED): $(wildcard requirements/*.lock) setup.cfg pyproject.toml
	@test -f $(LOCK) || { \
	  echo "bach_tf needs Python 3.11, 3.12 or 3.13; name one: make PYTHON=/path/to/python3.12 ..."; \
	  exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --quiet --no-deps -r $(LOCK)
	@# TensorFlow Data Validation, where there are wheels of it for this system.
	@if $(BIN)/python -c 'import sys; from bach_tf.corpora.validation.measures import has_wheels; \
	    sys.exit(not has_wheels())'; then $(PIP) install --quiet --no-deps -r $(TFDV_LOCK); fi
	$(PIP) install --quiet --no-deps --no-build-isolation --editable .
	$(PIP) check
	@touch $@
	@echo "Set up $(VENV) with Python $(VERSION). To use it: . $(BIN)/activate"

# After a change of the dependencies: what is installed now becomes the locks of this Python. What
# is in the second one, which not every system can install, stays there.
lock:
	$(PIP) freeze --all --exclude pip --exclude-editable > $(LOCK).all
	awk -F== 'NR == FNR { tfdv[$$1]; next } { print > (($$1 in tfdv ? "$(TFDV_LOCK)" : "$(LOCK)") ".new") }' \
	  $(TFDV_LOCK) $(LOCK).all
	rm $(LOCK).all
	for lock in $(LOCK) $(TFDV_LOCK); do test ! -f $$lock.new || mv $$lock.new $$lock; done
