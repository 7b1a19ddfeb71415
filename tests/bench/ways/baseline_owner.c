/*
 * A bare owner: answers Get… and BatchGet… of one service from its records in Redis, with bare nats.c and hiredis (see
 * bare.h): one MGET a request, states unpacked (a sealed field is nobody else's) and packed as the contract says.
 *
 *   baseline_owner --owner employee|job|location --url U --redis USER:PASSWORD@SOCKET
 *
 * The records are those that the real owner keeps: it has run before. Whatever is wrong ends the program.
 */
#include "bare.h"
#include "bare_scratch.h"
#include "employee/v1/employee.pb-c.h"
#include "job/v1/job.pb-c.h"
#include "location/v1/location.pb-c.h"
#include "measure.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define IDS_MAX    1000
#define ANSWER_MAX (1u << 20)
#define VERSION    8

typedef struct owner_kind {
    const char *name, *subjects, *entity;
    const ProtobufCMessageDescriptor *descriptor;
} owner_kind;

static const owner_kind kinds[] = {
    {"employee", "employee.v1.EmployeeService.*", "Employee", &employee__v1__employee__descriptor},
    {"job", "job.v1.JobService.*", "Job", &job__v1__job__descriptor},
    {"location", "location.v1.LocationService.*", "Location", &location__v1__location__descriptor}};

typedef struct request {
    natsMsg *msg;
    struct request *next;
} request;

typedef struct owner {
    const owner_kind *kind;
    bare_nats nats;
    redisContext *redis;
    request *waiting, **last; /* Redis answers in the order of its commands */
    uint8_t answer[ANSWER_MAX];
} owner;

static size_t put_varint(uint8_t *out, uint64_t value)
{
    size_t len = 0;
    for (; value >= 0x80; value >>= 7) out[len++] = (uint8_t)(value | 0x80);
    out[len++] = (uint8_t)value;
    return len;
}

static size_t varint_size(uint64_t value)
{
    uint8_t scratch[10];
    return put_varint(scratch, value);
}

/* Field 1 of Get… and of BatchGet… alike. */
static size_t read_ids(natsMsg *msg, const char *ids[], size_t lens[])
{
    const char *at = natsMsg_GetData(msg), *end = at + natsMsg_GetDataLength(msg);
    size_t count = 0;
    while (at < end) {
        size_t len = (uint8_t)at[1];
        if (at[0] != 0x0a || len > 64 || at + 2 + len > end || count == IDS_MAX) bare_die("request", "is broken");
        ids[count] = at + 2;
        lens[count++] = len;
        at += 2 + len;
    }
    return count;
}

static void take_request(owner *self, natsMsg *msg)
{
    static char keys[IDS_MAX][96];
    static const char *argv[1 + IDS_MAX], *ids[IDS_MAX];
    static size_t lens[1 + IDS_MAX], id_lens[IDS_MAX];
    size_t count = read_ids(msg, ids, id_lens);
    request *made = malloc(sizeof *made);
    if (!made || count == 0) bare_die("request", "is empty");
    argv[0] = "MGET", lens[0] = 4;
    for (size_t i = 0; i < count; i++) {
        lens[1 + i] = (size_t)snprintf(keys[i], sizeof keys[i], "%s:{%s}:%.*s", self->kind->name, self->kind->entity,
                                       (int)id_lens[i], ids[i]);
        argv[1 + i] = keys[i];
    }
    if (redisAppendCommandArgv(self->redis, (int)count + 1, argv, lens) != REDIS_OK)
        bare_die("redis", self->redis->errstr);
    *made = (request){.msg = msg};
    *self->last = made;
    self->last = &made->next;
}

/* An EmployeeState, JobState or LocationState of one record, at @out; @wrapped as an element of BatchGet…'s answer. */
static size_t put_state(const owner *self, const redisReply *record, bool wrapped, uint8_t *out)
{
    uint64_t version = 0;
    if (record->type != REDIS_REPLY_STRING || record->len <= VERSION) bare_die("record", "there is none");
    for (int b = 0; b < VERSION; b++) version = version << 8 | (uint8_t)record->str[b];
    ProtobufCMessage *entity = protobuf_c_message_unpack(self->kind->descriptor, bare_scratch(), record->len - VERSION,
                                                         (const uint8_t *)record->str + VERSION);
    if (!entity) bare_die("record", "is none");
    if (self->kind == &kinds[0]) ((Employee__V1__Employee *)entity)->private_.len = 0;
    size_t len = protobuf_c_message_get_packed_size(entity), at = 0;
    if (wrapped) {
        out[at++] = 0x0a;
        at += put_varint(out + at, 1 + varint_size(len) + len + 1 + varint_size(version));
    }
    out[at++] = 0x0a;
    at += put_varint(out + at, len);
    at += protobuf_c_message_pack(entity, out + at);
    out[at++] = 0x10;
    at += put_varint(out + at, version);
    return at;
}

static void answer_request(owner *self, const redisReply *records)
{
    request *asked = self->waiting;
    bool batch = strstr(natsMsg_GetSubject(asked->msg), ".BatchGet") != NULL;
    size_t len = 0;
    if (!(self->waiting = asked->next)) self->last = &self->waiting;
    for (size_t i = 0; i < records->elements; i++) {
        if (len + records->element[i]->len + 64 > ANSWER_MAX) bare_die("answer", "is too large");
        len += put_state(self, records->element[i], batch, self->answer + len);
    }
    bare_check(natsConnection_Publish(self->nats.native, natsMsg_GetReply(asked->msg), self->answer, (int)len),
               "answer");
    natsMsg_Destroy(asked->msg);
    free(asked);
}

static _Noreturn void serve(const owner_kind *kind, const char *url, const char *redis)
{
    static owner self;
    self.kind = kind;
    self.last = &self.waiting;
    self.redis = bare_redis(redis);
    bare_connect(&self.nats, url);
    natsSubscription *requests = bare_subscribe(&self.nats, kind->subjects, kind->name);
    printf("ready\n");
    fflush(stdout);
    for (;;) {
        bare_turn(&self.nats, self.redis, BARE_NATS | BARE_REDIS);
        for (redisReply *reply; (reply = bare_answer(self.redis)); freeReplyObject(reply)) answer_request(&self, reply);
        for (natsMsg *msg; (msg = bare_next(requests));) take_request(&self, msg);
    }
}

int main(int argc, char **argv)
{
    const char *name = NULL, *url = NULL, *redis = NULL;
    for (; argc > 2; argc -= 2, argv += 2) {
        if (strcmp(argv[1], "--owner") == 0) name = argv[2];
        if (strcmp(argv[1], "--url") == 0) url = argv[2];
        if (strcmp(argv[1], "--redis") == 0) redis = argv[2];
    }
    for (size_t i = 0; argc == 1 && name && url && redis && i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(kinds[i].name, name) == 0) serve(&kinds[i], url, redis);
    fprintf(stderr, "usage: baseline_owner --owner employee|job|location --url U --redis [USER:PASSWORD@]SOCKET\n");
    return 2;
}
