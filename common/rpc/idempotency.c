/*
 * Idempotency keys: the same key answers the same result for a day. What took effect is remembered in the store with the request's hash; the
 * log itself refuses a second effect also when the store forgot (see log/entity.h). A second request with a key that is being worked
 * on waits for the first. Depends on store and wire.
 */
#include "base/clock.h"
#include "rpc/inside.h"
#include "store/record.h"
#include "wire/message.h"

#define REMEMBER_S (24 * 3600)

/* The message, not its bytes: JSON with other spaces is the same request. */
static furrow_status hash_request(furrow_call *call, const ProtobufCMessage *request, furrow_error *err)
{
    furrow_bytes parts[2] = {furrow_bytes_of(call->method->subject)};
    furrow_status status = furrow_message_pack(request, call->arena, &parts[1], err);
    if (status == FURROW_OK) furrow_hash(parts, 2, call->command.request);
    return status;
}

static furrow_call *find_running(furrow_server *server, const furrow_call *call)
{
    for (furrow_call *other = server->keyed; other; other = other->next)
        if (memcmp(other->command.key, call->command.key, FURROW_HASH_BYTES) == 0) return other;
    return NULL;
}

static void unfollow(furrow_server *server, const furrow_call *call, furrow_follower *follower)
{
    furrow_call *other = find_running(server, call);
    for (furrow_follower **at = other ? &other->followers : NULL; at && *at; at = &(*at)->next) {
        if (*at != follower) continue;
        *at = follower->next;
        return;
    }
}

static furrow_status wait_turn(furrow_call *call, furrow_error *err)
{
    furrow_server *server = call->served->server;
    for (furrow_call *other; (other = find_running(server, call)) != NULL;) {
        furrow_follower follower = {.next = other->followers};
        other->followers = &follower;
        if (furrow_wait(&follower.waiter, call->deadline_ns)) continue;
        unfollow(server, call, &follower);
        return furrow_fail(err, FURROW_DEADLINE_EXCEEDED, "another request with this Idempotency-Key is still being worked on");
    }
    call->next = server->keyed;
    server->keyed = call;
    return FURROW_OK;
}

static void end_turn(furrow_call *call)
{
    furrow_call **at = &call->served->server->keyed;
    while (*at != call) at = &(*at)->next;
    *at = call->next;
    while (call->followers) {
        furrow_follower *follower = call->followers;
        call->followers = follower->next;
        furrow_waiter_done(&follower->waiter);
    }
}

static furrow_status recall(furrow_call *call, const char *name, ProtobufCMessage **response, furrow_error *err)
{
    furrow_value value;
    furrow_server *server = call->served->server;
    furrow_status status = furrow_store_recall(server->options.store, server->options.queue, name, call->arena, &value, err);
    if (status != FURROW_OK || value.kind != FURROW_VALUE_TEXT || value.text.len < FURROW_HASH_BYTES) return status;
    if (memcmp(value.text.data, call->command.request, FURROW_HASH_BYTES) != 0)
        return furrow_fail(err, FURROW_INVALID_ARGUMENT, "this Idempotency-Key was used for another request; use a fresh key for each request");
    furrow_bytes body = {(const char *)value.text.data + FURROW_HASH_BYTES, value.text.len - FURROW_HASH_BYTES};
    return furrow_message_unpack(call->method->output, body, call->arena, response, err);
}

/* The command has taken effect: that it could not be remembered here does not make it fail. */
static void remember(furrow_call *call, const char *name, const ProtobufCMessage *response)
{
    furrow_bytes body;
    furrow_error ignored;
    furrow_server *server = call->served->server;
    if (furrow_message_pack(response, call->arena, &body, &ignored) != FURROW_OK) return;
    char *value = furrow_arena_alloc(call->arena, FURROW_HASH_BYTES + body.len);
    if (!value) return;
    memcpy(value, call->command.request, FURROW_HASH_BYTES);
    if (body.len > 0) memcpy(value + FURROW_HASH_BYTES, body.data, body.len);
    (void)!furrow_store_remember(server->options.store, server->options.queue, name, (furrow_bytes){value, FURROW_HASH_BYTES + body.len}, REMEMBER_S,
                                 &ignored);
}

furrow_status furrow_call_once(furrow_call *call, const ProtobufCMessage *request, furrow_call_run *run, ProtobufCMessage **response, furrow_error *err)
{
    char name[FURROW_HASH_HEX];
    if (!call->served->server->options.store)
        return furrow_fail(err, FURROW_FAILED_PRECONDITION, "this service remembers no results: leave Idempotency-Key out");
    furrow_hash_hex(call->command.key, name);
    furrow_status status = hash_request(call, request, err);
    if (status == FURROW_OK) status = wait_turn(call, err);
    if (status != FURROW_OK) return status;
    status = recall(call, name, response, err);
    if (status == FURROW_OK && !*response) {
        status = run(call, request, response, err);
        if (status == FURROW_OK) remember(call, name, *response);
    }
    end_turn(call);
    return status;
}
