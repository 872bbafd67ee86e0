# The replay role: a program of its own, supervised on the box.
PROGS += replay
replay_SRCS := $(wildcard agent/replay*.c)
replay_LIBS := -levent_core -lseccomp
$(eval $(call program,replay,libexec/replay))
