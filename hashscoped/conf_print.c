/*
 * The canonical form of the configuration: every value there is, in the
 * order of the table, so that two configurations mean the same exactly when
 * their prints are equal.
 */
#include <arpa/inet.h>
#include <string.h>

#include "hashscoped/conf_int.h"

static void
print_string(FILE *fp, const char *s)
{
	fputc('"', fp);
	for (; *s != '\0'; s++) {
		if (*s == '"' || *s == '\\')
			fputc('\\', fp);
		fputc(*s, fp);
	}
	fputc('"', fp);
}

static void
print_value(FILE *fp, const struct config *c, const struct conf_key *k,
    int public)
{
	const char *value = (const char *)c + k->off;
	char text[CONF_FORMAT_LEN];

	if (k->kind == KIND_STRING) {
		print_string(fp,
		    public && (k->flags & KEY_SECRET) ? "********" : value);
	} else if (k->kind == KIND_CHOICE) {
		fputs(k->choices[*(const int *)(const void *)value], fp);
	} else {
		conf_format_number(k->kind,
		    *(const uint64_t *)(const void *)value, text);
		fputs(text, fp);
	}
}

static void
print_words(FILE *fp, const struct conf_key *k, const char *indent)
{
	fprintf(fp, "%s%s ", indent, k->word);
	if (k->sub != NULL)
		fprintf(fp, "%s ", k->sub);
}

static void
print_list(FILE *fp, const struct config *c, const struct conf_key *k,
    const char *indent)
{
	const char(
	    *list)[CONF_NAME_LEN] = (const void *)((const char *)c + k->off);
	size_t count = *(
	    const size_t *)(const void *)((const char *)c + k->count_off);
	size_t i;

	for (i = 0; i < count; i++) {
		print_words(fp, k, indent);
		print_string(fp, list[i]);
		fputc('\n', fp);
	}
}

/* A string that is not set has no text that would parse. */
static int
is_unset(const struct config *c, const struct conf_key *k)
{
	return k->kind == KIND_STRING && ((const char *)c)[k->off] == '\0';
}

static void
print_keys(FILE *fp, const struct config *c, const struct conf_block *b,
    const char *indent, int public)
{
	const struct conf_key *k = b->keys, *end = b->keys + b->nkeys;

	while (k < end) {
		if (k->kind == KIND_LIST) {
			print_list(fp, c, k++, indent);
			continue;
		}
		if (is_unset(c, k)) {
			k++;
			continue;
		}
		print_words(fp, k, indent);
		print_value(fp, c, k, public);
		while (++k < end && k->word == NULL) {
			fputc(' ', fp);
			print_value(fp, c, k, public);
		}
		fputc('\n', fp);
	}
}

static void
print_addr(FILE *fp, const char *indent, const struct conf_addr *a)
{
	int six = a->ss.ss_family == AF_INET6;
	const char *colon = strrchr(a->text, ':');

	/* Without the brackets that text has. */
	fprintf(fp, "%slisten on %.*s port %u", indent,
	    (int)(colon - a->text) - 2 * six, a->text + six, a->port);
}

static void
print_listener(FILE *fp, const struct conf_listen *l)
{
	char text[INET6_ADDRSTRLEN];
	size_t i;

	print_addr(fp, "", &l->addr);
	if (l->npools + l->nnets == 0) {
		fputc('\n', fp);
		return;
	}
	fputs(" {\n", fp);
	for (i = 0; i < l->npools; i++) {
		int six = strchr(l->pools[i].host, ':') != NULL;

		fprintf(fp, "\tpool \"stratum+tcp://%s%s%s:%u\"\n",
		    six ? "[" : "", l->pools[i].host, six ? "]" : "",
		    l->pools[i].port);
	}
	for (i = 0; i < l->nnets; i++)
		fprintf(fp, "\tproxy from %s/%u\n",
		    inet_ntop(l->nets[i].family, l->nets[i].addr, text,
			sizeof(text)),
		    l->nets[i].bits);
	fputs("}\n", fp);
}

static void
print_patterns(FILE *fp, const struct conf_nostr *n)
{
	for (size_t i = 0; i < n->npatterns; i++) {
		fputs("\tbroadcast worker ", fp);
		print_string(fp, n->patterns[i].pattern);
		fprintf(fp, " %s\n", n->patterns[i].on ? "on" : "off");
	}
}

static int
print(const struct config *c, FILE *fp, int public)
{
	const struct conf_block *b = conf_block_find("");
	size_t i;

	print_keys(fp, c, b, "", public);
	fprintf(fp, "log %s\n", c->log_json ? "json" : "text");
	fprintf(fp, "log %s\n", c->log_verbose ? "verbose" : "brief");
	for (i = 0; i < c->nlisten; i++)
		print_listener(fp, &c->listen[i]);
	for (i = 1; (b = conf_block_at(i)) != NULL; i++) {
		size_t j;

		fprintf(fp, "%s {\n", b->name);
		if (strcmp(b->name, "console") == 0)
			for (j = 0; j < c->console.nlisten; j++) {
				print_addr(fp, "\t", &c->console.listen[j]);
				fputc('\n', fp);
			}
		print_keys(fp, c, b, "\t", public);
		if (strcmp(b->name, "nostr") == 0)
			print_patterns(fp, &c->nostr);
		fputs("}\n", fp);
	}
	return fflush(fp) == EOF || ferror(fp) ? -1 : 0;
}

int
conf_print(const struct config *c, FILE *fp)
{
	return print(c, fp, 0);
}

int
conf_print_public(const struct config *c, FILE *fp)
{
	return print(c, fp, 1);
}
