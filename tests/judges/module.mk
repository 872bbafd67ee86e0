# HashScope's side of what a judge of another make compares.
TOOLS += nip44
nip44_SRCS := tests/judges/nip44.c
nip44_LIBS := -lsecp256k1 -lcrypto
$(eval $(call program,nip44,judges/nip44))
