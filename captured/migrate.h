/*
 * The schema, as numbered steps that are only ever added to.
 */
#ifndef CAPTURED_MIGRATE_H
#define CAPTURED_MIGRATE_H

#include <sqlite3.h>

/* Marks the file as ours ("HSst"). */
#define STORE_APPLICATION_ID 0x48537374

/* The version that this program writes and reads. */
int migrate_latest(void);
/*
 * Brings a database up to date, each step in its own transaction.  0; -1
 * when a step failed (sqlite3_errmsg says why), or when the file is newer
 * than this program or belongs to another: then *foreign is 1.
 */
int migrate(sqlite3 *, int *foreign);

#endif
