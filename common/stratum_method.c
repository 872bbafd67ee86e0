/*
 * The names of the field: methods, kinds, protocols.  From BIP 310, the
 * Stratum pages of the Bitcoin wiki, and the sources of ckpool, btcpool,
 * DATUM, cgminer and ESP-Miner.
 */
#include <string.h>

#include "common/stratum.h"
#include "common/stratum_scan.h"

#define NOTIFIES 1u /* no answer is ever meant, whatever the id */

static const struct method {
	const char *name;
	uint8_t len;
	uint8_t number;
	uint8_t flags;
} methods[] = {
#define M(name, number, flags)                                    \
	{                                                         \
		name, sizeof(name) - 1, STRATUM_M_##number, flags \
	}
	/* The most frequent first. */
	M("mining.submit", SUBMIT, 0),
	M("mining.notify", NOTIFY, NOTIFIES),
	M("mining.set_difficulty", SET_DIFFICULTY, NOTIFIES),
	M("mining.subscribe", SUBSCRIBE, 0),
	M("mining.authorize", AUTHORIZE, 0),
	M("mining.configure", CONFIGURE, 0),
	M("mining.extranonce.subscribe", EXTRANONCE_SUBSCRIBE, 0),
	M("mining.suggest_difficulty", SUGGEST_DIFFICULTY, 0),
	M("mining.suggest_target", SUGGEST_TARGET, 0),
	M("mining.get_transactions", GET_TRANSACTIONS, 0),
	M("mining.get_txnhashes", GET_TXNHASHES, 0),
	M("mining.capabilities", CAPABILITIES, 0),
	M("mining.hashes_done", HASHES_DONE, 0),
	M("mining.multi_version", MULTI_VERSION, 0),
	M("pong", PONG, 0),
	M("mining.set_target", SET_TARGET, NOTIFIES),
	M("mining.set_extranonce", SET_EXTRANONCE, NOTIFIES),
	M("mining.set_version_mask", SET_VERSION_MASK, NOTIFIES),
	M("mining.set_goal", SET_GOAL, NOTIFIES),
	M("client.reconnect", RECONNECT, NOTIFIES),
	M("client.get_version", GET_VERSION, 0),
	M("client.show_message", SHOW_MESSAGE, NOTIFIES),
	M("mining.ping", PING, 0),
	M("login", CRYPTONOTE, 0),
	M("submit", CRYPTONOTE, 0),
	M("getjob", CRYPTONOTE, 0),
	M("keepalived", CRYPTONOTE, 0),
	M("job", CRYPTONOTE, NOTIFIES),
#undef M
};

#define N_METHODS (sizeof(methods) / sizeof(methods[0]))

static bool
begins(const char *s, size_t len, const char *with)
{
	size_t n = strlen(with);

	return len >= n && memcmp(s, with, n) == 0;
}

enum stratum_method
stratum_method_find(const char *name, size_t len)
{
	size_t i;

	for (i = 0; i < N_METHODS; i++)
		if (methods[i].len == len &&
		    memcmp(methods[i].name, name, len) == 0)
			return methods[i].number;
	if (begins(name, len, "mining.suggest_difficulty("))
		return STRATUM_M_SUGGEST_DIFFICULTY;
	if (begins(name, len, "eth_"))
		return STRATUM_M_ETHEREUM;
	return STRATUM_M_OTHER;
}

static const struct method *
by_number(enum stratum_method m)
{
	size_t i;

	for (i = 0; i < N_METHODS; i++)
		if (methods[i].number == m)
			return &methods[i];
	return NULL;
}

const char *
stratum_method_name(enum stratum_method m)
{
	const struct method *e = by_number(m);

	/* CryptoNote's are several; there is no one name. */
	return e == NULL || m == STRATUM_M_CRYPTONOTE ? "" : e->name;
}

bool
stratum_method_notifies(enum stratum_method m)
{
	const struct method *e = by_number(m);

	return e != NULL && (e->flags & NOTIFIES) != 0;
}

const char *
stratum_secret_method(size_t n)
{
	static const char *const secret[] = { "mining.authorize", "login",
		"eth_submitLogin" };

	return n < sizeof(secret) / sizeof(secret[0]) ? secret[n] : NULL;
}

const char *
stratum_kind_name(enum stratum_kind kind)
{
	switch (kind) {
	case STRATUM_NOT_JSON:
		return "not json";
	case STRATUM_NOT_OBJECT:
		return "not an object";
	case STRATUM_FOREIGN:
		return "foreign";
	case STRATUM_REQUEST:
		return "request";
	case STRATUM_NOTIFICATION:
		return "notification";
	case STRATUM_RESPONSE:
		return "response";
	}
	return "";
}

static const struct {
	const char *name, *hint;
} protocols[STRATUM_P_COUNT] = {
	[STRATUM_P_STRATUM] = { "stratum", "" },
	[STRATUM_P_MORE] = { "unknown", "more bytes are needed to tell" },
	[STRATUM_P_TLS] = { "tls",
	    "TLS on a plain port: set the miner to stratum+tcp://" },
	[STRATUM_P_HTTP] = { "http",
	    "HTTP (getwork, getblocktemplate or a browser): "
	    "this port speaks Stratum only" },
	[STRATUM_P_PROXY_V1] = { "proxy-v1",
	    "a PROXY header from a network that is not configured for it" },
	[STRATUM_P_PROXY_V2] = { "proxy-v2",
	    "a PROXY header from a network that is not configured for it" },
	[STRATUM_P_SV2] = { "stratum-v2",
	    "looks like a Stratum V2 handshake: set the miner to Stratum V1" },
	[STRATUM_P_CRYPTONOTE] = { "cryptonote",
	    "CryptoNote (Monero and kin), not Bitcoin" },
	[STRATUM_P_ETHEREUM] = { "ethereum",
	    "Ethereum's Stratum or getwork, not Bitcoin" },
	[STRATUM_P_ZCASH] = { "zcash",
	    "Zcash's Stratum (Equihash), not Bitcoin" },
	[STRATUM_P_TEXT] = { "text", "readable text, but not Stratum" },
	[STRATUM_P_BINARY] = { "binary", "an unknown binary protocol" },
};

const char *
stratum_protocol_name(enum stratum_protocol p)
{
	return p < STRATUM_P_COUNT ? protocols[p].name : "";
}

const char *
stratum_protocol_hint(enum stratum_protocol p)
{
	return p < STRATUM_P_COUNT ? protocols[p].hint : "";
}
