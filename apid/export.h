/*
 * GET /api/export
 */
#ifndef APID_EXPORT_H
#define APID_EXPORT_H

struct request;

void get_export(struct request *);

#endif
