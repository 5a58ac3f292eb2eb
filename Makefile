# `make demo` and `make test` are all a newcomer needs: Python 3.11 or newer, make and git.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/installed
CHROMIUM := /usr/bin/chromium

.PHONY: demo test check browser soak space train-gpu clean

demo: $(INSTALLED)            ## the app on http://127.0.0.1:7860
	GRADIO_ANALYTICS_ENABLED=False HF_HUB_DISABLE_TELEMETRY=1 $(BIN)/python app.py

# Three at a time, whatever the machine: many wait for a process. One thread each: more of them would wait for one another.
test: $(INSTALLED)            ## every test that needs no browser and installs nothing
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n 3 --dist worksteal -m "not browser and not space and not soak"

check: $(INSTALLED)           ## style
	$(BIN)/ruff check .

browser: $(INSTALLED) $(CHROMIUM)  ## the app in a real browser (installs Chromium: Debian, root)
	$(BIN)/python -m pytest -q -n 2 --dist worksteal -m browser

soak: $(INSTALLED)            ## what breaks rarely: many pictures, many kills; the report goes to docs/soak.json (Linux, root)
	SRGAN_HUB_SOAK=docs/soak.json $(BIN)/python -m pytest -q -m soak

space: $(INSTALLED)           ## the page in an environment of its own, as a Space installs it (two minutes, 6 GB for a while)
	$(BIN)/python -m pytest -q -m space

# A GPU that is lent for minutes: DATA, a folder of parquet shards; STATE, a fast disk of that machine, where an interrupted
# run goes on from; OUT gets weights and log with every checkpoint. Installs nothing: torch, torchvision, accelerate,
# safetensors and pyarrow must be there. OPTIONS are the trainer's.
TIME ?= 9m
STATE ?= /tmp/srgan_hub
OUT ?= runs/gpu
train-gpu:                    ## train on a lent GPU: make train-gpu DATA=shards OPTIONS="--variant srresnet-mse"
	$(PYTHON) train_accelerate.py --config configs/gpu.yaml --dataset $(DATA) --output_dir $(OUT) \
		--checkpoint_dir $(STATE)/checkpoints --cache_dir $(STATE)/cache --max_train_time $(TIME) $(OPTIONS)

$(INSTALLED): requirements.txt constraints.txt pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@

$(CHROMIUM):
	apt-get update -q
	apt-get install -q -y --no-install-recommends chromium fonts-dejavu-core

clean:
	rm -rf $(VENV) *.egg-info .hypothesis .pytest_cache .ruff_cache
