# HashScope: one make for the whole tree.  Each directory has a module.mk
# that says what is built from it; nothing here recurses.
#
#	make            build everything into build/
#	make run        install what is missing, build, start in ./run
#	make check      install what is missing, build, run every test
#	make lint       formatting and static analysis
#	make SAN=1 ...  the same with ASan and UBSan, in build-san/
#	make long       the tests that take longer than ten seconds each
#	make fuzz       libFuzzer on every target, FUZZ_SECONDS (300) each
#	make bench      the benchmarks, beside their peers
#	make install    DESTDIR= prefix=/usr sysconfdir=/etc
#
# V=1 shows the commands.

.SUFFIXES:
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

all:

VERSION := $(shell cat VERSION)
CC = gcc
B := build
SAN ?=
V ?=
Q := $(if $(V),,@)

prefix ?= /usr
sysconfdir ?= /etc
libexecdir ?= $(prefix)/libexec/hashscope
mandir ?= $(prefix)/share/man
DESTDIR ?=

WARN := -Wall -Wextra -Wshadow -Wcast-qual -Wwrite-strings \
	-Wstrict-prototypes -Wmissing-prototypes -Wformat=2 -Wvla -Wundef \
	-Wswitch-enum -Wno-unused-parameter $(if $(CI),-Werror)
HARDEN := -fstack-protector-strong -fPIE -fno-strict-aliasing \
	$(if $(SAN),,-D_FORTIFY_SOURCE=2)
OPT ?= -O2 -g
CPPFLAGS += -D_GNU_SOURCE -DHS_VERSION='"$(VERSION)"' -I.
CFLAGS += -std=gnu11 $(OPT) $(WARN) $(HARDEN)
LDFLAGS += -pie -Wl,-z,relro,-z,now -Wl,--as-needed

ifneq ($(SAN),)
B := build-san
SANFLAGS := -fsanitize=address,undefined -fno-sanitize-recover=undefined \
	-fno-omit-frame-pointer
CFLAGS += $(SANFLAGS) -DHS_SAN
LDFLAGS += $(SANFLAGS)
endif

# Filled by the fragments.
PROGS :=	# programs that are installed
TOOLS :=	# programs of tests/ that are only built
UNIT :=		# cmocka programs
FUZZ :=		# fuzz targets; their corpora are run by make check
OBJS_ALL :=
INSTALL_TARGETS :=
LINT_EXTRA :=
CHECK_EXTRA :=

# program NAME, BIN: a program of $(NAME)_SRCS, the common library and
# $(NAME)_LIBS, linked to $(B)/BIN.
define program
$(1)_OBJS := $$(patsubst %.c,$(B)/obj/%.o,$$($(1)_SRCS))
OBJS_ALL += $$($(1)_OBJS)
$(1)_BIN := $(B)/$(2)
$(B)/$(2): $$($(1)_OBJS) $(B)/libcommon.a
	@mkdir -p $$(@D)
	$$(if $$(V),,@echo "  LD    $(2)")
	$(Q)$$(CC) $$(LDFLAGS) -o $$@ $$($(1)_OBJS) $(B)/libcommon.a $$($(1)_LIBS)
endef

include common/module.mk
-include $(filter-out common/module.mk,$(sort $(wildcard */module.mk tests/*/module.mk)))

$(B)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(if $(V),,@echo "  CC    $<")
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) $($(subst /,_,$(basename $<))_CFLAGS) -MMD -MP -c -o $@ $<

common_OBJS := $(patsubst %.c,$(B)/obj/%.o,$(common_SRCS))
OBJS_ALL += $(common_OBJS)

$(B)/libcommon.a: $(common_OBJS)
	$(if $(V),,@echo "  AR    libcommon.a")
	$(Q)rm -f $@ && $(AR) rcs $@ $(common_OBJS)

-include $(sort $(OBJS_ALL:.o=.d))

all: $(foreach p,$(PROGS),$($(p)_BIN)) compile_commands.json

tools: $(foreach p,$(TOOLS),$($(p)_BIN))

# One entry a source, from what make itself knows.
compile_commands.json: Makefile $(wildcard */module.mk tests/*/module.mk)
	$(Q)printf '[\n' >$@; sep=; for s in $(sort $(patsubst $(B)/obj/%.o,%.c,$(OBJS_ALL))); do \
		printf '%s{"directory":"%s","file":"%s","arguments":["cc"' "$$sep" "$(CURDIR)" "$$s"; \
		for a in -D_GNU_SOURCE '-DHS_VERSION=\"$(VERSION)\"' -I. -std=gnu11 $(WARN); do printf ',"%s"' "$$a" | sed 's/="\(.*\)\\""$$/=\\"\1\\""/'; done; \
		printf ',"-c","%s"]}' "$$s"; sep=",\n"; \
	done >>$@; printf '\n]\n' >>$@

clean:
	rm -rf build build-san build-fuzz compile_commands.json

deps:
	$(Q)etc/deps.sh

run: deps
	$(Q)$(MAKE) --no-print-directory all tools
	$(Q)etc/run.sh

# The checks.  Each part can be run by itself.
check: deps
	$(Q)$(MAKE) --no-print-directory all tools
	$(Q)$(MAKE) --no-print-directory check-unit check-fuzz $(CHECK_EXTRA) check-integration

check-unit: $(foreach t,$(UNIT),$($(t)_BIN))
	$(Q)for t in $^; do $$t 2>$$t.log || { cat $$t.log; exit 1; }; done

check-fuzz: $(foreach t,$(FUZZ),$($(t)_BIN))
	$(Q)for t in $(FUZZ); do $(B)/fuzz/$$t tests/fuzz/corpus/$$t || exit 1; done

PYTEST = /usr/bin/python3 -B -m pytest -q -p no:cacheprovider
check-integration: all tools
	$(Q)HS_BUILD=$(CURDIR)/$(B) $(PYTEST) -m "not long" tests/integration

long: deps
	$(Q)$(MAKE) --no-print-directory all tools
	$(Q)HS_BUILD=$(CURDIR)/$(B) $(PYTEST) -m long tests/integration

.PHONY: all tools clean deps run check check-unit check-fuzz \
	check-integration long lint fuzz bench install
