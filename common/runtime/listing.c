/* Pages of own entities; see listing.h. Depends on log and store. */
#include "runtime/listing.h"

#include "runtime/input.h"

static furrow_status unpack_page(const furrow_listing *listing, const furrow_listed *listed, size_t count,
                                 furrow_arena *arena, furrow_page *page, furrow_error *err)
{
    for (size_t i = 0; i < count; i++) {
        furrow_state state;
        furrow_status status =
            furrow_entity_unpack(listing->entity, listed[i].id, &listed[i].record, arena, &state, err);
        if (status == FURROW_DATA_LOSS) {
            page->damaged_ids[page->damaged_count++] = (char *)(uintptr_t)listed[i].id;
            continue;
        }
        if (status != FURROW_OK) return status;
        if (!state.message || (listing->matches && !listing->matches(state.message, listing->request))) continue;
        state.message->n_unknown_fields = 0;
        page->versions[page->count] = state.version;
        page->messages[page->count++] = state.message;
    }
    return FURROW_OK;
}

furrow_status furrow_listing_read(const furrow_listing *listing, furrow_arena *arena, furrow_page *out,
                                  furrow_error *err)
{
    furrow_record_query query = listing->query;
    furrow_listed *listed;
    size_t found;
    char *after;
    query.after = listing->page_token[0] ? listing->page_token : NULL;
    furrow_status status = furrow_input_page_size(listing->page_size, &query.limit, err);
    if (status == FURROW_OK)
        status = furrow_record_list(furrow_entity_table(listing->entity), &query, arena, &listed, &found, &after, err);
    if (status != FURROW_OK) return status;
    furrow_page page = {.messages = furrow_arena_alloc(arena, (found + 1) * sizeof(ProtobufCMessage *)),
                        .versions = furrow_arena_alloc(arena, (found + 1) * sizeof(uint64_t)),
                        .damaged_ids = furrow_arena_alloc(arena, (found + 1) * sizeof(char *)),
                        .next = furrow_arena_strdup(arena, after ? after : "")};
    if (!page.messages || !page.versions || !page.damaged_ids || !page.next)
        return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "the page is too large; ask for smaller ones");
    status = unpack_page(listing, listed, found, arena, &page, err);
    if (status == FURROW_OK) *out = page;
    return status;
}

furrow_status furrow_listing_ids(furrow_entity *entity, const furrow_record_query *query, furrow_arena *arena,
                                 furrow_ids *out, furrow_error *err)
{
    furrow_listed *listed;
    furrow_ids page = {0};
    char *next;
    furrow_status status =
        furrow_record_list(furrow_entity_table(entity), query, arena, &listed, &page.count, &next, err);
    if (status != FURROW_OK) return status;
    page.ids = furrow_arena_alloc(arena, (page.count + 1) * sizeof *page.ids);
    if (!page.ids) return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "the page is too large; ask for smaller ones");
    for (size_t i = 0; i < page.count; i++) page.ids[i] = listed[i].id;
    page.next = next;
    *out = page;
    return FURROW_OK;
}

furrow_status furrow_listing_kept(furrow_replica *replica, const furrow_record_query *query, furrow_arena *arena,
                                  ProtobufCMessage ***out, size_t *count, furrow_error *err)
{
    furrow_listed *listed;
    size_t found, kept = 0;
    char *next;
    furrow_status status = furrow_record_list(furrow_replica_table(replica), query, arena, &listed, &found, &next, err);
    if (status != FURROW_OK) return status;
    ProtobufCMessage **messages = furrow_arena_alloc(arena, (found + 1) * sizeof *messages);
    if (!messages) return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "the page is too large; ask for smaller ones");
    for (size_t i = 0; i < found; i++) {
        status = furrow_replica_unpack(replica, listed[i].id, &listed[i].record, arena, &messages[kept], err);
        if (status != FURROW_OK) return status;
        if (messages[kept]) kept++;
    }
    *out = messages;
    *count = kept;
    return FURROW_OK;
}
