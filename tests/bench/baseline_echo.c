/*
 * The bare baseline that Furrow's echo is measured against: nats.c in event-loop mode, no Furrow code (see bare.h). The
 * client has one wildcard inbox with the call's slot as its last token.
 *
 *   baseline_echo serve --url nats://127.0.0.1:4222
 *   baseline_echo call --url nats://127.0.0.1:4222 --in-flight 256 --calls 1000000
 *   -> baseline_echo in_flight=256 calls=1000000 per_s=430000 p50_us=505.0 p99_us=900.0 cpu_us=1.20
 *
 * --body TEXT sends TEXT instead of 64 bytes: a request to a server that is not ours.
 */
#include "bare.h"
#include "measure.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_IN_FLIGHT 65536
#define PAYLOAD       64

typedef struct settings {
    const char *url, *subject, *body;
    size_t in_flight, calls, warm_up;
} settings;

static void serve(const settings *set)
{
    bare_nats nats = {0};
    bare_connect(&nats, set->url);
    natsSubscription *sub = bare_subscribe(&nats, set->subject, "bare");
    printf("ready\n");
    fflush(stdout);
    for (;;) {
        bare_turn(&nats, NULL, BARE_NATS);
        for (natsMsg *msg; (msg = bare_next(sub)); natsMsg_Destroy(msg))
            bare_check(natsConnection_Publish(nats.native, natsMsg_GetReply(msg), natsMsg_GetData(msg),
                                              natsMsg_GetDataLength(msg)),
                       "reply");
    }
}

typedef struct caller {
    const settings *set;
    bare_nats nats;
    uint64_t started_ns[MAX_IN_FLIGHT];
    measure measure;
} caller;

static void call(caller *client, size_t slot)
{
    char reply[128];
    if (!measure_start(&client->measure)) return;
    snprintf(reply, sizeof reply, "%s.%zu", client->nats.inbox, slot);
    client->started_ns[slot] = measure_now_ns();
    bare_check(natsConnection_PublishRequest(client->nats.native, client->set->subject, reply, client->set->body,
                                             (int)strlen(client->set->body)),
               "request");
}

static void take_reply(caller *client, natsMsg *msg)
{
    size_t slot = strtoul(strrchr(natsMsg_GetSubject(msg), '.') + 1, NULL, 10);
    if (natsMsg_GetDataLength(msg) != (int)strlen(client->set->body)) bare_die("reply", "is no echo");
    natsMsg_Destroy(msg);
    measure_end(&client->measure, client->started_ns[slot]);
    call(client, slot);
}

static void run_client(const settings *set)
{
    static caller client;
    char wildcard[128];
    client.set = set;
    measure_init(&client.measure, set->warm_up, set->calls);
    bare_connect(&client.nats, set->url);
    snprintf(wildcard, sizeof wildcard, "%s.*", client.nats.inbox);
    natsSubscription *inbox = bare_subscribe(&client.nats, wildcard, NULL);
    for (size_t slot = 0; slot < set->in_flight; slot++) call(&client, slot);
    while (!measure_is_done(&client.measure)) {
        bare_turn(&client.nats, NULL, BARE_NATS);
        for (natsMsg *msg; (msg = bare_next(inbox));) take_reply(&client, msg);
    }
    measure_print(&client.measure, "baseline_echo", set->in_flight);
    measure_fini(&client.measure);
}

static _Noreturn void usage(void)
{
    fprintf(stderr, "usage: baseline_echo serve|call [--url U] [--subject S] [--in-flight N] [--calls M] [--warm-up M] "
                    "[--body TEXT]\n");
    exit(2);
}

int main(int argc, char **argv)
{
    static char payload[PAYLOAD + 1];
    memset(payload, 'x', PAYLOAD);
    settings set = {"nats://127.0.0.1:4222", "bare.v1.BareService.Echo", payload, 1, 100000, 0};
    static const struct option options[] = {
        {"url", 1, NULL, 'u'},     {"subject", 1, NULL, 's'}, {"in-flight", 1, NULL, 'n'}, {"calls", 1, NULL, 'm'},
        {"warm-up", 1, NULL, 'w'}, {"body", 1, NULL, 'b'},    {NULL, 0, NULL, 0}};
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        switch (option) {
        case 'u':
            set.url = optarg;
            break;
        case 's':
            set.subject = optarg;
            break;
        case 'n':
            set.in_flight = measure_number(optarg);
            break;
        case 'm':
            set.calls = measure_number(optarg);
            break;
        case 'w':
            set.warm_up = measure_number(optarg);
            break;
        case 'b':
            set.body = optarg;
            break;
        default:
            usage();
        }
    }
    if (optind != argc - 1 || set.in_flight < 1 || set.in_flight > MAX_IN_FLIGHT) usage();
    if (strcmp(argv[optind], "serve") == 0)
        serve(&set);
    else if (strcmp(argv[optind], "call") == 0)
        run_client(&set);
    else
        usage();
    return 0;
}
