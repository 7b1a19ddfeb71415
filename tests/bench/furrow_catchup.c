/*
 * A replica from an empty Redis to READY through the durable: what timesheet keeps of an employee, 4 of 15 fields of
 * 200-byte events, whose baseline is baseline_catchup; or what bench keeps of a ticket, with totals, whose baseline is
 * bare, which keeps the same without.
 *
 *   furrow_catchup --url nats://127.0.0.1:4222 --redis /run/redis.sock [--service timesheet|bench|bare] [--account employee]
 *   -> furrow_catchup events=1000000 replayed=0 seconds=3.100 per_s=322000
 *
 * The stream and the service's durable on it must be there.
 */
#include "bare/v1/bare.furrow.h"
#include "base/clock.h"
#include "bench/v1/bench.furrow.h"
#include "link/jetstream.h"
#include "measure.h"
#include "replica/replica.h"
#include "timesheet/v1/timesheet.furrow.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONNECT_NS    (10 * FURROW_NS_PER_S)
#define LOOK_EVERY_MS 2

static const furrow_replica_contract *const contracts[] = {&timesheet_v1_employee_replica, &bench_v1_ticket_replica,
                                                           &bare_v1_ticket_replica};

typedef struct settings {
    furrow_loop *loop;
    const furrow_replica_contract *contract;
    const char *url, *redis, *account; /* account: the stream is another's, see furrow_js_import */
    int failed;
} settings;

static int fail(const char *what, const furrow_error *err)
{
    fprintf(stderr, "furrow_catchup: %s: %s\n", what, err->text);
    return 1;
}

static int catch_up(furrow_link *link, furrow_store *store, const settings *set)
{
    furrow_error err = {0};
    furrow_replica_options options = {
        .service = set->contract->service, .instance = "bench", .contract = set->contract};
    uint64_t deadline = furrow_clock_now_ns() + CONNECT_NS;
    if (!furrow_link_wait_connected(link, deadline) || !furrow_store_wait_connected(store, deadline))
        return fail("connect", &err);
    uint64_t begun = furrow_clock_now_ns();
    furrow_replica *replica = furrow_replica_create(link, store, &options, &err);
    if (!replica) return fail("replica", &err);
    if (furrow_replica_start(replica, &err) != FURROW_OK) return fail("start", &err);
    while (furrow_replica_state_of(replica) != FURROW_REPLICA_READY) furrow_task_sleep_ms(LOOK_EVERY_MS);
    double seconds = (double)(furrow_clock_now_ns() - begun) / 1e9;
    furrow_replica_stats stats;
    furrow_replica_stats_of(replica, &stats);
    double events = (double)(stats.applied + stats.stale);
    printf("furrow_catchup events=%.0f replayed=%llu seconds=%.3f per_s=%.0f\n", events,
           (unsigned long long)stats.replayed, seconds, events / seconds);
    furrow_replica_drain(replica, furrow_clock_now_ns() + CONNECT_NS);
    furrow_replica_destroy(replica);
    return 0;
}

static void run(void *arg)
{
    settings *set = arg;
    furrow_error err = {0};
    char inbox[64], url[160];
    measure_redis redis = measure_redis_of(set->redis);
    set->failed = 1;
    measure_inbox(set->url, inbox);
    snprintf(url, sizeof url, "unix://%s", redis.path);
    furrow_link *link = furrow_link_create(
        set->loop, &(furrow_link_options){.url = set->url, .name = "bench", .inbox_prefix = inbox}, &err);
    furrow_store *store =
        link ? furrow_store_create(set->loop,
                                   &(furrow_store_options){.url = url,
                                                           .user = redis.user[0] ? redis.user : NULL,
                                                           .password = redis.user[0] ? redis.password : NULL},
                                   &err)
             : NULL;
    if (store && set->account && furrow_js_import(link, set->contract->stream, set->account, &err) != FURROW_OK)
        fail("import", &err);
    else if (store)
        set->failed = catch_up(link, store, set);
    else
        fail("connect", &err);
    furrow_link_destroy(link);
    furrow_store_destroy(store);
}

static const furrow_replica_contract *contract_of(const char *service)
{
    for (size_t i = 0; i < sizeof contracts / sizeof *contracts; i++)
        if (strcmp(contracts[i]->service, service) == 0) return contracts[i];
    return NULL;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"url", 1, NULL, 'u'}, {"redis", 1, NULL, 'r'}, {"service", 1, NULL, 's'}, {"account", 1, NULL, 'a'}, {0}};
    settings set = {.contract = contracts[0]};
    furrow_error err = {0};
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        switch (option) {
        case 'u':
            set.url = optarg;
            break;
        case 'r':
            set.redis = optarg;
            break;
        case 's':
            set.contract = contract_of(optarg);
            break;
        case 'a':
            set.account = optarg;
            break;
        default:
            return 2;
        }
    }
    if (!set.contract) return 2;
    set.loop = furrow_loop_create(NULL, &err);
    if (!set.loop) return fail("loop", &err);
    if (furrow_loop_run_task(set.loop, run, &set, &err) != FURROW_OK) return fail("run", &err);
    furrow_loop_destroy(set.loop);
    return set.failed;
}
