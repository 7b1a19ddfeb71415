/* See gather.h. Entries are in a hash table by id; known ones also in a list, the last used first. */
#include "ways/gather.h"

#include "base/id.h"

#include <stdlib.h>
#include <string.h>

typedef enum entry_state { ABSENT, WANTED, ASKED, KNOWN } entry_state;

typedef struct gather_entry {
    char id[FURROW_ID_MAX + 1];
    entry_state state;
    uint64_t known_until_ns, version;
    uint8_t *value;
    size_t len;
    gather_place *waiting;
    struct gather_entry *chain;         /* of the same bucket */
    struct gather_entry *newer, *older; /* among the known */
    struct gather_entry *queued;        /* the next that is wanted */
} gather_entry;

struct gather {
    gather_options options;
    gather_entry **buckets;
    size_t mask, known, wanted;
    gather_entry *newest, *oldest;
    gather_entry *first, **last; /* the queue */
};

gather *gather_create(const gather_options *options)
{
    gather *all = calloc(1, sizeof *all);
    size_t buckets = 64;
    while (buckets < options->max_known) buckets *= 2;
    if (!all || !(all->buckets = calloc(buckets, sizeof(gather_entry *)))) {
        free(all);
        return NULL;
    }
    all->options = *options;
    all->mask = buckets - 1;
    all->last = &all->first;
    return all;
}

static void free_entry(gather_entry *entry)
{
    free(entry->value);
    free(entry);
}

void gather_destroy(gather *all)
{
    for (size_t i = 0; all && i <= all->mask; i++)
        while (all->buckets[i]) {
            gather_entry *entry = all->buckets[i];
            all->buckets[i] = entry->chain;
            free_entry(entry);
        }
    if (all) free(all->buckets);
    free(all);
}

/* FNV-1a. */
static gather_entry **bucket_of(gather *all, const char *id)
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (; *id; id++) hash = (hash ^ (uint8_t)*id) * 0x100000001b3u;
    return &all->buckets[(hash ^ hash >> 32) & all->mask];
}

/* Where the entry of @id hangs, or would. */
static gather_entry **find_entry(gather *all, const char *id)
{
    gather_entry **at = bucket_of(all, id);
    while (*at && strcmp((*at)->id, id) != 0) at = &(*at)->chain;
    return at;
}

static void unlist(gather *all, gather_entry *entry)
{
    *(entry->newer ? &entry->newer->older : &all->newest) = entry->older;
    *(entry->older ? &entry->older->newer : &all->oldest) = entry->newer;
    all->known--;
}

static void list_as_newest(gather *all, gather_entry *entry)
{
    entry->newer = NULL;
    entry->older = all->newest;
    *(all->newest ? &all->newest->newer : &all->oldest) = entry;
    all->newest = entry;
    all->known++;
}

static void remove_entry(gather *all, gather_entry *entry)
{
    gather_entry **at = find_entry(all, entry->id);
    *at = entry->chain;
    free_entry(entry);
}

static gather_entry *add_entry(gather *all, const char *id)
{
    gather_entry **at = bucket_of(all, id), *entry = calloc(1, sizeof *entry);
    size_t len = strlen(id);
    if (!entry || len > FURROW_ID_MAX) {
        free(entry);
        return NULL;
    }
    memcpy(entry->id, id, len + 1);
    entry->chain = *at;
    *at = entry;
    return entry;
}

/* False: the queue is full. */
static bool want(gather *all, gather_entry *entry)
{
    if (all->wanted == all->options.max_wanted) return false;
    if (entry->state == KNOWN) unlist(all, entry);
    entry->state = WANTED;
    entry->queued = NULL;
    *all->last = entry;
    all->last = &entry->queued;
    all->wanted++;
    return true;
}

gather_outcome gather_ask(gather *all, const char *id, uint64_t now_ns, gather_place *place)
{
    gather_entry *entry = *find_entry(all, id);
    if (entry && entry->state == KNOWN && now_ns < entry->known_until_ns) {
        unlist(all, entry);
        list_as_newest(all, entry);
        place->value = (furrow_bytes){entry->value, entry->len};
        place->version = entry->version;
        return GATHER_KNOWN;
    }
    if (!entry && all->wanted == all->options.max_wanted) return GATHER_FULL;
    if (!entry && !(entry = add_entry(all, id))) return GATHER_FULL;
    if ((entry->state == ABSENT || entry->state == KNOWN) && !want(all, entry)) return GATHER_FULL;
    place->waiter = furrow_waiter_make();
    place->entry = entry;
    place->next = entry->waiting;
    entry->waiting = place;
    return GATHER_WAIT;
}

void gather_leave(gather_place *place)
{
    if (!place->entry) return;
    gather_place **at = &place->entry->waiting;
    while (*at != place) at = &(*at)->next;
    *at = place->next;
    place->entry = NULL;
}

size_t gather_take(gather *all, const char *ids[], size_t max)
{
    size_t count = 0;
    for (gather_entry *entry; count < max && (entry = all->first);) {
        if (!(all->first = entry->queued)) all->last = &all->first;
        all->wanted--;
        entry->state = ASKED;
        ids[count++] = entry->id;
    }
    return count;
}

size_t gather_wanted(const gather *all)
{
    return all->wanted;
}

static gather_place *next_waiting(gather_entry *entry)
{
    gather_place *place = entry->waiting;
    if (!place) return NULL;
    entry->waiting = place->next;
    place->entry = NULL;
    return place;
}

void gather_failed(gather *all, const char *id, furrow_status status, const furrow_error *err)
{
    gather_entry *entry = *find_entry(all, id);
    if (!entry || entry->state != ASKED) return;
    for (gather_place *place; (place = next_waiting(entry));) {
        place->status = status;
        place->err = *err;
        furrow_waiter_done(&place->waiter);
    }
    remove_entry(all, entry);
}

void gather_found(gather *all, const char *id, furrow_bytes value, uint64_t version, uint64_t now_ns)
{
    static const furrow_error none = {.code = FURROW_RESOURCE_EXHAUSTED, .text = "out of memory"};
    gather_entry *entry = *find_entry(all, id);
    if (!entry || entry->state != ASKED) return;
    uint8_t *kept = realloc(entry->value, value.len + 1);
    if (!kept) {
        gather_failed(all, id, FURROW_RESOURCE_EXHAUSTED, &none);
        return;
    }
    if (value.len > 0) memcpy(kept, value.data, value.len);
    entry->value = kept, entry->len = value.len, entry->version = version;
    entry->known_until_ns = now_ns + all->options.ttl_ns;
    entry->state = KNOWN;
    for (gather_place *place; (place = next_waiting(entry));) {
        const void *copy = furrow_arena_memdup(place->arena, kept, value.len);
        place->status = copy ? FURROW_OK : FURROW_RESOURCE_EXHAUSTED;
        if (!copy) place->err = none;
        place->value = (furrow_bytes){copy, value.len};
        place->version = version;
        furrow_waiter_done(&place->waiter);
    }
    list_as_newest(all, entry);
    for (gather_entry *old; all->known > all->options.max_known && (old = all->oldest);) {
        unlist(all, old);
        remove_entry(all, old);
    }
}
