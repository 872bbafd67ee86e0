/*
 * The writer for programs: the API's objects, a list as an array, the
 * monitor's one a line.
 */
#include <string.h>

#include "common/object.h"
#include "common/object_alert.h"
#include "common/object_share.h"
#include "hashscopectl/output.h"

/*
 * Prints the object.  DEL and the control characters U+0080…U+009F, which
 * JSON allows and terminals obey, are escaped; they are inside strings.
 */
void
output_object(struct output *o)
{
	const char *text;
	size_t len, i;
	unsigned char c, next;

	text = json_finish(&o->json, &len);
	if (text == NULL) {
		text = "null";
		len = strlen(text);
	}
	for (i = 0; i < len; i++) {
		c = (unsigned char)text[i];
		next = i + 1 < len ? (unsigned char)text[i + 1] : 0;
		if (c == 0xc2 && next >= 0x80 && next < 0xa0) {
			fprintf(o->fp, "\\u%04x", next);
			i++;
		} else if (c == 0x7f) {
			fputs("\\u007f", o->fp);
		} else {
			putc(c, o->fp);
		}
	}
}

static void
begin(struct output *o, enum listing listing)
{
	o->listing = listing;
	o->first = true;
	if (listing != LIST_MONITOR)
		fputs("[", o->fp);
}

/* Before an item of a list: the writer is empty then. */
static void
item(struct output *o)
{
	if (o->listing != LIST_MONITOR)
		fputs(o->first ? "\n" : ",\n", o->fp);
	o->first = false;
	json_reset(&o->json);
}

static void
item_end(struct output *o)
{
	output_object(o);
	if (o->listing == LIST_MONITOR)
		fputc('\n', o->fp);
}

static void
sessions(struct output *o, const struct session_rec *s, size_t n)
{
	for (; n > 0; n--, s++) {
		item(o);
		object_session(&o->json, s);
		item_end(o);
	}
}

static void
message(struct output *o, const struct message_rec *m)
{
	item(o);
	object_message(&o->json, m);
	item_end(o);
}

static void
process(struct output *o, const struct process_rec *p)
{
	item(o);
	object_process(&o->json, p);
	item_end(o);
}

static void
relay(struct output *o, const struct nostr_relay_rec *r)
{
	item(o);
	object_nostr_relay(&o->json, r);
	item_end(o);
}

static void
agent(struct output *o, const struct agent_rec *a)
{
	item(o);
	object_agent(&o->json, a);
	item_end(o);
}

static void
share(struct output *o, const struct share_rec *s)
{
	item(o);
	object_share(&o->json, s);
	item_end(o);
}

static void
worker(struct output *o, const struct worker_rec *w)
{
	item(o);
	object_worker(&o->json, w);
	item_end(o);
}

static void
job(struct output *o, const struct job_rec *j)
{
	item(o);
	object_job(&o->json, j);
	item_end(o);
}

static void
stat(struct output *o, const struct stat_rec *s)
{
	item(o);
	object_stat(&o->json, s);
	item_end(o);
}

static void
alert(struct output *o, const struct alert_rec *a)
{
	item(o);
	object_alert(&o->json, a);
	item_end(o);
}

static void
flush(struct output *o)
{
	if (o->listing == LIST_MONITOR)
		fflush(o->fp);
}

static void
end(struct output *o)
{
	if (o->listing != LIST_MONITOR)
		fputs(o->first ? "]\n" : "\n]\n", o->fp);
}

static void
one_end(struct output *o)
{
	output_object(o);
	fputc('\n', o->fp);
}

static void
one_session(struct output *o, const struct session_rec *s)
{
	json_reset(&o->json);
	object_session(&o->json, s);
	one_end(o);
}

/* The object names its share; the API has that apart as well. */
static void
one_message(struct output *o, const struct message_rec *m,
    const struct share_rec *s)
{
	(void)s;
	json_reset(&o->json);
	object_message(&o->json, m);
	one_end(o);
}

static void
one_share(struct output *o, const struct share_rec *s)
{
	json_reset(&o->json);
	object_share(&o->json, s);
	one_end(o);
}

static void
one_job(struct output *o, const struct job_rec *j)
{
	json_reset(&o->json);
	object_job(&o->json, j);
	one_end(o);
}

static void
put_error(struct json_out *j, const char *text)
{
	if (text[0] != '\0')
		json_cstr(j, text);
}

static void
summary(struct output *o, const struct summary *s)
{
	const struct client *c = s->client;
	struct object_source src[] = { { "relay", &s->relay },
		{ "capture", &s->capture } };
	struct json_out *j = &o->json;
	char started[OBJECT_TIME];
	unsigned i;

	object_time(c->started_us, started);
	json_reset(j);
	json_object(j);
	json_kcstr(j, "version", c->version);
	json_kint(j, "uptime_s", (o->now_us - c->started_us) / 1000000);
	json_kcstr(j, "started_at", started);
	json_karray(j, "miner");
	for (i = 0; i < c->nminer; i++)
		json_cstr(j, c->miner[i]);
	json_array_end(j);
	json_kcstr(j, "console", c->console[0] != '\0' ? c->console : NULL);
	object_counters(j, src, 2);
	json_karray(j, "alerts");
	for (i = 0; i < s->nalerts; i++)
		object_alert(j, &s->alert[i]);
	json_array_end(j);
	json_karray(j, "errors");
	put_error(j, s->relay_error);
	put_error(j, s->capture_error);
	json_array_end(j);
	json_object_end(j);
	one_end(o);
}

static void
config(struct output *o, const char *text, size_t len)
{
	json_reset(&o->json);
	json_object(&o->json);
	json_kstr(&o->json, "config", text, len);
	json_object_end(&o->json);
	one_end(o);
}

static void
done(struct output *o, const char *text)
{
	json_reset(&o->json);
	json_object(&o->json);
	json_kbool(&o->json, "ok", true);
	json_kcstr(&o->json, "message", text);
	json_object_end(&o->json);
	one_end(o);
}

static const struct writer writer = {
	.begin = begin,
	.sessions = sessions,
	.message = message,
	.process = process,
	.relay = relay,
	.agent = agent,
	.share = share,
	.worker = worker,
	.job = job,
	.stat = stat,
	.alert = alert,
	.flush = flush,
	.end = end,
	.one_session = one_session,
	.one_message = one_message,
	.one_share = one_share,
	.one_job = one_job,
	.summary = summary,
	.config = config,
	.done = done,
};

const struct writer *
writer_json(void)
{
	return &writer;
}
