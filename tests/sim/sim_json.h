/*
 * A JSON reader without memory of its own: one line becomes a flat array of
 * tokens that point into it.  Written for the simulators, so that the judge
 * shares no code with what it judges.
 */
#ifndef SIM_JSON_H
#define SIM_JSON_H

#include <stdbool.h>
#include <stddef.h>

#define SIM_JSON_DEPTH 16

enum sim_type {
	SIM_NULL,
	SIM_BOOL,
	SIM_NUMBER,
	SIM_STRING,
	SIM_ARRAY,
	SIM_OBJECT,
};

struct sim_tok {
	enum sim_type type;
	const char *raw; /* as written, strings with their quotes */
	size_t len;
	int count; /* elements, or pairs */
	int next;  /* index of the token behind this one and its children */
};

/*
 * Reads exactly one value.  Returns the number of tokens, or -1: not JSON,
 * deeper than SIM_JSON_DEPTH, more than max tokens.  toks[0] is the value.
 */
int sim_json_parse(const char *text, size_t len, struct sim_tok *toks, int max);
/* Index of the value of key in the object at index obj, or -1. */
int sim_json_get(const struct sim_tok *toks, int obj, const char *key);
/* Index of element i of the array at index arr, or -1. */
int sim_json_at(const struct sim_tok *toks, int arr, int i);
/* Decodes the string into buf with a NUL. Length, or -1: no string, too long. */
int sim_json_str(const struct sim_tok *toks, int i, char *buf, size_t size);
/* The same for bytes that were written as Latin-1 text: U+0000 to U+00FF are
 * the bytes 0 to 255, escaped or in UTF-8. No NUL is added. Length, or -1. */
int sim_json_latin1(const struct sim_tok *toks, int i, char *buf, size_t size);
/* 0, -1 not a number (a string with a number in it is one: pools do that). */
int sim_json_num(const struct sim_tok *toks, int i, double *out);
/* True for the literal true only. */
bool sim_json_true(const struct sim_tok *toks, int i);

#endif
