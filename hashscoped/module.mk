PROGS += hashscoped
hashscoped_SRCS := $(wildcard hashscoped/*.c)
hashscoped_LIBS := -levent_core -lseccomp -lcrypt
$(eval $(call program,hashscoped,bin/hashscoped))
