/**
 * The inside of the link, shared by its files and nobody else. Who does what:
 *   link.c          life of a link: create, destroy, watchers, waiting for the connection
 *   connection.c    life of one native connection: connect off the loop, lost, closed, tried again; liveness
 *   adapter.c       nats.c's event-loop callbacks over uv_poll; the one write at the end of a turn
 *   drain.c         after each read: finds the subscriptions that have messages and hands these over
 *   complaint.c     what the server refuses us, from nats.c's thread to the loop
 *   attempt.c       what it would refuse us
 *   subscription.c, publish.c, request.c, message.c, options.c, nkey.c, sign.c, wheel.c: as named
 *
 * A native connection never reconnects by itself: when it breaks it is disposed of and a new one is made, so nothing of
 * the old one (its output buffer, its subscriptions' queues) can leak into the new one, and all changes of state happen
 * on the loop. Other threads only get to adapter.c's on_attach and on_write (connect and flush, on the pool) and to
 * complaint.c.
 */
#ifndef FURROW_LINK_INTERNAL_H
#define FURROW_LINK_INTERNAL_H

#include "base/backoff.h"
#include "base/budget.h"
#include "base/clock.h"
#include "link/link.h"
#include "link/nkey.h"
#include "link/wheel.h"

#include <nats/nats.h>
#include <pthread.h>
#include <stdatomic.h>
#include <uv.h>

#define FURROW_LINK_INBOX_MAX     104 /* prefix and token */
#define FURROW_LINK_COMPLAINT_MAX 512
#define FURROW_LINK_ERROR_MAX     400
#define FURROW_LINK_REPLY_MAX     128 /* an inbox with the request's two tokens */
#define FURROW_LINK_CONNECT_MS    2000
#define FURROW_LINK_PROBE_MS      1500  /* between two liveness probes, and how long each waits for its answer */
#define FURROW_LINK_GOODBYE_MS    500   /* for the last flush of furrow_link_destroy */
#define FURROW_LINK_READ_BYTES    65536 /* one read; also more than a TLS record, which nats.c must get in one piece */

/* Who signs in, where that takes a signature; see sign.c. */
typedef struct furrow_signer {
    char *seed_file; /* of the seed, and of the JWT where there is one; or NULL */
    bool refused;    /* in the present attempt */
} furrow_signer;

/* One native connection, from the attempt to connect to its end. */
typedef struct furrow_connection {
    furrow_link *link;
    natsConnection *native;   /* ours from a successful connect to the end */
    natsConnection *attached; /* what nats.c attached; the same, or one whose connect failed after that */
    natsSock socket;          /* nats.c's own descriptor, */
    int fd;                   /* and our duplicate of it: it may close its own at any time, we poll ours */
    uv_poll_t poll;
    bool polling, writable_armed;
    atomic_bool want_write; /* set under nats.c's lock, from any thread */
    atomic_bool detached;   /* nats.c has closed it */
    unsigned users;         /* works on the pool that hold `native` */
    bool over;              /* no longer the link's connection */
    unsigned leave_looks;
    bool silent, leaving; /* because no probe was answered; since the server is about to end */
    furrow_signer signer;
    pthread_mutex_t lock; /* of the next two: */
    bool connecting;      /* on `thread`, in nats.c */
    pthread_t thread;
    natsStatistics *statistics;
    uint64_t messages_seen, bytes_seen;
    uint64_t backlog_since_ms; /* since when each read has left something for the next; 0: it does not */
    uv_work_t work;
    natsStatus status;
    char error[FURROW_LINK_ERROR_MAX];
} furrow_connection;

/* The wrapper that furrow_msg is the face of; pooled, see message.c. */
typedef struct furrow_message_pool furrow_message_pool;

/* What the link's own modules want to know beyond messages. */
typedef struct furrow_subscription_hooks {
    void (*drained)(void *arg);       /* all that this turn brought has been handed over */
    void (*no_responders)(void *arg); /* a reply said that nobody serves the subject */
    /* The server refuses us @subject, to publish or to subscribe: see if it is of any interest. */
    void (*refused)(void *arg, const char *subject);
} furrow_subscription_hooks;

struct furrow_subscription {
    furrow_subscription *prev, *next;
    furrow_link *link;
    natsSubscription *native; /* NULL while there is no connection, or stopped before one came */
    char *subject, *queue;
    size_t max_per_turn;
    furrow_msg_fn *fn;
    void *arg;
    const furrow_subscription_hooks *hooks; /* or NULL */
    uint64_t dropped;
    bool stopped, dead; /* dead: destroyed while messages were being handed over; freed after */
};

typedef struct furrow_request {
    furrow_wheel_node deadline;         /* first: the wheel hands out nodes */
    struct furrow_request *prev, *next; /* in flight, oldest first; or the free list (next only) */
    natsSubscription *inbox;
    uint64_t inbox_of;  /* number of the connection that `inbox` belongs to */
    uint64_t sent_turn; /* of link->turn */
    uint64_t subject;   /* hash of what it was published to */
    furrow_reply_fn *fn;
    void *arg;
    uint32_t index, generation;
    uint8_t misses; /* how often it was looked at in vain */
    bool slow;      /* on the slow list */
    char reply[FURROW_LINK_REPLY_MAX];
} furrow_request;

typedef struct furrow_request_list {
    furrow_request *head, *tail;
} furrow_request_list;

typedef struct furrow_requests {
    furrow_request **blocks; /* of FURROW_REQUEST_BLOCK slots each: addresses stay */
    size_t made, max, in_flight, idle;
    furrow_request *free_head, *free_tail; /* first in, first out: a slot rests before it is used again */
    furrow_request_list fast, slow;
    furrow_wheel wheel;
    uv_timer_t timer;
    uint64_t timer_due_ns; /* UINT64_MAX: not armed */
} furrow_requests;

typedef struct furrow_link_wait {
    struct furrow_link_wait *next;
    furrow_waiter waiter;
} furrow_link_wait;

/* What a link knows of a stream; see api.h. */
typedef struct furrow_js_stream {
    struct furrow_js_stream *next;
    char name[65], account[65]; /* as furrow_js_name_ok allows; account "": not imported */
    bool filled;                /* something was in it when we heard of it last */
} furrow_js_stream;

typedef struct furrow_attempts furrow_attempts;

struct furrow_link {
    furrow_loop *loop;
    pthread_t thread;
    furrow_link_options about; /* copied */
    furrow_connection *conn;   /* trying or connected; NULL while waiting to try again */
    bool connected, stopping;
    uint64_t connects; /* also the number of the present connection */
    furrow_backoff backoff;
    uv_timer_t retry_timer, probe_timer;
    uint64_t probe_ms;
    char error[FURROW_LINK_ERROR_MAX], complaint[FURROW_LINK_COMPLAINT_MAX];
    uint64_t complaints;
    furrow_attempts *attempts; /* those that are made now, or NULL */
    furrow_link *listed;       /* next of the list that complaint.c keeps */
    size_t max_payload;
    furrow_link_watch *watches;
    furrow_link_wait *waits;

    furrow_hook flush_hook;
    uint64_t turn; /* writes begun: what was published in the present one has surely not been sent */
    size_t buffered, max_buffered;
    furrow_budget_account output; /* nats.c's output buffer, which never shrinks: the most that it had to hold */

    furrow_subscription *subscriptions; /* the last to have had messages first */
    bool draining, have_dead, requests_first;
    furrow_requests requests;
    furrow_message_pool *messages;
    char inbox[FURROW_LINK_INBOX_MAX];
    uint64_t inboxes; /* handed out */
    furrow_js_stream *streams;

    unsigned open;      /* libuv handles and works not yet finished; destroy waits for 0 */
    atomic_uint posted; /* and posts from other threads not yet run */
    furrow_waiter closed;
};

/* options.c: also used by provision.c, which wants no event loop. @signer must outlive what is made, and is to be
 * fini'ed where that was made. Files of keys, passwords and certificates are read now. Threads: any. */
natsOptions *furrow_link_make_options(const furrow_link_options *options, furrow_signer *signer, furrow_error *err);
/* With all texts, which furrow_link_free_options frees. False: out of memory. */
bool furrow_link_copy_options(const furrow_link_options *options, furrow_link_options *out);
void furrow_link_free_options(furrow_link_options *options);
/* natsStatus as ours, with the library's text of this thread's last failure. */
furrow_status furrow_link_fail_native(furrow_error *err, natsStatus status, const char *doing);
/* The text of this thread's last failure in nats.c, without its source position. */
const char *furrow_link_native_text(natsStatus status);

/* sign.c: lets natsOptions sign in as @options say. */
furrow_status furrow_signer_init(furrow_signer *signer, natsOptions *native, const furrow_link_options *options,
                                 furrow_error *err);
void furrow_signer_fini(furrow_signer *signer);
/* natsConnection_Connect, again at once where the signature could not be sent. */
natsStatus furrow_signer_connect(furrow_signer *signer, natsOptions *options, natsConnection **out);
/* nats.c's callback: signs @nonce; refuses, and says so in the signer, what nats.c would send as nothing. */
natsStatus furrow_signer_sign(char **error, unsigned char **signature, int *len, const char *nonce, void *signer);
/* api.c: at the link's end. */
void furrow_js_forget_streams(furrow_link *link);

/* connection.c */
void furrow_connection_try(furrow_link *link);
/* The server is about to end (lame duck): no more of what others could do is taken from it, and after what was on its
 * way it is left for another. */
void furrow_connection_leave(furrow_connection *conn);
/* Ends the attempt that runs. */
void furrow_connection_hurry(furrow_link *link);
/* nats.c has closed it: disposes of it and tries again. */
void furrow_connection_lost(furrow_connection *conn);
/* Ends it whatever its state; native memory goes when nobody uses it any more. */
void furrow_connection_dispose(furrow_connection *conn);
void furrow_connection_unuse(furrow_connection *conn);

/* adapter.c */
natsStatus furrow_adapter_set(natsOptions *options, furrow_connection *conn);
void furrow_adapter_release(furrow_connection *conn); /* after natsConnection_Destroy */
int furrow_adapter_start(furrow_connection *conn);
void furrow_adapter_flush(furrow_hook *hook);
/* Writes what a turn has produced so far, before it ends. */
void furrow_adapter_relieve(furrow_link *link);

/* tls.c: INVALID_ARGUMENT names the setting and the file that is wrong in itself. */
furrow_status furrow_tls_check(const furrow_link_options *options, furrow_error *err);
/* @text is why a connection failed, in nats.c's words: says instead which certificate is the cause, if one is. */
void furrow_tls_explain(const furrow_link_options *options, char *text, size_t size);

/* complaint.c: what the server says on a thread of nats.c's reaches the link, if it still lives. */
void furrow_complaint_listen(furrow_link *link);
natsStatus furrow_complaint_set(natsOptions *options, furrow_link *link);
void furrow_complaint_forget(furrow_link *link);
/* What stands in @text behind @form, which ends with a quotation mark, up to the next one. False: nothing does. */
bool furrow_complaint_quotes(const char *text, const char *form, char out[FURROW_SUBJECT_MAX]);

/* attempt.c: the server complains of one of them, or of something else. */
void furrow_attempts_hear(furrow_attempts *self, const char *text);

/* drain.c, after a read on @conn: how many messages it brought */
size_t furrow_link_drain(furrow_connection *conn);

/* message.c */
furrow_message_pool *furrow_message_pool_create(furrow_error *err);
/* What comes next came in one read, @bytes for each message: headers count, too, and nats.c tells nobody how long they
 * are. */
void furrow_message_pool_expect(furrow_message_pool *pool, size_t bytes);
void furrow_message_pool_release(furrow_message_pool *pool);
/* No request that comes over @native is taken for the server's word that nobody serves a subject. */
void furrow_message_keep_requests(natsConnection *native);
/* Takes @native over; NULL (and @native freed) when out of memory. */
furrow_msg *furrow_message_wrap(furrow_message_pool *pool, natsMsg *native);
/* Frees @native as furrow_msg_free does. */
void furrow_message_discard(furrow_message_pool *pool, natsMsg *native);
/* The last value of header @name, or NULL. Lent. */
const char *furrow_message_last_header(const furrow_msg *msg, const char *name);
/* Its status when it is a status message of the server (no body), else 0; *description (may be NULL) is what it says. */
int furrow_message_status(const furrow_msg *msg, const char **description);

/* subscription.c */
furrow_subscription *furrow_link_subscribe_hooked(furrow_link *link, const char *subject,
                                                  const furrow_subscribe_options *options, furrow_msg_fn *fn,
                                                  const furrow_subscription_hooks *hooks, void *arg, furrow_error *err);
void furrow_subscriptions_connect(furrow_link *link);
void furrow_subscriptions_disconnect(furrow_link *link);
/* Leaves the queue groups, on this connection. */
void furrow_subscriptions_leave(furrow_link *link);
void furrow_subscriptions_reap(furrow_link *link);
/* The server refuses us @subject: asks every hook. */
void furrow_subscriptions_refused(furrow_link *link, const char *subject);
/* Hands over what @subscription has; how many that were. */
size_t furrow_subscription_drain(furrow_subscription *subscription);
/* A synchronous native subscription without limits. */
natsStatus furrow_link_subscribe_native(furrow_link *link, const char *subject, const char *queue,
                                        natsSubscription **out);

/* publish.c: may @subject stand in the protocol line? Sends with @reply, which is one of our inboxes, instead of
 * out->reply. */
bool furrow_link_subject_ok(const char *subject);
furrow_status furrow_link_send(furrow_link *link, const furrow_outgoing *out, const char *reply, furrow_error *err);

/* request.c */
furrow_status furrow_requests_init(furrow_link *link, size_t max, furrow_error *err);
void furrow_requests_fini(furrow_link *link);
/* Looks through the slots for up to @expected messages; how many it found. */
size_t furrow_requests_drain(furrow_link *link, size_t expected);
/* A message came that nobody waits for: empties the inboxes of free slots. */
void furrow_requests_sweep(furrow_link *link);
/* The server refuses us @subject: completes those that were published to it, or wait for their reply on it. */
void furrow_requests_refused(furrow_link *link, const char *subject);
/* The connection is gone: completes all in flight. */
void furrow_requests_disconnect(furrow_link *link);

/* link.c */
void furrow_link_set_connected(furrow_link *link, bool connected);
void furrow_link_opened(furrow_link *link);
void furrow_link_finished(furrow_link *link);
void furrow_link_close_timer(furrow_link *link, uv_timer_t *timer);

#endif
