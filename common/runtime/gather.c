/* See gather.h. Depends on log, replica and store. */
#include "runtime/gather.h"

void furrow_gather_init(furrow_gather *gather, furrow_service *service)
{
    *gather = (furrow_gather){.service = service};
}

size_t furrow_gather_entity(furrow_gather *gather, const furrow_entity_contract *contract, const char *id)
{
    FURROW_REQUIRE(gather->count < FURROW_GATHER_MAX);
    furrow_entity *entity = furrow_service_entity(gather->service, contract);
    gather->sources[gather->count].entity = entity;
    gather->reads[gather->count] = (furrow_record_read){.table = furrow_entity_table(entity), .id = id};
    return gather->count++;
}

size_t furrow_gather_replica(furrow_gather *gather, const furrow_replica_contract *contract, const char *id)
{
    FURROW_REQUIRE(gather->count < FURROW_GATHER_MAX);
    furrow_replica *replica = furrow_service_replica(gather->service, contract);
    gather->sources[gather->count].replica = replica;
    gather->reads[gather->count] = (furrow_record_read){.table = furrow_replica_table(replica), .id = id};
    return gather->count++;
}

void furrow_gather_ids(furrow_gather *gather, const furrow_entity_contract *contract, const char *index,
                       furrow_bytes value, size_t limit)
{
    gather->listed = (furrow_record_ids){.table = furrow_entity_table(furrow_service_entity(gather->service, contract)),
                                         .index = index,
                                         .value = value,
                                         .limit = limit};
}

furrow_status furrow_gather_read(furrow_gather *gather, furrow_arena *arena, furrow_error *err)
{
    furrow_store *store = furrow_service_store(gather->service);
    if (!gather->listed.table) return furrow_record_read_many(store, gather->reads, gather->count, arena, err);
    return furrow_record_read_with_ids(store, gather->reads, gather->count, &gather->listed, arena, err);
}

furrow_status furrow_gather_state(const furrow_gather *gather, size_t which, furrow_arena *arena, furrow_state *out,
                                  furrow_error *err)
{
    const furrow_record_read *read = &gather->reads[which];
    return furrow_entity_unpack(gather->sources[which].entity, read->id, &read->record, arena, out, err);
}

furrow_status furrow_gather_kept(const furrow_gather *gather, size_t which, furrow_arena *arena, ProtobufCMessage **out,
                                 furrow_error *err)
{
    const furrow_record_read *read = &gather->reads[which];
    return furrow_replica_unpack(gather->sources[which].replica, read->id, &read->record, arena, out, err);
}
