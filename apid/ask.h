/*
 * What api.c's handlers of messages give to ask.c.
 */
#ifndef APID_ASK_H
#define APID_ASK_H

#include "apid/apid.h"

/* false: nobody asks under its number (any more). */
bool ask_row(struct apid *, enum role at, struct msg_in *);
void ask_last(struct apid *, enum role at, struct msg_in *);
/* Who was asked is gone. */
void asks_fail(struct apid *, enum role at);

#endif
