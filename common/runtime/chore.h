/**
 * Work that a service does by itself (furrow_startup.work): a task of its own, begun while the service serves, and
 * ended before it goes down. For common/runtime only. Threads: the loop's.
 */
#ifndef FURROW_RUNTIME_CHORE_H
#define FURROW_RUNTIME_CHORE_H

#include "base/task.h"
#include "runtime/service.h"

typedef struct furrow_chore {
    bool running;
    uint64_t due_ns;       /* not before */
    furrow_waiter *ending; /* of who waits for its end, or NULL */
    char failed[256];      /* why it failed last, as logged; "": it did not */
} furrow_chore;

/* Begins it if it is due and @ready. To be called several times a second. */
void furrow_chore_look(furrow_service *service, bool ready);

/* Begins no more, and waits for the piece that runs. DEADLINE_EXCEEDED: it has not ended. */
furrow_status furrow_chore_drain(furrow_service *service, uint64_t deadline_ns, furrow_error *err) FURROW_MUST_USE;

#endif
