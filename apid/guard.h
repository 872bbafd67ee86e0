/*
 * What door.c needs of guard.c: connections of an address.
 */
#ifndef APID_GUARD_H
#define APID_GUARD_H

#include "apid/apid.h"

/* The name of our cookie. */
#define GUARD_COOKIE "hashscope"

/* false: this address has as many as it may have. */
bool guard_enter(struct guard *, const struct sockaddr_storage *);
/* They count as one address. */
bool guard_same(const struct sockaddr_storage *,
    const struct sockaddr_storage *);
void guard_leave(struct guard *, const struct sockaddr_storage *);

#endif
