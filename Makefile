# The two commands: make run (the main job on this machine) and make test.
PLUGIN ?= tocsin
DOCKER ?= docker
GO ?= go
# Random rule sets that are compared with Prometheus's own evaluation.
SEEDS ?= 1000
# Random expressions and histories over which the plan is compared with promql.
PLAN_SEEDS ?= 2000
# How often make faults kills a tocsin.
KILLS ?= 1000
# make bench takes twenty-five minutes; half a day with BENCH=long.
BENCH ?= medium

.PHONY: build plugin install uninstall run test screenshots faults bench bench-ci bench-fleet lint clean

build: ## bin/tocsin, static
	scripts/build bin/tocsin

plugin: build ## build/plugin, as docker plugin create takes it
	scripts/rootfs bin/tocsin build/plugin/rootfs
	cp config.json build/plugin/

install: plugin ## on this machine's Docker engine
	@! $(DOCKER) plugin inspect $(PLUGIN) >/dev/null 2>&1 || { \
		echo "The plugin $(PLUGIN) is installed already." >&2; \
		echo "'make uninstall install' replaces it; its settings, stored samples and alert states go with it." >&2; \
		exit 1; }
	$(DOCKER) plugin create $(PLUGIN) build/plugin
	$(DOCKER) plugin enable $(PLUGIN)
	@echo "Enabled. Page: http://127.0.0.1:9193  Settings: docker plugin disable $(PLUGIN);" \
		"docker plugin set $(PLUGIN) ALERTMANAGER_URL=http://...; docker plugin enable $(PLUGIN)"

uninstall:
	$(DOCKER) plugin rm -f $(PLUGIN)

run: build
	bin/tocsin run

test: ## unit tests, then the end-to-end tests: as root, see test/install-deps
	test/install-deps
	$(GO) vet ./...
	$(GO) test -race -shuffle=on -timeout 30m $$($(GO) list ./... | grep -v '/test\>')
	$(GO) test -count=1 -timeout 30m -run Differential ./engine -seeds $(SEEDS)
	GOGC=400 $(GO) test -count=1 -timeout 30m -run Differential ./engine/plan -seeds $(PLAN_SEEDS)
	$(GO) test -count=1 -p 1 -shuffle=on -timeout 25m ./test/...

screenshots: ## all pages, on a phone and a desk, light and dark, into build/screenshots; docs/page.png
	test/install-deps
	rm -rf build/screenshots && mkdir -p build/screenshots
	$(GO) test -count=1 -timeout 10m -run 'TestScreenshots$$' ./test/browser \
		-screenshots $(CURDIR)/build/screenshots -picture $(CURDIR)/docs/page.png

faults: ## what make test has in short, in full: as root, see test/install-deps
	$(GO) test -count=1 -timeout 60m ./test/faults -kills $(KILLS) -cuts 2000
	$(GO) test -count=1 -timeout 30m -run Faults ./engine -faultstep 1
	$(GO) test -count=1 -timeout 30m -run MemoryIsFlat -v ./cmd/tocsin -hours 24
	$(GO) test -count=1 -timeout 30m -run 'EveryFile|SizeLimit|Disk' ./storage ./test/disk -long
	$(GO) test -count=1 -timeout 30m -run 'TestRestarts$$' -v ./test -restarts 28

bench: build ## side by side with Prometheus and VictoriaMetrics, into docs/performance.md
	bench/install-deps
	bench/build-prometheus bin/prometheus
	$(GO) run ./bench -form $(BENCH)

bench-ci: build ## two minutes of it: fails on ratios to Debian's Prometheus, with wide margins
	bench/install-deps prometheus prometheus-alertmanager
	$(GO) run ./bench -form short -check -out -

bench-fleet: ## fleets against real Alertmanagers and, on a clock of their own, over an hour's outage, into docs/fleet.md
	bench/install-deps prometheus-alertmanager
	$(GO) run ./bench/fleet
	$(GO) test -count=1 -timeout 2h -run 'TestFleet$$' ./bench/fleet -fleets 100x1,1000x1,1000x3,10000x1 -table $(CURDIR)/docs/fleet.md

lint:
	$(GO) vet ./...
	@out=$$(gofmt -l $$(git ls-files '*.go')); [ -z "$$out" ] || { echo "gofmt -w $$out" >&2; exit 1; }

clean:
	rm -rf bin build
