/*
 * Idempotency keys: the same key answers the same result for a day, or until newer ones take the room that max_results
 * and max_result_bytes give. What took effect is remembered in the store with the request's hash and the versions it
 * made, sealed with the service's secret, until one of the entities it wrote is deleted; the log itself refuses a
 * second effect also when the store forgot (see log/entity.h). A second request with a key that is being worked on
 * waits for the first.
 *
 * Invariant: at most one call of a key is in server->keyed; others of that key are its followers. Depends on store and
 * wire.
 */
#include "base/clock.h"
#include "base/fault.h"
#include "rpc/inside.h"
#include "store/record.h"
#include "wire/message.h"
#include "wire/nul.h"
#include "wire/zero.h"

#define REMEMBER_S  (24 * 3600)
#define REMEMBER_MS 250 /* what is done does not wait longer for Redis */
#define PURPOSE     "remembered result"

/* The message, not its bytes: JSON with other spaces is the same request. */
static furrow_status hash_request(furrow_call *call, const ProtobufCMessage *request, furrow_error *err)
{
    furrow_bytes parts[2] = {furrow_bytes_of(call->method->subject)};
    furrow_status status = furrow_message_pack(request, call->arena, &parts[1], err);
    if (status == FURROW_OK)
        furrow_secret_hash(call->served->server->options.secret, "request", parts, 2, call->command.request);
    return status;
}

/* Where the running call of this key is linked, or would be. */
static furrow_call **find_running_call(const furrow_call *call)
{
    furrow_call **at = &call->served->server->keyed[call->command.key[0] % FURROW_CALL_KEYED];
    while (*at && memcmp((*at)->command.key, call->command.key, FURROW_HASH_BYTES) != 0) at = &(*at)->next;
    return at;
}

/* A follower's deadline passed while the call it follows still runs. */
static void unfollow(furrow_call *running, const furrow_follower *follower)
{
    for (furrow_follower **at = &running->followers; *at; at = &(*at)->next) {
        if (*at != follower) continue;
        *at = follower->next;
        return;
    }
}

static furrow_status wait_turn(furrow_call *call, furrow_error *err)
{
    furrow_call **at;
    while (*(at = find_running_call(call))) {
        furrow_call *running = *at;
        uint64_t until_ns;
        furrow_status status = furrow_call_begin_wait(call, &until_ns, err);
        if (status != FURROW_OK) return status;
        furrow_follower follower = {.next = running->followers, .waiter = furrow_waiter_make()};
        running->followers = &follower;
        if (!furrow_wait(&follower.waiter, until_ns)) {
            unfollow(running, &follower);
            status =
                furrow_fail(err, FURROW_DEADLINE_EXCEEDED,
                            "another request with this " FURROW_HEADER_IDEMPOTENCY_KEY " is still being worked on");
        }
        status = furrow_call_end_wait(call, status, until_ns, err);
        if (status != FURROW_OK) return status;
    }
    call->next = NULL;
    *at = call;
    return FURROW_OK;
}

static void end_key_turn(furrow_call *call)
{
    *find_running_call(call) = call->next;
    while (call->followers) {
        furrow_follower *follower = call->followers;
        call->followers = follower->next; /* before its task runs and the node is gone */
        furrow_waiter_done(&follower->waiter);
    }
}

/* Of a log that is no more? Then it means nothing any more, and whoever waited for it would be told so. */
static bool is_token_outdated(const furrow_call *call, const char *token, size_t len)
{
    furrow_version_token one[FURROW_AFTER_MAX];
    size_t count;
    char text[FURROW_CALL_VERSIONS];
    const furrow_server_options *options = &call->served->server->options;
    memcpy(text, token, len);
    text[len] = '\0';
    if (!options->epoch || furrow_header_parse_after(text, one, &count, NULL) != FURROW_OK || one[0].epoch == 0)
        return false;
    return one[0].epoch != options->epoch(options->user, one[0].subject);
}

/* The versions that the answer was given with, those left out of which the log has gone. */
static void take_versions(furrow_call *call, const char *versions)
{
    size_t len = 0;
    for (const char *at = versions; *at;) {
        size_t token = strcspn(at, ",");
        if (!is_token_outdated(call, at, token)) {
            if (len > 0) call->versions[len++] = ',';
            memcpy(call->versions + len, at, token);
            len += token;
        }
        at += token + (at[token] == ',');
    }
    call->versions[len] = '\0';
    call->versions_len = len;
}

/* What is stored: the request's hash, the versions as text with its NUL, the response. */
static furrow_status take_remembered(furrow_call *call, furrow_bytes stored, ProtobufCMessage **response,
                                     furrow_error *err)
{
    const char *versions = (const char *)stored.data + FURROW_HASH_BYTES;
    size_t left = stored.len - FURROW_HASH_BYTES, len = strnlen(versions, left);
    if (memcmp(stored.data, call->command.request, FURROW_HASH_BYTES) != 0)
        return furrow_fail(err, FURROW_INVALID_ARGUMENT,
                           "this " FURROW_HEADER_IDEMPOTENCY_KEY
                           " was used for another request; use a fresh key for each request");
    furrow_bytes body = {versions + len + 1, len < left ? left - len - 1 : 0};
    if (len == left || len >= sizeof call->versions ||
        furrow_message_unpack_answer(call->method->output, body, call->arena, response, NULL) != FURROW_OK)
        return furrow_fail(err, FURROW_INTERNAL, "the remembered answer is no %s", call->method->output->name);
    take_versions(call, versions);
    return FURROW_OK;
}

/* *response stays NULL when nothing is remembered. */
static furrow_status recall(furrow_call *call, const char *name, ProtobufCMessage **response, furrow_error *err)
{
    const furrow_server_options *options = &call->served->server->options;
    furrow_value value;
    furrow_status status = furrow_store_recall(options->store, options->queue, name, call->arena, &value, err);
    if (status != FURROW_OK) return furrow_wrap(err, "look up the " FURROW_HEADER_IDEMPOTENCY_KEY);
    if (value.kind != FURROW_VALUE_TEXT || value.text.len < FURROW_SECRET_OVERHEAD + FURROW_HASH_BYTES)
        return FURROW_OK;
    size_t len = value.text.len - FURROW_SECRET_OVERHEAD;
    uint8_t *plain = furrow_arena_alloc(call->arena, len);
    if (!plain) return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "the request's memory is used up");
    if (!furrow_secret_open(options->secret, PURPOSE, name, value.text, plain)) return FURROW_OK; /* none of ours */
    return take_remembered(call, (furrow_bytes){plain, len}, response, err);
}

/* The subjects of "subject=sequence,…", as strings of their own. */
static bool list_subjects(const furrow_call *call, const char *of[FURROW_REMEMBERED_OF_MAX], size_t *count)
{
    char *at = furrow_arena_memdup(call->arena, call->versions, call->versions_len);
    *count = 0;
    while (at && *at) {
        if (*count == FURROW_REMEMBERED_OF_MAX) return false;
        of[(*count)++] = at;
        at += strcspn(at, "=");
        if (*at) *at++ = '\0';
        at += strcspn(at, ",");
        if (*at) at++;
    }
    return at != NULL;
}

/* The request's hash, the versions as text with its NUL, the response; in the arena. */
static furrow_bytes pack_result(const furrow_call *call, const char *name, const ProtobufCMessage *response)
{
    size_t head = FURROW_HASH_BYTES + call->versions_len + 1;
    response = furrow_zero_keep(response, call->arena);
    if (!response) return (furrow_bytes){NULL, 0};
    size_t len = head + protobuf_c_message_get_packed_size(response);
    uint8_t *plain = furrow_arena_alloc(call->arena, len);
    uint8_t *sealed = furrow_arena_alloc(call->arena, len + FURROW_SECRET_OVERHEAD);
    if (!plain || !sealed) return (furrow_bytes){NULL, 0};
    memcpy(plain, call->command.request, FURROW_HASH_BYTES);
    memcpy(plain + FURROW_HASH_BYTES, call->versions, call->versions_len);
    plain[head - 1] = '\0';
    len = head + furrow_nul_pack(response, plain + head);
    furrow_secret_seal(call->served->server->options.secret, PURPOSE, name, (furrow_bytes){plain, len}, sealed);
    return (furrow_bytes){sealed, len + FURROW_SECRET_OVERHEAD};
}

/*
 * The command has taken effect: that it could not be remembered here does not make it fail. An answer that tells of
 * more entities than can be listed is not remembered: it could outlive one of them.
 */
static void remember_result(furrow_call *call, const char *name, const ProtobufCMessage *response)
{
    const furrow_server_options *options = &call->served->server->options;
    const char *of[FURROW_REMEMBERED_OF_MAX];
    furrow_remembered what = {.service = options->queue,
                              .key = name,
                              .of = of,
                              .max = options->max_results,
                              .max_bytes = options->max_result_bytes};
    if (call->versions_cut || !list_subjects(call, of, &what.of_count)) return;
    what.value = pack_result(call, name, response);
    if (!what.value.data) return;
    uint64_t deadline = furrow_task_set_deadline(furrow_clock_in_ms(REMEMBER_MS));
    (void)!furrow_store_remember(options->store, &what, REMEMBER_S, &call->served->server->results, NULL);
    (void)furrow_task_set_deadline(deadline);
}

static furrow_status run_once(const furrow_interceptor *self, furrow_call *call, furrow_error *err)
{
    char name[FURROW_HASH_HEX];
    ProtobufCMessage *remembered = NULL;
    furrow_hash_hex(call->command.key, name);
    furrow_status status = furrow_call_may_begin(call, err);
    if (status == FURROW_OK && !furrow_fault("repeat-unseen")) status = recall(call, name, &remembered, err);
    if (status == FURROW_OK && remembered) call->response = remembered;
    if (status != FURROW_OK || remembered) return status;
    status = furrow_call_may_begin(call, err);
    if (status == FURROW_OK) status = furrow_interceptor_next(self, call, err);
    if (status == FURROW_OK && !call->served->server->gone) remember_result(call, name, call->response);
    return status;
}

furrow_status furrow_stage_once(const furrow_interceptor *self, furrow_call *call, furrow_error *err)
{
    if (!call->command.has_key) return furrow_interceptor_next(self, call, err);
    furrow_status status = hash_request(call, call->request, err);
    if (status == FURROW_OK) status = wait_turn(call, err);
    if (status != FURROW_OK) return status;
    status = run_once(self, call, err);
    end_key_turn(call);
    return status;
}
