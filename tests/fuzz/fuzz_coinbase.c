/*
 * A coinbase of any bytes, cut at any place: what is said of it lies within
 * it, and every address is one.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/coinbase.h"
#include "common/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

#define REQUIRE(x)               \
	do {                     \
		if (!(x))        \
			abort(); \
	} while (0)

static struct coinbase cb;

static void
check_output(const struct coinbase_output *o, enum address_net net)
{
	size_t len = strnlen(o->address, ADDRESS_MAX);
	char again[ADDRESS_MAX];

	REQUIRE(o->script >= cb.bytes &&
	    o->script + o->script_len <= cb.bytes + cb.len);
	REQUIRE(len < ADDRESS_MAX && o->type < ADDRESS_TYPES);
	REQUIRE(address_of_script(o->script, o->script_len, net, again) ==
	    (enum address_type)o->type);
	REQUIRE(strcmp(again, o->address) == 0);
	REQUIRE((len > 0) ==
	    (o->type >= ADDRESS_P2PKH && o->type <= ADDRESS_WITNESS));
}

static void
check(int en, enum address_net net, int result)
{
	uint32_t i;

	REQUIRE(cb.fault < COINBASE_FAULTS);
	REQUIRE((cb.fault == COINBASE_SOUND) == (result == 0));
	REQUIRE(cb.len <= sizeof(cb.bytes));
	REQUIRE(cb.kept <= COINBASE_OUTPUTS_MAX);
	REQUIRE(cb.kept <= cb.outputs || result == -1);
	REQUIRE(strlen(cb.tag) <= COINBASE_TAG_MAX);
	REQUIRE(utf8_valid(cb.tag, strlen(cb.tag)));
	if (result == 0) {
		REQUIRE(cb.script_at + cb.script_len <= cb.len);
		REQUIRE(en == COINBASE_ANY || en == cb.extranonce_len);
	}
	for (i = 0; i < cb.kept; i++)
		check_output(&cb.output[i], net);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum address_net net;
	uint8_t *a, *b;
	size_t cut;
	int en;

	if (size < 3)
		return 0;
	net = (enum address_net)(data[0] % ADDRESS_NETS);
	en = data[1] % 66 - 1;
	cut = (size_t)data[2] * (size - 3) / 255;
	data += 3;
	size -= 3;
	/* Two blocks of exactly their size. */
	REQUIRE((a = malloc(cut + 1)) != NULL);
	REQUIRE((b = malloc(size - cut + 1)) != NULL);
	memcpy(a, data, cut);
	memcpy(b, data + cut, size - cut);
	check(en, net, coinbase_parse(&cb, a, cut, b, size - cut, en, net));
	check(COINBASE_ANY, net,
	    coinbase_parse(&cb, a, cut, b, size - cut, COINBASE_ANY, net));
	free(a);
	free(b);
	return 0;
}
