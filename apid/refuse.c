/*
 * What is refused before anybody is asked: counted, and told to the log now and
 * then.  A wrong Host, a foreign Origin or a form is nobody's act, since no
 * credential has been looked at, so it is not in the audit log; that somebody
 * known may not act is, and auth writes that.
 */
#include <string.h>

#include "apid/request.h"
#include "common/log.h"

#define EVERY_MS      60000 /* between two lines about the same */
#define SHOWN         80    /* bytes of what a stranger sent */
/* Refused acts that are passed on to auth for its line: so many a second. */
#define PASS_A_SECOND 20

const char *
refusal_name(enum refusal why)
{
	static const char *const names[REFUSALS] = { "host", "origin", "form",
		"role" };

	return names[why];
}

void
refuse_count(struct apid *a, enum refusal why, const char *peer,
    struct span what)
{
	struct refused *n = &a->refused[why];
	char text[SHOWN * 4 + 1];
	int64_t now = api_now();

	n->count++;
	if (n->told != 0 && now - n->told < EVERY_MS)
		return;
	text_escape(text, sizeof(text), what.p == NULL ? "" : what.p,
	    what.len < SHOWN ? what.len : SHOWN);
	log_warnx("refused a request from %s for its %s \"%s\" (%llu so far)",
	    peer, refusal_name(why), text, (unsigned long long)n->count);
	n->told = now;
}

bool
refuse_pass_on(struct apid *a, bool is_act)
{
	int64_t now = api_now();

	a->refused[REFUSED_ROLE].count++;
	if (!is_act)
		return false;
	if (now - a->passing_since >= 1000) {
		a->passing_since = now;
		a->passing = 0;
	}
	return a->passing++ < PASS_A_SECOND;
}
