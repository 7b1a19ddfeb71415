/*
 * The bare baseline that Furrow's catch-up is measured against: nats.c in event-loop mode and hiredis, driven by one
 * poll(2); no Furrow code (see bare.h). Two pulls of 1,000 are outstanding, fields 1, 2, 6 and 15 of each event are kept,
 * batches of 200 events go to Redis in one versioned bulk upsert each, up to 10 of them at once, and every event is
 * acked by a message of its own after Redis has answered.
 *
 *   baseline_catchup drain --url nats://127.0.0.1:4222 --redis /run/redis.sock --stream EMPLOYEE --consumer bare
 * --events 1000000
 *   -> baseline_catchup events=1000000 seconds=3.33 per_s=300000
 *
 *   baseline_catchup plain --redis /run/redis.sock --stream … --consumer … --events …
 *   drains the same way, but stores each record by a plain SET: what a string with version and fields takes in Redis.
 *
 * The stream, the durable consumer and lib/bare.lua must be there; --api: where another account's JetStream is imported.
 */
#include "bare.h"
#include "measure.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BATCH     200
#define IN_FLIGHT 10
#define PULL      1000
#define PULLS     2
#define VALUE_MAX 512
#define KEPT      (1u << 1 | 1u << 2 | 1u << 6 | 1u << 15) /* by field number */

typedef struct settings {
    const char *url, *redis, *api, *stream, *consumer;
    size_t events;
    bool plain;
} settings;

typedef struct batch {
    natsMsg *messages[BATCH];
    size_t count, answers; /* answers still to come */
} batch;

typedef struct drainer {
    const settings *set;
    bare_nats nats;
    natsSubscription *inbox;
    char next[160];
    redisContext *redis;
    batch batches[IN_FLIGHT + 1]; /* a ring: those being applied, and the last one, being filled */
    size_t first, flying, done, asked;
} drainer;

static void pull(drainer *self)
{
    char body[64];
    int len = snprintf(body, sizeof body, "{\"batch\":%d,\"expires\":30000000000}", PULL);
    bare_check(natsConnection_PublishRequest(self->nats.native, self->next, self->nats.inbox, body, len), "pull");
    self->asked += PULL;
}

/* $JS.ACK.<stream>.<consumer>.<delivered>.<sequence>.… */
static unsigned long long sequence_of(natsMsg *msg)
{
    const char *at = natsMsg_GetReply(msg);
    for (int dots = 0; dots < 5; at++) dots += *at == '.';
    return strtoull(at, NULL, 10);
}

static uint64_t read_varint(const uint8_t **at, const uint8_t *end)
{
    uint64_t value = 0;
    for (unsigned shift = 0; *at < end && shift < 64; shift += 7) {
        uint8_t byte = *(*at)++;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) break;
    }
    return value;
}

/* Copies the kept fields of a message of varints and length-delimited fields. */
static size_t project(const uint8_t *at, size_t len, char *out)
{
    const uint8_t *end = at + len;
    size_t used = 0;
    while (at < end) {
        const uint8_t *field = at;
        uint64_t tag = read_varint(&at, end), size = read_varint(&at, end);
        if ((tag & 7) == 2) {
            if (size > (size_t)(end - at)) bare_die("event", "is broken");
            at += size;
        }
        size_t taken = (size_t)(at - field);
        if (tag >> 3 > 31 || !(KEPT >> (tag >> 3) & 1)) continue;
        if (used + taken > VALUE_MAX) bare_die("event", "is too large");
        memcpy(out + used, field, taken);
        used += taken;
    }
    return used;
}

static size_t make_value(natsMsg *msg, char *out)
{
    unsigned long long sequence = sequence_of(msg);
    for (int b = 0; b < 8; b++) out[b] = (char)(sequence >> (56 - 8 * b));
    return 8 + project((const uint8_t *)natsMsg_GetData(msg), (size_t)natsMsg_GetDataLength(msg), out + 8);
}

static size_t make_key(const drainer *self, natsMsg *msg, char *out, size_t size)
{
    const char *id = strrchr(natsMsg_GetSubject(msg), '.') + 1;
    return (size_t)snprintf(out, size, "%s:{Employee}:%s", self->set->consumer, id);
}

static void command(drainer *self, int argc, const char *argv[], const size_t lens[])
{
    if (redisAppendCommandArgv(self->redis, argc, argv, lens) != REDIS_OK) bare_die("redis", self->redis->errstr);
}

static void send_upsert(drainer *self, batch *what)
{
    static char keys[BATCH][80], values[BATCH][VALUE_MAX + 8];
    const char *argv[3 + 2 * BATCH];
    size_t lens[3 + 2 * BATCH];
    char count[16];
    argv[0] = "FCALL", lens[0] = 5, argv[1] = "bare_upsert_batch", lens[1] = 17; /* lib/bare.lua */
    argv[2] = count, lens[2] = (size_t)snprintf(count, sizeof count, "%zu", what->count);
    for (size_t i = 0; i < what->count; i++) {
        argv[3 + i] = keys[i], lens[3 + i] = make_key(self, what->messages[i], keys[i], sizeof keys[i]);
        argv[3 + what->count + i] = values[i], lens[3 + what->count + i] = make_value(what->messages[i], values[i]);
    }
    command(self, (int)(3 + 2 * what->count), argv, lens);
    what->answers = 1;
}

static void send_plain(drainer *self, batch *what)
{
    char key[80], value[VALUE_MAX + 8];
    for (size_t i = 0; i < what->count; i++) {
        size_t key_len = make_key(self, what->messages[i], key, sizeof key);
        command(self, 3, (const char *[]){"SET", key, value},
                (size_t[]){3, key_len, make_value(what->messages[i], value)});
    }
    what->answers = what->count;
}

static batch *filling(drainer *self)
{
    return &self->batches[(self->first + self->flying) % (IN_FLIGHT + 1)];
}

static void send_batch(drainer *self)
{
    (self->set->plain ? send_plain : send_upsert)(self, filling(self));
    self->flying++;
    filling(self)->count = 0;
}

static void finish_batch(drainer *self)
{
    batch *done = &self->batches[self->first];
    for (size_t i = 0; i < done->count; i++) {
        bare_check(natsConnection_Publish(self->nats.native, natsMsg_GetReply(done->messages[i]), "+ACK", 4), "ack");
        natsMsg_Destroy(done->messages[i]);
    }
    self->done += done->count;
    done->count = 0;
    self->first = (self->first + 1) % (IN_FLIGHT + 1);
    self->flying--;
}

static void take_event(drainer *self, natsMsg *msg)
{
    if (!natsMsg_GetReply(msg)) { /* a status of a pull */
        natsMsg_Destroy(msg);
        return;
    }
    batch *into = filling(self);
    into->messages[into->count++] = msg;
    if (--self->asked <= PULL * (PULLS - 1)) pull(self);
    if (into->count == BATCH) send_batch(self);
}

static void turn(drainer *self)
{
    bare_turn(&self->nats, self->redis, self->flying == IN_FLIGHT ? BARE_REDIS : BARE_NATS | BARE_REDIS);
    for (redisReply *reply; (reply = bare_answer(self->redis)); freeReplyObject(reply))
        if (--self->batches[self->first].answers == 0) finish_batch(self);
    for (natsMsg *msg; self->flying < IN_FLIGHT && (msg = bare_next(self->inbox));) take_event(self, msg);
    if (self->flying < IN_FLIGHT && filling(self)->count) send_batch(self);
}

static void drain(const settings *set)
{
    static drainer self;
    self.set = set;
    self.redis = bare_redis(set->redis);
    bare_connect(&self.nats, set->url);
    self.inbox = bare_subscribe(&self.nats, self.nats.inbox, NULL);
    snprintf(self.next, sizeof self.next, "%s.CONSUMER.MSG.NEXT.%s.%s", set->api, set->stream, set->consumer);
    uint64_t begun = measure_now_ns();
    for (int i = 0; i < PULLS; i++) pull(&self);
    while (self.done < set->events) turn(&self);
    double seconds = (double)(measure_now_ns() - begun) / 1e9;
    bare_flush(&self.nats);
    printf("baseline_catchup events=%zu seconds=%.3f per_s=%.0f\n", self.done, seconds, (double)self.done / seconds);
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"url", 1, NULL, 'u'}, {"redis", 1, NULL, 'r'},    {"stream", 1, NULL, 's'},
                                            {"api", 1, NULL, 'a'}, {"consumer", 1, NULL, 'c'}, {"events", 1, NULL, 'n'},
                                            {NULL, 0, NULL, 0}};
    settings set = {.url = "nats://127.0.0.1:4222", .api = "$JS.API", .stream = "EMPLOYEE", .consumer = "timesheet"};
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        switch (option) {
        case 'u':
            set.url = optarg;
            break;
        case 'r':
            set.redis = optarg;
            break;
        case 's':
            set.stream = optarg;
            break;
        case 'a':
            set.api = optarg;
            break;
        case 'c':
            set.consumer = optarg;
            break;
        case 'n':
            set.events = measure_number(optarg);
            break;
        default:
            return 2;
        }
    }
    if (optind != argc - 1 || !set.redis || set.events == 0) return 2;
    set.plain = strcmp(argv[optind], "plain") == 0;
    if (!set.plain && strcmp(argv[optind], "drain") != 0) return 2;
    drain(&set);
    return 0;
}
