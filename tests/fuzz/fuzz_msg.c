/*
 * The cursor that reads every body between processes, over arbitrary bytes:
 * the first byte picks a record, the rest is its body.  A record that
 * passes must come out of its put byte for byte as it came in.
 */
#include <stdlib.h>
#include <string.h>

#include "common/childconf.h"
#include "common/record.h"
#include "common/record_share.h"
#include "common/tap.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
check(int ok, struct mbuf *again, const uint8_t *data, size_t len)
{
	if (ok == 0 &&
	    (again->bad || again->len != len ||
		memcmp(again->data, data, len) != 0))
		abort();
	mbuf_free(again);
}

#define RECORD(type, stem)                                 \
	static void stem##_one(const uint8_t *p, size_t n) \
	{                                                  \
		static struct type rec;                    \
		struct mbuf again;                         \
		struct mcur c;                             \
                                                           \
		mcur_init(&c, p, n);                       \
		stem##_get(&c, &rec);                      \
		mbuf_init(&again);                         \
		if (msg_end(&c) == 0)                      \
			stem##_put(&again, &rec);          \
		check(msg_end(&c), &again, p, n);          \
	}

/* clang-format off */
RECORD(message_rec, message)
RECORD(session_rec, session)
RECORD(query, query)
RECORD(query_end, query_end)
RECORD(feed_head, feed_head)
RECORD(stats, stats)
RECORD(process_rec, process)
RECORD(share_rec, share)
RECORD(worker_rec, worker)
RECORD(job_rec, job)
RECORD(relay_conf, relay_conf)
RECORD(listen_conf, listen_conf)
RECORD(pool_conf, pool_conf)
RECORD(net_conf, net_conf)
RECORD(capture_conf, capture_conf)
RECORD(control_conf, control_conf)
/* clang-format on */

/* A batch of the tap: payloads lie within it, strings end. */
static void
tap_one(const uint8_t *p, size_t n)
{
	struct tap_entry e;
	struct tap_open o;
	struct mcur c;
	size_t used = 0;

	mcur_init(&c, p, n);
	while (tap_next(&c, &e) == 1) {
		used += sizeof(e.h) + TAP_PAD(e.h.len);
		if (used > n || e.h.kind >= TAP_KIND_MAX || e.h.dir > 1 ||
		    e.payload < p || e.payload + e.h.len > p + n)
			abort();
		if (e.h.kind != TAP_OPEN)
			continue;
		memcpy(&o, e.payload, sizeof(o));
		if (strlen(o.peer) >= sizeof(o.peer))
			abort();
	}
	if (!c.bad && used != n)
		abort();
}

/* A batch of the feed: a head and as many messages as it says. */
static void
feed_one(const uint8_t *p, size_t n)
{
	struct feed_head h;
	struct message_rec m;
	struct mcur c;
	uint32_t i;

	mcur_init(&c, p, n);
	feed_head_get(&c, &h);
	for (i = 0; i < h.count && !c.bad; i++) {
		message_get(&c, &m);
		if (m.raw == NULL ||
		    (m.raw_len > 0 && (m.raw < p || m.raw + m.raw_len > p + n)))
			abort();
	}
}

/* Each get function, in an order that the input gives. */
static void
gets_one(const uint8_t *p, size_t n)
{
	char str[8];
	uint8_t raw[5];
	const uint8_t *ops = p;
	size_t i, len, nops = n < 64 ? n : 64;
	struct mcur c;

	mcur_init(&c, p, n);
	for (i = 0; i < nops; i++) {
		switch (ops[i] % 9) {
		case 0:
			msg_get_u8(&c);
			break;
		case 1:
			msg_get_u16(&c);
			break;
		case 2:
			msg_get_u32(&c);
			break;
		case 3:
			msg_get_u64(&c);
			break;
		case 4:
			msg_get_i64(&c);
			break;
		case 5:
			msg_get_double(&c);
			break;
		case 6:
			msg_get_raw(&c, raw, sizeof(raw));
			break;
		case 7:
			if (msg_get_bytes(&c, &len, 100) == NULL || len > 100)
				abort();
			break;
		default:
			msg_get_str(&c, str, sizeof(str));
			if (strlen(str) >= sizeof(str))
				abort();
		}
		if (c.left > n || (c.bad && msg_end(&c) == 0))
			abort();
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const all[])(const uint8_t *, size_t) = {
		gets_one,
		message_one,
		session_one,
		query_one,
		query_end_one,
		feed_head_one,
		stats_one,
		process_one,
		relay_conf_one,
		listen_conf_one,
		pool_conf_one,
		net_conf_one,
		capture_conf_one,
		control_conf_one,
		tap_one,
		feed_one,
		share_one,
		worker_one,
		job_one,
	};

	if (size > 0)
		all[data[0] % (sizeof(all) / sizeof(all[0]))](data + 1,
		    size - 1);
	return 0;
}
