# make help says what there is. Each target installs what it needs (Debian 12, root or sudo; see tools/setup).

.PHONY: help demo test build asan e2e bench compare lint format clean
.DEFAULT_GOAL := help
JOBS ?= 2

help:
	@echo "make demo     install what is missing, build, and watch a release go through (DEMO_ONCE=1: and end)"
	@echo "make test     install what is missing, build, and run every test"
	@echo "make build    build/postlude"
	@echo "make e2e      only the tests of the running binary, the pages in a browser among them"
	@echo "make bench    the measurements, compared with other programs on this machine (QUICK=1: shorter; PARTS=\"three million\": only these)"
	@echo "make compare  releases while things break, compared with a script and a naive receiver (PEERS=\"restate nodered n8n alertmanager\", FAULTS=\"F0 F1\", RELEASES=300)"
	@echo "make lint     the house's rules, format, shell, clang-tidy on what changed"
	@echo "make format   let clang-format have its way"
	@echo "make clean    remove build/"

# An existing build is only asked for what changed: a second or two when nothing did.
build:
	@tools/setup build
	@test -f build/release/build.ninja || cmake --preset release > /dev/null
	@cmake --build --preset release -j $(JOBS) --target postlude
	@ln -sfn release/postlude build/postlude

asan:
	@tools/setup build
	@test -f build/asan/build.ninja || cmake --preset asan > /dev/null
	@cmake --build --preset asan -j $(JOBS)

demo: build
	@tools/setup run
	@tools/demo

test: build asan
	@tools/setup run test
	@tools/test unit e2e

e2e: build
	@tools/setup run test browser
	@tools/test e2e

bench: build
	@tools/setup bench
	@cmake --build --preset release -j $(JOBS) --target postlude_bench_expressions
	@tests/bench/run $(if $(QUICK),--quick) $(PARTS)

compare: build
	@tests/compare/setup $(PEERS)
	@tests/compare/run $(if $(PEERS),--peers "$(PEERS)") $(if $(FAULTS),--faults "$(FAULTS)") $(if $(RELEASES),--releases $(RELEASES))

lint:
	@tools/setup build lint
	@tools/lint

format:
	@tools/setup lint
	@git ls-files 'src/*.cc' 'src/*.h' | xargs clang-format-14 -i

clean:
	rm -rf build
