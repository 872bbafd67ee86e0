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

/* The sequence when there is colour, else NULL. */
const char *text_colour(const struct output *, const char *sequence);

/* output_share.c, output_job.c: the tables and what is told of one. */
const struct table_column *share_columns(enum listing);
void share_row(struct output *, const struct share_rec *);
void worker_row(struct output *, const struct worker_rec *);
void share_one(struct output *, const struct share_rec *);
/* Its verdict, and the pool's, for those who look at its message. */
void share_lines(struct output *, const struct share_rec *);
void job_row(struct output *, const struct job_rec *);
void job_one(struct output *, const struct job_rec *);

/* output_stat.c */
const struct table_column *stat_columns(void);
void stat_row(struct output *, const struct stat_rec *);
/* What a session earns and how it speaks. */
void account_lines(struct output *, const struct session_rec *);

/* output_nostr.c */
const struct table_column *nostr_columns(enum listing);
void relay_row(struct output *, const struct nostr_relay_rec *);
void agent_row(struct output *, const struct agent_rec *);

/* output_alert.c */
void alert_row(struct output *, const struct alert_rec *);

/* output_explain.c: what it means, and each value by its name. */
void explain_lines(struct output *, const struct message_rec *);
/* How a share was verified, step by step. */
void verification_lines(struct output *, const struct share_rec *);

/* show summary */
void summary_text(struct output *, const struct summary *);

#endif
