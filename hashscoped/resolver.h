/*
 * The resolver role: names to addresses, for one client.
 */
#ifndef HASHSCOPED_RESOLVER_H
#define HASHSCOPED_RESOLVER_H

#include "common/proc.h"

const struct proc_role *resolver_role(void);
/* The same for nostrd. */
const struct proc_role *nostr_resolver_role(void);
void *resolver_new(void); /* NULL without memory */
/* Without a supervisor, for an agent: serves fd, and ends the loop with it. */
int resolver_alone(struct event_base *, int fd);

#endif
