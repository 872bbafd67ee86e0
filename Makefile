# HashScope: one make for the whole tree.  Each directory has a module.mk
# that says what is built from it; nothing here recurses.
#
#	make            build the programs into build/
#	make tools      and the simulators and benchmarks of tests/
#	make ui         the web console, into ui/dist (needs Node)
#	make ui-dev     serves it with hot reload, for a running apid
#	make run        start HashScope in ./run, with a demo or POOL_HOST
#	make check      every test that is quick
#	make long       the tests that take longer than ten seconds each
#	make lint       formatting, static analysis, manuals, the unit
#	make fuzz       libFuzzer on every target, FUZZ_SECONDS (300) each
#	make bench      the benchmarks, beside their peers
#	make install    DESTDIR= prefix=/usr sysconfdir=/etc
#	make clean
#
# run, check, long, lint, fuzz and bench first install what is missing of
# Debian's packages (etc/deps.sh).  SAN=1 builds with ASan and UBSan into
# build-san/, CI=1 makes warnings errors, V=1 shows the commands, J=1 does
# one thing after the other.

.SUFFIXES:
.DELETE_ON_ERROR:

all:

# Packages come before anything is built, so while this file is read; but
# not for make -n.
deps_run := build ui
deps_ui := build ui
deps_ui-dev := build ui
deps_check := build check ui
deps_check-unit := build check
deps_check-fuzz := build check
deps_check-integration := build check
deps_long := build check
deps_bench := build check ui
deps_check-ui := build check ui
deps_pictures := build check ui
deps_lint := build lint ui
deps_fuzz := build fuzz
DEPS := $(sort $(foreach g,$(MAKECMDGOALS),$(deps_$(g))))
ifneq ($(DEPS),)
ifeq ($(findstring n,$(filter-out -%,$(firstword $(MAKEFLAGS)))),)
ifneq ($(shell etc/deps.sh $(DEPS) >&2 || echo failed),)
$(error packages are missing)
endif
endif
# As many jobs as processors, unless another make divides them.
J ?= $(shell nproc)
ifeq ($(filter --jobserver%,$(MAKEFLAGS)),)
MAKEFLAGS += -j$(J)
endif
endif
MAKEFLAGS += --no-builtin-rules

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
docdir ?= $(prefix)/share/doc/hashscope
systemddir ?= $(prefix)/lib
DESTDIR ?=

WARN := -Wall -Wextra -Wshadow -Wcast-qual -Wwrite-strings \
	-Wstrict-prototypes -Wmissing-prototypes -Wformat=2 -Wvla -Wundef \
	-Wswitch-enum -Wno-unused-parameter $(if $(CI),-Werror)
HARDEN := -fstack-protector-strong -fstack-clash-protection -fPIE -fno-strict-aliasing \
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
export ASAN_OPTIONS ?= halt_on_error=1:detect_leaks=1:strict_string_checks=1
export UBSAN_OPTIONS ?= halt_on_error=1:print_stacktrace=1
# Everything is two to three times slower, nothing is wrong.
export HS_DEADLINE ?= 60
endif

# For the scripts that run what was built.
export HS_BUILD := $(abspath $(B))

# Filled by the fragments.
PROGS :=	# programs that are installed
TOOLS :=	# programs of tests/ that are only built
UNIT :=		# cmocka programs
FUZZ :=		# fuzz targets; their corpora are run by make check
OBJS_ALL :=

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
include $(filter-out common/module.mk,$(sort $(wildcard */module.mk tests/*/module.mk)))

common_OBJS := $(patsubst %.c,$(B)/obj/%.o,$(common_SRCS))
OBJS_ALL := $(sort $(OBJS_ALL) $(common_OBJS))

$(B)/obj/%.o: %.c $(B)/flags
	@mkdir -p $(@D)
	$(if $(V),,@echo "  CC    $<")
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

$(B)/libcommon.a: $(common_OBJS)
	$(if $(V),,@echo "  AR    libcommon.a")
	$(Q)rm -f $@ && $(AR) rcs $@ $(common_OBJS)

-include $(OBJS_ALL:.o=.d)

# Changes when the compiler or its options do, and then all is compiled
# anew; that warnings are errors makes no other objects.
$(B)/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(subst ','"'"',$(CC) $(CPPFLAGS) $(filter-out -Werror,$(CFLAGS)))' >$@.new
	@cmp -s $@.new $@ && rm -f $@.new || mv $@.new $@

all: $(foreach p,$(PROGS),$($(p)_BIN)) $(if $(SAN),,compile_commands.json)

tools: $(foreach p,$(TOOLS),$($(p)_BIN))

# One entry a source, from what make itself knows.
comma := ,
json = "$(subst ",\",$(subst \,\\,$(1)))"
define cc_entry
{ "directory": $(call json,$(CURDIR)), "file": $(call json,$(1)),
  "command": $(call json,$(CC) $(CPPFLAGS) $(CFLAGS) -c $(1)) }
endef
define cc_entries
[
$(call cc_entry,$(firstword $(1)))$(foreach s,$(wordlist 2,$(words $(1)),$(1)),$(comma)
$(call cc_entry,$(s)))
]
endef
compile_commands.json: $(B)/flags FORCE
	@:$(file >$(B)/cc.json,$(call cc_entries,$(OBJS_ALL:$(B)/obj/%.o=%.c)))
	@cmp -s $(B)/cc.json $@ || cp $(B)/cc.json $@

clean:
	rm -rf build build-san build-fuzz ui/dist compile_commands.json

run: all tools
	@exec etc/run.sh

# --- checks; each ends with a line `N passed, N failed` ---

UNIT_BINS = $(foreach t,$(UNIT),$($(t)_BIN))
FUZZ_BINS = $(foreach t,$(FUZZ),$($(t)_BIN))

check: all tools $(UNIT_BINS) $(FUZZ_BINS)
	@exec tests/run.sh unit fuzz ui integration

check-unit: $(UNIT_BINS)
	@exec tests/run.sh unit

check-fuzz: $(FUZZ_BINS)
	@exec tests/run.sh fuzz

check-ui: all tools
	@exec tests/run.sh ui

check-integration: all tools
	@exec tests/run.sh integration

long: all tools $(UNIT_BINS) $(FUZZ_BINS)
	@exec tests/run.sh long

# Those of the README; tests/ui/pictures.py DIRECTORY takes every page.
pictures: all tools
	@exec tests/ui/pictures.py --readme -m 10

lint: compile_commands.json
	@exec etc/lint.sh

# --- installation ---

INSTALL = install
D := $(DESTDIR)
install: all
	$(INSTALL) -d $(D)$(prefix)/bin $(D)$(libexecdir) $(D)$(docdir) \
		$(D)$(sysconfdir)/hashscope $(D)$(mandir)/man5 \
		$(D)$(mandir)/man7 $(D)$(mandir)/man8 \
		$(D)$(systemddir)/systemd/system \
		$(D)$(systemddir)/sysusers.d $(D)$(systemddir)/tmpfiles.d
	$(INSTALL) $(filter $(B)/bin/%,$(foreach p,$(PROGS),$($(p)_BIN))) \
		$(D)$(prefix)/bin
	$(INSTALL) $(filter $(B)/libexec/%,$(foreach p,$(PROGS),$($(p)_BIN))) \
		$(D)$(libexecdir)
	! [ -e $(CONSOLE_PACK) ] || \
		$(INSTALL) -D -m 644 $(CONSOLE_PACK) \
			$(D)$(prefix)/share/hashscope/console.pack
	$(INSTALL) -m 644 $(wildcard man/*.5) $(D)$(mandir)/man5
	$(INSTALL) -m 644 $(wildcard man/*.7) $(D)$(mandir)/man7
	$(INSTALL) -m 644 $(wildcard man/*.8) $(D)$(mandir)/man8
	$(INSTALL) -m 644 README.md CHANGES.md SECURITY.md LICENSE doc/*.md \
		$(D)$(docdir)
	$(INSTALL) -m 644 etc/hashscope.conf.example \
		etc/hashscope-agent.conf.example $(D)$(sysconfdir)/hashscope
	sed 's|/usr/bin/|$(prefix)/bin/|' etc/hashscope.service \
		>$(D)$(systemddir)/systemd/system/hashscope.service
	$(INSTALL) -m 644 etc/hashscope.sysusers \
		$(D)$(systemddir)/sysusers.d/hashscope.conf
	$(INSTALL) -m 644 etc/hashscope.tmpfiles \
		$(D)$(systemddir)/tmpfiles.d/hashscope.conf

FORCE:
.PHONY: FORCE all tools clean run check check-unit check-fuzz \
	check-ui check-integration long lint pictures fuzz bench install
