/*
 * The blocking client; see blocking.h. What passes between a caller's thread and the client's:
 *
 *   caller                                        client
 *   pushes its call onto `posted`; whoever        takes all that is posted, the oldest first: an asynchronous call
 *   finds that empty wakes the client             each; what they send leaves in one write at the end of the turn
 *   sleeps                                        a reply is unpacked into its caller's arena, and its wakeup noted;
 *   returns, or pauses and posts it again         at the end of the turn all that are noted are sent
 *
 * A call is on its caller's stack. It is the caller's until it is pushed, then the client's until its wakeup is
 * noted, and nobody else's ever: all its fields are without locks. Nothing is lost between the two: only the client
 * takes off `posted`, and it takes everything, so whoever finds it empty is the first since and wakes; and once closed
 * it holds a mark that no push passes. Depends on link and the client.
 */
#include "rpc/blocking.h"

#include "base/clock.h"
#include "rpc/retry.h"
#include "rpc/wakeups.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#define CONNECT_MS 5000
#define ATTEMPTS   3

static const char closed_text[] = "the client is closed";

typedef struct posted_call {
    struct posted_call *next; /* among what is posted */
    furrow_blocking *blocking;
    const furrow_method_contract *method;
    const ProtobufCMessage *request;
    furrow_call_options options;
    ProtobufCMessage *response;
    furrow_retry retry;
    bool begun;        /* an attempt was: retry is set */
    bool may_have_run; /* an attempt may */
    bool again;        /* ended: another attempt is worth it, after a pause */
    uint64_t pause_ms;
    furrow_status status;
    furrow_error err;
    furrow_sleeper caller;
} posted_call;

struct furrow_blocking {
    _Atomic(posted_call *) posted; /* the newest first */
    uv_async_t wake;
    atomic_bool closing;

    /* The client's thread's. */
    furrow_loop *loop;
    furrow_link *link;
    furrow_client *client;
    furrow_client_options options;
    furrow_retry_budget budget;
    furrow_waiter closed;
    furrow_hook turn_end;
    furrow_wakeups wakeups; /* callers sleep there */

    pthread_t thread;
    pid_t process;
    pthread_mutex_t lock; /* of pausing callers, */
    pthread_cond_t shut;  /* whom closing wakes */
};

/* In the place of what is posted: no more is. */
static posted_call closed_mark;

static void send_wakeups(furrow_hook *hook)
{
    furrow_blocking *self = (furrow_blocking *)((char *)hook - offsetof(furrow_blocking, turn_end));
    furrow_wakeups_send(&self->wakeups);
}

/* What an attempt's status means for the call, when no other follows. */
static void conclude_call(posted_call *call, bool closing)
{
    if (closing && call->status == FURROW_DEADLINE_EXCEEDED) {
        call->status = furrow_fail(&call->err, FURROW_CANCELLED, "%s: the client was closed meanwhile, it may have run",
                                   call->method->name);
    } else if (call->may_have_run && call->status == FURROW_UNAVAILABLE) {
        call->status = call->err.code = FURROW_DEADLINE_EXCEEDED;
        furrow_wrap(&call->err, "an earlier attempt may have run; the last");
    }
}

static void end_attempt(posted_call *call, furrow_status status, const furrow_error *err)
{
    furrow_blocking *self = call->blocking;
    call->status = status;
    call->again = false;
    if (status != FURROW_OK) {
        bool closing = atomic_load(&self->closing);
        call->err = *err;
        call->again =
            !closing && call->begun && furrow_retry_after(&call->retry, status, err->retry_ms, &call->pause_ms);
        if (!call->again) conclude_call(call, closing);
        if (status == FURROW_DEADLINE_EXCEEDED) call->may_have_run = true;
    }
    furrow_wakeups_note(&self->wakeups, &call->caller); /* and the call is gone */
    furrow_loop_defer(self->loop, &self->turn_end);
}

static void on_blocking_reply(void *arg, furrow_status status, const furrow_error *err,
                              const ProtobufCMessage *response)
{
    posted_call *call = arg;
    call->response = (ProtobufCMessage *)(uintptr_t)response; /* in its caller's arena */
    end_attempt(call, status, err);
}

/* How often, and until when, it is tried. */
static void set_retry(furrow_blocking *self, posted_call *call, uint64_t now_ns)
{
    const furrow_call_options *options = &call->options;
    bool safe = call->method->idempotency != FURROW_IDEMPOTENCY_UNKNOWN || options->idempotency_key;
    uint32_t usual_ms = call->method->timeout_ms ? call->method->timeout_ms : self->options.timeout_ms;
    uint64_t deadline = now_ns + (options->timeout_ms ? options->timeout_ms : usual_ms) * FURROW_NS_PER_MS;
    if (options->deadline_ns && options->deadline_ns < deadline) deadline = options->deadline_ns;
    call->retry = furrow_retry_make(&self->budget, safe ? self->options.max_attempts : 1,
                                    self->options.attempt_timeout_ms, deadline);
    call->begun = true;
}

static void begin_attempt(furrow_blocking *self, posted_call *call)
{
    furrow_error err = {0};
    furrow_call_options options = call->options;
    uint64_t now = furrow_clock_now_ns();
    bool first = !call->begun;
    if (first) set_retry(self, call, now);
    uint64_t until = furrow_retry_attempt_deadline(&call->retry, now);
    /* Of a first attempt that has all of the time the client knows the deadline by itself, and need not send it. */
    if (!first || until != call->retry.deadline_ns) options.deadline_ns = until;
    furrow_status status =
        furrow_client_call_async(self->client, call->method, call->request, &options, on_blocking_reply, call, &err);
    if (status != FURROW_OK) end_attempt(call, status, &err);
}

static void refuse_posted(posted_call *call)
{
    furrow_error err;
    call->begun = false;
    furrow_fail(&err, FURROW_UNAVAILABLE, "%s: %s", call->method->name, closed_text);
    end_attempt(call, FURROW_UNAVAILABLE, &err);
}

static void take_posted(uv_async_t *wake)
{
    furrow_blocking *self = wake->data;
    bool closing = atomic_load(&self->closing);
    posted_call *newest = atomic_exchange(&self->posted, closing ? &closed_mark : NULL), *oldest = NULL;
    while (newest && newest != &closed_mark) {
        posted_call *next = newest->next;
        newest->next = oldest;
        oldest = newest;
        newest = next;
    }
    while (oldest) {
        posted_call *next = oldest->next;
        if (closing)
            refuse_posted(oldest);
        else
            begin_attempt(self, oldest);
        oldest = next;
    }
    if (closing) furrow_waiter_done(&self->closed);
}

/* False when the client is closed. */
static bool post_call(furrow_blocking *self, posted_call *call)
{
    posted_call *newest = atomic_load_explicit(&self->posted, memory_order_relaxed);
    do {
        if (newest == &closed_mark) return false;
        call->next = newest;
    } while (!atomic_compare_exchange_weak(&self->posted, &newest, call));
    if (!newest) uv_async_send(&self->wake);
    return true;
}

/* Until @pause_ms have passed, or the client is closed. */
static void pause_caller(furrow_blocking *self, uint64_t pause_ms)
{
    uint64_t end_ns = furrow_clock_in_ms(pause_ms);
    struct timespec end = {.tv_sec = (time_t)(end_ns / FURROW_NS_PER_S), .tv_nsec = (long)(end_ns % FURROW_NS_PER_S)};
    pthread_mutex_lock(&self->lock);
    while (!atomic_load(&self->closing) && furrow_clock_now_ns() < end_ns)
        pthread_cond_timedwait(&self->shut, &self->lock, &end);
    pthread_mutex_unlock(&self->lock);
}

static void make_attempts(furrow_blocking *self, posted_call *call)
{
    for (;;) {
        call->caller = furrow_sleeper_make();
        if (!post_call(self, call)) break;
        furrow_sleeper_await(&self->wakeups, &call->caller);
        if (!call->again) return;
        pause_caller(self, call->pause_ms);
    }
    if (!call->begun) furrow_fail(&call->err, FURROW_UNAVAILABLE, "%s: %s", call->method->name, closed_text);
    call->status = call->err.code;
    conclude_call(call, false);
}

furrow_status furrow_blocking_call(furrow_blocking *self, const furrow_method_contract *method,
                                   const ProtobufCMessage *request, const furrow_call_options *options,
                                   furrow_arena *arena, ProtobufCMessage **response, furrow_error *err)
{
    posted_call call = {.blocking = self, .method = method, .request = request};
    int cancelling;
    FURROW_REQUIRE(furrow_task_self() == NULL);
    if (getpid() != self->process)
        return furrow_fail(err, FURROW_FAILED_PRECONDITION,
                           "%s: the client is of the process that forked this one: make one here", method->name);
    if (options) call.options = *options;
    call.options.arena = arena;
    /* The call is on this stack: no cancellation may take it away meanwhile. */
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancelling);
    make_attempts(self, &call);
    pthread_setcancelstate(cancelling, NULL);
    if (call.status == FURROW_OK)
        *response = call.response;
    else if (err)
        *err = call.err;
    return call.status;
}

/* Of create, which waits meanwhile. */
typedef struct opening {
    furrow_blocking *blocking;
    const furrow_blocking_options *options;
    furrow_error *err;
    bool failed;
    sem_t done;
} opening;

static bool connect_blocking(furrow_blocking *self, const opening *open)
{
    uint32_t ms = open->options->connect_ms ? open->options->connect_ms : CONNECT_MS;
    self->link = furrow_link_create(self->loop, &open->options->link, open->err);
    if (!self->link) return false;
    if (!furrow_link_wait_connected(self->link, furrow_clock_in_ms(ms))) {
        furrow_fail(open->err, FURROW_UNAVAILABLE, "no connection to NATS within %u ms: %s", ms,
                    furrow_link_last_error(self->link));
        return false;
    }
    self->client = furrow_client_create(self->link, &self->options, open->err);
    return self->client != NULL;
}

static void serve_blocking(void *arg)
{
    opening *open = arg;
    furrow_blocking *self = open->blocking;
    open->failed = !connect_blocking(self, open);
    bool failed = open->failed;
    sem_post(&open->done); /* create goes on, and `open` is gone */
    if (!failed) furrow_wait(&self->closed, FURROW_NEVER);
    furrow_client_destroy(self->client);
    furrow_link_destroy(self->link);
}

static void *run_blocking(void *arg)
{
    opening *open = arg;
    furrow_loop *loop = open->blocking->loop;
    furrow_error err;
    if (furrow_loop_run_task(loop, serve_blocking, open, &err) != FURROW_OK) {
        if (open->err) *open->err = err;
        open->failed = true;
        sem_post(&open->done);
    }
    return NULL;
}

/* The program's signals are its threads' own. */
static int start_thread(furrow_blocking *self, opening *open)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(&self->thread, NULL, run_blocking, open);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return failed;
}

static void init_locks(furrow_blocking *self)
{
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&self->shut, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pthread_mutex_init(&self->lock, NULL);
}

static furrow_blocking *make_blocking(const furrow_blocking_options *options, furrow_error *err)
{
    furrow_blocking *self = calloc(1, sizeof *self);
    if (!self) {
        furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "out of memory");
        return NULL;
    }
    self->loop = furrow_loop_create(NULL, err);
    if (!self->loop) {
        free(self);
        return NULL;
    }
    init_locks(self);
    self->process = getpid();
    self->options = options->client;
    if (self->options.timeout_ms == 0) self->options.timeout_ms = FURROW_RPC_TIMEOUT_MS;
    if (self->options.max_attempts == 0) self->options.max_attempts = ATTEMPTS;
    self->budget = furrow_retry_budget_make();
    uv_async_init(furrow_loop_uv(self->loop), &self->wake, take_posted); /* has its descriptor: the loop has one, too */
    self->wake.data = self;
    self->turn_end.fn = send_wakeups;
    return self;
}

static void free_blocking(furrow_blocking *self)
{
    uv_close((uv_handle_t *)&self->wake, NULL);
    furrow_loop_destroy(self->loop);
    pthread_cond_destroy(&self->shut);
    pthread_mutex_destroy(&self->lock);
    free(self);
}

furrow_blocking *furrow_blocking_create(const furrow_blocking_options *options, furrow_error *err)
{
    static const furrow_blocking_options defaults;
    furrow_blocking *self = make_blocking(options ? options : &defaults, err);
    if (!self) return NULL;
    opening open = {.blocking = self, .options = options ? options : &defaults, .err = err};
    sem_init(&open.done, 0, 0);
    int failed = start_thread(self, &open);
    if (failed) {
        furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "cannot make a thread: error %d", failed);
    } else {
        while (sem_wait(&open.done) != 0 && errno == EINTR) continue;
        if (open.failed) pthread_join(self->thread, NULL);
    }
    sem_destroy(&open.done);
    if (!failed && !open.failed) return self;
    free_blocking(self);
    return NULL;
}

void furrow_blocking_close(furrow_blocking *self)
{
    if (!self || getpid() != self->process) return;
    pthread_mutex_lock(&self->lock);
    if (!atomic_exchange(&self->closing, true)) {
        pthread_cond_broadcast(&self->shut);
        uv_async_send(&self->wake);
    }
    pthread_mutex_unlock(&self->lock);
}

void furrow_blocking_destroy(furrow_blocking *self)
{
    if (!self || getpid() != self->process) return;
    furrow_blocking_close(self);
    pthread_join(self->thread, NULL);
    free_blocking(self);
}
