# What the project can do for you; the first target says it.
#
#   make test PARAMEDIC_TEST_REAL=all      a skipped test is a failure

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

BIN := $(CURDIR)/bin
VERSITYGW := github.com/versity/versitygw/cmd/versitygw@v1.8.0
# The figures are in minutes and generous: the slowest packages run real servers.
TESTFLAGS ?= -timeout 25m -p 2
# Static binaries, which run on any Linux.
STATIC := CGO_ENABLED=0 go build -trimpath -ldflags '-s -w'

export PARAMEDIC_TEST_REAL

.PHONY: help build test setup lint tools bench histories schema clean

help: ## Show the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

build: ## Build bin/worker, bin/worker-noembed (without the Temporal server) and bin/starter
	$(STATIC) -o $(BIN)/worker ./worker
	$(STATIC) -tags noembed -o $(BIN)/worker-noembed ./worker
	$(STATIC) -o $(BIN)/starter ./starter

test: setup lint ## Set up what the tests need, lint, and run every test
	go test $(TESTFLAGS) ./...
	go test -tags noembed ./internal/devserver ./worker

setup: $(BIN)/versitygw ## Install the servers that tests run against (Debian, as root)
	./tools/install-servers.sh

# S3 on a directory: the server behind the tests of the s3 probe.
$(BIN)/versitygw:
	GOBIN=$(BIN) go install $(VERSITYGW)

lint: tools ## gofmt, go vet, staticcheck, workflowcheck
	@unformatted=$$(gofmt -l .); if [ -n "$$unformatted" ]; then echo "gofmt -w these:"; echo "$$unformatted"; exit 1; fi
	go vet ./...
	$(BIN)/tools/staticcheck ./...
	$(BIN)/tools/workflowcheck -config tools/workflowcheck.yml ./workflows/...

tools:
	mkdir -p $(BIN)/tools
	cd tools && go build -o $(BIN)/tools/ tool

bench: ## Measure, and print each figure beside its target (an hour; ARGS="-rows restart -scale 0.1" is shorter)
	go run ./internal/bench $(ARGS)

histories: ## Record the histories that the replay tests replay, from a real Temporal server
	go run ./internal/integration/record -out workflows/testdata

schema: ## Write the JSON Schema of the configuration
	go run ./starter schema > paramedic.schema.json

clean: ## Remove what was built
	rm -rf $(BIN)
