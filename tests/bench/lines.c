/*
 * What the miners and the pool of a benchmark say: lines of the sizes and
 * shapes that are seen in the field, built once or with a few bytes changed.
 */

#include <stdio.h>
#include <string.h>

#include "tests/bench/bench.h"

#define LINE(s)                  \
	{                        \
		s, sizeof(s) - 1 \
	}

#define JOB "3f00001c"
#define SET_DIFFICULTY \
	"{\"id\":null,\"method\":\"mining.set_difficulty\",\"params\":[1024]}\n"

static const struct line requests[] = {
	[STAGE_SUBSCRIBE] = LINE(
	    "{\"id\":1,\"method\":\"mining.subscribe\",\"params\":"
	    "[\"bench/1.0\"]}\n"),
	[STAGE_AUTHORIZE] = LINE(
	    "{\"id\":2,\"method\":\"mining.authorize\",\"params\":"
	    "[\"bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq.bench\",\"x\"]}\n"),
	[STAGE_JOB] = LINE(
	    "{\"id\":3,\"method\":\"mining.extranonce.subscribe\","
	    "\"params\":[]}\n"),
};

static const struct line answers[] = {
	[STAGE_SUBSCRIBE] = LINE(
	    "{\"id\":1,\"result\":[[[\"mining.set_difficulty\",\"1\"],"
	    "[\"mining.notify\",\"1\"]],\"c0ffee01\",8],\"error\":null}\n"),
	[STAGE_AUTHORIZE] = LINE("{\"id\":2,\"result\":true,\"error\":null}\n"),
	[STAGE_JOB] = LINE(
	    "{\"id\":3,\"result\":true,\"error\":null}\n" SET_DIFFICULTY),
};

struct line
line_request(enum stage stage)
{
	return (requests[stage]);
}

struct line
line_answer(enum stage stage)
{
	return (answers[stage]);
}

/* The job's request is answered, given a difficulty and a job. */
int
line_answers(enum stage stage)
{
	return (stage == STAGE_JOB ? 3 : 1);
}

struct line
line_accepted(void)
{
	static const struct line l = LINE(
	    "{\"id\":4,\"result\":true,\"error\":null}\n");

	return (l);
}

static size_t
put(char *buf, size_t at, const char *s)
{
	size_t n = strlen(s);

	memcpy(buf + at, s, n);
	return (at + n);
}

/* n hex digits that look like a hash. */
static size_t
put_hex(char *buf, size_t at, size_t n, uint32_t seed)
{
	for (size_t i = 0; i < n; i++) {
		seed = seed * 1664525 + 1013904223;
		buf[at + i] = "0123456789abcdef"[seed >> 28];
	}
	return (at + n);
}

/* A job with 12 branches; its second half of the coinbase has the length
 * that gives the whole line BENCH_NOTIFY bytes. */
struct line
line_notify(void)
{
	static char buf[BENCH_NOTIFY];
	static const char head[] =
	    "{\"id\":null,\"method\":\"mining.notify\",\"params\":[\"" JOB
	    "\",\"";
	static const char tail[] =
	    "],\"20000000\",\"1702905c\",\"66b2a3f0\",false]}\n";
	struct line l = { buf, BENCH_NOTIFY };
	size_t at, branches = 12 * 66 + 11;

	if (buf[0] != '\0')
		return (l);
	at = put(buf, 0, head);
	at = put_hex(buf, at, 64, 1);
	at = put(buf, at, "\",\"");
	at = put_hex(buf, at, 110, 2);
	at = put(buf, at, "\",\"");
	at = put_hex(buf, at,
	    BENCH_NOTIFY - at - 3 - branches - (sizeof(tail) - 1), 3);
	at = put(buf, at, "\",[");
	for (uint32_t i = 0; i < 12; i++) {
		at = put(buf, at, i == 0 ? "\"" : ",\"");
		at = put_hex(buf, at, 64, 4 + i);
		at = put(buf, at, "\"");
	}
	put(buf, at, tail);
	return (l);
}

static size_t
put_number(char *buf, size_t at, uint64_t v, int digits)
{
	for (int i = digits - 1; i >= 0; i--) {
		buf[at + (size_t)i] = "0123456789abcdef"[v & 15];
		v >>= 4;
	}
	return (at + (size_t)digits);
}

/* The worker's name takes up what the session's length of line leaves. */
size_t
line_submit(char *buf, int n, uint64_t serial)
{
	static const char head[] =
	    "{\"id\":4,\"method\":\"mining.submit\",\"params\":["
	    "\"bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq.";
	static const char pad[] =
	    "rack07_shelf03_miner_0123456789_abcdefghij_s19";
	const size_t rest = sizeof("\",\"" JOB
				   "\",\"0123456789abcdef\",\"66b2a3f0\","
				   "\"01234567\",\"00e00000\"]}\n") -
	    1;
	size_t len = 160 + (size_t)n % 41, at;

	at = put(buf, 0, head);
	memcpy(buf + at, pad, len - rest - at);
	at = put(buf, len - rest, "\",\"" JOB "\",\"");
	at = put_number(buf, at, serial, 16);
	at = put(buf, at, "\",\"66b2a3f0\",\"");
	at = put_number(buf, at, serial * 2654435761u, 8);
	return (put(buf, at, "\",\"00e00000\"]}\n"));
}
