# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# wstrace: one Makefile, everything it makes is in $(BUILD)/. `make help` lists the targets.
#
#   bpf/*.bpf.c -> bpf/*.bpf.o -> wstrace.bpf.o -> wstrace.skel.h -\
#   user/**/*.c -> obj/FLAVOUR/user/**/*.o ------------------------+-> wstrace, static/wstrace
#   tests/unit/*.c, tests/fuzz/*.c + the pure part of user/ -------+-> tests/unit, tests/fuzz_*
#
# A flavour is one way to compile the same sources: dynamic, static, unit (sanitizers), fuzz.

VERSION := $(shell sed -n 's/^\#define WSTRACE_VERSION "\(.*\)"/\1/p' user/config/version.h)

BUILD  ?= build
PREFIX ?= /usr/local
CLANG  ?= clang
FUZZ_SECONDS ?= 60
SOAK_SECONDS ?= 1800
CFLAGS ?= -O2 -g
ifeq ($(origin CC),default)
CC := gcc
endif
# bpftool and nginx live where only root looks
export PATH := $(PATH):/usr/sbin:/sbin

ALL_SUITES := unit fuzz replay cli bpf vm oracle e2e lab sidecar
# Of lab, the fast half: `make lab` runs the whole. `make test-vm` boots more kernels.
SUITES ?= $(ALL_SUITES)
VM_KERNELS ?= 5.10 newest

WSTRACE := $(BUILD)/$(if $(filter 1,$(STATIC)),static/)wstrace
SKEL    := $(BUILD)/wstrace.skel.h

# `make demo` and `make test` start on a bare machine: everything that is built waits for the
# packages. So nothing below may ask the compiler or pkg-config while the Makefile is read; the
# variables that do are expanded in recipes.
SETUP_GROUP := $(if $(filter test,$(MAKECMDGOALS)),all,$(if $(filter bench,$(MAKECMDGOALS)),bench,$(if $(filter demo,$(MAKECMDGOALS)),build)))
SETUP := $(if $(SETUP_GROUP),setup-$(SETUP_GROUP))

Q   := $(if $(filter 1,$(V)),,@)
say  = @$(if $(filter 1,$(V)),:,printf '  %-7s %s\n' $(1) $(2))
# Asks once, at the first use: V = $(call once,NAME,COMMAND)
once = $(if $(filter undefined,$(origin once_$(1))),$(eval once_$(1) := $$(shell $(2))))$(once_$(1))
# Rewrites $@ only when its text changes, so that what depends on it is rebuilt only then.
keep = printf '%s\n' '$(subst ','\'',$(1))' | cmp -s - $@ || printf '%s\n' '$(subst ','\'',$(1))' >$@

.DELETE_ON_ERROR:
.SECONDEXPANSION:
.SUFFIXES:
MAKEFLAGS += --no-builtin-rules

.PHONY: all
all: $(WSTRACE) ## build wstrace: build/wstrace, or with STATIC=1 build/static/wstrace

# ---------------------------------------------------------------------------- version

describe = $(call once,describe,[ -e .git ] && git describe --always --dirty 2>/dev/null)
version  = $(VERSION)$(if $(describe), ($(describe)))

$(BUILD)/version.h: FORCE | $(SETUP)
	@mkdir -p $(@D)
	@$(call keep,#define WSTRACE_VERSION "$(version)")

# Files that include config/version.h get this header first, which overrides the default there.
# Only these: the text changes with every commit.
VERSIONED := $(shell grep -lrE '^\#include "(config/)?version\.h"' user --include='*.c')

# -------------------------------------------------------------------------- kernel side

MACHINE    := $(shell uname -m)
BPF_ARCH   := $(or $(patsubst aarch64,arm64,$(filter aarch64,$(MACHINE))),$(MACHINE:x86_64=x86))
BPF_SRCS   := $(sort $(wildcard bpf/*.bpf.c))
BPF_OBJS   := $(BPF_SRCS:%.c=$(BUILD)/%.o)
MULTIARCH   = $(call once,multiarch,$(CC) -print-multiarch)
BPF_HEADERS = $(call once,bpf_cflags,pkg-config --cflags libbpf)
# <linux/types.h> needs <asm/types.h>, which Debian keeps in the folder of the architecture.
# The prefix map keeps the folder of the checkout out of BTF: same source, same bytes.
# BPF_PROG() makes a parameter ctx that no program can use.
BPF_CFLAGS  = -g -O2 -target bpf -mcpu=v3 -D__TARGET_ARCH_$(BPF_ARCH) -Wall -Wextra -Werror \
	      -Wno-unused-parameter -Iinclude -Ibpf $(BPF_HEADERS) -idirafter /usr/include/$(MULTIARCH) \
	      -ffile-prefix-map=$(CURDIR)=. -fdebug-compilation-dir=.

$(BUILD)/bpf/flags: FORCE | $(SETUP)
	@command -v $(CLANG) >/dev/null && command -v bpftool >/dev/null || \
		{ echo 'clang or bpftool is missing: run tools/setup.sh build' >&2; exit 1; }
	@mkdir -p $(@D)
	@$(call keep,$(CLANG) $(BPF_CFLAGS))

$(BUILD)/bpf/%.bpf.o: bpf/%.bpf.c $(BUILD)/bpf/flags
	$(call say,BPF,$@)
	$(Q)$(CLANG) $(BPF_CFLAGS) -MMD -MP -c $< -o $@

$(BUILD)/wstrace.bpf.o: $(BPF_OBJS) $(BUILD)/sources
	$(call say,BPFLINK,$@)
	$(Q)bpftool gen object $@ $(BPF_OBJS)

$(SKEL): $(BUILD)/wstrace.bpf.o
	$(call say,SKEL,$@)
	$(Q)bpftool gen skeleton $< name wstrace_bpf >$@

# ---------------------------------------------------------------------------- user side

# The pure part: no syscalls, no files, no clocks. Unit tests and fuzzers link this alone.
PURE_DIRS := user/track user/diagnose user/output user/config
USER_SRCS := $(sort $(shell find user -name '*.c'))
PURE_SRCS := $(filter $(PURE_DIRS:%=%/%) user/pipeline.c,$(USER_SRCS))
UNIT_SRCS := $(sort $(wildcard tests/unit/*.c))
# What other tests use of the unit tests' folder: builders of events and frames
SHARED_SRCS := $(filter-out tests/unit/main.c tests/unit/test_%,$(UNIT_SRCS))
FUZZ_SRCS := $(sort $(wildcard tests/fuzz/*.c))
FUZZ_BINS := $(patsubst tests/fuzz/%.c,$(BUILD)/tests/%,$(filter tests/fuzz/fuzz_%,$(FUZZ_SRCS)))
# Programs of the other suites: tests/SUITE/NAME.c with a main() is build/tests/SUITE/NAME
SUITE_SRCS   := $(sort $(wildcard $(patsubst %,tests/%/*.c,$(filter-out unit fuzz,$(ALL_SUITES)) bench)))
PROGRAM_SRCS := $(shell grep -l '^int main\b' $(SUITE_SRCS) /dev/null)
PROGRAMS     := $(PROGRAM_SRCS:%.c=$(BUILD)/%)

PACKAGES    := libbpf libelf zlib libcjson libutf8proc libcap-ng libseccomp
LIB_CFLAGS   = $(call once,cflags,pkg-config --cflags $(PACKAGES))
LIBS         = $(call once,libs,pkg-config --libs $(PACKAGES)) -lmbedcrypto
STATIC_LIBS  = $(call once,static_libs,pkg-config --libs --static $(PACKAGES)) -lmbedcrypto
USER_CFLAGS  = -std=gnu11 -Wall -Wextra -Werror -Iinclude -Iuser -I$(BUILD) \
	       -ffile-prefix-map=$(CURDIR)=. $(LIB_CFLAGS) $(CPPFLAGS) $(CFLAGS)
SANITIZE    := -O1 -fno-omit-frame-pointer -fno-sanitize-recover=all

DEPS := $(BUILD)/deps
CJSON := $(DEPS)/lib/libcjson.a

CC_dynamic     = $(CC)
CFLAGS_dynamic = $(USER_CFLAGS)
LINK_dynamic   = $(CC) $(CFLAGS) $(LDFLAGS) -Wl,--as-needed
LIBS_dynamic   = $(LIBS)

CC_static      = $(CC)
CFLAGS_static  = -I$(DEPS)/include $(USER_CFLAGS)
LINK_static    = $(CC) $(CFLAGS) $(LDFLAGS) -static
LIBS_static    = -L$(DEPS)/lib $(STATIC_LIBS)

CC_unit        = $(CC)
CFLAGS_unit    = $(USER_CFLAGS) $(SANITIZE) -fsanitize=address,undefined
LINK_unit      = $(CC) $(CFLAGS_unit) $(LDFLAGS) -Wl,--as-needed
LIBS_unit      = $(LIBS)

CC_fuzz        = $(CLANG)
CFLAGS_fuzz    = $(USER_CFLAGS) $(SANITIZE) -fsanitize=fuzzer-no-link,address,undefined
LINK_fuzz      = $(CLANG) $(CFLAGS_fuzz) -fsanitize=fuzzer $(LDFLAGS) -Wl,--as-needed
LIBS_fuzz      = $(LIBS)

# Changes when a source file comes or goes, which no time stamp tells: what is linked depends on it.
$(BUILD)/sources: FORCE
	@mkdir -p $(@D)
	@$(call keep,$(BPF_SRCS) $(USER_SRCS) $(UNIT_SRCS) $(FUZZ_SRCS) $(SUITE_SRCS))

# $(call objects,FLAVOUR,SOURCES)
objects = $(patsubst %.c,$(BUILD)/obj/$(1)/%.o,$(2))

define flavour
$(BUILD)/obj/$(1)/flags: FORCE | $(SETUP)
	@pkg-config --exists $(PACKAGES) || \
		{ echo 'libraries are missing: run tools/setup.sh build' >&2; exit 1; }
	@mkdir -p $$(@D)
	@$$(call keep,$$(CC_$(1)) $$(CFLAGS_$(1)) $$(LINK_$(1)) $$(LIBS_$(1)))

$(BUILD)/obj/$(1)/%.o: %.c $(BUILD)/obj/$(1)/flags | $(BUILD)/version.h
	$$(call say,CC,$$@)
	@mkdir -p $$(@D)
	$$(Q)$$(CC_$(1)) $$(if $$(filter $$<,$(VERSIONED)),-include $(BUILD)/version.h) \
		$$(if $$(filter tests/%,$$<),-Itests/unit) $$(CFLAGS_$(1)) -MMD -MP -c $$< -o $$@
endef
$(foreach f,dynamic static unit fuzz,$(eval $(call flavour,$(f))))

define link
$(call say,LINK,$@)
@mkdir -p $(@D)
$(Q)$(LINK_$(1)) $(filter %.o,$^) $(filter %.a,$^) $(LIBS_$(1)) -o $@
endef

# Archives give each test program just what it uses. Two folders may have a file of one name,
# so members are appended (q), never replaced by name.
define archive
@rm -f $@
$(Q)$(AR) qcs $@ $(filter %.o,$^)
endef

# Only user/platform may include the skeleton, and what measures it.
PLATFORM_SRCS := $(filter user/platform/%,$(USER_SRCS)) tests/vm/verifier_cost.c
$(call objects,dynamic,$(PLATFORM_SRCS)) $(call objects,static,$(PLATFORM_SRCS)): | $(SKEL)

$(BUILD)/wstrace: $(call objects,dynamic,$(USER_SRCS)) $(BUILD)/sources
	$(call link,dynamic)

$(BUILD)/static/wstrace: $(call objects,static,$(USER_SRCS)) $(CJSON) $(BUILD)/sources
	$(call link,static)

# Debian has no libcjson.a. The header beside the archive belongs to it. (The linker warns of
# getpwuid() and initgroups() in libcap-ng's capng_change_id(), which is linked but never called.)
$(call objects,static,$(USER_SRCS)): | $(CJSON)
$(CJSON): tools/build-cjson.sh | $(SETUP)
	$(call say,DEPS,$@)
	$(Q)CC='$(CC)' tools/build-cjson.sh $(DEPS) && touch $@

$(BUILD)/obj/unit/shared.a: $(call objects,unit,$(PURE_SRCS)) $(BUILD)/sources
	$(archive)

$(BUILD)/tests/unit: $(call objects,unit,$(UNIT_SRCS)) $(BUILD)/obj/unit/shared.a
	$(call link,unit)

# Of user/platform just what reads hostile files: it needs no kernel and no skeleton.
$(BUILD)/obj/fuzz/shared.a: $(call objects,fuzz,$(PURE_SRCS) $(SHARED_SRCS) \
		user/platform/recording_reader.c $(filter-out tests/fuzz/fuzz_%,$(FUZZ_SRCS))) \
		$(BUILD)/sources
	$(archive)

$(FUZZ_BINS): $(BUILD)/tests/%: $(BUILD)/obj/fuzz/tests/fuzz/%.o $(BUILD)/obj/fuzz/shared.a
	$(call link,fuzz)

$(BUILD)/obj/dynamic/shared.a: $(call objects,dynamic,$(filter-out user/main.c,$(USER_SRCS)) \
		$(SHARED_SRCS) $(filter-out $(PROGRAM_SRCS),$(SUITE_SRCS))) $(BUILD)/sources
	$(archive)

$(PROGRAMS): $(BUILD)/tests/%: $(BUILD)/obj/dynamic/tests/%.o $(BUILD)/obj/dynamic/shared.a
	$(call link,dynamic)

-include $(shell find $(BUILD)/obj $(BUILD)/bpf -name '*.d' 2>/dev/null)

# -------------------------------------------------------------------------------- targets

.PHONY: demo
demo: $(WSTRACE) ## install what the build needs, build, and run the demo (as root)
	$(WSTRACE) demo

# What has to be built before a suite runs: its row here, otherwise wstrace; and its programs.
needs_unit := $(BUILD)/tests/unit
needs_fuzz := $(FUZZ_BINS)
needs_cli  := $(WSTRACE) $(BUILD)/static/wstrace
needs_vm   := $(WSTRACE) $(BUILD)/static/wstrace
needs = $(or $(needs_$(1)),$(WSTRACE)) $(filter $(BUILD)/tests/$(1)/%,$(PROGRAMS))
RUN_TESTS = WSTRACE='$(abspath $(WSTRACE))' WSTRACE_STATIC='$(abspath $(BUILD)/static/wstrace)' \
	    WSTRACE_BUILD='$(abspath $(BUILD))' tools/run-tests.sh

.PHONY: test
test: $(sort $(foreach s,$(SUITES),$(call needs,$(s)))) ## install, build, run all suites (as root), or SUITES="unit replay"
	$(Q)VM_KERNELS='$(VM_KERNELS)' $(RUN_TESTS) $(SUITES)

## test-SUITE: one suite, with nothing installed: unit fuzz replay cli bpf vm oracle e2e lab sidecar
.PHONY: $(ALL_SUITES:%=test-%)
$(ALL_SUITES:%=test-%): test-%: $$(call needs,$$*)
	$(Q)$(RUN_TESTS) $*

.PHONY: lab
lab: $(call needs,lab) ## the whole lab of real failures (as root), or SCENARIO=NAME with the stack's own logs
	$(Q)WSTRACE='$(abspath $(WSTRACE))' node tests/lab/run.js $(if $(SCENARIO),--scenario '$(SCENARIO)')

.PHONY: fuzz
fuzz: $(FUZZ_BINS) ## fuzz for real, FUZZ_SECONDS=60 for each target
	$(Q)WSTRACE_BUILD='$(abspath $(BUILD))' tools/run-fuzz.sh fuzz $(FUZZ_SECONDS)

.PHONY: bench
bench: $(call needs,bench) ## measure what wstrace costs, beside other tools (as root, installs them; minutes)
	$(Q)WSTRACE='$(abspath $(WSTRACE))' WSTRACE_BUILD='$(abspath $(BUILD))' node tests/bench/run.js $(BENCH)

.PHONY: soak
soak: $(WSTRACE) ## one tracer for SOAK_SECONDS=1800 of sessions that come and go: nothing grows, none is lost (as root)
	$(Q)WSTRACE='$(abspath $(WSTRACE))' tests/bpf/soak.sh $(SOAK_SECONDS)

.PHONY: veristat
veristat: $(BUILD)/tests/vm/verifier_cost ## verifier cost on this kernel beside the recorded one (as root; UPDATE=1 records)
	$(Q)WSTRACE_BUILD='$(abspath $(BUILD))' tools/veristat.sh $(if $(UPDATE),update)

.PHONY: check
check: $(SKEL) $(call objects,dynamic,$(PURE_SRCS)) $(BUILD)/version.h ## style, layers, sizes, banned functions, static analysis
	$(Q)WSTRACE_BUILD='$(BUILD)' USER_CFLAGS='$(USER_CFLAGS)' tools/check.sh

.PHONY: format
format: ## put all C files into the style of .clang-format
	$(Q)find bpf user include tests -name node_modules -prune -o -name '*.[ch]' -print | \
		xargs clang-format -i

.PHONY: man
man: $(BUILD)/wstrace.1 ## write the man page, build/wstrace.1
$(BUILD)/wstrace.1: $(WSTRACE)
	$(call say,MAN,$@)
	$(Q)$(WSTRACE) --man >$@

.PHONY: install
install: $(WSTRACE) $(BUILD)/wstrace.1 ## install below $(DESTDIR)$(PREFIX)
	install -D -m 755 $(WSTRACE) '$(DESTDIR)$(PREFIX)/bin/wstrace'
	install -D -m 644 $(BUILD)/wstrace.1 '$(DESTDIR)$(PREFIX)/share/man/man1/wstrace.1'
	install -D -m 644 LICENSE '$(DESTDIR)$(PREFIX)/share/doc/wstrace/LICENSE'

.PHONY: setup setup-build setup-bench setup-all
setup: setup-all ## install packages for building and testing (Debian 12, as root)
setup-build setup-bench setup-all: setup-%:
	$(Q)tools/setup.sh $*

.PHONY: clean
clean: ## remove what was built, but not what was fetched (build/deps, build/vm)
	$(Q)[ ! -d $(BUILD) ] || find $(BUILD) -mindepth 1 -maxdepth 1 ! -name deps ! -name vm -exec rm -rf {} +

.PHONY: help
help: ## this list
	@echo 'make [TARGET] [CC=gcc|clang] [STATIC=1] [V=1] [BUILD=build]'
	@awk '/^[a-z]+:.* ## / { name = $$0; sub(/:.*/, "", name); sub(/^.* ## /, ""); show(name, $$0) } \
	      /^## / { name = $$2; sub(/:$$/, "", name); sub(/^## [^ ]+ /, ""); show(name, $$0) } \
	      function show(name, text) { printf "  %-11s %s\n", name, text }' Makefile

.PHONY: FORCE
FORCE:
