/*
 * The statements of hashscope.conf that name addresses: listen, with its
 * pools and the networks that may send PROXY headers, and the console's
 * listen.
 */
#include <string.h>

#include "hashscoped/conf_parse.h"

static int
parse_listen_addr(struct conf_parser *p, struct conf_lex *lx,
    const struct conf_block *b, struct conf_addr addrs[2])
{
	char host[CONF_TOKEN_LEN], at[CONF_WHERE_LEN];
	struct conf_why why;
	uint16_t port = 0;
	int i, n;

	conf_at(lx, lx->tok_line, at);
	if (conf_want_word(p, lx, "on") == -1 ||
	    conf_want_value(p, lx, b, "an address") == -1)
		return -1;
	memcpy(host, lx->text, sizeof(host));
	n = lx->tok == TOK_BAD ? 0 : conf_to_addrs(host, 1, addrs, &why);
	if (n == -1)
		conf_fail(p, lx, "listen on: %s", why.text);
	conf_lex_next(lx);
	if (conf_want_word(p, lx, "port") == -1 ||
	    conf_want_value(p, lx, b, "a port") == -1)
		return -1;
	if (lx->tok != TOK_BAD && conf_to_port(lx->text, &port, &why) == -1)
		conf_fail(p, lx, "listen on: %s", why.text);
	conf_lex_next(lx);
	if (port == 0)
		return 0;
	for (i = 0; i < n; i++) {
		conf_addr_set_port(&addrs[i], port);
		memcpy(addrs[i].where, at, sizeof(at));
	}
	return n == -1 ? 0 : n;
}

static int
listen_duplicate(struct conf_parser *p, const struct conf_addr *old,
    const struct conf_addr *new)
{
	if (old->id != new->id)
		return 0;
	conf_error(p->errs, new->where, "listen on %s is there already, at %s",
	    new->text, old->where);
	return 1;
}

static void
add_listener(struct conf_parser *p, const struct conf_addr *addr)
{
	struct config *c = p->c;
	size_t i;

	for (i = 0; i < c->nlisten; i++)
		if (listen_duplicate(p, &c->listen[i].addr, addr))
			return;
	if (c->nlisten == CONF_MAX_LISTEN) {
		conf_error(p->errs, addr->where,
		    "too many listeners: at most %d", CONF_MAX_LISTEN);
		return;
	}
	p->scratch.addr = *addr;
	c->listen[c->nlisten++] = p->scratch;
}

static void
add_console(struct conf_parser *p, const struct conf_addr *addr)
{
	struct conf_console *con = &p->c->console;
	size_t i;

	for (i = 0; i < con->nlisten; i++)
		if (listen_duplicate(p, &con->listen[i], addr))
			return;
	if (con->nlisten == CONF_MAX_CONSOLE) {
		conf_error(p->errs, addr->where,
		    "too many addresses of the console: at most %d",
		    CONF_MAX_CONSOLE);
		return;
	}
	con->listen[con->nlisten++] = *addr;
}

static void
add_pool(struct conf_parser *p, struct conf_lex *lx)
{
	struct conf_listen *l = &p->scratch;
	struct conf_pool pool;
	struct conf_why why;
	int has_port;
	size_t i;

	if (lx->tok == TOK_BAD)
		return;
	if (conf_to_pool(lx->text, &pool, &has_port, &why) == -1) {
		conf_fail(p, lx, "pool: %s", why.text);
		return;
	}
	for (i = 0; i < l->npools; i++) {
		if (strcmp(l->pools[i].host, pool.host) == 0 &&
		    l->pools[i].port == pool.port) {
			conf_fail(p, lx, "pool: %s:%u is there already",
			    pool.host, pool.port);
			return;
		}
	}
	if (l->npools == CONF_MAX_POOLS)
		conf_fail(p, lx, "too many pools: at most %d", CONF_MAX_POOLS);
	else
		l->pools[l->npools++] = pool;
}

static void
add_net(struct conf_parser *p, struct conf_lex *lx)
{
	struct conf_listen *l = &p->scratch;
	struct conf_net net;
	struct conf_why why;

	if (lx->tok == TOK_BAD)
		return;
	if (conf_to_net(lx->text, &net, &why) == -1)
		conf_fail(p, lx, "proxy from: %s", why.text);
	else if (l->nnets == CONF_MAX_NETS)
		conf_fail(p, lx, "too many networks: at most %d",
		    CONF_MAX_NETS);
	else
		l->nets[l->nnets++] = net;
}

/* One or more values, each for add. */
static int
parse_values(struct conf_parser *p, struct conf_lex *lx,
    const struct conf_block *b, const char *what,
    void (*add)(struct conf_parser *, struct conf_lex *))
{
	enum conf_tok was;

	if (conf_want_value(p, lx, b, what) == -1)
		return -1;
	do {
		was = lx->tok;
		add(p, lx);
		conf_lex_next(lx);
	} while (conf_list_goes_on(lx, b, was));
	return 0;
}

static const struct conf_block listen_block = { "listen", NULL, 0,
	{ "pool", "proxy" } };

int
conf_parse_pool(struct conf_parser *p, struct conf_lex *lx)
{
	conf_lex_next(lx);
	return parse_values(p, lx, &listen_block, "a pool", add_pool);
}

int
conf_parse_proxy(struct conf_parser *p, struct conf_lex *lx)
{
	conf_lex_next(lx);
	if (conf_want_word(p, lx, "from") == -1)
		return -1;
	return parse_values(p, lx, &listen_block, "a network", add_net);
}

int
conf_parse_listen(struct conf_parser *p, struct conf_lex *lx)
{
	struct conf_addr addrs[2];
	int i, n;

	memset(addrs, 0, sizeof(addrs));
	memset(&p->scratch, 0, sizeof(p->scratch));
	conf_lex_next(lx);
	n = parse_listen_addr(p, lx, conf_block_find(""), addrs);
	if (n == -1) {
		/* What is wrong in its block shall be seen nevertheless. */
		while (lx->tok != TOK_OPEN && lx->tok != TOK_EOF &&
		    !lx->first && !conf_begins(lx, conf_block_find("")))
			conf_lex_next(lx);
		n = 0;
	}
	if (lx->tok == TOK_OPEN)
		conf_parse_statements(p, lx, &listen_block);
	for (i = 0; i < n; i++)
		add_listener(p, &addrs[i]);
	return 0;
}

int
conf_parse_console_listen(struct conf_parser *p, struct conf_lex *lx)
{
	struct conf_addr addrs[2];
	int i, n;

	memset(addrs, 0, sizeof(addrs));
	conf_lex_next(lx);
	n = parse_listen_addr(p, lx, conf_block_find("console"), addrs);
	for (i = 0; i < n; i++)
		add_console(p, &addrs[i]);
	return n == -1 ? -1 : 0;
}
