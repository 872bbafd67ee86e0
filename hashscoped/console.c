/*
 * The console: where it may listen, its file, and what apid is told.
 *
 * HTTP without TLS carries passwords and cookies in the clear, so beyond
 * loopback it takes a word of the operator's (insecure-http yes); without it
 * the console stays on loopback at the same port.
 */
#include <sys/stat.h>

#include <arpa/inet.h>
#include <netinet/in.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/childconf.h"
#include "hashscoped/conf_int.h"
#include "hashscoped/supervisor.h"

#define PACK "../share/hashscope/console.pack"

static bool
is_loopback(const struct conf_addr *addr)
{
	return conf_addr_loopback(addr) != 0;
}

static bool
is_there(const struct conf_addr *list, size_t n, uint64_t id)
{
	for (size_t i = 0; i < n; i++)
		if (list[i].id == id)
			return true;
	return false;
}

size_t
console_addrs(const struct config *conf, struct conf_addr out[CONF_MAX_CONSOLE])
{
	const struct conf_console *con = &conf->console;
	struct conf_addr two[2];
	struct conf_why why;
	size_t n = 0;

	for (size_t i = 0; i < con->nlisten; i++) {
		two[0] = con->listen[i];
		if (!con->insecure_http && !is_loopback(&two[0])) {
			if (conf_to_addrs(two[0].ss.ss_family == AF_INET6 ?
				    "::1" :
				    "127.0.0.1",
				con->listen[i].port, two, &why) != 1)
				continue;
			memcpy(two[0].where, con->listen[i].where,
			    sizeof(two[0].where));
		}
		if (!is_there(out, n, two[0].id))
			out[n++] = two[0];
	}
	return n;
}

void
console_url(const struct supervisor *sup, const struct config *conf, char *url,
    size_t size)
{
	struct conf_addr list[CONF_MAX_CONSOLE];
	size_t n = console_addrs(conf, list);
	char people[128];

	url[0] = '\0';
	for (size_t i = 0; i < n && url[0] == '\0'; i++) {
		/* The same address, under another scheme. */
		if (port_for_people(sup, &list[i], people, sizeof(people)))
			snprintf(url, size, "http://%s",
			    strrchr(people, '/') + 1);
	}
}

static void
tell_narrowed(const struct supervisor *sup, const struct conf_addr *addr)
{
	char host[65] = "this-machine";

	gethostname(host, sizeof(host) - 1);
	log_warnx("the console stays on loopback, not on %s: without TLS that "
		  "takes insecure-http yes; from another machine: "
		  "ssh -L %u:127.0.0.1:%u %s",
	    addr->text, addr->port, addr->port, host);
}

void
console_tell(struct supervisor *sup)
{
	const struct conf_console *con = &sup->conf->console;
	char url[96];

	for (size_t i = 0; i < con->nlisten && !con->insecure_http; i++) {
		if (is_loopback(&con->listen[i]))
			continue;
		tell_narrowed(sup, &con->listen[i]);
		break;
	}
	console_url(sup, sup->conf, url, sizeof(url));
	if (url[0] != '\0')
		log_info("the console is at %s/%s", url,
		    con->auth ? "" : " and asks nobody who they are");
	else
		log_warnx("no console: port %u is in use", con->listen[0].port);
}

/* -1 when there is none: apid then says how to build it. */
static int
open_pack(const struct supervisor *sup)
{
	char path[600];
	struct stat st;
	int fd;

	snprintf(path, sizeof(path), "%s", sup->self);
	*strrchr(path, '/') = '\0';
	snprintf(path + strlen(path), sizeof(path) - strlen(path), "/" PACK);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd != -1 && (fstat(fd, &st) == -1 || !S_ISREG(st.st_mode))) {
		close(fd);
		fd = -1;
	}
	return fd;
}

static void
fill_limits(struct api_conf *a, const struct config *conf)
{
	const struct conf_api *from = &conf->api;

	/* All of them bounded by conf_table.c. */
	a->max_conns = (uint32_t)from->connections;
	a->per_address = (uint32_t)from->per_address;
	a->waiting = (uint32_t)from->waiting;
	a->requests = (uint32_t)from->requests;
	a->websockets = (uint32_t)from->websockets;
	a->plain = (uint32_t)from->plain;
	a->queue = (uint32_t)from->queue;
	a->queue_max = (uint32_t)from->queue_max;
	a->head_ms = (uint32_t)from->head;
	a->body_ms = (uint32_t)from->body;
	a->idle_ms = (uint32_t)from->idle;
	a->answer_ms = (uint32_t)from->answer;
	a->stuck_ms = (uint32_t)from->stuck;
	a->ping_ms = (uint32_t)from->ping;
	a->recheck_ms = (uint32_t)from->recheck;
}

static void
fill(const struct supervisor *sup, const struct config *conf,
    struct api_conf *a)
{
	const struct conf_listen *l = &conf->listen[0];

	memset(a, 0, sizeof(*a));
	fill_limits(a, conf);
	a->auth = conf->console.auth != 0;
	gethostname(a->hostname, sizeof(a->hostname) - 1);
	/* A label: at most 64 bytes. */
	snprintf(a->site, sizeof(a->site), "%.64s",
	    conf->site[0] != '\0' ? conf->site : a->hostname);
	snprintf(a->version, sizeof(a->version), "%s", HS_VERSION);
	snprintf(a->run_id, sizeof(a->run_id), "%s", conf->nostr.run);
	snprintf(a->listen_host, sizeof(a->listen_host), "%s", l->addr.text);
	*strrchr(a->listen_host, ':') = '\0';
	a->listen_port = l->addr.port;
	if (l->npools > 0) {
		snprintf(a->pool_host, sizeof(a->pool_host), "%s",
		    l->pools[0].host);
		a->pool_port = l->pools[0].port;
	}
	a->api_port = conf->console.listen[0].port;
	a->capture_messages = conf->capture.messages;
	a->capture = !conf->capture.off;
	a->nostr = conf->nostr.enabled != 0;
	a->started_us = sup->started_us;
}

static int
send_names(struct child *c, enum msg_type type, size_t n,
    const char (*names)[CONF_NAME_LEN], struct mbuf *body)
{
	int r = 0;

	for (size_t i = 0; i < n && r == 0; i++) {
		mbuf_reset(body);
		msg_put_str(body, names[i]);
		r = ipc_send(c->ipc, type, 0, -1, body);
	}
	return r;
}

static int
send_listeners(struct supervisor *sup, struct child *c,
    const struct config *conf, struct mbuf *body)
{
	struct conf_addr list[CONF_MAX_CONSOLE];
	size_t n = console_addrs(conf, list);
	struct api_listen al;
	int fd, r = 0;

	for (size_t i = 0; i < n && r == 0; i++) {
		fd = port_fd(sup, &list[i]);
		if (fd == -1)
			continue;
		memset(&al, 0, sizeof(al));
		al.id = (uint32_t)i;
		al.loopback = is_loopback(&list[i]);
		snprintf(al.name, sizeof(al.name), "%s", list[i].text);
		mbuf_reset(body);
		api_listen_put(body, &al);
		r = ipc_send(c->ipc, MSG_CONF_API_LISTEN, 0, fd, body);
	}
	return r;
}

int
console_send(struct supervisor *sup, struct child *c, const struct config *conf)
{
	const struct conf_console *con = &conf->console;
	struct api_conf ac;
	struct mbuf body;
	int fd = open_pack(sup), r;

	fill(sup, conf, &ac);
	mbuf_init(&body);
	api_conf_put(&body, &ac);
	r = ipc_send(c->ipc, MSG_CONF_API, 0, fd, &body);
	if (r == 0)
		r = send_listeners(sup, c, conf, &body);
	if (r == 0)
		r = send_names(c, MSG_CONF_API_HOST, con->nhosts, con->hosts,
		    &body);
	if (r == 0)
		r = send_names(c, MSG_CONF_API_CORS, con->ncors, con->cors,
		    &body);
	if (fd != -1)
		close(fd);
	mbuf_free(&body);
	return r;
}
