# One cmocka program per test_*.c here; what it needs beyond the common
# library is named in test_NAME_SRCS and test_NAME_LIBS.
-include $(wildcard tests/unit/*.mk.local)

test_config_SRCS := hashscoped/conf.c $(wildcard hashscoped/conf_*.c)
test_config_values_SRCS := $(test_config_SRCS)
store_SRCS := $(wildcard captured/store*.c captured/select*.c) captured/map.c \
	captured/setting.c \
	captured/migrate.c captured/reader.c captured/sql.c captured/text.c \
	tests/unit/storelib.c
test_grammar_SRCS := $(wildcard hashscopectl/grammar*.c) hashscopectl/time.c
test_verify_input_SRCS := $(wildcard hashscopectl/verify_input*.c)
test_control_SRCS := hashscoped/control.c hashscoped/control_client.c hashscoped/control_feed.c
test_auth_db_SRCS := hashscoped/auth_db.c hashscoped/auth_file.c
test_throttle_SRCS := hashscoped/auth_throttle.c
test_audit_SRCS := hashscoped/auth_audit.c
test_auth_SRCS := $(wildcard hashscoped/auth*.c) hashscoped/password.c
test_store_SRCS := $(store_SRCS)
test_head_SRCS := apid/head.c apid/pack.c
test_rollup_SRCS := $(store_SRCS)
test_select_SRCS := $(store_SRCS)
# It starts the real process.
test_query_SRCS := $(store_SRCS)
$(B)/unit/test_query: $(B)/libexec/captured
$(B)/unit/test_replay_role: $(B)/libexec/replay
test_capture_SRCS := $(wildcard captured/store*.c) tests/unit/capture_util.c \
	$(patsubst %,captured/%.c,account commit feed hold ingest map message migrate \
	pair restore session setting share share_news sql tap_in text worker alert watch \
	watch_chain watch_pool watch_save watch_session watch_worker watching)
test_capture_kill_SRCS := $(test_capture_SRCS)
test_capture_share_SRCS := $(test_capture_SRCS) tests/unit/verifylib.c
test_select_share_SRCS := $(test_capture_SRCS) $(wildcard captured/select*.c) \
	captured/reader.c tests/unit/verifylib.c
test_capture_ipc_SRCS := $(test_capture_SRCS)
test_watch_day_SRCS := $(test_capture_SRCS) tests/unit/daylib.c
test_watch_SRCS := $(patsubst %,captured/%.c,alert watch watch_chain watch_pool \
	watch_save watch_session watch_worker)
test_setting_SRCS := $(test_capture_SRCS) captured/act_in.c
relay_SRCS := $(filter-out relayd/main.c,$(wildcard relayd/*.c))
test_proxy_SRCS := $(relay_SRCS)
test_limits_SRCS := relayd/limits.c
test_replay_SRCS := $(relay_SRCS)
test_tap_ring_SRCS := $(relay_SRCS)
test_work_SRCS := tests/unit/verifylib.c
test_explain_SRCS := tests/unit/verifylib.c
test_verify_SRCS := tests/unit/verifyrig.c tests/unit/verifylib.c tests/sim/sim_json.c \
	tests/sim/sim_sha.c tests/sim/sim_util.c tests/sim/sim_work.c
test_verify_terms_SRCS := $(test_verify_SRCS)
test_verify_pool_SRCS := $(test_verify_SRCS)
test_verify_LIBS := -lm
test_verify_terms_LIBS := -lm
test_verify_pool_LIBS := -lm
test_agent_SRCS := $(patsubst %,agent/agent_%.c,intake mine stats)
test_agent_LIBS := -lm
test_outbox_SRCS := nostrd/outbox.c nostrd/seqs.c
# These two run out of memory when they are told to.
test_json_LIBS := -Wl,--wrap=realloc
test_line_LIBS := -Wl,--wrap=realloc

define unit_test
UNIT += $(1)
$(1)_SRCS += tests/unit/$(1).c
$(1)_LIBS += -lcmocka -levent_core -lseccomp -lsqlite3 -lyajl -lsecp256k1 -lcrypto -lcrypt
$$(eval $$(call program,$(1),unit/$(1)))
endef
$(foreach t,$(basename $(notdir $(wildcard tests/unit/test_*.c))),$(eval $(call unit_test,$(t))))
