/*
 * What it costs that reads are verified: the three records on which a clock-in is decided, read from the replicas of
 * timesheet by so many tasks, each one read after the other.
 *
 *   furrow_reads --redis /run/redis.sock --way marked --in-flight 64 --calls 200000 --keys 100000 [--jobs 100]
 *   -> furrow_reads in_flight=64 calls=200000 per_s=180000 p50_us=340.0 p99_us=600.0 cpu_us=3.10
 *
 * Ways: "marked" reads as services do, each table's build beside the records, and counts what is of the build that was
 * verified; "bare" is the MGET of the records alone. May depend on: store, measure.h, the names of the records.
 */
#include "base/clock.h"
#include "measure.h"
#include "store/trust.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONNECT_NS  (10 * FURROW_NS_PER_S)
#define ARENA_BYTES ((size_t)1 << 20)
#define TABLES      3

typedef struct settings {
    furrow_loop *loop;
    const char *redis;
    size_t in_flight, calls, warm_up, keys, jobs;
    bool marked;
} settings;

typedef struct reader {
    const settings *set;
    furrow_store *store;
    furrow_table *tables[TABLES];
    measure measure;
    size_t running;
} reader;

static const char *const entities[TABLES] = {"Employee", "Job", "Location"};

static _Noreturn void die(const char *what, const furrow_error *err)
{
    fprintf(stderr, "furrow_reads: %s: %s\n", what, err->text);
    exit(1);
}

static void on_doubt(furrow_table_guard *guard)
{
    (void)guard;
    die("read", &(furrow_error){.text = "the records were put in doubt"});
}

/* As a replica that has looked and found nothing amiss. */
static furrow_table *open_table(furrow_store *store, const char *entity)
{
    static furrow_table_guard guard = {.doubted = on_doubt};
    furrow_error err = {0};
    furrow_marker marker;
    furrow_table *table =
        furrow_table_create(store, &(furrow_table_options){.service = "timesheet", .entity = entity}, &err);
    if (!table || furrow_marker_read(table, &marker, &err) != FURROW_OK) die(entity, &err);
    if (!marker.found) die(entity, &(furrow_error){.text = "timesheet keeps none"});
    furrow_table_set_guard(table, &guard);
    furrow_table_adopt(table, marker.build);
    furrow_table_trust(table, furrow_store_generation(store));
    return table;
}

static void name_ids(const settings *set, size_t n, char ids[TABLES][24])
{
    snprintf(ids[0], sizeof ids[0], "E%07zu", n % set->keys);
    snprintf(ids[1], sizeof ids[1], "J%07zu", n % set->jobs);
    snprintf(ids[2], sizeof ids[2], "L%07zu", n % set->jobs);
}

static void read_marked(reader *all, char ids[TABLES][24], furrow_arena *arena)
{
    furrow_error err = {0};
    furrow_record_read reads[TABLES];
    for (size_t i = 0; i < TABLES; i++) reads[i] = (furrow_record_read){.table = all->tables[i], .id = ids[i]};
    if (furrow_record_read_many(all->store, reads, TABLES, arena, &err) != FURROW_OK) die("read", &err);
    for (size_t i = 0; i < TABLES; i++)
        if (!reads[i].record.found) die(ids[i], &(furrow_error){.text = "no such record"});
}

static void read_bare(reader *all, char ids[TABLES][24], furrow_arena *arena)
{
    furrow_error err = {0};
    char keys[TABLES][64];
    furrow_bytes argv[1 + TABLES] = {furrow_bytes_of("MGET")};
    furrow_value value;
    for (size_t i = 0; i < TABLES; i++) {
        snprintf(keys[i], sizeof keys[i], "timesheet:{%s}:%s", entities[i], ids[i]);
        argv[1 + i] = furrow_bytes_of(keys[i]);
    }
    if (furrow_store_command(all->store, argv, 1 + TABLES, arena, &value, &err) != FURROW_OK) die("read", &err);
    for (size_t i = 0; i < TABLES; i++)
        if (value.items[i].kind != FURROW_VALUE_TEXT) die(ids[i], &(furrow_error){.text = "no such record"});
}

static void read_on(void *arg)
{
    reader *all = arg;
    FURROW_AUTO(furrow_arena) arena = furrow_arena_create(ARENA_BYTES);
    char ids[TABLES][24];
    while (measure_start(&all->measure)) {
        uint64_t started = measure_now_ns();
        name_ids(all->set, all->measure.started, ids);
        if (all->set->marked)
            read_marked(all, ids, arena);
        else
            read_bare(all, ids, arena);
        measure_end(&all->measure, started);
        furrow_arena_reset(arena);
    }
    all->running--;
}

static void run(void *arg)
{
    const settings *set = arg;
    furrow_error err = {0};
    reader all = {.set = set};
    measure_redis redis = measure_redis_of(set->redis);
    char url[160];
    snprintf(url, sizeof url, "unix://%s", redis.path);
    furrow_store_options options = {
        .url = url, .user = redis.user[0] ? redis.user : NULL, .password = redis.user[0] ? redis.password : NULL};
    all.store = furrow_store_create(set->loop, &options, &err);
    if (!all.store || !furrow_store_wait_connected(all.store, furrow_clock_now_ns() + CONNECT_NS)) die("connect", &err);
    for (size_t i = 0; i < TABLES; i++) all.tables[i] = open_table(all.store, entities[i]);
    measure_init(&all.measure, set->warm_up, set->calls);
    for (all.running = 0; all.running < set->in_flight; all.running++)
        if (furrow_loop_spawn(set->loop, read_on, &all, &err) != FURROW_OK) die("spawn", &err);
    while (all.running > 0) furrow_task_sleep_ms(1);
    measure_print(&all.measure, "furrow_reads", set->in_flight);
    measure_fini(&all.measure);
    for (size_t i = 0; i < TABLES; i++) furrow_table_destroy(all.tables[i]);
    furrow_store_destroy(all.store);
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"redis", 1, NULL, 'r'}, {"way", 1, NULL, 'w'},  {"in-flight", 1, NULL, 'n'}, {"calls", 1, NULL, 'm'},
        {"keys", 1, NULL, 'k'},  {"jobs", 1, NULL, 'j'}, {NULL, 0, NULL, 0}};
    settings set = {.in_flight = 64, .calls = 100000, .keys = 1, .jobs = 1, .marked = true};
    furrow_error err = {0};
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (c == 'r') set.redis = optarg;
        if (c == 'w') set.marked = strcmp(optarg, "marked") == 0;
        if (c == 'n') set.in_flight = measure_number(optarg);
        if (c == 'm') set.calls = measure_number(optarg);
        if (c == 'k') set.keys = measure_number(optarg);
        if (c == 'j') set.jobs = measure_number(optarg);
        if (c == '?') return 2;
    }
    if (!set.redis || set.in_flight < 1 || set.keys < 1 || set.jobs < 1) return 2;
    set.warm_up = set.calls / 10;
    set.loop = furrow_loop_create(NULL, &err);
    if (!set.loop || furrow_loop_run_task(set.loop, run, &set, &err) != FURROW_OK) die("loop", &err);
    furrow_loop_destroy(set.loop);
    return 0;
}
