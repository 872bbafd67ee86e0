/*
 * What talks to a Stratum port besides Stratum (stratum.md, "What else
 * arrives at the port").  Every answer is a function of a prefix of what
 * came, so it does not depend on how the bytes were cut into reads.
 */
#include <string.h>

#include "common/json.h"
#include "common/stratum.h"
#include "common/stratum_scan.h"
#include "common/utf8.h"

#define SV2_LEN 64 /* an ElligatorSwift-encoded key, the first Noise act */

struct input {
	const uint8_t *s;
	size_t len;
	bool final;
};

static const struct {
	const char *bytes;
	uint8_t len;
	uint8_t protocol;
} signatures[] = {
	{ "GET ", 4, STRATUM_P_HTTP },
	{ "POST ", 5, STRATUM_P_HTTP },
	{ "HEAD ", 5, STRATUM_P_HTTP },
	{ "PUT ", 4, STRATUM_P_HTTP },
	{ "OPTIONS ", 8, STRATUM_P_HTTP },
	{ "CONNECT ", 8, STRATUM_P_HTTP },
	{ "HTTP/1.", 7, STRATUM_P_HTTP },
	{ "PROXY ", 6, STRATUM_P_PROXY_V1 },
	{ "\r\n\r\n\0\r\nQUIT\n", 12, STRATUM_P_PROXY_V2 },
	{ "\x16\x03\x00", 3, STRATUM_P_TLS },
	{ "\x16\x03\x01", 3, STRATUM_P_TLS },
	{ "\x16\x03\x02", 3, STRATUM_P_TLS },
	{ "\x16\x03\x03", 3, STRATUM_P_TLS },
	{ "\x16\x03\x04", 3, STRATUM_P_TLS },
};

/* The protocol with a signature, MORE if one is still possible, else TEXT. */
static enum stratum_protocol
by_signature(const struct input *in)
{
	enum stratum_protocol p = STRATUM_P_TEXT;
	size_t i, n;

	for (i = 0; i < sizeof(signatures) / sizeof(signatures[0]); i++) {
		n = signatures[i].len < in->len ? signatures[i].len : in->len;
		if (memcmp(in->s, signatures[i].bytes, n) != 0)
			continue;
		if (n == signatures[i].len)
			return signatures[i].protocol;
		p = STRATUM_P_MORE;
	}
	return p;
}

/*
 * A cursor over the ClientHello.  Reading past its end sets `out` and gives
 * zeros from then on.
 */
struct hello {
	const uint8_t *s;
	size_t i, len;
	bool out;
};

static uint32_t
take_uint(struct hello *h, unsigned int bytes)
{
	uint32_t v = 0;

	if (h->len - h->i < bytes) {
		h->out = true;
		h->i = h->len;
		return 0;
	}
	while (bytes-- > 0)
		v = v << 8 | h->s[h->i++];
	return v;
}

static void
skip(struct hello *h, size_t n)
{
	if (h->len - h->i < n) {
		h->out = true;
		n = h->len - h->i;
	}
	h->i += n;
}

/* To the first extension (RFC 8446, 4.1.2). */
static void
skip_to_extensions(struct hello *h)
{
	skip(h, 5 + 4 + 2 + 32);  /* record, handshake, version, random */
	skip(h, take_uint(h, 1)); /* session id */
	skip(h, take_uint(h, 2)); /* cipher suites */
	skip(h, take_uint(h, 1)); /* compression methods */
	skip(h, 2);
}

/* The server_name extension's host_name (RFC 6066, 3). */
static void
take_name(struct hello *h, char *detail, size_t cap)
{
	uint32_t len;

	skip(h, 2);
	if (take_uint(h, 1) != 0)
		return;
	len = take_uint(h, 2);
	if (!h->out && h->len - h->i >= len)
		text_escape(detail, cap, h->s + h->i, len);
	else
		h->out = true;
}

/*
 * Find the server name.  False if it may still come; true with an empty
 * detail if this hello has none.
 */
static bool
server_name(const struct input *in, char *detail, size_t cap)
{
	struct hello h = { in->s, 0, in->len, false };
	size_t record;
	uint32_t type, len;

	if (in->len < 6)
		return false;
	record = 5 + ((size_t)in->s[3] << 8 | in->s[4]);
	if (in->s[5] != 1) /* no ClientHello */
		return true;
	if (h.len > record)
		h.len = record;
	skip_to_extensions(&h);
	while (!h.out && h.i < record) {
		type = take_uint(&h, 2);
		len = take_uint(&h, 2);
		if (h.out)
			break;
		if (type == 0) {
			take_name(&h, detail, cap);
			break;
		}
		skip(&h, len);
	}
	return !h.out || h.len == record;
}

/*
 * Random enough to be a key?  Of 64 random bytes about 40 are not printable
 * and hardly one value comes more than four times; tables and lengths of
 * other binary protocols are mostly zeros.
 */
static enum stratum_protocol
by_randomness(const uint8_t *s)
{
	uint8_t seen[256] = { 0 };
	unsigned int odd = 0, i;

	for (i = 0; i < SV2_LEN; i++) {
		odd += s[i] < 0x20 || s[i] > 0x7e;
		if (++seen[s[i]] > 8)
			return STRATUM_P_BINARY;
	}
	return odd >= SV2_LEN / 4 ? STRATUM_P_SV2 : STRATUM_P_BINARY;
}

/* By the method and the parameters of a first line that is JSON. */
static enum stratum_protocol
by_json(const uint8_t *s, size_t len)
{
	struct scan_line p = { s, 0, len };
	struct scan_token t;

	if (scan_text(s, len, "\"EthereumStratum/") != NULL)
		return STRATUM_P_ETHEREUM;
	while (scan_member(&p, "method", &t)) {
		if (scan_is(&p, &t, "login"))
			return STRATUM_P_CRYPTONOTE;
		if (t.len > 4 && memcmp(s + t.start, "eth_", 4) == 0)
			return STRATUM_P_ETHEREUM;
	}
	return STRATUM_P_STRATUM;
}

static bool
is_control(uint8_t c)
{
	return c == 0x7f || (c < 0x20 && c != '\t' && c != '\r' && c != '\n');
}

static enum stratum_protocol
binary(const struct input *in)
{
	if (in->len >= SV2_LEN)
		return by_randomness(in->s);
	return in->final ? STRATUM_P_BINARY : STRATUM_P_MORE;
}

/*
 * No signature: read on to the first LF behind something, or a byte that no
 * text has, or the end, and judge what lies before.
 */
static enum stratum_protocol
by_content(const struct input *in)
{
	const uint8_t *s = in->s;
	size_t first = scan_blanks(s, 0, in->len), i = first;

	while (i < in->len && s[i] != '\n' && !is_control(s[i]))
		i++;
	if (i < in->len && s[i] != '\n')
		return binary(in);
	if (i == in->len && !in->final)
		return STRATUM_P_MORE;
	if (first < i && (s[first] == '{' || s[first] == '['))
		return by_json(s + first, i - first);
	return utf8_valid(s, i) ? STRATUM_P_TEXT : binary(in);
}

void
stratum_foreign(const void *first, size_t len, bool final,
    struct stratum_foreign *out)
{
	struct input in = { first, len, final };
	enum stratum_protocol p;

	if (in.len >= STRATUM_FIRST_MAX) {
		in.len = STRATUM_FIRST_MAX;
		in.final = true;
	}
	out->detail[0] = '\0';
	p = in.len == 0 ? STRATUM_P_MORE : by_signature(&in);
	if (p == STRATUM_P_TLS &&
	    !server_name(&in, out->detail, sizeof(out->detail)) && !in.final)
		p = STRATUM_P_MORE;
	if (p == STRATUM_P_TEXT || (p == STRATUM_P_MORE && in.final))
		p = in.len == 0 ? STRATUM_P_TEXT : by_content(&in);
	out->protocol = (uint8_t)p;
	out->name = stratum_protocol_name(p);
	out->hint = stratum_protocol_hint(p);
}
