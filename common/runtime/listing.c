/* Pages of own entities; see listing.h. Depends on log and store. */
#include "runtime/listing.h"

#include "runtime/input.h"

static furrow_status unpack_page(const furrow_listing *listing, const furrow_listed *listed, size_t count,
                                 furrow_arena *arena, ProtobufCMessage **page, size_t *kept, furrow_error *err)
{
    *kept = 0;
    for (size_t i = 0; i < count; i++) {
        furrow_state state;
        furrow_status status =
            furrow_entity_unpack(listing->entity, listed[i].id, &listed[i].record, arena, &state, err);
        if (status != FURROW_OK) return status;
        if (!state.message || (listing->matches && !listing->matches(state.message, listing->request))) continue;
        state.message->n_unknown_fields = 0;
        page[(*kept)++] = state.message;
    }
    return FURROW_OK;
}

furrow_status furrow_listing_read(const furrow_listing *listing, furrow_arena *arena, ProtobufCMessage ***messages,
                                  size_t *count, char **next, furrow_error *err)
{
    furrow_record_query query = listing->query;
    furrow_listed *listed;
    size_t found, kept;
    char *after;
    query.after = listing->page_token[0] ? listing->page_token : NULL;
    furrow_status status = furrow_input_page_size(listing->page_size, &query.limit, err);
    if (status == FURROW_OK)
        status = furrow_record_list(furrow_entity_table(listing->entity), &query, arena, &listed, &found, &after, err);
    if (status != FURROW_OK) return status;
    ProtobufCMessage **page = furrow_arena_alloc(arena, (found + 1) * sizeof(ProtobufCMessage *));
    char *end = furrow_arena_strdup(arena, after ? after : "");
    if (!page || !end)
        return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "the page is too large; ask for smaller ones");
    status = unpack_page(listing, listed, found, arena, page, &kept, err);
    if (status != FURROW_OK) return status;
    *messages = page;
    *count = kept;
    *next = end;
    return FURROW_OK;
}
