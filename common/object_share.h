/*
 * Shares, workers and jobs as JSON: the objects of the API and of
 * hashscopectl -j.
 */
#ifndef COMMON_OBJECT_SHARE_H
#define COMMON_OBJECT_SHARE_H

#include "common/json.h"
#include "common/record.h"
#include "common/record_share.h"

void object_share(struct json_out *, const struct share_rec *);
void object_worker(struct json_out *, const struct worker_rec *);
void object_job(struct json_out *, const struct job_rec *);

/* Its cause in a sentence; "" for a share that is plainly valid. */
void share_sentence(const struct share_rec *, char *buf, size_t size);

#endif
