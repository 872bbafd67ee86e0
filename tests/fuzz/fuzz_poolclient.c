/*
 * What a pool may say to a client of ours: any bytes, cut anywhere.  The
 * first byte is how long each piece is; shares are submitted as soon as that
 * may be, and with what came as their line too.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/poolclient.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static const char submit[] =
    "{\"id\":1,\"method\":\"mining.submit\",\"params\":[\"w\"]}";

struct talk {
	struct poolclient *p;
	unsigned answers;
};

static void
on_state(void *arg, enum poolclient_state state)
{
	struct talk *t = arg;

	if (state == POOLCLIENT_READY)
		(void)poolclient_submit_line(t->p, submit, sizeof(submit) - 1,
		    7, 1);
}

static void
on_answer(void *arg, const struct poolclient_answer *a)
{
	struct talk *t = arg;

	if (a->tag != 7 || a->raw_len == 0)
		abort();
	/* Again and again; the third answer is the end of it. */
	if (++t->answers == 3) {
		poolclient_free(t->p);
		t->p = NULL;
		return;
	}
	(void)poolclient_submit_line(t->p, submit, sizeof(submit) - 1, 7, 2);
}

static void
on_notice(void *arg, const char *method, const struct jtree *tree,
    uint32_t params)
{
	(void)jtree_count(tree, params);
}

static const struct poolclient_ops ops = { on_state, on_answer, on_notice };

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct poolclient_conf conf = { .user_agent = "f",
		.session = "s",
		.worker = "w",
		.password = "x",
		.version_mask = 0x1fffe000 };
	struct talk t = { .p = poolclient_new(&conf, &ops, &t) };
	size_t step, n;

	if (t.p == NULL || size == 0)
		goto out;
	step = data[0] == 0 ? size : data[0];
	(void)poolclient_submit_line(t.p, (const char *)data + 1, size - 1, 7,
	    0);
	for (size_t at = 1; at < size && t.p != NULL; at += n) {
		n = size - at < step ? size - at : step;
		if (poolclient_feed(t.p, data + at, n, at) == -1)
			break;
		poolclient_sent(t.p, poolclient_out(t.p)->len / 2);
	}
out:
	poolclient_free(t.p);
	return 0;
}
