# The benchmarks: a minimal relay as the floor, a load generator with both
# ends, and bench.py, which runs them beside the peers and prints the table.
TOOLS += floor load bench_verify

floor_SRCS := tests/bench/floor.c
$(eval $(call program,floor,bench/floor))

load_SRCS := $(filter-out tests/bench/floor.c tests/bench/bench_verify.c,\
	$(wildcard tests/bench/*.c))
$(eval $(call program,load,bench/load))

bench_verify_SRCS := tests/bench/bench_verify.c tests/unit/verifylib.c \
	tests/sim/sim_json.c tests/sim/sim_sha.c tests/sim/sim_util.c \
	tests/sim/sim_work.c
bench_verify_LIBS := -levent_core -lyajl -lcrypto
$(eval $(call program,bench_verify,bench/verify))

bench: all tools
	$(Q)HS_BUILD=$(CURDIR)/$(B) /usr/bin/python3 -B tests/bench/bench.py
	$(Q)$(B)/bench/verify
	$(Q)HS_BUILD=$(CURDIR)/$(B) /usr/bin/python3 -B tests/bench/api.py
	$(Q)HS_BUILD=$(CURDIR)/$(B) /usr/bin/python3 -B tests/bench/agent.py
	$(Q)HS_BUILD=$(CURDIR)/$(B) /usr/bin/python3 -B tests/bench/console.py
