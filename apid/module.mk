PROGS += apid
apid_SRCS := $(wildcard apid/*.c)
apid_LIBS := -levent_core -lseccomp -lmicrohttpd -lwebsockets -lyajl
$(eval $(call program,apid,libexec/apid))
