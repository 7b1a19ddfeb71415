/*
 * See sim.h. Events lie in a binary heap by time; of one moment, the dice order them. The kernel's clocks, the random
 * bytes of libsodium and the processes' allocations are put into the world's hands at link time (--wrap, see
 * CMakeLists.txt): so common/ needs no seam of its own for them. Depends on libsodium.
 */
#include "sim.h"

#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define START_NS      (1000 * SIM_S)
#define START_WALL_NS ((int64_t)1790000000 * (int64_t)SIM_S) /* autumn of 2026 */
#define LOOK_NS       20 /* that a look at the clock takes: who waits for it to move does not wait in vain */
#define BLOCK_BYTES   ((size_t)1 << 20)

struct sim_event {
    uint64_t time_ns, order;
    size_t at; /* in the heap */
    sim_fn *fn;
    void *arg;
    sim_process *process;
    sim_event *next; /* of those that are free */
};

static struct {
    uint64_t now_ns, dice[2], made;
    sim_event **heap, *spare;
    size_t count, room;
    sim_process *current;
    char *block;
    size_t left;
    uint64_t allocations, fail_at;
    bool trace;
} world;

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);

/* ---- dice: xoroshiro128+, seeded by splitmix64 ---- */

static uint64_t split_mix(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15U;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9U;
    z = (z ^ z >> 27) * 0x94d049bb133111ebU;
    return z ^ z >> 31;
}

static uint64_t rotate(uint64_t value, int by)
{
    return value << by | value >> (64 - by);
}

uint64_t sim_random(void)
{
    uint64_t a = world.dice[0], b = world.dice[1], sum = a + b;
    b ^= a;
    world.dice[0] = rotate(a, 24) ^ b ^ b << 16;
    world.dice[1] = rotate(b, 37);
    return sum;
}

uint64_t sim_random_below(uint64_t below)
{
    return below ? (sim_random() >> 11) % below : 0;
}

uint64_t sim_random_between(uint64_t from, uint64_t to)
{
    return from + sim_random_below(to - from + 1);
}

bool sim_chance(unsigned in_1000)
{
    return sim_random_below(1000) < in_1000;
}

static const char *random_name(void)
{
    return "sim";
}

static uint32_t random_word(void)
{
    return (uint32_t)(sim_random() >> 32);
}

static void random_bytes(void *const out, const size_t size)
{
    for (size_t i = 0; i < size; i++) ((uint8_t *)out)[i] = (uint8_t)(sim_random() >> 40);
}

/* ---- begin ---- */

void sim_begin(uint64_t seed)
{
    static struct randombytes_implementation dice = {
        .implementation_name = random_name, .random = random_word, .buf = random_bytes};
    bool trace = world.trace || getenv("SIM_TRACE");
    memset(&world, 0, sizeof world);
    world.trace = trace;
    world.now_ns = START_NS;
    for (size_t i = 0; i < 2; i++) world.dice[i] = split_mix(&seed);
    (void)randombytes_set_implementation(&dice);
    if (sodium_init() < 0) abort();
}

/* ---- time ---- */

uint64_t sim_now_ns(void)
{
    return world.now_ns;
}

int64_t sim_wall_ns(void)
{
    return START_WALL_NS + (int64_t)(world.now_ns - START_NS);
}

int __wrap_clock_gettime(clockid_t clock, struct timespec *out);

int __wrap_clock_gettime(clockid_t clock, struct timespec *out)
{
    world.now_ns += LOOK_NS;
    uint64_t ns = clock == CLOCK_REALTIME ? (uint64_t)sim_wall_ns() : world.now_ns;
    out->tv_sec = (time_t)(ns / SIM_S);
    out->tv_nsec = (long)(ns % SIM_S);
    return 0;
}

time_t __wrap_time(time_t *out);

time_t __wrap_time(time_t *out)
{
    time_t now = (time_t)(sim_wall_ns() / (int64_t)SIM_S);
    if (out) *out = now;
    return now;
}

/* ---- memory ---- */

void *sim_alloc(size_t size)
{
    size = (size + 15) & ~(size_t)15;
    if (size > BLOCK_BYTES / 4) {
        void *large = __real_calloc(1, size);
        if (!large) abort();
        return large;
    }
    if (size > world.left) {
        world.block = __real_calloc(1, BLOCK_BYTES);
        if (!world.block) abort();
        world.left = BLOCK_BYTES;
    }
    void *made = world.block;
    world.block += size;
    world.left -= size;
    return made;
}

void *sim_memdup(const void *data, size_t len)
{
    char *copy = sim_alloc(len + 1);
    if (len) memcpy(copy, data, len);
    return copy;
}

char *sim_strdup(const char *text)
{
    return text ? sim_memdup(text, strlen(text)) : NULL;
}

void sim_fail_allocation(uint64_t nth)
{
    world.fail_at = nth ? world.allocations + nth : 0;
}

static bool fails(void)
{
    if (!world.current) return false;
    bool failed = ++world.allocations == world.fail_at;
    if (failed) sim_trace("%s: allocation fails", world.current->name);
    return failed;
}

void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);

void *__wrap_malloc(size_t size)
{
    return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size)
{
    return fails() ? NULL : __real_realloc(old, size);
}

/* ---- events ---- */

static bool before(const sim_event *a, const sim_event *b)
{
    return a->time_ns != b->time_ns ? a->time_ns < b->time_ns : a->order < b->order;
}

static void place(sim_event *event, size_t at)
{
    world.heap[at] = event;
    event->at = at;
}

static void sift(sim_event *event, size_t at)
{
    for (; at > 0 && before(event, world.heap[(at - 1) / 2]); at = (at - 1) / 2) place(world.heap[(at - 1) / 2], at);
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= world.count) break;
        if (child + 1 < world.count && before(world.heap[child + 1], world.heap[child])) child++;
        if (!before(world.heap[child], event)) break;
        place(world.heap[child], at);
        at = child;
    }
    place(event, at);
}

static void take_out(sim_event *event)
{
    sim_event *last = world.heap[--world.count];
    if (last != event) sift(last, event->at);
}

static void grow(void)
{
    size_t room = world.room ? 2 * world.room : 1024;
    sim_event **heap = sim_alloc(room * sizeof *heap);
    if (world.count) memcpy(heap, world.heap, world.count * sizeof *heap);
    world.heap = heap;
    world.room = room;
}

sim_event *sim_at_process(sim_process *process, uint64_t time_ns, sim_fn *fn, void *arg)
{
    if (world.count == world.room) grow();
    sim_event *event = world.spare;
    if (event)
        world.spare = event->next;
    else
        event = sim_alloc(sizeof *event);
    *event = (sim_event){.time_ns = time_ns > world.now_ns ? time_ns : world.now_ns,
                         .order = sim_random() >> 32 << 32 | (world.made++ & 0xffffffff),
                         .fn = fn,
                         .arg = arg,
                         .process = process};
    sift(event, world.count++);
    return event;
}

sim_event *sim_at(uint64_t time_ns, sim_fn *fn, void *arg)
{
    return sim_at_process(NULL, time_ns, fn, arg);
}

void sim_cancel(sim_event *event)
{
    if (!event) return;
    if (event->at >= world.count || world.heap[event->at] != event) abort(); /* it has run, or was cancelled before */
    take_out(event);
    event->next = world.spare;
    world.spare = event;
}

/* ---- processes ---- */

sim_process *sim_current(void)
{
    return world.current;
}

void sim_in_process(sim_process *process, sim_fn *fn, void *arg)
{
    sim_process *outer = world.current;
    world.current = process;
    fn(arg);
    if (process && process->alive && process->loop) sim_uv_end_turn(process);
    world.current = outer;
}

void sim_kill(sim_process *process)
{
    process->alive = false;
    for (size_t i = 0; i < world.count;) {
        if (world.heap[i]->process == process) {
            sim_cancel(world.heap[i]);
            i = 0; /* the heap has changed before this place, too */
        } else {
            i++;
        }
    }
}

bool sim_run(uint64_t until_ns, bool (*done)(void *arg), void *arg)
{
    while (world.count > 0 && world.heap[0]->time_ns <= until_ns) {
        sim_event event = *world.heap[0];
        sim_cancel(world.heap[0]);
        if (event.time_ns > world.now_ns) world.now_ns = event.time_ns;
        if (event.process && !event.process->alive) continue; /* sent to one that is gone */
        sim_in_process(event.process, event.fn, event.arg);
        if (done && done(arg)) return true;
    }
    if (until_ns > world.now_ns) world.now_ns = until_ns;
    return done && done(arg);
}

/* ---- what happened ---- */

void sim_trace_on(bool on)
{
    world.trace = on;
}

bool sim_traces(void)
{
    return world.trace;
}

void sim_trace(const char *format, ...)
{
    if (!world.trace) return;
    va_list args;
    va_start(args, format);
    fprintf(stderr, "%10.6f ", (double)(world.now_ns - START_NS) / 1e9);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
}
