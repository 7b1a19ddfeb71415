/**
 * How many requests may be in flight at once, as the servers bear it: one more for every window that was answered in good
 * time, a fraction less when answers take twice as long as they can, half when one is refused for want of room or gets no
 * answer. Between WINDOW_MIN and WINDOW_MAX. Pure.
 */
#ifndef FURROW_FARM_WINDOW_H
#define FURROW_FARM_WINDOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WINDOW_MIN   4
#define WINDOW_FIRST 32
#define WINDOW_MAX   256

typedef struct window {
    size_t limit;
    size_t answers;    /* in this round, which has limit of them */
    bool halved;       /* in this round already: those in flight together fail together */
    uint64_t total_ns; /* of this round's answers */
    uint64_t best_ns;  /* mean of the quickest round; 0: none yet */
} window;

window window_make(void);

/* An answer came after @took_ns. @refused: it was one for want of room, or none came. */
void window_answered(window *self, uint64_t took_ns, bool refused);

#endif
