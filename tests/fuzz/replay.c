/*
 * main() for a fuzz target outside of libFuzzer: every file of the corpus
 * directories (or single files) named on the command line goes through it.
 * So what was once found stays found, in each `make check`.
 */
#include <dirent.h>
#include <err.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

/* In a block of exactly its size, so that a sanitizer sees each overrun. */
static void
replay_file(const char *path, size_t size)
{
	uint8_t *data = malloc(size > 0 ? size : 1);
	FILE *f = fopen(path, "rb");

	if (data == NULL || f == NULL)
		err(1, "%s", path);
	if (fread(data, 1, size, f) != size)
		errx(1, "%s: cannot be read whole", path);
	fclose(f);
	LLVMFuzzerTestOneInput(data, size);
	free(data);
}

static unsigned int replay(const char *);

static unsigned int
replay_dir(const char *dir)
{
	struct dirent **names;
	int i, n = scandir(dir, &names, NULL, alphasort);
	unsigned int inputs = 0;
	char *path;

	if (n == -1)
		err(1, "%s", dir);
	for (i = 0; i < n; i++) {
		if (names[i]->d_name[0] != '.') {
			if (asprintf(&path, "%s/%s", dir, names[i]->d_name) < 0)
				err(1, NULL);
			inputs += replay(path);
			free(path);
		}
		free(names[i]);
	}
	free(names);
	return inputs;
}

static unsigned int
replay(const char *path)
{
	struct stat st;

	if (stat(path, &st) == -1)
		err(1, "%s", path);
	if (S_ISDIR(st.st_mode))
		return replay_dir(path);
	replay_file(path, (size_t)st.st_size);
	return 1;
}

int
main(int argc, char *argv[])
{
	const char *name = strrchr(argv[0], '/');
	unsigned int inputs = 0;
	int i;

	for (i = 1; i < argc; i++)
		inputs += replay(argv[i]);
	/* An empty corpus checks nothing, and is an error. */
	if (inputs == 0)
		errx(1, "no inputs");
	printf("%s: %u inputs ok\n", name != NULL ? name + 1 : argv[0], inputs);
	return 0;
}
