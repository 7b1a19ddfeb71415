/*
 * Furrow's side of the echo: a server with one method (and one that is the same, but for the rules of its request) and a
 * client, each on a loop of its own process. Its baseline is baseline_echo, which does the same with bare nats.c.
 *
 *   furrow_echo serve --url nats://127.0.0.1:4222
 *   furrow_echo call --url nats://127.0.0.1:4222 --in-flight 256 --calls 1000000 [--tasks]
 *   -> furrow_echo in_flight=256 calls=1000000 per_s=330000 p50_us=700.0 p99_us=1100.0 cpu_us=1.60
 *
 * Calls are asynchronous, as the baseline's are; with --tasks each runs in a task that parks until the reply.
 */
#include "base/clock.h"
#include "bench/v1/bench.client.h"
#include "bench/v1/bench.server.h"
#include "measure.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#define PAYLOAD    64
#define CONNECT_NS (10 * FURROW_NS_PER_S)

typedef struct settings {
    furrow_loop *loop;
    const char *url;
    size_t in_flight, calls, warm_up;
    bool serve, tasks;
} settings;

static _Noreturn void die(const char *what, const furrow_error *err)
{
    fprintf(stderr, "furrow_echo: %s: %s\n", what, err->text);
    exit(1);
}

furrow_status bench_echo(furrow_call *call, const Bench__V1__EchoRequest *request, Bench__V1__EchoResponse *response,
                         furrow_error *err)
{
    response->text = request->text;
    return FURROW_OK;
}

furrow_status bench_rule(furrow_call *call, const Bench__V1__RuledRequest *request, Bench__V1__EchoResponse *response,
                         furrow_error *err)
{
    response->text = request->text;
    return FURROW_OK;
}

static bool ready(void *user, const char **why)
{
    return true;
}

static void serve(furrow_link *link)
{
    furrow_error err;
    furrow_waiter never = furrow_waiter_make();
    furrow_server *server =
        furrow_server_create(link, &(furrow_server_options){.queue = "bench", .ready = ready}, &err);
    if (!server || furrow_server_add(server, &bench_v1_echo_service_handlers, &err) != FURROW_OK ||
        furrow_server_open(server, &err) != FURROW_OK)
        die("server", &err);
    if (furrow_link_flush(link, furrow_clock_now_ns() + CONNECT_NS, &err) != FURROW_OK) die("subscribe", &err);
    printf("ready\n");
    fflush(stdout);
    furrow_wait(&never, FURROW_NEVER);
}

typedef struct caller {
    const settings *set;
    furrow_client *client;
    Bench__V1__EchoRequest request;
    measure measure;
    furrow_waiter finished;
} caller;

typedef struct slot {
    caller *caller;
    uint64_t started_ns;
} slot;

static void check(const caller *all, furrow_status status, const Bench__V1__EchoResponse *response,
                  const furrow_error *err)
{
    if (status != FURROW_OK) die("call", err);
    if (strcmp(response->text, all->request.text) != 0) die("call", &(furrow_error){.text = "the reply is no echo"});
}

static void on_reply(void *arg, furrow_status status, const furrow_error *failure,
                     const Bench__V1__EchoResponse *response);

static void start_call(slot *self)
{
    furrow_error err;
    caller *all = self->caller;
    if (!measure_start(&all->measure)) return;
    self->started_ns = measure_now_ns();
    if (bench_echo_call_async(all->client, &all->request, NULL, on_reply, self, &err) != FURROW_OK) die("call", &err);
}

static void on_reply(void *arg, furrow_status status, const furrow_error *failure,
                     const Bench__V1__EchoResponse *response)
{
    slot *self = arg;
    check(self->caller, status, response, failure);
    measure_end(&self->caller->measure, self->started_ns);
    if (measure_is_done(&self->caller->measure)) furrow_waiter_done(&self->caller->finished);
    start_call(self);
}

static void call_in_task(void *arg)
{
    slot *self = arg;
    caller *all = self->caller;
    furrow_error err;
    FURROW_AUTO(furrow_arena) arena = furrow_arena_create(0);
    if (!arena) die("call", &(furrow_error){.text = "out of memory"});
    while (measure_start(&all->measure)) {
        Bench__V1__EchoResponse *response = NULL;
        self->started_ns = measure_now_ns();
        furrow_status status = bench_echo_call(all->client, &all->request, NULL, arena, &response, &err);
        check(all, status, response, &err);
        measure_end(&all->measure, self->started_ns);
        furrow_arena_reset(arena);
    }
    if (measure_is_done(&all->measure)) furrow_waiter_done(&all->finished);
}

static void call(furrow_link *link, const settings *set)
{
    furrow_error err;
    char text[PAYLOAD + 1] = "";
    caller all = {.set = set, .request = BENCH__V1__ECHO_REQUEST__INIT, .finished = furrow_waiter_make()};
    memset(text, 'x', PAYLOAD);
    all.request.text = text;
    all.client = furrow_client_create(link, NULL, &err);
    slot *slots = calloc(set->in_flight, sizeof *slots);
    if (!all.client || !slots) die("client", &err);
    measure_init(&all.measure, set->warm_up, set->calls);
    for (size_t i = 0; i < set->in_flight; i++) {
        slots[i].caller = &all;
        if (!set->tasks)
            start_call(&slots[i]);
        else if (furrow_loop_spawn(set->loop, call_in_task, &slots[i], &err) != FURROW_OK)
            die("task", &err);
    }
    furrow_wait(&all.finished, FURROW_NEVER);
    measure_print(&all.measure, "furrow_echo", set->in_flight);
    measure_fini(&all.measure);
    furrow_client_destroy(all.client);
    free(slots);
}

static void run(void *arg)
{
    const settings *set = arg;
    furrow_error err;
    char inbox[64];
    measure_inbox(set->url, inbox);
    furrow_link *link = furrow_link_create(
        set->loop, &(furrow_link_options){.url = set->url, .name = "furrow_echo", .inbox_prefix = inbox}, &err);
    if (!link) die("link", &err);
    if (!furrow_link_wait_connected(link, furrow_clock_now_ns() + CONNECT_NS))
        die("connect", &(furrow_error){.text = "no server there"});
    if (set->serve)
        serve(link);
    else
        call(link, set);
    furrow_link_destroy(link);
}

static _Noreturn void usage(void)
{
    fprintf(stderr, "usage: furrow_echo serve|call [--url U] [--in-flight N] [--calls M] [--warm-up M] [--tasks]\n");
    exit(2);
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"url", 1, NULL, 'u'},   {"in-flight", 1, NULL, 'n'},
                                            {"calls", 1, NULL, 'm'}, {"warm-up", 1, NULL, 'w'},
                                            {"tasks", 0, NULL, 't'}, {NULL, 0, NULL, 0}};
    settings set = {.in_flight = 1, .calls = 100000};
    furrow_error err;
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        switch (option) {
        case 'u':
            set.url = optarg;
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
        case 't':
            set.tasks = true;
            break;
        default:
            usage();
        }
    }
    if (optind != argc - 1 || set.in_flight < 1) usage();
    set.serve = strcmp(argv[optind], "serve") == 0;
    if (!set.serve && strcmp(argv[optind], "call") != 0) usage();
    set.loop = furrow_loop_create(NULL, &err);
    if (!set.loop || furrow_loop_run_task(set.loop, run, &set, &err) != FURROW_OK) die("loop", &err);
    furrow_loop_destroy(set.loop);
    return 0;
}
