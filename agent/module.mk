# The replay role: a program of its own, supervised on the box.
PROGS += replay
replay_SRCS := $(wildcard agent/replay*.c)
replay_LIBS := -levent_core -lseccomp
$(eval $(call program,replay,libexec/replay))
# The agent: stands by itself on any host.
PROGS += hashscope-agent
hashscope-agent_SRCS := $(wildcard agent/agent*.c) nostrd/sign.c \
	nostrd/signer.c nostrd/tie.c hashscoped/resolver.c hashscoped/conf.c \
	$(wildcard hashscoped/conf_*.c)
hashscope-agent_LIBS := -levent_core -lseccomp -lwebsockets -lssl -lcrypto \
	-lsecp256k1 -lm
$(eval $(call program,hashscope-agent,bin/hashscope-agent))
