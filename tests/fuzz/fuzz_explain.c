/*
 * Explanations of any line, in both directions and as an answer to anything:
 * all texts are valid UTF-8, both forms can be made, and a password that is
 * where passwords are is not in them.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/explain.h"
#include "common/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

#define REQUIRE(x)               \
	do {                     \
		if (!(x))        \
			abort(); \
	} while (0)

static struct stratum_parser *parser;
static struct explain *e;
static struct jtree tree;

static void
check_str(const char *s)
{
	REQUIRE(s != NULL && utf8_valid(s, strlen(s)));
}

static void
check_texts(void)
{
	unsigned i;

	check_str(e->title);
	check_str(e->summary);
	REQUIRE(e->title[0] != '\0' || e->full);
	REQUIRE(e->fields <= EXPLAIN_FIELDS && e->notes <= EXPLAIN_NOTES);
	for (i = 0; i < e->fields; i++) {
		check_str(e->field[i].name);
		check_str(e->field[i].value);
		check_str(e->field[i].unit);
		check_str(e->field[i].meaning);
	}
	for (i = 0; i < e->notes; i++)
		check_str(e->note[i]);
}

static void
check_forms(void)
{
	static char text[128 << 10], words[8192];
	struct json_out j;
	const char *s;
	size_t n, i;

	n = explain_words(e, words, sizeof(words));
	REQUIRE(strlen(words) <= n && utf8_valid(words, strlen(words)));
	REQUIRE(n >= sizeof(words) || strlen(words) == n);
	json_init(&j, 4 << 20);
	explain_json(e, words, true, &j);
	REQUIRE((s = json_finish(&j, &n)) != NULL);
	REQUIRE(json_valid(s, n, 4, NULL) == 0);
	json_reset(&j);
	explain_json(e, words, false, &j);
	REQUIRE((s = json_finish(&j, &n)) != NULL);
	json_clear(&j);
	n = explain_text(e, text, sizeof(text));
	REQUIRE(strlen(text) == (n < sizeof(text) ? n : sizeof(text) - 1));
	for (i = 0; text[i] != '\0'; i++)
		REQUIRE(text[i] == '\n' || (text[i] >= 0x20 && text[i] < 0x7f));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct explain_input in = { 0 };
	struct stratum_msg msg;
	unsigned answers = 0;

	if (parser == NULL) {
		REQUIRE((parser = stratum_parser_new()) != NULL);
		REQUIRE((e = explain_new()) != NULL);
	}
	/* The first byte says what the line answers to, if it does. */
	if (size > 0) {
		answers = data[0] % STRATUM_M_COUNT;
		in.net = (enum address_net)(data[0] % ADDRESS_NETS);
		in.extranonce_len = data[0] / 3;
		data++;
		size--;
	}
	if (size > STRATUM_LINE_MAX)
		size = STRATUM_LINE_MAX;
	in.line = (const char *)data;
	in.len = size;
	in.msg = &msg;
	stratum_classify(parser, data, size, false, &msg);
	in.tree = jtree_parse(&tree, data, size) == 0 ? &tree : NULL;
	for (int i = 0; i < 2; i++) {
		in.to_miner = i == 0;
		in.answers = (enum stratum_method)answers;
		explain_message(e, &in);
		check_texts();
		check_forms();
	}
	return 0;
}
