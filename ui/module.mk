# The console, where Node is installed; everything else is built without it.
# ui/dist does not depend on how the programs are built, so there is one.

ui_FILES := $(filter-out ui/build.mjs,$(wildcard ui/*.json ui/*.js ui/*.ts \
	ui/*.html)) $(shell find ui/src ui/public -type f)
ui_DOCS := $(shell find ui/docs -type f) \
	$(wildcard doc/*.md doc/manual/*.md *.md man/*.[0-9])
UI_DIST := ui/dist/.console ui/dist/.docs

ui/dist/.console: $(ui_FILES) ui/build.mjs
	$(Q)etc/ui.sh build console
	@mkdir -p $(@D) && touch $@

ui/dist/.docs: $(ui_DOCS) ui/build.mjs | ui/dist/.console
	$(Q)etc/ui.sh build docs
	@mkdir -p $(@D) && touch $@

ifneq ($(shell command -v npm),)
all: $(UI_DIST)
endif

ui: export UI := need
ui: $(UI_DIST)

# HASHSCOPE_API=http://127.0.0.1:8000 is the apid that it asks.
ui-dev:
	@exec etc/ui.sh dev

.PHONY: ui ui-dev

# What apid serves: the files of ui/dist in one.
pack_SRCS := ui/pack.c
TOOLS += pack
$(eval $(call program,pack,tools/pack))
CONSOLE_PACK := $(B)/share/hashscope/console.pack

$(CONSOLE_PACK): $(UI_DIST) $(pack_BIN)
	@mkdir -p $(@D)
	$(if $(V),,@echo "  PACK  console.pack")
	$(Q)! [ -e ui/dist/index.html ] || $(pack_BIN) $@ ui/dist

ifneq ($(shell command -v npm),)
all: $(CONSOLE_PACK)
endif
