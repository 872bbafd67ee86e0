/*
 * The query role: answers structured queries on the store, read-only, in two
 * lanes (page, search) that are two processes of this code.
 *
 * QUERY from an asker (control, apid, replay, nostrd): ROW_* and one QUERY_END
 * come back under its number.  After QUERY_CANCEL nothing more comes, no QUERY_END either.
 */
#ifndef CAPTURED_QUERY_H
#define CAPTURED_QUERY_H

#include "common/proc.h"

/* which: ROLE_QUERY_PAGE or ROLE_QUERY_SEARCH. */
const struct proc_role *query_role(enum role which);

#endif
