/*
 * Requests that wait for their answer, of one direction of one session.
 *
 * Ids are re-used (cpuminer sends every submit under id 4), so requests of
 * one id, by type and value, are answered in the order in which they came.
 * The list is bounded: whoever never answers loses the oldest.
 */
#ifndef CAPTURED_PAIR_H
#define CAPTURED_PAIR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/stratum.h"

#define PAIR_MAX       256
#define PAIR_INLINE    16
#define PAIR_ITEM_MAX  (24 + STRATUM_ID_MAX + STRATUM_METHOD_MAX)
#define PAIR_METHOD_SZ (STRATUM_METHOD_MAX + 1)

/* A request.  Kept small: there may be 512 of them in each session. */
struct pair_entry {
	uint64_t pos;
	uint64_t ts; /* read; monotonic ns */
	uint64_t hash;
	uint32_t id_len; /* the whole of it */
	uint8_t id_type;
	uint8_t id_kept;
	uint8_t method;       /* enum stratum_method */
	uint8_t method_len;   /* of an unknown method's text, in more */
	char *more;           /* what does not fit: the id, the method */
	char id[PAIR_INLINE]; /* if it fits */
};

struct pair_list {
	struct pair_entry *e;
	uint16_t head, n, cap;
};

/* What is asked of an entry that is taken out. */
struct pair_answer {
	uint64_t pos;
	uint64_t ts;
	enum stratum_method kind;
	char method[PAIR_METHOD_SZ];
};

/*
 * Adds a request.  dropped is the position of the one that had to go for
 * it, 0 for none.  -1 without memory.
 */
int pair_push(struct pair_list *, uint64_t pos, uint64_t ts,
    const struct stratum_msg *, uint64_t *dropped);
/* The oldest request of this id, taken out; false when there is none. */
bool pair_take(struct pair_list *, const struct stratum_id *,
    struct pair_answer *);
/* Takes out the oldest, or the newest, whatever its id; 0: the list is empty.
 * Returns its position. */
uint64_t pair_shift(struct pair_list *);
uint64_t pair_pop(struct pair_list *);
/* The newest waits under this very id. */
bool pair_is_newest(const struct pair_list *, const struct stratum_id *);
/* The position of the newest, 0 when empty. */
uint64_t pair_newest(const struct pair_list *);
void pair_clear(struct pair_list *);

/* The newest entry as bytes for the store, and back at its end. */
size_t pair_pack(const struct pair_list *, uint8_t out[PAIR_ITEM_MAX]);
int pair_unpack(struct pair_list *, uint64_t pos, const void *, size_t);

#endif
