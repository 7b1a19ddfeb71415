/* The rules of places; see domain.h. Depends on generated types and input checks only. */
#include "location/domain.h"

#include <stdlib.h>
#include <string.h>

#define RANCH  LOCATION__V1__LOCATION_KIND__LOCATION_KIND_RANCH
#define BLOCK  LOCATION__V1__LOCATION_KIND__LOCATION_KIND_BLOCK
#define ROW    LOCATION__V1__LOCATION_KIND__LOCATION_KIND_ROW
#define OPEN   LOCATION__V1__LOCATION_STATUS__LOCATION_STATUS_OPEN
#define CLOSED LOCATION__V1__LOCATION_STATUS__LOCATION_STATUS_CLOSED

static furrow_status check_place(Location__V1__LocationKind kind, const char *parent_id, const char *time_zone,
                                 furrow_error *err)
{
    if (kind == RANCH && parent_id[0]) return furrow_fail_field(err, "parent_id", "a ranch has no parent");
    if (kind != RANCH && !parent_id[0]) return furrow_fail_field(err, "parent_id", "is required for all but a ranch");
    if (kind != RANCH && time_zone[0]) return furrow_fail_field(err, "time_zone", "is the ranch's; leave it out here");
    return FURROW_OK;
}

static furrow_status check_new_location(const Location__V1__CreateLocationRequest *request, furrow_error *err)
{
    furrow_status status = check_place(request->kind, request->parent_id, request->time_zone, err);
    if (status == FURROW_OK) status = furrow_input_name("name", request->name, err);
    if (status == FURROW_OK) status = furrow_input_name("crop", request->crop, err);
    return status == FURROW_OK ? furrow_input_name("variety", request->variety, err) : status;
}

static furrow_status check_ranch_id(const Location__V1__Location *location, furrow_error *err)
{
    bool own = strcmp(location->ranch_id, location->id) == 0;
    if (own != (location->kind == RANCH))
        return furrow_fail_field(err, "ranch_id", "is its own id exactly for a ranch");
    if (strcmp(location->parent_id, location->id) == 0) return furrow_fail_field(err, "parent_id", "is its own id");
    return FURROW_OK;
}

furrow_status location_check_location(const Location__V1__Location *location, furrow_error *err)
{
    furrow_status status = check_place(location->kind, location->parent_id, location->time_zone, err);
    if (status == FURROW_OK) status = check_ranch_id(location, err);
    return status == FURROW_OK ? furrow_timestamp_read("updated_at", location->updated_at, NULL, err) : status;
}

/* May a @kind stand under @parent (NULL: nothing)? */
static furrow_status check_parent(Location__V1__LocationKind kind, const char *parent_id,
                                  const Location__V1__Location *parent, furrow_error *err)
{
    if (kind == RANCH) return FURROW_OK;
    if (!parent)
        return furrow_fail_reason(err, FURROW_FAILED_PRECONDITION, "PARENT_UNKNOWN", "the parent %s does not exist",
                                  parent_id);
    if (parent->status == CLOSED)
        return furrow_fail_reason(err, FURROW_FAILED_PRECONDITION, "PARENT_CLOSED", "the parent %s is closed",
                                  parent_id);
    if (parent->kind == ROW)
        return furrow_fail_reason(err, FURROW_FAILED_PRECONDITION, "PARENT_IS_ROW",
                                  "the parent %s is a row; nothing stands under a row", parent_id);
    if (kind == ROW && parent->kind != BLOCK)
        return furrow_fail_reason(err, FURROW_FAILED_PRECONDITION, "PARENT_IS_NO_BLOCK",
                                  "the parent %s is no block; a row stands in a block", parent_id);
    return FURROW_OK;
}

furrow_status location_create_location(const location_create_location_known *known, Location__V1__Location *next,
                                       furrow_error *err)
{
    const Location__V1__CreateLocationRequest *request = known->request;
    furrow_arena *arena = known->arena;
    bool is_ranch = request->kind == RANCH;
    furrow_status status = check_new_location(request, err);
    if (status == FURROW_OK) status = check_parent(request->kind, request->parent_id, known->parent, err);
    if (status != FURROW_OK) return status;
    next->kind = request->kind;
    next->name = furrow_unicode_nfc(request->name, arena);
    next->parent_id = request->parent_id;
    next->ranch_id = is_ranch ? next->id : known->parent->ranch_id;
    next->status = OPEN;
    next->crop = furrow_unicode_nfc(request->crop, arena);
    next->variety = furrow_unicode_nfc(request->variety, arena);
    next->area_ha = request->area_ha;
    next->centroid = request->centroid;
    next->time_zone = is_ranch && !request->time_zone[0] ? furrow_arena_strdup(arena, "UTC") : request->time_zone;
    return next->name && next->crop && next->variety && next->time_zone ? FURROW_OK : furrow_known_no_memory(err);
}

furrow_status location_move_location(const location_move_location_known *known, Location__V1__Location *next,
                                     furrow_error *err)
{
    const Location__V1__Location *parent = known->parent;
    if (next->kind == RANCH)
        return furrow_fail_reason(err, FURROW_FAILED_PRECONDITION, "RANCHES_DO_NOT_MOVE",
                                  "%s is a ranch; ranches do not move", known->id);
    if (strcmp(next->ranch_id, parent->ranch_id) != 0)
        return furrow_fail_reason(err, FURROW_FAILED_PRECONDITION, "OTHER_RANCH",
                                  "%s is in ranch %s, the new parent in %s; places move within their ranch", known->id,
                                  next->ranch_id, parent->ranch_id);
    next->parent_id = parent->id;
    return check_parent(next->kind, parent->id, parent, err);
}

furrow_status location_close_location(const location_close_location_known *known, Location__V1__Location *next,
                                      furrow_error *err)
{
    (void)known, (void)err;
    next->status = CLOSED;
    return FURROW_OK;
}

furrow_status location_reopen_location(const location_reopen_location_known *known, Location__V1__Location *next,
                                       furrow_error *err)
{
    (void)known, (void)err;
    next->status = OPEN;
    return FURROW_OK;
}

static const Location__V1__Tree__ParentsEntry *find_parent(const Location__V1__Tree *tree, const char *id)
{
    for (size_t i = 0; tree && i < tree->n_parents; i++)
        if (strcmp(tree->parents[i]->key, id) == 0) return tree->parents[i];
    return NULL;
}

/* Walks up from @from; a walk longer than the tree is a cycle that is already there. */
static bool is_at_or_below(const Location__V1__Tree *tree, const char *from, const char *id)
{
    const char *at = from;
    for (size_t step = 0; tree && step <= tree->n_parents; step++) {
        if (strcmp(at, id) == 0) return true;
        const Location__V1__Tree__ParentsEntry *entry = find_parent(tree, at);
        if (!entry) return false;
        at = entry->value;
    }
    return strcmp(from, id) == 0 || tree != NULL;
}

typedef struct place {
    const char *id, *parent;
    enum { NEW, UNDER_WAY, ENDS } seen;
} place;

static int by_id(const void *a, const void *b)
{
    return strcmp(((const place *)a)->id, ((const place *)b)->id);
}

/* Marks the way up from @from: one that meets itself never ends. */
static furrow_status walk_up(place *places, size_t count, place *from, furrow_error *err)
{
    place *at = from;
    for (; at && at->seen == NEW; at = bsearch(&(place){.id = at->parent}, places, count, sizeof *at, by_id))
        at->seen = UNDER_WAY;
    if (at && at->seen == UNDER_WAY) return furrow_fail_field(err, "parents", "%.64s stands under itself", at->id);
    for (at = from; at && at->seen == UNDER_WAY;
         at = bsearch(&(place){.id = at->parent}, places, count, sizeof *at, by_id))
        at->seen = ENDS;
    return FURROW_OK;
}

/* Every way up ends, and each block has one. Sorted first: the tree is checked whenever it is read, for every new block. */
furrow_status location_check_tree(const Location__V1__Tree *tree, furrow_error *err)
{
    size_t count = tree->n_parents;
    place *places = calloc(count + 1, sizeof *places);
    furrow_status status = places ? FURROW_OK : furrow_known_no_memory(err);
    for (size_t i = 0; places && i < count; i++)
        places[i] = (place){.id = tree->parents[i]->key, .parent = tree->parents[i]->value};
    if (places) qsort(places, count, sizeof *places, by_id);
    for (size_t i = 1; status == FURROW_OK && i < count; i++)
        if (by_id(&places[i - 1], &places[i]) == 0) /* a map's bytes may say so */
            status = furrow_fail_field(err, "parents", "%.64s stands there twice", places[i].id);
    for (size_t i = 0; status == FURROW_OK && i < count; i++) status = walk_up(places, count, &places[i], err);
    free(places);
    return status;
}

/* The tree of a ranch with @block where it is to stand: under the ranch itself or a block in the tree. */
static furrow_status put_block(const Location__V1__Location *block, Location__V1__Tree *next, furrow_arena *arena,
                               furrow_error *err)
{
    size_t count = next->n_parents;
    const Location__V1__Tree__ParentsEntry *known = find_parent(next, block->id);
    if (known && strcmp(known->value, block->parent_id) == 0) return FURROW_OK;
    if (is_at_or_below(next, block->parent_id, block->id))
        return furrow_fail_reason(err, FURROW_FAILED_PRECONDITION, "UNDER_ITSELF",
                                  "%s would stand under itself: %s is %s or below it", block->id, block->parent_id,
                                  block->id);
    if (!known && count >= LOCATION_TREE_MAX)
        return furrow_fail_reason(err, FURROW_FAILED_PRECONDITION, "RANCH_FULL",
                                  "ranch %s has %zu blocks already, the most it can have", next->id, count);
    Location__V1__Tree__ParentsEntry *entry = furrow_arena_alloc(arena, sizeof *entry);
    Location__V1__Tree__ParentsEntry **parents = furrow_arena_alloc(arena, (count + 1) * sizeof(*parents));
    if (!entry || !parents) return furrow_known_no_memory(err);
    location__v1__tree__parents_entry__init(entry);
    entry->key = block->id;
    entry->value = block->parent_id;
    size_t kept = 0;
    for (size_t i = 0; i < count; i++)
        if (next->parents[i] != known) parents[kept++] = next->parents[i];
    parents[kept++] = entry;
    next->parents = parents;
    next->n_parents = kept;
    return FURROW_OK;
}

furrow_status location_create_location_tree(const location_create_location_known *known,
                                            const Location__V1__Location *decided, const Location__V1__Tree *tree,
                                            Location__V1__Tree *next, furrow_error *err)
{
    (void)tree;
    return put_block(decided, next, known->arena, err);
}

furrow_status location_move_location_tree(const location_move_location_known *known,
                                          const Location__V1__Location *decided, const Location__V1__Tree *tree,
                                          Location__V1__Tree *next, furrow_error *err)
{
    (void)tree;
    return put_block(decided, next, known->arena, err);
}
