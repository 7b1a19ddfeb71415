/*
 * The life of a link, its watchers, and waiting for its connection. `open` counts what libuv or the pool still holds of
 * it; destroy parks until nothing does. May depend on: libuv, libsodium; nats.c through connection.c.
 */
#include "link/internal.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RECONNECT_MIN_MS 100
#define RECONNECT_MAX_MS 5000
#define MAX_BUFFERED     (64u << 20)
#define MAX_PAYLOAD      (1u << 20)
#define PREFIX_MAX       80
#define SECRET_BYTES     15 /* 20 characters */

void furrow_link_opened(furrow_link *link)
{
    link->open++;
}

void furrow_link_finished(furrow_link *link)
{
    if (--link->open == 0 && link->stopping) furrow_waiter_done(&link->closed);
}

/* Others may publish to inboxes: what keeps an answer ours is that nobody can guess where it is awaited. */
static furrow_status set_inbox(furrow_link *link, const char *prefix, furrow_error *err)
{
    unsigned char random[SECRET_BYTES];
    char token[sodium_base64_ENCODED_LEN(SECRET_BYTES, sodium_base64_VARIANT_URLSAFE_NO_PADDING)];
    if (!prefix) prefix = "_INBOX";
    if (strlen(prefix) > PREFIX_MAX || !furrow_link_subject_ok(prefix))
        return furrow_fail(err, FURROW_INVALID_ARGUMENT, "inbox prefix: a subject of at most %d bytes", PREFIX_MAX);
    FURROW_REQUIRE(sodium_init() >= 0);
    randombytes_buf(random, sizeof random);
    sodium_bin2base64(token, sizeof token, random, sizeof random, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    snprintf(link->inbox, sizeof link->inbox, "%s.%s", prefix, token);
    return FURROW_OK;
}

static void init_timer(furrow_link *link, uv_timer_t *timer)
{
    uv_timer_init(furrow_loop_uv(link->loop), timer);
    timer->data = link;
    furrow_link_opened(link);
}

static void free_link(furrow_link *link)
{
    furrow_complaint_forget(link);
    furrow_requests_fini(link);
    furrow_budget_put(&link->output, 0);
    furrow_message_pool_release(link->messages);
    furrow_link_free_options(&link->about);
    free(link);
}

/* A missing key is told now, not only by the first attempt. */
static furrow_status keep_options(furrow_link *link, const furrow_link_options *options, furrow_error *err)
{
    furrow_signer signer;
    natsOptions *native = furrow_link_make_options(options, &signer, err);
    if (!native) return err ? err->code : FURROW_INVALID_ARGUMENT;
    natsOptions_Destroy(native);
    furrow_signer_fini(&signer);
    return furrow_link_copy_options(options, &link->about)
               ? FURROW_OK
               : furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "out of memory");
}

furrow_link *furrow_link_create(furrow_loop *loop, const furrow_link_options *options, furrow_error *err)
{
    static const furrow_link_options defaults;
    if (!options) options = &defaults;
    furrow_link *link = calloc(1, sizeof *link);
    if (!link) {
        furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "out of memory");
        return NULL;
    }
    link->loop = loop;
    link->thread = pthread_self();
    link->flush_hook.fn = furrow_adapter_flush;
    link->max_payload = MAX_PAYLOAD;
    link->max_buffered = options->max_buffered_bytes ? options->max_buffered_bytes : MAX_BUFFERED;
    link->backoff.base_ms = options->reconnect_min_ms ? options->reconnect_min_ms : RECONNECT_MIN_MS;
    link->backoff.max_ms = options->reconnect_max_ms ? options->reconnect_max_ms : RECONNECT_MAX_MS;
    link->probe_ms = options->probe_ms ? options->probe_ms : FURROW_LINK_PROBE_MS;
    link->messages = furrow_message_pool_create(err);
    furrow_complaint_listen(link);
    if (!link->messages || keep_options(link, options, err) != FURROW_OK ||
        set_inbox(link, options->inbox_prefix, err) != FURROW_OK ||
        furrow_requests_init(link, options->max_requests, err) != FURROW_OK) {
        free_link(link);
        return NULL;
    }
    snprintf(link->error, sizeof link->error, "not yet connected");
    init_timer(link, &link->retry_timer);
    init_timer(link, &link->probe_timer);
    init_timer(link, &link->requests.timer);
    furrow_connection_try(link);
    return link;
}

static void on_link_timer_closed(uv_handle_t *handle)
{
    furrow_link_finished(handle->data);
}

void furrow_link_close_timer(furrow_link *link, uv_timer_t *timer)
{
    timer->data = link;
    uv_close((uv_handle_t *)timer, on_link_timer_closed);
}

void furrow_link_destroy(furrow_link *link)
{
    if (!link) return;
    uint64_t deadline = furrow_clock_in_ms(FURROW_LINK_GOODBYE_MS);
    if (link->connected) (void)!furrow_link_flush(link, deadline, NULL);
    link->stopping = true;
    link->closed = furrow_waiter_make();
    furrow_link_set_connected(link, false);
    furrow_requests_disconnect(link);
    while (link->subscriptions) furrow_subscription_destroy(link->subscriptions);
    /* One that is still trying disposes of itself, and of its timer, when its attempt is over. */
    if (link->conn && !link->conn->polling) {
        furrow_connection_hurry(link);
    } else {
        if (link->conn) furrow_connection_dispose(link->conn);
        furrow_link_close_timer(link, &link->retry_timer);
    }
    furrow_link_close_timer(link, &link->probe_timer);
    furrow_link_close_timer(link, &link->requests.timer);
    furrow_wait(&link->closed, FURROW_NEVER);
    while (atomic_load(&link->posted) > 0) furrow_task_sleep_ms(1);
    furrow_js_forget_streams(link);
    free_link(link);
}

bool furrow_link_connected(const furrow_link *link)
{
    return link->connected;
}

furrow_loop *furrow_link_loop(const furrow_link *link)
{
    return link->loop;
}

uint64_t furrow_link_reconnects(const furrow_link *link)
{
    return link->connects > 1 ? link->connects - 1 : 0;
}

size_t furrow_link_max_payload(const furrow_link *link)
{
    return link->max_payload;
}

const char *furrow_link_last_error(const furrow_link *link)
{
    return link->connected ? "" : link->error;
}

const char *furrow_link_complaint(const furrow_link *link, uint64_t *count)
{
    if (count) *count = link->complaints;
    return link->complaint;
}

void furrow_link_watch_add(furrow_link *link, furrow_link_watch *watch)
{
    watch->next = link->watches;
    link->watches = watch;
}

void furrow_link_watch_remove(furrow_link *link, furrow_link_watch *watch)
{
    for (furrow_link_watch **at = &link->watches; *at; at = &(*at)->next) {
        if (*at != watch) continue;
        *at = watch->next;
        return;
    }
}

void furrow_link_set_connected(furrow_link *link, bool connected)
{
    if (link->connected == connected) return;
    link->connected = connected;
    while (connected && link->waits) {
        furrow_link_wait *wait = link->waits;
        link->waits = wait->next;
        furrow_waiter_done(&wait->waiter);
    }
    for (furrow_link_watch *at = link->watches, *next; at; at = next) {
        next = at->next; /* a watch may remove itself */
        at->fn(at, connected);
    }
}

bool furrow_link_wait_connected(furrow_link *link, uint64_t deadline_ns)
{
    if (link->connected) return true;
    furrow_link_wait wait = {.next = link->waits, .waiter = furrow_waiter_make()};
    link->waits = &wait;
    if (furrow_wait(&wait.waiter, deadline_ns)) return link->connected;
    for (furrow_link_wait **at = &link->waits; *at; at = &(*at)->next) {
        if (*at != &wait) continue;
        *at = wait.next;
        break;
    }
    return link->connected;
}

void furrow_link_inbox(furrow_link *link, char out[FURROW_SUBJECT_MAX])
{
    /* One token after ours: never the two of a request's inbox. */
    snprintf(out, FURROW_SUBJECT_MAX, "%s.x%llx", link->inbox, (unsigned long long)link->inboxes++);
}

typedef struct flush_call {
    natsConnection *native;
    int64_t timeout_ms;
    natsStatus status;
} flush_call;

static void flush_on_pool(void *arg)
{
    flush_call *call = arg;
    call->status = natsConnection_FlushTimeout(call->native, call->timeout_ms);
    nats_ReleaseThreadMemory();
}

furrow_status furrow_link_flush(furrow_link *link, uint64_t deadline_ns, furrow_error *err)
{
    uint64_t now = furrow_clock_now_ns();
    if (!link->connected) return furrow_fail(err, FURROW_UNAVAILABLE, "not connected to NATS: %s", link->error);
    if (deadline_ns <= now) return furrow_fail(err, FURROW_DEADLINE_EXCEEDED, "flush: the deadline had passed");
    uint64_t left_ms = (deadline_ns - now) / FURROW_NS_PER_MS + 1;
    furrow_connection *conn = link->conn;
    flush_call call = {.native = conn->native, .timeout_ms = left_ms > 3600000 ? 3600000 : (int64_t)left_ms};
    conn->users++;
    furrow_status status = furrow_loop_work(link->loop, flush_on_pool, &call, err);
    furrow_connection_unuse(conn);
    if (status != FURROW_OK) return status;
    if (call.status == NATS_OK) return FURROW_OK;
    return furrow_fail(err, call.status == NATS_TIMEOUT ? FURROW_DEADLINE_EXCEEDED : FURROW_UNAVAILABLE, "flush: %s",
                       natsStatus_GetText(call.status));
}
