# Everything one does with Conch is one command here; `make` alone lists them.
BUILD ?= build
PROMPT ?= a red ball drops and bounces on a wooden floor at sunset
CLIP ?= out/first-clip.mp4
PREFIX ?= /usr/local
SECONDS ?= 60
DIR ?= tests/golden
# Training and sanitizer builds may run beside other work on the machine.
JOBS ?= $(shell nproc)

# Quiet when nothing is to be done, ninja's own status line when something is.
define ninja
ninja -C $(1) -n $(2) | grep -q 'no work to do' || ninja -C $(1) -j $(JOBS) $(2)
endef

.DEFAULT_GOAL := help
.PHONY: help run clip build all test test-sanitize test-thread soak check check-fast check-format check-includes check-headers \
        check-paths check-length check-warnings bench fuzz golden eval-model install clean packages

help: ## this list
	@echo "Conch makes short videos from a sentence or a picture, on this machine."
	@echo
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' Makefile | awk -F'|' '{ printf "%-22s %s\n", $$1, $$2 }'

run: build ## build, then serve the studio and the API at 127.0.0.1:8787, with a first clip in it (PROMPT= LISTEN= DATA=)
	@exec $(BUILD)/conch serve --first-clip "$(PROMPT)" $(if $(LISTEN),--listen "$(LISTEN)") $(if $(DATA),--data "$(DATA)")

clip: build ## build, then make a clip from a sentence into a file, without a server (PROMPT= CLIP=)
	@mkdir -p "$(dir $(CLIP))"
	@$(BUILD)/conch generate "$(PROMPT)" --model models/tiny -o "$(CLIP)"
	@echo
	@echo "Your clip is $(CLIP). The next one:"
	@echo "  $(BUILD)/conch generate \"a blue square slides over grass\""
	@echo "  $(BUILD)/conch help generate"

build: $(BUILD)/build.ninja ## build/conch and build/conch-media (installs missing Debian packages)
	@tools/install_packages.sh build
	@$(call ninja,$(BUILD),conch conch-media)

all: $(BUILD)/build.ninja ## everything: programs, tests, benchmarks
	@tools/install_packages.sh build
	@$(call ninja,$(BUILD),)

$(BUILD)/build.ninja:
	@tools/install_packages.sh build
	@meson setup $(BUILD) >/dev/null || meson setup --wipe $(BUILD)

packages: ## install the Debian packages that building and testing need
	@tools/install_packages.sh build test

test: packages all ## every test; the last line counts them
	@tools/run_tests.sh $(BUILD)

# -O1: the tests take a third of the time of -O0, and the reports still name the right lines.
SANITIZE = -Dbuildtype=debug -Doptimization=1 -Db_lundef=false

build-asan/build.ninja:
	@meson setup build-asan $(SANITIZE) -Db_sanitize=address,undefined >/dev/null

build-tsan/build.ninja:
	@meson setup build-tsan $(SANITIZE) -Db_sanitize=thread >/dev/null

test-sanitize: packages build-asan/build.ninja ## the tests with the address and undefined-behaviour sanitizers
	@$(call ninja,build-asan,)
	@ASAN_OPTIONS=abort_on_error=0:detect_stack_use_after_return=1 UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 \
	  CONCH_TEST_BROWSER=0 CONCH_CHAOS_STRIDE=6 CONCH_CHAOS_SECONDS=8 tools/run_tests.sh build-asan

# What runs threads of its own; THREAD_TESTS= chooses fewer.
THREAD_TESTS = test_base_|test_engine_|test_net_|test_server_(api|backend|blob|db|http|native|queue|store)

test-thread: packages build-tsan/build.ninja ## tests of what has threads, with the thread sanitizer
	@$(call ninja,build-tsan,)
	@TSAN_OPTIONS=halt_on_error=1 CONCH_TEST_SHELL=0 CONCH_TEST_ONLY='$(THREAD_TESTS)' tools/run_tests.sh build-tsan

soak: packages all ## a server killed at random under load for SECONDS=60
	@CONCH_BUILD=$(BUILD) CONCH_CHAOS_SECONDS=$(SECONDS) tests/chaos/chaos_storm.py

check: check-fast check-warnings test-sanitize test-thread ## all checks: style, includes, warnings, sanitizers

check-fast: check-format check-includes check-headers check-paths check-length ## the checks that take seconds

SOURCES = $(shell git ls-files '*.c' '*.h')

check-format: packages ## white space as clang-format has it
	@clang-format --dry-run -Werror $(SOURCES)
	@echo "ok   format"

check-includes: ## includes point one way
	@python3 tools/check_includes.py

check-headers: ## every header compiles alone
	@tools/check_headers.sh

check-paths: ## no path of somebody's machine in the sources
	@tools/check_paths.sh

check-length: ## names files above 800 lines (a question, not an error)
	@git ls-files '*.[ch]' '*.py' '*.sh' | xargs wc -l | awk '$$2 != "total" && $$1 > 800 { print "long " $$2 ": " $$1 " lines" }'

check-warnings: packages ## no warnings from gcc and from clang
	@for cc in gcc clang; do \
	  [ -f build-$$cc/build.ninja ] || CC=$$cc meson setup build-$$cc -Dwerror=true >/dev/null || exit 1; \
	  ninja -C build-$$cc --quiet -j $(JOBS) || exit 1; echo "ok   no warnings from $$cc"; done

bench: all ## how fast this machine runs Conch: kernels, a whole transformer, a whole VAE, a clip, the server (some ten minutes)
	@$(BUILD)/bench/conch-bench kernels --tokens-max 1000
	@for part in pass vae tiny serve; do echo; $(BUILD)/bench/conch-bench $$part || exit 1; done

golden: all ## compare the networks with golden vectors: DIR=folder
	@$(BUILD)/tests/golden "$(DIR)"

eval-model: build ## measure the shipped model against the simulator it learned from
	@tools/install_packages.sh build test train
	@tools/eval_model.sh $(BUILD)

fuzz: packages ## every fuzz target for SECONDS=60 each (clang)
	@tools/run_fuzz.sh $(SECONDS)

install: build ## into PREFIX=/usr/local
	@meson configure $(BUILD) -Dprefix="$(PREFIX)"
	@$(call ninja,$(BUILD),conch conch-media)
	@meson install -C $(BUILD) --no-rebuild

clean: ## remove what was built
	@rm -rf build build-asan build-tsan build-gcc build-clang build-fuzz
