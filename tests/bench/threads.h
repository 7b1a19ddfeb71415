/**
 * What the two programs share that call from many threads: their command line, the threads, and the line at the end
 * (measure.h). Every call counts whose thread has warmed up. Depends on the C library only.
 */
#ifndef FURROW_BENCH_THREADS_H
#define FURROW_BENCH_THREADS_H

#include <stdbool.h>
#include <stddef.h>

typedef struct threads_settings {
    const char *url, *subject;      /* subject: NULL, or what is to be called */
    size_t threads, calls, warm_up; /* calls are those after the warm-up, of all threads */
    bool asap, serve;
} threads_settings;

/* Ends the program with a message when the arguments are none. */
threads_settings threads_settings_of(int argc, char **argv);

typedef struct threads_work {
    const char *program;
    void *(*begin)(void *client); /* in each thread: what is its own */
    void (*call)(void *client, void *thread, const char *text);
    void (*end)(void *thread);
} threads_work;

/* Makes all calls, of a text of 64 bytes, and prints the line. */
void threads_run(const threads_settings *set, const threads_work *work, void *client);

#endif
