/*
 * The file: read through a buffer, from the beginning to the end, and told
 * by its first bytes.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hashscopectl/verify_input_int.h"

#define BUFFER 65536

int
input_fail(struct input *in, const char *unit, uint64_t at, const char *fmt,
    ...)
{
	va_list ap;
	int n;

	if (in->error[0] != '\0')
		return -1; /* the first one counts */
	if (at == 0)
		n = snprintf(in->error, INPUT_ERROR, "%.200s: ", in->path);
	else if (unit[0] == '\0')
		n = snprintf(in->error, INPUT_ERROR, "%.200s:%llu: ", in->path,
		    (unsigned long long)at);
	else
		n = snprintf(in->error, INPUT_ERROR,
		    "%.200s: %s %llu: ", in->path, unit,
		    (unsigned long long)at);
	va_start(ap, fmt);
	vsnprintf(in->error + n, INPUT_ERROR - (size_t)n, fmt, ap);
	va_end(ap);
	return -1;
}

/* More into the empty buffer: 1, 0 at the end, -1 with error. */
static int
fill(struct input *in)
{
	ssize_t n;

	do
		n = read(in->fd, in->buf, BUFFER);
	while (n == -1 && errno == EINTR);
	if (n == -1)
		return input_fail(in, "", 0, "%s", strerror(errno));
	in->at = 0;
	in->len = (size_t)n;
	return n > 0;
}

int
source_byte(struct input *in)
{
	int r;

	if (in->at == in->len && (r = fill(in)) <= 0)
		return r == 0 ? -1 : -2;
	in->off++;
	return in->buf[in->at++];
}

ssize_t
source_read(struct input *in, void *dst, size_t n)
{
	uint8_t *p = dst;
	size_t got = 0, part;
	int r;

	while (got < n) {
		if (in->at == in->len && (r = fill(in)) <= 0) {
			if (r < 0)
				return -1;
			break;
		}
		part = in->len - in->at < n - got ? in->len - in->at : n - got;
		if (p != NULL)
			memcpy(p + got, in->buf + in->at, part);
		in->at += part;
		got += part;
	}
	in->off += got;
	return (ssize_t)got;
}

int
source_rewind(struct input *in)
{
	if (lseek(in->fd, 0, SEEK_SET) == -1)
		return input_fail(in, "", 0, "%s", strerror(errno));
	in->at = in->len = 0;
	in->off = 0;
	in->line = 1;
	return 0;
}

/* --- what it is --- */

static bool
begins(const struct input *in, const void *magic)
{
	return in->len >= 4 && memcmp(in->buf, magic, 4) == 0;
}

static int
read_by_content(struct input *in)
{
	static const char *const pcap[] = { "\xa1\xb2\xc3\xd4",
		"\xd4\xc3\xb2\xa1", "\xa1\xb2\x3c\x4d", "\x4d\x3c\xb2\xa1" };
	size_t i;
	int r = fill(in);

	if (r < 0)
		return -1;
	if (r == 0)
		return input_fail(in, "", 0, "is empty");
	for (i = 0; i < sizeof(pcap) / sizeof(pcap[0]); i++)
		if (begins(in, pcap[i]))
			return read_pcap(in);
	if (begins(in, "\x0a\x0d\x0d\x0a"))
		return read_pcapng(in);
	for (i = 0; i < in->len && strchr(" \t\r\n", in->buf[i]) != NULL; i++)
		if (in->buf[i] == '\0')
			break;
	if (i < in->len && (in->buf[i] == '{' || in->buf[i] == '['))
		return read_json(in);
	return input_fail(in, "", 0,
	    "is neither a transcript nor messages of HashScope in JSON, nor "
	    "a pcap or pcapng capture");
}

int
input_read(const char *path, const struct input_handler *h,
    struct input_info *info, char error[INPUT_ERROR])
{
	struct input in = { .path = path,
		.line = 1,
		.h = h,
		.info = info,
		.error = error };
	int r;

	memset(info, 0, sizeof(*info));
	error[0] = '\0';
	if ((in.buf = malloc(BUFFER)) == NULL)
		return input_fail(&in, "", 0, "out of memory");
	in.fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (in.fd == -1) {
		r = input_fail(&in, "", 0, "%s", strerror(errno));
	} else {
		r = read_by_content(&in);
		close(in.fd);
	}
	free(in.buf);
	if (r == -1 && error[0] == '\0')
		input_fail(&in, "", 0, "out of memory");
	return r;
}

const char *
input_format_name(enum input_format f)
{
	static const char *const names[INPUT_FORMATS] = { "transcript",
		"messages", "pcap", "pcapng" };

	return (unsigned)f < INPUT_FORMATS ? names[f] : "";
}

const char *
input_unit(enum input_format f)
{
	return f == INPUT_PCAP || f == INPUT_PCAPNG ? "packet" : "line";
}
