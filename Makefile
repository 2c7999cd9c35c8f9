# Everything a developer runs. `make help` lists it.

GO       ?= go
VERSION  ?= $(shell git describe --tags --match 'v*' 2>/dev/null || echo devel)
FUZZTIME ?= 10s
LDFLAGS  := -s -w -X main.version=$(VERSION)
BUILD    := CGO_ENABLED=0 $(GO) build -trimpath -buildvcs=false -ldflags="$(LDFLAGS)"
TOOL     := $(GO) tool -modfile=tools/go.mod
PLATFORMS := linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64 windows/arm64

.PHONY: all help build logupload demo sandbox test check fmt vet lint vuln unit e2e fuzz removal faults bench bench-before conformance cross reproducible size docs clean

all: test

help: ## list the targets
	@sed -n 's/^\([a-z0-9-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14

build: ## bin/hallmark, a static binary
	$(BUILD) -o bin/hallmark ./cmd/hallmark

logupload: ## bin/hallmark-log-upload, for entries of other kinds in a log of one's own
	cd logupload && $(BUILD) -o ../bin/hallmark-log-upload ./cmd/hallmark-log-upload

bin/sandbox: FORCE
	cd e2e && $(BUILD) -o ../bin/sandbox ./cmd/sandbox
FORCE:

conformance: build ## the cases every Sigstore client is tested with, through the command
	cd e2e && $(BUILD) -o ../bin/conformance ./cmd/conformance
	cd e2e && $(GO) test -count=1 -v ./conformance

sandbox: build bin/sandbox ## a whole Sigstore on this machine; prints what to paste
	@bin/sandbox

demo: build bin/sandbox ## sign and verify for real, against the sandbox
	cd e2e && $(BUILD) -o ../bin/demo ./cmd/demo
	bin/demo -hallmark bin/hallmark -source .

test: ## everything that CI runs; at the end, how many tests did not run
	@rm -f bin/skipped
	@$(MAKE) --no-print-directory check e2e
	@tools/fuzz.sh 2s
	@echo "make test: all passed, $$(cat bin/skipped 2>/dev/null | wc -l) tests skipped; bin/skipped says which"

check: fmt vet lint vuln unit ## formatting, static analysis, race tests, dependency map

fmt:
	@out=$$(gofmt -l $$(git ls-files '*.go')); test -z "$$out" || { echo "not gofmt-clean:"; echo "$$out"; exit 1; }

vet:
	$(GO) vet ./...
	cd e2e && $(GO) vet ./...
	cd tools && $(GO) vet ./...
	cd logupload && $(GO) vet ./...

lint:
	$(TOOL) staticcheck ./...
	cd e2e && $(GO) tool -modfile=../tools/go.mod staticcheck ./...
	cd logupload && $(GO) tool -modfile=../tools/go.mod staticcheck ./...

vuln: ## known vulnerabilities; says so loudly when the database is out of reach
	@mkdir -p bin; $(TOOL) govulncheck ./... > bin/.vuln 2>&1; status=$$?; \
	if grep -q 'fetching vulnerabilities' bin/.vuln; then echo "SKIP govulncheck: the vulnerability database is out of reach"; \
	else cat bin/.vuln; exit $$status; fi

# go test that names what it skipped.
bin/gotest: FORCE
	cd tools && CGO_ENABLED=0 $(GO) build -o ../bin/gotest ./gotest
GOTEST = GOTEST_SKIPPED=$(CURDIR)/bin/skipped $(CURDIR)/bin/gotest

unit: bin/gotest
	REMOVAL=1 $(GOTEST) -race -count=1 -timeout 25m ./...
	cd logupload && $(GOTEST) -count=1 ./...

e2e: build bin/sandbox bin/gotest ## real servers, real browser, other clients
	cd e2e && HALLMARK_SANDBOX=$(CURDIR)/bin/sandbox HALLMARK_SCREENSHOTS=$${HALLMARK_SCREENSHOTS:-$(CURDIR)/bin/screenshots} $(GOTEST) -count=1 -timeout 15m ./...

fuzz: ## every fuzz target for FUZZTIME (default 10s)
	@tools/fuzz.sh $(FUZZTIME)

removal: ## take each check out, one at a time, and see that a test notices
	REMOVAL=1 $(GO) test -count=1 -v ./internal/removal

faults: build bin/sandbox ## everything that can fail while signing: the whole matrix; writes docs/faults.md
	cd e2e && HALLMARK_SANDBOX=$(CURDIR)/bin/sandbox FAULTS=full $(GO) test -count=1 -timeout 3h ./faults -run TestMatrix -update -lanes 4

bench: build bin/sandbox ## ratios against a peer in one run
	cd e2e && $(GO) run ./bench -hallmark ../bin/hallmark

# BEFORE is the commit of the version to compare with.
bench-before: build bin/sandbox ## signing 1,000 files against an earlier version: make bench-before BEFORE=COMMIT
	@test -n "$(BEFORE)" || { echo "say which version: make bench-before BEFORE=COMMIT"; exit 2; }
	@set -e; other=$$(mktemp -d); trap 'rm -rf "$$other"' EXIT; \
	git archive $(BEFORE) | tar -x -C "$$other"; \
	(cd "$$other" && $(BUILD) -o $(CURDIR)/bin/hallmark-before ./cmd/hallmark)
	cd e2e && $(GO) run ./bench -hallmark ../bin/hallmark -before ../bin/hallmark-before -runs 7

cross: ## every platform
	@set -e; for p in $(PLATFORMS); do \
	  ext=; [ $${p%/*} = windows ] && ext=.exe; \
	  echo $$p; GOOS=$${p%/*} GOARCH=$${p#*/} $(BUILD) -o dist/hallmark-$${p%/*}-$${p#*/}$$ext ./cmd/hallmark; \
	  if [ $$p = windows/arm64 ]; then echo "SKIP hallmark-log-upload for $$p: github.com/sassoftware/relic does not build there"; continue; fi; \
	  (cd logupload && GOOS=$${p%/*} GOARCH=$${p#*/} $(BUILD) -o ../dist/hallmark-log-upload-$${p%/*}-$${p#*/}$$ext ./cmd/hallmark-log-upload); \
	done

reproducible: ## the same bytes twice, from two folders
	@set -e; other=$$(mktemp -d); trap 'rm -rf "$$other"' EXIT; \
	git ls-files -z | xargs -0 cp --parents -t "$$other"; \
	$(BUILD) -o bin/first ./cmd/hallmark; \
	(cd "$$other" && $(BUILD) -o second ./cmd/hallmark); \
	cmp bin/first "$$other/second" && echo "reproducible: $$(sha256sum < bin/first)"

docs: ## the pages that are made from the code
	$(GO) test -count=1 ./cmd/hallmark -run TestReference -update
	$(GO) test -count=1 ./internal/specmap -run TestCurrent -update
	$(GO) test -count=1 ./internal/boundmap -run TestCurrent -update
	$(GO) run ./internal/vectors/write -doc docs/vectors.md

size: build ## the binary against its budget of 20 MB
	@s=$$(wc -c < bin/hallmark); echo "bin/hallmark: $$s bytes"; test $$s -lt 20000000

clean:
	rm -rf bin dist
