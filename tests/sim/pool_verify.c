/*
 * --verify: a notify and a submit from a file, through the same code that
 * judges shares.
 */
#include <stdio.h>
#include <string.h>

#include "tests/sim/pool.h"
#include "tests/sim/sim_util.h"

static int
verify_field(const struct sim_tok *t, const char *name, struct sim_nonce *n)
{
	char hex[2 * SIM_NONCE_MAX + 1];
	int len;

	if (sim_json_str(t, sim_json_get(t, 0, name), hex, sizeof(hex)) == -1)
		return -1;
	len = sim_hex_decode(n->b, SIM_NONCE_MAX, hex, strlen(hex));
	n->len = len > 0 ? (size_t)len : 0;
	return len > 0 ? 0 : -1;
}

static void
verify_print(const struct sim_job *job, const struct sim_try *w, double want)
{
	uint8_t header[80], hash[32], share[32], net[32];
	char hex[161], shown[65];

	sim_header(job, w, header);
	sim_sha256d(header, sizeof(header), hash);
	sim_target(want, share);
	sim_target_nbits(job->nbits, net);
	sim_hex_encode(hex, header, sizeof(header));
	sim_hash_print(hash, shown);
	printf("{\"header\": \"%s\", \"hash\": \"%s\", \"difficulty\": %.17g, "
	       "\"meets_share\": %s, \"meets_network\": %s}\n",
	    hex, shown, sim_difficulty(hash),
	    sim_below(hash, share) ? "true" : "false",
	    sim_below(hash, net) ? "true" : "false");
}

void
pool_verify_file(const char *path, enum sim_formula formula)
{
	static char text[65536];
	static struct sim_tok t[1024];
	static struct sim_job job;
	struct sim_try w = { .version = 0 };
	struct sim_submit s;
	struct request r = { .t = t };
	char worker[128], hex[16];
	uint32_t mask = 0;
	double want;
	FILE *f = fopen(path, "r");
	size_t n = f != NULL ? fread(text, 1, sizeof(text), f) : 0;

	if (f != NULL)
		fclose(f);
	if (sim_json_parse(text, n, t, 1024) == -1)
		sim_die("%s: no JSON", path);
	r.params = sim_json_get(t, 0, "submit_params");
	if (sim_job_parse(&job, t, sim_json_get(t, 0, "notify_params")) == -1 ||
	    pool_read_submit(&r, &s, worker, sizeof(worker)) == -1 ||
	    verify_field(t, "extranonce1", &w.en1) == -1 ||
	    sim_json_num(t, sim_json_get(t, 0, "share_difficulty"), &want))
		sim_die("%s: not a notify and a submit", path);
	if (sim_json_str(t, sim_json_get(t, 0, "version_mask"), hex,
		sizeof(hex)) > 0)
		sim_hex_u32(hex, strlen(hex), &mask);
	w.en2 = s.en2;
	w.ntime = s.ntime;
	w.nonce = s.nonce;
	w.version = s.has_bits ?
	    sim_version(formula, job.version, mask, s.bits) :
	    job.version;
	verify_print(&job, &w, want);
}
