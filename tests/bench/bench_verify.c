/*
 * How fast shares are verified and messages are taken in, on one core:
 *
 *	bench_verify [seconds a row]
 *
 * run in the source's directory, for it plays tests/data.  The peer is
 * libcrypto, through the simulators' code: the hashing alone.
 */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/hex.h"
#include "tests/sim/sim_work.h"
#include "tests/unit/verifylib.h"

#define SHARES   1024 /* of the job with twelve branches, each another root */
#define BRANCHES 12

static double seconds = 1;

static double
cpu_time(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* A message that is decoded already. */
struct decoded {
	struct verify_message m;
	struct stratum_msg msg;
	struct jtree *tree;
	unsigned session;
};

/* Only the nodes in use are kept. */
static struct jtree *
copy_tree(const struct jtree *t)
{
	size_t size = offsetof(struct jtree, node) + t->n * sizeof(t->node[0]);
	struct jtree *c = malloc(size);

	if (c == NULL)
		err(1, NULL);
	memcpy(c, t, size);
	return c;
}

static void
decode(struct decoded *d, struct vl *l, const struct vl_record *r)
{
	/* Pairing is not what is measured here: the answers that count for a
	 * session's state are told by what they look like. */
	vl_line(l, r->to_miner, r->ts, r->line, r->len);
	d->msg = l->msg;
	d->tree = copy_tree(l->tree);
	d->session = r->session;
	d->m = (struct verify_message){ .msg = &d->msg,
		.tree = d->tree,
		.ts = r->ts,
		.to_miner = r->to_miner };
	if (r->to_miner && l->msg.kind == STRATUM_RESPONSE)
		d->m.answers = strstr(r->line, "mining.notify") != NULL ?
		    STRATUM_M_SUBSCRIBE :
		    l->is_answer ? STRATUM_M_SUBMIT :
				   STRATUM_M_AUTHORIZE;
}

static struct decoded *
decode_all(const struct vl_record *r, size_t n)
{
	struct decoded *d = calloc(n, sizeof(*d));
	static struct vl l[3];
	size_t i;

	if (d == NULL)
		err(1, NULL);
	vl_init(&l[1], NULL);
	vl_init(&l[2], &l[1]);
	for (i = 0; i < n; i++)
		decode(&d[i], &l[r[i].session], &r[i]);
	vl_free(&l[2]);
	vl_free(&l[1]);
	return d;
}

/* All of it through two new sessions; the shares that are valid. */
static unsigned
play(const struct decoded *d, size_t n, unsigned *shares)
{
	struct work_store *store = work_store_new(64u << 20);
	struct verify *v[3] = { NULL, verify_new(store), verify_new(store) };
	struct verify_share s;
	unsigned valid = 0;
	size_t i;

	for (i = 0; i < n; i++)
		if (verify_message(v[d[i].session], &d[i].m, &s)) {
			++*shares;
			valid += s.verdict == VERDICT_VALID;
		}
	verify_free(v[1]);
	verify_free(v[2]);
	work_store_free(store);
	return valid;
}

static void
row(const char *what, double per_second, const char *unit)
{
	printf("%-52s %12.0f %s\n", what, per_second, unit);
}

static void
measure(const char *what, const struct decoded *d, size_t n, unsigned expect)
{
	unsigned shares = 0;
	double t = cpu_time(), dt;

	do {
		if (play(d, n, &shares) != expect)
			errx(1, "%s: a verdict is wrong", what);
		dt = cpu_time() - t;
	} while (dt < seconds);
	row(what, shares / dt, "shares/s");
}

/* From the bytes of the lines to verdicts and answers. */
static void
measure_lines(const struct vl_record *r, size_t n)
{
	static struct vl own, l[3];
	double t, dt;
	uint64_t lines = 0;
	size_t i;

	vl_init(&own, NULL);
	t = cpu_time();
	do {
		vl_init(&l[1], &own);
		vl_init(&l[2], &own);
		for (i = 0; i < n; i++)
			vl_line(&l[r[i].session], r[i].to_miner, r[i].ts,
			    r[i].line, r[i].len);
		vl_free(&l[2]);
		vl_free(&l[1]);
		lines += n;
		dt = cpu_time() - t;
	} while (dt < seconds);
	vl_free(&own);
	printf("%-52s %12.3f us/message\n",
	    "transcript, decode and verify, pairing included",
	    dt / (double)lines * 1e6);
}

/* --- a job with twelve branches --- */

static void
make_job(struct sim_job *j)
{
	memset(j, 0, sizeof(*j));
	strcpy(j->id, "bench");
	memset(j->coinb1, 1, j->coinb1_len = 60);
	memset(j->coinb2, 2, j->coinb2_len = 140);
	for (j->branches = 0; j->branches < BRANCHES; j->branches++)
		memset(j->branch[j->branches], j->branches, 32);
	j->version = 0x20000000;
	j->nbits = 0x1702b000;
	j->ntime = 0x67000000;
}

static struct vl_record
line(bool to_miner, const char *text)
{
	struct vl_record r = { .ts = 1, .session = 1, .to_miner = to_miner };

	r.len = strlen(text);
	if ((r.line = strdup(text)) == NULL)
		err(1, NULL);
	return r;
}

/* Each share has another extranonce2, so no root is ever kept. */
static struct vl_record *
make_lines(size_t *n)
{
	struct vl_record *r = calloc(SHARES + 4, sizeof(*r));
	char params[8192], text[9000];
	struct sim_job j;
	unsigned i;

	if (r == NULL)
		err(1, NULL);
	make_job(&j);
	if (sim_job_print(&j, true, params, sizeof(params)) == 0)
		errx(1, "the job is too long");
	r[0] = line(false, "{\"id\":1,\"method\":\"mining.subscribe\"}");
	r[1] = line(true,
	    "{\"id\":1,\"result\":[[[\"mining.notify\",\"1\"]],"
	    "\"0a0b0c0d\",8]}");
	r[2] = line(true,
	    "{\"method\":\"mining.set_difficulty\",\"params\":"
	    "[1e-12]}");
	snprintf(text, sizeof(text),
	    "{\"method\":\"mining.notify\",\"params\":%s}", params);
	r[3] = line(true, text);
	for (i = 0; i < SHARES; i++) {
		snprintf(text, sizeof(text),
		    "{\"id\":4,\"method\":\"mining.submit\",\"params\":"
		    "[\"w\",\"bench\",\"%016x\",\"67000000\",\"%08x\"]}",
		    i, i);
		r[4 + i] = line(false, text);
	}
	*n = SHARES + 4;
	return r;
}

/* libcrypto's hashing of the same shares, and nothing else. */
static void
measure_peer(void)
{
	struct sim_job j;
	struct sim_try t = { .en1 = { { 10, 11, 12, 13 }, 4 },
		.en2 = { { 0 }, 8 },
		.version = 0x20000000,
		.ntime = 0x67000000 };
	uint8_t header[80], hash[32];
	double from = cpu_time(), dt;
	unsigned i, n = 0;

	make_job(&j);
	do {
		for (i = 0; i < SHARES; i++, n++) {
			memcpy(t.en2.b, &i, sizeof(i));
			t.nonce = i;
			sim_header(&j, &t, header);
			sim_sha256d(header, sizeof(header), hash);
		}
		dt = cpu_time() - from;
	} while (dt < seconds);
	row("peer: libcrypto hashing 12 branches, nothing else", n / dt,
	    "shares/s");
}

int
main(int argc, char *argv[])
{
	struct vl_record *transcript, *branches;
	struct decoded *d, *e;
	size_t n, m;

	if (argc > 1 && (seconds = atof(argv[1])) <= 0)
		errx(1, "usage: bench_verify [seconds]");
	transcript = vl_transcript("transcripts/ckpool-cpuminer.jsonl", &n);
	branches = make_lines(&m);
	d = decode_all(transcript, n);
	e = decode_all(branches, m);
	printf("SHA-256 by %s\n",
	    sha256_code() == SHA256_C ? "plain C" : "the processor");
	measure("transcript, decoded", d, n, 189);
	measure("12 branches, each another root, decoded", e, m, SHARES);
	measure_peer();
	measure_lines(transcript, n);
	if (sha256_code() != SHA256_C && sha256_use(SHA256_C) == 0) {
		measure("transcript, decoded, in plain C", d, n, 189);
		measure("12 branches, decoded, in plain C", e, m, SHARES);
	}
	return 0;
}
