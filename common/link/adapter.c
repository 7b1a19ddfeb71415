/*
 * nats.c's event-loop callbacks over uv_poll. attach and write may be called from the thread pool (connect, flush),
 * read and detach from where nats.c closes; none of them touches libuv off the loop. We poll a duplicate of nats.c's
 * descriptor, since it closes its own at once when the connection breaks, while libuv still watches it.
 *
 * All output of a turn leaves in one write: nats.c's "please watch for writability" only defers furrow_adapter_flush to
 * the end of the turn; libuv is asked to watch only when the socket was full. May depend on: nats.c, libuv.
 */
#include "link/internal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#define BACKLOG_MESSAGES 64  /* of one read: fewer are not worth the look whether there are more */
#define BACKLOG_MS       100 /* until it is one that does not go away */
#define READS_MAX        16  /* a turn: more than can come meanwhile */

static natsStatus on_attach(void **user, void *arg, natsConnection *native, natsSock fd)
{
    furrow_connection *conn = arg;
    conn->attached = native;
    conn->socket = fd;
    conn->fd = dup((int)fd);
    *user = conn;
    return conn->fd >= 0 ? NATS_OK : NATS_SYS_ERROR;
}

static natsStatus on_read(void *user, bool add)
{
    /*
     * Reading is always watched while attached. Its removal means that the connection closes: from 3.9.2 on nats.c
     * leaves closing its descriptor to the adapter, so that nobody polls it meanwhile; we poll our own.
     */
#ifdef FURROW_NATS_HAS_CLOSE_EVENT
    furrow_connection *conn = user;
    if (!add) natsConnection_ProcessCloseEvent(&conn->socket);
#endif
    return NATS_OK;
}

static void flush_soon(void *arg)
{
    furrow_link *link = arg;
    atomic_fetch_sub(&link->posted, 1);
    if (link->connected) furrow_loop_defer(link->loop, &link->flush_hook);
}

static natsStatus on_write(void *user, bool add)
{
    furrow_connection *conn = user;
    furrow_link *link = conn->link;
    atomic_store_explicit(&conn->want_write, add, memory_order_relaxed);
    if (!add) return NATS_OK;
    if (pthread_equal(pthread_self(), link->thread)) {
        furrow_loop_defer(link->loop, &link->flush_hook);
        return NATS_OK;
    }
    atomic_fetch_add(&link->posted, 1);
    if (furrow_loop_post(link->loop, flush_soon, link)) return NATS_OK;
    atomic_fetch_sub(&link->posted, 1);
    return NATS_NO_MEMORY;
}

static natsStatus on_detach(void *user)
{
    atomic_store(&((furrow_connection *)user)->detached, true);
    return NATS_OK;
}

void furrow_adapter_release(furrow_connection *conn)
{
    /* From 3.11 on nats.c keeps a detached connection until the adapter says that it has let go of it. */
#ifdef FURROW_NATS_HAS_DETACHED_EVENT
    if (conn->attached && atomic_load(&conn->detached)) natsConnection_ProcessDetachedEvent(conn->attached);
#endif
    conn->attached = NULL;
}

natsStatus furrow_adapter_set(natsOptions *options, furrow_connection *conn)
{
    return natsOptions_SetEventLoop(options, conn, on_attach, on_read, on_write, on_detach);
}

/* More than one read can take in lies there. */
static bool has_backlog(const furrow_connection *conn, size_t messages)
{
    int left = 0;
    return messages >= BACKLOG_MESSAGES && ioctl(conn->fd, FIONREAD, &left) == 0 && left > 0;
}

/*
 * One read a turn: what comes in a burst may wait in the socket while the turn does what the last one brought. But a
 * backlog that does not go away means that more comes than is done. Then it must not wait where nobody sees how long it
 * has: each turn takes in as much as several reads bring, and who handles it can refuse what is too much.
 */
static void read_connection(furrow_connection *conn)
{
    uint64_t now_ms = uv_now(furrow_loop_uv(conn->link->loop));
    for (unsigned reads = 0; reads < READS_MAX; reads++) {
        natsConnection_ProcessReadEvent(conn->native);
        size_t messages = furrow_link_drain(conn);
        if (atomic_load(&conn->detached)) return;
        if (!has_backlog(conn, messages)) {
            conn->backlog_since_ms = 0;
            return;
        }
        if (conn->backlog_since_ms == 0) conn->backlog_since_ms = now_ms;
        if (now_ms - conn->backlog_since_ms < BACKLOG_MS) return;
    }
}

static void on_ready(uv_poll_t *poll, int status, int events)
{
    furrow_connection *conn = poll->data;
    if (events & UV_WRITABLE) furrow_loop_defer(conn->link->loop, &conn->link->flush_hook);
    /* An error on the descriptor is found by reading, which gives it a name. */
    if ((events & UV_READABLE) || status < 0) read_connection(conn);
    if (conn->over) return;
    if (atomic_load(&conn->detached))
        furrow_connection_lost(conn);
    else if (status < 0) /* libuv watches no more after an error, but what came before it is read first */
        uv_poll_start(poll, UV_READABLE, on_ready);
}

int furrow_adapter_start(furrow_connection *conn)
{
    int failed = uv_poll_init(furrow_loop_uv(conn->link->loop), &conn->poll, conn->fd);
    if (failed) return failed;
    furrow_link_opened(conn->link);
    conn->polling = true;
    conn->poll.data = conn;
    return uv_poll_start(&conn->poll, UV_READABLE, on_ready);
}

static void watch_writable(furrow_connection *conn, bool watch)
{
    if (conn->writable_armed == watch) return;
    conn->writable_armed = watch;
    uv_poll_start(&conn->poll, watch ? UV_READABLE | UV_WRITABLE : UV_READABLE, on_ready);
}

bool furrow_link_held(const furrow_link *link)
{
    return link->connected && link->conn && link->conn->writable_armed;
}

/* True when the socket did not take all. */
static bool write_output(furrow_link *link, furrow_connection *conn)
{
    link->turn++;
    if (link->buffered > link->output.bytes) furrow_budget_put(&link->output, link->buffered);
    if (atomic_load_explicit(&conn->want_write, memory_order_relaxed)) natsConnection_ProcessWriteEvent(conn->native);
    if (atomic_load(&conn->detached)) return false;
    bool left = atomic_load_explicit(&conn->want_write, memory_order_relaxed);
    int buffered = left ? natsConnection_Buffered(conn->native) : 0;
    link->buffered = buffered > 0 ? (size_t)buffered : 0;
    return left;
}

void furrow_adapter_flush(furrow_hook *hook)
{
    furrow_link *link = (furrow_link *)((char *)hook - offsetof(furrow_link, flush_hook));
    furrow_connection *conn = link->conn;
    if (!link->connected || !conn) return;
    bool left = write_output(link, conn);
    if (atomic_load(&conn->detached))
        furrow_connection_lost(conn);
    else
        watch_writable(conn, left);
}

void furrow_adapter_relieve(furrow_link *link)
{
    furrow_connection *conn = link->conn;
    /* While the socket is full it says itself when it is not; a connection that broke is buried at the end of the turn.
     */
    if (!conn->writable_armed && !atomic_load(&conn->detached)) {
        bool left = write_output(link, conn);
        if (!atomic_load(&conn->detached)) watch_writable(conn, left);
    }
    furrow_loop_defer(link->loop, &link->flush_hook);
}
