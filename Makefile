# make demo: the main job on embedded digits, results/demo/index.html.   make test: lint, types, arrows and tests.
# make check: the same without the slow tests, within a minute once mypy has its cache.
PYTHON ?= python3
ENVIRONMENT = OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1 TF_NUM_INTRAOP_THREADS=1 TF_NUM_INTEROP_THREADS=1

.PHONY: demo test tests check lint clean
.DELETE_ON_ERROR:

demo: .venv/installed
	.venv/bin/python experiments/demo.py

test: .venv/installed
	$(MAKE) --no-print-directory --jobs=2 lint tests

tests:
	$(ENVIRONMENT) .venv/bin/python -m pytest -n 2 --dist loadgroup

check: lint
	$(ENVIRONMENT) .venv/bin/python -m pytest -n 2 -m "not slow"

lint: .venv/installed
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/lint-imports

.venv/installed: requirements.txt pyproject.toml
	test -x .venv/bin/python || $(PYTHON) -m venv .venv
	.venv/bin/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	touch $@

clean:
	rm -rf .venv .*_cache *.egg-info
