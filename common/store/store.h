/**
 * The store: one asynchronous Redis connection on the loop. The only code that knows hiredis, together with record.h.
 *
 * Commands of one turn leave in one write and their answers come in order; a caller parks until its own has come, at
 * most until its task's deadline (base/task.h): then UNAVAILABLE. The store connects in the background and reconnects
 * for ever with bounded back-off and jitter. While it is not connected every command fails UNAVAILABLE at once;
 * commands in flight when that begins fail UNAVAILABLE too (they may have run, or run later; all ours are idempotent).
 *
 * Connected means that Redis serves us now: AUTH, SELECT and INFO were answered, and so was the last probe. A Redis
 * that has been silent for timeout_ms (it hangs, or somebody's command takes so long), that answers BUSY (somebody's
 * script runs), that loads its data, that has not the function library that this build calls (functions.h), or that
 * refuses us, is not connected: furrow_store_last_error says which. Each is noticed within 1.4 times timeout_ms, also
 * when nobody asks anything, and over within a tenth of it once Redis serves again. A Redis that answers READONLY is
 * left, as its name may lead to another by now, and is not connected to while it does; so is one that stays silent for
 * 4 times timeout_ms. Threads: the loop's, in a task.
 */
#ifndef FURROW_STORE_STORE_H
#define FURROW_STORE_STORE_H

#include "base/arena.h"
#include "base/bytes.h"
#include "base/loop.h"

typedef struct furrow_store furrow_store;

#define FURROW_STORE_TIMEOUT_MS 1000

typedef struct furrow_store_options {
    const char
        *url; /* "redis://host[:port][/db]" or "unix:///path", without a password; NULL: redis://127.0.0.1:6379 */
    const char *user, *password; /* AUTH, or NULL */
    const char *password_file;   /* whose first line is the password, instead: read for each connection; or NULL */
    uint64_t reconnect_min_ms, reconnect_max_ms; /* 0: 50 and 2000 */
    uint64_t timeout_ms; /* silent for so long while an answer is due: not connected; 0: FURROW_STORE_TIMEOUT_MS */
    size_t max_commands; /* in flight; past it RESOURCE_EXHAUSTED; 0: 65536 */
    bool provisioning;   /* to load the library of functions: does not wait for it */
} furrow_store_options;

/* NULL only for a wrong URL or want of memory; everything is copied. */
furrow_store *furrow_store_create(furrow_loop *loop, const furrow_store_options *options, furrow_error *err);
/* Fails what is in flight; its memory goes when the loop has run once more. NULL is fine. */
void furrow_store_destroy(furrow_store *store);
bool furrow_store_connected(const furrow_store *store);
/*
 * Why Redis, though connected, cannot be relied on to keep what we write, for people; "" when it can. It takes no
 * writes (it is full, cannot save, misses its replicas), it may evict (any maxmemory-policy but noeviction, with a
 * maxmemory), or it is no primary. Reads work, and so does what makes room. Noticed within a second, or by whoever is
 * refused; over within as long. The watches are told as if it were not connected.
 */
const char *furrow_store_refusal(const furrow_store *store);
/* It may evict: what was kept in it meanwhile may be gone. */
bool furrow_store_evicts(const furrow_store *store);
/* Grows whenever a look at Redis finds that it may evict, or has evicted something since the look before. */
uint64_t furrow_store_evictions(const furrow_store *store);
/*
 * What this process of Redis has evicted since it began: "<run id> <count>", and more when somebody has reset its count
 * since. As long as it is the same, nothing was. NULL: it has changed, and is asked for; "": Redis does not say.
 */
#define FURROW_STORE_TALLY_SIZE 96
const char *furrow_store_tally(const furrow_store *store);
/* Why it is not connected, for people; "" when it is. */
const char *furrow_store_last_error(const furrow_store *store);

/* What Redis last refused us although we were connected (a command or key we have no permission for, memory that is
 * full), for logs; "" when nothing. @count, if not NULL: how often. Its caller got the error too. */
const char *furrow_store_complaint(const furrow_store *store, uint64_t *count);

/* Redis's run id of the current connection: another one means another process, which may have lost its last writes. */
const char *furrow_store_run_id(const furrow_store *store);
/* Grows at each (re)connect; a Redis that was silent and came back on the same connection is the same. */
uint64_t furrow_store_generation(const furrow_store *store);
bool furrow_store_wait_connected(furrow_store *store, uint64_t deadline_ns);
furrow_loop *furrow_store_loop(const furrow_store *store);

/* Called on the loop at each change. */
typedef struct furrow_store_watch {
    void (*fn)(struct furrow_store_watch *watch, bool connected);
    struct furrow_store_watch *next;
} furrow_store_watch;
void furrow_store_watch_add(furrow_store *store, furrow_store_watch *watch);
void furrow_store_watch_remove(furrow_store *store, furrow_store_watch *watch);

/* An answer, in the caller's arena. */
typedef enum furrow_value_kind {
    FURROW_VALUE_NIL,
    FURROW_VALUE_TEXT,
    FURROW_VALUE_INTEGER,
    FURROW_VALUE_LIST
} furrow_value_kind;
typedef struct furrow_value {
    furrow_value_kind kind;
    furrow_bytes text; /* NUL-terminated after len */
    int64_t integer;
    struct furrow_value *items;
    size_t count;
} furrow_value;

/* One command; parks. An error answer of Redis is INTERNAL (or UNAVAILABLE for LOADING, READONLY, CLUSTERDOWN;
 * RESOURCE_EXHAUSTED for OOM; PERMISSION_DENIED for NOPERM) with its text. */
furrow_status furrow_store_command(furrow_store *store, const furrow_bytes argv[], size_t argc, furrow_arena *arena,
                                   furrow_value *out, furrow_error *err) FURROW_MUST_USE;

#endif
