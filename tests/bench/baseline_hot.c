/*
 * The bare baseline of a hot entity: one program that writes one subject by compare-and-set, one publish after the
 * other, each with the sequence that the last ack told. Nobody can do it faster on one connection: the next expected
 * sequence is in the ack. Bare nats.c (see bare.h), no Furrow code.
 *
 *   baseline_hot --url nats://127.0.0.1:4222 --writes 20000
 *   -> baseline_hot writes=20000 seconds=4.100 per_s=4878
 *
 * The stream EMPLOYEE must be there. The subject is the program's own.
 */
#include "bare.h"
#include "measure.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BODY_BYTES 200

/* Publishes with @expected as the subject's last sequence, and waits for the ack: the sequence it got. */
static unsigned long write_once(bare_nats *nats, natsSubscription *acks, const char *subject, unsigned long expected)
{
    static const char body[BODY_BYTES];
    char sequence[24], text[256];
    natsMsg *event = NULL, *ack;
    snprintf(sequence, sizeof sequence, "%lu", expected);
    bare_check(natsMsg_Create(&event, subject, nats->inbox, body, sizeof body), "event");
    bare_check(natsMsgHeader_Set(event, "Nats-Expected-Last-Subject-Sequence", sequence), "header");
    bare_check(natsConnection_PublishMsg(nats->native, event), "publish");
    natsMsg_Destroy(event);
    while (!(ack = bare_next(acks))) bare_turn(nats, NULL, BARE_NATS);
    snprintf(text, sizeof text, "%.*s", natsMsg_GetDataLength(ack), natsMsg_GetData(ack));
    natsMsg_Destroy(ack);
    const char *found = strstr(text, "\"seq\":");
    if (!found || strstr(text, "\"error\"")) bare_die("ack", text);
    return strtoul(found + 6, NULL, 10);
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"url", required_argument, NULL, 'u'}, {"writes", required_argument, NULL, 'n'}, {NULL, 0, NULL, 0}};
    const char *url = NULL;
    size_t writes = 20000;
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (c == 'u') url = optarg;
        if (c == 'n') writes = measure_number(optarg);
        if (c == '?') return 2;
    }
    if (!url) return fprintf(stderr, "usage: baseline_hot --url URL [--writes N]\n"), 2;
    bare_nats nats = {.fd = -1};
    char subject[64];
    unsigned long last = 0;
    bare_connect(&nats, url);
    natsSubscription *acks = bare_subscribe(&nats, nats.inbox, NULL);
    snprintf(subject, sizeof subject, "employee.v1.Employee.bare-%d", (int)getpid());
    uint64_t begun = measure_now_ns();
    for (size_t i = 0; i < writes; i++) last = write_once(&nats, acks, subject, last);
    double seconds = (double)(measure_now_ns() - begun) / 1e9;
    printf("baseline_hot writes=%zu seconds=%.3f per_s=%.0f\n", writes, seconds, (double)writes / seconds);
    natsSubscription_Destroy(acks);
    natsConnection_Destroy(nats.native);
    return 0;
}
