/*
 * The program: options, the command line understood, the connection, and
 * the one command that was asked for.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "hashscopectl/ctl.h"

static int (*const commands[CMD_MAX])(struct ctl *) = {
	[CMD_SUMMARY] = show_summary,
	[CMD_SESSIONS] = show_sessions,
	[CMD_SESSION] = show_session,
	[CMD_MESSAGES] = show_messages,
	[CMD_MESSAGE] = show_message,
	[CMD_SHARES] = show_shares,
	[CMD_SHARE] = show_share,
	[CMD_WORKERS] = show_workers,
	[CMD_JOBS] = show_jobs,
	[CMD_ALERTS] = show_alerts,
	[CMD_JOB] = show_job,
	[CMD_STATS] = show_stats,
	[CMD_PROCESSES] = show_processes,
	[CMD_RELAYS] = show_relays,
	[CMD_AGENTS] = show_agents,
	[CMD_KEY] = key_show,
	[CMD_POOLS] = show_pools,
	[CMD_CONFIG] = show_config,
	[CMD_MONITOR] = monitor,
	[CMD_DISCONNECT] = act_disconnect,
	[CMD_DRAIN] = act_drain,
	[CMD_RELOAD] = act_reload,
	[CMD_LOG] = act_log,
	[CMD_REPLAY] = act_replay,
	[CMD_REPLAY_STOP] = act_replay_stop,
	[CMD_AGENTS_STOP] = act_agents,
	[CMD_AGENTS_START] = act_agents,
	[CMD_BROADCAST] = act_broadcast,
	[CMD_REPEAT_COUNT] = act_repeat_count,
	[CMD_AUTO_COUNT] = act_auto_count,
	[CMD_AUTO_REPLAY] = act_auto_replay,
	[CMD_EXPORT] = export_messages,
	[CMD_VERIFY] = verify,
	[CMD_AUDIT] = show_audit,
	[CMD_LOGIN_URL] = login_url,
	[CMD_USER_ADD] = user_add,
	[CMD_USER_REMOVE] = user_remove,
	[CMD_USER_PASSWORD] = user_password,
	[CMD_USER_ROLE] = user_role,
	[CMD_USER_LIST] = user_list,
	[CMD_TOKEN_CREATE] = token_create,
	[CMD_TOKEN_REVOKE] = token_revoke,
	[CMD_TOKEN_LIST] = token_list,
};

int
ctl_no(const char *text)
{
	char buf[1024];

	text_escape(buf, sizeof(buf), text, strlen(text));
	fflush(stdout);
	fprintf(stderr, "hashscopectl: %s\n", buf);
	return EXIT_NO;
}

int
ctl_away(const struct ctl *c)
{
	ctl_no(c->client.error);
	return EXIT_AWAY;
}

static int
usage(void)
{
	fputs("usage: hashscopectl [-j] [-s socket] command ...\n"
	      "       hashscopectl -V\n"
	      "       hashscopectl help\n",
	    stderr);
	return EXIT_USAGE;
}

/* The words as they were typed, up to and with the one that is wrong. */
static void
print_error(int argc, char *argv[], const struct grammar_error *err)
{
	char buf[256];
	int i;

	fputs("hashscopectl:", stderr);
	for (i = 0; i < argc && i <= err->at; i++) {
		text_escape(buf, sizeof(buf), argv[i], strlen(argv[i]));
		fprintf(stderr, " %s", buf);
	}
	fprintf(stderr, ": %s\n", err->text);
	if (err->expected != NULL) {
		fputs("expected:\n", stderr);
		grammar_help(stderr, err->expected);
	}
}

static void
print_help(const struct grammar_error *err)
{
	puts("hashscopectl [-j] [-s socket] command ...; words may be cut "
	     "short.\nWhat may follow:");
	grammar_help(stdout, err->expected);
}

static int
run(struct ctl *c, const char *path, bool json, int64_t now)
{
	bool offline = c->cmd.action == CMD_VERIFY;
	int code;

	if (!offline && client_open(&c->client, path) == -1)
		return ctl_away(c);
	output_init(&c->out, json, now);
	code = commands[c->cmd.action](c);
	if (output_finish(&c->out) == -1 && code == EXIT_OK)
		code = ctl_no("stdout does not take what is written");
	if (!offline)
		client_close(&c->client);
	return code;
}

int
ctl_main(int argc, char *argv[])
{
	static struct ctl ctl;
	struct grammar_error err;
	const char *path = NULL;
	bool json = false;
	int64_t now = clock_real_us();
	int opt, r;

	while ((opt = getopt(argc, argv, "+js:V")) != -1) {
		switch (opt) {
		case 'j':
			json = true;
			break;
		case 's':
			path = optarg;
			break;
		case 'V':
			puts("hashscopectl " HS_VERSION);
			return EXIT_OK;
		default:
			return usage();
		}
	}
	argc -= optind;
	argv += optind;
	r = grammar_parse(argc, argv, now, &ctl.cmd, &err);
	if (r == -1) {
		print_error(argc, argv, &err);
		return EXIT_USAGE;
	}
	if (r == 1) {
		print_help(&err);
		return EXIT_OK;
	}
	return run(&ctl, path, json, now);
}
