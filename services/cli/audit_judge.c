/*
 * One suspect, looked at closely: its newest state is read from the log, its record and index entries from Redis, and
 * what differs is named. Mending what is missing or behind is the service's own work, by its ordinary way; what an apply
 * would take for newer or as new is set right by one atomic step, if it still is what was seen.
 */
#include "cli/audit.h"
#include "cli/diff.h"
#include "cli/replay.h"

#include "base/buffer.h"
#include "base/clock.h"
#include "store/index.h"
#include "wire/message.h"
#include "wire/subject.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define VERSION_BYTES AUDIT_VERSION_BYTES
#define DETAIL_MAX    600
#define ENTRIES_MAX   64

/* What should be, and what is. Bodies live in the table's arena. */
typedef struct audit_view {
    const char *id;
    uint64_t frozen;         /* the version that was there when the audit began; 0: none */
    uint64_t right, version; /* 0: none */
    furrow_bytes right_body, body, value;
    bool there, mistyped;         /* a record; something else in its place */
    bool moving;                  /* it changes faster than it can be looked at: nothing can be said */
    furrow_index_entries entries; /* that the right state has */
    const furrow_index_entry *missing[ENTRIES_MAX];
    audit_stray strays[ENTRIES_MAX];
    size_t missing_count, stray_count;
    furrow_bytes contribution; /* that the right state has */
    bool miscounted;           /* totals hold something else of it */
} audit_view;

/* ---- looking ---- */

static furrow_status get_record(audit_table *table, const char *id, furrow_value *value, furrow_error *err)
{
    const furrow_bytes argv[] = {FURROW_BYTES_LITERAL("GET"), audit_key(table, table->arena, id)};
    return furrow_store_command(table->store, argv, 2, table->arena, value, err);
}

static furrow_status view_record(audit_table *table, audit_view *view, furrow_error *err)
{
    furrow_value value;
    furrow_status status = get_record(table, view->id, &value, err);
    view->there = view->mistyped = status == FURROW_INTERNAL; /* WRONGTYPE */
    if (view->mistyped) return FURROW_OK;
    if (status != FURROW_OK || value.kind != FURROW_VALUE_TEXT) return status;
    view->there = true;
    view->value = value.text;
    view->mistyped = value.text.len < VERSION_BYTES;
    if (view->mistyped) return FURROW_OK;
    view->version = audit_version(value.text);
    view->body = (furrow_bytes){(const uint8_t *)value.text.data + VERSION_BYTES, value.text.len - VERSION_BYTES};
    return FURROW_OK;
}

/* Up to the version that the record has, if it is as new as was there when the audit began; else the newest. */
static void take_state(audit_view *view, uint64_t sequence, furrow_bytes body)
{
    bool as_new = view->version >= view->frozen && view->version > 0;
    if (as_new && view->right == view->version) return;
    view->right = sequence;
    view->right_body = body;
}

/* After the record, so that the log has whatever that can have. */
static furrow_status view_log(audit_table *table, audit_view *view, furrow_error *err)
{
    char subject[FURROW_SUBJECT_MAX];
    uint64_t oldest = 0;
    furrow_js_stored event = {.sequence = 0};
    furrow_status status = furrow_subject_of_entity(table->entity, view->id, subject, err);
    while (status == FURROW_OK) {
        furrow_bytes id, body;
        uint64_t deadline_ns = furrow_clock_in_ms(AUDIT_ASK_MS);
        status = furrow_js_get_next(table->tool->link, table->stream, subject, event.sequence + 1, deadline_ns,
                                    table->arena, &event, err);
        if (status != FURROW_OK) break;
        if (oldest == 0) oldest = event.sequence;
        furrow_arena_reset(table->scratch);
        if (!audit_state_of(table, &event, table->scratch, &id, &body)) continue;
        void *copy = furrow_arena_memdup(table->arena, body.data, body.len);
        if (!copy) return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "out of memory");
        take_state(view, event.sequence, (furrow_bytes){copy, body.len});
    }
    /* Pushed out by newer ones meanwhile; or made since the audit began, and still on its way. */
    view->moving = (view->version >= view->frozen && view->version > 0 && view->version < oldest) ||
                   (!view->there && view->frozen == 0 && oldest > 0);
    return status == FURROW_NOT_FOUND ? FURROW_OK : status;
}

static furrow_status in_index(audit_table *table, size_t index, furrow_bytes member, bool *there, furrow_error *err)
{
    char name[160];
    furrow_value score;
    snprintf(name, sizeof name, "@by:%s", table->indexes[index].field);
    const furrow_bytes argv[] = {FURROW_BYTES_LITERAL("ZSCORE"), audit_key(table, table->arena, name), member};
    furrow_status status = furrow_store_command(table->store, argv, 3, table->arena, &score, err);
    if (status == FURROW_OK) *there = score.kind != FURROW_VALUE_NIL;
    return status;
}

static bool has_entry(const audit_view *view, size_t index, furrow_bytes member)
{
    for (size_t i = 0; i < view->entries.count; i++)
        if (view->entries.list[i].index == index && furrow_bytes_equal(view->entries.list[i].member, member))
            return true;
    return false;
}

/* An entry that leads to the record, is there, and should not be. */
static furrow_status view_stray(audit_table *table, audit_view *view, size_t index, furrow_bytes member,
                                furrow_error *err)
{
    bool there = false;
    if (view->stray_count == ENTRIES_MAX || has_entry(view, index, member)) return FURROW_OK;
    furrow_status status = in_index(table, index, member, &there, err);
    if (status == FURROW_OK && there) view->strays[view->stray_count++] = (audit_stray){index, member};
    return status;
}

/* By what was found in the indexes, and by what the record itself says as it is. */
static furrow_status view_strays(audit_table *table, audit_view *view, furrow_error *err)
{
    furrow_status status = FURROW_OK;
    furrow_index_entries wrong = {.count = 0};
    if (!furrow_bytes_equal(view->body, view->right_body) && view->body.len > 0 &&
        furrow_index_compute(table->descriptor, table->indexes, table->index_count, furrow_bytes_of(view->id),
                             view->body, table->arena, &wrong, NULL) != FURROW_OK)
        wrong.count = 0;
    for (size_t i = 0; status == FURROW_OK && i < wrong.count; i++)
        status = view_stray(table, view, wrong.list[i].index, wrong.list[i].member, err);
    for (size_t i = 0; status == FURROW_OK && i < table->stray_count; i++)
        if (furrow_bytes_is(furrow_index_id(table->strays[i].member), view->id))
            status = view_stray(table, view, table->strays[i].index, table->strays[i].member, err);
    return status;
}

static furrow_status view_indexes(audit_table *table, audit_view *view, furrow_error *err)
{
    bool there;
    furrow_status status =
        furrow_index_compute(table->descriptor, table->indexes, table->index_count, furrow_bytes_of(view->id),
                             view->right_body, table->arena, &view->entries, err);
    for (size_t i = 0; status == FURROW_OK && i < view->entries.count && view->missing_count < ENTRIES_MAX; i++) {
        status = in_index(table, view->entries.list[i].index, view->entries.list[i].member, &there, err);
        if (status == FURROW_OK && !there) view->missing[view->missing_count++] = &view->entries.list[i];
    }
    return status == FURROW_OK ? view_strays(table, view, err) : status;
}

static furrow_status view_counted(audit_table *table, audit_view *view, furrow_error *err)
{
    furrow_value value;
    if (table->aggregate_count == 0) return FURROW_OK;
    const furrow_bytes argv[] = {FURROW_BYTES_LITERAL("HGET"), audit_key(table, table->arena, "@counted"),
                                 furrow_bytes_of(view->id)};
    furrow_status status = audit_contribution(table, view->right_body, table->arena, &view->contribution, err);
    if (status == FURROW_OK) status = furrow_store_command(table->store, argv, 3, table->arena, &value, err);
    if (status == FURROW_OK)
        view->miscounted = !furrow_bytes_equal(value.kind == FURROW_VALUE_TEXT ? value.text : (furrow_bytes){"", 0},
                                               view->contribution);
    return status;
}

/* Did the record stay as it was while its entries were looked at? */
static furrow_status check_still(audit_table *table, audit_view *view, furrow_error *err)
{
    furrow_value again;
    furrow_status status = get_record(table, view->id, &again, err);
    if (status == FURROW_INTERNAL) return FURROW_OK;
    if (status == FURROW_OK && again.kind == FURROW_VALUE_TEXT)
        view->moving |= !view->there || !furrow_bytes_equal(again.text, view->value);
    else if (status == FURROW_OK)
        view->moving |= view->there;
    return status;
}

static furrow_status take_view(audit_table *table, const char *id, uint64_t frozen, audit_view *view, furrow_error *err)
{
    *view = (audit_view){.id = id, .frozen = frozen};
    furrow_arena_reset(table->arena);
    furrow_status status = view_record(table, view, err);
    if (status == FURROW_OK) status = view_log(table, view, err);
    if (status == FURROW_OK && !view->moving) status = view_indexes(table, view, err);
    if (status == FURROW_OK && !view->moving) status = view_counted(table, view, err);
    if (status == FURROW_OK) status = check_still(table, view, err);
    return status;
}

static bool record_is_right(const audit_view *view)
{
    if (!view->there) return view->right_body.len == 0; /* a tombstone goes with time */
    return !view->mistyped && view->version == view->right && view->right > 0 &&
           furrow_bytes_equal(view->body, view->right_body);
}

static bool is_right(const audit_view *view)
{
    if (view->moving) return true;
    return record_is_right(view) && view->missing_count == 0 && view->stray_count == 0 && !view->miscounted;
}

/* ---- naming ---- */

typedef struct naming {
    const audit_table *table;
    furrow_buffer *out;
} naming;

static void name_field(void *arg, const char *path, const ProtobufCFieldDescriptor *field, furrow_bytes is,
                       furrow_bytes right)
{
    naming *self = arg;
    bool hidden = field && (field == self->table->private_field || field->type == PROTOBUF_C_TYPE_BYTES);
    furrow_buffer_printf(self->out, "%s%s", self->out->len ? "; " : "", path);
    if (!field || hidden) return;
    furrow_buffer_append_text(self->out, ": is ");
    furrow_buffer_append(self->out, is.data ? is.data : "none", is.data ? is.len : 4);
    furrow_buffer_append_text(self->out, ", must be ");
    furrow_buffer_append(self->out, right.data ? right.data : "none", right.data ? right.len : 4);
}

static void name_difference(audit_table *table, const audit_view *view, furrow_buffer *out)
{
    furrow_error why;
    ProtobufCMessage *is = NULL, *right = NULL;
    naming self = {table, out};
    furrow_arena_reset(table->scratch);
    if (view->right_body.len > 0)
        (void)!furrow_message_unpack(table->descriptor, view->right_body, table->scratch, &right, NULL);
    if (view->body.len > 0 &&
        furrow_message_unpack(table->descriptor, view->body, table->scratch, &is, &why) != FURROW_OK)
        furrow_buffer_printf(out, "%s", why.text);
    else
        (void)diff_messages(is, right, table->scratch, name_field, &self);
    if (out->len == 0) furrow_buffer_append_text(out, "the same fields, in other bytes");
}

static const char *name_record(audit_table *table, const audit_view *view, furrow_buffer *out)
{
    if (view->mistyped) {
        furrow_buffer_append_text(out, "what lies there is no record");
        return "different";
    }
    if (!view->there) {
        furrow_buffer_printf(out, "the log has version %" PRIu64, view->right);
        return "missing";
    }
    if (view->right == 0) {
        furrow_buffer_printf(out, "version %" PRIu64 ", and the log has nothing of it", view->version);
        return "extra";
    }
    if (view->version != view->right) {
        furrow_buffer_printf(out, "version %" PRIu64 ", the log's is %" PRIu64, view->version, view->right);
        return view->version < view->right ? "behind" : "ahead";
    }
    name_difference(table, view, out);
    return "different";
}

static const char *name_problem(audit_table *table, const audit_view *view, furrow_buffer *out)
{
    if (!record_is_right(view)) return name_record(table, view, out);
    for (size_t i = 0; i < view->missing_count; i++)
        furrow_buffer_printf(out, "%sby %s: its entry is missing", out->len ? "; " : "",
                             table->indexes[view->missing[i]->index].field);
    for (size_t i = 0; i < view->stray_count; i++)
        furrow_buffer_printf(out, "%sby %s: an entry too many", out->len ? "; " : "",
                             table->indexes[view->strays[i].index].field);
    if (view->missing_count + view->stray_count > 0) return "index";
    furrow_buffer_append_text(out, "they hold something else of it");
    return "totals";
}

/* ---- mending ---- */

static const char mend_script[] =
    "local K, A = KEYS, ARGV\n"
    "if redis.call('TYPE', K[1]).ok == 'string' and redis.call('GET', K[1]) ~= A[1] then return 0 end\n"
    "if redis.call('EXISTS', K[1]) == 0 and A[1] ~= '' then return 0 end\n"
    "if A[2] == '' then redis.call('UNLINK', K[1])\n"
    "elseif #A[2] == 8 then redis.call('SET', K[1], A[2], 'EX', 604800)\n"
    "else redis.call('SET', K[1], A[2]) end\n"
    "if A[1] == '' and #A[2] > 8 then redis.call('RPUSH', K[2], A[3]) end\n"
    "for i = 4, #A, 3 do\n"
    "  if A[i] == '+' then redis.call('ZADD', K[tonumber(A[i + 1])], 0, A[i + 2])\n"
    "  elseif A[i] == '=' and A[i + 2] == '' then redis.call('HDEL', K[tonumber(A[i + 1])], A[3])\n"
    "  elseif A[i] == '=' then redis.call('HSET', K[tonumber(A[i + 1])], A[3], A[i + 2])\n"
    "  else redis.call('ZREM', K[tonumber(A[i + 1])], A[i + 2]) end\n"
    "end\n"
    "return 1\n";

typedef struct mend_command {
    furrow_bytes argv[12 + 26 + 6 * ENTRIES_MAX];
    size_t argc;
} mend_command;

static void add_entry(audit_table *table, mend_command *command, const char *sign, size_t index, furrow_bytes member)
{
    const char *key = furrow_arena_printf(table->arena, "%zu", index + 3);
    FURROW_REQUIRE(key);
    command->argv[command->argc++] = furrow_bytes_of(sign);
    command->argv[command->argc++] = furrow_bytes_of(key);
    command->argv[command->argc++] = member;
}

/* As it would be stored; nothing where the log has nothing. */
static furrow_bytes right_value(audit_table *table, const audit_view *view)
{
    size_t len = VERSION_BYTES + view->right_body.len;
    if (view->right == 0) return (furrow_bytes){"", 0};
    uint8_t *value = furrow_arena_alloc(table->arena, len);
    FURROW_REQUIRE(value);
    for (size_t i = 0; i < VERSION_BYTES; i++) value[i] = (uint8_t)(view->right >> (8 * (VERSION_BYTES - 1 - i)));
    if (view->right_body.len > 0) memcpy(value + VERSION_BYTES, view->right_body.data, view->right_body.len);
    return (furrow_bytes){value, len};
}

/* The record and its entries as they must be, if it still is what was seen. */
static furrow_status mend_here(audit_table *table, const audit_view *view, furrow_error *err)
{
    mend_command command = {.argc = 3};
    char keys[16], name[160];
    furrow_value answer;
    bool sums = table->aggregate_count > 0; /* which follow: audit_sums.c */
    snprintf(keys, sizeof keys, "%zu", 2 + table->index_count + sums);
    command.argv[0] = FURROW_BYTES_LITERAL("EVAL");
    command.argv[1] = furrow_bytes_of(mend_script);
    command.argv[2] = furrow_bytes_of(keys);
    command.argv[command.argc++] = audit_key(table, table->arena, view->id);
    command.argv[command.argc++] = audit_key(table, table->arena, "@ids");
    for (size_t i = 0; i < table->index_count; i++) {
        snprintf(name, sizeof name, "@by:%s", table->indexes[i].field);
        command.argv[command.argc++] = audit_key(table, table->arena, name);
    }
    if (sums) command.argv[command.argc++] = audit_key(table, table->arena, "@counted");
    command.argv[command.argc++] = view->value.data ? view->value : (furrow_bytes){"", 0};
    command.argv[command.argc++] = right_value(table, view);
    command.argv[command.argc++] = furrow_bytes_of(view->id);
    for (size_t i = 0; i < view->missing_count; i++)
        add_entry(table, &command, "+", view->missing[i]->index, view->missing[i]->member);
    for (size_t i = 0; i < view->stray_count; i++)
        add_entry(table, &command, "-", view->strays[i].index, view->strays[i].member);
    if (sums) add_entry(table, &command, "=", table->index_count, view->contribution);
    return furrow_store_command(table->store, command.argv, command.argc, table->arena, &answer, err);
}

static furrow_status mend_by_service(audit_table *table, const audit_view *view, furrow_error *err)
{
    char subject[FURROW_SUBJECT_MAX];
    replay_request ask = {.service = table->service, .stream = table->stream, .subject = subject, .kind = "event"};
    snprintf(subject, sizeof subject, "%s.%s", table->entity, view->id);
    return replay_ask(table->tool, &ask, err);
}

static void mend(audit_table *table, audit_view *view)
{
    furrow_error err;
    const char *id = view->id;
    uint64_t frozen = view->frozen;
    bool behind = view->right > view->version && !view->mistyped;
    furrow_status status = behind ? mend_by_service(table, view, &err) : mend_here(table, view, &err);
    if (status == FURROW_OK) status = take_view(table, id, frozen, view, &err);
    /* The service left what else is wrong as it was: entries that nothing leads to any more. */
    if (status == FURROW_OK && !is_right(view) && record_is_right(view)) {
        status = mend_here(table, view, &err);
        if (status == FURROW_OK) status = take_view(table, id, frozen, view, &err);
    }
    if (status != FURROW_OK)
        cli_fail_error(table->tool, id, &err);
    else if (is_right(view))
        table->repaired++;
    else
        cli_fail(table->tool, 1, "%s%s: it has changed meanwhile: audit again", table->prefix, id);
}

furrow_status audit_judge(audit_table *table, const ledger_entry *entry, bool last, bool *wrong, furrow_error *err)
{
    audit_view view;
    furrow_buffer detail;
    const char *id = entry->id;
    furrow_status status = take_view(table, id, entry->version, &view, err);
    if (status != FURROW_OK) return status;
    *wrong = !is_right(&view);
    if (!*wrong || !last) return FURROW_OK;
    furrow_buffer_init(&detail, (size_t)64 << 20);
    const char *problem = name_problem(table, &view, &detail);
    furrow_buffer_append_byte(&detail, '\0');
    if (detail.len > DETAIL_MAX && !detail.failed) snprintf((char *)detail.data + DETAIL_MAX - 4, 4, "…");
    audit_report(table, id, problem, detail.failed ? "" : (const char *)detail.data);
    furrow_buffer_fini(&detail);
    if (table->options->repair) mend(table, &view);
    return FURROW_OK;
}
