/* Own entities by many ids; see lookup.h. Depends on log and store. */
#include "runtime/lookup.h"

#include "wire/subject.h"

#include <stdio.h>
#include <string.h>

static furrow_status check_lookup_ids(char *const ids[], size_t count, furrow_error *err)
{
    char field[32];
    if (count == 0) return furrow_fail_field(err, "ids", "is empty: whose state is wanted?");
    if (count > FURROW_LOOKUP_MAX)
        return furrow_fail_field(err, "ids", "has %zu; at most %d: ask in parts", count, FURROW_LOOKUP_MAX);
    for (size_t i = 0; i < count; i++) {
        if (furrow_subject_check_id(ids[i], strlen(ids[i]), "ids", NULL) == FURROW_OK) continue;
        snprintf(field, sizeof field, "ids[%zu]", i);
        return furrow_subject_check_id(ids[i], strlen(ids[i]), field, err);
    }
    return FURROW_OK;
}

static furrow_status too_large(furrow_error *err)
{
    return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "the answer is too large; ask for fewer at once");
}

static furrow_status unpack_found(furrow_entity *entity, const furrow_record_read reads[], char *const ids[],
                                  size_t count, furrow_arena *arena, furrow_lookup *found, furrow_error *err)
{
    for (size_t i = 0; i < count; i++) {
        furrow_state *state = &found->states[found->count];
        furrow_status status = furrow_entity_unpack(entity, ids[i], &reads[i].record, arena, state, err);
        if (status == FURROW_DATA_LOSS) {
            found->damaged_ids[found->damaged_count++] = ids[i];
            continue;
        }
        if (status != FURROW_OK) return status;
        if (!state->message) {
            found->missing_ids[found->missing_count++] = ids[i];
            continue;
        }
        state->message->n_unknown_fields = 0;
        found->count++;
    }
    return FURROW_OK;
}

furrow_status furrow_lookup_read(furrow_entity *entity, char *const ids[], size_t count, furrow_arena *arena,
                                 furrow_lookup *out, furrow_error *err)
{
    furrow_status status = check_lookup_ids(ids, count, err);
    if (status != FURROW_OK) return status;
    furrow_record_read *reads = furrow_arena_alloc(arena, count * sizeof *reads);
    furrow_lookup found = {.states = furrow_arena_alloc(arena, count * sizeof *found.states),
                           .missing_ids = furrow_arena_alloc(arena, count * sizeof(char *)),
                           .damaged_ids = furrow_arena_alloc(arena, count * sizeof(char *))};
    if (!reads || !found.states || !found.missing_ids || !found.damaged_ids) return too_large(err);
    furrow_table *table = furrow_entity_table(entity);
    for (size_t i = 0; i < count; i++) reads[i] = (furrow_record_read){.table = table, .id = ids[i]};
    status = furrow_record_read_many(furrow_table_store(table), reads, count, arena, err);
    if (status == FURROW_OK) status = unpack_found(entity, reads, ids, count, arena, &found, err);
    if (status == FURROW_OK) *out = found;
    return status;
}
