/*
 * What the parts of the people's writer share.
 */
#ifndef HASHSCOPECTL_TEXT_H
#define HASHSCOPECTL_TEXT_H

#include "hashscopectl/output.h"

#define RED      "\033[31m"
#define YELLOW   "\033[33m"
#define DIM      "\033[2m"
#define OFF      "\033[0m"

#define TEXT_MAX 520

/* s escaped into buf, cut if longer; "-" for none. */
const char *safe(const char *s, char buf[TEXT_MAX]);
/* A label and what it says. */
void line(struct output *, const char *label, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* The same of untrusted text; nothing when it is "". */
void text_line(struct output *, const char *label, const char *text);

/* show summary */
void summary_text(struct output *, const struct summary *);

#endif
