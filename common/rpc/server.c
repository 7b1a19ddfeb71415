/*
 * The server: subscriptions, the pool of calls, and its own life. Steady state allocates nothing: calls, their arenas
 * and the tasks they run in are pooled. Depends on link and store.
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
#define DEFAULT_MIN_CALLS      64
#define DEFAULT_QUEUE_MS       2000
#define DEFAULT_WAITING        1024
#define DEFAULT_WAIT_MS        3000
#define DEFAULT_CALLER_BYTES   (4 * 1024 * 1024)
#define NOT_READY_MS           1000
#define IDLE_KEPT              16 /* calls that stay in the pool for good */
#define DEFAULT_STREAMS        1024
#define REPLY_MAX              (64 * 1024 * 1024)

static void set_defaults(furrow_server_options *o)
{
    if (o->max_calls == 0) o->max_calls = DEFAULT_CALLS;
    if (o->min_calls == 0) o->min_calls = DEFAULT_MIN_CALLS;
    if (o->max_queue_ms == 0) o->max_queue_ms = DEFAULT_QUEUE_MS;
    if (o->max_waiting == 0) o->max_waiting = DEFAULT_WAITING;
    if (o->max_wait_ms == 0) o->max_wait_ms = DEFAULT_WAIT_MS;
    if (o->caller_bytes == 0) o->caller_bytes = DEFAULT_CALLER_BYTES;
    if (o->max_streams == 0) o->max_streams = DEFAULT_STREAMS;
    if (o->max_request_bytes == 0) o->max_request_bytes = DEFAULT_REQUEST;
    if (o->arena_bytes == 0) o->arena_bytes = DEFAULT_ARENA;
    if (o->default_timeout_ms == 0) o->default_timeout_ms = FURROW_RPC_TIMEOUT_MS;
    if (o->max_timeout_ms == 0) o->max_timeout_ms = DEFAULT_MAX_TIMEOUT_MS;
}

static void free_server(furrow_server *server);

furrow_server *furrow_server_create(furrow_link *link, const furrow_server_options *options, furrow_error *err)
{
    furrow_server *server = calloc(1, sizeof *server);
    if (!server) {
        furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "out of memory");
        return NULL;
    }
    server->link = link;
    server->loop = furrow_link_loop(link);
    server->turn_end.fn = furrow_intake_turn_end;
    furrow_id_make(server->instance);
    server->options = *options;
    server->options.queue = server->queue = options->queue ? strdup(options->queue) : NULL;
    set_defaults(&server->options);
    const furrow_server_options *o = &server->options;
    server->callers.bytes_per_s = o->caller_bytes; /* by parts: as a whole it would be a large frame */
    server->callers.max_waiting = (o->max_waiting + 1) / 2;
    furrow_buffer_init(&server->packed, REPLY_MAX);
    server->chain = furrow_chain_create(options->interceptors);
    if ((options->queue && !server->queue) || !server->chain || !furrow_reply_make_ready(server) ||
        !furrow_admission_init(&server->admission, o->min_calls, o->max_calls, o->max_queue_ms * FURROW_NS_PER_MS)) {
        free_server(server);
        furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "out of memory");
        return NULL;
    }
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
    free(served->paces);
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
    for (size_t i = 0; i < 2; i++) furrow_ready_made_destroy(server->busy[i]);
    furrow_admission_fini(&server->admission);
    free(server->chain);
    free(server->queue);
    free(server->served);
    free(server);
}

void furrow_server_settle(furrow_server *server)
{
    if (server->live > 0 || server->admission.queued > 0) return;
    if (server->gone && !server->watching && !server->ticking && !server->turn_end.queued)
        free_server(server);
    else if (!server->gone && server->drained)
        furrow_waiter_done(server->drained);
}

furrow_status furrow_server_ready(const furrow_server *server, furrow_error *err)
{
    const char *why = "";
    if (!server->options.ready || server->options.ready(server->options.user, &why)) return FURROW_OK;
    furrow_fail(err, FURROW_UNAVAILABLE, "not ready: %s", why);
    err->retry_ms = NOT_READY_MS;
    return FURROW_UNAVAILABLE;
}

bool furrow_server_passing(const furrow_server *server)
{
    return !server->gone && server->options.passing && server->options.passing(server->options.user);
}

void furrow_server_destroy(furrow_server *server)
{
    if (!server) return;
    for (size_t i = 0; i < server->served_count; i++) {
        furrow_subscription_destroy(server->served[i]->subscription);
        furrow_subscription_destroy(server->served[i]->left);
        furrow_subscription_destroy(server->served[i]->words);
        server->served[i]->subscription = server->served[i]->left = server->served[i]->words = NULL;
    }
    server->gone = true;
    furrow_queued request;
    while (furrow_admission_tired(&server->admission, FURROW_NEVER, &request)) furrow_msg_free(request.msg);
    furrow_share_end(server);
    furrow_streams_break(server, "the service has ended");
    if (server->ticking) furrow_waiter_done(&server->tick);
    if (server->watching) furrow_waiter_done(&server->watch);
    furrow_server_settle(server);
}

furrow_call *furrow_call_take(furrow_server *server)
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

void furrow_call_give_back(furrow_call *call)
{
    furrow_server *server = call->served->server;
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

static furrow_served *make_served(furrow_server *server, const furrow_handlers *handlers)
{
    const furrow_service_contract *service = handlers->service;
    for (size_t i = 0; i < service->method_count; i++) FURROW_REQUIRE(handlers->methods[i] != NULL);
    furrow_served *served = calloc(1, sizeof *served);
    if (!served) return NULL;
    *served = (furrow_served){.server = server, .handlers = handlers};
    served->stats = calloc(service->method_count + 1, sizeof *served->stats);
    served->paces = calloc(service->method_count + 1, sizeof *served->paces);
    if (served->stats && served->paces && furrow_methods_init(&served->methods, service)) return served;
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

static bool has_streams(const furrow_service_contract *service)
{
    for (size_t i = 0; i < service->method_count; i++)
        if (service->methods[i].server_streams) return true;
    return false;
}

/* What callers say of streams comes also when the queue group has been left: those that are open go on. */
static furrow_status hear_words(furrow_server *server, furrow_served *served, furrow_error *err)
{
    char subject[FURROW_SUBJECT_MAX];
    if (served->words || !has_streams(served->handlers->service)) return FURROW_OK;
    int len = snprintf(subject, sizeof subject, "%s.*.%s.*.*", served->handlers->service->name, server->instance);
    FURROW_REQUIRE(len > 0 && (size_t)len < sizeof subject);
    served->words = furrow_link_subscribe(server->link, subject, NULL, furrow_stream_on_word, served, err);
    return served->words ? FURROW_OK : FURROW_RESOURCE_EXHAUSTED;
}

static furrow_status open_served(furrow_server *server, furrow_served *served, furrow_error *err)
{
    char subject[FURROW_SUBJECT_MAX];
    int len = snprintf(subject, sizeof subject, "%s.*", served->handlers->service->name);
    FURROW_REQUIRE(len > 0 && (size_t)len < sizeof subject);
    furrow_subscribe_options options = {.queue = server->queue};
    furrow_error why = {0};
    served->subscription = furrow_link_subscribe(server->link, subject, &options, furrow_intake_request, served, &why);
    return served->subscription ? FURROW_OK : furrow_fail(err, why.code, "subscribe to %s: %s", subject, why.text);
}

furrow_status furrow_server_open(furrow_server *server, furrow_error *err)
{
    furrow_status status = FURROW_OK;
    for (size_t i = 0; i < server->served_count && status == FURROW_OK; i++) {
        status = hear_words(server, server->served[i], err);
        if (status == FURROW_OK && !server->served[i]->subscription)
            status = open_served(server, server->served[i], err);
    }
    return status;
}

void furrow_server_close(furrow_server *server)
{
    for (size_t i = 0; i < server->served_count; i++) {
        furrow_served *served = server->served[i];
        if (!served->subscription) continue;
        furrow_subscription_destroy(served->left);
        served->left = served->subscription;
        served->subscription = NULL;
        furrow_subscription_stop(served->left);
    }
}

furrow_status furrow_server_drain(furrow_server *server, uint64_t deadline_ns, furrow_error *err)
{
    furrow_waiter drained = furrow_waiter_make();
    for (size_t i = 0; i < server->served_count; i++)
        if (server->served[i]->subscription) furrow_subscription_stop(server->served[i]->subscription);
    /* What NATS sent before it saw the end of our interest arrives before its answer to this. */
    if (furrow_link_connected(server->link)) (void)!furrow_link_flush(server->link, deadline_ns, NULL);
    furrow_streams_break(server, "the service ends; ask another");
    furrow_task_yield();
    if (server->live + server->admission.queued > 0) {
        server->drained = &drained;
        furrow_wait(&drained, deadline_ns);
        server->drained = NULL;
    }
    if (server->live + server->admission.queued == 0) return FURROW_OK;
    return furrow_fail(err, FURROW_DEADLINE_EXCEEDED, "%zu calls were still running",
                       server->live + server->admission.queued);
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
    return server->live;
}

size_t furrow_server_results(const furrow_server *server)
{
    return server->results.count;
}

size_t furrow_server_result_bytes(const furrow_server *server)
{
    return server->results.bytes;
}

uint64_t furrow_server_dropped(const furrow_server *server)
{
    return server->dropped;
}
