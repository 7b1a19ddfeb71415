/*
 * The one apply step (see record.h). Writes go in windows of batches that are in flight together.
 *
 * A plain table's batch is one script call that compares versions and sets what is newer. A table with indexes or
 * reactions takes two: MGET of the old records; then, with the index entries of old and new worked out here, a script
 * that writes a record with all that follows from it only if the old version still stands, and says which did not. (A
 * command, which has read the record to decide on it, passes it along and saves the MGET.) Those go through the same
 * again, a bounded number of times; each round somebody wins, so that bound is reached only by a record that is written
 * without pause.
 *
 * Invariant: a batch that was sent is waited for before its memory is used again, whatever else failed.
 */
#include "store/batch.h"
#include "store/index.h"

#include <string.h>

enum { ROUNDS = 16 };

#define TEXT_OF(number)  #number
#define VALUE_OF(number) TEXT_OF(number)
#define TOMBSTONE_TTL    VALUE_OF(FURROW_TOMBSTONE_SECONDS)

/*
 * KEYS: records; ARGV: their new values. '>L' is 8 bytes big-endian as a number, exact below 2^53. (Lua's own string
 * comparison goes by the server's locale.) A value of 8 bytes is a tombstone.
 */
static furrow_script plain_script = {.source =
                                         "local K, A, call, number = KEYS, ARGV, redis.call, struct.unpack\n"
                                         "local old = call('MGET', unpack(K))\n"
                                         "local set, n, dead = {}, 0, 0\n"
                                         "for i = 1, #K do\n"
                                         "  local new, cur = A[i], old[i]\n"
                                         "  if not cur or #cur < 8 or number('>L', new) > number('>L', cur) then\n"
                                         "    if #new > 8 then\n"
                                         "      set[n + 1], set[n + 2] = K[i], new\n"
                                         "      n = n + 2\n"
                                         "    else\n"
                                         "      call('SET', K[i], new, 'EX', " TOMBSTONE_TTL ")\n"
                                         "      dead = dead + 1\n"
                                         "    end\n"
                                         "  end\n"
                                         "end\n"
                                         "if n > 0 then call('MSET', unpack(set)) end\n"
                                         "return n / 2 + dead\n"};

/*
 * KEYS: n records, m indexes, the pending reactions. ARGV: n, m, '1' if there are reactions; then per record the first
 * 8 bytes of its old value, its new value, its id, a count and so many pairs of letter and member: 'a' adds to the
 * first index, 'A' removes from it, 'b' and 'B' the second, ... Answers the numbers of the records that had changed
 * meanwhile. Records are written last: a script that Redis stops before (an index key of a wrong type) leaves their
 * versions old, so the same write does all of it again instead of taking it for done.
 */
static furrow_script full_script = {
    .source = "local K, A, call, sub = KEYS, ARGV, redis.call, string.sub\n"
              "local n, m, react = tonumber(A[1]), tonumber(A[2]), A[3] == '1'\n"
              "local old = call('MGET', unpack(K, 1, n))\n"
              "local add, remove, lists = {}, {}, {}\n"
              "for i = 1, m do\n"
              "  add[i], remove[i] = {}, {}\n"
              "  lists[string.char(96 + i)], lists[string.char(64 + i)] = add[i], remove[i]\n"
              "end\n"
              "local set, s, dead, lost, at = {}, 0, {}, {}, 4\n"
              "for i = 1, n do\n"
              "  local cur, from, new = old[i] or '', at + 4, A[at + 1]\n"
              "  local to = from + 2 * A[at + 3]\n"
              "  if sub(cur, 1, 8) == A[at] then\n"
              "    if #new > 8 then\n"
              "      set[s + 1], set[s + 2] = K[i], new\n"
              "      s = s + 2\n"
              "    else\n"
              "      dead[K[i]] = new\n"
              "    end\n"
              "    for j = from, to - 1, 2 do\n"
              "      local list = lists[A[j]]\n"
              "      list[#list + 1] = A[j + 1]\n"
              "    end\n"
              "    if react then call('HSETNX', K[#K], A[at + 2], cur) end\n"
              "  else\n"
              "    lost[#lost + 1] = i\n"
              "  end\n"
              "  at = to\n"
              "end\n"
              "for i = 1, m do\n"
              "  for from = 1, #remove[i], 1000 do\n"
              "    call('ZREM', K[n + i], unpack(remove[i], from, math.min(from + 999, #remove[i])))\n"
              "  end\n"
              "  for from = 1, #add[i], 1000 do\n"
              "    local pairs_, p = {}, 0\n"
              "    for j = from, math.min(from + 999, #add[i]) do\n"
              "      pairs_[p + 1], pairs_[p + 2] = '0', add[i][j]\n"
              "      p = p + 2\n"
              "    end\n"
              "    call('ZADD', K[n + i], unpack(pairs_))\n"
              "  end\n"
              "end\n"
              "if s > 0 then call('MSET', unpack(set)) end\n"
              "for key, new in pairs(dead) do call('SET', key, new, 'EX', " TOMBSTONE_TTL ") end\n"
              "return lost\n"};

/* A window of batches on its way through the steps below; the first failure stands, and ends it once all answers are
 * in. */
typedef struct window {
    furrow_table *table;
    furrow_batch *batches[FURROW_BATCH_WINDOW];
    size_t count;
    size_t applied;
    furrow_status status;
    furrow_error *err;
} window;

/* Where a further failure's text goes: nowhere, once there is one. */
static furrow_error *err_of(window *self)
{
    return self->status ? NULL : self->err;
}

static void keep(window *self, furrow_status status)
{
    if (!self->status) self->status = status;
}

/* ---- plain tables ---- */

static void build_plain(furrow_table *table, furrow_batch *batch)
{
    furrow_batch_begin(batch);
    furrow_batch_arg_number(batch, batch->count);
    for (size_t i = 0; i < batch->count; i++) furrow_batch_arg_pair(batch, table->prefix, batch->writes[i]->id);
    for (size_t i = 0; i < batch->count; i++) furrow_batch_arg_value(batch, batch->writes[i]);
}

static void apply_plain(window *self)
{
    size_t sent = 0;
    for (; sent < self->count && !self->status; sent++) {
        build_plain(self->table, self->batches[sent]);
        keep(self, furrow_batch_send(self->table, self->batches[sent], &plain_script, err_of(self)));
        if (self->status) break;
    }
    for (size_t i = 0; i < sent; i++) {
        furrow_batch *batch = self->batches[i];
        furrow_status status = furrow_batch_wait(self->table, batch, &plain_script, err_of(self));
        keep(self, status);
        if (!status && batch->request.value.kind == FURROW_VALUE_INTEGER)
            self->applied += (size_t)batch->request.value.integer;
    }
}

/* ---- tables with indexes or reactions ---- */

/* Requests the batch's old records. */
static furrow_status send_read(furrow_table *table, furrow_batch *batch, furrow_error *err)
{
    furrow_bytes ids[FURROW_RECORD_BATCH];
    for (size_t i = 0; i < batch->count; i++) ids[i] = batch->writes[i]->id;
    furrow_arena_reset(batch->arena);
    return furrow_table_send_mget(table, ids, batch->count, &batch->request, batch->arena, err);
}

/* Drops the writes that are not newer than what is stored; the old values of the others move along. */
static void drop_stale(furrow_batch *batch, furrow_value *old)
{
    size_t kept = 0;
    for (size_t i = 0; i < batch->count; i++) {
        furrow_record record = furrow_record_of_value(&old[i]);
        if (record.found && batch->writes[i]->version <= record.version) continue;
        batch->writes[kept] = batch->writes[i];
        old[kept++] = old[i];
    }
    batch->count = kept;
}

typedef struct difference {
    furrow_index_entries gone, added; /* sorted; entries in both are left out */
} difference;

static difference compare_entries(furrow_index_entries before, furrow_index_entries after)
{
    size_t b = 0, a = 0, gone = 0, added = 0;
    while (b < before.count || a < after.count) {
        int order = b == before.count ? 1 : a == after.count ? -1 : 0;
        if (order == 0 && before.list[b].index != after.list[a].index)
            order = before.list[b].index < after.list[a].index ? -1 : 1;
        else if (order == 0)
            order = furrow_index_compare(before.list[b].member, after.list[a].member);
        if (order == 0)
            b++, a++;
        else if (order < 0)
            before.list[gone++] = before.list[b++];
        else
            after.list[added++] = after.list[a++];
    }
    return (difference){{before.list, gone}, {after.list, added}};
}

static void put_entries(furrow_batch *batch, furrow_index_entries entries, char first_letter)
{
    for (size_t i = 0; i < entries.count; i++) {
        char letter = (char)(first_letter + (char)entries.list[i].index);
        furrow_batch_arg(batch, &letter, 1);
        furrow_batch_arg(batch, entries.list[i].member.data, entries.list[i].member.len);
    }
}

/* A record as it was before: what the script compares, and what the index entries were made of. */
typedef struct old_record {
    uint8_t prefix[FURROW_VERSION_BYTES];
    size_t prefix_len;
    furrow_bytes body;
} old_record;

static old_record old_of_value(const furrow_value *value)
{
    old_record old = {.body = furrow_record_of_value(value).body};
    if (value->kind != FURROW_VALUE_TEXT) return old;
    old.prefix_len = value->text.len < FURROW_VERSION_BYTES ? value->text.len : FURROW_VERSION_BYTES;
    memcpy(old.prefix, value->text.data, old.prefix_len);
    return old;
}

static old_record old_of_record(const furrow_record *record)
{
    old_record old = {.body = record->body};
    if (!record->found) return old;
    old.prefix_len = FURROW_VERSION_BYTES;
    furrow_version_put(record->version, old.prefix);
    return old;
}

static furrow_status put_record(furrow_table *table, furrow_batch *batch, const furrow_record_write *write,
                                const old_record *old, furrow_error *err)
{
    const furrow_table_options *options = &table->options;
    furrow_index_entries before, after;
    /* Old bytes that cannot be read have no entries that could be found again; they must not keep the record from being
     * mended. */
    furrow_status status = furrow_index_compute(options->descriptor, options->indexes, options->index_count, write->id,
                                                old->body, batch->arena, &before, err);
    if (status == FURROW_INVALID_ARGUMENT)
        before = (furrow_index_entries){0};
    else if (status)
        return status;
    status = furrow_index_compute(options->descriptor, options->indexes, options->index_count, write->id, write->body,
                                  batch->arena, &after, err);
    if (status) return furrow_wrap(err, "%s %.*s", options->entity, (int)write->id.len, (const char *)write->id.data);
    difference entries = compare_entries(before, after);
    furrow_batch_arg(batch, old->prefix, old->prefix_len);
    furrow_batch_arg_value(batch, write);
    furrow_batch_arg(batch, write->id.data, options->reactions ? write->id.len : 0);
    furrow_batch_arg_number(batch, entries.gone.count + entries.added.count);
    put_entries(batch, entries.gone, 'A');
    put_entries(batch, entries.added, 'a');
    return FURROW_OK;
}

/* @values: the old records; NULL: those that the writes know. */
static furrow_status build_full(furrow_table *table, furrow_batch *batch, const furrow_value *values, furrow_error *err)
{
    const furrow_table_options *options = &table->options;
    furrow_batch_begin(batch);
    furrow_batch_arg_number(batch, batch->count + options->index_count + (options->reactions ? 1 : 0));
    for (size_t i = 0; i < batch->count; i++) furrow_batch_arg_pair(batch, table->prefix, batch->writes[i]->id);
    for (size_t i = 0; i < options->index_count; i++)
        furrow_batch_arg(batch, table->index_keys[i].data, table->index_keys[i].len);
    if (options->reactions) furrow_batch_arg(batch, table->reactions_key.data, table->reactions_key.len);
    furrow_batch_arg_number(batch, batch->count);
    furrow_batch_arg_number(batch, options->index_count);
    furrow_batch_arg(batch, options->reactions ? "1" : "0", 1);
    furrow_status status = FURROW_OK;
    for (size_t i = 0; i < batch->count && !status; i++) {
        old_record old = values ? old_of_value(&values[i]) : old_of_record(batch->writes[i]->known);
        status = put_record(table, batch, batch->writes[i], &old, err);
    }
    return status;
}

/* From the old records to the script call on its way; a batch of nothing but stale writes is done. */
static furrow_status send_script(furrow_table *table, furrow_batch *batch, furrow_error *err)
{
    furrow_value *old = &batch->request.value;
    if (old->kind != FURROW_VALUE_LIST || old->count != batch->count)
        return furrow_fail(err, FURROW_INTERNAL, "redis: MGET of %zu keys answered something else", batch->count);
    furrow_value *items = old->items;
    drop_stale(batch, items);
    if (batch->count == 0) return FURROW_OK;
    furrow_status status = build_full(table, batch, items, err);
    return status ? status : furrow_batch_send(table, batch, &full_script, err);
}

/* Leaves those in the batch that lost against another writer. */
static void keep_lost(window *self, furrow_batch *batch)
{
    const furrow_value *lost = &batch->request.value;
    size_t kept = 0;
    for (size_t i = 0; i < lost->count; i++) {
        size_t number = (size_t)lost->items[i].integer;
        if (number > kept && number <= batch->count) batch->writes[kept++] = batch->writes[number - 1];
    }
    self->applied += batch->count - kept;
    batch->count = kept;
}

/* One record, as a command writes it, whose old state the command has read. */
static bool is_known(const furrow_batch *batch)
{
    return batch->count == 1 && batch->writes[0]->known && batch->writes[0]->version > batch->writes[0]->known->version;
}

/* The first round without its reading: true when nothing is left to do, or on failure. */
static bool apply_known(window *self)
{
    furrow_batch *batch = self->batches[0];
    furrow_arena_reset(batch->arena);
    keep(self, build_full(self->table, batch, NULL, err_of(self)));
    if (!self->status) keep(self, furrow_batch_send(self->table, batch, &full_script, err_of(self)));
    if (!self->status) keep(self, furrow_batch_wait(self->table, batch, &full_script, err_of(self)));
    if (!self->status) keep_lost(self, batch);
    return self->status || batch->count == 0;
}

/* One round for all batches that still have something to write; false when none has, or on failure. */
static bool apply_round(window *self)
{
    bool reading[FURROW_BATCH_WINDOW] = {0}, writing[FURROW_BATCH_WINDOW] = {0}, any = false;
    for (size_t i = 0; i < self->count && !self->status; i++) {
        if (self->batches[i]->count == 0) continue;
        keep(self, send_read(self->table, self->batches[i], err_of(self)));
        any = reading[i] = !self->status;
    }
    for (size_t i = 0; i < self->count; i++) {
        furrow_batch *batch = self->batches[i];
        if (!reading[i]) continue;
        keep(self, furrow_pipeline_wait(&batch->request, err_of(self)));
        if (!self->status) keep(self, send_script(self->table, batch, err_of(self)));
        writing[i] = !self->status && batch->count > 0;
    }
    for (size_t i = 0; i < self->count; i++) {
        if (!writing[i]) continue;
        furrow_status status = furrow_batch_wait(self->table, self->batches[i], &full_script, err_of(self));
        keep(self, status);
        if (!status) keep_lost(self, self->batches[i]);
    }
    return any && !self->status;
}

static void apply_full(window *self)
{
    if (self->count == 1 && is_known(self->batches[0]) && apply_known(self)) return;
    for (int round = 0; round < ROUNDS; round++)
        if (!apply_round(self)) return;
    for (size_t i = 0; i < self->count; i++)
        if (self->batches[i]->count > 0)
            keep(self, furrow_fail(err_of(self), FURROW_ABORTED, "records of %s change faster than they can be written",
                                   self->table->options.entity));
}

/* ---- all ---- */

static furrow_status check(const furrow_record_write writes[], size_t count, furrow_error *err)
{
    for (size_t i = 0; i < count; i++) {
        furrow_status status = furrow_table_check_id(writes[i].id, err);
        if (status) return status;
        if (writes[i].version >= FURROW_VERSION_MAX)
            return furrow_fail(err, FURROW_INVALID_ARGUMENT, "version %llu is past 2^53",
                               (unsigned long long)writes[i].version);
    }
    return FURROW_OK;
}

static size_t fill(window *self, const furrow_record_write writes[], size_t count)
{
    size_t covered = 0;
    self->count = 0;
    while (self->count < FURROW_BATCH_WINDOW && covered < count) {
        furrow_batch *batch = furrow_batch_take(self->table);
        if (!batch) {
            keep(self, furrow_fail(err_of(self), FURROW_RESOURCE_EXHAUSTED, "out of memory"));
            break;
        }
        covered += furrow_batch_fill(batch, writes + covered, count - covered);
        self->batches[self->count++] = batch;
    }
    return covered;
}

furrow_status furrow_record_apply(furrow_table *table, const furrow_record_write writes[], size_t count,
                                  size_t *applied, furrow_error *err)
{
    bool full = table->options.index_count > 0 || table->options.reactions;
    furrow_status status = check(writes, count, err);
    if (!status) status = furrow_script_load(table->store, full ? &full_script : &plain_script, err);
    window self = {.table = table, .status = status, .err = err};
    for (size_t done = 0; done < count && !self.status;) {
        done += fill(&self, writes + done, count - done);
        if (!self.status && full)
            apply_full(&self);
        else if (!self.status)
            apply_plain(&self);
        for (size_t i = 0; i < self.count; i++) furrow_batch_give(table, self.batches[i]);
    }
    if (!self.status && applied) *applied = self.applied;
    return self.status;
}
