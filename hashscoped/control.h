/*
 * The control role: the socket of hashscopectl(8).  It knows who asks, by
 * SO_PEERCRED, passes questions on to whoever can answer, and the answers
 * back, unread.
 */
#ifndef HASHSCOPED_CONTROL_H
#define HASHSCOPED_CONTROL_H

#include "common/proc.h"

const struct proc_role *control_role(void);
/* The argument of the role's functions; NULL without memory. */
void *control_new(void);

#endif
