/*
 * Prepared each time: it is asked only when relayd tells again of a session
 * that is not live here.
 */
#include "captured/store_find.h"
#include "captured/store_int.h"

int
store_knows(struct store *st, const uint8_t uuid[16])
{
	static const char text[] = "SELECT 1 FROM sessions WHERE uuid=?";
	sqlite3_stmt *q;
	int rc;

	if (sqlite3_prepare_v2(st->db, text, -1, &q, NULL) != SQLITE_OK)
		return -1;
	rc = sqlite3_bind_blob(q, 1, uuid, 16, SQLITE_STATIC);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(q);
	sqlite3_finalize(q);
	if (rc == SQLITE_ROW)
		return 1;
	return rc == SQLITE_DONE ? 0 : -1;
}
