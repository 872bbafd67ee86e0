/*
 * A session whose shares are made to order.
 */
#include "tests/unit/verifyrig.h"

void
new_job(struct rig *r, const char *id)
{
	snprintf(r->job.id, sizeof(r->job.id), "%s", id);
	for (int i = 0; i < 32; i++)
		r->job.prevhash[i] = (uint8_t)(i * 7 + 1);
	memset(r->job.prevhash + 28, 0, 4);
	memcpy(r->job.coinb1, "\x01\x00\x00\x00 here begins a coinbase", 27);
	r->job.coinb1_len = 27;
	memcpy(r->job.coinb2, "and here it ends", 16);
	r->job.coinb2_len = 16;
	for (int i = 0; i < 3; i++)
		memset(r->job.branch[i], 0x11 * (i + 1), 32);
	r->job.branches = 3;
	r->job.version = 0x20000000;
	r->job.nbits = 0x1702b000;
	r->job.ntime = 0x67000000;
	r->version = r->job.version;
	r->ntime = r->job.ntime;
}

void
notify(struct rig *r, bool clean)
{
	char params[8192];

	assert_true(sim_job_print(&r->job, clean, params, sizeof(params)) > 0);
	r->ts += MS;
	vl_pool(&r->l, r->ts,
	    "{\"id\":null,\"method\":\"mining.notify\",\"params\":%s}", params);
}

void
difficulty(struct rig *r, double d)
{
	vl_pool(&r->l, r->ts,
	    "{\"id\":null,\"method\":\"mining.set_difficulty\",\"params\":"
	    "[%.17g]}",
	    d);
}

void
authorize(struct rig *r, const char *worker, bool ok)
{
	vl_miner(&r->l, r->ts,
	    "{\"id\":\"auth\",\"method\":\"mining.authorize\",\"params\":"
	    "[\"%s\",\"x\"]}",
	    worker);
	vl_pool(&r->l, r->ts, "{\"id\":\"auth\",\"result\":%s,\"error\":null}",
	    ok ? "true" : "false");
}

void
subscribe(struct rig *r, const char *en1, unsigned size)
{
	vl_miner(&r->l, r->ts,
	    "{\"id\":1,\"method\":\"mining.subscribe\",\"params\":[]}");
	vl_pool(&r->l, r->ts,
	    "{\"id\":1,\"result\":[[[\"mining.notify\",\"s\"]],\"%s\",%u],"
	    "\"error\":null}",
	    en1, size);
	r->en1.len = strlen(en1) / 2;
	assert_int_equal(hex_bytes(en1, strlen(en1), r->en1.b), 0);
}

void
configure(struct rig *r, const char *result)
{
	vl_miner(&r->l, r->ts,
	    "{\"id\":2,\"method\":\"mining.configure\",\"params\":"
	    "[[\"version-rolling\"],{\"version-rolling.mask\":\"ffffffff\"}]}");
	vl_pool(&r->l, r->ts, "{\"id\":2,\"result\":%s,\"error\":null}",
	    result);
}

/* Subscribed and authorized; no difficulty, no job. */
void
rig_bare(struct rig *r)
{
	memset(r, 0, sizeof(*r));
	vl_init(&r->l, NULL);
	r->ts = 5000 * MS;
	r->id = 10;
	subscribe(r, "0a0b0c0d", 4);
	authorize(r, "w.1", true);
	new_job(r, "j1");
	r->en2.len = 4;
	r->least = DIFF;
	r->most = 1e9;
}

void
rig_init(struct rig *r)
{
	rig_bare(r);
	difficulty(r, DIFF);
	notify(r, true);
}

void
rig_free(struct rig *r)
{
	vl_free(&r->l);
}

void
negotiate(struct rig *r)
{
	configure(r,
	    "{\"version-rolling\":true,"
	    "\"version-rolling.mask\":\"1fffe000\"}");
}

/* A nonce whose hash has a difficulty within [least, most). */
void
mine(struct rig *r, const struct sim_job *job, const struct sim_nonce *en1)
{
	struct sim_try w = { .en1 = *en1,
		.en2 = r->en2,
		.version = r->version,
		.ntime = r->ntime };
	uint8_t header[80], hash[32], target[32];
	struct sim_mid mid;
	uint32_t nonce = 0;

	sim_header(job, &w, header);
	sim_midstate(header, &mid);
	sim_target(r->least, target);
	do {
		while (!sim_search(&mid, target, &nonce, 1u << 16))
			assert_true(nonce < 0xf0000000u);
		r->nonce = w.nonce = nonce++;
		sim_header(job, &w, header);
		sim_sha256d(header, 80, hash);
	} while (sim_difficulty(hash) >= r->most);
}

const struct verify_share *
submit(struct rig *r)
{
	char en2[2 * SIM_NONCE_MAX + 1], bits[16] = "";

	hex_text(r->en2.b, r->en2.len, en2);
	if (r->has_bits)
		snprintf(bits, sizeof(bits), ",\"%08x\"", r->bits);
	r->ts += MS;
	assert_true(vl_miner(&r->l, r->ts,
	    "{\"id\":%u,\"method\":\"mining.submit\",\"params\":[\"w.1\","
	    "\"%s\",\"%s\",\"%08x\",\"%08x\"%s]}",
	    ++r->id, r->job.id, en2, r->ntime, r->nonce, bits));
	return &r->l.share;
}

const struct verify_share *
share(struct rig *r)
{
	mine(r, &r->job, &r->en1);
	return submit(r);
}

void
answer(struct rig *r, const char *rest)
{
	assert_true(vl_pool(&r->l, r->ts, "{\"id\":%u,%s}", r->id, rest));
}

void
check(const struct verify_share *s, enum verify_verdict verdict,
    enum verify_cause cause, bool firm)
{
	char words[600];

	assert_string_equal(verify_verdict_name(s->verdict),
	    verify_verdict_name(verdict));
	assert_string_equal(verify_cause_name(s->cause),
	    verify_cause_name(cause));
	assert_int_equal(s->firm, firm);
	verify_sentence(s, words, sizeof(words));
	assert_int_equal(words[0] == '\0', cause == CAUSE_NONE);
}

/* The session as it would be after a restart. */
void
restart(struct vl *l)
{
	struct mbuf b;
	struct mcur c;

	mbuf_init(&b);
	verify_pack(l->v, &b, true);
	assert_false(b.bad);
	mcur_init(&c, b.data, b.len);
	struct verify *v = verify_unpack(l->store, &c);
	assert_non_null(v);
	assert_int_equal(msg_end(&c), 0);
	verify_free(l->v);
	l->v = v;
	mbuf_free(&b);
}

void
set_extranonce(struct rig *r, const char *en1, unsigned size)
{
	vl_pool(&r->l, r->ts,
	    "{\"id\":null,\"method\":\"mining.set_extranonce\",\"params\":"
	    "[\"%s\",%u]}",
	    en1, size);
}
