/**
 * Waiting out what passes: a stream between two leaders, a server that shuts down, a connection that is made anew. Who
 * asks the log asks again until it answers, or there is just time left to say that it does not. Private to log.
 *
 *   furrow_patience patience = furrow_patience_make(deadline_ns);
 *   do
 *       status = furrow_js_get_last(…, furrow_patience_attempt(&patience), …);
 *   while (furrow_patience_again(&patience, status));
 *
 * For what may be done twice. Threads: the loop's, in a task, whose place others may have meanwhile.
 */
#ifndef FURROW_LOG_PATIENCE_H
#define FURROW_LOG_PATIENCE_H

#include "base/backoff.h"
#include "base/status.h"

#include <stdbool.h>

typedef struct furrow_patience {
    uint64_t until_ns;
    furrow_backoff backoff;
} furrow_patience;

furrow_patience furrow_patience_make(uint64_t deadline_ns);
/* Until when one attempt may wait: an answer may have been lost with who was to give it. */
uint64_t furrow_patience_attempt(const furrow_patience *patience);
/* Did it fail for a reason that may pass (UNAVAILABLE; no answer), and is there time left? Then it has paused. */
bool furrow_patience_again(furrow_patience *patience, furrow_status status);
/* Pauses; false when the time is over. */
bool furrow_patience_pause(furrow_patience *patience);

#endif
