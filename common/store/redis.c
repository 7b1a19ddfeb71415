/*
 * The life of the connection to Redis: connect, greet, read answers, break, come back. See redis.h for its states.
 *
 * The connection counts as there only after Redis has taken our name (AUTH), the database, told its run id and answered
 * a probe, which it does not while it loads its data. Whatever breaks ends in furrow_redis_lose(), which answers
 * everyone in the queue and starts the retry timer; what only stops to serve ends in furrow_redis_stall().
 */
#include "store/redis.h"

#include "base/settings.h"
#include "store/library.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FEED_BYTES = 16 * 1024, KEEP_OUTPUT_BYTES = 256 << 10, GREETING_ARENA_BYTES = 64 * 1024 };

static furrow_store *store_of_hook(furrow_hook *hook)
{
    return (furrow_store *)(void *)((char *)hook - offsetof(furrow_store, flush));
}

/* ---- answers ---- */

/* How many answers come before the next one that somebody waits for. */
static size_t *skipped(furrow_store *store)
{
    return store->head ? &store->head->skip : &store->skip;
}

static void take_command_out(furrow_store *store, furrow_pipelined *request)
{
    *(request->prev ? &request->prev->next : &store->head) = request->next;
    *(request->next ? &request->next->prev : &store->tail) = request->prev;
}

void furrow_redis_abandon(furrow_store *store, furrow_pipelined *request)
{
    bool next = store->head == request && request->skip == 0;
    if (next && furrow_reply_begun(store->reader)) furrow_reply_drop(store->reader);
    *(request->next ? &request->next->skip : &store->skip) += request->skip + 1;
    take_command_out(store, request);
}

static void complain(furrow_store *store)
{
    snprintf(store->complaint, sizeof store->complaint, "%s", store->target.error_text);
    store->complaints++;
}

static void settle_command(furrow_store *store, furrow_pipelined *request)
{
    furrow_reply_target *answer = &store->target;
    request->status = FURROW_OK;
    if (answer->error) {
        request->status = furrow_reply_status(answer->error_text);
        if (strcmp(answer->error_text, FURROW_REPLY_NO_FUNCTION) == 0)
            snprintf(request->text, sizeof request->text, "Redis has no function library %s: run `furrow provision`",
                     FURROW_LIBRARY);
        else
            memcpy(request->text, answer->error_text, sizeof request->text);
        if (request->status == FURROW_PERMISSION_DENIED || request->status == FURROW_RESOURCE_EXHAUSTED)
            complain(store);
    } else if (answer->overflow) {
        request->status = FURROW_RESOURCE_EXHAUSTED;
        snprintf(request->text, sizeof request->text, "the answer is larger than the memory of its request");
    }
}

static void fail_command(furrow_pipelined *request, const char *why)
{
    request->status = FURROW_UNAVAILABLE;
    snprintf(request->text, sizeof request->text, "%.199s", why);
    furrow_waiter_done(&request->waiter);
}

/* Everybody who waits; what is the connection's own stays in the queue. */
static void fail_waiting(furrow_store *store, const char *why)
{
    for (furrow_pipelined *request = store->head, *next; request; request = next) {
        next = request->next;
        if (request->done) continue;
        furrow_redis_abandon(store, request);
        fail_command(request, why);
    }
    furrow_eviction_abandon(store);
}

static void tell_watches(furrow_store *store, bool connected)
{
    for (furrow_store_watch *watch = store->watches; watch; watch = store->next_watch) {
        store->next_watch = watch->next;
        watch->fn(watch, connected);
    }
}

static void open_connection(furrow_store *store);

static void on_store_retry(uv_timer_t *timer)
{
    open_connection(timer->data);
}

static void disconnect(furrow_store *store, enum furrow_redis_state state, const char *why)
{
    store->state = state;
    furrow_socket_close(store->socket);
    store->socket = NULL;
    furrow_buffer_fini(&store->out);
    furrow_buffer_init(&store->out, FURROW_REDIS_OUTPUT_BYTES);
    store->flushed = 0;
    furrow_pulse_stop(store);
    fail_waiting(store, why);
    store->eviction.asking = false;
    store->head = store->tail = NULL;
    store->skip = store->in_flight = 0;
}

void furrow_redis_lose(furrow_store *store, const char *why)
{
    bool was_ready = store->state == FURROW_REDIS_READY;
    /* A Redis that was silent has been waited for already. */
    if (store->state == FURROW_REDIS_STALLED) furrow_backoff_reset(&store->backoff);
    snprintf(store->last_error, sizeof store->last_error, "%s", why);
    disconnect(store, FURROW_REDIS_AWAY, store->last_error);
    uv_timer_start(&store->retry, on_store_retry, furrow_backoff_next_ms(&store->backoff), 0);
    if (was_ready) tell_watches(store, false);
}

void furrow_redis_stall(furrow_store *store, const char *why)
{
    bool was_ready = store->state == FURROW_REDIS_READY;
    store->state = FURROW_REDIS_STALLED;
    snprintf(store->last_error, sizeof store->last_error, "%s", why);
    fail_waiting(store, store->last_error);
    if (was_ready) tell_watches(store, false);
}

void furrow_redis_serve(furrow_store *store)
{
    if (store->state == FURROW_REDIS_READY) return;
    store->state = FURROW_REDIS_READY;
    store->last_error[0] = '\0';
    furrow_backoff_reset(&store->backoff);
    for (furrow_redis_waiting *waiting = store->waiting; waiting; waiting = waiting->next) {
        waiting->connected = true;
        furrow_waiter_done(&waiting->waiter);
    }
    store->waiting = NULL;
    tell_watches(store, true);
}

/* ---- connected, and yet not to be relied on ---- */

/* Both together are what the watches are told of: it serves, or something is amiss. */
static void change_refusal(furrow_store *store, char *text, size_t size, const char *why)
{
    bool was = furrow_store_refusal(store)[0] != '\0';
    snprintf(text, size, "%.190s", why);
    bool is = furrow_store_refusal(store)[0] != '\0';
    if (was != is && store->state == FURROW_REDIS_READY) tell_watches(store, !is);
}

void furrow_redis_refuse(furrow_store *store, const char *why)
{
    change_refusal(store, store->refused, sizeof store->refused, why);
}

void furrow_redis_inspect(furrow_store *store, const furrow_value *info)
{
    char why[190] = "";
    if (info->kind != FURROW_VALUE_TEXT) return;
    const char *text = info->text.data;
    furrow_bytes policy = furrow_eviction_field(text, "maxmemory_policy"), role = furrow_eviction_field(text, "role");
    furrow_eviction_inspect(store, text);
    if (store->eviction.may)
        snprintf(why, sizeof why, "may evict records (maxmemory-policy %.*s): set it to noeviction",
                 (int)(policy.len < 40 ? policy.len : 40), (const char *)policy.data);
    else if (role.len > 0 && !furrow_bytes_is(role, "master"))
        snprintf(why, sizeof why, "is a replica of another Redis: FURROW_REDIS_URL must name the primary");
    if (!store->provisioning) change_refusal(store, store->unfit, sizeof store->unfit, why);
}

static bool tells_refusal(const furrow_reply_target *target)
{
    const char *text = target->error_text;
    return target->error && (furrow_bytes_after(text, "OOM ") || furrow_bytes_after(text, "MISCONF ") ||
                             furrow_bytes_after(text, "NOREPLICAS "));
}

/* An answer that says of Redis as a whole that it does not serve us: the others in the queue would hear the same. */
static bool tells_stalled(const furrow_store *store)
{
    const char *text = store->target.error_text;
    return store->target.error && (furrow_bytes_after(text, "BUSY ") || strcmp(text, FURROW_REPLY_NO_FUNCTION) == 0);
}

/* An answer was read whole; true while the connection that brought it is still the one there is. */
static bool take_command_answer(furrow_store *store)
{
    size_t *skip = skipped(store);
    store->in_flight--;
    if (*skip > 0) {
        --*skip;
        return true;
    }
    furrow_pipelined *request = store->head;
    take_command_out(store, request);
    settle_command(store, request);
    /* A primary that became a replica: leave it, the name may lead to the new primary. */
    bool demoted = store->target.error && furrow_bytes_after(store->target.error_text, "READONLY");
    bool stalled = tells_stalled(store) && store->state == FURROW_REDIS_READY;
    bool refuses = tells_refusal(&store->target);
    char why[sizeof request->text];
    memcpy(why, request->text, sizeof why);
    if (refuses) furrow_redis_refuse(store, why);
    if (request->done)
        request->done(store, request);
    else
        furrow_waiter_done(&request->waiter);
    if (demoted && store->socket)
        furrow_redis_lose(store, "Redis is a read-only replica: FURROW_REDIS_URL must name the primary");
    if (stalled && store->state == FURROW_REDIS_READY) furrow_redis_stall(store, why);
    return store->socket != NULL;
}

/* True while the connection that brought the data is still the one there is. */
static bool take_replies(furrow_store *store)
{
    for (;;) {
        void *reply = NULL;
        if (store->in_flight == 0) {
            if (store->reader->pos == store->reader->len) return true;
            furrow_redis_lose(store, "the server said what nobody asked");
            return false;
        }
        if (*skipped(store) > 0)
            furrow_reply_drop(store->reader);
        else
            furrow_reply_aim(store->reader, store->head->arena, &store->head->value);
        if (redisReaderGetReply(store->reader, &reply) != REDIS_OK) {
            char text[sizeof store->reader->errstr + 32];
            snprintf(text, sizeof text, "not understood: %s", store->reader->errstr);
            furrow_redis_lose(store, text);
            return false;
        }
        if (!reply) return true;
        if (!take_command_answer(store)) return false;
    }
}

static void on_received(void *owner, const char *data, size_t len)
{
    furrow_store *store = owner;
    store->heard_ms = uv_now(furrow_loop_uv(store->loop));
    store->suspected_ms = 0;
    /* In slices: the reader moves what it has not yet read at each reply. */
    while (len > 0) {
        size_t slice = len < FEED_BYTES ? len : FEED_BYTES;
        if (redisReaderFeed(store->reader, data, slice) != REDIS_OK) {
            furrow_redis_lose(store, "out of memory");
            return;
        }
        if (!take_replies(store)) return;
        data += slice;
        len -= slice;
    }
    furrow_budget_put(&store->unread, store->reader->len);
}

/* ---- output ---- */

static void flush(furrow_store *store)
{
    if (!store->socket || store->flushed == store->out.len) return;
    ptrdiff_t sent =
        furrow_socket_send(store->socket, store->out.data + store->flushed, store->out.len - store->flushed);
    if (sent < 0) {
        furrow_redis_lose(store, strerror(errno));
        return;
    }
    store->flushed += (size_t)sent;
    if (store->flushed == store->out.len) {
        if (store->out.cap > KEEP_OUTPUT_BYTES) furrow_buffer_fini(&store->out);
        furrow_buffer_reset(&store->out);
        store->flushed = 0;
    } else if (store->flushed > KEEP_OUTPUT_BYTES) {
        store->out.len -= store->flushed;
        memmove(store->out.data, store->out.data + store->flushed, store->out.len);
        store->flushed = 0;
    }
}

static void on_turn_end(furrow_hook *hook)
{
    flush(store_of_hook(hook));
}

static void on_writable(void *owner)
{
    flush(owner);
}

static void on_broken(void *owner, const char *why)
{
    furrow_redis_lose(owner, why);
}

void furrow_redis_enqueue(furrow_store *store, furrow_pipelined *request)
{
    request->prev = store->tail;
    request->next = NULL;
    request->skip = store->skip;
    store->skip = 0;
    *(store->tail ? &store->tail->next : &store->head) = request;
    store->tail = request;
    if (store->in_flight++ == 0) store->heard_ms = uv_now(furrow_loop_uv(store->loop));
    furrow_loop_defer(store->loop, &store->flush);
}

/* ---- greeting ---- */

static void read_run_id(furrow_store *store, const furrow_value *info)
{
    furrow_bytes id = {"", 0};
    if (info->kind == FURROW_VALUE_TEXT) id = furrow_eviction_field(info->text.data, "run_id");
    snprintf(store->run_id, sizeof store->run_id, "%.*s", (int)(id.len < 40 ? id.len : 40), (const char *)id.data);
}

static void on_greeted(furrow_store *store, furrow_pipelined *request)
{
    static const char *const names[FURROW_REDIS_GREETINGS] = {"AUTH", "SELECT", "INFO"};
    size_t which = (size_t)(request - store->greetings);
    if (request->status) {
        char text[256];
        snprintf(text, sizeof text, "%s: %s", names[which], request->text);
        furrow_redis_lose(store, text);
        return;
    }
    if (which != 2) return;
    read_run_id(store, &request->value);
    furrow_redis_inspect(store, &request->value);
}

static void greet(furrow_store *store, size_t which, const char *const argv[], size_t argc)
{
    furrow_pipelined *request = &store->greetings[which];
    *request = (furrow_pipelined){.done = on_greeted, .arena = store->greeting_arena};
    furrow_buffer_printf(&store->out, "*%zu\r\n", argc);
    for (size_t i = 0; i < argc; i++) furrow_pipeline_arg(&store->out, argv[i], strlen(argv[i]));
    furrow_redis_enqueue(store, request);
}

/* As what the password's file says now, if there is one. */
static furrow_status authenticate(furrow_store *store, furrow_error *err)
{
    char secret[FURROW_SETTING_SECRET_MAX];
    const char *password = store->password_file ? secret : store->password;
    if (store->password_file) {
        furrow_status status =
            furrow_settings_read_secret("the Redis password's file", store->password_file, secret, err);
        if (status != FURROW_OK) return status;
    }
    if (store->user) /* any password will do for a user without one */
        greet(store, 0, (const char *const[]){"AUTH", store->user, password ? password : ""}, 3);
    else if (password)
        greet(store, 0, (const char *const[]){"AUTH", password}, 2);
    sodium_memzero(secret, sizeof secret);
    return FURROW_OK;
}

static void on_opened(void *owner)
{
    furrow_store *store = owner;
    char database[16];
    furrow_error err = {0};
    snprintf(database, sizeof database, "%u", store->address.database);
    furrow_arena_reset(store->greeting_arena);
    if (authenticate(store, &err) != FURROW_OK) {
        furrow_redis_lose(store, err.text);
        return;
    }
    if (store->address.database > 0) greet(store, 1, (const char *const[]){"SELECT", database}, 2);
    greet(store, 2, (const char *const[]){"INFO", "server", "memory", "replication", "stats", "commandstats"}, 6);
    furrow_pulse_probe(store);
}

static void open_connection(furrow_store *store)
{
    static const furrow_socket_events events = {on_opened, on_received, on_writable, on_broken};
    furrow_error err = {0};
    if (store->reader) redisReaderFree(store->reader); /* it may hold half a reply of the connection before */
    store->reader = furrow_reply_reader_create(&store->target);
    if (!store->reader) {
        furrow_redis_lose(store, "out of memory");
        return;
    }
    store->state = FURROW_REDIS_CONNECTING;
    store->socket = furrow_socket_open(furrow_loop_uv(store->loop), &store->address, &events, store, &err);
    if (store->socket)
        furrow_pulse_start(store);
    else
        furrow_redis_lose(store, err.text);
}

/* ---- create and destroy ---- */

static void release_store(furrow_store *store)
{
    if (store->reader) redisReaderFree(store->reader);
    furrow_budget_put(&store->unread, 0);
    furrow_buffer_fini(&store->out);
    furrow_arena_destroy(store->greeting_arena);
    furrow_arena_destroy(store->inspection_arena);
    while (store->read_arena_count) furrow_arena_destroy(store->read_arenas[--store->read_arena_count]);
    furrow_eviction_fini(&store->eviction);
    free(store->user);
    free(store->password);
    free(store->password_file);
    free(store);
}

static void on_store_timer_closed(uv_handle_t *handle)
{
    furrow_store *store = handle->data;
    if (--store->handles == 0) release_store(store);
}

static bool copy_option(const char *text, char **out)
{
    *out = text && text[0] ? strdup(text) : NULL;
    return *out || !text || !text[0];
}

static furrow_store *create(furrow_loop *loop, const furrow_store_options *options, const furrow_address *address)
{
    furrow_store *store = calloc(1, sizeof *store);
    if (!store) return NULL;
    store->loop = loop;
    store->address = *address;
    store->provisioning = options->provisioning;
    store->timeout_ms = options->timeout_ms ? options->timeout_ms : FURROW_STORE_TIMEOUT_MS;
    store->max_commands = options->max_commands ? options->max_commands : 65536;
    store->backoff.base_ms = options->reconnect_min_ms ? options->reconnect_min_ms : 50;
    store->backoff.max_ms = options->reconnect_max_ms ? options->reconnect_max_ms : 2000;
    store->flush.fn = on_turn_end;
    snprintf(store->last_error, sizeof store->last_error, "not yet connected");
    furrow_buffer_init(&store->out, FURROW_REDIS_OUTPUT_BYTES);
    store->greeting_arena = furrow_arena_create(GREETING_ARENA_BYTES);
    store->inspection_arena = furrow_arena_create(GREETING_ARENA_BYTES);
    bool copied = copy_option(options->user, &store->user) && copy_option(options->password, &store->password) &&
                  copy_option(options->password_file, &store->password_file);
    bool counts = furrow_eviction_init(&store->eviction) == FURROW_OK;
    if (copied && counts && store->greeting_arena && store->inspection_arena) return store;
    release_store(store);
    return NULL;
}

furrow_store *furrow_store_create(furrow_loop *loop, const furrow_store_options *options, furrow_error *err)
{
    static const furrow_store_options defaults;
    if (!options) options = &defaults;
    furrow_address address;
    if (furrow_address_parse(options->url ? options->url : FURROW_ADDRESS_DEFAULT, &address, err)) return NULL;
    furrow_store *store = create(loop, options, &address);
    if (!store) {
        furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "out of memory");
        return NULL;
    }
    uv_timer_init(furrow_loop_uv(loop), &store->retry);
    uv_timer_init(furrow_loop_uv(loop), &store->pulse);
    store->retry.data = store->pulse.data = store;
    store->handles = 2;
    open_connection(store);
    return store;
}

void furrow_store_destroy(furrow_store *store)
{
    if (!store) return;
    disconnect(store, FURROW_REDIS_DESTROYED, "the store is closed");
    for (furrow_redis_waiting *waiting = store->waiting; waiting; waiting = waiting->next)
        furrow_waiter_done(&waiting->waiter);
    store->waiting = NULL;
    uv_close((uv_handle_t *)&store->retry, on_store_timer_closed);
    uv_close((uv_handle_t *)&store->pulse, on_store_timer_closed);
}

/* ---- what others see ---- */

bool furrow_store_connected(const furrow_store *store)
{
    return store->state == FURROW_REDIS_READY;
}

const char *furrow_store_complaint(const furrow_store *store, uint64_t *count)
{
    if (count) *count = store->complaints;
    return store->complaint;
}

const char *furrow_store_refusal(const furrow_store *store)
{
    return store->unfit[0] ? store->unfit : store->refused;
}

bool furrow_store_evicts(const furrow_store *store)
{
    return store->eviction.may;
}

uint64_t furrow_store_evictions(const furrow_store *store)
{
    return store->eviction.changes;
}

const char *furrow_store_tally(const furrow_store *store)
{
    return store->eviction.stale ? NULL : store->eviction.tally;
}

const char *furrow_store_last_error(const furrow_store *store)
{
    return store->last_error;
}

const char *furrow_store_run_id(const furrow_store *store)
{
    return store->run_id;
}

uint64_t furrow_store_generation(const furrow_store *store)
{
    return store->generation;
}

furrow_loop *furrow_store_loop(const furrow_store *store)
{
    return store->loop;
}

bool furrow_store_wait_connected(furrow_store *store, uint64_t deadline_ns)
{
    if (store->state == FURROW_REDIS_READY) return true;
    furrow_redis_waiting waiting = {.waiter = furrow_waiter_make(), .next = store->waiting};
    /* cppcheck-suppress autoVariables ; it is out of the list before this returns */
    store->waiting = &waiting;
    if (furrow_wait(&waiting.waiter, deadline_ns)) return waiting.connected;
    for (furrow_redis_waiting **link = &store->waiting; *link; link = &(*link)->next) {
        if (*link != &waiting) continue;
        *link = waiting.next;
        break;
    }
    return false;
}

void furrow_store_watch_add(furrow_store *store, furrow_store_watch *watch)
{
    watch->next = store->watches;
    store->watches = watch;
}

void furrow_store_watch_remove(furrow_store *store, furrow_store_watch *watch)
{
    if (store->next_watch == watch) store->next_watch = watch->next;
    for (furrow_store_watch **link = &store->watches; *link; link = &(*link)->next) {
        if (*link != watch) continue;
        *link = watch->next;
        return;
    }
}
