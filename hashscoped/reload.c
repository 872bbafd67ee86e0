/*
 * A new configuration, in three steps, each of which may refuse it whole:
 *
 *	1. A process without rights parses the file, so that a crash of the
 *	   parser does not end the mining.  It asks us for each file; we
 *	   check and open it.  What comes back is the canonical form.
 *	2. We open new ports and send everybody their part: PREPARE.
 *	3. When all agree: COMMIT.  Otherwise ABORT, and all stays as it was.
 */
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/sandbox.h"
#include "hashscoped/supervisor.h"

#define RELOAD_SECONDS  10
#define DONE_SECONDS    3 /* for everybody to apply it, or to forget it */
#define RELOAD_TEXT_MAX (1024u * 1024u)
#define NOBODY          65534u

struct reload {
	uint32_t serial; /* of this reload, never 0 */
	uint32_t requester;
	pid_t pid;   /* of the parser; 0 when it has ended */
	int fd;      /* it asks for files here */
	int text_fd; /* canonical form, or errors, one a line */
	struct event *ev;
	struct event *timer;
	struct config *next;
	unsigned waiting; /* children that have not said PREPARED, or DONE */
	bool concluding;  /* decided; everybody is told */
	bool ok;
	char why[512];
};

struct config *
conf_load(const char *path, bool must_exist, char **env,
    struct conf_errors *errs)
{
	struct config *conf = conf_default();

	if (conf == NULL) {
		conf_error(errs, path, "out of memory");
		return NULL;
	}
	if (conf_parse(conf, path, NULL, errs) == -1 && errs->missing &&
	    !must_exist)
		conf_errors_clear(errs);
	if (env != NULL) {
		conf_env(conf, env, errs);
		conf_check(conf, errs);
	}
	if (errs->n == 0)
		return conf;
	conf_free(conf);
	return NULL;
}

/* --- the parser's side --- */

/* A path out, a descriptor or an error text back. */
static int
ask_open(void *arg, const char *path, char *why, size_t whylen)
{
	int sock = *(int *)arg, fd;
	char text[256];
	ssize_t n;

	if (ipc_send_fd(sock, path, strlen(path), -1, 0) < 0)
		return -1;
	n = ipc_recv_fd(sock, text, sizeof(text) - 1, &fd, 0);
	if (n <= 0) {
		errno = EPIPE;
		return -1;
	}
	if (fd != -1)
		return fd;
	text[n] = '\0';
	/* "E<errno>" or "T" and the text of the check. */
	if (text[0] == 'E')
		errno = atoi(text + 1);
	else
		snprintf(why, whylen, "%s", text + 1);
	return -1;
}

static void
parser_rights(bool is_root)
{
	struct sandbox box = { .promises = SB_STDIO | SB_PASSFD };
	char err[256];

	if (is_root &&
	    (setgroups(0, NULL) == -1 || setresgid(NOBODY, NOBODY, NOBODY) ||
		setresuid(NOBODY, NOBODY, NOBODY)))
		_exit(2);
	if (sandbox_apply(&box, err, sizeof(err)) == -1)
		_exit(2);
}

static void
write_errors(FILE *out, const struct conf_errors *errs)
{
	for (size_t i = 0; i < errs->n; i++)
		fprintf(out, "%s\n", errs->text[i]);
	if (errs->more > 0)
		fprintf(out, "and %zu more\n", errs->more);
}

/* Exit status: 0 and the canonical form, 1 and the errors, else neither. */
static void
parser_run(struct supervisor *sup, int sock, int text_fd)
{
	struct conf_io io = { ask_open, &sock };
	struct conf_errors errs;
	struct config *conf, *checked;
	FILE *out = fdopen(text_fd, "w");

	signal(SIGTERM, SIG_DFL);
	if (out == NULL)
		_exit(2);
	conf = conf_default();
	checked = conf_default();
	if (conf == NULL || checked == NULL)
		_exit(2);
	if (!sup->sandbox_log)
		parser_rights(sup->is_root);
	conf_errors_init(&errs);
	if (conf_parse(conf, sup->conf_path, &io, &errs) == -1 &&
	    errs.missing && !sup->conf_path_given)
		conf_errors_clear(&errs);
	*checked = *conf;
	conf_env(checked, sup->env, &errs);
	conf_check(checked, &errs);
	if (errs.n == 0)
		conf_print(conf, out);
	else
		write_errors(out, &errs);
	conf_free(conf);
	conf_free(checked);
	_exit(fflush(out) != 0 ? 2 : errs.n > 0);
}

/* --- our side --- */

static void
reload_free(struct supervisor *sup)
{
	struct reload *r = sup->reload;

	if (r == NULL)
		return;
	if (r->ev != NULL)
		event_free(r->ev);
	if (r->timer != NULL)
		event_free(r->timer);
	if (r->fd != -1)
		close(r->fd);
	if (r->text_fd != -1)
		close(r->text_fd);
	if (r->next != NULL)
		conf_free(r->next);
	free(r);
	sup->reload = NULL;
}

/* Everybody has come to its end, or is not waited for any longer. */
static void
conclude(struct supervisor *sup)
{
	struct reload r = *sup->reload;

	for (unsigned i = 0; i < CHILDREN; i++)
		sup->child[i].conf_pending = false;
	/* All of it is over before anybody hears so. */
	reload_free(sup);
	if (r.ok)
		children_fit(sup);
	if (r.ok)
		log_info("%s", r.why);
	else
		log_warnx("reload refused, all stays as it was: %s", r.why);
	notify_send("READY=1\nSTATUS=%s", r.ok ? "reloaded" : "reload refused");
	if (r.requester != 0)
		acts_done(sup, r.requester, r.ok ? 200 : 409, r.why);
}

/* Tells whoever was asked what has been decided. */
static void
decide(struct supervisor *sup, bool ok, const char *why)
{
	struct timeval tv = { DONE_SECONDS, 0 };
	struct reload *r = sup->reload;

	r->concluding = true;
	r->ok = ok;
	snprintf(r->why, sizeof(r->why), "%s", why);
	r->waiting = 0;
	for (unsigned i = 0; i < CHILDREN; i++) {
		struct child *c = &sup->child[i];

		if (!c->conf_pending)
			continue;
		c->conf_pending = c->ipc != NULL &&
		    ipc_send_empty(c->ipc,
			ok ? MSG_CONF_COMMIT : MSG_CONF_ABORT, r->serial) == 0;
		r->waiting += c->conf_pending;
	}
	if (r->timer != NULL)
		event_add(r->timer, &tv);
}

static void
refuse(struct supervisor *sup, const char *why)
{
	struct reload *r = sup->reload;

	if (r->pid > 0)
		kill(r->pid, SIGKILL);
	decide(sup, false, why);
	ports_keep(sup, sup->conf);
	if (r->waiting == 0)
		conclude(sup);
}

static void
on_reload_timeout(evutil_socket_t fd, short what, void *arg)
{
	struct supervisor *sup = arg;

	if (sup->reload->concluding)
		conclude(sup);
	else
		refuse(sup,
		    sup->reload->pid > 0 ? "parsing took too long" :
					   "a process did not answer in time");
}

/* The parser wants a file. */
static void
on_ask(evutil_socket_t sock, short what, void *arg)
{
	struct supervisor *sup = arg;
	char path[CONF_NAME_LEN + 1], why[200] = "", text[256] = "F";
	ssize_t n;
	int fd;

	n = recv(sock, path, sizeof(path) - 1, MSG_DONTWAIT);
	if (n <= 0) {
		event_del(sup->reload->ev);
		return;
	}
	path[n] = '\0';
	fd = conf_open_checked(NULL, path, why, sizeof(why));
	if (fd == -1 && why[0] != '\0')
		snprintf(text, sizeof(text), "T%s", why);
	else if (fd == -1)
		snprintf(text, sizeof(text), "E%d", errno);
	if (ipc_send_fd(sock, text, strlen(text), fd, MSG_DONTWAIT) < 0)
		log_warn("reload: answering the parser");
	if (fd != -1)
		close(fd);
}

/* What the parser wrote; the caller's to free. */
static char *
read_text(int fd, size_t *len)
{
	struct stat st;
	char *text;

	if (fstat(fd, &st) == -1 || st.st_size > RELOAD_TEXT_MAX)
		return NULL;
	*len = (size_t)st.st_size;
	text = malloc(*len + 1);
	if (text == NULL)
		return NULL;
	if (pread(fd, text, *len, 0) != (ssize_t)*len) {
		free(text);
		return NULL;
	}
	text[*len] = '\0';
	return text;
}

/* Those that were started meanwhile, with the old. */
static void
tell_the_others(struct supervisor *sup)
{
	for (unsigned i = 0; i < CHILDREN; i++) {
		struct child *c = &sup->child[i];

		if (!c->conf_pending && c->ipc != NULL &&
		    c->role != ROLE_RESOLVER &&
		    conf_send(sup, c, sup->conf, 0) == -1)
			log_warnx("%s does not listen", c->name);
	}
}

static void
apply(struct supervisor *sup)
{
	struct reload *r = sup->reload;
	struct config *old = sup->conf;

	sup->conf = r->next;
	r->next = NULL;
	/* The places stay: they need a restart. */
	memcpy(sup->conf->state_dir, old->state_dir, sizeof(old->state_dir));
	memcpy(sup->conf->run_dir, old->run_dir, sizeof(old->run_dir));
	sup->conf->capture.off = old->capture.off;
	sup->conf->tap_ring = old->tap_ring;
	tell_the_others(sup);
	decide(sup, true, "reloaded");
	ports_keep(sup, sup->conf);
	logger_set_json(sup->conf->log_json);
	if (sup->verbose)
		sup->conf->log_verbose = 1;
	/* What was said by hashscopectl holds until the file says else. */
	if (sup->conf->log_verbose != old->log_verbose) {
		log_set_verbose(sup->conf->log_verbose);
		children_log_level(sup);
	}
	conf_free(old);
	if (r->waiting == 0)
		conclude(sup);
}

static void
prepare(struct supervisor *sup)
{
	struct reload *r = sup->reload;
	struct conf_errors errs;
	char why[512];

	conf_errors_init(&errs);
	if (ports_open(sup, r->next, &errs) == -1) {
		snprintf(why, sizeof(why), "%s", errs.text[0]);
		conf_errors_clear(&errs);
		refuse(sup, why);
		return;
	}
	for (unsigned i = 0; i < CHILDREN; i++) {
		struct child *c = &sup->child[i];

		/* The resolver has no part in it.  One that waits to be
		 * started gets the new configuration then, or below. */
		if (c->role == ROLE_RESOLVER || c->ipc == NULL ||
		    c->state == CHILD_STOPPED || c->state == CHILD_DOWN)
			continue;
		c->conf_pending = true;
		r->waiting++;
		if (conf_send(sup, c, r->next, r->serial) == -1) {
			snprintf(why, sizeof(why), "%s does not listen",
			    c->name);
			refuse(sup, why);
			return;
		}
	}
	if (r->waiting == 0)
		apply(sup);
}

static bool
is_awaited(const struct supervisor *sup, const struct child *c, uint32_t serial,
    bool concluding)
{
	const struct reload *r = sup->reload;

	return r != NULL && r->serial == serial && c->conf_pending &&
	    r->concluding == concluding;
}

void
reload_on_prepared(struct supervisor *sup, struct child *c, uint32_t serial,
    bool ok, const char *why)
{
	char text[512];

	if (!is_awaited(sup, c, serial, false))
		return;
	if (!ok) {
		snprintf(text, sizeof(text), "%s: %s", c->name, why);
		refuse(sup, text);
	} else if (--sup->reload->waiting == 0) {
		apply(sup);
	}
}

void
reload_on_done(struct supervisor *sup, struct child *c, uint32_t serial)
{
	if (!is_awaited(sup, c, serial, true))
		return;
	c->conf_pending = false;
	if (--sup->reload->waiting == 0)
		conclude(sup);
}

/* Its successor is given what is decided. */
void
reload_on_child_gone(struct supervisor *sup, struct child *c)
{
	char text[128];

	if (sup->reload == NULL || !c->conf_pending)
		return;
	if (sup->reload->concluding) {
		reload_on_done(sup, c, sup->reload->serial);
		return;
	}
	c->conf_pending = false;
	snprintf(text, sizeof(text), "%s ended while it was asked", c->name);
	refuse(sup, text);
}

/* Lines of the canonical form are not those that the operator sees. */
static void
forget_lines(struct config *conf)
{
	for (size_t i = 0; i < conf->nlisten; i++)
		conf->listen[i].addr.where[0] = '\0';
}

bool
reload_on_exit(struct supervisor *sup, pid_t pid, int status)
{
	struct reload *r = sup->reload;
	struct conf_errors errs;
	char *text;
	size_t n;

	if (r == NULL || r->pid != pid)
		return false;
	r->pid = 0;
	text = read_text(r->text_fd, &n);
	if (!WIFEXITED(status) || WEXITSTATUS(status) > 1 || text == NULL) {
		free(text);
		refuse(sup, "the parser failed");
		return true;
	}
	if (WEXITSTATUS(status) == 1) {
		refuse(sup, text);
		free(text);
		return true;
	}
	conf_errors_init(&errs);
	r->next = conf_default();
	if (r->next == NULL ||
	    conf_parse_buf(r->next, "canonical", text, n, NULL, &errs) == -1) {
		refuse(sup, errs.n > 0 ? errs.text[0] : "out of memory");
	} else {
		forget_lines(r->next);
		if (conf_env(r->next, sup->env, &errs) == -1 ||
		    conf_check(r->next, &errs) == -1)
			refuse(sup, errs.text[0]);
		else
			prepare(sup);
	}
	conf_errors_clear(&errs);
	free(text);
	return true;
}

void
reload_begin(struct supervisor *sup, uint32_t requester)
{
	static uint32_t serial;
	struct timeval tv = { RELOAD_SECONDS, 0 };
	struct timespec ts;
	struct reload *r;
	int fds[2];

	if (sup->reload != NULL || sup->stopping) {
		if (requester != 0)
			acts_done(sup, requester, 409,
			    "another reload is under way");
		return;
	}
	clock_gettime(CLOCK_MONOTONIC, &ts);
	notify_send("RELOADING=1\nMONOTONIC_USEC=%llu",
	    (unsigned long long)ts.tv_sec * 1000000 +
		(unsigned long long)ts.tv_nsec / 1000);
	r = sup->reload = calloc(1, sizeof(*r));
	if (r == NULL)
		fatal("reload");
	r->requester = requester;
	r->serial = ++serial == 0 ? ++serial : serial;
	r->fd = -1;
	r->text_fd = memfd_create("config", MFD_CLOEXEC);
	if (r->text_fd == -1 || ipc_pair(fds) == -1) {
		refuse(sup, strerror(errno));
		return;
	}
	r->pid = fork();
	if (r->pid == 0) {
		/* The parser waits for its answers. */
		if (fcntl(fds[1], F_SETFL, 0) == -1)
			_exit(2);
		close(fds[0]);
		parser_run(sup, fds[1], r->text_fd);
	}
	close(fds[1]);
	r->fd = fds[0];
	if (r->pid == -1) {
		refuse(sup, strerror(errno));
		return;
	}
	r->ev = event_new(sup->base, r->fd, EV_READ | EV_PERSIST, on_ask, sup);
	r->timer = evtimer_new(sup->base, on_reload_timeout, sup);
	if (r->ev == NULL || r->timer == NULL || event_add(r->ev, NULL) == -1 ||
	    event_add(r->timer, &tv) == -1)
		fatal("reload");
}
