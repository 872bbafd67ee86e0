PROGS += hashscopectl
hashscopectl_SRCS := $(wildcard hashscopectl/*.c)
hashscopectl_LIBS := -levent_core -lyajl
$(eval $(call program,hashscopectl,bin/hashscopectl))
