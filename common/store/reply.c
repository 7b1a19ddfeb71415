/* See reply.h. */
#include "store/reply.h"

#include <hiredis/hiredis.h>
#include <stdio.h>
#include <string.h>

/* hiredis 1.0 widened the count, and made its tasks by themselves. */
#if HIREDIS_MAJOR >= 1
typedef size_t list_count;
#define TASK_OF(reader, i) ((reader)->task[i])
#else
typedef int list_count;
#define TASK_OF(reader, i) (&(reader)->rstack[i])
#endif

#define KEEP_BYTES (64 * 1024)

static furrow_value dropped; /* stands for every value that had no room; never read */

/* The slot of the value being read: the root, or an item of the list above it. */
static furrow_value *slot(const redisReadTask *task, furrow_reply_target *target)
{
    if (!task->parent) return target->value;
    furrow_value *list = task->parent->obj;
    return list == &dropped ? &dropped : &list->items[task->idx];
}

static furrow_value *overflow(furrow_reply_target *target)
{
    target->overflow = true;
    return &dropped;
}

static void keep_error(furrow_reply_target *target, const char *text, size_t len)
{
    if (target->error) return;
    target->error = true;
    snprintf(target->error_text, sizeof target->error_text, "%.*s", (int)(len < 1000 ? len : 1000), text);
}

static void *read_text(const redisReadTask *task, char *text, size_t len)
{
    furrow_reply_target *target = task->privdata;
    furrow_value *value = slot(task, target);
    if (task->type == REDIS_REPLY_ERROR) keep_error(target, text, len);
    if (value == &dropped) return value;
    *value = (furrow_value){.kind = FURROW_VALUE_NIL};
    if (task->type == REDIS_REPLY_ERROR) return value;
    void *copy = target->arena ? furrow_arena_memdup(target->arena, text, len) : NULL;
    if (!copy) return overflow(target);
    *value = (furrow_value){.kind = FURROW_VALUE_TEXT, .text = {copy, len}};
    return value;
}

static void *read_list(const redisReadTask *task, list_count count)
{
    furrow_reply_target *target = task->privdata;
    furrow_value *value = slot(task, target);
    if (value == &dropped) return value;
    *value = (furrow_value){.kind = FURROW_VALUE_LIST};
    if (count <= 0) return value;
    furrow_value *items = NULL;
    if (target->arena && (size_t)count < SIZE_MAX / sizeof *items)
        items = furrow_arena_zalloc(target->arena, (size_t)count * sizeof *items);
    if (!items) return overflow(target);
    value->items = items;
    value->count = (size_t)count;
    return value;
}

static void *read_integer(const redisReadTask *task, long long integer)
{
    furrow_value *value = slot(task, task->privdata);
    if (value != &dropped) *value = (furrow_value){.kind = FURROW_VALUE_INTEGER, .integer = integer};
    return value;
}

static void *read_nil(const redisReadTask *task)
{
    furrow_value *value = slot(task, task->privdata);
    if (value != &dropped) *value = (furrow_value){.kind = FURROW_VALUE_NIL};
    return value;
}

static void forget(void *value)
{
    (void)value; /* it lives in an arena */
}

static redisReplyObjectFunctions functions = {
    .createString = read_text,
    .createArray = read_list,
    .createInteger = read_integer,
    .createNil = read_nil,
    .freeObject = forget,
};

redisReader *furrow_reply_reader_create(furrow_reply_target *target)
{
    redisReader *reader = redisReaderCreateWithFunctions(&functions);
    if (!reader) return NULL;
    reader->privdata = target;
    reader->maxbuf = KEEP_BYTES; /* a larger buffer is given back with the next reply */
    return reader;
}

static void set_target(furrow_reply_target *target, furrow_arena *arena, furrow_value *value)
{
    target->arena = arena;
    target->value = value;
    target->overflow = target->error = false;
}

bool furrow_reply_begun(const redisReader *reader)
{
    return reader->ridx >= 0;
}

void furrow_reply_aim(redisReader *reader, furrow_arena *arena, furrow_value *value)
{
    if (!furrow_reply_begun(reader)) set_target(reader->privdata, arena, value);
}

void furrow_reply_drop(redisReader *reader)
{
    set_target(reader->privdata, NULL, &dropped);
    for (int i = 0; i <= reader->ridx; i++)
        if (TASK_OF(reader, i)->obj) TASK_OF(reader, i)->obj = &dropped;
}

/* A function runs with the rights of who calls it, and says in words of its own what those do not reach. */
static const char *const refused_inside[] = {"ERR The user executing the script can't ", /* Redis 7, Valkey */
                                             "ERR ACL failure in script: "};             /* Redis 8 */

static bool is_refused_inside(const char *error_text)
{
    for (size_t i = 0; i < sizeof refused_inside / sizeof *refused_inside; i++)
        if (furrow_bytes_after(error_text, refused_inside[i])) return true;
    return false;
}

furrow_status furrow_reply_status(const char *error_text)
{
    static const struct {
        const char *word;
        furrow_status status;
    } table[] = {
        {"LOADING", FURROW_UNAVAILABLE},       {"READONLY", FURROW_UNAVAILABLE},
        {"CLUSTERDOWN", FURROW_UNAVAILABLE},   {"MASTERDOWN", FURROW_UNAVAILABLE},
        {"TRYAGAIN", FURROW_UNAVAILABLE},      {"BUSY", FURROW_UNAVAILABLE},
        {"MISCONF", FURROW_UNAVAILABLE},       {"NOREPLICAS", FURROW_UNAVAILABLE},
        {"OOM", FURROW_RESOURCE_EXHAUSTED},    {"REBUILT", FURROW_UNAVAILABLE},
        {"NOPERM", FURROW_PERMISSION_DENIED},  {"NOAUTH", FURROW_UNAUTHENTICATED},
        {"WRONGPASS", FURROW_UNAUTHENTICATED},
    };
    if (is_refused_inside(error_text)) return FURROW_PERMISSION_DENIED;
    if (strcmp(error_text, FURROW_REPLY_NO_FUNCTION) == 0) return FURROW_UNAVAILABLE;
    furrow_bytes word = {error_text, strcspn(error_text, " ")};
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        if (furrow_bytes_is(word, table[i].word)) return table[i].status;
    return FURROW_INTERNAL;
}
