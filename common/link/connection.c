/*
 * The life of one native connection:
 *
 *   (retry timer) -> trying, on the pool -> connected -> lost | closed by us -> disposed -> (retry timer)
 *
 * natsConnection_Connect blocks, so it runs on libuv's pool; so do the liveness probe (a flush, which waits for the
 * PONG) and the end of a connection that nats.c has not closed itself. `users` counts the works that hold the native
 * handle: it is destroyed when the connection is over and the last of them is done. May depend on: nats.c, libuv.
 */
#include "link/internal.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void on_connect_done(uv_work_t *work, int cancelled);

static void connect_on_pool(uv_work_t *work)
{
    furrow_connection *conn = work->data;
    natsConnection *native = NULL;
    conn->status = furrow_signer_connect(&conn->link->signer, conn->link->options, &native);
    conn->native = conn->status == NATS_OK ? native : NULL;
    if (!conn->native) snprintf(conn->error, sizeof conn->error, "%s", furrow_link_native_text(conn->status));
    nats_ReleaseThreadMemory();
}

static void free_connection(furrow_connection *conn)
{
    furrow_adapter_release(conn);
    if (conn->fd >= 0) close(conn->fd);
    natsStatistics_Destroy(conn->statistics);
    furrow_link_finished(conn->link);
    free(conn);
}

static void on_retry(uv_timer_t *timer)
{
    furrow_connection_try(timer->data);
}

static void retry_later(furrow_link *link)
{
    if (!link->stopping) uv_timer_start(&link->retry_timer, on_retry, furrow_backoff_next_ms(&link->backoff), 0);
}

static furrow_connection *make_connection(furrow_link *link)
{
    furrow_connection *conn = calloc(1, sizeof *conn);
    if (!conn) return NULL;
    conn->link = link;
    conn->fd = -1;
    conn->work.data = conn;
    if (natsStatistics_Create(&conn->statistics) == NATS_OK && furrow_adapter_set(link->options, conn) == NATS_OK)
        return conn;
    natsStatistics_Destroy(conn->statistics);
    free(conn);
    return NULL;
}

void furrow_connection_try(furrow_link *link)
{
    if (link->stopping || link->conn) return;
    furrow_connection *conn = make_connection(link);
    if (!conn) {
        snprintf(link->error, sizeof link->error, "out of memory");
        retry_later(link);
        return;
    }
    furrow_link_opened(link);
    link->conn = conn;
    if (uv_queue_work(furrow_loop_uv(link->loop), &conn->work, connect_on_pool, on_connect_done) == 0) return;
    link->conn = NULL;
    free_connection(conn);
    retry_later(link);
}

/* A host that vanished without a word is noticed by the kernel, too, while there is output. */
static void tune_socket(int fd, uint64_t probe_ms)
{
    int on = 1, unanswered_ms = (int)(2 * probe_ms);
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &unanswered_ms, sizeof unanswered_ms);
}

static void on_probe_time(uv_timer_t *timer);

static void take_up(furrow_link *link, furrow_connection *conn)
{
    tune_socket(conn->fd, link->probe_ms);
    int64_t max_payload = natsConnection_GetMaxPayload(conn->native);
    if (max_payload > 0) link->max_payload = (size_t)max_payload;
    link->connects++;
    link->buffered = 0;
    furrow_budget_put(&link->output, 0);
    link->error[0] = '\0';
    furrow_backoff_reset(&link->backoff);
    uv_timer_start(&link->probe_timer, on_probe_time, link->probe_ms, link->probe_ms);
    furrow_subscriptions_connect(link);
    furrow_link_set_connected(link, true);
    furrow_loop_defer(link->loop, &link->flush_hook);
}

static void on_connect_done(uv_work_t *work, int cancelled)
{
    furrow_connection *conn = work->data;
    furrow_link *link = conn->link;
    if (conn->status == NATS_OK && !link->stopping) {
        if (furrow_adapter_start(conn) == 0) {
            take_up(link, conn);
            return;
        }
        snprintf(conn->error, sizeof conn->error, "cannot watch the socket");
    }
    snprintf(link->error, sizeof link->error, "%s", conn->error);
    furrow_connection_dispose(conn);
    retry_later(link);
}

static void destroy_on_pool(uv_work_t *work)
{
    furrow_connection *conn = work->data;
    /* What was to be sent has been. Closing would wait half a second for a PONG that nobody reads any more: let it see
     * the end of the stream. */
    if (conn->fd >= 0 && shutdown(conn->fd, SHUT_RDWR) == 0) natsConnection_ProcessReadEvent(conn->native);
    natsConnection_Destroy(conn->native);
    nats_ReleaseThreadMemory();
}

static void on_destroyed(uv_work_t *work, int cancelled)
{
    furrow_connection *conn = work->data;
    conn->native = NULL;
    free_connection(conn);
}

/* Nobody polls it any more and no work holds it. What nats.c closed itself goes at once; else closing may wait for a
 * PONG. */
static void bury(furrow_connection *conn)
{
    if (conn->native && !atomic_load(&conn->detached) &&
        uv_queue_work(furrow_loop_uv(conn->link->loop), &conn->work, destroy_on_pool, on_destroyed) == 0)
        return;
    natsConnection_Destroy(conn->native);
    free_connection(conn);
}

void furrow_connection_unuse(furrow_connection *conn)
{
    if (--conn->users == 0 && conn->over) bury(conn);
}

static void on_poll_closed(uv_handle_t *handle)
{
    furrow_connection *conn = handle->data;
    furrow_link_finished(conn->link);
    furrow_connection_unuse(conn);
}

void furrow_connection_dispose(furrow_connection *conn)
{
    furrow_link *link = conn->link;
    if (link->conn == conn) link->conn = NULL;
    conn->over = true;
    conn->users++;
    if (conn->polling) {
        uv_close((uv_handle_t *)&conn->poll, on_poll_closed);
    } else {
        furrow_connection_unuse(conn);
    }
}

void furrow_connection_lost(furrow_connection *conn)
{
    furrow_link *link = conn->link;
    const char *text = NULL;
    natsStatus status = natsConnection_GetLastError(conn->native, &text);
    snprintf(link->error, sizeof link->error, "connection lost: %s",
             text && text[0] ? text : natsStatus_GetText(status));
    uv_timer_stop(&link->probe_timer);
    furrow_link_set_connected(link, false);
    furrow_requests_disconnect(link);
    furrow_subscriptions_disconnect(link);
    furrow_connection_dispose(conn);
    retry_later(link);
}

typedef struct probe {
    uv_work_t work;
    furrow_connection *conn;
    natsStatus status;
} probe;

static void probe_on_pool(uv_work_t *work)
{
    probe *asked = work->data;
    asked->status = natsConnection_FlushTimeout(asked->conn->native, (int64_t)asked->conn->link->probe_ms);
    nats_ReleaseThreadMemory();
}

static void on_probed(uv_work_t *work, int cancelled)
{
    probe *asked = work->data;
    furrow_connection *conn = asked->conn;
    bool silent = asked->status == NATS_TIMEOUT && !conn->over;
    free(asked);
    if (silent) furrow_connection_lost(conn);
    furrow_link_finished(conn->link);
    furrow_connection_unuse(conn);
}

static void on_probe_time(uv_timer_t *timer)
{
    furrow_link *link = timer->data;
    probe *asked = link->connected ? calloc(1, sizeof *asked) : NULL;
    if (!asked) return;
    asked->work.data = asked;
    asked->conn = link->conn;
    if (uv_queue_work(furrow_loop_uv(link->loop), &asked->work, probe_on_pool, on_probed) != 0) {
        free(asked);
        return;
    }
    link->conn->users++;
    furrow_link_opened(link);
}
