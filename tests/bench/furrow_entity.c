/*
 * The write path: compare-and-set writes of 200-byte entities with so many in flight, each on another of 100,000
 * entities.
 *
 *   furrow_entity --url nats://127.0.0.1:4222 --redis /run/redis.sock --way whole --window 256 --writes 200000
 *   -> furrow_entity whole window=256 writes=200000 failed=0 aborted=0 seconds=3.100 per_s=64500 longest_ms=9
 *      cpu_us=7.10
 *
 * Ways: "publish" is the link's publish with an expected sequence alone (FLOOR.md's case); "whole" is the entity's
 * write: read from Redis, decide, publish with CloudEvents headers, apply to Redis; "keyed" is the same with an
 * idempotency key; "hot" is "whole" on one entity, which --entity names, so that two programs can meet there (--begin
 * waits until that wall-clock second). The stream and the functions must be there.
 */
#include "base/clock.h"
#include "employee/v1/employee.furrow.h"
#include "log/entity.h"
#include "measure.h"
#include "wire/message.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#define ENTITIES   100000
#define CONNECT_NS (10 * FURROW_NS_PER_S)
#define ARENA      ((size_t)1 << 20)
#define BODY_BYTES 200

enum way { PUBLISH, WHOLE, KEYED, HOT };
static const char *const way_names[] = {"publish", "whole", "keyed", "hot"};

typedef struct bench {
    const char *url, *redis, *hot;
    furrow_loop *loop;
    furrow_link *link;
    furrow_entity *entity;
    enum way way;
    long writes, window, next, failed, aborted, begin;
    int running;
    uint64_t longest_ns; /* of a write */
    uint64_t *versions;  /* of each entity, for "publish" */
    char first_error[256];
} bench;

static bench the;

static furrow_status decide(void *arg, const furrow_state *current, furrow_arena *arena, furrow_decision *out,
                            furrow_error *err)
{
    static char given[] = "Ana", family[] = "Luna", badge[] = "7", language[] = "es", date[] = "2026-03-01";
    static Google__Protobuf__Timestamp monday = GOOGLE__PROTOBUF__TIMESTAMP__INIT;
    static char filler[BODY_BYTES - 84];
    if (!filler[0]) memset(filler, 'x', sizeof filler - 1);
    monday.seconds = 1795420800;
    Employee__V1__Employee *next =
        (Employee__V1__Employee *)furrow_message_new(employee_v1_employee_entity.descriptor, arena);
    if (!next) return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "out of memory");
    next->id = arg;
    next->display_name = filler;
    next->given_name = given;
    next->family_name = family;
    next->badge = badge;
    next->language = language;
    next->hire_date = date;
    next->status = EMPLOYEE__V1__EMPLOYMENT_STATUS__EMPLOYMENT_STATUS_ACTIVE;
    next->updated_at = &monday;
    next->hourly_rate_cents = (int64_t)(current->version % 100000);
    *out = (furrow_decision){.next = &next->base, .event = "changed"};
    return FURROW_OK;
}

static furrow_status write_entity(char *id, long number, furrow_arena *arena, furrow_error *err)
{
    furrow_written written;
    furrow_command command = {.deadline_ns = furrow_clock_now_ns() + CONNECT_NS, .has_key = the.way == KEYED};
    memcpy(command.key, &number, sizeof number);
    furrow_write write = {.id = id, .command = &command, .decide = decide, .arg = id};
    return furrow_entity_write(the.entity, &write, arena, &written, err);
}

static furrow_status publish(const char *id, long slot, furrow_error *err)
{
    static const char body[BODY_BYTES];
    char subject[FURROW_SUBJECT_MAX];
    furrow_js_puback ack;
    furrow_js_publish_options options = {.expected_seq = (int64_t)the.versions[slot]};
    furrow_status status = furrow_subject_of_entity(employee_v1_employee_entity.name, id, subject, err);
    if (status != FURROW_OK) return status;
    status = furrow_js_publish(the.link, subject, (furrow_bytes){body, sizeof body}, &options,
                               furrow_clock_now_ns() + CONNECT_NS, &ack, err);
    if (status == FURROW_OK) the.versions[slot] = ack.sequence;
    return status;
}

static void worker(void *arg)
{
    FURROW_AUTO(furrow_arena) arena = furrow_arena_create(ARENA);
    furrow_error err = {0};
    while (the.next < the.writes) {
        long number = the.next++, slot = number % ENTITIES;
        char id[32];
        if (the.way == HOT && the.hot)
            snprintf(id, sizeof id, "%s", the.hot);
        else
            snprintf(id, sizeof id, "%d-%s-%ld", (int)getpid(), way_names[the.way], the.way == HOT ? 0 : slot);
        uint64_t begun = furrow_clock_now_ns();
        furrow_status status = the.way == PUBLISH ? publish(id, slot, &err) : write_entity(id, number, arena, &err);
        if (status != FURROW_OK && the.failed++ == 0) snprintf(the.first_error, sizeof the.first_error, "%s", err.text);
        uint64_t took = furrow_clock_now_ns() - begun;
        if (took > the.longest_ns) the.longest_ns = took;
        the.aborted += status == FURROW_ABORTED;
        furrow_arena_reset(arena);
    }
    the.running--;
}

static double cpu_us(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e6 +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

static void run_writers(void)
{
    int64_t early_ns = the.begin * (int64_t)FURROW_NS_PER_S - furrow_clock_wall_ns();
    if (early_ns > 0) furrow_task_sleep_ms((uint64_t)early_ns / FURROW_NS_PER_MS);
    double cpu = cpu_us();
    uint64_t begun = furrow_clock_now_ns();
    furrow_error err;
    for (long i = 0; i < the.window; i++) the.running += furrow_loop_spawn(the.loop, worker, NULL, &err) == FURROW_OK;
    while (the.running > 0) furrow_task_sleep_ms(1);
    double seconds = (double)(furrow_clock_now_ns() - begun) / 1e9;
    printf("furrow_entity %s window=%ld writes=%ld failed=%ld aborted=%ld seconds=%.3f per_s=%.0f longest_ms=%.0f "
           "cpu_us=%.2f\n",
           way_names[the.way], the.window, the.writes, the.failed, the.aborted, seconds, (double)the.writes / seconds,
           (double)the.longest_ns / 1e6, (cpu_us() - cpu) / (double)the.writes);
    if (the.failed) fprintf(stderr, "furrow_entity: %s\n", the.first_error);
}

static void run(void *arg)
{
    furrow_error *err = arg;
    const furrow_entity_contract *contract = &employee_v1_employee_entity;
    uint64_t deadline = furrow_clock_now_ns() + CONNECT_NS;
    char inbox[64], url[160];
    measure_redis redis = measure_redis_of(the.redis);
    measure_inbox(the.url, inbox);
    snprintf(url, sizeof url, "unix://%s", redis.path);
    the.link = furrow_link_create(the.loop,
                                  &(furrow_link_options){.url = the.url, .name = "bench", .inbox_prefix = inbox}, err);
    furrow_store *store = furrow_store_create(
        the.loop,
        &(furrow_store_options){
            .url = url, .user = redis.user[0] ? redis.user : NULL, .password = redis.user[0] ? redis.password : NULL},
        err);
    if (!the.link || !store || !furrow_link_wait_connected(the.link, deadline) ||
        !furrow_store_wait_connected(store, deadline))
        return;
    furrow_table_options about = {
        .service = contract->owner, .entity = contract->short_name, .descriptor = contract->descriptor};
    furrow_table *table = furrow_table_create(store, &about, err);
    the.entity = furrow_entity_create(
        &(furrow_entity_options){.contract = contract, .link = the.link, .table = table, .service = contract->owner},
        err);
    run_writers();
    furrow_entity_destroy(the.entity);
    furrow_table_destroy(table);
    furrow_store_destroy(store);
    furrow_link_destroy(the.link);
}

static bool read_options(int argc, char **argv)
{
    static const struct option options[] = {
        {"url", required_argument, NULL, 'u'},    {"redis", required_argument, NULL, 'r'},
        {"way", required_argument, NULL, 'w'},    {"window", required_argument, NULL, 'i'},
        {"writes", required_argument, NULL, 'n'}, {"entity", required_argument, NULL, 'e'},
        {"begin", required_argument, NULL, 'b'},  {NULL, 0, NULL, 0}};
    the = (bench){.way = WHOLE, .window = 256, .writes = 200000};
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (c == 'u') the.url = optarg;
        if (c == 'r') the.redis = optarg;
        if (c == 'e') the.hot = optarg;
        if (c == 'b') the.begin = atol(optarg);
        if (c == 'i') the.window = atol(optarg);
        if (c == 'n') the.writes = atol(optarg);
        for (int way = 0; c == 'w' && way <= HOT; way++)
            if (strcmp(optarg, way_names[way]) == 0) the.way = (enum way)way;
        if (c == '?') return false;
    }
    return the.url && the.redis && the.window > 0 && the.writes > 0;
}

int main(int argc, char **argv)
{
    furrow_error err = {0};
    if (!read_options(argc, argv)) return 2;
    the.versions = calloc(ENTITIES, sizeof *the.versions);
    the.loop = furrow_loop_create(NULL, &err);
    if (!the.versions || !the.loop || furrow_loop_run_task(the.loop, run, &err, &err) != FURROW_OK || err.text[0]) {
        fprintf(stderr, "furrow_entity: %s\n", err.text);
        return 1;
    }
    furrow_loop_destroy(the.loop);
    free(the.versions);
    return the.failed > 0;
}
