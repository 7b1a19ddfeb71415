/**
 * What the points of `furrow check` share: each is told as it is found.
 */
#ifndef FURROW_CLI_CHECK_H
#define FURROW_CLI_CHECK_H

#include "cli/lineage/lineage.h"
#include "store/store.h"

typedef enum check_verdict { CHECK_RIGHT, CHECK_DOUBTFUL, CHECK_WRONG } check_verdict;

typedef struct check {
    cli *tool;
    lineage all;
    furrow_store *store; /* NULL: no Redis */
    const char *keys;    /* the folder of --keys, or NULL */
    bool utf8, colours;
    size_t counts[3];
    size_t clocks, wrong_clocks; /* of instances */
} check;

/* @todo NULL where nothing is to be done. */
void check_tell(check *self, const char *name, check_verdict is, const char *todo, const char *format, ...)
    FURROW_PRINTF(5, 6);

/* check_rights.c: may each user whose key lies in --keys do in NATS what contracts need of it, and no more? */
void check_nats_rights(check *self);

#endif
