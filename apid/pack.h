/*
 * The console's files, in one file that is mapped and served as it lies.
 *
 *	8 bytes  "HSPACK1\n"
 *	u32      number of entries
 *	u32      0
 *	entries, sorted by path (bytewise), 56 bytes each:
 *	    u32 offset, u32 length: path, "/assets/index-1a2b3c.js"
 *	    u32 offset, u32 length: content type
 *	    u32 offset, u32 length: body
 *	    u32 offset, u32 length: body in gzip; length 0: none
 *	    u32 flags: 1 the name changes with the content, may be kept
 *	    u32 0
 *	    16 bytes of the body's SHA-256, for the ETag
 *	the bytes
 *
 * Numbers are little-endian, offsets from the start of the file.
 * ui/pack.c writes it.
 */
#ifndef APID_PACK_H
#define APID_PACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PACK_MAGIC     "HSPACK1\n"
#define PACK_HEAD      16u
#define PACK_ENTRY     56u
#define PACK_IMMUTABLE 1u

struct pack {
	const uint8_t *p; /* NULL: there is none */
	size_t len;
	uint32_t n;
};

struct pack_file {
	const char *path, *type; /* not ended */
	size_t path_len, type_len;
	const uint8_t *body, *gzip;
	size_t len, gzip_len; /* gzip_len 0: none */
	bool immutable;
	char etag[35]; /* with its quotes */
};

/* Maps fd, which is closed; -1 when it is no pack. */
int pack_map(struct pack *, int fd);
/* Checks bytes that are there already (tests). */
int pack_check(struct pack *, const void *, size_t);
void pack_unmap(struct pack *);
bool pack_find(const struct pack *, const char *path, struct pack_file *);

#endif
