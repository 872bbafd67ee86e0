/*
 * An alert as the JSON object of the API and of hashscopectl -j.
 */
#ifndef COMMON_OBJECT_ALERT_H
#define COMMON_OBJECT_ALERT_H

#include "common/json.h"
#include "common/record_alert.h"

void object_alert(struct json_out *, const struct alert_rec *);

#endif
