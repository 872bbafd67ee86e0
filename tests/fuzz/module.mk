# One fuzz target per fuzz_*.c here (LLVMFuzzerTestOneInput).  In `make
# check` each runs its corpus through replay.c; `make fuzz` builds them
# with libFuzzer and explores.
FUZZ_SECONDS ?= 300

fuzz_config_SRCS := hashscoped/conf.c $(wildcard hashscoped/conf_*.c)
fuzz_users_SRCS := hashscoped/auth_db.c hashscoped/auth_file.c
fuzz_proxy_SRCS := $(filter-out relayd/main.c,$(wildcard relayd/*.c))
fuzz_head_SRCS := apid/head.c
fuzz_verify_input_SRCS := $(wildcard hashscopectl/verify_input*.c)

define fuzz_target
FUZZ += $(1)
$(1)_SRCS += tests/fuzz/$(1).c
$(1)_LIBS += -levent_core -lseccomp -lsqlite3 -lyajl -lwebsockets -lsecp256k1 -lssl -lcrypto
$(1)_replay_SRCS := $$($(1)_SRCS) tests/fuzz/replay.c
$(1)_replay_LIBS := $$($(1)_LIBS)
$$(eval $$(call program,$(1)_replay,fuzz/$(1)))
$(1)_BIN := $$($(1)_replay_BIN)
build-fuzz/$(1): $$($(1)_SRCS) $$(common_SRCS)
	@mkdir -p $$(@D)
	clang $$(CPPFLAGS) -std=gnu11 -O1 -g -fsanitize=fuzzer,address,undefined \
		-fno-sanitize-recover=undefined -o $$@ $$($(1)_SRCS) $$(common_SRCS) $$($(1)_LIBS)
endef
$(foreach t,$(basename $(notdir $(wildcard tests/fuzz/fuzz_*.c))),$(eval $(call fuzz_target,$(t))))

fuzz: $(addprefix build-fuzz/,$(FUZZ))
	$(Q)for t in $(FUZZ); do mkdir -p build-fuzz/corpus/$$t; \
		build-fuzz/$$t -max_total_time=$(FUZZ_SECONDS) -timeout=5 \
		-print_final_stats=1 build-fuzz/corpus/$$t tests/fuzz/corpus/$$t || exit 1; done
