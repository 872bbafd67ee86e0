/*
 * See summary.h.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/answer.h"
#include "common/jtree.h"
#include "common/stratum.h"
#include "common/summary.h"
#include "common/utf8.h"

#define WORD_MAX 48 /* bytes of what somebody else says, in a line */

/* What is written of a message; the tree is of its line. */
struct summing {
	const struct jtree *t;
	uint32_t params;
	char *buf;
	size_t size, len;
};

static void add(struct summing *, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static void
add(struct summing *x, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(x->buf + x->len, x->size - x->len, fmt, ap);
	va_end(ap);
	if (n > 0)
		x->len += (size_t)n;
	if (x->len >= x->size)
		x->len = x->size - 1;
}

/* Text of others: valid, short, on one line. */
static void
add_text(struct summing *x, const char *before, const char *text, size_t len)
{
	char word[WORD_MAX];

	if (len == 0)
		return;
	utf8_copy(word, sizeof(word), text, len);
	for (char *p = word; *p != '\0'; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = ' ';
	add(x, "%s%s", before, word);
}

/* A string or a number of params. */
static void
add_param(struct summing *x, const char *before, uint32_t i)
{
	char name[512];
	long n = jtree_name(x->t, jtree_item(x->t, x->params, i), name,
	    sizeof(name));

	if (n > 0)
		add_text(x, before, name, (size_t)n);
}

static void
sum_submit(struct summing *x)
{
	add(x, "share");
	add_param(x, " for job ", 1);
	add_param(x, " by ", 0);
}

static void
sum_notify(struct summing *x)
{
	add(x, "new job");
	add_param(x, " ", 0);
	if (jtree_is(x->t, jtree_item(x->t, x->params, 8), J_TRUE))
		add(x, ", earlier ones are stale");
}

static void
sum_subscribe(struct summing *x)
{
	add(x, "subscribes");
	add_param(x, ", ", 0);
}

static void
sum_authorize(struct summing *x)
{
	add(x, "logs in");
	add_param(x, " as ", 0);
}

static void
sum_difficulty(struct summing *x)
{
	add(x, "difficulty");
	add_param(x, " ", 0);
}

static void
sum_suggest(struct summing *x)
{
	add(x, "asks for difficulty");
	add_param(x, " ", 0);
}

static void
sum_extranonce(struct summing *x)
{
	add(x, "new extranonce1");
	add_param(x, " ", 0);
}

static void
sum_mask(struct summing *x)
{
	add(x, "version bits");
	add_param(x, " ", 0);
}

static void
sum_reconnect(struct summing *x)
{
	add(x, "told to reconnect");
	add_param(x, " to ", 0);
	add_param(x, ":", 1);
}

static void
sum_show(struct summing *x)
{
	add(x, "message");
	add_param(x, ": ", 0);
}

static const struct {
	enum stratum_method method;
	void (*fn)(struct summing *);
} calls[] = {
	{ STRATUM_M_SUBMIT, sum_submit },
	{ STRATUM_M_NOTIFY, sum_notify },
	{ STRATUM_M_SUBSCRIBE, sum_subscribe },
	{ STRATUM_M_AUTHORIZE, sum_authorize },
	{ STRATUM_M_SET_DIFFICULTY, sum_difficulty },
	{ STRATUM_M_SUGGEST_DIFFICULTY, sum_suggest },
	{ STRATUM_M_SET_EXTRANONCE, sum_extranonce },
	{ STRATUM_M_SET_VERSION_MASK, sum_mask },
	{ STRATUM_M_RECONNECT, sum_reconnect },
	{ STRATUM_M_SHOW_MESSAGE, sum_show },
};

static void
sum_call(struct summing *x, const struct message_rec *m)
{
	enum stratum_method method = stratum_method_find(m->method,
	    strlen(m->method));
	size_t i;

	x->params = jtree_member(x->t, jtree_root(x->t), "params");
	for (i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		if (calls[i].method == method) {
			calls[i].fn(x);
			return;
		}
	add_text(x, "", m->method, strlen(m->method));
}

static void
sum_answer(struct summing *x, const struct message_rec *m)
{
	struct answer a;

	answer_parse(x->t, &a);
	if (strcmp(m->method, "mining.submit") == 0) {
		add(x, "share %s",
		    a.class == ANSWER_ACCEPTED     ? "accepted" :
			a.class == ANSWER_REJECTED ? "rejected" :
						     "answered oddly");
	} else {
		add_text(x, m->flags & MF_ERROR ? "no to " : "answer to ",
		    m->method, strlen(m->method));
		if (m->method[0] == '\0')
			add(x, m->flags & MF_ERROR ? "no" : "answer");
	}
	if (a.text[0] != '\0')
		add_text(x, ": ", a.text, strlen(a.text));
	else if (a.has_code)
		add(x, ": code %" PRId64, a.code);
}

static void
sum_foreign(struct summing *x, const struct message_rec *m)
{
	if (m->protocol[0] != '\0' && strcmp(m->protocol, "stratum") != 0)
		add_text(x, "not Stratum: ", m->protocol, strlen(m->protocol));
	else
		add(x, "not JSON");
}

void
message_summary(const struct message_rec *m, char *buf, size_t size)
{
	struct summing x = { .buf = buf, .size = size };
	struct jtree t;

	buf[0] = '\0';
	/* What could not be read has an empty tree. */
	(void)jtree_parse(&t, m->raw != NULL ? (const char *)m->raw : "",
	    m->raw_len);
	x.t = &t;
	if (m->flags & MF_RESPONSE)
		sum_answer(&x, m);
	else if (m->flags & (MF_REQUEST | MF_NOTIFICATION))
		sum_call(&x, m);
	else
		sum_foreign(&x, m);
	if (x.len == 0)
		add(&x, "message");
	/* Cut in the middle of a character: not that one then. */
	while (x.len > 0 && !utf8_valid(buf, x.len))
		buf[--x.len] = '\0';
}
