/**
 * Aggregates: running totals over the records of a table, by groups of the values of some of their fields.
 *
 * What one record adds is its contribution, a text that follows from the record alone: for each aggregate in which it
 * counts its group, 0xff, what it adds to the sum as a decimal number, 0xff. A group is the letter of the aggregate
 * ('a' the first), then each value as an index holds it (index.h), each with a NUL behind it. furrow.lua keeps beside
 * the records, and changes in the step that writes them:
 *
 *   <prefix>@counted   hash: id -> the contribution that the sums hold of it; none of a record that counts nowhere
 *   <prefix>@sums      hash: group -> "<count> <sum>"; a group without records has gone
 *   <prefix>@groups    sorted set of the groups, all scores 0: their order, for who reads a page of them
 *
 * Invariant, at every moment: @sums is the sum of what stands in @counted, and each record's stands there as it follows
 * from the record that is stored. So whatever comes twice, late, or is written again counts once.
 *
 * Sums are exact: one record adds less than FURROW_AGGREGATE_MOST, and what would carry a sum past 2^53 is refused.
 * Private to store/, but for tests. Pure, but for those that read. Threads: the loop's, in a task.
 */
#ifndef FURROW_STORE_AGGREGATE_H
#define FURROW_STORE_AGGREGATE_H

#include "base/arena.h"
#include "base/bytes.h"
#include "wire/contract.h"

#define FURROW_AGGREGATES_MAX 26 /* an aggregate is a letter */

/* INVALID_ARGUMENT: it counts by what has no one value, or adds up what is no integer. */
furrow_status furrow_aggregate_check(const furrow_aggregate_contract *aggregate, furrow_error *err) FURROW_MUST_USE;

/*
 * What @record contributes, in @arena; NULL (a tombstone) nothing. INVALID_ARGUMENT: it adds more than one record may;
 * RESOURCE_EXHAUSTED: past the arena's limit.
 */
furrow_status furrow_aggregate_contribution(const ProtobufCMessage *record,
                                            const furrow_aggregate_contract aggregates[], size_t count,
                                            furrow_arena *arena, furrow_bytes *out, furrow_error *err) FURROW_MUST_USE;

/* The beginning of all groups of the aggregate @which whose first values are these, which are cut as an index does;
 * data NULL: no room. */
furrow_bytes furrow_aggregate_group(const furrow_aggregate_contract aggregates[], size_t which,
                                    const furrow_bytes values[], size_t value_count, furrow_arena *arena);

#endif
