# Only Go and git are needed for `make trial` and `make test`.
VERSION ?= $(shell git describe --tags --always 2>/dev/null || echo dev)
DATE    ?= $(shell git log -1 --format=%cI 2>/dev/null || echo unknown)
LDFLAGS  = -s -w -X main.version=$(VERSION) -X main.dateBuilt=$(DATE)
BINARY   = dist/sansan-satori
# One way of building for the binary and the tests: what the one compiled, the
# other need not.
export CGO_ENABLED ?= 0

.PHONY: trial serve build test race lint docs docs-check bench chaos soak mutation clean

## trial: run the main job on the embedded simulators and say what happened
trial: build
	$(BINARY) trial

## serve: the same, and keep both simulators and the link running to play with
serve: build
	$(BINARY) trial --serve

build:
	go build -ldflags "$(LDFLAGS)" -o $(BINARY) ./cmd/sansan-satori

## test: everything that needs nothing but Go
test:
	go vet ./...
	go test -shuffle=on ./...

## race: the same under the race detector (needs a C compiler)
race:
	CGO_ENABLED=1 go test -race -shuffle=on ./plugins/...

## lint: the shipped pipelines and their tests
lint: build
	$(BINARY) lint --skip-env-var-check ./config/...
	$(BINARY) test ./config/... ./tests/mappings/...

## docs: write the generated reference documentation anew
docs:
	go run ./cmd/sansan-satori docs docs/reference

## docs-check: fail when the generated documentation is stale
docs-check: docs
	git diff --exit-code -- docs/reference

## bench: the figures of the main job: cards a second, memory, requests a card
bench:
	go test -run '^$$' -bench . -benchtime 1x ./tests/bench/

## chaos: crashes and faults with many seeds (CHAOS_SEEDS, default 200)
chaos:
	CHAOS_SEEDS=$${CHAOS_SEEDS:-200} go test -count=1 -timeout 60m -v -run Chaos ./tests/chaos/

## soak: an hour of continuous work with random faults (SOAK, default 1h)
soak:
	SOAK=$${SOAK:-1h} go test -count=1 -timeout 3h -v -run Soak ./tests/chaos/

## mutation: every mutant of every .blobl file must be caught by a YAML test
mutation:
	MUTATION=full go test -count=1 -timeout 60m -v -run Mutation ./tests/mappings/

clean:
	rm -rf dist data
