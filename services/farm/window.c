/* See window.h: additive increase, multiplicative decrease; by time as TCP Vegas does, since a queue grows before it is
 * full. */
#include "farm/window.h"

#define SLOW          2  /* times the best */
#define BEST_DECAY    64 /* the best is forgotten by so much of itself each round: other rows may be slower by nature */
#define STEP_FRACTION 8

window window_make(void)
{
    return (window){.limit = WINDOW_FIRST};
}

static void shrink(window *self, size_t by)
{
    self->limit = self->limit > WINDOW_MIN + by ? self->limit - by : WINDOW_MIN;
}

static void end_round(window *self)
{
    uint64_t mean_ns = self->total_ns / self->answers;
    if (self->best_ns == 0 || mean_ns < self->best_ns)
        self->best_ns = mean_ns;
    else
        self->best_ns += self->best_ns / BEST_DECAY;
    if (mean_ns > SLOW * self->best_ns)
        shrink(self, self->limit / STEP_FRACTION);
    else if (!self->halved && self->limit < WINDOW_MAX)
        self->limit += self->limit < WINDOW_FIRST * 2 ? self->limit / STEP_FRACTION + 1 : 1;
    self->answers = 0;
    self->total_ns = 0;
    self->halved = false;
}

void window_answered(window *self, uint64_t took_ns, bool refused)
{
    if (refused && !self->halved) {
        shrink(self, self->limit / 2);
        self->halved = true;
    }
    self->answers++;
    self->total_ns += took_ns;
    if (self->answers >= self->limit) end_round(self);
}
