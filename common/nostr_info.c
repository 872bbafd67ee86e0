/*
 * See nostr_info.h.
 */
#include <string.h>

#include "common/json.h"
#include "common/nostr_info.h"

static uint32_t
number(const struct jtree *t, uint32_t object, const char *name, int64_t most)
{
	int64_t v;

	if (jtree_int(t, jtree_member(t, object, name), &v) == -1 || v < 0 ||
	    v > most)
		return 0;
	return (uint32_t)v;
}

static bool
yes(const struct jtree *t, uint32_t object, const char *name)
{
	return jtree_is(t, jtree_member(t, object, name), J_TRUE);
}

int
nostr_info_parse(struct nostr_info *i, struct jtree *t, const char *text,
    size_t len)
{
	uint32_t limits;

	memset(i, 0, sizeof(*i));
	if (len > NOSTR_INFO_MAX || json_valid(text, len, 16, NULL) == -1 ||
	    jtree_parse(t, text, len) == -1 ||
	    !jtree_is(t, jtree_root(t), J_OBJECT))
		return -1;
	i->known = true;
	limits = jtree_member(t, jtree_root(t), "limitation");
	if (!jtree_is(t, limits, J_OBJECT))
		return 0;
	i->message_max = number(t, limits, "max_message_length", UINT32_MAX);
	i->content_max = number(t, limits, "max_content_length", UINT32_MAX);
	i->tags_max = number(t, limits, "max_event_tags", UINT32_MAX);
	i->pow = (uint8_t)number(t, limits, "min_pow_difficulty", 255);
	i->auth = yes(t, limits, "auth_required");
	i->payment = yes(t, limits, "payment_required");
	return 0;
}
