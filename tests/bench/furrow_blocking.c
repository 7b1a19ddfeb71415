/*
 * Furrow's blocking client: threads of an ordinary program, each with one call after the other, all over one connection.
 * Its server is furrow_echo's, its baseline is baseline_blocking, which does the same with natsConnection_Request.
 *
 *   furrow_blocking --url nats://127.0.0.1:4222 --threads 64 --calls 300000
 *   -> furrow_blocking in_flight=64 calls=300000 per_s=80000 p50_us=700.0 p99_us=1100.0 cpu_us=9.60
 */
#include "bench/v1/bench.client.h"
#include "measure.h"
#include "threads.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static _Noreturn void die(const char *what, const furrow_error *err)
{
    fprintf(stderr, "furrow_blocking: %s: %s\n", what, err->text);
    exit(1);
}

static void *begin_thread(void *client)
{
    furrow_arena *arena = furrow_arena_create(0);
    if (!arena) die("thread", &(furrow_error){.text = "out of memory"});
    return arena;
}

static void call(void *client, void *thread, const char *text)
{
    furrow_error err;
    Bench__V1__EchoRequest request = BENCH__V1__ECHO_REQUEST__INIT;
    Bench__V1__EchoResponse *response = NULL;
    request.text = (char *)(uintptr_t)text;
    if (bench_echo_call_blocking(client, &request, NULL, thread, &response, &err) != FURROW_OK) die("call", &err);
    if (strcmp(response->text, text) != 0) die("call", &(furrow_error){.text = "the reply is no echo"});
    furrow_arena_reset(thread);
}

static void end_thread(void *thread)
{
    furrow_arena_destroy(thread);
}

int main(int argc, char **argv)
{
    furrow_error err;
    char inbox[64];
    threads_settings set = threads_settings_of(argc, argv);
    measure_inbox(set.url, inbox);
    furrow_blocking *client = furrow_blocking_create(
        &(furrow_blocking_options){.link = {.url = set.url, .name = "furrow_blocking", .inbox_prefix = inbox}}, &err);
    if (!client) die("connect", &err);
    threads_run(&set, &(threads_work){"furrow_blocking", begin_thread, call, end_thread}, client);
    furrow_blocking_destroy(client);
    return 0;
}
