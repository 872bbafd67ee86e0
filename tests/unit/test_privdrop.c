/*
 * Dropping of rights, looked at from outside in /proc.  As root everything
 * runs a second time as an ordinary user.
 */
#include <sys/types.h>
#include <sys/stat.h>

#include <linux/capability.h>

#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/subproc_sandbox.h"

#define NO_CAPS "0000000000000000"

struct waiting {
	struct privdrop pd;
	int ready[2], go[2];
};

static struct privdrop
plain(void)
{
	return (struct privdrop){
		.uid = SUBPROC_NOBODY,
		.gid = SUBPROC_NOBODY,
		.is_root = geteuid() == 0,
		.parent = getpid(),
	};
}

static void
drop_and_wait(const void *arg)
{
	const struct waiting *w = arg;
	char err[256];

	CHECK(privdrop_apply(&w->pd, err, sizeof(err)) == 0);
	subproc_tell(w->ready[1]);
	CHECK(subproc_hear(w->go[0]) == 1);
}

static pid_t
start_waiting(struct waiting *w)
{
	pid_t pid;

	assert_int_equal(pipe2(w->ready, O_CLOEXEC), 0);
	assert_int_equal(pipe2(w->go, O_CLOEXEC), 0);
	pid = subproc_start(drop_and_wait, w);
	assert_true(pid > 0);
	close(w->ready[1]);
	assert_int_equal(subproc_hear(w->ready[0]), 1);
	return pid;
}

static void
end_waiting(struct waiting *w, pid_t pid)
{
	subproc_tell(w->go[1]);
	assert_int_equal(subproc_wait(pid), 0);
	close(w->ready[0]);
	close(w->go[0]);
	close(w->go[1]);
}

static void
assert_status(pid_t pid, const char *field, const char *want)
{
	char got[256] = "(missing)";

	assert_int_equal(subproc_status(pid, field, got, sizeof(got)), 0);
	if (strcmp(got, want) != 0)
		print_error("%s\n", field);
	assert_string_equal(got, want);
}

static void
test_status(void **state)
{
	struct waiting w = { .pd = plain() };
	static const char *const caps[] = { "CapInh", "CapPrm", "CapEff",
		"CapAmb" };
	pid_t pid;

	w.pd.sched_batch = 1;
	pid = start_waiting(&w);
	for (size_t i = 0; i < 4; i++)
		assert_status(pid, caps[i], NO_CAPS);
	assert_status(pid, "NoNewPrivs", "1");
	assert_int_equal(sched_getscheduler(pid), SCHED_BATCH);
	end_waiting(&w, pid);
}

static void
test_root_ids(void **state)
{
	struct waiting w = { .pd = plain() };
	pid_t pid;

	if (geteuid() != 0) {
		print_message("not root: ids and bounding set not tried\n");
		skip();
	}
	w.pd.uid = 60001;
	w.pd.gid = 60002;
	w.pd.groups[0] = 60003;
	w.pd.groups[1] = 60004;
	w.pd.ngroups = 2;
	pid = start_waiting(&w);
	assert_status(pid, "Uid", "60001\t60001\t60001\t60001");
	assert_status(pid, "Gid", "60002\t60002\t60002\t60002");
	assert_status(pid, "Groups", "60003 60004 ");
	assert_status(pid, "CapBnd", NO_CAPS);
	end_waiting(&w, pid);
}

static void
test_root_no_groups(void **state)
{
	struct waiting w = { .pd = plain() };
	pid_t pid;

	if (geteuid() != 0) {
		print_message("not root: groups not tried\n");
		skip();
	}
	pid = start_waiting(&w);
	assert_status(pid, "Groups", "");
	end_waiting(&w, pid);
}

static long
read_oom(pid_t pid)
{
	char path[64];
	long v = -9999;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/oom_score_adj", (int)pid);
	f = fopen(path, "r");
	assert_non_null(f);
	assert_int_equal(fscanf(f, "%ld", &v), 1);
	fclose(f);
	return v;
}

static void
test_oom_raised(void **state)
{
	struct waiting w = { .pd = plain() };
	pid_t pid;

	w.pd.oom_score_adj = 300;
	pid = start_waiting(&w);
	assert_int_equal(read_oom(pid), 300);
	end_waiting(&w, pid);
}

static void
drop_lower_oom(const void *arg)
{
	const struct privdrop *pd = arg;
	char err[256];

	CHECK(privdrop_apply(pd, err, sizeof(err)) == 0);
	if (err[0] != '\0')
		CHECK(strstr(err, "oom_score_adj -500") != NULL);
	_exit(err[0] != '\0' ? 1 : 0);
}

static int
has_cap(int cap)
{
	char hex[64] = "0";

	subproc_status(getpid(), "CapEff", hex, sizeof(hex));
	return (int)(strtoull(hex, NULL, 16) >> cap & 1);
}

/* Who may not (root, in some containers) gets a note and goes on. */
static void
test_oom_lowered(void **state)
{
	struct privdrop pd = plain();
	int status;

	pd.oom_score_adj = -500;
	status = subproc_run(drop_lower_oom, &pd);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), !has_cap(CAP_SYS_RESOURCE));
}

static void
look_around(const void *arg)
{
	const struct privdrop *pd = arg;
	char err[256], cwd[64];

	CHECK(privdrop_apply(pd, err, sizeof(err)) == 0);
	CHECK(getcwd(cwd, sizeof(cwd)) != NULL && strcmp(cwd, "/") == 0);
	CHECK(open("/etc/passwd", O_RDONLY) == -1 && errno == ENOENT);
	CHECK(open("/x", O_WRONLY | O_CREAT, 0600) == -1 && errno == EACCES);
	CHECK(open("..", O_RDONLY | O_DIRECTORY) != -1);
	CHECK(open("../etc", O_RDONLY) == -1 && errno == ENOENT);
}

static void
test_root_chroot(void **state)
{
	char dir[] = "/tmp/test_privdrop.XXXXXX";
	struct privdrop pd = plain();
	int status;

	if (geteuid() != 0) {
		print_message("not root: chroot not tried\n");
		skip();
	}
	assert_non_null(mkdtemp(dir));
	assert_int_equal(chmod(dir, 0755), 0);
	pd.chroot_dir = dir;
	status = subproc_run(look_around, &pd);
	rmdir(dir);
	assert_int_equal(status, 0);
}

/* What must not be started at all.  The child ends with 0 if refused. */
static void
drop_refused(const void *arg)
{
	const struct privdrop *pd = arg;
	char err[256];

	CHECK(privdrop_apply(pd, err, sizeof(err)) == -1);
	CHECK(err[0] != '\0');
}

static void
assert_refused(const struct privdrop *pd)
{
	assert_int_equal(subproc_run(drop_refused, pd), 0);
}

static void
test_refused(void **state)
{
	struct privdrop pd = plain();

	pd.parent = 0;
	assert_refused(&pd);
	pd.parent = 1; /* somebody who is not our parent: it died */
	assert_refused(&pd);
	pd = plain();
	pd.is_root = !pd.is_root;
	assert_refused(&pd);
	pd = plain();
	pd.ngroups = 5;
	assert_refused(&pd);
	pd = plain();
	pd.oom_score_adj = 1001;
	assert_refused(&pd);
}

static void
test_root_refused(void **state)
{
	char dir[] = "/tmp/test_privdrop.XXXXXX";
	struct privdrop pd = plain();

	if (geteuid() != 0) {
		print_message("not root: bad ids and roots not tried\n");
		skip();
	}
	pd.uid = 0;
	assert_refused(&pd);
	pd.uid = (uid_t)-1;
	assert_refused(&pd);
	pd = plain();
	pd.gid = 0;
	assert_refused(&pd);
	pd = plain();
	pd.ngroups = 1;
	assert_refused(&pd);
	pd = plain();
	pd.chroot_dir = "/nonexistent/dir";
	assert_refused(&pd);
	pd.chroot_dir = "/etc"; /* not empty */
	assert_refused(&pd);
	assert_non_null(mkdtemp(dir));
	assert_int_equal(chmod(dir, 0777), 0);
	pd.chroot_dir = dir; /* anybody may put something there */
	assert_refused(&pd);
	assert_int_equal(rmdir(dir), 0);
}

/* A parent that ends as soon as its child has dropped its rights. */
static void
parent_of_waiting(const void *arg)
{
	struct waiting w = *(const struct waiting *)arg;

	w.pd.parent = getpid();
	CHECK(subproc_start(drop_and_wait, &w) > 0);
	CHECK(subproc_hear(w.ready[0]) == 1);
}

static void
test_dies_with_parent(void **state)
{
	struct waiting w = { .pd = plain() };

	assert_int_equal(pipe2(w.ready, O_CLOEXEC), 0);
	assert_int_equal(pipe2(w.go, O_CLOEXEC), 0);
	assert_int_equal(subproc_run(parent_of_waiting, &w), 0);
	close(w.ready[1]);
	/* The orphan holds the last writing end and waits for go. */
	assert_int_equal(subproc_hear(w.ready[0]), 0);
	close(w.ready[0]);
	close(w.go[0]);
	close(w.go[1]);
}

static int
run_group(const char *name)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_status),
		cmocka_unit_test(test_root_ids),
		cmocka_unit_test(test_root_no_groups),
		cmocka_unit_test(test_oom_raised),
		cmocka_unit_test(test_oom_lowered),
		cmocka_unit_test(test_root_chroot),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_root_refused),
		cmocka_unit_test(test_dies_with_parent),
	};

	return cmocka_run_group_tests_name(name, tests, NULL, NULL);
}

int
main(void)
{
	return subproc_main(run_group);
}
