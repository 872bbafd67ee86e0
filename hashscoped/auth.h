/*
 * The auth role: who somebody is, what they may have done, and the audit
 * log of it.
 */
#ifndef HASHSCOPED_AUTH_H
#define HASHSCOPED_AUTH_H

#include "common/proc.h"

const struct proc_role *auth_role(void);
void *auth_new(void); /* NULL without memory */

#endif
