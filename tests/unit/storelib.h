/*
 * What the tests of the store share: a store in a directory of its own, and
 * short ways to fill it.
 */
#ifndef TESTS_UNIT_STORELIB_H
#define TESTS_UNIT_STORELIB_H

#include "captured/store.h"

struct fixture {
	struct capture_conf conf;
	struct store *st;
	char moved[CONF_PATH + 128];
};

/* A new directory with default bounds; no store is open. */
void fixture_init(struct fixture *);
/* Closes, and removes the directory. */
void fixture_done(struct fixture *);
void fixture_open(struct fixture *);
void fixture_close(struct fixture *);
/* The path of a file of it; valid until the next call. */
const char *fixture_path(const struct fixture *, const char *name);

/* A live session's row, its id made from the number. */
void make_session(struct store_session *, struct store *);
void uuid_of(uint64_t sid, uint8_t id[16]);
void write_session(struct store *, struct store_session *);
void end_session(struct store *, struct store_session *);

/* A request of raw text, received now; the rest may be changed. */
void make_msg(struct store_msg *, struct store *, uint64_t sid,
    const char *raw);
/* Makes one and adds it; its position. */
uint64_t add_msg(struct store *, uint64_t sid, const char *raw);
/* begin and commit, with seq moved by one. */
void commit(struct store *);
uint64_t stat_of(struct store *, const char *name);
/* Runs a query of one number on the file, from outside; -1: no row. */
int64_t ask(const struct fixture *, const char *sql);

#endif
