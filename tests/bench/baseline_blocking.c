/*
 * The bare baseline that Furrow's blocking client is measured against: threads in natsConnection_Request over one
 * connection, and a service that answers in its subscription's callback, as a program with nats.c does both.
 *
 *   baseline_blocking serve --url nats://127.0.0.1:4222
 *   baseline_blocking --url nats://127.0.0.1:4222 --threads 64 --calls 100000
 *   -> baseline_blocking in_flight=64 calls=100000 per_s=14000 p50_us=5000.0 p99_us=7100.0 cpu_us=90.00
 *
 * --asap sends each message at once (natsOptions_SetSendAsap): with few threads that is much faster.
 * --subject bare.v1.BareService.Echo calls baseline_echo's server, which is in event-loop mode, instead.
 */
#include "bare.h"
#include "measure.h"
#include "threads.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SUBJECT    "bare.v1.BareService.EchoBack"
#define TIMEOUT_MS 5000

typedef struct caller {
    natsConnection *native;
    const char *subject;
} caller;

static void *begin_thread(void *client)
{
    return client;
}

static void call(void *client, void *thread, const char *text)
{
    const caller *self = client;
    natsMsg *reply = NULL;
    int len = (int)strlen(text);
    bare_check(natsConnection_Request(&reply, self->native, self->subject, text, len, TIMEOUT_MS), "request");
    if (natsMsg_GetDataLength(reply) != len || memcmp(natsMsg_GetData(reply), text, (size_t)len) != 0)
        bare_die("reply", "is no echo");
    natsMsg_Destroy(reply);
}

static void end_thread(void *thread)
{
}

static void answer(natsConnection *native, natsSubscription *sub, natsMsg *msg, void *arg)
{
    bare_check(natsConnection_Publish(native, natsMsg_GetReply(msg), natsMsg_GetData(msg), natsMsg_GetDataLength(msg)),
               "reply");
    natsMsg_Destroy(msg);
}

static void serve(natsConnection *native)
{
    natsSubscription *sub = NULL;
    bare_check(natsConnection_QueueSubscribe(&sub, native, SUBJECT, "bare", answer, NULL), "subscribe");
    bare_check(natsConnection_Flush(native), "flush");
    printf("ready\n");
    fflush(stdout);
    for (;;) pause();
}

int main(int argc, char **argv)
{
    char inbox[64];
    threads_settings set = threads_settings_of(argc, argv);
    caller client = {.subject = set.subject ? set.subject : SUBJECT};
    natsOptions *options = NULL;
    measure_inbox(set.url, inbox);
    bare_check(natsOptions_Create(&options), "options");
    bare_check(natsOptions_SetURL(options, set.url), "url");
    bare_check(natsOptions_SetName(options, "baseline_blocking"), "name");
    bare_check(natsOptions_SetCustomInboxPrefix(options, inbox), "inbox");
    bare_check(natsOptions_SetSendAsap(options, set.asap), "send asap");
    bare_check(natsConnection_Connect(&client.native, options), "connect");
    if (set.serve) serve(client.native);
    threads_run(&set, &(threads_work){"baseline_blocking", begin_thread, call, end_thread}, &client);
    natsConnection_Destroy(client.native);
    natsOptions_Destroy(options);
    return 0;
}
