/*
 * The password role: yescrypt for auth, in a process of its own.
 */
#ifndef HASHSCOPED_PASSWORD_H
#define HASHSCOPED_PASSWORD_H

#include "common/proc.h"

#define PASSWORD_MAX  257 /* bytes of a password, with NUL */
#define PASSWORD_HASH 120 /* of what is made of it */

const struct proc_role *password_role(void);
void *password_new(void); /* NULL without memory */

/*
 * yescrypt of a password, with a new salt, into hash; -1 when it cannot.
 * Takes some 20 ms of a fast processor, and 16 MiB.
 */
int password_make(const char *password, char hash[PASSWORD_HASH]);
/* 1 if it is that password, 0 if not. */
int password_check(const char *password, const char *hash);

#endif
