/**
 * How every program of the benchmarks counts: calls in flight, a warm-up that does not count, latencies, and one line
 * of "key=value" at the end, which tests/bench/run reads. Depends on the C library only. Threads: one.
 */
#ifndef FURROW_BENCH_MEASURE_H
#define FURROW_BENCH_MEASURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct measure {
    size_t warm_up, calls; /* calls are those after the warm-up */
    size_t started, done;  /* of both */
    uint32_t *latency_ns;
    uint64_t begun_ns, ended_ns;
    double begun_cpu_us, ended_cpu_us;
} measure;

uint64_t measure_now_ns(void);

/* Ends the program when there is no memory for @calls latencies. */
void measure_init(measure *self, size_t warm_up, size_t calls);
void measure_fini(measure *self);

/* Is there another call to start? Counts it. */
bool measure_start(measure *self);

/* Counts the end of a call that began at @started_ns. */
void measure_end(measure *self, uint64_t started_ns);

bool measure_is_done(const measure *self);

/* "<program> in_flight=256 calls=1000000 per_s=430000 p50_us=505.0 p99_us=900.0 cpu_us=1.20" */
void measure_print(measure *self, const char *program, size_t in_flight);

/* Latencies, or ages, of which nobody knows beforehand how many there will be. The program ends when memory does. */
typedef struct measure_samples {
    double *us;
    size_t count, room;
} measure_samples;
void measure_add(measure_samples *to, double us);
/* In microseconds; 0 when there are none. Sorts them. */
double measure_percentile(measure_samples *of, unsigned percent);

/* Processor time of this program so far. */
double measure_cpu_us(void);

/*
 * An inbox prefix that permissions give the user whom @url names: "_INBOX_timesheet.~bench" for
 * nats://timesheet.log:password@host:port, "_INBOX" where it names nobody. (What makes a client's its own is "bench", as
 * its password: see world.py.)
 */
void measure_inbox(const char *url, char out[64]);

/* A Redis of the command line: "/run/redis.sock", or "user:password@/run/redis.sock". */
typedef struct measure_redis {
    char user[48], password[96], path[128]; /* user "": nobody */
} measure_redis;
measure_redis measure_redis_of(const char *text);

/* A number of the command line; ends the program with a message when @text is none. */
size_t measure_number(const char *text);

#endif
