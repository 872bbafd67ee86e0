/*
 * The console's pack: all of it is checked once, then trusted.
 */
#include <sys/mman.h>
#include <sys/stat.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "apid/pack.h"

static uint32_t
u32(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 |
	    (uint32_t)p[3] << 24;
}

static const uint8_t *
entry(const struct pack *k, uint32_t i)
{
	return k->p + PACK_HEAD + (size_t)i * PACK_ENTRY;
}

/* The four (offset, length) of an entry lie within the file. */
static bool
entry_ok(const struct pack *k, uint32_t i)
{
	const uint8_t *e = entry(k, i);
	uint32_t off, len;

	for (unsigned f = 0; f < 4; f++) {
		off = u32(e + f * 8);
		len = u32(e + f * 8 + 4);
		if (off > k->len || len > k->len - off)
			return false;
	}
	return u32(e + 4) > 0 && k->p[u32(e)] == '/';
}

static int
path_cmp(const struct pack *k, uint32_t i, const char *path, size_t n)
{
	const uint8_t *e = entry(k, i);
	size_t len = u32(e + 4);
	int c = memcmp(k->p + u32(e), path, len < n ? len : n);

	return c != 0 ? c : (len > n) - (len < n);
}

int
pack_check(struct pack *k, const void *bytes, size_t len)
{
	const uint8_t *e;

	k->p = bytes;
	k->len = len;
	if (len < PACK_HEAD || memcmp(bytes, PACK_MAGIC, 8) != 0)
		goto bad;
	k->n = u32(k->p + 8);
	if (k->n > (len - PACK_HEAD) / PACK_ENTRY)
		goto bad;
	for (uint32_t i = 0; i < k->n; i++) {
		if (!entry_ok(k, i))
			goto bad;
		if (i == 0)
			continue;
		e = entry(k, i - 1);
		if (path_cmp(k, i, (const char *)k->p + u32(e), u32(e + 4)) <=
		    0)
			goto bad;
	}
	return 0;
bad:
	memset(k, 0, sizeof(*k));
	return -1;
}

int
pack_map(struct pack *k, int fd)
{
	struct stat st;
	void *p = MAP_FAILED;

	memset(k, 0, sizeof(*k));
	if (fstat(fd, &st) == 0 && st.st_size > 0 && st.st_size < UINT32_MAX)
		p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd,
		    0);
	close(fd);
	if (p == MAP_FAILED)
		return -1;
	if (pack_check(k, p, (size_t)st.st_size) == 0)
		return 0;
	munmap(p, (size_t)st.st_size);
	return -1;
}

void
pack_unmap(struct pack *k)
{
	if (k->p != NULL)
		munmap((void *)(uintptr_t)k->p, k->len);
	memset(k, 0, sizeof(*k));
}

static void
fill(const struct pack *k, uint32_t i, struct pack_file *f)
{
	const uint8_t *e = entry(k, i);

	f->path = (const char *)k->p + u32(e);
	f->path_len = u32(e + 4);
	f->type = (const char *)k->p + u32(e + 8);
	f->type_len = u32(e + 12);
	f->body = k->p + u32(e + 16);
	f->len = u32(e + 20);
	f->gzip = k->p + u32(e + 24);
	f->gzip_len = u32(e + 28);
	f->immutable = (u32(e + 32) & PACK_IMMUTABLE) != 0;
	f->etag[0] = '"';
	for (unsigned b = 0; b < 16; b++)
		snprintf(f->etag + 1 + 2 * b, 3, "%02x", e[40 + b]);
	f->etag[33] = '"';
	f->etag[34] = '\0';
}

bool
pack_find(const struct pack *k, const char *path, struct pack_file *f)
{
	uint32_t lo = 0, hi = k->p == NULL ? 0 : k->n, mid;
	int c;

	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		c = path_cmp(k, mid, path, strlen(path));
		if (c == 0) {
			fill(k, mid, f);
			return true;
		}
		if (c < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return false;
}
