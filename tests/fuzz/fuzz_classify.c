/*
 * The classifier, redaction and the naming of protocols on any bytes: what
 * they say must hold together, not depend on what was parsed before, and
 * hiding must keep lengths, JSON and meaning.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/json.h"
#include "common/stratum.h"
#include "common/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

#define REQUIRE(x)               \
	do {                     \
		if (!(x))        \
			abort(); \
	} while (0)

static void
check_text(const char *s, size_t max)
{
	size_t len = strnlen(s, max + 1);

	REQUIRE(len <= max && utf8_valid(s, len));
}

/* Does the struct agree with itself and with the line? */
static void
check(const uint8_t *s, size_t len, const struct stratum_msg *m)
{
	bool json = json_valid(s, len, STRATUM_DEPTH_MAX, NULL) == 0;
	bool object = m->kind >= STRATUM_REQUEST;

	REQUIRE(json == ((m->flags & STRATUM_F_JSON) != 0));
	REQUIRE(!json || object || m->kind == STRATUM_NOT_OBJECT);
	REQUIRE(utf8_valid(s, len) == ((m->flags & STRATUM_F_UTF8) != 0));
	REQUIRE(object || m->error[0] != '\0');
	REQUIRE(!object || json || m->error[0] != '\0' ||
	    (m->flags & STRATUM_F_MULTIPLE));
	REQUIRE((m->method != STRATUM_M_NONE) ==
	    (m->kind == STRATUM_REQUEST || m->kind == STRATUM_NOTIFICATION));
	REQUIRE((m->raw_id != NULL) == (m->id.type != STRATUM_ID_NONE));
	if (m->raw_id != NULL) {
		size_t at = (size_t)(m->raw_id - (const char *)s);

		REQUIRE(at < len && m->raw_id_len <= len - at);
		REQUIRE(json_valid(m->raw_id, m->raw_id_len, STRATUM_DEPTH_MAX,
			    NULL) == 0);
	}
	REQUIRE(strlen(m->method_text) <= m->method_len);
	check_text(m->method_text, STRATUM_METHOD_MAX);
	check_text(m->user_agent, STRATUM_TEXT_MAX);
	check_text(m->mining_session, STRATUM_TEXT_MAX);
	check_text(m->worker, STRATUM_TEXT_MAX);
	check_text(m->error, STRATUM_ERROR_MAX - 1);
}

static void
check_same(const struct stratum_msg *a, const struct stratum_msg *b)
{
	REQUIRE(a->kind == b->kind && a->method == b->method);
	REQUIRE(a->flags == b->flags && a->n_params == b->n_params);
	REQUIRE(a->protocol == b->protocol);
	REQUIRE(stratum_id_equal(&a->id, &b->id));
	REQUIRE(strcmp(a->method_text, b->method_text) == 0);
	REQUIRE(strcmp(a->user_agent, b->user_agent) == 0);
	REQUIRE(strcmp(a->worker, b->worker) == 0);
	REQUIRE(strcmp(a->error, b->error) == 0);
}

static void
check_redaction(struct stratum_parser *p, const uint8_t *s, size_t len,
    const struct stratum_msg *m)
{
	struct stratum_range r[STRATUM_RANGES_MAX];
	size_t n = stratum_redact_find(s, len, r, STRATUM_RANGES_MAX), i, at;
	uint8_t *copy = malloc(len + 1);
	struct stratum_msg after;

	REQUIRE(copy != NULL);
	memcpy(copy, s, len);
	REQUIRE((stratum_redact(copy, len) > 0) == (n > 0));
	REQUIRE(n == 0 || (m->flags & STRATUM_F_SENSITIVE));
	for (i = at = 0; i < n; at = r[i].start + r[i].len, i++) {
		REQUIRE(r[i].start >= at && r[i].len > 0);
		REQUIRE(r[i].len <= len - r[i].start);
		REQUIRE(memcmp(copy + at, s + at, r[i].start - at) == 0);
	}
	REQUIRE(memcmp(copy + at, s + at, len - at) == 0);
	stratum_classify(p, copy, len, false, &after);
	if (m->flags & STRATUM_F_JSON) {
		REQUIRE(after.flags & STRATUM_F_JSON);
		REQUIRE(after.kind == m->kind && after.method == m->method);
		REQUIRE(stratum_id_equal(&m->id, &after.id));
		REQUIRE(strcmp(m->worker, after.worker) == 0 ||
		    (m->flags & STRATUM_F_DUP_KEY));
	}
	free(copy);
}

/* Once it is named, more bytes change nothing. */
static void
check_foreign(const uint8_t *s, size_t len)
{
	struct stratum_foreign f, whole;
	size_t n;
	bool known = false;

	stratum_foreign(s, len, false, &whole);
	for (n = 0; n < len && n < 600; n += n < 80 ? 1 : 13) {
		stratum_foreign(s, n, false, &f);
		REQUIRE(!known || f.protocol != STRATUM_P_MORE);
		known = f.protocol != STRATUM_P_MORE;
		REQUIRE(!known || f.protocol == whole.protocol);
		REQUIRE(!known || strcmp(f.detail, whole.detail) == 0);
	}
	stratum_foreign(s, len, true, &f);
	REQUIRE(f.protocol != STRATUM_P_MORE);
	REQUIRE(
	    whole.protocol == STRATUM_P_MORE || whole.protocol == f.protocol);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct stratum_parser *p, *fresh;
	struct stratum_msg m, again;

	if (p == NULL) {
		REQUIRE((p = stratum_parser_new()) != NULL);
		REQUIRE((fresh = stratum_parser_new()) != NULL);
	}
	if (size > STRATUM_LINE_MAX)
		size = STRATUM_LINE_MAX;
	memset(&m, 0x55, sizeof(m));
	stratum_classify(p, data, size, false, &m);
	check(data, size, &m);
	stratum_classify(p, "{\"id\":[{\"\\u0041\":", 17, false, &again);
	stratum_classify(p, data, size, false, &again);
	check_same(&m, &again);
	/* One that never saw anything but what is broken off at once. */
	stratum_classify(fresh, "{", 1, false, &again);
	stratum_classify(fresh, data, size, false, &again);
	check_same(&m, &again);
	stratum_classify(p, "{\"id\":7}", 8, false, &again);
	REQUIRE(again.error[0] == '\0' && again.id.text[0] == '7');
	check_redaction(p, data, size, &m);
	check_foreign(data, size);
	return 0;
}
