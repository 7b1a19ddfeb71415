/**
 * The simulated world's clock, dice and order of events. One thread; whatever happens is an event at a moment of
 * virtual time, and a seed decides what the dice say and which of two events of one moment comes first. So a seed is a
 * run, and runs again the same.
 *
 * What is simulated lies under the SDK, at three seams, each a library's or a header's: nats.c (client.c, in front of
 * the server in nats.c and jetstream.c), libuv (uv.c) and store/socket.h (socket.c, in front of redis.c). Everything of
 * common/ above them is the real thing, the same archives that the services link.
 */
#ifndef FURROW_SIM_SIM_H
#define FURROW_SIM_SIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SIM_US 1000ULL
#define SIM_MS 1000000ULL
#define SIM_S  1000000000ULL

typedef struct sim_event sim_event;
typedef struct sim_process sim_process;

/* Begins a world; nothing of one that was before may be used any more, but its memory stays (see README.md). */
void sim_begin(uint64_t seed);

uint64_t sim_now_ns(void);
int64_t sim_wall_ns(void);

/* ---- dice ---- */

uint64_t sim_random(void);
/* From 0 to @below - 1. */
uint64_t sim_random_below(uint64_t below);
uint64_t sim_random_between(uint64_t from, uint64_t to);
/* True @in_1000 times of 1000. */
bool sim_chance(unsigned in_1000);

/* ---- events ---- */

typedef void sim_fn(void *arg);

/* Runs @fn(@arg) at @time_ns, for nobody: on a server's or on the world's behalf. */
sim_event *sim_at(uint64_t time_ns, sim_fn *fn, void *arg);
/* The same in @process, unless that has ended by then. */
sim_event *sim_at_process(sim_process *process, uint64_t time_ns, sim_fn *fn, void *arg);
/* Of one that has not run yet; NULL is fine. */
void sim_cancel(sim_event *event);

/* Runs what is to happen until @until_ns, or until @done(@arg) after an event. True: it was done. */
bool sim_run(uint64_t until_ns, bool (*done)(void *arg), void *arg);

/* ---- processes ---- */

struct sim_process {
    const char *name;
    bool alive;
    void *loop; /* uv.c's */
};

/* Whose code runs now, or NULL. */
sim_process *sim_current(void);
/* Runs @fn(@arg) as @process now, and its turn after it. */
void sim_in_process(sim_process *process, sim_fn *fn, void *arg);
/* It is gone, with all that it was about to do; nothing is told to it any more. */
void sim_kill(sim_process *process);

/* uv.c: the end of a turn of the loop of @process. */
void sim_uv_end_turn(sim_process *process);

/* ---- memory, until the world's end ---- */

void *sim_alloc(size_t size); /* zeroed; never NULL */
char *sim_strdup(const char *text);
void *sim_memdup(const void *data, size_t len); /* with a NUL behind */

/* The @nth allocation that the processes make from now on fails, and only that; 0: none. */
void sim_fail_allocation(uint64_t nth);

/* ---- what happened, for people ---- */

/* Prints it with the time, if somebody wants to see (SIM_TRACE, --trace). */
void sim_trace(const char *format, ...) __attribute__((format(printf, 1, 2)));
void sim_trace_on(bool on);
bool sim_traces(void);

#endif
