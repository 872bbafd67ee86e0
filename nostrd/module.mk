PROGS += nostrd
nostrd_SRCS := $(wildcard nostrd/*.c)
nostrd_LIBS := -levent_core -lseccomp -lwebsockets -lssl -lcrypto -lsecp256k1
$(eval $(call program,nostrd,libexec/nostrd))
