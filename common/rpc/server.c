/*
 * The server: subscriptions, the pool of calls, and a call's life from message to reply. Steady state allocates
 * nothing: calls, their arenas and the tasks they run in are pooled. A request that is refused before its task begins
 * (unknown method, too many at once) costs no task. Depends on link and store.
 */
#include "base/budget.h"
#include "base/clock.h"
#include "rpc/inside.h"

#include <stdio.h>
#include <stdlib.h>

#define DEFAULT_CALLS          1024
#define DEFAULT_REQUEST        (1024 * 1024)
#define DEFAULT_ARENA          (8 * 1024 * 1024)
#define DEFAULT_MAX_TIMEOUT_MS (10 * 60 * 1000)
#define RETRY_MS               100
#define MEMORY_RETRY_MS        250
#define NEEDS                  4  /* times its own size is what a request is expected to take in all */
#define IDLE_KEPT              16 /* calls that stay in the pool for good */
#define REPLY_MAX              (64 * 1024 * 1024)

furrow_server *furrow_server_create(furrow_link *link, const furrow_server_options *options, furrow_error *err)
{
    furrow_server *server = calloc(1, sizeof *server);
    char *queue = options->queue ? strdup(options->queue) : NULL;
    if (!server || (options->queue && !queue)) {
        free(server);
        free(queue);
        furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "out of memory");
        return NULL;
    }
    *server = (furrow_server){.link = link, .options = *options, .queue = queue};
    furrow_server_options *o = &server->options;
    o->queue = queue;
    if (o->max_calls == 0) o->max_calls = DEFAULT_CALLS;
    if (o->max_request_bytes == 0) o->max_request_bytes = DEFAULT_REQUEST;
    if (o->arena_bytes == 0) o->arena_bytes = DEFAULT_ARENA;
    if (o->default_timeout_ms == 0) o->default_timeout_ms = FURROW_RPC_TIMEOUT_MS;
    if (o->max_timeout_ms == 0) o->max_timeout_ms = DEFAULT_MAX_TIMEOUT_MS;
    furrow_buffer_init(&server->packed, REPLY_MAX);
    return server;
}

static void free_call(furrow_call *call)
{
    if (!call) return;
    furrow_budget_give(sizeof *call);
    furrow_arena_destroy(call->arena);
    free(call);
}

static void free_served(furrow_served *served)
{
    furrow_methods_fini(&served->methods);
    free(served->stats);
    free(served);
}

static void free_server(furrow_server *server)
{
    for (size_t i = 0; i < server->served_count; i++) free_served(server->served[i]);
    while (server->idle) {
        furrow_call *call = server->idle;
        server->idle = call->next;
        free_call(call);
    }
    furrow_buffer_fini(&server->packed);
    free(server->queue);
    free(server->served);
    free(server);
}

void furrow_server_destroy(furrow_server *server)
{
    if (!server) return;
    for (size_t i = 0; i < server->served_count; i++) {
        furrow_subscription_destroy(server->served[i]->subscription);
        server->served[i]->subscription = NULL;
    }
    server->gone = true;
    if (server->running == 0) free_server(server);
}

static furrow_call *take_call(furrow_server *server)
{
    furrow_call *call = server->idle;
    if (call) {
        server->idle = call->next;
        if (--server->idle_count < server->idle_low) server->idle_low = server->idle_count;
        furrow_arena *arena = call->arena;
        memset(call, 0, offsetof(furrow_call, versions));
        call->arena = arena;
        return call;
    }
    call = calloc(1, sizeof *call);
    if (call && !(call->arena = furrow_arena_create(server->options.arena_bytes))) {
        free(call);
        return NULL;
    }
    if (call) furrow_budget_hold(sizeof *call);
    return call;
}

static void give_back(furrow_server *server, furrow_call *call)
{
    furrow_msg_free(call->msg);
    call->msg = NULL;
    furrow_arena_reset(call->arena);
    if (server->idle_count >= server->options.max_calls) {
        free_call(call);
        return;
    }
    call->next = server->idle;
    server->idle = call;
    server->idle_count++;
}

void furrow_server_trim(furrow_server *server)
{
    for (size_t unneeded = server->idle_low; unneeded > 0 && server->idle_count > IDLE_KEPT; unneeded--) {
        furrow_call *call = server->idle;
        server->idle = call->next;
        server->idle_count--;
        free_call(call);
    }
    server->idle_low = server->idle_count;
}

static void count_error(furrow_call *call, const furrow_error *err)
{
    if (!call->method) return;
    furrow_method_stats *stats = &call->served->stats[call->method_index];
    stats->errors++;
    snprintf(stats->last_error, sizeof stats->last_error, "%s: %.120s", furrow_status_name(err->code), err->text);
}

static void count_request(furrow_call *call)
{
    furrow_method_stats *stats = &call->served->stats[call->method_index];
    stats->requests++;
    stats->processing_ns += furrow_clock_now_ns() - call->arrival_ns;
}

static void answer(furrow_call *call, furrow_status status, const ProtobufCMessage *response, furrow_error *err)
{
    if (status == FURROW_RESOURCE_EXHAUSTED && err->retry_ms == 0 && furrow_budget_tight())
        err->retry_ms = MEMORY_RETRY_MS; /* it may have been refused memory that others will give back */
    if (status == FURROW_OK) {
        furrow_reply_ok(call, response);
    } else {
        err->code = status; /* a handler may return a status and say nothing */
        furrow_reply_error(call, err);
        count_error(call, err);
    }
    count_request(call);
}

static void run_call(void *arg)
{
    furrow_call *call = arg;
    furrow_server *server = call->served->server;
    furrow_error err = {0};
    ProtobufCMessage *response = NULL;
    server->arrival_ns = 0;
    furrow_status status = furrow_call_work(call, &response, &err);
    if (!server->gone) answer(call, status, response, &err);
    give_back(server, call);
    if (--server->running > 0) return;
    if (server->gone)
        free_server(server);
    else if (server->drained)
        furrow_waiter_done(server->drained);
}

/* Refuses without a task. @call is a bare one on the stack. */
static void refuse(furrow_call *call, furrow_error *err)
{
    furrow_reply_error(call, err);
    count_error(call, err);
    if (call->method) call->served->stats[call->method_index].requests++;
    furrow_msg_free(call->msg);
}

/* The budget has no room for it. Its headers are not looked at: nats.c copies them for that, however many there are. */
static void refuse_large(furrow_served *served, size_t method, furrow_msg *msg)
{
    furrow_call call = {.served = served, .msg = msg, .method_index = method};
    furrow_error err;
    call.method = &served->handlers->service->methods[method];
    furrow_fail(&err, FURROW_RESOURCE_EXHAUSTED, "the service's memory (FURROW_MEMORY_MB) is in use; try again");
    err.retry_ms = MEMORY_RETRY_MS;
    (void)!furrow_header_encoding(NULL, msg->data.data, msg->data.len, &call.answer_encoding, NULL);
    refuse(&call, &err);
}

static void refuse_unknown(furrow_served *served, furrow_msg *msg)
{
    furrow_call call = {.served = served, .msg = msg};
    const furrow_service_contract *service = served->handlers->service;
    char known[140];
    furrow_error err;
    furrow_methods_list(&served->methods, known, sizeof known);
    furrow_fail(&err, FURROW_UNIMPLEMENTED, "%.60s has no method %.40s; it has %s", service->name,
                furrow_subject_last(msg->subject), known);
    furrow_call_guess_encoding(&call);
    refuse(&call, &err);
}

static void refuse_exhausted(furrow_served *served, size_t method, furrow_msg *msg, const char *why)
{
    furrow_call call = {.served = served, .msg = msg, .method_index = method};
    furrow_error err;
    call.method = &served->handlers->service->methods[method];
    furrow_fail(&err, FURROW_RESOURCE_EXHAUSTED, "%s", why);
    err.retry_ms = RETRY_MS;
    furrow_call_guess_encoding(&call);
    refuse(&call, &err);
}

/*
 * A reply subject that is no inbox would let a caller make us write where it may not itself. Without any, nobody would
 * learn the outcome. Nothing is sent in either case.
 */
static bool may_answer(furrow_server *server, furrow_msg *msg)
{
    if (msg->reply && furrow_subject_is_inbox(msg->reply)) return true;
    server->dropped++;
    furrow_msg_free(msg);
    return false;
}

/*
 * Reading the clock costs as much as a task switch. Requests that came with one read are handed over before any of
 * their tasks runs, so they share a reading.
 */
static uint64_t arrival(furrow_server *server)
{
    if (server->arrival_ns == 0) server->arrival_ns = furrow_clock_now_ns();
    return server->arrival_ns;
}

/* Begins the call in a task of its own, or refuses it. */
static void begin(furrow_served *served, size_t method, furrow_msg *msg)
{
    furrow_server *server = served->server;
    furrow_error err;
    furrow_call *call = server->running < server->options.max_calls ? take_call(server) : NULL;
    if (!call) {
        refuse_exhausted(served, method, msg, "as many requests as allowed are being worked on; try again");
        return;
    }
    call->served = served;
    call->method = &served->handlers->service->methods[method];
    call->method_index = method;
    call->msg = msg;
    call->arrival_ns = arrival(server);
    if (furrow_loop_spawn(furrow_link_loop(server->link), run_call, call, &err) == FURROW_OK) {
        server->running++;
        return;
    }
    call->msg = NULL;
    server->arrival_ns = 0;
    give_back(server, call);
    refuse_exhausted(served, method, msg, err.text);
}

/* One that is too large in itself is told so by its stages, which copy nothing of it. */
static bool fits(const furrow_server *server, const furrow_msg *msg)
{
    return furrow_budget_admits(NEEDS * msg->weight) || msg->data.len > server->options.max_request_bytes;
}

static void take_request(furrow_served *served, furrow_msg *msg, bool overflow)
{
    if (!may_answer(served->server, msg)) return;
    size_t method = furrow_methods_find(&served->methods, furrow_subject_last(msg->subject));
    if (method == FURROW_METHOD_NONE)
        refuse_unknown(served, msg);
    else if (overflow)
        refuse_exhausted(served, method, msg, "too many requests at once; try again");
    else if (!fits(served->server, msg))
        refuse_large(served, method, msg);
    else
        begin(served, method, msg);
}

static void on_request(void *arg, furrow_msg *msg)
{
    take_request(arg, msg, false);
}

static void on_overflow(void *arg, furrow_msg *msg)
{
    take_request(arg, msg, true);
}

static furrow_served *make_served(furrow_server *server, const furrow_handlers *handlers)
{
    const furrow_service_contract *service = handlers->service;
    for (size_t i = 0; i < service->method_count; i++) FURROW_REQUIRE(handlers->methods[i] != NULL);
    furrow_served *served = calloc(1, sizeof *served);
    if (!served) return NULL;
    *served = (furrow_served){.server = server, .handlers = handlers};
    served->stats = calloc(service->method_count + 1, sizeof *served->stats);
    if (served->stats && furrow_methods_init(&served->methods, service)) return served;
    free_served(served);
    return NULL;
}

furrow_status furrow_server_add(furrow_server *server, const furrow_handlers *handlers, furrow_error *err)
{
    furrow_served **all = realloc(server->served, (server->served_count + 1) * sizeof(furrow_served *));
    if (all) server->served = all;
    furrow_served *served = all ? make_served(server, handlers) : NULL;
    if (!served) return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "out of memory");
    server->served[server->served_count++] = served;
    return FURROW_OK;
}

static furrow_status open_served(furrow_server *server, furrow_served *served, furrow_error *err)
{
    char subject[FURROW_SUBJECT_MAX];
    int len = snprintf(subject, sizeof subject, "%s.*", served->handlers->service->name);
    FURROW_REQUIRE(len > 0 && (size_t)len < sizeof subject);
    furrow_subscribe_options options = {
        .queue = server->queue, .max_per_turn = server->options.max_calls, .overflow = on_overflow};
    furrow_error why = {0};
    served->subscription = furrow_link_subscribe(server->link, subject, &options, on_request, served, &why);
    return served->subscription ? FURROW_OK : furrow_fail(err, why.code, "subscribe to %s: %s", subject, why.text);
}

furrow_status furrow_server_open(furrow_server *server, furrow_error *err)
{
    furrow_status status = FURROW_OK;
    for (size_t i = 0; i < server->served_count && status == FURROW_OK; i++)
        if (!server->served[i]->subscription) status = open_served(server, server->served[i], err);
    return status;
}

furrow_status furrow_server_drain(furrow_server *server, uint64_t deadline_ns, furrow_error *err)
{
    furrow_waiter drained = furrow_waiter_make();
    for (size_t i = 0; i < server->served_count; i++)
        if (server->served[i]->subscription) furrow_subscription_stop(server->served[i]->subscription);
    /* What NATS sent before it saw the end of our interest arrives before its answer to this. */
    if (furrow_link_connected(server->link)) (void)!furrow_link_flush(server->link, deadline_ns, NULL);
    furrow_task_yield();
    if (server->running > 0) {
        server->drained = &drained;
        furrow_wait(&drained, deadline_ns);
        server->drained = NULL;
    }
    if (server->running == 0) return FURROW_OK;
    return furrow_fail(err, FURROW_DEADLINE_EXCEEDED, "%zu calls were still running", server->running);
}

size_t furrow_server_services(const furrow_server *server)
{
    return server->served_count;
}

const furrow_handlers *furrow_server_service(const furrow_server *server, size_t service)
{
    return server->served[service]->handlers;
}

const furrow_method_stats *furrow_server_stats(const furrow_server *server, size_t service, size_t method)
{
    return &server->served[service]->stats[method];
}

size_t furrow_server_calls(const furrow_server *server)
{
    return server->running;
}

uint64_t furrow_server_dropped(const furrow_server *server)
{
    return server->dropped;
}
