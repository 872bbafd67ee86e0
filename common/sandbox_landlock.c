/*
 * The part of the sandbox that says which files: Landlock, by raw system
 * calls because neither Debian's headers nor its libc know the newer ABIs.
 *
 * A right that a ruleset does not handle is allowed, so every right which
 * the running kernel knows is handled, and then granted per path or not at
 * all.  A process without files gets a ruleset without rules.
 */
#include <sys/types.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <linux/landlock.h>

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "common/sandbox_int.h"

/* Later than the headers of Linux 6.1. */
#define FS_TRUNCATE         (1ULL << 14) /* ABI 3 */
#define FS_IOCTL_DEV        (1ULL << 15) /* ABI 5 */
#define NET_BIND_TCP        (1ULL << 0)  /* ABI 4 */
#define NET_CONNECT_TCP     (1ULL << 1)  /* ABI 4 */
#define SCOPE_ABSTRACT_UNIX (1ULL << 0)  /* ABI 6 */
#define SCOPE_SIGNAL        (1ULL << 1)  /* ABI 6 */

#define FS_ABI_1            ((LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1ULL)

/* Rights that may be granted on a file; the rest only on a directory. */
#define FS_OF_FILES                                                   \
	(LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_WRITE_FILE | \
	    LANDLOCK_ACCESS_FS_READ_FILE | FS_TRUNCATE | FS_IOCTL_DEV)

/* struct landlock_ruleset_attr as of ABI 6. */
struct ruleset_attr {
	uint64_t fs;
	uint64_t net;
	uint64_t scoped;
};

static const struct {
	int abi;
	uint64_t rights;
} fs_since[] = {
	{ 1, FS_ABI_1 },
	{ 2, LANDLOCK_ACCESS_FS_REFER },
	{ 3, FS_TRUNCATE },
	{ 5, FS_IOCTL_DEV },
};

static const struct {
	unsigned right;
	uint64_t fs;
} path_rights[] = {
	{ SB_PATH_READ, LANDLOCK_ACCESS_FS_READ_FILE },
	{ SB_PATH_READDIR, LANDLOCK_ACCESS_FS_READ_DIR },
	{ SB_PATH_WRITE,
	    LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_MAKE_REG |
		LANDLOCK_ACCESS_FS_REMOVE_FILE | FS_TRUNCATE },
};

#define NELEM(a) (sizeof(a) / sizeof((a)[0]))

/*
 * By ABI, because a kernel refuses bits and sizes that it does not know.
 * Ports: nobody binds one here, and who holds no network connects to none;
 * no rule ever opens one, since a reload could not widen it.
 */
static size_t
fill_attr(struct ruleset_attr *a, int abi, unsigned promises)
{
	memset(a, 0, sizeof(*a));
	for (size_t i = 0; i < NELEM(fs_since); i++)
		if (abi >= fs_since[i].abi)
			a->fs |= fs_since[i].rights;
	if (abi < 4)
		return sizeof(a->fs);
	a->net = NET_BIND_TCP;
	if ((promises & (SB_INET | SB_DNS)) == 0)
		a->net |= NET_CONNECT_TCP;
	if (abi < 6)
		return sizeof(a->fs) + sizeof(a->net);
	a->scoped = SCOPE_ABSTRACT_UNIX | SCOPE_SIGNAL;
	return sizeof(*a);
}

static uint64_t
path_access(unsigned rights, uint64_t handled, int is_dir)
{
	uint64_t fs = 0;

	for (size_t i = 0; i < NELEM(path_rights); i++)
		if (rights & path_rights[i].right)
			fs |= path_rights[i].fs;
	if (!is_dir)
		fs &= FS_OF_FILES;
	return fs & handled;
}

static int
add_fd(int ruleset, int fd, unsigned rights, uint64_t handled)
{
	struct landlock_path_beneath_attr rule = { .parent_fd = fd };
	struct stat st;

	if (fstat(fd, &st) == -1)
		return -1;
	rule.allowed_access = path_access(rights, handled, S_ISDIR(st.st_mode));
	return (int)syscall(SYS_landlock_add_rule, ruleset,
	    LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
}

static int
add_path(int ruleset, const struct sandbox_path *p, uint64_t handled)
{
	int fd, rc, e;

	fd = open(p->path, O_PATH | O_CLOEXEC);
	if (fd == -1)
		return errno == ENOENT && (p->rights & SB_PATH_OPTIONAL) ? 0 :
									   -1;
	rc = add_fd(ruleset, fd, p->rights, handled);
	e = errno;
	close(fd);
	errno = e;
	return rc;
}

static int
add_paths(int ruleset, const struct sandbox *sb, uint64_t handled, char *err,
    size_t errlen)
{
	for (size_t i = 0; i < sb->npaths; i++)
		if (add_path(ruleset, &sb->paths[i], handled) == -1)
			return sandbox_fail(err, errlen, "Landlock: %s: %s",
			    sb->paths[i].path, strerror(errno));
	if (sb->dir_fd > 0 &&
	    add_fd(ruleset, sb->dir_fd, sb->dir_rights, handled) == -1)
		return sandbox_fail(err, errlen, "Landlock: a directory: %s",
		    strerror(errno));
#ifdef HS_SAN
	static const struct sandbox_path san[] = {
		{ "/proc", SB_PATH_READ | SB_PATH_READDIR | SB_PATH_OPTIONAL },
		{ "/proc/self/exe", SB_PATH_READ | SB_PATH_OPTIONAL },
	};

	for (size_t i = 0; i < NELEM(san); i++)
		if (add_path(ruleset, &san[i], handled) == -1)
			return sandbox_fail(err, errlen, "Landlock: %s: %s",
			    san[i].path, strerror(errno));
#endif
	return 0;
}

static int
kernel_abi(const struct sandbox *sb)
{
	int abi = (int)syscall(SYS_landlock_create_ruleset, NULL, 0,
	    LANDLOCK_CREATE_RULESET_VERSION);

	if (sb->landlock_abi_max != 0 && abi > sb->landlock_abi_max)
		abi = sb->landlock_abi_max;
	return abi;
}

int
sandbox_landlock(const struct sandbox *sb, int *abi, char *err, size_t errlen)
{
	struct ruleset_attr attr;
	size_t size;
	int fd, rc;

	if ((*abi = kernel_abi(sb)) < 1)
		return sandbox_fail(err, errlen,
		    "the kernel lacks Landlock (CONFIG_SECURITY_LANDLOCK, and "
		    "landlock among lsm= on its command line)");
	size = fill_attr(&attr, *abi, sb->promises);
	fd = (int)syscall(SYS_landlock_create_ruleset, &attr, size, 0);
	if (fd == -1)
		return sandbox_fail(err, errlen, "Landlock ABI %d: %s", *abi,
		    strerror(errno));
	rc = add_paths(fd, sb, attr.fs, err, errlen);
	if (rc == 0 && syscall(SYS_landlock_restrict_self, fd, 0) == -1)
		rc = sandbox_fail(err, errlen, "landlock_restrict_self: %s",
		    strerror(errno));
	close(fd);
	return rc;
}
