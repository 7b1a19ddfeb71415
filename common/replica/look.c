/* The keeper's looks: what Redis, the log and the durable say, from which verdict.c decides. */
#include "replica/inside.h"
#include "replica/loss.h"

#include <stdio.h>

#define STARVED_LOOKS 2

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
 * log is asked once more before it is called too short: it may only have grown since.)
 */
static furrow_status check_not_astray(furrow_replica *replica, furrow_error *err)
{
    furrow_js_consumer_state *consumer = &replica->consumer;
    uint64_t told = furrow_larger(consumer->delivered_seq, consumer->ack_floor_seq), astray = replica->astray_seq;
    if (told > replica->sight.stream.last_seq) {
        furrow_status status = look_at_stream(replica, err);
        if (status != FURROW_OK) return status;
        if (told > replica->sight.stream.last_seq) astray = furrow_larger(astray, told);
    }
    if (consumer->delivered_seq > astray && replica->marker.position >= astray) astray = 0;
    replica->astray_seq = astray;
    if (astray == 0) return FURROW_OK;
    uint64_t end = replica->sight.stream.last_seq;
    consumer->ack_floor_seq = 0;
    if (consumer->delivered_seq <= astray) consumer->delivered_seq = end < astray ? end : astray;
    return FURROW_OK;
}

furrow_status furrow_look_at_consumer(furrow_replica *replica, furrow_error *err)
{
    const char *durable = replica->options.service;
    furrow_status status = furrow_js_consumer_info(replica->link, replica->stream, durable, furrow_replica_soon(),
                                                   &replica->consumer, err);
    replica->deserted = status == FURROW_NOT_FOUND;
    if (replica->deserted) {
        replica->consumer = (furrow_js_consumer_state){.created_ns = 0};
        replica->astray_seq = 0;
        return FURROW_OK;
    }
    if (status != FURROW_OK) return furrow_wrap(err, "look at consumer %s on %s", durable, replica->stream);
    return check_not_astray(replica, err);
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
    snprintf(sight->run_id, sizeof sight->run_id, "%s", furrow_store_run_id(replica->store));
    furrow_status status = furrow_steward_claim(replica, err);
    if (status == FURROW_OK) status = furrow_marker_read(replica->table, &sight->marker, err);
    if (status == FURROW_OK) status = look_at_stream(replica, err);
    if (status == FURROW_OK) status = furrow_look_at_consumer(replica, err);
    if (status == FURROW_OK) status = furrow_loss_look(replica, err);
    if (status != FURROW_OK) return status;
    if (furrow_store_generation(replica->store) != replica->generation)
        return furrow_fail(err, FURROW_UNAVAILABLE, "Redis was connected anew");
    sight->settled = replica->settled;
    replica->marker = sight->marker;
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
