/*
 * See letters.h. Counting is one question to the stream, every few seconds and soon after this process has put one there,
 * whose answer comes on the loop: nothing waits for it. A server or a user without the right to ask is asked seldom, and
 * then health says what this process knows of itself. May depend on link and replica.
 */
#include "runtime/letters.h"

#include "base/clock.h"
#include "base/logger.h"
#include "link/deadletter.h"
#include "rpc/status_message.h"
#include "runtime/assembly.h"
#include "wire/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT_EVERY_NS   (5 * FURROW_NS_PER_S)
#define REFUSED_EVERY_NS (60 * FURROW_NS_PER_S)
#define COUNT_MS         2000
#define REPLAY_MS        5000
#define REQUEST_BYTES    4096

typedef struct replica_letters {
    uint64_t put;       /* by this process, as far as they are logged */
    uint64_t failures;  /* of reactions, likewise */
    uint64_t count;     /* that lie there */
    uint64_t told;      /* how many of them the log was told of */
    char restored[160]; /* what the log was told of a restore */
} replica_letters;

struct furrow_letters {
    furrow_service *service;
    furrow_subscription *subscription;
    replica_letters *replicas;
    bool known, asking;
    uint64_t due_ns; /* when to count next */
    size_t running;  /* replays */
    furrow_waiter *ending;
};

typedef struct replay_request {
    furrow_letters *letters;
    furrow_msg *msg;
} replay_request;

/* ---- doing it again ---- */

static void reply_version(const furrow_service *service, const char *inbox, uint64_t version)
{
    char body[160];
    int len =
        snprintf(body, sizeof body, "{\"version\":\"%llu\",\"id\":\"%s\"}", (unsigned long long)version, service->id);
    (void)!furrow_link_publish(service->link, &(furrow_outgoing){.subject = inbox, .data = {body, (size_t)len}}, NULL);
}

static void reply_error(furrow_link *link, const char *inbox, furrow_error err)
{
    char line[FURROW_STATUS_LINE], text[FURROW_HEADER_TEXT_MAX], number[12];
    furrow_status_message_clean(&err);
    furrow_status_message_line(&err, line);
    furrow_header_escape(line, text);
    snprintf(number, sizeof number, "%d", (int)err.code);
    const furrow_header headers[] = {{FURROW_HEADER_ERROR, text[0] ? text : furrow_status_name(err.code)},
                                     {FURROW_HEADER_ERROR_CODE, number}};
    (void)!furrow_link_publish(link, &(furrow_outgoing){.subject = inbox, .headers = headers, .header_count = 2}, NULL);
}

static furrow_replica *find_replica_of_stream(const furrow_service *service, const char *stream)
{
    for (size_t i = 0; i < furrow_assembly_replicas(service); i++)
        if (strcmp(furrow_assembly_stream(service, i), stream) == 0) return furrow_assembly_replica(service, i);
    return NULL;
}

/* What the log of an own entity lost. */
static furrow_status restore(furrow_replica *replica, bool accept, uint64_t *version, furrow_error *err)
{
    bool needed = false;
    uint64_t deadline_ns = furrow_clock_in_ms(REPLAY_MS);
    furrow_status status = furrow_replica_restore(replica, accept, &needed, deadline_ns, err);
    *version = needed;
    return status;
}

/* All that is kept, or what @subject names. */
static furrow_status rebuild(furrow_replica *replica, const char *subject, uint64_t *version, furrow_error *err)
{
    uint64_t deadline_ns = furrow_clock_in_ms(REPLAY_MS);
    *version = 0;
    return subject[0] ? furrow_replica_reread(replica, subject, deadline_ns, version, err)
                      : furrow_replica_rebuild(replica, deadline_ns, err);
}

static furrow_status replay(furrow_letters *letters, furrow_bytes request, uint64_t *version, furrow_error *err)
{
    const furrow_service *service = letters->service;
    char *stream = NULL, *subject = NULL, *kind = NULL;
    FURROW_AUTO(furrow_arena) arena = furrow_arena_create(0);
    if (!arena) return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "out of memory");
    if (request.len > REQUEST_BYTES || !furrow_json_find_text(request, "stream", arena, &stream) ||
        !furrow_json_find_text(request, "subject", arena, &subject) ||
        !furrow_json_find_text(request, "kind", arena, &kind))
        return furrow_fail(
            err, FURROW_INVALID_ARGUMENT,
            "a replay is {\"stream\":\"…\",\"subject\":\"…\",\"kind\":\"event|reaction|restore|accept|rebuild\"}");
    bool reaction = strcmp(kind, FURROW_DEADLETTER_REACTION) == 0;
    bool accept = strcmp(kind, "accept") == 0, whole = accept || strcmp(kind, "restore") == 0;
    bool anew = strcmp(kind, "rebuild") == 0;
    if (!reaction && !whole && !anew && strcmp(kind, "event") != 0)
        return furrow_fail(err, FURROW_INVALID_ARGUMENT,
                           "kind is \"%.20s\": use event, reaction, restore, accept or rebuild", kind);
    furrow_replica *replica = find_replica_of_stream(service, stream);
    if (!replica)
        return furrow_fail(err, FURROW_FAILED_PRECONDITION, "%s keeps nothing of stream %.64s (any more)",
                           service->definition->name, stream);
    uint64_t deadline_ns = furrow_clock_in_ms(REPLAY_MS);
    (void)furrow_task_set_deadline(deadline_ns);
    furrow_status status = whole  ? restore(replica, accept, version, err)
                           : anew ? rebuild(replica, subject, version, err)
                                  : furrow_replica_redo(replica, subject, reaction, deadline_ns, version, err);
    furrow_logger(status == FURROW_OK ? FURROW_LOG_INFO : FURROW_LOG_WARN, "replay", "subject=%s kind=%s outcome=%s",
                  subject, kind, status == FURROW_OK ? "OK" : err->text);
    return status;
}

static void replay_task(void *arg)
{
    replay_request *request = arg;
    furrow_letters *letters = request->letters;
    furrow_msg *msg = request->msg;
    uint64_t version = 0;
    furrow_error err = {0};
    furrow_status status = replay(letters, msg->data, &version, &err);
    err.code = status;
    if (status == FURROW_OK)
        reply_version(letters->service, msg->reply, version);
    else
        reply_error(letters->service->link, msg->reply, err);
    furrow_msg_free(msg);
    free(request);
    if (--letters->running == 0 && letters->ending) furrow_waiter_done(letters->ending);
}

/* Only an inbox may be answered, and nothing is done that nobody would learn of. */
static void on_replay(void *arg, furrow_msg *msg)
{
    furrow_letters *letters = arg;
    furrow_error err;
    replay_request *request = NULL;
    if (!msg->reply || !furrow_subject_is_inbox(msg->reply)) {
        furrow_msg_free(msg);
        return;
    }
    furrow_status status = FURROW_RESOURCE_EXHAUSTED;
    if (letters->running >= FURROW_LETTERS_REPLAYS || !(request = malloc(sizeof *request)))
        furrow_fail(&err, status, "%d replays run already; try again", FURROW_LETTERS_REPLAYS);
    else
        *request = (replay_request){letters, msg};
    if (request) status = furrow_loop_spawn(letters->service->loop, replay_task, request, &err);
    if (status == FURROW_OK) {
        letters->running++;
        return;
    }
    err.retry_ms = FURROW_RETRY_MS;
    reply_error(letters->service->link, msg->reply, err);
    furrow_msg_free(msg);
    free(request);
}

/* ---- counting ---- */

static void on_counted(void *arg, furrow_status status, const char *text, furrow_msg *reply)
{
    furrow_letters *letters = arg;
    const furrow_service *service = letters->service;
    bool known = reply != NULL;
    (void)text;
    letters->asking = false;
    if (status == FURROW_PERMISSION_DENIED) letters->due_ns = furrow_clock_now_ns() + REFUSED_EVERY_NS;
    for (size_t i = 0; known && i < furrow_assembly_replicas(service); i++)
        known = furrow_deadletter_counted(reply, service->definition->name, furrow_assembly_stream(service, i),
                                          &letters->replicas[i].count);
    if (known || status == FURROW_PERMISSION_DENIED) letters->known = known;
    furrow_msg_free(reply);
}

static void ask_for_counts(furrow_letters *letters)
{
    const furrow_service *service = letters->service;
    uint64_t now = furrow_clock_now_ns();
    if (letters->asking || now < letters->due_ns || !furrow_link_connected(service->log)) return;
    letters->due_ns = now + COUNT_EVERY_NS;
    letters->asking =
        furrow_deadletter_count(service->log, service->definition->name, now + COUNT_MS * FURROW_NS_PER_MS, on_counted,
                                letters, NULL) == FURROW_OK;
}

bool furrow_letters_count(const furrow_letters *letters, size_t at, uint64_t *count)
{
    if (letters->known) *count = letters->replicas[at].count;
    return letters->known;
}

/* ---- the log ---- */

/* Each is worth a line, since it waits for somebody who looks at it; those that were there before are told at a start. */
static void report_replica(furrow_letters *letters, size_t at)
{
    const furrow_service *service = letters->service;
    furrow_replica *replica = furrow_assembly_replica(service, at);
    replica_letters *seen = &letters->replicas[at];
    furrow_replica_stats stats;
    furrow_replica_stats_of(replica, &stats);
    uint64_t put = stats.dead_lettered + stats.parked;
    if (put != seen->put) {
        furrow_logger(FURROW_LOG_ERROR, "dead letter", "count=%llu last=%s", (unsigned long long)(put - seen->put),
                      furrow_replica_last_letter(replica));
        letters->due_ns = 0;
    }
    if (strcmp(furrow_replica_restored(replica), seen->restored) != 0) {
        snprintf(seen->restored, sizeof seen->restored, "%s", furrow_replica_restored(replica));
        furrow_logger(FURROW_LOG_WARN, "restored", "stream=%s what=%s", furrow_assembly_stream(service, at),
                      seen->restored);
    }
    if (stats.reaction_failures != seen->failures)
        furrow_logger(
            FURROW_LOG_WARN, "reaction failed", "stream=%s count=%llu last=%s", furrow_assembly_stream(service, at),
            (unsigned long long)(stats.reaction_failures - seen->failures), furrow_replica_last_failure(replica));
    if (letters->known && seen->count > seen->told)
        furrow_logger(FURROW_LOG_WARN, "dead letters wait", "stream=%s count=%llu look=\"%s\"",
                      furrow_assembly_stream(service, at), (unsigned long long)seen->count, "furrow deadletter list");
    seen->put = put;
    seen->failures = stats.reaction_failures;
    if (letters->known) seen->told = seen->count;
}

void furrow_letters_report(furrow_letters *letters)
{
    for (size_t i = 0; i < furrow_assembly_replicas(letters->service); i++) report_replica(letters, i);
    ask_for_counts(letters);
}

/* ---- life cycle ---- */

furrow_letters *furrow_letters_create(furrow_service *service, furrow_error *err)
{
    char subject[FURROW_SUBJECT_MAX];
    const char *name = service->definition->name;
    furrow_letters *letters = calloc(1, sizeof *letters);
    if (letters) letters->replicas = calloc(furrow_assembly_replicas(service) + 1, sizeof *letters->replicas);
    if (!letters || !letters->replicas) {
        furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "out of memory");
        furrow_letters_destroy(letters);
        return NULL;
    }
    letters->service = service;
    snprintf(subject, sizeof subject, "furrow.v1.Replay.%s", name);
    furrow_subscribe_options options = {.queue = name, .max_per_turn = 1024};
    letters->subscription = furrow_link_subscribe(service->link, subject, &options, on_replay, letters, err);
    if (letters->subscription) return letters;
    furrow_letters_destroy(letters);
    return NULL;
}

furrow_status furrow_letters_drain(furrow_letters *letters, uint64_t deadline_ns, furrow_error *err)
{
    if (letters->subscription) furrow_subscription_destroy(letters->subscription);
    letters->subscription = NULL;
    while (letters->running > 0) {
        furrow_waiter waiter = furrow_waiter_make();
        letters->ending = &waiter;
        bool ended = furrow_wait(&waiter, deadline_ns);
        letters->ending = NULL;
        if (!ended) return furrow_fail(err, FURROW_DEADLINE_EXCEEDED, "%zu replays have not ended", letters->running);
    }
    return FURROW_OK;
}

void furrow_letters_destroy(furrow_letters *letters)
{
    if (!letters) return;
    if (letters->subscription) furrow_subscription_destroy(letters->subscription);
    free(letters->replicas);
    free(letters);
}
