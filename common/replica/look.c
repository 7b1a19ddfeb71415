/* The keeper's looks: what Redis, the log and the durable say, from which verdict.c decides. */
#include "replica/inside.h"
#include "replica/loss.h"

#include "wire/subject.h"

#include <stdio.h>

#define STARVED_LOOKS     2
#define EVENT_ARENA_BYTES ((size_t)96 << 20)

static furrow_status look_at_stream(furrow_replica *replica, furrow_error *err)
{
    furrow_status status =
        furrow_js_stream_info(replica->link, replica->stream, furrow_replica_soon(), &replica->sight.stream, err);
    if (status == FURROW_NOT_FOUND)
        return furrow_fail(err, status, "stream %s: not found; run `furrow provision`", replica->stream);
    return status == FURROW_OK ? status : furrow_wrap(err, "look at stream %s", replica->stream);
}

/*
 * A log that went back without its durables: what they were told of events that are no more says nothing of those that
 * take their place, which the durable leaves out until the log has grown past what it knows. So up to there its word
 * counts for nothing, however long the log is by now, until it goes on past that and all up to there was read aside. (The
 * log is asked once more before it is called too short: it may only have grown since.) Who looks later does not see it any
 * more: so the marker tells it, and what others took for applied since, who did not know, is read again by who found it.
 */
static furrow_status check_not_astray(furrow_replica *replica, furrow_error *err)
{
    furrow_js_consumer_state *consumer = &replica->consumer;
    furrow_sight *sight = &replica->sight;
    uint64_t told = furrow_larger(consumer->delivered_seq, consumer->ack_floor_seq), known = replica->marker.astray;
    if (sight->untold <= known) sight->untold = 0;
    if (sight->untold == 0) sight->untold_from = replica->marker.position;
    if (told > sight->stream.last_seq) {
        furrow_status status = look_at_stream(replica, err);
        if (status != FURROW_OK) return status;
        if (told > sight->stream.last_seq && told > known) sight->untold = furrow_larger(sight->untold, told);
    }
    uint64_t astray = furrow_larger(known, sight->untold), end = sight->stream.last_seq;
    bool through = consumer->delivered_seq > astray && replica->marker.position >= astray;
    replica->astray_seq = through && sight->untold == 0 ? 0 : astray;
    if (replica->astray_seq == 0) return FURROW_OK;
    consumer->ack_floor_seq = 0;
    if (consumer->delivered_seq <= astray) consumer->delivered_seq = end < astray ? end : astray;
    return FURROW_OK;
}

furrow_status furrow_look_at_consumer(furrow_replica *replica, furrow_error *err)
{
    const char *durable = replica->options.service;
    if (replica->options.own) return FURROW_OK; /* there is none */
    furrow_status status = furrow_js_consumer_info(replica->link, replica->stream, durable, furrow_replica_soon(),
                                                   &replica->consumer, err);
    replica->deserted = status == FURROW_NOT_FOUND;
    if (replica->deserted) {
        replica->consumer = (furrow_js_consumer_state){.created_ns = 0};
        replica->astray_seq = replica->sight.untold = 0;
        return FURROW_OK;
    }
    if (status != FURROW_OK) return furrow_wrap(err, "look at consumer %s on %s", durable, replica->stream);
    return check_not_astray(replica, err);
}

/*
 * What a command wrote stands in the marker at once, and its time only when the log was asked for it. A log that lost it
 * before, and grew again, has another event there: of another entity, or with other bytes. Each record is written in one
 * step with the marker, so the one that the event is of tells. *time_ns: when the log took it, if the record is of it.
 */
static furrow_status look_at_newest(furrow_replica *replica, const furrow_marker *marker, uint64_t log_end,
                                    furrow_newest *out, int64_t *time_ns, furrow_error *err)
{
    uint64_t newest = marker->newest;
    furrow_js_stored event = {0};
    furrow_record record = {.found = false};
    furrow_bytes id; /* the subject's last token, so it ends with a NUL */
    *out = FURROW_NEWEST_UNKNOWN;
    *time_ns = 0;
    if (newest <= marker->dated || newest > log_end) return FURROW_OK;
    FURROW_AUTO(furrow_arena) arena = furrow_arena_create(EVENT_ARENA_BYTES);
    if (!arena) return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "out of memory");
    furrow_status status =
        furrow_js_get(replica->link, replica->stream, newest, furrow_replica_soon(), arena, &event, err);
    if (status == FURROW_NOT_FOUND) return FURROW_OK;
    if (status != FURROW_OK)
        return furrow_wrap(err, "look at event %llu of %s", (unsigned long long)newest, replica->stream);
    *out = FURROW_NEWEST_OTHER;
    if (furrow_subject_id(event.subject, replica->entity, &id, NULL) != FURROW_OK) return FURROW_OK;
    status = furrow_record_read_unverified(replica->table, id.data, arena, &record, err);
    if (status != FURROW_OK) return status;
    bool same = record.version == newest && (!replica->options.own || furrow_bytes_equal(record.body, event.data));
    if (!record.found)
        *out = FURROW_NEWEST_MISSING;
    else if (record.version > newest || same)
        *out = FURROW_NEWEST_OURS;
    if (record.found && same) *time_ns = event.timestamp_ns;
    return FURROW_OK;
}

furrow_status furrow_look_date_newest(furrow_replica *replica, uint64_t log_end, furrow_error *err)
{
    furrow_marker marker;
    furrow_newest newest;
    int64_t time_ns = 0;
    furrow_status status = furrow_look_is_undisturbed(replica, err);
    if (status == FURROW_OK) status = furrow_marker_read(replica->table, &marker, err);
    if (status == FURROW_OK) status = look_at_newest(replica, &marker, log_end, &newest, &time_ns, err);
    if (status == FURROW_OK) status = furrow_look_is_undisturbed(replica, err);
    if (status != FURROW_OK || time_ns == 0) return status;
    return furrow_marker_note(replica->table, marker.newest, time_ns, err);
}

/* Marker, then stream, then consumer: positions only grow, so in this order a later one is never behind for being older
 * news. */
furrow_status furrow_look(furrow_replica *replica, furrow_error *err)
{
    furrow_sight *sight = &replica->sight;
    if (!furrow_store_connected(replica->store)) return furrow_fail(err, FURROW_UNAVAILABLE, "Redis is away");
    replica->generation = furrow_store_generation(replica->store);
    replica->moment = furrow_table_moment(replica->table);
    replica->looked_links = furrow_link_reconnects(replica->link) + 1;
    const char *tally = furrow_store_tally(replica->store);
    if (!tally) return furrow_fail(err, FURROW_UNAVAILABLE, "Redis has evicted something, and says what in a moment");
    snprintf(sight->run_id, sizeof sight->run_id, "%s", furrow_store_run_id(replica->store));
    snprintf(sight->tally, sizeof sight->tally, "%s", tally);
    furrow_status status = furrow_steward_claim(replica, err);
    if (status == FURROW_OK) status = furrow_marker_read(replica->table, &sight->marker, err);
    if (status == FURROW_OK) replica->marker = sight->marker;
    if (status == FURROW_OK) status = look_at_stream(replica, err);
    if (status == FURROW_OK) status = furrow_look_at_consumer(replica, err);
    if (status == FURROW_OK) status = furrow_loss_look(replica, err);
    if (status == FURROW_OK)
        status = look_at_newest(replica, &sight->marker, sight->stream.last_seq, &sight->newest, &(int64_t){0}, err);
    if (status != FURROW_OK) return status;
    if (furrow_store_generation(replica->store) != replica->generation)
        return furrow_fail(err, FURROW_UNAVAILABLE, "Redis was connected anew");
    sight->settled = replica->settled;
    furrow_table_set_epoch(replica->table, sight->epoch.begun);
    return FURROW_OK;
}

/* Lag 0 alone is no proof: nothing is pending, nothing in anybody's hands, and yet the durable is behind the log. */
void furrow_look_for_starvation(furrow_replica *replica)
{
    const furrow_js_consumer_state *consumer = &replica->consumer;
    if (!replica->beside.durable || replica->deserted) {
        replica->starved = 0;
        replica->sight.starving = false;
        return;
    }
    uint64_t reached =
        furrow_larger(furrow_larger(consumer->delivered_seq, consumer->ack_floor_seq), replica->marker.position);
    bool behind = consumer->pending == 0 && consumer->ack_pending == 0 && reached < replica->sight.stream.last_seq;
    replica->starved = behind ? replica->starved + 1 : 0;
    replica->sight.starving = replica->starved >= STARVED_LOOKS;
}

/* What was read through an older connection may be of another log. */
bool furrow_look_knows_log(const furrow_replica *replica)
{
    return furrow_link_reconnects(replica->link) + 1 == replica->looked_links;
}

furrow_status furrow_look_is_undisturbed(const furrow_replica *replica, furrow_error *err)
{
    if (furrow_store_generation(replica->store) != replica->generation || !furrow_store_connected(replica->store))
        return furrow_fail(err, FURROW_UNAVAILABLE, "Redis was lost");
    return furrow_look_knows_log(replica) ? FURROW_OK : furrow_fail(err, FURROW_UNAVAILABLE, "NATS was lost");
}
