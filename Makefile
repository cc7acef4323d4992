# Building, running and testing need Go, git and make alone. Generating and
# verifying also need npm and sha256sum, and a network the first time.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

MODULES   := proto services gateway deploy
CACHE     := $(CURDIR)/.cache
BIN       := $(CACHE)/bin
TOOLS     := $(addprefix $(BIN)/,$(notdir $(wildcard proto/tools/*)))
PROTOS    := proto/.deps/.stamp
TESTFLAGS ?=
VERSION    = $(shell git describe --always --dirty --tags 2>/dev/null || echo unknown)
HAS_CGO    = $(filter 1,$(shell go env CGO_ENABLED))

# Where the third-party proto files come from; deps.sha256 says which and what.
GOOGLE_PROTOS := google-proto-files@5.0.3
BUF_VALIDATE  := github.com/bufbuild/protovalidate@v1.2.2

MAINS := $(sort $(dir $(wildcard deploy/coso/main.go services/*/cmd/*/main.go gateway/cmd/*/main.go)))

# Runs one command in every module as if the others were not beside it.
each_module = st=0; for m in $(MODULES); do (cd $$m && GOWORK=off $(1)) || st=1; done; exit $$st

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z-]+:.*## / {printf "  %-18s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

##@ build and run (Go, git and make)

.PHONY: build
build: ## Build every binary into bin/
	CGO_ENABLED=0 go build -trimpath -ldflags "-X main.version=$(VERSION)" -o bin/ $(addprefix ./,$(MAINS))

.PHONY: run
run: build ## Start everything in one process and load the demo
	bin/coso up --demo hanoi-2020

.PHONY: demo
demo: build ## Run the whole job in a temporary folder and check its figures
	bin/coso demo hanoi-2020

# What deploy/e2e builds and does not import; it reads the sum, so that go test keeps no result of other commands.
export E2E_COMMANDS := $(shell cat services/*/cmd/*/*.go gateway/cmd/*/*.go services/platform/run/daemon/*.go deploy/nats/conf.go | cksum)

.PHONY: test
test: ## Test all modules, and the platform under the race detector
	go test $(TESTFLAGS) $(addprefix ./,$(addsuffix /...,$(MODULES)))
	$(if $(HAS_CGO),go test -race $(TESTFLAGS) ./services/platform/...,@echo "race detector left out: it needs a C compiler")

# Tests that need root, mounts, strace and Chromium, and the long run of kill -9. A skipped test is a failure. Pictures of
# the pages stay in .cache/screenshots.
.PHONY: test-system
test-system: ## Test what needs root or time: held and failing syncs, full disks, 200 times kill -9, NATS away for a minute, the pages in Chromium
	@command -v strace >/dev/null || { apt-get update -qq && apt-get install -y -qq strace; }
	@command -v chromium >/dev/null || { apt-get update -qq && apt-get install -y -qq chromium; }
	@mkdir -p $(CACHE)
	COSO_TEST_KILLS=200 go test -count=1 -timeout 20m -tags system -run 'Sync|FullDisk|Kill9|AwayForAMinute|ForLong|InChromium' -v ./services/platform/store ./services/platform/feed ./services/platform/replica/copying ./deploy/e2e | tee $(CACHE)/test-system.log
	@! grep -q -- '--- SKIP' $(CACHE)/test-system.log

FAULTS := $(CACHE)/faults

# Needs root (namespaces, mounts, loop devices), iproute2, util-linux and e2fsprogs; a missing privilege is a failure. Two builds of
# the replica with different versions stand for an upgrade. SHORT=1: at most 5 minutes. FAULTFLAGS: e.g. --nemesis part --seed 7.
.PHONY: faults
faults: ## Harm a registry in three replicas in every way, and check that nothing promised is broken
	@mkdir -p $(FAULTS)
	go test -count=1 -tags system ./deploy/faults/...
	cd deploy && go build -o $(FAULTS)/ ./faults ./coso github.com/nats-io/nats-server/v2
	go build -ldflags "-X main.version=one" -o $(FAULTS)/replica-one ./deploy/faults/replica
	go build -ldflags "-X main.version=two" -o $(FAULTS)/replica-two ./deploy/faults/replica
	$(FAULTS)/faults --bin $(FAULTS) --logs $(FAULTS)/runs $(if $(SHORT),--short) $(FAULTFLAGS)

FUZZTIME ?= 20s

.PHONY: fuzz
fuzz: ## Fuzz every decoder for FUZZTIME each
	@grep -rlE '^func Fuzz' --include='*_test.go' $(MODULES) | while read -r file; do \
		for target in $$(sed -n 's/^func \(Fuzz[A-Za-z0-9]*\)(.*/\1/p' "$$file"); do \
			echo "== $$target in $$(dirname "$$file")"; \
			go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) "./$$(dirname "$$file")"; \
		done; \
	done

BENCH := $(CACHE)/bench

.PHONY: bench
bench: ## Measure against the plainest thing that does the same work; replicas and copies on processes of their own
	@mkdir -p $(BENCH)
	cd deploy && go build -o $(BENCH)/ ./coso github.com/nats-io/nats-server/v2
	go build -o $(BENCH)/ ./services/registry/cmd/registryd ./gateway/cmd/gatewayd
	go run ./deploy/bench --bin $(BENCH)
	go test -run '^$$' -bench DigestOfARow ./services/platform/store
	go test -run '^$$' -bench DigestOfCommits -benchtime 51x ./services/platform/store
	go run ./services/planning/bench
	go run ./services/registry/bench

.PHONY: clean
clean: ## Remove everything that make has built or fetched
	rm -rf bin .cache proto/.deps

##@ contract

.PHONY: tools
tools: $(TOOLS) ## Build the pinned tool chain

# One module per tool, so that no tool decides the version of another's
# dependencies, nor of the product's.
$(BIN)/%: proto/tools/%/go.mod proto/tools/%/go.sum
	cd proto/tools/$* && GOWORK=off go build -o $@ tool

.PHONY: protos
protos: $(PROTOS) ## Fetch and check the third-party proto files

$(PROTOS): proto/deps.sha256
	rm -rf proto/.deps $(CACHE)/deps
	mkdir -p proto/.deps $(CACHE)/deps
	cd $(CACHE)/deps && npm pack --silent $(GOOGLE_PROTOS) && tar -xzf *.tgz --strip-components=1
	validate=$$(cd $(CACHE)/deps && GOWORK=off go mod download -json $(BUF_VALIDATE) | sed -n 's/.*"Dir": "\(.*\)".*/\1/p'); \
		cp -R "$$validate/proto/protovalidate/buf" $(CACHE)/deps/
	cd $(CACHE)/deps && sha256sum --check --quiet $(CURDIR)/proto/deps.sha256
	tar -C $(CACHE)/deps -cf - $$(awk '{print $$2}' proto/deps.sha256) | tar -C proto/.deps -xf -
	chmod -R u+w $(CACHE)/deps && rm -rf $(CACHE)/deps
	touch $@

.PHONY: generate
generate: generated ## Write proto/gen from the proto files
	@if ! diff -qr $(CACHE)/gen/coso proto/gen/coso >/dev/null 2>&1; then \
		mkdir -p proto/gen; rm -rf proto/gen/coso; cp -R $(CACHE)/gen/coso proto/gen/coso; fi
	@cmp -s $(CACHE)/gen/openapi.json proto/gen/openapi.json || cp $(CACHE)/gen/openapi.json proto/gen/openapi.json

# Generates beside the committed code: `generate` copies it over, `verify` only compares.
.PHONY: generated
generated: $(filter-out %/golangci-lint,$(TOOLS)) $(PROTOS)
	@rm -rf $(CACHE)/gen $(CACHE)/openapi
	@cd proto && $(BIN)/buf generate --template buf.gen.yaml -o $(CACHE)/gen
	@cd proto && $(BIN)/buf generate --template buf.gen.openapi.yaml -o $(CACHE)/openapi
	@cd proto && $(BIN)/openapiv3-merge openapi/base.json $$(find $(CACHE)/openapi -name '*.openapi.json' | LC_ALL=C sort) | \
		GOWORK=off go run ./openapi > $(CACHE)/gen/openapi.json

##@ verify

.PHONY: format
format: $(BIN)/golangci-lint $(BIN)/buf $(PROTOS) ## Format the Go and proto files
	@$(call each_module,$(BIN)/golangci-lint fmt --config $(CURDIR)/.golangci.yaml ./...)
	@cd proto && $(BIN)/buf format --write --path coso

.PHONY: verify
verify: verify-generated verify-format verify-vet verify-lint verify-contract verify-tidy verify-standalone verify-packages ## Check everything a change must keep
	@echo "verify: all checks passed"

.PHONY: verify-generated
verify-generated: generated ## The generated code is up to date
	@echo "== generated code"
	@diff -r $(CACHE)/gen/coso proto/gen/coso && diff $(CACHE)/gen/openapi.json proto/gen/openapi.json || \
		{ echo "proto/gen is not what the proto files say: run make generate"; exit 1; }

.PHONY: verify-format
verify-format: ## Every Go file is formatted
	@echo "== gofmt"
	@out=$$(gofmt -l $(MODULES)); if [ -n "$$out" ]; then echo "not formatted:"; echo "$$out"; exit 1; fi

.PHONY: verify-vet
verify-vet: ## go vet, module by module
	@echo "== go vet"
	@$(call each_module,go vet ./...)

.PHONY: verify-lint
verify-lint: $(BIN)/golangci-lint ## golangci-lint, module by module
	@echo "== golangci-lint"
	@$(call each_module,$(BIN)/golangci-lint run --config $(CURDIR)/.golangci.yaml ./...)

.PHONY: verify-contract
verify-contract: $(BIN)/buf $(PROTOS) ## buf format, lint, and breaking against proto/BASELINE
	@echo "== buf format and lint"
	@cd proto && $(BIN)/buf format --diff --exit-code --path coso && $(BIN)/buf lint
	@echo "== buf breaking"
	@proto/breaking $(BIN)/buf $(CACHE)/baseline

.PHONY: verify-tidy
verify-tidy: ## Every go.mod and go.sum says what is needed, no more
	@echo "== go mod tidy"
	@$(call each_module,go mod tidy -diff)

.PHONY: verify-standalone
verify-standalone: ## Each module builds without go.work
	@echo "== GOWORK=off go build"
	@$(call each_module,go build ./...)

# The test reads the other modules, which go test does not watch: hence -count=1.
.PHONY: verify-packages
verify-packages: ## Every package has its package comment
	@echo "== package comments"
	@go test -count=1 ./deploy/house
