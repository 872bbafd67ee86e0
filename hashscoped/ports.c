/*
 * Listening sockets.  They are opened here, where ports below 1024 may be
 * bound, and stay open here: while relayd is started anew, miners wait in
 * the backlog instead of being refused.
 */
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>

#include <errno.h>
#include <ifaddrs.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "hashscoped/supervisor.h"

static struct port *
find(const struct supervisor *sup, uint64_t id)
{
	for (unsigned i = 0; i < sup->nports; i++) {
		if (sup->port[i].id == id)
			return (struct port *)(uintptr_t)&sup->port[i];
	}
	return NULL;
}

int
port_fd(const struct supervisor *sup, const struct conf_addr *addr)
{
	const struct port *p = find(sup, addr->id);

	return p == NULL ? -1 : p->fd;
}

static int
open_one(const struct conf_addr *addr)
{
	int fd, on = 1, err;

	fd = socket(addr->ss.ss_family,
	    SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (addr->ss.ss_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	if (bind(fd, (const struct sockaddr *)&addr->ss, addr->ss_len) == -1 ||
	    listen(fd, SOMAXCONN) == -1) {
		err = errno;
		close(fd);
		errno = err;
		return -1;
	}
	return fd;
}

/* A machine without IPv6 need not be told to drop [::] from the defaults. */
static bool
may_be_missing(const struct conf_addr *addr)
{
	return addr->ss.ss_family == AF_INET6 &&
	    strcmp(addr->where, CONF_BY_DEFAULT) == 0 &&
	    (errno == EAFNOSUPPORT || errno == EADDRNOTAVAIL);
}

/*
 * The console's default port may be somebody else's: mining goes on without
 * a console, and console.c says so.
 */
static void
open_port(struct supervisor *sup, const struct conf_addr *addr, bool console,
    struct conf_errors *errs)
{
	bool by_default = strcmp(addr->where, CONF_BY_DEFAULT) == 0;
	int fd;

	if (find(sup, addr->id) != NULL)
		return;
	fd = open_one(addr);
	if (fd == -1 && (may_be_missing(addr) || (console && by_default)))
		return;
	if (fd == -1) {
		conf_error(errs, addr->where[0] ? addr->where : addr->text,
		    "cannot listen on %s: %s", addr->text, strerror(errno));
		return;
	}
	if (sup->nports == sizeof(sup->port) / sizeof(sup->port[0])) {
		close(fd);
		conf_error(errs, addr->where,
		    "too many listeners while the old ones are open");
		return;
	}
	sup->port[sup->nports++] = (struct port){ .id = addr->id, .fd = fd };
}

int
ports_open(struct supervisor *sup, const struct config *conf,
    struct conf_errors *errs)
{
	struct conf_addr console[CONF_MAX_CONSOLE];
	size_t n, before = errs->n;

	for (size_t i = 0; i < conf->nlisten; i++)
		open_port(sup, &conf->listen[i].addr, false, errs);
	n = console_addrs(conf, console);
	for (size_t i = 0; i < n; i++)
		open_port(sup, &console[i], true, errs);
	return errs->n == before ? 0 : -1;
}

static void
want(struct supervisor *sup, const struct conf_addr *addr)
{
	struct port *p = find(sup, addr->id);

	if (p != NULL)
		p->wanted = true;
}

void
ports_keep(struct supervisor *sup, const struct config *conf)
{
	struct conf_addr console[CONF_MAX_CONSOLE];
	unsigned n = 0;
	size_t nc;

	for (unsigned i = 0; i < sup->nports; i++)
		sup->port[i].wanted = false;
	for (size_t i = 0; i < conf->nlisten; i++)
		want(sup, &conf->listen[i].addr);
	nc = console_addrs(conf, console);
	for (size_t i = 0; i < nc; i++)
		want(sup, &console[i]);
	for (unsigned i = 0; i < sup->nports; i++) {
		if (sup->port[i].wanted)
			sup->port[n++] = sup->port[i];
		else
			close(sup->port[i].fd);
	}
	sup->nports = n;
}

static bool
is_wildcard(const struct conf_addr *addr)
{
	const struct sockaddr_in *in = (const void *)&addr->ss;
	const struct sockaddr_in6 *in6 = (const void *)&addr->ss;

	if (addr->ss.ss_family == AF_INET)
		return in->sin_addr.s_addr == htonl(INADDR_ANY);
	return IN6_IS_ADDR_UNSPECIFIED(&in6->sin6_addr);
}

/* One of this machine's addresses that another machine can use. */
static bool
own_address(int family, char *out, size_t size)
{
	struct ifaddrs *list, *i;
	bool found = false;

	if (getifaddrs(&list) == -1)
		return false;
	for (i = list; i != NULL && !found; i = i->ifa_next) {
		const struct sockaddr_in6 *in6 = (const void *)i->ifa_addr;
		const struct sockaddr_in *in = (const void *)i->ifa_addr;

		if (i->ifa_addr == NULL || i->ifa_addr->sa_family != family ||
		    !(i->ifa_flags & IFF_UP) || (i->ifa_flags & IFF_LOOPBACK))
			continue;
		if (family == AF_INET)
			found = inet_ntop(family, &in->sin_addr, out,
				    (socklen_t)size) != NULL;
		else if (!IN6_IS_ADDR_LINKLOCAL(&in6->sin6_addr))
			found = inet_ntop(family, &in6->sin6_addr, out,
				    (socklen_t)size) != NULL;
	}
	freeifaddrs(list);
	return found;
}

bool
port_for_people(const struct supervisor *sup, const struct conf_addr *addr,
    char *out, size_t size)
{
	char ip[INET6_ADDRSTRLEN];
	bool v6 = addr->ss.ss_family == AF_INET6;

	if (port_fd(sup, addr) == -1)
		return false;
	if (!is_wildcard(addr)) {
		snprintf(out, size, "stratum+tcp://%s", addr->text);
		return true;
	}
	if (!own_address(addr->ss.ss_family, ip, sizeof(ip))) {
		if (v6)
			return false;
		snprintf(ip, sizeof(ip), "127.0.0.1");
	}
	snprintf(out, size,
	    v6 ? "stratum+tcp://[%s]:%u" : "stratum+tcp://%s:%u", ip,
	    addr->port);
	return true;
}

static int
control_path(const struct supervisor *sup, struct sockaddr_un *sun)
{
	int n;

	memset(sun, 0, sizeof(*sun));
	sun->sun_family = AF_UNIX;
	n = snprintf(sun->sun_path, sizeof(sun->sun_path), "%s/control.sock",
	    sup->conf->run_dir);
	if (n < 0 || (size_t)n >= sizeof(sun->sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	return 0;
}

/* Who may ask what is decided by the credentials of who connects. */
int
control_socket_open(struct supervisor *sup)
{
	struct sockaddr_un sun;
	int fd;

	if (control_path(sup, &sun) == -1)
		return -1;
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return -1;
	/* The lock on the directory is ours: an old socket is nobody's. */
	unlink(sun.sun_path);
	if (bind(fd, (struct sockaddr *)&sun, sizeof(sun)) == -1 ||
	    chmod(sun.sun_path, 0666) == -1 || listen(fd, 64) == -1) {
		close(fd);
		return -1;
	}
	sup->control_fd = fd;
	return 0;
}

void
control_socket_close(struct supervisor *sup)
{
	struct sockaddr_un sun;

	if (sup->control_fd == -1)
		return;
	close(sup->control_fd);
	sup->control_fd = -1;
	if (control_path(sup, &sun) == 0)
		unlink(sun.sun_path);
}
