/*
 * hashscoped: reads the configuration, opens sockets and directories, starts
 * the others, introduces them, starts them again, and writes the log.  It
 * holds everything, so it parses nothing that a miner, a pool or a browser
 * has sent: what it reads is the operator's configuration and its own
 * children's messages.
 */
#include <sys/resource.h>

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <libgen.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"
#include "hashscoped/supervisor.h"

#define STOP_SECONDS 20
#define LOG_END_MS   1000u

uint64_t
now_ms(void)
{
	return (uint64_t)clock_mono_ms();
}

static void
own_log(void *arg, enum log_level level, const uint8_t *session,
    const char *text)
{
	logger_write(level, "hashscoped", getpid(), session, text);
}

/* --- the life of it --- */

void
supervisor_ready(struct supervisor *sup)
{
	char url[128];
	bool none = true;

	if (sup->ready_told)
		return;
	sup->ready_told = true;
	for (size_t i = 0; i < sup->conf->nlisten; i++) {
		const struct conf_listen *l = &sup->conf->listen[i];

		none = none && l->npools == 0;
		if (!port_for_people(sup, &l->addr, url, sizeof(url)))
			continue;
		log_info("point miners to %s%s", url,
		    l->npools == 0 ? " (no pool is configured for it yet)" :
				     "");
	}
	if (none)
		log_warnx("no pool is configured: miners are turned away until "
			  "POOL_HOST or a pool statement names one");
	console_tell(sup);
	notify_send("READY=1\nSTATUS=relaying");
}

void
supervisor_done(struct supervisor *sup)
{
	event_base_loopbreak(sup->base);
}

static void
on_deadline(evutil_socket_t fd, short what, void *arg)
{
	struct supervisor *sup = arg;

	log_warnx("some processes did not end in time: they are killed");
	children_kill(sup);
}

static void
on_stop(evutil_socket_t sig, short what, void *arg)
{
	struct timeval tv = { STOP_SECONDS, 0 };
	struct supervisor *sup = arg;

	if (sup->stopping) {
		children_kill(sup);
		return;
	}
	sup->stopping = true;
	notify_send("STOPPING=1\nSTATUS=ending sessions");
	log_info("%s: ending", strsignal((int)sig));
	event_add(sup->deadline, &tv);
	children_stop(sup);
}

static void
on_hangup(evutil_socket_t sig, short what, void *arg)
{
	reload_begin(arg, 0);
}

static void
on_child(evutil_socket_t sig, short what, void *arg)
{
	children_reap(arg);
}

static void
on_watchdog(evutil_socket_t fd, short what, void *arg)
{
	notify_send("WATCHDOG=1");
}

static void
make_events(struct supervisor *sup)
{
	static const struct {
		int sig;
		event_callback_fn fn;
	} on[] = { { SIGTERM, on_stop }, { SIGINT, on_stop },
		{ SIGHUP, on_hangup }, { SIGCHLD, on_child } };
	uint64_t ms = notify_watchdog_ms();
	struct timeval tv = { (time_t)(ms / 1000), (ms % 1000) * 1000 };
	struct event *dog;

	for (unsigned i = 0; i < 4; i++) {
		sup->signals[i] = evsignal_new(sup->base, on[i].sig, on[i].fn,
		    sup);
		if (sup->signals[i] == NULL ||
		    event_add(sup->signals[i], NULL) == -1)
			fatal("signals");
	}
	sup->deadline = evtimer_new(sup->base, on_deadline, sup);
	if (sup->deadline == NULL)
		fatal("timer");
	if (ms == 0)
		return;
	dog = event_new(sup->base, -1, EV_PERSIST, on_watchdog, sup);
	if (dog == NULL || event_add(dog, &tv) == -1)
		fatal("watchdog");
}

/* libexec lies beside us: build/bin and build/libexec, or as installed. */
static void
find_programs(struct supervisor *sup)
{
	static const char *const places[] = { "../libexec",
		"../libexec/hashscope" };
	char self[PATH_MAX], dir[PATH_MAX], test[PATH_MAX + 32];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (n <= 0)
		fatal("/proc/self/exe");
	self[n] = '\0';
	if ((size_t)n >= sizeof(sup->self))
		fatalx("the path of this program is too long");
	memcpy(sup->self, self, (size_t)n + 1);
	snprintf(dir, sizeof(dir), "%s", dirname(self));
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		snprintf(sup->libexec, sizeof(sup->libexec), "%.400s/%s", dir,
		    places[i]);
		snprintf(test, sizeof(test), "%s/relayd", sup->libexec);
		if (access(test, X_OK) == 0)
			return;
	}
	fatalx("relayd is not beside %s (../libexec, ../libexec/hashscope)",
	    sup->self);
}

static void
raise_descriptors(void)
{
	struct rlimit lim;

	if (getrlimit(RLIMIT_NOFILE, &lim) == 0) {
		lim.rlim_cur = lim.rlim_max;
		setrlimit(RLIMIT_NOFILE, &lim);
	}
}

static int
print_errors(struct conf_errors *errs)
{
	for (size_t i = 0; i < errs->n; i++)
		fprintf(stderr, "%s\n", errs->text[i]);
	if (errs->more > 0)
		fprintf(stderr, "and %zu more errors\n", errs->more);
	conf_errors_clear(errs);
	return 1;
}

static void
go_to_background(void)
{
	int null;

	switch (fork()) {
	case -1:
		fatal("fork");
	case 0:
		break;
	default:
		_exit(0);
	}
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (setsid() == -1 || null == -1 || dup2(null, 0) == -1 ||
	    dup2(null, 1) == -1 || dup2(null, 2) == -1)
		fatal("going to the background");
}

static int
run(struct supervisor *sup, bool foreground)
{
	const char *mode = getenv("HASHSCOPE_SANDBOX");
	struct conf_errors errs;

	sup->foreground = foreground;
	find_programs(sup);
	sup->is_root = geteuid() == 0;
	sup->sandbox_log = !sup->is_root && mode != NULL &&
	    strcmp(mode, "log") == 0;
	raise_descriptors();
	conf_errors_init(&errs);
	if (ports_open(sup, sup->conf, &errs) == -1)
		return print_errors(&errs);
	if (!foreground)
		go_to_background();
	logger_init(foreground ? LOG_TO_STDERR : LOG_TO_SYSLOG,
	    sup->conf->log_json);
	log_set_sink(own_log, NULL);
	log_set_verbose(sup->conf->log_verbose);
	notify_init();
	children_init(sup);
	places_uids(sup);
	places_make(sup);
	audit_places(sup);
	if (sup->sandbox_log)
		log_warnx("HASHSCOPE_SANDBOX=log: the sandboxes refuse "
			  "nothing, for development only");
	if (control_socket_open(sup) == -1)
		fatal("%s/control.sock", sup->conf->run_dir);
	sup->base = event_base_new();
	if (sup->base == NULL || logger_attach(sup->base) == -1)
		fatal("event_base_new");
	make_events(sup);
	log_info("HashScope %s, process %d", HS_VERSION, (int)getpid());
	children_start(sup);
	event_base_dispatch(sup->base);
	control_socket_close(sup);
	log_info("ended");
	logger_finish(LOG_END_MS);
	return sup->status;
}

static void
usage(FILE *f)
{
	fprintf(f,
	    "usage: hashscoped [-dnvV] [-f file]\n"
	    "  -d       stay in the foreground, log to stderr\n"
	    "  -f file  configuration (" CONF_FILE ")\n"
	    "  -n       check the configuration; -nn also prints it\n"
	    "  -v       log more\n"
	    "  -V       print the version\n"
	    "See hashscoped(8) and hashscope.conf(5).\n");
}

int
supervisor_main(int argc, char *argv[], char *envp[])
{
	static struct supervisor sup = { .control_fd = -1,
		.auth_fd = -1,
		.audit_fd = -1 };
	static const struct option longs[] = { { "help", no_argument, NULL,
						   'h' },
		{ "version", no_argument, NULL, 'V' }, { NULL, 0, NULL, 0 } };
	struct conf_errors errs;
	bool foreground = false, verbose = false;
	int ch, check = 0;

	log_init("hashscoped");
	snprintf(sup.conf_path, sizeof(sup.conf_path), "%s", CONF_FILE);
	while ((ch = getopt_long(argc, argv, "df:nvVh", longs, NULL)) != -1) {
		switch (ch) {
		case 'd':
			foreground = true;
			break;
		case 'f':
			sup.conf_path_given = true;
			snprintf(sup.conf_path, sizeof(sup.conf_path), "%s",
			    optarg);
			break;
		case 'n':
			check++;
			break;
		case 'v':
			verbose = true;
			break;
		case 'V':
			printf("hashscoped %s\n", HS_VERSION);
			return 0;
		case 'h':
			usage(stdout);
			return 0;
		default:
			usage(stderr);
			return 2;
		}
	}
	if (optind != argc) {
		usage(stderr);
		return 2;
	}
	sup.env = envp;
	conf_errors_init(&errs);
	sup.conf = conf_load(sup.conf_path, sup.conf_path_given, envp, &errs);
	if (sup.conf == NULL)
		return print_errors(&errs);
	sup.verbose = verbose;
	if (verbose)
		sup.conf->log_verbose = 1;
	if (check > 0)
		return check > 1 && conf_print(sup.conf, stdout) == -1;
	signal(SIGPIPE, SIG_IGN);
	sup.started_ms = now_ms();
	sup.started_us = clock_real_us();
	return run(&sup, foreground);
}
