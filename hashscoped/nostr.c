/*
 * What nostrd and its signer are handed: the secret key, which only we read
 * and only the signer gets, by a sealed memfd; the certificates; the outbox's
 * directory; a run id that is made once and kept.
 */
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/childconf.h"
#include "common/hex.h"
#include "common/nostr_name.h"
#include "hashscoped/supervisor.h"

#define CA_FILE  "/etc/ssl/certs/ca-certificates.crt"
#define CA_MOST  (16 * 1024 * 1024)
#define KEY_NAME "nostr.key"
#define RUN_NAME "nostr.run"

/* A file of ours that nobody else may have written: 0600, no link. */
static int
open_ours(int dir, const char *name, int flags)
{
	struct stat st;
	int fd = openat(dir, name, flags | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY,
	    0600);

	if (fd == -1)
		return -1;
	if (fstat(fd, &st) == -1 || !S_ISREG(st.st_mode) ||
	    st.st_uid != geteuid() || st.st_nlink != 1 ||
	    (st.st_mode & 077) != 0) {
		close(fd);
		errno = EPERM;
		return -1;
	}
	return fd;
}

/* Its text without white space at the end; -1 and errno. */
static ssize_t
read_ours(int dir, const char *name, char *text, size_t size)
{
	int fd = open_ours(dir, name, O_RDONLY);
	ssize_t n;

	if (fd == -1)
		return -1;
	n = read(fd, text, size - 1);
	close(fd);
	while (n > 0 && isspace((unsigned char)text[n - 1]))
		n--;
	text[n > 0 ? n : 0] = '\0';
	return n;
}

static int
write_ours(int dir, const char *name, const char *text)
{
	int fd = open_ours(dir, name, O_WRONLY | O_CREAT | O_EXCL), ok;
	size_t len = strlen(text);

	if (fd == -1)
		return -1;
	ok = write(fd, text, len) == (ssize_t)len && fsync(fd) == 0;
	close(fd);
	return ok ? 0 : -1;
}

/* --- the key --- */

/* The group's order is a little below 2^256: no key of it begins so. */
static int
make_secret(uint8_t secret[32])
{
	do {
		if (getrandom(secret, 32, 0) != 32)
			return -1;
	} while (secret[0] == 0xff);
	return 0;
}

/* From the file, which is made when it is not there. */
static int
file_secret(struct supervisor *sup, uint8_t secret[32])
{
	const char *path = sup->conf->nostr.key;
	char text[128], nsec[NOSTR_NAME + 1];
	int dir = AT_FDCWD, ok = -1;

	if (path[0] == '\0') {
		path = KEY_NAME;
		dir = open(sup->conf->state_dir,
		    O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	}
	if (read_ours(dir, path, text, sizeof(text)) > 0) {
		ok = nostr_secret_parse(text, secret);
		if (ok == -1)
			log_warnx("%s: neither an nsec nor 64 digits of hex",
			    path);
	} else if (errno == ENOENT && make_secret(secret) == 0) {
		nostr_nsec(secret, nsec);
		snprintf(text, sizeof(text), "%s\n", nsec);
		ok = write_ours(dir, path, text);
		if (ok == 0)
			log_info("a key for Nostr was made: %s", path);
	}
	if (ok == -1 && errno != 0)
		log_warn("%s (it must be ours, and of mode 0600)", path);
	if (dir != AT_FDCWD)
		close(dir);
	explicit_bzero(text, sizeof(text));
	explicit_bzero(nsec, sizeof(nsec));
	return ok;
}

/* What it holds can be read, and never changed. */
static int
sealed(const char *name, const void *p, size_t len)
{
	int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd == -1)
		return -1;
	if (write(fd, p, len) != (ssize_t)len ||
	    fcntl(fd, F_ADD_SEALS,
		F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) ==
		-1) {
		close(fd);
		return -1;
	}
	return fd;
}

static int
key_fd(struct supervisor *sup)
{
	const char *given = sup->conf->nostr.secret;
	uint8_t secret[32];
	int fd = -1, ok;

	errno = 0;
	if (given[0] != '\0') {
		ok = nostr_secret_parse(given, secret);
		if (ok == -1)
			log_warnx("NOSTR_SK: neither an nsec nor 64 digits "
				  "of hex");
	} else {
		ok = file_secret(sup, secret);
	}
	if (ok == 0)
		fd = sealed("key", secret, sizeof(secret));
	explicit_bzero(secret, sizeof(secret));
	return fd;
}

/* Whether there is one, and it. */
static void
put_key(struct mbuf *body, const char *text)
{
	uint8_t key[32] = { 0 };

	if (text[0] != '\0')
		(void)nostr_public_parse(text, key);
	msg_put_u8(body, text[0] != '\0');
	msg_put_raw(body, key, sizeof(key));
}

int
nostr_send_signer(struct supervisor *sup, struct child *c,
    const struct config *conf, struct mbuf *body)
{
	int fd = c->state == CHILD_READY ? -1 : key_fd(sup), r;

	mbuf_reset(body);
	msg_put_u8(body, 3);
	msg_put_u32(body, (uint32_t)conf->nostr.kind_share);
	msg_put_u32(body, (uint32_t)conf->nostr.kind_batch);
	msg_put_u32(body, (uint32_t)conf->nostr.kind_control);
	put_key(body, conf->nostr.group);
	put_key(body, conf->nostr.alerts);
	r = ipc_send(c->ipc, MSG_CONF_SIGNER, 0, fd, body);
	if (fd != -1)
		close(fd);
	return r;
}

/* --- the run --- */

const char *
nostr_run(struct supervisor *sup, const struct config *conf)
{
	char text[65], made[32];
	uint8_t random[4];
	int dir;

	if (conf->nostr.run[0] != '\0')
		return conf->nostr.run;
	if (sup->run_id[0] != '\0')
		return sup->run_id;
	dir = open(conf->state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir != -1 && read_ours(dir, RUN_NAME, text, sizeof(text)) > 0) {
		snprintf(sup->run_id, sizeof(sup->run_id), "%s", text);
	} else if (getrandom(random, sizeof(random), 0) == sizeof(random)) {
		snprintf(made, sizeof(made), "run-");
		hex_text(random, sizeof(random), made + 4);
		snprintf(sup->run_id, sizeof(sup->run_id), "%s", made);
		if (dir == -1 || write_ours(dir, RUN_NAME, made) == -1)
			log_warn("the run id could not be kept");
	}
	if (dir != -1)
		close(dir);
	return sup->run_id;
}

/* --- nostrd --- */

static void
fill(struct supervisor *sup, const struct config *conf, struct nostr_conf *n)
{
	const struct conf_nostr *c = &conf->nostr;

	memset(n, 0, sizeof(*n));
	snprintf(n->run, sizeof(n->run), "%s", nostr_run(sup, conf));
	n->formats = c->format == CONF_NOSTR_BATCH ? NOSTR_FORMAT_BATCH :
	    c->format == CONF_NOSTR_COMPAT         ? NOSTR_FORMAT_COMPAT :
						     NOSTR_FORMAT_BATCH |
		NOSTR_FORMAT_COMPAT;
	n->trust_any = c->trust_any != 0;
	n->miner_address = c->miner_address != 0;
	n->kind_share = (uint32_t)c->kind_share;
	n->kind_batch = (uint32_t)c->kind_batch;
	n->kind_telemetry = (uint32_t)c->kind_telemetry;
	n->kind_control = (uint32_t)c->kind_control;
	n->rate_milli = (uint32_t)c->rate * 1000;
	n->burst = (uint32_t)c->burst;
	n->flush_ms = (uint32_t)c->flush;
	n->answer_ms = (uint32_t)c->answer;
	n->connect_ms = (uint32_t)c->connect;
	n->retry_ms = (uint32_t)c->retry;
	n->retry_max_ms = (uint32_t)c->retry_max;
	n->pause_ms = (uint32_t)c->pause;
	n->blocked_ms = (uint32_t)c->refused;
	n->outbox_bytes = c->outbox;
	n->encrypted = c->group[0] != '\0';
	n->pow = (uint8_t)c->pow;
	n->alerts = c->alerts[0] != '\0' &&
	    nostr_public_parse(c->alerts, n->alerts_to) == 0;
	n->alerts_pause_ms = (uint32_t)c->alerts_pause;
	if (conf->site[0] != '\0')
		snprintf(n->site, sizeof(n->site), "%.64s", conf->site);
	else
		gethostname(n->site, sizeof(n->site) - 1);
}

/* The certificates, copied: the file may be replaced while we read it. */
static int
ca_fd(const struct config *conf)
{
	const char *path = conf->nostr.ca[0] != '\0' ? conf->nostr.ca : CA_FILE;
	int from = open(path, O_RDONLY | O_CLOEXEC), fd;
	char buf[65536];
	ssize_t n = 0;
	off_t all = 0;

	if (from == -1) {
		log_warn("%s: wss relays will be refused", path);
		return -1;
	}
	fd = memfd_create("ca", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	while (fd != -1 && all < CA_MOST &&
	    (n = read(from, buf, sizeof(buf))) > 0) {
		all += n;
		if (write(fd, buf, (size_t)n) != n)
			break;
	}
	close(from);
	if (fd != -1 && n == 0 &&
	    fcntl(fd, F_ADD_SEALS,
		F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) == 0)
		return fd;
	if (fd != -1)
		close(fd);
	return -1;
}

static int
send_lists(struct child *c, const struct config *conf, struct mbuf *body)
{
	uint8_t key[32];

	for (size_t i = 0; i < conf->nostr.nrelays; i++) {
		mbuf_reset(body);
		msg_put_str(body, conf->nostr.relays[i]);
		if (ipc_send(c->ipc, MSG_CONF_NOSTR_RELAY, 0, -1, body) == -1)
			return -1;
	}
	for (size_t i = 0; i < conf->nostr.ntrust; i++) {
		if (nostr_public_parse(conf->nostr.trust[i], key) == -1)
			continue;
		mbuf_reset(body);
		msg_put_raw(body, key, 32);
		if (ipc_send(c->ipc, MSG_CONF_NOSTR_TRUST, 0, -1, body) == -1)
			return -1;
	}
	return 0;
}

int
nostr_send(struct supervisor *sup, struct child *c, const struct config *conf,
    struct mbuf *body)
{
	bool fresh = c->state != CHILD_READY;
	int dir = fresh ? place_own(sup, "outbox", c) : -1, ca, r;
	struct nostr_conf n;

	if (fresh && dir == -1)
		log_warn("%s/outbox", conf->state_dir);
	fill(sup, conf, &n);
	mbuf_reset(body);
	nostr_conf_put(body, &n);
	r = ipc_send(c->ipc, MSG_CONF_NOSTR, 0, dir, body);
	if (dir != -1)
		close(dir);
	if (r == 0 && fresh && (ca = ca_fd(conf)) != -1) {
		mbuf_reset(body);
		r = ipc_send(c->ipc, MSG_CONF_NOSTR_CA, 0, ca, body);
		close(ca);
	}
	return r == 0 ? send_lists(c, conf, body) : -1;
}
