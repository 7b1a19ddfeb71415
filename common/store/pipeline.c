/* See pipeline.h, and the public half in store.h: single commands and functions. */
#include "store/pipeline.h"

#include "base/clock.h"
#include "base/number.h"
#include "store/redis.h"

#include <stdio.h>
#include <string.h>

/* What a call keeps of its time for its answer: an eighth of what is left when Redis is asked, at most 50 ms. */
enum { ANSWER_SHARE = 8, ANSWER_MS = 50 };

static uint8_t *put_count(uint8_t *at, char kind, size_t number)
{
    char digits[FURROW_NUMBER_SIZE];
    size_t count = furrow_number_format(number, digits);
    *at++ = (uint8_t)kind;
    memcpy(at, digits, count);
    at += count;
    *at++ = '\r';
    *at++ = '\n';
    return at;
}

void furrow_pipeline_arg_pair(furrow_buffer *out, furrow_bytes first, furrow_bytes second)
{
    uint8_t *room = furrow_buffer_reserve(out, first.len + second.len + 32);
    if (!room) return;
    uint8_t *at = put_count(room, '$', first.len + second.len);
    if (first.len) memcpy(at, first.data, first.len);
    at += first.len;
    if (second.len) memcpy(at, second.data, second.len);
    at += second.len;
    *at++ = '\r';
    *at++ = '\n';
    out->len += (size_t)(at - room);
}

void furrow_pipeline_arg(furrow_buffer *out, const void *data, size_t len)
{
    furrow_pipeline_arg_pair(out, (furrow_bytes){data, len}, (furrow_bytes){0});
}

void furrow_pipeline_arg_number(furrow_buffer *out, uint64_t number)
{
    char digits[FURROW_NUMBER_SIZE];
    furrow_pipeline_arg(out, digits, furrow_number_format(number, digits));
}

static furrow_status refuse_command(furrow_pipelined *request, furrow_status status, const char *text,
                                    furrow_error *err)
{
    request->status = status;
    request->waiter.done = true; /* so that a wait returns at once */
    snprintf(request->text, sizeof request->text, "%.199s", text);
    if (status == FURROW_RESOURCE_EXHAUSTED) return furrow_fail_busy(err, FURROW_RETRY_MS, "redis: %s", request->text);
    return furrow_fail(err, status, "redis: %s", request->text);
}

furrow_buffer *furrow_pipeline_begin(furrow_store *store, furrow_pipelined *request, furrow_arena *arena, size_t argc,
                                     furrow_error *err)
{
    request->waiter = furrow_waiter_make();
    request->done = NULL;
    request->arena = arena;
    request->status = FURROW_OK;
    request->value = (furrow_value){.kind = FURROW_VALUE_NIL};
    if (store->state != FURROW_REDIS_READY) {
        refuse_command(request, FURROW_UNAVAILABLE, store->last_error, err);
        return NULL;
    }
    if (store->in_flight >= store->max_commands) {
        refuse_command(request, FURROW_RESOURCE_EXHAUSTED, "too many commands in flight", err);
        return NULL;
    }
    request->mark = store->out.len;
    uint8_t *room = furrow_buffer_reserve(&store->out, 32);
    if (room) store->out.len += (size_t)(put_count(room, '*', argc) - room);
    return &store->out;
}

furrow_status furrow_pipeline_send(furrow_store *store, furrow_pipelined *request, furrow_error *err)
{
    if (store->out.failed) {
        store->out.len = request->mark;
        store->out.failed = false;
        return refuse_command(request, FURROW_RESOURCE_EXHAUSTED, "too many bytes wait to be sent", err);
    }
    furrow_redis_enqueue(store, request);
    return FURROW_OK;
}

uint64_t furrow_pipeline_deadline(const furrow_store *store)
{
    uint64_t deadline = furrow_task_deadline(), now = uv_now(furrow_loop_uv(store->loop)) * FURROW_NS_PER_MS;
    if (deadline == FURROW_NEVER || deadline <= now) return deadline;
    uint64_t margin = (deadline - now) / ANSWER_SHARE, most = ANSWER_MS * FURROW_NS_PER_MS;
    return deadline - (margin < most ? margin : most);
}

furrow_status furrow_pipeline_wait(furrow_store *store, furrow_pipelined *request, furrow_error *err)
{
    if (!furrow_wait(&request->waiter, furrow_pipeline_deadline(store))) {
        furrow_redis_abandon(store, request);
        return furrow_fail(err, FURROW_UNAVAILABLE, "redis: no answer within the time of the call");
    }
    if (request->status == FURROW_OK) return FURROW_OK;
    return furrow_fail(err, request->status, "redis: %s", request->text);
}

furrow_status furrow_store_command(furrow_store *store, const furrow_bytes argv[], size_t argc, furrow_arena *arena,
                                   furrow_value *out, furrow_error *err)
{
    furrow_pipelined request;
    furrow_buffer *command = furrow_pipeline_begin(store, &request, arena, argc, err);
    if (!command) return request.status;
    for (size_t i = 0; i < argc; i++) furrow_pipeline_arg(command, argv[i].data, argv[i].len);
    furrow_status status = furrow_pipeline_send(store, &request, err);
    if (status == FURROW_OK) status = furrow_pipeline_wait(store, &request, err);
    if (status == FURROW_OK && out) *out = request.value;
    return status;
}

/* ---- functions ---- */

furrow_status furrow_pipeline_call(furrow_store *store, const char *function, size_t argc, furrow_bytes body,
                                   furrow_pipelined *request, furrow_arena *arena, furrow_error *err)
{
    furrow_buffer *out = furrow_pipeline_begin(store, request, arena, argc + 2, err);
    if (!out) return request->status;
    furrow_pipeline_arg(out, "FCALL", 5);
    furrow_pipeline_arg(out, function, strlen(function));
    furrow_buffer_append(out, body.data, body.len);
    return furrow_pipeline_send(store, request, err);
}

furrow_status furrow_pipeline_ask(furrow_store *store, const char *function, const furrow_bytes keys[],
                                  size_t key_count, const furrow_bytes args[], size_t arg_count, furrow_arena *arena,
                                  furrow_value *out, furrow_error *err)
{
    furrow_pipelined request;
    furrow_buffer *command = furrow_pipeline_begin(store, &request, arena, 3 + key_count + arg_count, err);
    if (!command) return request.status;
    furrow_pipeline_arg(command, "FCALL", 5);
    furrow_pipeline_arg(command, function, strlen(function));
    furrow_pipeline_arg_number(command, key_count);
    for (size_t i = 0; i < key_count; i++) furrow_pipeline_arg(command, keys[i].data, keys[i].len);
    for (size_t i = 0; i < arg_count; i++) furrow_pipeline_arg(command, args[i].data, args[i].len);
    furrow_status status = furrow_pipeline_send(store, &request, err);
    if (!status) status = furrow_pipeline_wait(store, &request, err);
    if (!status && out) *out = request.value;
    return status;
}
