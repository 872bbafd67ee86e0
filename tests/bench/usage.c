/*
 * What a process has used of the processor and of memory, from /proc.
 */

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/bench/bench.h"

static int
file_read(const char *path, char *buf, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd == -1)
		return (-1);
	n = read(fd, buf, size - 1);
	close(fd);
	if (n <= 0)
		return (-1);
	buf[n] = '\0';
	return (0);
}

/* The scheduler's own count, in ns, of all threads. */
static int
cpu_schedstat(pid_t pid, uint64_t *ns)
{
	char path[64 + NAME_MAX], buf[128];
	struct dirent *d;
	uint64_t v;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	if ((dir = opendir(path)) == NULL)
		return (-1);
	*ns = 0;
	while ((d = readdir(dir)) != NULL) {
		if (d->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "/proc/%d/task/%s/schedstat",
		    (int)pid, d->d_name);
		if (file_read(path, buf, sizeof(buf)) == 0 &&
		    sscanf(buf, "%" SCNu64, &v) == 1)
			*ns += v;
	}
	closedir(dir);
	return (*ns > 0 ? 0 : -1);
}

/* utime and stime, in ticks: where there is no schedstat. */
static int
cpu_stat(pid_t pid, uint64_t *ns)
{
	char path[64], buf[1024], *p;
	uint64_t user, system;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	if (file_read(path, buf, sizeof(buf)) == -1 ||
	    (p = strrchr(buf, ')')) == NULL ||
	    sscanf(p + 1,
		" %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %" SCNu64
		" %" SCNu64,
		&user, &system) != 2)
		return (-1);
	*ns = (user + system) * (1000000000 / (uint64_t)sysconf(_SC_CLK_TCK));
	return (0);
}

/* A line "Key:   N kB" of a file in /proc; -1 when it is not there. */
static long
memory_line(pid_t pid, const char *file, const char *key)
{
	char path[64], buf[4096], *p;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
	if (file_read(path, buf, sizeof(buf)) == -1 ||
	    (p = strstr(buf, key)) == NULL)
		return (-1);
	return (strtol(p + strlen(key), NULL, 10));
}

int
usage_read(pid_t pid, struct usage *u)
{
	if (cpu_schedstat(pid, &u->cpu_ns) == -1 &&
	    cpu_stat(pid, &u->cpu_ns) == -1)
		return (-1);
	u->pss_kb = memory_line(pid, "smaps_rollup", "\nPss:");
	u->rss_kb = memory_line(pid, "status", "\nVmRSS:");
	return (0);
}
