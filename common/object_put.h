/*
 * Members of the objects: a key and what a record has for it, or null where
 * it has nothing.
 */
#ifndef COMMON_OBJECT_PUT_H
#define COMMON_OBJECT_PUT_H

#include <stdbool.h>
#include <stdint.h>

#include "common/json.h"

/* 0 is null. */
void object_put_time(struct json_out *, const char *key, int64_t us);
void object_put_id(struct json_out *, const char *key, uint64_t id);
/* "" is null. */
void object_put_text(struct json_out *, const char *key, const char *text);
/* Not above 0 is null: what is not known of a difficulty. */
void object_put_positive(struct json_out *, const char *key, double);
/* Eight hex digits, or null. */
void object_put_hex32(struct json_out *, const char *key, bool known, uint32_t);
/* Bytes in hex, at most 32768, or null; reversed as hashes are shown. */
void object_put_hex(struct json_out *, const char *key, bool known,
    const uint8_t *, size_t);
void object_put_hash(struct json_out *, const char *key, bool known,
    const uint8_t hash[32]);

#endif
