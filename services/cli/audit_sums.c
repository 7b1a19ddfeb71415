/*
 * Totals. What they hold of each record is compared with what its state contributes, and goes with the record (see
 * audit_read.c and audit_judge.c); here it is added up and compared with the sums (store/sums.h). What a sum is off by
 * is the same at every moment, so it is mended while services go on: by one atomic step that takes just that away.
 */
#include "cli/audit.h"
#include "cli/text.h"

#include "store/aggregate.h"
#include "store/generation.h"
#include "store/sums.h"
#include "wire/message.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define LOOKS    4   /* at the sums, … */
#define PAUSE_MS 700 /* … so far apart */

static const char mend_sum_script[] =
    "local K, A = KEYS, ARGV\n"
    "local count, sum = string.match(redis.call('HGET', K[1], A[1]) or '', '^(-?%d+) (-?%d+)$')\n"
    "count, sum = (tonumber(count) or 0) + tonumber(A[2]), (tonumber(sum) or 0) + tonumber(A[3])\n"
    "if count == 0 then\n"
    "  redis.call('HDEL', K[1], A[1])\n"
    "  redis.call('ZREM', K[2], A[1])\n"
    "else\n"
    "  redis.call('HSET', K[1], A[1], string.format('%.0f %.0f', count, sum))\n"
    "  redis.call('ZADD', K[2], 0, A[1])\n"
    "end\n"
    "return 1\n";

/* ---- what the totals hold of a record ---- */

furrow_status audit_contribution(const audit_table *table, furrow_bytes body, furrow_arena *arena, furrow_bytes *out,
                                 furrow_error *err)
{
    ProtobufCMessage *record = NULL;
    *out = (furrow_bytes){"", 0};
    if (table->aggregate_count == 0 || body.len == 0) return FURROW_OK;
    furrow_status status = furrow_message_unpack(table->descriptor, body, arena, &record, err);
    if (status != FURROW_OK) return status;
    return furrow_aggregate_contribution(record, table->aggregates, table->aggregate_count, arena, out, err);
}

static void compare_counted(audit_table *table, furrow_bytes id, furrow_bytes contribution)
{
    size_t at = ledger_find(table->ledger, ledger_hash(id));
    ledger_entry *entry = ledger_at(table->ledger, at);
    entry->is_counted = true;
    if (entry->counted == ledger_hash(contribution)) return;
    ledger_name(entry, id);
    audit_suspect(table, at);
}

furrow_status audit_read_counted(audit_table *table, furrow_error *err)
{
    uint64_t cursor = 0;
    furrow_status status = FURROW_OK;
    if (table->aggregate_count == 0) return FURROW_OK;
    do {
        char at[24];
        furrow_value pairs;
        furrow_arena_reset(table->scratch);
        snprintf(at, sizeof at, "%" PRIu64, cursor);
        const furrow_bytes argv[] = {FURROW_BYTES_LITERAL("HSCAN"), audit_key(table, table->scratch, "@counted"),
                                     furrow_bytes_of(at), FURROW_BYTES_LITERAL("COUNT"),
                                     FURROW_BYTES_LITERAL(AUDIT_SCAN_COUNT)};
        status = audit_scan_step(table->store, argv, 5, table->arena, &cursor, &pairs, err);
        for (size_t i = 0; status == FURROW_OK && i + 1 < pairs.count; i += 2)
            compare_counted(table, pairs.items[i].text, pairs.items[i + 1].text);
    } while (status == FURROW_OK && cursor != 0);
    for (size_t i = 0; status == FURROW_OK && i < ledger_count(table->ledger); i++) {
        const ledger_entry *entry = ledger_at(table->ledger, i);
        if (entry->counted && !entry->is_counted) audit_suspect(table, i);
    }
    return status;
}

/* ---- sums ---- */

static furrow_status look_until_sure(furrow_sums *sums, furrow_error *err)
{
    for (int number = 0; number < LOOKS; number++) {
        if (number > 0) furrow_task_sleep_ms(PAUSE_MS);
        furrow_status status = furrow_sums_look(sums, NULL, NULL, err);
        if (status != FURROW_OK || furrow_sums_suspects(sums) == 0) return status;
    }
    return FURROW_OK;
}

static furrow_status mend_sum(audit_table *table, const furrow_sum *wrong, furrow_error *err)
{
    char count[24], sum[24];
    furrow_value answer;
    snprintf(count, sizeof count, "%" PRId64, wrong->right_count - wrong->count);
    snprintf(sum, sizeof sum, "%" PRId64, wrong->right_sum - wrong->sum);
    furrow_arena_reset(table->arena);
    const furrow_bytes argv[] = {FURROW_BYTES_LITERAL("EVAL"),
                                 furrow_bytes_of(mend_sum_script),
                                 FURROW_BYTES_LITERAL("2"),
                                 audit_key(table, table->arena, "@sums"),
                                 audit_key(table, table->arena, "@groups"),
                                 wrong->group,
                                 furrow_bytes_of(count),
                                 furrow_bytes_of(sum)};
    return furrow_store_command(table->store, argv, 8, table->arena, &answer, err);
}

static size_t count_wrong(const furrow_sums *sums)
{
    size_t at = 0, count = 0;
    furrow_sum wrong;
    while (furrow_sums_next_wrong(sums, &at, &wrong)) count++;
    return count;
}

/* What is wrong is named; what was mended is looked at again. */
static furrow_status judge_sums(audit_table *table, furrow_sums *sums, furrow_error *err)
{
    size_t at = 0, found = 0;
    furrow_sum wrong;
    furrow_status status = look_until_sure(sums, err);
    while (status == FURROW_OK && furrow_sums_next_wrong(sums, &at, &wrong)) {
        found++;
        audit_report(table, wrong.aggregate, "totals", wrong.what);
        if (table->options->repair) status = mend_sum(table, &wrong, err);
    }
    if (status != FURROW_OK || found == 0 || !table->options->repair) return status;
    status = look_until_sure(sums, err);
    size_t left = status == FURROW_OK ? count_wrong(sums) : found;
    table->repaired += left < found ? found - left : 0;
    return status;
}

furrow_status audit_sums(audit_table *table, furrow_error *err)
{
    if (table->aggregate_count == 0) return FURROW_OK;
    const furrow_table_options about = {.service = table->service,
                                        .entity = table->short_name,
                                        .descriptor = table->descriptor,
                                        .aggregates = table->aggregates,
                                        .aggregate_count = table->aggregate_count};
    furrow_table *own = furrow_table_create(table->store, &about, err);
    if (!own) return FURROW_RESOURCE_EXHAUSTED;
    furrow_sums *sums = furrow_sums_create(own);
    furrow_status status =
        sums ? furrow_table_place_current(own, err) : furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "out of memory");
    if (status == FURROW_OK) status = judge_sums(table, sums, err);
    furrow_sums_destroy(sums);
    furrow_table_destroy(own);
    return status;
}
