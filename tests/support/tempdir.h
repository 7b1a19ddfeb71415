/**
 * Temporary directories of a test: made under $TMPDIR, removed when the process that made them exits normally.
 * A forked test case removes only its own. Threads: one.
 */
#ifndef FURROW_TEST_TEMPDIR_H
#define FURROW_TEST_TEMPDIR_H

/* A new empty directory. Lent for the life of the process. Aborts the test when none can be made. */
const char *furrow_test_tempdir(void);

/* The whole file as text (owned by the caller), or an empty string when it cannot be read. */
char *furrow_test_read_file(const char *path);

/* Writes @text to @path; aborts the test when it cannot. */
void furrow_test_write_file(const char *path, const char *text);

#endif
