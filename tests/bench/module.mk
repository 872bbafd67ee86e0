# The benchmarks: a minimal relay as the floor, a load generator with both
# ends, and bench.py, which runs them beside the peers and prints the table.
TOOLS += floor load

floor_SRCS := tests/bench/floor.c
$(eval $(call program,floor,bench/floor))

load_SRCS := $(filter-out tests/bench/floor.c,$(wildcard tests/bench/*.c))
$(eval $(call program,load,bench/load))

bench: all tools
	$(Q)HS_BUILD=$(CURDIR)/$(B) /usr/bin/python3 -B tests/bench/bench.py
