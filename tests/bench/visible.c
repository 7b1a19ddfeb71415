/*
 * From the log's ack of an owner's event to the moment in which a replica has it: an employee changes, one change after
 * the other, and what the replica keeps of it in Redis is asked for until it is the new version.
 *
 *   visible --url nats://employee.log:…@127.0.0.1:4222 --redis timesheet:…@/run/redis.sock --changes 2000
 *   -> visible changes=2000 visible_p50_us=120.0 visible_p99_us=400.0 round_trip_us=70.0
 *
 * The round trip is PING and PONG, as `nats rtt` has it, between the changes: the median. The replica's own work is
 * what is measured; this program is bare nats.c and hiredis (bare.h). May depend on: bare.h, measure.h.
 */
#include "bare.h"
#include "measure.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEY          "timesheet:{Employee}:VISIBLE"
#define SUBJECT      "employee.v1.Employee.VISIBLE"
#define VERSION_SIZE 8
#define PATIENCE_NS  10000000000ull

/* An Employee with that id and a display name. */
static int make_employee(size_t n, char out[64])
{
    char name[16];
    int len = snprintf(name, sizeof name, "Ana %zu", n % 100000);
    return snprintf(out, 64, "\x0a\x07VISIBLE\x12%c%s", (char)len, name);
}

static unsigned long publish(bare_nats *nats, natsSubscription *acks, size_t n)
{
    char body[64], text[256];
    int len = make_employee(n, body);
    natsMsg *ack;
    bare_check(natsConnection_PublishRequest(nats->native, SUBJECT, nats->inbox, body, len), "publish");
    while (!(ack = bare_next(acks))) bare_turn(nats, NULL, BARE_NATS);
    snprintf(text, sizeof text, "%.*s", natsMsg_GetDataLength(ack), natsMsg_GetData(ack));
    natsMsg_Destroy(ack);
    const char *found = strstr(text, "\"seq\":");
    if (!found || strstr(text, "\"error\"")) bare_die("ack", text);
    return strtoul(found + 6, NULL, 10);
}

static unsigned long stored_version(bare_nats *nats, redisContext *redis)
{
    redisReply *answer;
    unsigned long version = 0;
    if (redisAppendCommand(redis, "MGET %s", KEY) != REDIS_OK) bare_die("redis", redis->errstr);
    while (!(answer = bare_answer(redis))) bare_turn(nats, redis, BARE_REDIS);
    const redisReply *record = answer->elements == 1 ? answer->element[0] : answer;
    for (size_t i = 0; i < VERSION_SIZE && record->len >= VERSION_SIZE; i++)
        version = version << 8 | (unsigned char)record->str[i];
    freeReplyObject(answer);
    return version;
}

/* How long after its ack @sequence is in Redis. */
static double wait_visible_us(bare_nats *nats, redisContext *redis, unsigned long sequence)
{
    uint64_t begun = measure_now_ns();
    while (stored_version(nats, redis) < sequence)
        if (measure_now_ns() - begun > PATIENCE_NS) bare_die(KEY, "does not get the new version");
    return (double)(measure_now_ns() - begun) / 1e3;
}

static double round_trip_us(natsConnection *plain)
{
    int64_t ns = 0;
    bare_check(natsConnection_GetRTT(plain, &ns), "round trip");
    return (double)ns / 1e3;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"url", 1, NULL, 'u'}, {"redis", 1, NULL, 'r'}, {"changes", 1, NULL, 'n'}, {NULL, 0, NULL, 0}};
    const char *url = NULL, *where = NULL;
    size_t changes = 2000;
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (c == 'u') url = optarg;
        if (c == 'r') where = optarg;
        if (c == 'n') changes = measure_number(optarg);
        if (c == '?') return 2;
    }
    if (!url || !where) return fprintf(stderr, "usage: visible --url U --redis R [--changes N]\n"), 2;
    bare_nats nats = {.fd = -1};
    measure_samples visible = {0}, trips = {0};
    natsConnection *plain = NULL;
    bare_check(natsConnection_ConnectTo(&plain, url), "connect");
    bare_connect(&nats, url);
    natsSubscription *inbox = bare_subscribe(&nats, nats.inbox, NULL);
    redisContext *redis = bare_redis(where);
    for (size_t n = 0; n < changes; n++) {
        measure_add(&trips, round_trip_us(plain));
        measure_add(&visible, wait_visible_us(&nats, redis, publish(&nats, inbox, n)));
    }
    printf("visible changes=%zu visible_p50_us=%.1f visible_p99_us=%.1f round_trip_us=%.1f\n", changes,
           measure_percentile(&visible, 50), measure_percentile(&visible, 99), measure_percentile(&trips, 50));
    natsSubscription_Destroy(inbox);
    redisFree(redis);
    natsConnection_Destroy(nats.native);
    natsConnection_Destroy(plain);
    return 0;
}
