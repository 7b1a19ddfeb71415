/*
 * What runs: every instance answers $SRV.INFO (what it owns and keeps) and, by its id, its health. Answers to the first
 * come from nobody knows how many, so they are gathered until it is quiet; whoever is known otherwise and was not heard
 * is then asked by name. What is no service of ours (no owns.… or keeps.… in its metadata) is passed over.
 */
#include "cli/lineage/lineage.h"

#include "base/clock.h"
#include "base/id.h"
#include "wire/json.h"

#include <stdlib.h>
#include <string.h>

#define QUIET_MS      300  /* nobody answers any more */
#define GATHER_MS     3000 /* whoever does */
#define HEALTH_MS     1500
#define INSTANCES_MAX 4096
#define KEEPS_CUT     255 /* bytes of a longer list that metadata holds */

typedef struct gathering {
    furrow_msg *answers[INSTANCES_MAX];
    size_t count;
    uint64_t heard_ns;
} gathering;

/* ---- $SRV.INFO ---- */

static void on_info_heard(void *arg, furrow_msg *msg)
{
    gathering *heard = arg;
    if (heard->count == INSTANCES_MAX) {
        furrow_msg_free(msg);
        return;
    }
    heard->answers[heard->count++] = msg;
    heard->heard_ns = furrow_clock_now_ns();
}

static void gather(lineage *all, gathering *heard)
{
    furrow_error err;
    char inbox[FURROW_SUBJECT_MAX];
    furrow_link *link = all->tool->link;
    furrow_link_inbox(link, inbox);
    furrow_subscription *answers = furrow_link_subscribe(link, inbox, NULL, on_info_heard, heard, &err);
    uint64_t complaints = 0, before = 0, start = furrow_clock_now_ns();
    heard->heard_ns = start;
    (void)furrow_link_complaint(link, &before);
    if (!answers ||
        furrow_link_publish(link, &(furrow_outgoing){.subject = "$SRV.INFO", .reply = inbox}, &err) != FURROW_OK) {
        lineage_note(all, true, "services cannot be asked what they keep: %s", err.text);
        furrow_subscription_destroy(answers);
        return;
    }
    for (uint64_t now = start; now - heard->heard_ns < QUIET_MS * FURROW_NS_PER_MS &&
                               now - start < GATHER_MS * FURROW_NS_PER_MS && complaints == before;
         now = furrow_clock_now_ns()) {
        furrow_task_sleep_ms(10);
        (void)furrow_link_complaint(link, &complaints);
    }
    if (complaints != before)
        lineage_note(all, false, "this user may not ask services what they keep ($SRV.INFO): %s",
                     furrow_link_complaint(link, NULL));
    furrow_subscription_destroy(answers);
}

typedef struct reading {
    lineage *all;
    const char *service;
    bool ours;
} reading;

/* The newer word of two: what runs. */
static void take_keeps(lineage *all, const char *service, const char *entity_name, const char *keeps)
{
    lineage_entity *entity = lineage_entity_of(all, entity_name);
    lineage_replica *replica = entity ? lineage_replica_of(all, service, entity) : NULL;
    if (!replica || strcmp(replica->fields, keeps) == 0) return;
    if (strlen(keeps) == KEEPS_CUT && furrow_bytes_after(replica->fields, keeps)) return;
    if (replica->fields[0])
        lineage_note(all, false, "%s runs with other fields of %s than its contract here has (%s)", service,
                     entity_name, replica->fields);
    lineage_set_fields(all, replica, keeps);
}

static void take_owns(lineage *all, const char *service, const char *entity_name, const char *owns)
{
    lineage_entity *entity = lineage_entity_of(all, entity_name);
    const char *stream = furrow_bytes_after(owns, "stream=");
    if (!entity || entity->owner[0] || !stream) return;
    char name[FURROW_ID_MAX + 1];
    snprintf(name, sizeof name, "%.*s", (int)strcspn(stream, " "), stream);
    entity->owner = lineage_text(all, service);
    entity->stream = lineage_text(all, name);
}

/* "employee.v1.Employee": identifiers with dots between. */
static bool is_entity_name(const char *name)
{
    for (const char *at = name;; at += strcspn(at, ".") + 1) {
        size_t len = strcspn(at, ".");
        if (!furrow_id_valid(at, len)) return false;
        if (!at[len]) return true;
    }
}

static void on_metadata(void *arg, furrow_bytes name, furrow_bytes value)
{
    reading *from = arg;
    char *text, key[FURROW_SUBJECT_MAX];
    if (name.len >= sizeof key || memchr(name.data, '\\', name.len) ||
        !furrow_json_read_text(value, from->all->arena, &text))
        return;
    snprintf(key, sizeof key, "%.*s", (int)name.len, (const char *)name.data);
    const char *keeps = furrow_bytes_after(key, "keeps."), *owns = furrow_bytes_after(key, "owns.");
    if ((keeps && !is_entity_name(keeps)) || (owns && !is_entity_name(owns))) return;
    from->ours |= keeps || owns;
    if (keeps) take_keeps(from->all, from->service, keeps, text);
    if (owns) take_owns(from->all, from->service, owns, text);
}

/* False: none of ours. */
static bool read_info(lineage *all, const furrow_msg *answer, lineage_instance *out)
{
    char *name, *id;
    if (!furrow_json_find_text(answer->data, "name", all->arena, &name) ||
        !furrow_json_find_text(answer->data, "id", all->arena, &id) || !furrow_id_valid(name, strlen(name)) ||
        !furrow_id_valid(id, strlen(id)))
        return false;
    reading from = {.all = all, .service = name};
    (void)furrow_json_each(answer->data, "metadata", on_metadata, &from);
    *out = (lineage_instance){name, id};
    return from.ours || lineage_find_service(all, name) != NULL;
}

/* ---- health ---- */

static void add_member(uint64_t *sum, furrow_bytes json, const char *name)
{
    int64_t value;
    if (!furrow_json_find_int(json, name, &value) || value < 0) return;
    *sum = (*sum == LINEAGE_UNKNOWN ? 0 : *sum) + (uint64_t)value;
}

static void on_replica_health(void *arg, furrow_bytes unused, furrow_bytes json)
{
    reading *from = arg;
    char *stream, *state;
    (void)unused;
    if (!furrow_json_find_text(json, "stream", from->all->arena, &stream)) return;
    for (size_t i = 0; i < from->all->replica_count; i++) {
        lineage_replica *replica = &from->all->replicas[i];
        if (strcmp(replica->service, from->service) != 0 || strcmp(replica->entity->stream, stream) != 0) continue;
        add_member(&replica->events, json, "events");
        add_member(&replica->event_bytes, json, "event_bytes");
        add_member(&replica->reads, json, "reads");
        if (furrow_json_find_text(json, "state", from->all->arena, &state) &&
            (!replica->state[0] || strcmp(replica->state, "ready") == 0))
            replica->state = lineage_text(from->all, state);
    }
}

/* One instance's answer, and what it says of the service. */
static void take_health(lineage *all, const char *name, furrow_bytes health)
{
    char *status = NULL, *why = NULL;
    lineage_service *service = lineage_find_service(all, name);
    service->instances++;
    bool serves = furrow_json_find_text(health, "status", all->arena, &status) && strcmp(status, "SERVING") == 0;
    if (serves || service->state == LINEAGE_DOWN)
        service->why = !serves && furrow_json_find_text(health, "why", all->arena, &why) ? lineage_text(all, why) : "";
    if (serves || service->state == LINEAGE_DOWN) service->state = serves ? LINEAGE_SERVING : LINEAGE_NOT_SERVING;
    reading from = {.all = all, .service = service->name};
    (void)furrow_json_each(health, "replicas", on_replica_health, &from);
}

/* All are asked at once: from another account an old server tells nobody that there is nobody, so each takes its time. */
typedef struct question {
    struct questions *of;
    const char *service;
} question;

typedef struct questions {
    lineage *all;
    question *list;
    size_t count, open;
    furrow_waiter answered;
} questions;

static void on_health_heard(void *arg, furrow_status status, const char *text, furrow_msg *reply)
{
    question *asked = arg;
    questions *of = asked->of;
    lineage_service *service = lineage_find_service(of->all, asked->service);
    if (status == FURROW_PERMISSION_DENIED)
        lineage_note(of->all, false, "this user may not ask services how they are: %s", text);
    if (reply)
        take_health(of->all, asked->service, reply->data);
    else if (service->state == LINEAGE_DOWN)
        service->why = lineage_text(of->all, text);
    furrow_msg_free(reply);
    if (--of->open == 0) furrow_waiter_done(&of->answered);
}

/* @id NULL: any instance. */
static void ask_health(questions *of, const char *service, const char *id)
{
    furrow_error err;
    char subject[FURROW_SUBJECT_MAX];
    question *asked = &of->list[of->count++];
    *asked = (question){of, service};
    snprintf(subject, sizeof subject, "furrow.v1.Health.%s%s%s", service, id ? "." : "", id ? id : "");
    if (furrow_link_request_async(of->all->tool->link, &(furrow_outgoing){.subject = subject},
                                  furrow_clock_in_ms(HEALTH_MS), on_health_heard, asked, &err) == FURROW_OK)
        of->open++;
    else
        lineage_note(of->all, true, "%s cannot be asked how it is: %s", service, err.text);
}

/* ---- both ---- */

/* An instance counts once, however often it answers. */
static bool is_new(const lineage *all, const lineage_instance *found)
{
    for (size_t i = 0; i < all->instance_count; i++)
        if (strcmp(all->instances[i].service, found->service) == 0 && strcmp(all->instances[i].id, found->id) == 0)
            return false;
    return true;
}

void lineage_discover(lineage *all)
{
    gathering *heard = calloc(1, sizeof *heard);
    FURROW_REQUIRE(heard);
    gather(all, heard);
    all->instances = calloc(heard->count + 1, sizeof *all->instances);
    FURROW_REQUIRE(all->instances);
    for (size_t i = 0; i < heard->count; i++) {
        lineage_instance *found = &all->instances[all->instance_count];
        if (read_info(all, heard->answers[i], found) && is_new(all, found) && lineage_service_of(all, found->service))
            all->instance_count++;
        furrow_msg_free(heard->answers[i]);
    }
    free(heard);
}

static bool was_heard(const lineage *all, const char *service)
{
    for (size_t i = 0; i < all->instance_count; i++)
        if (strcmp(all->instances[i].service, service) == 0) return true;
    return false;
}

void lineage_ask_health(lineage *all)
{
    questions asked = {.all = all, .answered = furrow_waiter_make()};
    asked.list = calloc(all->instance_count + all->service_count + 1, sizeof *asked.list);
    FURROW_REQUIRE(asked.list);
    for (size_t i = 0; i < all->instance_count; i++)
        ask_health(&asked, all->instances[i].service, all->instances[i].id);
    for (size_t i = 0; i < all->service_count; i++)
        if (!was_heard(all, all->services[i].name)) ask_health(&asked, all->services[i].name, NULL);
    if (asked.open > 0) (void)furrow_wait(&asked.answered, FURROW_NEVER);
    free(asked.list);
}
