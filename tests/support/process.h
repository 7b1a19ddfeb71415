/**
 * Programs as child processes of a test. A child dies with the thread that started it, even when that is killed (so
 * start them from the thread that lives longest, as a rule the main one). Its output goes to files, so it never blocks
 * on us. What cannot work (no such program, no fork) aborts the test with the reason. Threads: one at a time per
 * process.
 */
#ifndef FURROW_TEST_PROCESS_H
#define FURROW_TEST_PROCESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

typedef struct furrow_test_process furrow_test_process;

typedef struct furrow_test_process_options {
    const char *const *argv; /* NULL-terminated; argv[0] is looked up in PATH */
    const char *const *env;  /* NULL-terminated "NAME=value" on top of our own environment, or NULL */
    const char *input;       /* text on its standard input; NULL: empty */
} furrow_test_process_options;

furrow_test_process *furrow_test_process_start(const furrow_test_process_options *options);
pid_t furrow_test_process_pid(const furrow_test_process *process);

/* Not yet exited? */
bool furrow_test_process_running(furrow_test_process *process);

/* Waits for its end. True and @exit_code (128 + signal when it was killed) unless @timeout_ms passes first. */
bool furrow_test_process_wait(furrow_test_process *process, uint64_t timeout_ms, int *exit_code);

/* Sends @signal if it still runs. After SIGKILL it has ended, after SIGSTOP it has stopped. */
void furrow_test_process_signal(furrow_test_process *process, int signal);

/* What it wrote so far; lent until the next call of the same function or destroy. */
const char *furrow_test_process_stdout(furrow_test_process *process);
const char *furrow_test_process_stderr(furrow_test_process *process);

/* Waits until its output (either) contains @text; false when it ended or @timeout_ms passed without. */
bool furrow_test_process_wait_for(furrow_test_process *process, const char *text, uint64_t timeout_ms);

/* Kills it if need be, reaps and frees. NULL is fine. */
void furrow_test_process_destroy(furrow_test_process *process);

/*
 * Waits for its end (killed after @timeout_ms), and destroys it: its exit code, and its standard output in *@output
 * (owned by the caller; NULL when not wanted; standard error follows it).
 */
int furrow_test_process_finish(furrow_test_process *process, uint64_t timeout_ms, char **output);

/* The same from the start. */
int furrow_test_run(const furrow_test_process_options *options, uint64_t timeout_ms, char **output);

/* While a process is waited for @fn is called again and again, which lets 2 ms pass. Who has a loop lets it run: a link
 * that answers no pings meanwhile is cut off. */
void furrow_test_process_breathe_by(void (*fn)(void));

#endif
