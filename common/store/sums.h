/**
 * Are the totals of a table what its records contribute? For who audits, while others write.
 *
 * What a sum is off by is the same at every moment: a step changes a sum, and what it is the sum of, alike. A look adds
 * up what stands in @counted (aggregate.h), walking through it, and compares it with the sums that stood still
 * meanwhile. A group is wrong when looks on end found it off by the same; of one that never stands still nothing is
 * said.
 *
 * Reads alone. Memory: some 200 bytes a group. Threads: the loop's, in a task.
 */
#ifndef FURROW_STORE_SUMS_H
#define FURROW_STORE_SUMS_H

#include "store/record.h"

typedef struct furrow_sums furrow_sums;

typedef struct furrow_sum {
    const char *aggregate;          /* its name; "" where none has such groups */
    furrow_bytes group;             /* as it stands in @sums */
    int64_t count, sum;             /* what stands there; 0 where there is nothing, or no sum */
    int64_t right_count, right_sum; /* what stands in @counted of records comes to */
    char what[200];                 /* for people: "B001 2026-11-28 bin: 3 records, 4500; counted are 2, 3000" */
} furrow_sum;

/* The table is lent; none of a table without aggregates is ever wrong. NULL: no memory. */
furrow_sums *furrow_sums_create(furrow_table *table);
void furrow_sums_destroy(furrow_sums *self);

/* One look. @pace, or NULL, is called after each step, of so many records; where it fails the look does. */
typedef furrow_status furrow_sums_pace(void *arg, size_t count, furrow_error *err);
furrow_status furrow_sums_look(furrow_sums *self, furrow_sums_pace *pace, void *arg, furrow_error *err) FURROW_MUST_USE;

/* How many did not fit in the last look: look again after a moment. */
size_t furrow_sums_suspects(const furrow_sums *self);
/* The next that is wrong, from *@at on, which is 0 at first; false: that was all. @out is valid until the next look. */
bool furrow_sums_next_wrong(const furrow_sums *self, size_t *at, furrow_sum *out);

#endif
