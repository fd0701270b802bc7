# `make help` says what can be made.

GO       ?= go
FUZZTIME ?= 10s
VERSION  ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unversioned)

# Where goroutines are. zrtp and the other engines start none and lock nothing.
RACY := ./internal/... ./sip/... ./media/... ./softphone/... ./cmd/...

export GO FUZZTIME

.PHONY: help setup build demo run test race explore fuzz bench bench-voice bench-load lint interop interop-full check
.DEFAULT_GOAL := help

help:
	@sed -nE 's/^([a-z-]+):[^#]*## (.*)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 22

setup: ## install what a fresh Debian or Ubuntu machine with Go lacks
	@tools/setup.sh

build: setup ## the phone: bin/karat
	$(GO) build -trimpath -ldflags '-X main.version=$(VERSION)' -o bin/karat ./cmd/karat

demo: build ## a private call between two phones on this machine
	bin/karat demo

run: build ## the phone in this terminal
	bin/karat

test: setup ## all tests
	$(GO) test $(TESTFLAGS) ./...

race: setup ## the tests of everything with goroutines, under the race detector
	$(GO) test -race $(TESTFLAGS) $(RACY)

# Hours long, and not listed: ZRTP with three faults at all places, what is left of
# its secrets in memory with runtime/secret, and ten thousand calls in a row.
explore: setup
	ZRTP_EXPLORE=3 $(GO) test -run '^TestExplore$$' -timeout 60m $(TESTFLAGS) ./zrtp
	GOEXPERIMENT=runtimesecret $(GO) test -run '^TestMemory$$' $(TESTFLAGS) ./zrtp ./media ./softphone
	PHONE_CALLS=10000 $(GO) test -run '^TestManyCalls$$' -timeout 3h $(TESTFLAGS) ./softphone

fuzz: setup ## every fuzz target, FUZZTIME each (10s)
	tools/fuzz.sh

bench: setup ## benchmarks, then the figures of whole calls
	$(GO) test -run '^$$' -bench . -benchmem ./...
	$(GO) run ./contrib/interop/figures

bench-voice: setup ## how calls sound, how late and at what cost, beside other phones
	$(GO) run ./contrib/voicebench

bench-load: setup ## whether the voice leaves in time with 200 accounts and 50 calls
	$(GO) run ./contrib/load

lint: setup ## format, vet, static analysis, dead code
	tools/lint.sh

interop: setup ## calls with Linphone, baresip and Kamailio
	$(GO) run ./contrib/interop

interop-full: setup ## the same, with the cells that take long
	$(GO) run ./contrib/interop -full

check: lint test race ## what a change must pass: lint, test, race
