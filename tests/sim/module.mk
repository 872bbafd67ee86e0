# Programs of the tests and of the demo: a pool, a miner, a player.
define sim_program
TOOLS += $(1)
$(1)_SRCS := tests/sim/$(1).c $$(wildcard tests/sim/sim*.c)
$(1)_LIBS := -levent_core -lyajl -lcrypto -lm
$$(eval $$(call program,$(1),sim/$(1)))
endef
$(foreach t,$(filter-out sim%,$(basename $(notdir $(wildcard tests/sim/*.c)))),$(eval $(call sim_program,$(t))))
