/*
 * Most links of the server's chain (chain.c has their order): what stands between a message and its handler. The first
 * that refuses ends the call. Headers are looked at only when the message has any. Depends on wire and link.
 */
#include "base/clock.h"
#include "rpc/inside.h"
#include "wire/detail.h"
#include "wire/json.h"
#include "wire/message.h"

#define KEY_MAX         255
#define WAIT_RETRY_MS   1000
#define PASSING_LOOK_MS 10                      /* while it may be ready in a moment */
#define ATTEMPTS        4                       /* of a call under which connections break */
#define ANSWER_NS       (50 * FURROW_NS_PER_MS) /* left of a call's time, for the answer to travel */

/* The values of all headers called @name, as one list (RFC 9110, 5.3); NULL when there is none. */
static furrow_status read_joined_header(furrow_call *call, const char *name, const char **out, furrow_error *err)
{
    const char *first = furrow_msg_header(call->msg, name), *at;
    size_t size = 0;
    *out = first;
    if (!first || !furrow_msg_header_next(call->msg, name, first)) return FURROW_OK;
    for (at = first; at; at = furrow_msg_header_next(call->msg, name, at)) size += strlen(at) + 1;
    char *list = furrow_arena_alloc(call->arena, size), *end = list;
    if (!list) return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "the request's memory is used up");
    for (at = first; at; at = furrow_msg_header_next(call->msg, name, at)) {
        end = stpcpy(end, at);
        *end++ = ',';
    }
    end[-1] = '\0';
    *out = list;
    return FURROW_OK;
}

/* The value of a header that has one; the same one again is no harm. */
static furrow_status read_single(const furrow_call *call, const char *name, const char **out, furrow_error *err)
{
    const char *value = furrow_msg_header(call->msg, name);
    *out = value;
    for (; value && strcmp(value, *out) == 0; value = furrow_msg_header_next(call->msg, name, value)) continue;
    if (!value) return FURROW_OK;
    return furrow_fail(err, FURROW_INVALID_ARGUMENT, "%s is there twice, with different values", name);
}

static furrow_status read_accept(furrow_call *call, const char *accept, furrow_error *err)
{
    if (!accept) return FURROW_OK;
    furrow_status status = furrow_header_accept(accept, &call->answer_encoding, err);
    if (status == FURROW_OK) call->accept_given = true;
    return status;
}

void furrow_call_guess_encoding(furrow_call *call)
{
    const furrow_msg *msg = call->msg;
    bool any = furrow_msg_has_headers(msg);
    if (furrow_header_encoding(any ? furrow_msg_header(msg, FURROW_HEADER_CONTENT_TYPE) : NULL, msg->data.data,
                               msg->data.len, &call->answer_encoding, NULL) != FURROW_OK)
        (void)!furrow_header_encoding(NULL, msg->data.data, msg->data.len, &call->answer_encoding, NULL);
    if (any) (void)!read_accept(call, furrow_msg_header(msg, FURROW_HEADER_ACCEPT), NULL);
}

static furrow_status read_encoding(furrow_call *call, furrow_error *err)
{
    const furrow_msg *msg = call->msg;
    const char *type = NULL, *accept = NULL;
    bool headers = call->headers = furrow_msg_has_headers(msg);
    furrow_status status = headers ? furrow_msg_check_headers(msg, err) : FURROW_OK;
    if (status == FURROW_OK && headers) status = read_single(call, FURROW_HEADER_CONTENT_TYPE, &type, err);
    if (status == FURROW_OK && headers) status = read_joined_header(call, FURROW_HEADER_ACCEPT, &accept, err);
    if (status == FURROW_OK) status = furrow_header_encoding(type, msg->data.data, msg->data.len, &call->encoding, err);
    if (status == FURROW_OK) {
        call->answer_encoding = call->encoding;
        status = read_accept(call, accept, err);
    }
    if (status != FURROW_OK) furrow_call_guess_encoding(call);
    return status;
}

furrow_status furrow_stage_encoding(const furrow_interceptor *self, furrow_call *call, furrow_error *err)
{
    furrow_status status = read_encoding(call, err);
    return status == FURROW_OK ? furrow_interceptor_next(self, call, err) : status;
}

furrow_status furrow_call_refuse_caller(furrow_call *call, int64_t retry_ms, furrow_error *err)
{
    call->served->stats[call->method_index].refused++;
    call->served->server->refused++;
    furrow_fail_busy(
        err, retry_ms,
        "this caller has been sent as many bytes as one may be in a second (FURROW_CALLER_BYTES); read what has "
        "come, then ask again");
    (void)furrow_detail_add_quota(err, "caller", "FURROW_CALLER_BYTES");
    return FURROW_RESOURCE_EXHAUSTED;
}

/* A read is refused while its caller has been sent as many bytes as one may be; what it asks for may be large. */
static furrow_status check_caller(furrow_call *call, uint64_t now_ns, furrow_error *err)
{
    int64_t retry_ms;
    if (call->method->idempotency != FURROW_NO_SIDE_EFFECTS ||
        !furrow_caller_is_full(&call->served->server->callers, call->msg->reply, now_ns, &retry_ms))
        return FURROW_OK;
    return furrow_call_refuse_caller(call, retry_ms, err);
}

/* What took the service out of readiness a moment ago may be over in a moment: as long as that may be, and there is
 * time, a call waits for it. */
static furrow_status await_ready(furrow_call *call, furrow_error *err)
{
    furrow_server *server = call->served->server;
    uint64_t until_ns;
    furrow_status status = furrow_server_ready(server, err);
    if (status == FURROW_OK || !furrow_server_passing(server)) return status;
    furrow_error busy;
    if (furrow_call_begin_wait(call, &until_ns, &busy) != FURROW_OK) return status;
    while (status != FURROW_OK && furrow_server_passing(server) && furrow_clock_now_ns() + ANSWER_NS < until_ns) {
        furrow_task_sleep_ms(PASSING_LOOK_MS);
        if (!server->gone) status = furrow_server_ready(server, err);
    }
    return furrow_call_end_wait(call, status, until_ns, err);
}

static furrow_status admit(furrow_call *call, furrow_error *err)
{
    const furrow_server_options *options = &call->served->server->options;
    furrow_status status = await_ready(call, err);
    if (status == FURROW_OK) status = check_caller(call, call->arrival_ns, err);
    if (status != FURROW_OK) return status;
    if (call->msg->data.len > options->max_request_bytes)
        return furrow_fail(err, FURROW_INVALID_ARGUMENT, "the request has %zu bytes; at most %zu are taken",
                           call->msg->data.len, options->max_request_bytes);
    return furrow_call_may_begin(call, err);
}

furrow_status furrow_stage_admission(const furrow_interceptor *self, furrow_call *call, furrow_error *err)
{
    furrow_status status = admit(call, err);
    return status == FURROW_OK ? furrow_interceptor_next(self, call, err) : status;
}

/*
 * A key belongs to who sent it: to the prefix of the inbox that waits for the answer, with its secret part, so that
 * nobody else can name it. So a guessed key finds nothing and blocks nothing. The rest is new with each connection.
 */
static furrow_status read_idempotency_key(furrow_call *call, furrow_error *err)
{
    const char *key;
    furrow_status status = read_single(call, FURROW_HEADER_IDEMPOTENCY_KEY, &key, err);
    if (status != FURROW_OK || !key || call->method->idempotency == FURROW_NO_SIDE_EFFECTS) return status;
    const furrow_server_options *options = &call->served->server->options;
    size_t len = strlen(key);
    if (call->method->server_streams)
        return furrow_fail(err, FURROW_INVALID_ARGUMENT,
                           "what a stream answers is not remembered: leave " FURROW_HEADER_IDEMPOTENCY_KEY " out");
    if (!options->store || !options->secret)
        return furrow_fail(err, FURROW_FAILED_PRECONDITION,
                           "this service remembers no results: leave " FURROW_HEADER_IDEMPOTENCY_KEY " out");
    if (len == 0 || len > KEY_MAX)
        return furrow_fail(err, FURROW_INVALID_ARGUMENT,
                           FURROW_HEADER_IDEMPOTENCY_KEY " has %zu characters; allowed are 1 to %d", len, KEY_MAX);
    furrow_bytes parts[] = {
        furrow_bytes_of(call->method->subject), furrow_subject_inbox_owner(call->msg->reply), {key, len}};
    furrow_secret_hash(options->secret, "idempotency key", parts, 3, call->command.key);
    call->command.has_key = true;
    return FURROW_OK;
}

furrow_status furrow_stage_key(const furrow_interceptor *self, furrow_call *call, furrow_error *err)
{
    furrow_status status = call->headers ? read_idempotency_key(call, err) : FURROW_OK;
    return status == FURROW_OK ? furrow_interceptor_next(self, call, err) : status;
}

/* The method's own deadline counts from arrival; a caller may ask for less or, up to a bound, for more. */
static furrow_status read_deadline(furrow_call *call, furrow_error *err)
{
    const char *timeout = NULL;
    const furrow_server_options *options = &call->served->server->options;
    uint64_t ms = call->method->timeout_ms ? call->method->timeout_ms : options->default_timeout_ms;
    uint64_t ns = ms * FURROW_NS_PER_MS, most = options->max_timeout_ms * FURROW_NS_PER_MS;
    furrow_status status = call->headers ? read_single(call, FURROW_HEADER_TIMEOUT, &timeout, err) : FURROW_OK;
    if (status == FURROW_OK && timeout) status = furrow_header_parse_timeout(timeout, &ns, err);
    if (status != FURROW_OK) return status;
    call->deadline_ns = call->arrival_ns + (ns < most ? ns : most);
    /* A stream whose caller sends heartbeats ends by itself when that is gone. */
    if (call->method->server_streams && !timeout && !call->method->timeout_ms && call->headers &&
        furrow_msg_header(call->msg, FURROW_HEADER_STREAM))
        call->deadline_ns = FURROW_NEVER;
    call->command.deadline_ns = call->deadline_ns;
    (void)furrow_task_set_deadline(call->deadline_ns);
    return FURROW_OK;
}

furrow_status furrow_stage_deadline(const furrow_interceptor *self, furrow_call *call, furrow_error *err)
{
    furrow_status status = read_deadline(call, err);
    return status == FURROW_OK ? furrow_interceptor_next(self, call, err) : status;
}

/* Events and calls of this call's task carry it on. */
static void read_trace(furrow_call *call)
{
    bool found = false;
    if (call->headers) {
        furrow_trace_headers all = {.parents = 0};
        furrow_msg_each_header(call->msg, furrow_trace_headers_add, &all);
        found = furrow_trace_read(&all, call->arena, &call->trace);
    }
    if (!found && !call->served->server->options.begin_traces) return;
    if (!found) call->trace.find = furrow_trace_begin; /* a call that nothing comes of costs nothing */
    furrow_task_set_trace(&call->trace);
}

furrow_status furrow_call_may_begin(furrow_call *call, furrow_error *err)
{
    if (call->served->server->gone) return furrow_fail(err, FURROW_UNAVAILABLE, "the service has ended");
    if (furrow_clock_now_ns() < call->deadline_ns) return FURROW_OK;
    call->served->stats[call->method_index].expired++;
    call->served->server->expired++;
    return furrow_fail(err, FURROW_DEADLINE_EXCEEDED, "the deadline had passed before work began; nothing was done");
}

/* Whose command the event is. A subject holds no blank; what else a header may not hold, nobody's prefix has. */
static void read_caller(furrow_call *call)
{
    if (call->method->idempotency == FURROW_NO_SIDE_EFFECTS) return;
    furrow_bytes prefix = furrow_subject_inbox_prefix(call->msg->reply);
    size_t len = prefix.len < FURROW_CALLER_SIZE ? prefix.len : FURROW_CALLER_SIZE - 1;
    memcpy(call->command.caller, prefix.data, len);
    call->command.caller[len] = '\0';
}

furrow_status furrow_stage_trace(const furrow_interceptor *self, furrow_call *call, furrow_error *err)
{
    read_caller(call);
    read_trace(call);
    return furrow_interceptor_next(self, call, err);
}

/* By its first byte it was no JSON; whoever wrote it may think so. Few messages of protobuf are text throughout. */
static bool is_text(furrow_bytes body)
{
    const uint8_t *at = body.data, *end = at + body.len;
    while (at < end && (*at >= 0x20 ? *at != 0x7f : *at && strchr("\t\r\n", *at))) at++;
    return at == end && furrow_utf8_valid(body.data, body.len);
}

static furrow_status decode_request(furrow_call *call, furrow_error *err)
{
    const furrow_msg *msg = call->msg;
    if (call->encoding == FURROW_JSON)
        return furrow_json_decode(call->method->input, msg->data, call->arena, &call->request, err);
    furrow_status status = furrow_message_unpack(call->method->input, msg->data, call->arena, &call->request, err);
    if (status == FURROW_INVALID_ARGUMENT && is_text(msg->data) && !furrow_msg_header(msg, FURROW_HEADER_CONTENT_TYPE))
        return furrow_wrap(err,
                           "not read as JSON, which begins with '{', without a byte order mark or blanks before it "
                           "(or say so, Content-Type: " FURROW_TYPE_JSON ")");
    return status;
}

furrow_status furrow_stage_decode(const furrow_interceptor *self, furrow_call *call, furrow_error *err)
{
    furrow_status status = decode_request(call, err);
    return status == FURROW_OK ? furrow_interceptor_next(self, call, err) : status;
}

furrow_status furrow_stage_rules(const furrow_interceptor *self, furrow_call *call, furrow_error *err)
{
    furrow_status status =
        furrow_violations_check(call->method->input_rules, call->request, call->arena, &call->violations, err);
    return status == FURROW_OK ? furrow_interceptor_next(self, call, err) : status;
}

furrow_status furrow_call_begin_wait(furrow_call *call, uint64_t *until_ns, furrow_error *err)
{
    furrow_server *server = call->served->server;
    uint64_t now_ns = furrow_clock_now_ns(), most_ns = now_ns + server->options.max_wait_ms * FURROW_NS_PER_MS;
    furrow_caller *caller = furrow_caller_of(&server->callers, call->msg->reply, now_ns);
    bool many = server->waiting >= server->options.max_waiting;
    if (many || (caller && caller->waiting >= server->callers.max_waiting)) {
        furrow_fail_busy(err, WAIT_RETRY_MS, "as many requests as %s wait here already (FURROW_MAX_WAITING)",
                         many ? "may" : "one caller may have");
        (void)furrow_detail_add_quota(err, many ? "service" : "caller", "FURROW_MAX_WAITING");
        return FURROW_RESOURCE_EXHAUSTED;
    }
    *until_ns = most_ns < call->deadline_ns ? most_ns : call->deadline_ns;
    call->caller = caller;
    if (caller) caller->waiting++;
    server->waiting++;
    call->place.leave(&call->place);
    return FURROW_OK;
}

furrow_status furrow_call_end_wait(furrow_call *call, furrow_status status, uint64_t until_ns, furrow_error *err)
{
    furrow_server *server = call->served->server;
    call->place.enter(&call->place);
    server->waiting--;
    if (call->caller) call->caller->waiting--;
    if (status != FURROW_DEADLINE_EXCEEDED || until_ns == call->deadline_ns) return status;
    /* Not the caller's deadline has passed but ours: nothing was done, and later it may be there. */
    if (err) {
        err->code = FURROW_UNAVAILABLE;
        err->retry_ms = WAIT_RETRY_MS;
    }
    return FURROW_UNAVAILABLE;
}

/* One that is there already takes nobody's place among those who wait. */
static furrow_status wait_for_version(furrow_call *call, const furrow_version_token *token, furrow_error *err)
{
    const furrow_server_options *options = &call->served->server->options;
    uint64_t until_ns;
    furrow_error missing = {0};
    furrow_status status = options->after(options->user, token, 0, &missing);
    if (status != FURROW_DEADLINE_EXCEEDED) {
        if (err && status != FURROW_OK) *err = missing;
        return status;
    }
    status = furrow_call_begin_wait(call, &until_ns, err);
    if (status != FURROW_OK) return status;
    status = options->after(options->user, token, until_ns, err);
    return furrow_call_end_wait(call, status, until_ns, err);
}

static furrow_status wait_after(furrow_call *call, furrow_error *err)
{
    const char *text = NULL;
    const furrow_server_options *options = &call->served->server->options;
    furrow_version_token tokens[FURROW_AFTER_MAX];
    size_t count = 0;
    furrow_status status = read_joined_header(call, FURROW_HEADER_AFTER, &text, err);
    if (status != FURROW_OK || !text) return status;
    status = furrow_header_parse_after(text, tokens, &count, err);
    for (size_t i = 0; status == FURROW_OK && options->after && i < count; i++) {
        status = wait_for_version(call, &tokens[i], err);
        if (status == FURROW_OK) status = furrow_call_may_begin(call, err);
    }
    return status;
}

furrow_status furrow_stage_after(const furrow_interceptor *self, furrow_call *call, furrow_error *err)
{
    furrow_status status = call->headers ? wait_after(call, err) : FURROW_OK;
    return status == FURROW_OK ? furrow_interceptor_next(self, call, err) : status;
}

/* Young enough as far as is known, or by asking. What is too old is told in any case: how old. */
static furrow_status check_call_age(furrow_call *call, furrow_error *err)
{
    const char *text;
    const furrow_server_options *options = &call->served->server->options;
    uint64_t max_ns, until_ns, age_ns = 0;
    furrow_status status = read_single(call, FURROW_HEADER_MAX_AGE, &text, err);
    if (status != FURROW_OK || !text) return status;
    status = furrow_header_parse_max_age(text, &max_ns, err);
    if (status != FURROW_OK) return status;
    if (options->age) status = options->age(options->user, call->arrival_ns, max_ns, 0, &age_ns, err);
    if (status == FURROW_UNAVAILABLE) {
        status = furrow_call_begin_wait(call, &until_ns, err);
        if (status != FURROW_OK) return status;
        status = options->age(options->user, call->arrival_ns, max_ns, until_ns, &age_ns, err);
        status = furrow_call_end_wait(call, status, until_ns, err);
    }
    if (age_ns != UINT64_MAX) furrow_header_format_timeout(age_ns, call->age);
    return status == FURROW_OK ? furrow_call_may_begin(call, err) : status;
}

furrow_status furrow_stage_age(const furrow_interceptor *self, furrow_call *call, furrow_error *err)
{
    furrow_status status = call->headers ? check_call_age(call, err) : FURROW_OK;
    return status == FURROW_OK ? furrow_interceptor_next(self, call, err) : status;
}

/* Before it is decoded, too. Meanwhile its caller may have had as many bytes as one may. */
static furrow_status await_memory(furrow_call *call, furrow_error *err)
{
    if (furrow_share_take(call)) return FURROW_OK;
    furrow_status status = furrow_share_await(call, err);
    return status == FURROW_OK ? check_caller(call, furrow_clock_now_ns(), err) : status;
}

furrow_status furrow_stage_memory(const furrow_interceptor *self, furrow_call *call, furrow_error *err)
{
    if (call->method->idempotency != FURROW_NO_SIDE_EFFECTS) return furrow_interceptor_next(self, call, err);
    furrow_status status = await_memory(call, err);
    return status == FURROW_OK ? furrow_interceptor_next(self, call, err) : status;
}

furrow_status furrow_stage_patience(const furrow_interceptor *self, furrow_call *call, furrow_error *err)
{
    for (unsigned attempt = 1;; attempt++) {
        furrow_status status = furrow_interceptor_next(self, call, err);
        if (status != FURROW_UNAVAILABLE || attempt == ATTEMPTS || call->versions_len > 0 || call->versions_cut ||
            call->stream)
            return status;
        furrow_error why = {0};
        if (!furrow_server_passing(call->served->server) || await_ready(call, &why) != FURROW_OK ||
            furrow_clock_now_ns() + ANSWER_NS >= call->deadline_ns)
            return status;
        furrow_task_sleep_ms(PASSING_LOOK_MS);
        if (furrow_call_may_begin(call, &why) != FURROW_OK) return status;
    }
}

furrow_status furrow_stage_handler(const furrow_interceptor *self, furrow_call *call, furrow_error *err)
{
    bool streams = call->method->server_streams;
    ProtobufCMessage *made = streams ? NULL : furrow_message_new(call->method->output, call->arena);
    if (!made && !streams) return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "the request's memory is used up");
    furrow_status status = call->served->handlers->methods[call->method_index](call, call->request, made, err);
    if (status == FURROW_OK) call->response = made;
    return status;
}
