/*
 * A message in one short line, for tables: what it is and what tells it from
 * others of its kind.
 */
#ifndef COMMON_SUMMARY_H
#define COMMON_SUMMARY_H

#include "common/record.h"

#define SUMMARY_MAX 128

/* Valid UTF-8, cut to size; never empty. */
void message_summary(const struct message_rec *, char *buf, size_t size);

#endif
