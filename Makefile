# The commands of the course. `make` alone lists them. Works with GNU make 3.81 and newer.
.DEFAULT_GOAL := help
.PHONY: help setup course test lab notebooks bench browser explorer mutants badges lock clean

PY := $(if $(filter Windows_NT,$(OS)),.venv/Scripts/python.exe,.venv/bin/python)
# Small models on a shared machine: one thread each, unless the caller says otherwise. And
# glibc keeps freed memory: otherwise each step of TensorFlow on a CPU fetches it anew.
MEMORY := MALLOC_ARENA_MAX=1 MALLOC_TRIM_THRESHOLD_=1000000000 MALLOC_MMAP_THRESHOLD_=33554432
ECONOMY := $(MEMORY) OMP_NUM_THREADS=$${OMP_NUM_THREADS:-1} MKL_NUM_THREADS=$${MKL_NUM_THREADS:-$${OMP_NUM_THREADS:-1}} OPENBLAS_NUM_THREADS=$${OPENBLAS_NUM_THREADS:-$${OMP_NUM_THREADS:-1}}
NBVAL := --nbval-lax --nbval-current-env --nbval-cell-timeout=300 --nbval-kernel-startup-timeout=120 -p no:python --dist loadscope
# The whole folder, so that ../docs and ../data open too. The first folder of JUPYTER_PATH
# is where a kernel named python3 is looked for first: .venv has its own.
LAB := JUPYTER_PATH="$(CURDIR)/.venv/share/jupyter$${JUPYTER_PATH:+:$$JUPYTER_PATH}" $(PY) -m jupyterlab --ServerApp.root_dir=. --LabApp.default_url=/lab/tree/notebooks/00_start_here.ipynb
WORKERS ?= 2
ARGS ?=

help: ## list the commands
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/make \1|\2/p' Makefile | awk -F'|' '{ printf "%-16s %s\n", $$1, $$2 }'

setup: ## make .venv, or bring it up to date (PYTHON=..., TORCH_INDEX=...)
	@sh course_tools/setup.sh $(if $(filter setup,$(MAKECMDGOALS)),--say)

course: setup ## run all notebooks on bundled data (ARGS="04 --profile full" for others)
	@echo "course: running the notebooks; executed copies and HTML go to build/"
	@$(ECONOMY) $(PY) -m course_tools run $(ARGS)

test: tests setup ## unit tests, structure of the notebooks, then every notebook cell by cell
	@echo "test: units, exercises and the structure of the notebooks"
	@$(ECONOMY) $(PY) -m pytest -q -n $(WORKERS) --dist worksteal --ignore tests/notebooks/test_solved_lessons.py tests
	@echo "test: all notebooks, stored outputs compared with fresh ones"
	@$(ECONOMY) COURSE_PROFILE=reduced HF_HUB_OFFLINE=1 $(PY) -m pytest -q -n $(WORKERS) $(NBVAL) notebooks

lab: setup ## open the course in JupyterLab (ARGS=--allow-root in a container)
	@test -w "$${HOME:-.}" -o -w "$${HOME:-.}/.local" || { echo "lab: JupyterLab keeps files in your home, and $$HOME cannot be written; name another folder: HOME=/path/to/it make lab" >&2; exit 1; }
	@echo "lab: opening notebooks/00_start_here.ipynb in JupyterLab (Ctrl-C twice ends it)"
	@$(LAB) $(ARGS)

notebooks: setup ## run all notebooks and store their outputs in notebooks/
	@echo "notebooks: running them in profile reduced, then storing their outputs"
	@$(ECONOMY) $(PY) -m course_tools.store_outputs

bench: setup ## measure the course's model against others, as a table of ratios
	@echo "bench: measuring; leave the machine alone meanwhile"
	@$(PY) benchmarks/bench.py $(ARGS)

browser: tests setup build/playwright ## run lessons in JupyterLab with a real browser (ARGS="09 11" for others)
	@echo "browser: running lessons in JupyterLab; pictures of it go to build/browser/"
	@$(ECONOMY) $(PY) tests/browser/drive.py $(ARGS)

explorer: tests setup build/playwright ## use the explorer's page in a real browser, without network
	@echo "explorer: reading, drawing, pressing keys; pictures of it go to build/explorer/"
	@$(ECONOMY) PYTHONPATH=tests $(PY) -W ignore tests/browser/explorer.py

build/playwright:
	@$(PY) -m pip install --quiet --target build/playwright "playwright>=1.55,<2"

mutants: tests setup ## change every solution in small ways; its check must refuse each (ARGS="04")
	@echo "mutants: handing changed solutions to their checks; this takes minutes"
	@$(ECONOMY) $(PY) tests/exercises/mutants.py $(ARGS)

# Commands that need the tests end here, before setup, where they are missing.
tests:
	@echo "make: this is a copy for a class, without $@/; use a clone of the course" >&2; exit 1

badges: setup ## write the address of the repository everywhere (REPO=owner/name)
	@$(PY) -m course_tools.set_address "$(REPO)"

lock: setup ## resolve requirements.lock anew, with the newest versions that fit
	@echo "lock: resolving for Python 3.11 to 3.13 on Linux, macOS and Windows"
	@$(PY) -m pip install --quiet uv
	@mkdir -p build
	@sed -n '/^#/p' requirements.lock > build/lock.tmp
	@$(PY) -m uv pip compile pyproject.toml --all-extras --universal --python-version 3.11 --fork-strategy fewest --upgrade --no-header --no-annotate --quiet >> build/lock.tmp || { rm -f build/lock.tmp; exit 1; }
	@mv build/lock.tmp requirements.lock

clean: ## delete build/ and caches; .venv and your progress stay
	@echo "clean: deleting build/ and caches; .venv and your progress stay"
	@rm -rf build .pytest_cache .ruff_cache vit_course.egg-info notebooks/.ipynb_checkpoints
	@find . -name __pycache__ -type d -not -path './.venv/*' -prune -exec rm -rf {} +
