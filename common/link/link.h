/**
 * The link: one NATS connection on the loop. The only code that knows nats.c, together with jetstream.h and
 * provision.h.
 *
 * nats.c runs in event-loop mode: subscriptions are synchronous and drained after each read, all output of a turn
 * leaves in one write. A link connects in the background and reconnects for ever with bounded back-off and jitter, each
 * time with a fresh native connection: there is no reconnect buffer, what was not sent when the connection broke is
 * dropped. A request in flight when the connection breaks ends at once: UNAVAILABLE if it was published in a turn whose
 * output had not begun to leave (it has not run), else DEADLINE_EXCEEDED "outcome unknown". Threads: the loop's.
 * nats.c's own threads only post to the loop.
 */
#ifndef FURROW_LINK_LINK_H
#define FURROW_LINK_LINK_H

#include "base/arena.h"
#include "base/bytes.h"
#include "base/loop.h"
#include "wire/header.h"

typedef struct furrow_link furrow_link;
typedef struct furrow_subscription furrow_subscription;

typedef struct furrow_link_options {
    const char *url;          /* NULL: nats://127.0.0.1:4222; a comma-separated list is a cluster */
    const char *name;         /* shown by the server's connection list */
    const char *inbox_prefix; /* NULL: "_INBOX" ; "_INBOX_timesheet" where permissions demand one's own */
    const char *nkey_seed;    /* path of a file with the NKey seed, or NULL */
    const char *credentials;  /* path of a .creds file, or NULL */
    const char *user, *password;
    const char *password_file;               /* whose first line is the password, instead; or NULL */
    const char *tls_ca, *tls_cert, *tls_key; /* paths; tls_ca turns TLS on */
    /* What named those three files, for refusals; NULL: FURROW_NATS_CA, FURROW_NATS_CERT, FURROW_NATS_KEY. */
    const char *tls_ca_from, *tls_cert_from, *tls_key_from;
    uint64_t reconnect_min_ms, reconnect_max_ms; /* 0: 100 and 5000 */
    uint64_t probe_ms; /* after so long the server must answer a PING, within as long again and a quarter of it, else it
                          counts as lost; 0: 1500, so a link that went dark is found within 3.4 s */
    size_t max_buffered_bytes; /* output a turn may pile up before publish answers RESOURCE_EXHAUSTED; 0: 64 MiB */
    size_t max_requests;       /* requests in flight; 0: 16384 */
} furrow_link_options;

/*
 * Copies what it keeps of @options and starts to connect; being unable to connect now is not an error. The files that
 * @options name are read again for each connection: keys, passwords and certificates may be exchanged at any time, and
 * one that cannot be read then is why that attempt fails. INVALID_ARGUMENT: one cannot be read now, or is not what it is
 * to be, or TLS is asked for in part (a certificate without its key, either without the CA).
 */
furrow_link *furrow_link_create(furrow_loop *loop, const furrow_link_options *options, furrow_error *err);

/* Flushes what is pending (500 ms at most), ends requests in flight, closes and frees. In a task; parks. Its
 * subscriptions, watches and pulls have been destroyed before; messages may outlive it. */
void furrow_link_destroy(furrow_link *link);

bool furrow_link_connected(const furrow_link *link);
furrow_loop *furrow_link_loop(const furrow_link *link);
uint64_t furrow_link_reconnects(const furrow_link *link);
size_t furrow_link_max_payload(const furrow_link *link); /* the server's limit; 1 MiB while unknown */

/* Parks until connected or the deadline. */
bool furrow_link_wait_connected(furrow_link *link, uint64_t deadline_ns);

/* Called on the loop at each change; a list of watchers owned by their modules. */
typedef struct furrow_link_watch {
    void (*fn)(struct furrow_link_watch *watch, bool connected);
    struct furrow_link_watch *next;
} furrow_link_watch;
void furrow_link_watch_add(furrow_link *link, furrow_link_watch *watch);
void furrow_link_watch_remove(furrow_link *link, furrow_link_watch *watch);

/* Why the last connection attempt failed, for people; "" when connected. */
const char *furrow_link_last_error(const furrow_link *link);

/* What the server last refused us on a connection that stayed (a missing permission), for logs; "" when nothing.
 * @count, if not NULL: how often. Requests that were refused end PERMISSION_DENIED, pulls report it; a mere publish has
 * nobody to tell. */
const char *furrow_link_complaint(const furrow_link *link, uint64_t *count);

/**
 * A message that came in. Owned by who received it: furrow_msg_free (or hand it on). Everything in it is lent until
 * then.
 */
typedef struct furrow_msg {
    const char *subject;
    const char *reply; /* NULL when none */
    furrow_bytes data;
    size_t weight; /* memory it takes with its headers, about: it counts in the process's budget until it is freed */
    void *native;  /* the library's own */
} furrow_msg;
void furrow_msg_free(furrow_msg *msg);
FURROW_AUTO_DEFINE(furrow_msg, furrow_msg_free);

/* Has it a header block at all (cheap)? The first value of header @name, or NULL; and the one behind @value, which is
 * NULL or another one's, of the message. Case does not matter. A block that cannot be read has no header. */
bool furrow_msg_has_headers(const furrow_msg *msg);
const char *furrow_msg_header(const furrow_msg *msg, const char *name);
const char *furrow_msg_header_next(const furrow_msg *msg, const char *name, const char *value);

/* INVALID_ARGUMENT when there is a block that cannot be read, with the line. */
furrow_status furrow_msg_check_headers(const furrow_msg *msg, furrow_error *err) FURROW_MUST_USE;

/* Walks all headers. */
void furrow_msg_each_header(const furrow_msg *msg, void (*fn)(void *arg, const char *name, const char *value),
                            void *arg);

/* Receives @msg and owns it. Outside of a task, on the loop; must not block: spawn a task for what waits. */
typedef void furrow_msg_fn(void *arg, furrow_msg *msg);

/*
 * @queue NULL: a plain subscription. Subscriptions are made again after a reconnect. max_per_turn 0: unlimited, else
 * messages past it within one turn are freed and counted.
 */
typedef struct furrow_subscribe_options {
    const char *queue;
    size_t max_per_turn;
} furrow_subscribe_options;
furrow_subscription *furrow_link_subscribe(furrow_link *link, const char *subject,
                                           const furrow_subscribe_options *options, furrow_msg_fn *fn, void *arg,
                                           furrow_error *err);
/* Tells the server to send no more; what it sent before still arrives. Then destroy frees. */
void furrow_subscription_stop(furrow_subscription *subscription);
void furrow_subscription_destroy(furrow_subscription *subscription);

/* Round trip to the server (PING/PONG by a no-op request or flush): all that was sent before has been taken. Parks. */
furrow_status furrow_link_flush(furrow_link *link, uint64_t deadline_ns, furrow_error *err) FURROW_MUST_USE;

typedef struct furrow_outgoing {
    const char *subject;
    const char *reply;            /* or NULL */
    const furrow_header *headers; /* or NULL */
    size_t header_count;
    furrow_bytes data;
} furrow_outgoing;

/* Does what was published wait because NATS took no more of it? It holds back whoever sends to a client that reads
 * nothing. */
bool furrow_link_held(const furrow_link *link);

/* Leaves at the end of the turn. UNAVAILABLE when not connected, RESOURCE_EXHAUSTED past max_buffered_bytes,
 * INVALID_ARGUMENT when larger than the server takes. Everything is copied. */
furrow_status furrow_link_publish(furrow_link *link, const furrow_outgoing *out, furrow_error *err) FURROW_MUST_USE;

/*
 * A message with headers that is made once and sent to many subjects: what it costs is the copy into the output.
 * Headers and body are copied. NULL when out of memory, or when they are no valid ones.
 */
typedef struct furrow_ready_made furrow_ready_made;
furrow_ready_made *furrow_link_make_ready(const furrow_header headers[], size_t header_count, furrow_bytes data);
void furrow_ready_made_destroy(furrow_ready_made *made);

/* As furrow_link_publish, but RESOURCE_EXHAUSTED much sooner: what is sent to many can be done without by each, and must
 * not keep what cannot waiting where the socket takes no more. */
furrow_status furrow_link_publish_ready(furrow_link *link, furrow_ready_made *made, const char *subject,
                                        furrow_error *err) FURROW_MUST_USE;

/**
 * Request and one reply through the connection's wildcard inbox (no subscription per call).
 * request parks the task; request_async, when it returns OK, calls @fn exactly once, later, on the loop; else never.
 * Errors: UNAVAILABLE (no responders, not connected, connection broke before it left), DEADLINE_EXCEEDED (it may have
 * run), RESOURCE_EXHAUSTED (max_requests), PERMISSION_DENIED (the server refused the subject or the inbox: told as soon
 * as it says so, to every request in flight on that subject). A reply that carries an error status is still a reply:
 * look at its headers. A reply after the deadline, or a second one, goes nowhere. (A second one that comes after 64
 * later requests could be taken for another's: allow_responses { max: 1 } in the permissions of responders excludes
 * it.) A deadline is kept to 2 ms.
 */
furrow_status furrow_link_request(furrow_link *link, const furrow_outgoing *out, uint64_t deadline_ns,
                                  furrow_msg **reply, furrow_error *err) FURROW_MUST_USE;
/* @reply is owned by @fn; NULL on failure, then @status and @text say why. */
typedef void furrow_reply_fn(void *arg, furrow_status status, const char *text, furrow_msg *reply);
furrow_status furrow_link_request_async(furrow_link *link, const furrow_outgoing *out, uint64_t deadline_ns,
                                        furrow_reply_fn *fn, void *arg, furrow_error *err) FURROW_MUST_USE;

/* A new inbox subject of our own under the inbox prefix. */
void furrow_link_inbox(furrow_link *link, char out[FURROW_SUBJECT_MAX]);

#endif
