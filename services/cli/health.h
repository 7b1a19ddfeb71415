/** How every instance of a service is, asked one by one. Threads: the loop's, in a task. */
#ifndef FURROW_CLI_HEALTH_H
#define FURROW_CLI_HEALTH_H

#include "cli/lineage/lineage.h"

typedef struct health_row {
    const char *service, *instance; /* "-": none answered $SRV.INFO */
    bool answers, serves;
    const char *why;      /* it does not serve or answer, or its alarms; "" */
    const char *document; /* what it said, JSON; NULL: nothing */
} health_row;

/* @row is lent. */
typedef void health_fn(void *arg, const health_row *row);

/* Of those that lineage_discover() found. True: one of them serves. */
bool health_each(lineage *all, const char *service, health_fn *fn, void *arg);

#endif
