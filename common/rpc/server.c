/*
 * The server: subscriptions, the pool of calls, and a call's life from message to reply. Steady state allocates nothing: calls, their arenas
 * and the tasks they run in are pooled. Depends on link and store.
 */
#include "base/clock.h"
#include "rpc/inside.h"

#include <stdlib.h>

#define DEFAULT_CALLS      1024
#define DEFAULT_REQUEST    (1024 * 1024)
#define DEFAULT_ARENA      (8 * 1024 * 1024)
#define DEFAULT_TIMEOUT_MS 5000
#define RETRY_MS           100
#define REPLY_MAX          (64 * 1024 * 1024)

furrow_server *furrow_server_create(furrow_link *link, const furrow_server_options *options, furrow_error *err)
{
    furrow_server *server = calloc(1, sizeof *server);
    if (!server) {
        furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "out of memory");
        return NULL;
    }
    *server = (furrow_server){.link = link, .options = *options};
    furrow_server_options *o = &server->options;
    if (o->max_calls == 0) o->max_calls = DEFAULT_CALLS;
    if (o->max_request_bytes == 0) o->max_request_bytes = DEFAULT_REQUEST;
    if (o->arena_bytes == 0) o->arena_bytes = DEFAULT_ARENA;
    if (o->default_timeout_ms == 0) o->default_timeout_ms = DEFAULT_TIMEOUT_MS;
    furrow_buffer_init(&server->packed, REPLY_MAX);
    return server;
}

static void free_call(furrow_call *call)
{
    if (!call) return;
    furrow_arena_destroy(call->arena);
    free(call);
}

void furrow_server_destroy(furrow_server *server)
{
    if (!server) return;
    for (size_t i = 0; i < server->served_count; i++) {
        furrow_subscription_destroy(server->served[i]->subscription);
        free(server->served[i]->stats);
        free(server->served[i]);
    }
    while (server->idle) {
        furrow_call *call = server->idle;
        server->idle = call->next;
        free_call(call);
    }
    furrow_buffer_fini(&server->packed);
    free(server->served);
    free(server);
}

static furrow_call *take_call(furrow_server *server)
{
    furrow_call *call = server->idle;
    if (call) {
        server->idle = call->next;
        server->idle_count--;
        furrow_arena *arena = call->arena;
        *call = (furrow_call){.arena = arena};
        return call;
    }
    call = calloc(1, sizeof *call);
    if (call && !(call->arena = furrow_arena_create(server->options.arena_bytes))) {
        free(call);
        return NULL;
    }
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

static void count(furrow_call *call, furrow_status status, const furrow_error *err)
{
    if (!call->method) return;
    furrow_method_stats *stats = &call->served->stats[call->method_index];
    stats->requests++;
    stats->processing_ns += furrow_clock_now_ns() - call->arrival_ns;
    if (status == FURROW_OK) return;
    stats->errors++;
    snprintf(stats->last_error, sizeof stats->last_error, "%s: %.140s", furrow_status_name(status), err->text);
}

static void run_call(void *arg)
{
    furrow_call *call = arg;
    furrow_server *server = call->served->server;
    furrow_error err = {0};
    ProtobufCMessage *response = NULL;
    furrow_status status = furrow_call_work(call, &response, &err);
    if (status == FURROW_OK)
        furrow_reply_ok(call, response);
    else
        furrow_reply_error(call, &err);
    count(call, status, &err);
    give_back(server, call);
    if (--server->running == 0 && server->drained) furrow_waiter_done(server->drained);
}

/* Refuses without a task. */
static void refuse(furrow_served *served, furrow_msg *msg, furrow_status code, const char *text)
{
    furrow_error err = {.code = code, .retry_ms = RETRY_MS};
    snprintf(err.text, sizeof err.text, "%s", text);
    furrow_call call = {.served = served, .msg = msg};
    if (msg->data.len > 0 && *(const char *)msg->data.data == '{') call.answer_encoding = FURROW_JSON;
    furrow_reply_error(&call, &err);
    furrow_msg_free(msg);
}

static bool may_answer(furrow_server *server, furrow_msg *msg)
{
    if (msg->reply && furrow_subject_is_inbox(msg->reply)) return true;
    server->dropped++;
    furrow_msg_free(msg);
    return false;
}

static void on_overflow(void *arg, furrow_msg *msg)
{
    furrow_served *served = arg;
    if (may_answer(served->server, msg)) refuse(served, msg, FURROW_RESOURCE_EXHAUSTED, "too many requests at once; try again");
}

static void on_request(void *arg, furrow_msg *msg)
{
    furrow_served *served = arg;
    furrow_server *server = served->server;
    furrow_error err;
    if (!may_answer(server, msg)) return;
    furrow_call *call = server->running < server->options.max_calls ? take_call(server) : NULL;
    if (!call) {
        refuse(served, msg, FURROW_RESOURCE_EXHAUSTED, "as many requests as allowed are being worked on; try again");
        return;
    }
    call->served = served;
    call->msg = msg;
    call->arrival_ns = furrow_clock_now_ns();
    if (furrow_loop_spawn(furrow_link_loop(server->link), run_call, call, &err) == FURROW_OK) {
        server->running++;
        return;
    }
    call->msg = NULL;
    give_back(server, call);
    refuse(served, msg, FURROW_RESOURCE_EXHAUSTED, err.text);
}

furrow_status furrow_server_add(furrow_server *server, const furrow_handlers *handlers, furrow_error *err)
{
    char subject[FURROW_SUBJECT_MAX];
    furrow_served **all = realloc(server->served, (server->served_count + 1) * sizeof(furrow_served *));
    if (all) server->served = all;
    furrow_served *served = calloc(1, sizeof *served);
    furrow_method_stats *stats = calloc(handlers->service->method_count + 1, sizeof *stats);
    if (!all || !served || !stats) {
        free(served);
        free(stats);
        return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "out of memory");
    }
    *served = (furrow_served){.server = server, .handlers = handlers, .stats = stats};
    snprintf(subject, sizeof subject, "%s.*", handlers->service->name);
    served->subscription = furrow_link_subscribe(
        server->link, subject,
        &(furrow_subscribe_options){.queue = server->options.queue, .max_per_turn = server->options.max_calls, .overflow = on_overflow}, on_request,
        served, err);
    server->served[server->served_count++] = served;
    return served->subscription ? FURROW_OK : furrow_wrap(err, "subscribe to %s", subject);
}

furrow_status furrow_server_drain(furrow_server *server, uint64_t deadline_ns, furrow_error *err)
{
    furrow_waiter drained = furrow_waiter_make();
    furrow_error ignored;
    for (size_t i = 0; i < server->served_count; i++)
        if (server->served[i]->subscription) furrow_subscription_stop(server->served[i]->subscription);
    /* What the server sent before it saw the end of our interest arrives before the answer to this. */
    if (furrow_link_connected(server->link)) (void)!furrow_link_flush(server->link, deadline_ns, &ignored);
    furrow_task_yield();
    if (server->running > 0) {
        server->drained = &drained;
        furrow_wait(&drained, deadline_ns);
        server->drained = NULL;
    }
    if (server->running > 0) return furrow_fail(err, FURROW_DEADLINE_EXCEEDED, "%zu calls were still running", server->running);
    return FURROW_OK;
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

furrow_arena *furrow_call_arena(furrow_call *call)
{
    return call->arena;
}

void *furrow_call_user(const furrow_call *call)
{
    return call->served->server->options.user;
}

const furrow_method_contract *furrow_call_method(const furrow_call *call)
{
    return call->method;
}

uint64_t furrow_call_deadline(const furrow_call *call)
{
    return call->deadline_ns;
}

const char *furrow_call_metadata(furrow_call *call, const char *key)
{
    return furrow_msg_has_headers(call->msg) ? furrow_msg_header(call->msg, key) : NULL;
}

const furrow_command *furrow_call_command(furrow_call *call)
{
    return &call->command;
}

void furrow_call_wrote(furrow_call *call, const char *entity_subject, uint64_t sequence)
{
    size_t used = strlen(call->versions);
    int added = snprintf(call->versions + used, sizeof call->versions - used, "%s%s=%llu", used > 0 ? "," : "", entity_subject,
                         (unsigned long long)sequence);
    if (added < 0 || (size_t)added >= sizeof call->versions - used) call->versions[used] = '\0';
}
