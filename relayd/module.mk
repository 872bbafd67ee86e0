PROGS += relayd
relayd_SRCS := $(wildcard relayd/*.c)
relayd_LIBS := -levent_core -lseccomp
$(eval $(call program,relayd,libexec/relayd))
