PROGS += captured
captured_SRCS := $(wildcard captured/*.c)
captured_LIBS := -levent_core -lseccomp -lsqlite3 -lyajl
$(eval $(call program,captured,libexec/captured))
