# Programs of the tests and of the demo: a pool, a miner, a player.  NAME.c
# and NAME_*.c make the program NAME; sim*.c is shared by all of them.
define sim_program
TOOLS += $(1)
$(1)_SRCS := tests/sim/$(1).c $$(wildcard tests/sim/$(1)_*.c tests/sim/sim*.c)
$(1)_LIBS := -levent_core -lcrypto -lm
$$(eval $$(call program,$(1),sim/$(1)))
endef
$(foreach t,$(basename $(notdir $(filter-out tests/sim/sim%,$(wildcard tests/sim/*.c)))),$(if $(findstring _,$(t)),,$(eval $(call sim_program,$(t)))))
relay_LIBS += -lsecp256k1
