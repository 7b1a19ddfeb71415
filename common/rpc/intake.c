/*
 * A request from its message to its task, or to its refusal: who may be answered, what is known of its method, whether
 * there is memory for it, and when it begins (admission.h). A call's end makes room for the next. What is refused
 * before its task begins costs no task and no arena; under overload that is most of what comes, and its answer is ready
 * made. Depends on link.
 */
#include "base/budget.h"
#include "base/clock.h"
#include "rpc/inside.h"

#include <stdio.h>
#include <string.h>

#define NEEDS          4 /* times its own size is what a request is expected to take in all */
#define REFUSES_ALL_MS 1000

static const char too_busy[] = "the service has more requests than it can work on; try again";

/*
 * What a caller got wrong is said in its own words and its entity's: that is for its eyes, and must not outlive the
 * entity. Which id there is not, and that a race was lost, may be said.
 */
static bool speaks_of_data(furrow_status code)
{
    switch (code) {
    case FURROW_INVALID_ARGUMENT:
    case FURROW_ALREADY_EXISTS:
    case FURROW_FAILED_PRECONDITION:
    case FURROW_OUT_OF_RANGE:
        return true;
    default:
        return false;
    }
}

/* The field's path is the contract's, up to a key of the caller's. */
static void count_error(furrow_call *call, const furrow_error *err)
{
    if (!call->method) return;
    furrow_method_stats *stats = &call->served->stats[call->method_index];
    const char *name = furrow_status_name(err->code);
    int path = (int)strcspn(err->field, "[");
    stats->errors++;
    if (!speaks_of_data(err->code))
        snprintf(stats->last_error, sizeof stats->last_error, "%s: %.120s", name, err->text);
    else
        snprintf(stats->last_error, sizeof stats->last_error, "%s%s%.*s", name, path > 0 ? ": " : "", path, err->field);
}

/* The service answers nobody, if this goes on. */
static void count_refusal(furrow_served *served, size_t method, uint64_t now_ns)
{
    furrow_server *server = served->server;
    served->stats[method].refused++;
    server->refused++;
    server->refused_ns = now_ns;
    if (server->refusing_since_ns == 0) server->refusing_since_ns = now_ns;
}

furrow_status furrow_stage_reply(const furrow_interceptor *self, furrow_call *call, furrow_error *err)
{
    furrow_status status = furrow_interceptor_next(self, call, err);
    bool gone = call->served->server->gone;
    if (status == FURROW_OK && !gone) status = furrow_reply_ok(call, err);
    if (status == FURROW_OK) return FURROW_OK;
    err->code = status; /* a handler may return a status and say nothing */
    if (!gone) furrow_reply_error(call, err);
    return status;
}

furrow_status furrow_stage_place(const furrow_interceptor *self, furrow_call *call, furrow_error *err)
{
    furrow_served *served = call->served;
    furrow_admission *admission = &served->server->admission;
    furrow_task_set_place(&call->place);
    furrow_status status = furrow_interceptor_next(self, call, err);
    call->ended_ns = furrow_clock_now_ns();
    admission->running--;
    furrow_admission_measure(admission, &served->paces[call->method_index], call->ended_ns - call->begun_ns,
                             call->company + admission->running);
    return status;
}

furrow_status furrow_stage_statistics(const furrow_interceptor *self, furrow_call *call, furrow_error *err)
{
    furrow_method_stats *stats = &call->served->stats[call->method_index];
    furrow_status status = furrow_interceptor_next(self, call, err);
    if (status != FURROW_OK) count_error(call, err);
    stats->requests++;
    stats->processing_ns += call->ended_ns - call->arrival_ns;
    return status;
}

static void run_call(void *arg)
{
    furrow_call *call = arg;
    furrow_server *server = call->served->server;
    furrow_error err;
    server->arrival_ns = 0;
    furrow_error_clear(&err);
    (void)!server->chain->ops->call(server->chain, call, &err); /* its own links have told whom it concerns */
    uint64_t now_ns = call->ended_ns;
    server->refusing_since_ns = 0;
    furrow_share_give(call);
    furrow_call_give_back(call);
    server->live--;
    if (server->admission.queued > 0) furrow_intake_admit(server, now_ns);
    furrow_server_settle(server);
}

/* Waits for something that others hold: what runs meanwhile is another. */
static void leave_place(furrow_place *place)
{
    furrow_call *call = (furrow_call *)((char *)place - offsetof(furrow_call, place));
    furrow_server *server = call->served->server;
    call->left_ns = furrow_clock_now_ns();
    server->admission.running--;
    server->aside++;
    if (server->admission.queued > 0) furrow_intake_admit(server, call->left_ns);
}

/* It has been admitted: it goes on even if all places have been taken meanwhile. */
static void enter_place(furrow_place *place)
{
    furrow_call *call = (furrow_call *)((char *)place - offsetof(furrow_call, place));
    furrow_server *server = call->served->server;
    server->aside--;
    server->admission.running++;
    call->begun_ns += furrow_clock_now_ns() - call->left_ns;
}

/* Refuses without a task. @call is a bare one on the stack. */
static void refuse_call(furrow_call *call, furrow_error *err)
{
    furrow_reply_error(call, err);
    count_error(call, err);
    if (call->method) call->served->stats[call->method_index].requests++;
    furrow_msg_free(call->msg);
}

/* The budget has no room for it. Its headers are not looked at: nats.c copies them for that, however many there are. */
static void refuse_large(furrow_served *served, size_t method, furrow_msg *msg, uint64_t now_ns)
{
    furrow_call call = {.served = served, .msg = msg, .method_index = method};
    furrow_error err;
    call.method = &served->handlers->service->methods[method];
    furrow_fail_busy(&err, FURROW_RETRY_MS, "the service's memory (FURROW_MEMORY_MB) is in use; try again");
    (void)!furrow_header_encoding(NULL, msg->data.data, msg->data.len, &call.answer_encoding, NULL);
    count_refusal(served, method, now_ns);
    refuse_call(&call, &err);
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
    refuse_call(&call, &err);
}

static void refuse_with(furrow_served *served, size_t method, furrow_msg *msg, furrow_error *err, uint64_t now_ns)
{
    furrow_call call = {.served = served, .msg = msg, .method_index = method};
    call.method = &served->handlers->service->methods[method];
    furrow_call_guess_encoding(&call);
    count_refusal(served, method, now_ns);
    refuse_call(&call, err);
}

/* The cheap one: of what comes under overload, most is refused. */
static void refuse_busy(const furrow_queued *request, uint64_t now_ns)
{
    furrow_served *served = request->served;
    furrow_method_stats *stats = &served->stats[request->method];
    furrow_call call = {.served = served, .msg = request->msg, .method_index = request->method};
    call.method = &served->handlers->service->methods[request->method];
    furrow_call_guess_encoding(&call);
    furrow_reply_ready_made(&call);
    stats->requests++;
    stats->errors++;
    memcpy(stats->last_error, too_busy, sizeof too_busy);
    count_refusal(served, request->method, now_ns);
    furrow_msg_free(request->msg);
}

furrow_error furrow_intake_busy_error(void)
{
    furrow_error err;
    furrow_fail_busy(&err, FURROW_BUSY_RETRY_MS, "%s", too_busy);
    return err;
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
static uint64_t read_arrival(furrow_server *server)
{
    if (server->arrival_ns == 0) {
        server->arrival_ns = furrow_clock_now_ns();
        furrow_admission_turn(&server->admission);
        furrow_loop_defer(server->loop, &server->turn_end);
    }
    server->admission.arrived++;
    return server->arrival_ns;
}

void furrow_intake_turn_end(furrow_hook *hook)
{
    furrow_server *server = (furrow_server *)((char *)hook - offsetof(furrow_server, turn_end));
    server->arrival_ns = 0; /* also when none of them has begun */
    furrow_server_settle(server);
}

/* Begins the call in a task of its own, or refuses it. */
static void begin_call(const furrow_queued *request, uint64_t now_ns)
{
    furrow_served *served = request->served;
    furrow_server *server = served->server;
    furrow_error err;
    furrow_call *call = furrow_call_take(server);
    if (!call) {
        refuse_busy(request, now_ns);
        return;
    }
    call->served = served;
    call->method = &served->handlers->service->methods[request->method];
    call->method_index = request->method;
    call->msg = request->msg;
    call->arrival_ns = request->arrival_ns;
    call->begun_ns = now_ns;
    call->budget_refused = furrow_budget_stats_of_process().refused;
    call->company = server->admission.running;
    call->place = (furrow_place){leave_place, enter_place};
    if (furrow_loop_spawn(server->loop, run_call, call, &err) == FURROW_OK) {
        server->admission.running++;
        server->live++;
        return;
    }
    call->msg = NULL;
    server->arrival_ns = 0;
    furrow_call_give_back(call);
    err.retry_ms = FURROW_BUSY_RETRY_MS;
    refuse_with(served, request->method, request->msg, &err, now_ns);
}

void furrow_intake_admit(furrow_server *server, uint64_t now_ns)
{
    furrow_queued request;
    while (furrow_admission_tired(&server->admission, now_ns, &request)) refuse_busy(&request, now_ns);
    while (!server->gone && furrow_admission_next(&server->admission, now_ns, &request)) begin_call(&request, now_ns);
}

/* Calls that come and end look after the queue; this does where none does. */
static void watch_queue(void *arg)
{
    furrow_server *server = arg;
    while (!server->gone && server->admission.queued > 0) {
        server->watch = furrow_waiter_make();
        furrow_wait(&server->watch, furrow_clock_now_ns() + FURROW_ADMISSION_HASTE_MS / 2 * FURROW_NS_PER_MS);
        if (!server->gone) furrow_intake_admit(server, furrow_clock_now_ns());
    }
    server->watching = false;
    furrow_server_settle(server);
}

static void queue_request(const furrow_queued *request)
{
    furrow_served *served = request->served;
    furrow_server *server = served->server;
    furrow_queued refused;
    furrow_error err = {0};
    uint64_t now_ns = request->arrival_ns;
    /* Who is not ready does not become so by waiting in a queue behind calls that wait for the same. */
    if (furrow_server_ready(server, &err) != FURROW_OK && !furrow_server_passing(server)) {
        refuse_with(served, request->method, request->msg, &err, now_ns);
        return;
    }
    if (furrow_admission_queue(&server->admission, request, now_ns, &refused)) refuse_busy(&refused, now_ns);
    furrow_intake_admit(server, now_ns);
    if (server->watching || server->admission.queued == 0) return;
    server->watching = furrow_loop_spawn(server->loop, watch_queue, server, &err) == FURROW_OK;
}

/* One that is too large in itself is told so by its stages, which copy nothing of it. */
static bool fits(const furrow_server *server, const furrow_msg *msg)
{
    return furrow_budget_admits(NEEDS * msg->weight) || msg->data.len > server->options.max_request_bytes;
}

void furrow_intake_request(void *arg, furrow_msg *msg)
{
    furrow_served *served = arg;
    furrow_server *server = served->server;
    if (!may_answer(server, msg)) return;
    size_t method = furrow_methods_find(&served->methods, furrow_subject_last(msg->subject));
    if (method == FURROW_METHOD_NONE) {
        refuse_unknown(served, msg);
        return;
    }
    furrow_queued request = {served, method, msg, read_arrival(server)};
    if (!fits(server, msg))
        refuse_large(served, method, msg, request.arrival_ns);
    else if (furrow_admission_free(&server->admission, request.arrival_ns))
        begin_call(&request, request.arrival_ns);
    else
        queue_request(&request);
}

void furrow_server_load_of(const furrow_server *server, furrow_server_load *out)
{
    const furrow_admission *admission = &server->admission;
    uint64_t now_ns = furrow_clock_now_ns(), since_ns = server->refusing_since_ns;
    bool lately = now_ns - server->refused_ns < 2 * REFUSES_ALL_MS * FURROW_NS_PER_MS;
    *out =
        (furrow_server_load){.running = admission->running,
                             .limit = admission->limit,
                             .queued = admission->queued,
                             .waiting = server->aside,
                             .refused = server->refused,
                             .expired = server->expired,
                             .overloaded = furrow_admission_overloaded(admission, now_ns),
                             .refuses_all = since_ns != 0 && now_ns - since_ns >= REFUSES_ALL_MS * FURROW_NS_PER_MS &&
                                            (lately || admission->running >= furrow_admission_places(admission))};
}
