# What more than one process uses.  A static library: each program links
# only the objects that it calls.
common_SRCS := $(wildcard common/*.c)
