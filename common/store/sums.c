/* See sums.h. May depend on: store. */
#include "store/sums.h"

#include "base/hash.h"
#include "base/number.h"
#include "store/aggregate.h"
#include "store/table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ALIKE = 2 };     /* looks on end that find the same: then it is wrong */
#define STEP        500 /* of a walk */
#define GROUPS      1000
#define ANSWER_MAX  ((size_t)64 << 20)
#define FIRST_SLOTS 1024 /* a power of two */
#define MARK        0xff

typedef struct entry {
    char *group; /* owned; ends in a NUL of its own */
    size_t len;
    int64_t count, sum;       /* what the records come to, in this look */
    int64_t is_count, is_sum; /* what stands in @sums */
    bool is, no_sum, ordered, moving;
    int64_t off_count, off_sum;
    bool off_order;
    unsigned alike; /* looks on end; 0: it fits, or moves */
} entry;

struct furrow_sums {
    furrow_table *table;
    furrow_arena *arena; /* of one answer */
    entry *entries;
    size_t count, slots_size;
    size_t *slots; /* place in entries + 1 */
    bool second;   /* the sums are read for the second time */
    furrow_sums_pace *pace;
    void *arg;
};

/* ---- groups ---- */

static size_t *slot_of_group(const furrow_sums *self, furrow_bytes group)
{
    size_t at = (size_t)furrow_hash_quick(FURROW_HASH_QUICK, group) & (self->slots_size - 1);
    for (; self->slots[at]; at = (at + 1) & (self->slots_size - 1)) {
        const entry *one = &self->entries[self->slots[at] - 1];
        if (furrow_bytes_equal((furrow_bytes){one->group, one->len}, group)) break;
    }
    return &self->slots[at];
}

/* Twice as many; half of the slots stay empty. */
static bool grow_groups(furrow_sums *self)
{
    size_t size = self->slots_size ? 2 * self->slots_size : FIRST_SLOTS;
    entry *entries = realloc(self->entries, size / 2 * sizeof *entries);
    size_t *slots = calloc(size, sizeof *slots);
    if (entries) self->entries = entries;
    if (!entries || !slots) return free(slots), false;
    free(self->slots);
    self->slots = slots;
    self->slots_size = size;
    for (size_t i = 0; i < self->count; i++)
        *slot_of_group(self, (furrow_bytes){entries[i].group, entries[i].len}) = i + 1;
    return true;
}

/* Made if there is none; NULL: no memory. */
static entry *entry_of_group(furrow_sums *self, furrow_bytes group)
{
    if (2 * self->count >= self->slots_size && !grow_groups(self)) return NULL;
    size_t *slot = slot_of_group(self, group);
    if (*slot) return &self->entries[*slot - 1];
    char *copy = malloc(group.len + 1);
    if (!copy) return NULL;
    memcpy(copy, group.data, group.len);
    copy[group.len] = '\0';
    self->entries[self->count] = (entry){.group = copy, .len = group.len};
    *slot = ++self->count;
    return &self->entries[self->count - 1];
}

/* ---- what lies there ---- */

typedef bool take_pair(furrow_sums *self, furrow_bytes field, furrow_bytes value);

/* A contribution: "<group>0xff<amount>0xff" again and again. What is none ends it: the record is found wrong itself. */
static bool take_counted(furrow_sums *self, furrow_bytes id, furrow_bytes text)
{
    const char *at = text.data, *end = at + text.len;
    (void)id;
    while (at < end) {
        const char *mark = memchr(at, MARK, (size_t)(end - at));
        const char *close = mark ? memchr(mark + 1, MARK, (size_t)(end - mark - 1)) : NULL;
        int64_t amount;
        if (!close || !furrow_number_parse_signed((furrow_bytes){mark + 1, (size_t)(close - mark - 1)}, INT64_MIN,
                                                  INT64_MAX, &amount))
            return true;
        entry *into = entry_of_group(self, (furrow_bytes){at, (size_t)(mark - at)});
        if (!into) return false;
        into->count++;
        into->sum = (int64_t)((uint64_t)into->sum + (uint64_t)amount);
        at = close + 1;
    }
    return true;
}

/* "<count> <sum>"; what is none counts as nothing, as furrow.lua has it. */
static bool take_sum(furrow_sums *self, furrow_bytes group, furrow_bytes text)
{
    int64_t count = 0, sum = 0;
    const char *space = memchr(text.data, ' ', text.len);
    size_t len = space ? (size_t)(space - (const char *)text.data) : 0;
    bool good = space && furrow_number_parse_signed((furrow_bytes){text.data, len}, INT64_MIN, INT64_MAX, &count) &&
                furrow_number_parse_signed((furrow_bytes){space + 1, text.len - len - 1}, INT64_MIN, INT64_MAX, &sum);
    entry *of = entry_of_group(self, group);
    if (!of) return false;
    if (!good) count = sum = 0;
    of->moving = self->second ? !of->is || of->is_count != count || of->is_sum != sum : false;
    of->is_count = count;
    of->is_sum = sum;
    of->is = true;
    of->no_sum = !good;
    return true;
}

static furrow_status no_memory_for_sums(furrow_error *err)
{
    return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "no memory to compare totals");
}

static furrow_status take_pairs(furrow_sums *self, const furrow_value *answer, take_pair *take, uint64_t *cursor,
                                size_t *count, furrow_error *err)
{
    if (answer->kind != FURROW_VALUE_LIST || answer->count != 2 || answer->items[0].kind != FURROW_VALUE_TEXT ||
        answer->items[1].kind != FURROW_VALUE_LIST || answer->items[1].count % 2 != 0 ||
        !furrow_number_parse(answer->items[0].text, UINT64_MAX, cursor))
        return furrow_fail(err, FURROW_INTERNAL, "redis: HSCAN answered something else");
    const furrow_value *list = &answer->items[1];
    *count = list->count / 2;
    for (size_t i = 0; i < list->count; i += 2) {
        if (list->items[i].kind != FURROW_VALUE_TEXT || list->items[i + 1].kind != FURROW_VALUE_TEXT) continue;
        if (!take(self, list->items[i].text, list->items[i + 1].text)) return no_memory_for_sums(err);
    }
    return FURROW_OK;
}

static furrow_status walk_hash(furrow_sums *self, furrow_bytes key, take_pair *take, furrow_error *err)
{
    uint64_t cursor = 0;
    furrow_status status = FURROW_OK;
    do {
        char at[24], step[24];
        size_t count = 0;
        furrow_value answer;
        furrow_arena_reset(self->arena);
        snprintf(at, sizeof at, "%llu", (unsigned long long)cursor);
        snprintf(step, sizeof step, "%d", STEP);
        const furrow_bytes argv[] = {FURROW_BYTES_LITERAL("HSCAN"), key, furrow_bytes_of(at),
                                     FURROW_BYTES_LITERAL("COUNT"), furrow_bytes_of(step)};
        status = furrow_store_command(self->table->store, argv, 5, self->arena, &answer, err);
        if (!status) status = take_pairs(self, &answer, take, &cursor, &count, err);
        if (!status && self->pace) status = self->pace(self->arg, count, err);
    } while (!status && cursor != 0);
    return status;
}

/* The next of the groups that can be found in their order, behind *last, which moves on; *count 0: that was all. */
static furrow_status take_ordered(furrow_sums *self, furrow_bytes *last, char **kept, size_t *count, furrow_error *err)
{
    char limit[24];
    furrow_value members;
    snprintf(limit, sizeof limit, "%d", GROUPS);
    furrow_arena_reset(self->arena);
    const furrow_bytes argv[] = {FURROW_BYTES_LITERAL("ZRANGEBYLEX"),
                                 self->table->groups_key,
                                 *last,
                                 FURROW_BYTES_LITERAL("+"),
                                 FURROW_BYTES_LITERAL("LIMIT"),
                                 FURROW_BYTES_LITERAL("0"),
                                 furrow_bytes_of(limit)};
    furrow_status status = furrow_store_command(self->table->store, argv, 7, self->arena, &members, err);
    if (status) return status;
    if (members.kind != FURROW_VALUE_LIST)
        return furrow_fail(err, FURROW_INTERNAL, "redis: ZRANGEBYLEX answered something else");
    const entry *of = NULL;
    for (size_t i = 0; i < members.count; i++) {
        entry *one = members.items[i].kind == FURROW_VALUE_TEXT ? entry_of_group(self, members.items[i].text) : NULL;
        if (!one) return no_memory_for_sums(err);
        one->ordered = true;
        of = one;
    }
    *count = members.count;
    if (!of) return FURROW_OK;
    free(*kept);
    *kept = malloc(of->len + 1);
    if (!*kept) return no_memory_for_sums(err);
    (*kept)[0] = '(';
    memcpy(*kept + 1, of->group, of->len);
    *last = (furrow_bytes){*kept, of->len + 1};
    return FURROW_OK;
}

static furrow_status walk_order(furrow_sums *self, furrow_error *err)
{
    furrow_bytes last = FURROW_BYTES_LITERAL("-");
    char *kept = NULL;
    size_t count = GROUPS;
    furrow_status status = FURROW_OK;
    while (!status && count == GROUPS) status = take_ordered(self, &last, &kept, &count, err);
    free(kept);
    return status;
}

/* ---- a look ---- */

static void begin_sums(furrow_sums *self)
{
    for (size_t i = 0; i < self->count; i++) {
        entry *one = &self->entries[i];
        one->count = one->sum = one->is_count = one->is_sum = 0;
        one->is = one->no_sum = one->ordered = one->moving = false;
    }
    self->second = false;
}

static void settle_entry(entry *one)
{
    int64_t count = one->is_count - one->count, sum = one->is_sum - one->sum;
    bool order = one->ordered != one->is;
    bool off = count || sum || order || one->no_sum || one->is != (one->count != 0);
    bool same = one->alike && one->off_count == count && one->off_sum == sum && one->off_order == order;
    one->alike = one->moving || !off ? 0 : same ? one->alike + 1 : 1;
    one->off_count = count;
    one->off_sum = sum;
    one->off_order = order;
}

furrow_status furrow_sums_look(furrow_sums *self, furrow_sums_pace *pace, void *arg, furrow_error *err)
{
    const furrow_table *table = self->table;
    if (table->options.aggregate_count == 0) return FURROW_OK;
    self->pace = pace;
    self->arg = arg;
    begin_sums(self);
    furrow_status status = walk_hash(self, table->sums_key, take_sum, err);
    if (!status) status = walk_hash(self, table->counted_key, take_counted, err);
    if (!status) status = walk_order(self, err);
    /* Those that come anew, or go, while it is walked, move: the second reading says all that are there. */
    for (size_t i = 0; i < self->count; i++) self->entries[i].moving = self->entries[i].is;
    self->second = true;
    if (!status) status = walk_hash(self, table->sums_key, take_sum, err);
    for (size_t i = 0; i < self->count && !status; i++) settle_entry(&self->entries[i]);
    return status;
}

furrow_sums *furrow_sums_create(furrow_table *table)
{
    furrow_sums *self = calloc(1, sizeof *self);
    if (!self) return NULL;
    self->table = table;
    self->arena = furrow_arena_create(ANSWER_MAX);
    if (self->arena) return self;
    free(self);
    return NULL;
}

void furrow_sums_destroy(furrow_sums *self)
{
    if (!self) return;
    for (size_t i = 0; i < self->count; i++) free(self->entries[i].group);
    free(self->entries);
    free(self->slots);
    furrow_arena_destroy(self->arena);
    free(self);
}

/* ---- what was found ---- */

size_t furrow_sums_suspects(const furrow_sums *self)
{
    size_t count = 0;
    for (size_t i = 0; i < self->count; i++) count += self->entries[i].alike > 0;
    return count;
}

static void describe_sum(const entry *one, furrow_sum *out)
{
    int len = 0, room = (int)sizeof out->what - 120;
    for (size_t i = 1; i < one->len && len < room; i++)
        out->what[len++] = one->group[i] ? one->group[i] : (char)(i + 1 < one->len ? ' ' : ':');
    snprintf(out->what + len, sizeof out->what - (size_t)len, "%s%lld records, %lld; counted are %lld, %lld%s",
             len ? " " : "", (long long)one->is_count, (long long)one->is_sum, (long long)one->count,
             (long long)one->sum, one->off_order && one->is ? "; it is in no page" : "");
}

bool furrow_sums_next_wrong(const furrow_sums *self, size_t *at, furrow_sum *out)
{
    const furrow_table_options *options = &self->table->options;
    while (*at < self->count) {
        const entry *one = &self->entries[(*at)++];
        if (one->alike < ALIKE) continue;
        size_t which = one->len ? (size_t)(unsigned char)one->group[0] - 'a' : SIZE_MAX;
        *out = (furrow_sum){.aggregate = which < options->aggregate_count ? options->aggregates[which].name : "",
                            .group = {one->group, one->len},
                            .count = one->is_count,
                            .sum = one->is_sum,
                            .right_count = one->count,
                            .right_sum = one->sum};
        describe_sum(one, out);
        return true;
    }
    return false;
}
