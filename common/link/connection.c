/*
 * The life of one native connection:
 *
 *   (retry timer) -> trying, on the pool -> connected -> lost | closed by us -> disposed -> (retry timer)
 *
 * natsConnection_Connect blocks, so it runs on libuv's pool, and so does the liveness probe (a flush, which waits for the
 * PONG). `users` counts the works that hold the native handle: it is destroyed when the connection is over and the last
 * of them is done. What the secrets' files say is read for each attempt.
 *
 * Nothing here waits for a server that is silent: nats.c bounds all of an attempt but the TLS handshake, which is
 * interrupted by a signal; a probe that is not answered ends the connection; and a connection that ends is shut first, so
 * that whoever waits for an answer on it is let go. May depend on: nats.c, libuv.
 */
#include "link/internal.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define INTERRUPT_MS    (FURROW_LINK_CONNECT_MS + 1000) /* of an attempt, and again: it may go on with another server */
#define HURRY_MS        20
#define LEAVE_WITHIN_MS 3000 /* of a server that is about to end */
#define LEAVE_LOOKS     1000
#define LEAVE_MS        100 /* for what has been begun over a connection that is left */
#define LAST_READS_MAX  64  /* of what lies in the socket of a connection that is over */
#define PROBE_SHARE     4   /* the second look takes this part of the first */

static void on_connect_done(uv_work_t *work, int cancelled);

/* ---- an attempt ---- */

static void do_nothing(int number)
{
}

/* By default ignored, and used by nobody for what it was meant for: a blocking call that it meets fails with EINTR. */
static void catch_interrupts(void)
{
    struct sigaction action = {.sa_handler = do_nothing};
    sigaction(SIGURG, &action, NULL);
}

static void enter_attempt(furrow_connection *conn, bool entered)
{
    sigset_t interrupts;
    sigemptyset(&interrupts);
    sigaddset(&interrupts, SIGURG);
    pthread_sigmask(SIG_UNBLOCK, &interrupts, NULL);
    pthread_mutex_lock(&conn->lock);
    conn->connecting = entered;
    conn->thread = pthread_self();
    pthread_mutex_unlock(&conn->lock);
}

static void interrupt_attempt(furrow_connection *conn)
{
    pthread_mutex_lock(&conn->lock);
    if (conn->connecting) pthread_kill(conn->thread, SIGURG);
    pthread_mutex_unlock(&conn->lock);
}

/* nats.c copies the options: they live as long as the attempt. What it calls back is the connection's. */
static natsStatus connect_native(furrow_connection *conn, natsOptions *options)
{
    natsStatus status = furrow_complaint_set(options, conn->link);
    if (status == NATS_OK) status = furrow_adapter_set(options, conn);
    enter_attempt(conn, true);
    if (status == NATS_OK) status = furrow_signer_connect(&conn->signer, options, &conn->native);
    enter_attempt(conn, false);
    if (status == NATS_OK) return NATS_OK;
    conn->native = NULL;
    snprintf(conn->error, sizeof conn->error, "%s", furrow_link_native_text(status));
    furrow_tls_explain(&conn->link->about, conn->error, sizeof conn->error);
    return status;
}

static void connect_on_pool(uv_work_t *work)
{
    furrow_connection *conn = work->data;
    furrow_error err = {0};
    natsOptions *options = furrow_link_make_options(&conn->link->about, &conn->signer, &err);
    if (options)
        conn->status = connect_native(conn, options);
    else
        snprintf(conn->error, sizeof conn->error, "%s", err.text);
    natsOptions_Destroy(options);
    nats_ReleaseThreadMemory();
}

static void free_connection(furrow_connection *conn)
{
    furrow_adapter_release(conn);
    if (conn->fd >= 0) close(conn->fd);
    natsStatistics_Destroy(conn->statistics);
    furrow_signer_fini(&conn->signer);
    pthread_mutex_destroy(&conn->lock);
    furrow_link_finished(conn->link);
    free(conn);
}

static void on_connection_retry(uv_timer_t *timer)
{
    furrow_connection_try(timer->data);
}

static void retry_later(furrow_link *link)
{
    if (!link->stopping)
        uv_timer_start(&link->retry_timer, on_connection_retry, furrow_backoff_next_ms(&link->backoff), 0);
}

static void on_attempt_late(uv_timer_t *timer)
{
    furrow_link *link = timer->data;
    if (link->conn) interrupt_attempt(link->conn);
}

static furrow_connection *make_connection(furrow_link *link)
{
    furrow_connection *conn = calloc(1, sizeof *conn);
    if (!conn) return NULL;
    conn->link = link;
    conn->fd = -1;
    conn->work.data = conn;
    conn->status = NATS_ERR;
    if (natsStatistics_Create(&conn->statistics) == NATS_OK && pthread_mutex_init(&conn->lock, NULL) == 0) return conn;
    natsStatistics_Destroy(conn->statistics);
    free(conn);
    return NULL;
}

void furrow_connection_try(furrow_link *link)
{
    static pthread_once_t caught = PTHREAD_ONCE_INIT;
    if (link->stopping || link->conn) return;
    pthread_once(&caught, catch_interrupts);
    furrow_connection *conn = make_connection(link);
    if (!conn) {
        snprintf(link->error, sizeof link->error, "out of memory");
        retry_later(link);
        return;
    }
    furrow_link_opened(link);
    link->conn = conn;
    if (uv_queue_work(furrow_loop_uv(link->loop), &conn->work, connect_on_pool, on_connect_done) == 0) {
        uv_timer_start(&link->retry_timer, on_attempt_late, INTERRUPT_MS, INTERRUPT_MS);
        return;
    }
    link->conn = NULL;
    free_connection(conn);
    retry_later(link);
}

void furrow_connection_hurry(furrow_link *link)
{
    if (uv_cancel((uv_req_t *)&link->conn->work) != 0) uv_timer_start(&link->retry_timer, on_attempt_late, 0, HURRY_MS);
}

/* ---- connected ---- */

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
    uv_timer_start(&link->probe_timer, on_probe_time, link->probe_ms, 0);
    furrow_message_keep_requests(conn->native);
    furrow_subscriptions_connect(link);
    furrow_link_set_connected(link, true);
    furrow_loop_defer(link->loop, &link->flush_hook);
}

static void on_connect_done(uv_work_t *work, int cancelled)
{
    furrow_connection *conn = work->data;
    furrow_link *link = conn->link;
    uv_timer_stop(&link->retry_timer);
    if (conn->status == NATS_OK && !link->stopping) {
        if (furrow_adapter_start(conn) == 0) {
            take_up(link, conn);
            return;
        }
        snprintf(conn->error, sizeof conn->error, "cannot watch the socket");
    }
    snprintf(link->error, sizeof link->error, "%s", conn->error);
    furrow_connection_dispose(conn);
    if (link->stopping) furrow_link_close_timer(link, &link->retry_timer);
    retry_later(link);
}

static void destroy_on_pool(uv_work_t *work)
{
    furrow_connection *conn = work->data;
    natsConnection_Destroy(conn->native);
    nats_ReleaseThreadMemory();
}

static void on_destroyed(uv_work_t *work, int cancelled)
{
    furrow_connection *conn = work->data;
    conn->native = NULL;
    free_connection(conn);
}

/*
 * What was to be sent has been. nats.c sees the end of the stream and closes: whoever waits for a PONG is let go, and
 * nobody waits for one at the end.
 */
static void shut(furrow_connection *conn)
{
    if (!conn->native || conn->fd < 0 || shutdown(conn->fd, SHUT_RDWR) != 0) return;
    for (int i = 0; i < LAST_READS_MAX && !atomic_load(&conn->detached); i++)
        natsConnection_ProcessReadEvent(conn->native);
}

/* Nobody polls it any more and no work holds it. What nats.c closed itself goes at once; else closing may wait for a
 * PONG. */
static void bury_connection(furrow_connection *conn)
{
    if (conn->native && !atomic_load(&conn->detached) &&
        uv_queue_work(furrow_loop_uv(conn->link->loop), &conn->work, destroy_on_pool, on_destroyed) == 0)
        return;
    natsConnection_Destroy(conn->native);
    free_connection(conn);
}

void furrow_connection_unuse(furrow_connection *conn)
{
    if (--conn->users == 0 && conn->over) bury_connection(conn);
}

static void on_connection_poll_closed(uv_handle_t *handle)
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
    shut(conn);
    if (conn->polling) {
        uv_close((uv_handle_t *)&conn->poll, on_connection_poll_closed);
    } else {
        furrow_connection_unuse(conn);
    }
}

void furrow_connection_lost(furrow_connection *conn)
{
    furrow_link *link = conn->link;
    const char *text = NULL;
    natsStatus status = natsConnection_GetLastError(conn->native, &text);
    if (conn->silent) text = "the server is silent";
    if (conn->leaving) text = "the server is about to end";
    snprintf(link->error, sizeof link->error, "connection lost: %s",
             text && text[0] ? text : natsStatus_GetText(status));
    uv_timer_stop(&link->probe_timer);
    furrow_link_set_connected(link, false);
    furrow_requests_disconnect(link);
    furrow_subscriptions_disconnect(link);
    furrow_connection_dispose(conn);
    retry_later(link);
}

/* At a moment when no answer is due, if there is one. */
static void on_left(uv_timer_t *timer)
{
    furrow_link *link = timer->data;
    if (!link->connected || !link->conn->leaving) return;
    if (link->requests.in_flight == 0 || ++link->conn->leave_looks == LEAVE_LOOKS)
        furrow_connection_lost(link->conn);
    else
        uv_timer_start(timer, on_left, 1, 0);
}

static void on_leave(uv_timer_t *timer)
{
    furrow_link *link = timer->data;
    if (!link->connected || !link->conn->leaving) return;
    furrow_subscriptions_leave(link);
    uv_timer_start(timer, on_left, LEAVE_MS, 0);
}

/* Not all at once who serve the same. The server waits ten seconds, if its configuration does not say otherwise. */
void furrow_connection_leave(furrow_connection *conn)
{
    if (conn->leaving) return;
    conn->leaving = true;
    uv_timer_start(&conn->link->retry_timer, on_leave, randombytes_uniform(LEAVE_WITHIN_MS), 0);
}

/* ---- does the server answer? ---- */

typedef struct probe {
    uv_work_t work;
    furrow_connection *conn;
    uint64_t patience_ms;
    bool second;
    natsStatus status;
} probe;

static void probe_on_pool(uv_work_t *work)
{
    probe *asked = work->data;
    asked->status = natsConnection_FlushTimeout(asked->conn->native, (int64_t)asked->patience_ms);
    nats_ReleaseThreadMemory();
}

static void send_probe(furrow_connection *conn, uint64_t patience_ms, bool second);

/* It may be us who were busy, with the answer in the socket: so there is a second, shorter look. */
static void judge_probe(furrow_connection *conn, natsStatus status, bool second)
{
    furrow_link *link = conn->link;
    conn->silent = status == NATS_TIMEOUT && second;
    if (conn->silent)
        furrow_connection_lost(conn);
    else if (status == NATS_TIMEOUT)
        send_probe(conn, link->probe_ms / PROBE_SHARE + 1, true);
    else
        uv_timer_start(&link->probe_timer, on_probe_time, link->probe_ms, 0);
}

static void on_connection_probed(uv_work_t *work, int cancelled)
{
    probe *asked = work->data;
    furrow_connection *conn = asked->conn;
    natsStatus status = asked->status;
    bool second = asked->second;
    free(asked);
    if (!conn->over) judge_probe(conn, status, second);
    furrow_link_finished(conn->link);
    furrow_connection_unuse(conn);
}

static void send_probe(furrow_connection *conn, uint64_t patience_ms, bool second)
{
    furrow_link *link = conn->link;
    probe *asked = calloc(1, sizeof *asked);
    if (asked) *asked = (probe){.work.data = asked, .conn = conn, .patience_ms = patience_ms, .second = second};
    if (!asked || uv_queue_work(furrow_loop_uv(link->loop), &asked->work, probe_on_pool, on_connection_probed) != 0) {
        free(asked);
        uv_timer_start(&link->probe_timer, on_probe_time, link->probe_ms, 0);
        return;
    }
    conn->users++;
    furrow_link_opened(link);
}

static void on_probe_time(uv_timer_t *timer)
{
    furrow_link *link = timer->data;
    if (link->connected) send_probe(link->conn, link->probe_ms, false);
}
