/**
 * Group commit: the records that commands write one by one, in one turn of the loop, go to Redis in one function call,
 * since a call costs Redis more than a record in it. Nobody waits longer for it: the call leaves at the end of the turn
 * in which it would have left anyway. Private to store/.
 */
#ifndef FURROW_STORE_WRITE_GROUP_H
#define FURROW_STORE_WRITE_GROUP_H

#include "store/table.h"

#define FURROW_WRITE_GROUP_MAX 64 /* records of one call */

/*
 * Writes @write, whose `known` says what was stored before, with what other tasks write to @table in this turn. Parks.
 * *alone: that is not what was stored, or something is wrong with one of the group, and not known with which: write it
 * by itself. ABORTED when the table came into doubt since @moment; the errors of furrow_record_apply.
 */
furrow_status furrow_write_group_apply(furrow_table *table, const furrow_record_write *write, uint64_t moment,
                                       bool *alone, furrow_error *err) FURROW_MUST_USE;

#endif
