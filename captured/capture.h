/*
 * The role captured: takes the copies that relayd makes, cuts them into
 * messages, stores them and tells viewers.
 */
#ifndef CAPTURED_CAPTURE_H
#define CAPTURED_CAPTURE_H

#include "common/proc.h"

const struct proc_role *capture_role(void);
/* The argument of the role's functions; NULL without memory. */
void *capture_new(void);

#endif
