/*
 * What can only be checked when the file and the environment are both in:
 * the listeners that are there by default, and addresses that exclude each
 * other.
 */

#include <string.h>

#include "hashscoped/conf_int.h"

static int
is_default(const struct conf_addr *a)
{
	return strcmp(a->where, CONF_BY_DEFAULT) == 0;
}

/*
 * Both cannot be bound.  Where other errors are, a default one may stand for
 * a listener that could not be read, and is not worth a complaint.
 */
static void
check_pair(const struct conf_addr *a, const struct conf_addr *b,
    int other_errors, struct conf_errors *errs)
{
	if (!conf_addr_overlap(a, b))
		return;
	if (other_errors && (is_default(a) || is_default(b)))
		return;
	/* Better at what the operator wrote. */
	if (is_default(b)) {
		const struct conf_addr *tmp = a;

		a = b;
		b = tmp;
	}
	conf_error(errs, b->where, "listen on %s overlaps with %s, at %s",
	    b->text, a->text, a->where);
}

/* The miners' listeners first, then the console's. */
static const struct conf_addr *
addr_at(const struct config *c, size_t i)
{
	if (i < c->nlisten)
		return &c->listen[i].addr;
	i -= c->nlisten;
	return i < c->console.nlisten ? &c->console.listen[i] : NULL;
}

static void
check_overlaps(const struct config *c, struct conf_errors *errs)
{
	int other_errors = errs->n > 0;
	const struct conf_addr *a, *b;
	size_t i, j;

	for (j = 0; (b = addr_at(c, j)) != NULL; j++)
		for (i = 0; i < j; i++) {
			a = addr_at(c, i);
			check_pair(a, b, other_errors, errs);
		}
}

/* Whoever reached it could do everything. */
static void
check_open_console(const struct config *c, struct conf_errors *errs)
{
	size_t i;

	for (i = 0; !c->console.auth && i < c->console.nlisten; i++) {
		const struct conf_addr *a = &c->console.listen[i];

		if (!conf_addr_loopback(a))
			conf_error(errs, a->where,
			    "the console on %s would let in anybody who "
			    "reaches it: leave out auth none (API_AUTH), or "
			    "listen on 127.0.0.1 and ::1 only",
			    a->text);
	}
}

int
conf_check(struct config *c, struct conf_errors *errs)
{
	size_t before = errs->n + errs->more;

	conf_add_default_listeners(c);
	check_overlaps(c, errs);
	check_open_console(c, errs);
	return errs->n + errs->more == before ? 0 : -1;
}
