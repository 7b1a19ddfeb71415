/*
 * See admission.h. The queue is a ring, since it is taken from at both ends. Depends on the C library.
 */
#include "rpc/admission.h"

#include <stdlib.h>

#define SLOW     4                       /* times as long as usual: then there are too many places */
#define BRISK    2                       /* times as long as usual, at most: then there may be more */
#define SWIFT_NS (12 * FURROW_NS_PER_MS) /* a call that takes no longer is brisk, one of up to twice that not slow */
#define STEP     8                       /* the part of the limit by which it changes */
#define WINDOW   64                      /* calls, at least, between two looks at the limit */
#define ALONE    16 /* calls that ran at begin and end together: fewer do not get into each other's way */
#define SETTLING 16 /* the part by which what is usual follows slower calls; it follows faster ones by half */

bool furrow_admission_init(furrow_admission *admission, size_t floor, size_t most, uint64_t patience_ns)
{
    if (floor > most) floor = most;
    *admission = (furrow_admission){.floor = floor, .most = most, .limit = floor, .patience_ns = patience_ns};
    admission->ring = calloc(most, sizeof *admission->ring);
    return admission->ring != NULL;
}

void furrow_admission_fini(furrow_admission *admission)
{
    free(admission->ring);
    admission->ring = NULL;
}

static void pop_oldest(furrow_admission *admission, furrow_queued *out)
{
    *out = admission->ring[admission->head];
    admission->head = (admission->head + 1) % admission->most;
    admission->queued--;
}

static void pop_newest(furrow_admission *admission, furrow_queued *out)
{
    *out = admission->ring[(admission->head + --admission->queued) % admission->most];
}

static void note_overload(furrow_admission *admission, uint64_t now_ns)
{
    admission->overloaded_until_ns = now_ns + FURROW_ADMISSION_CALM_MS * FURROW_NS_PER_MS;
}

bool furrow_admission_queue(furrow_admission *admission, const furrow_queued *request, uint64_t now_ns,
                            furrow_queued *refused)
{
    bool full = admission->running + admission->queued >= admission->most;
    admission->wanted = true;
    if (full) {
        note_overload(admission, now_ns);
        if (admission->queued == 0) {
            *refused = *request;
            return true;
        }
        pop_oldest(admission, refused);
    }
    admission->ring[(admission->head + admission->queued++) % admission->most] = *request;
    return full;
}

bool furrow_admission_next(furrow_admission *admission, uint64_t now_ns, furrow_queued *next)
{
    if (admission->queued == 0 || admission->running >= furrow_admission_places(admission)) return false;
    if (furrow_admission_overloaded(admission, now_ns))
        pop_newest(admission, next);
    else
        pop_oldest(admission, next);
    return true;
}

bool furrow_admission_tired(furrow_admission *admission, uint64_t now_ns, furrow_queued *refused)
{
    if (admission->queued == 0) return false;
    uint64_t patience = furrow_admission_overloaded(admission, now_ns) ? FURROW_ADMISSION_HASTE_MS * FURROW_NS_PER_MS
                                                                       : admission->patience_ns;
    if (now_ns - admission->ring[admission->head].arrival_ns <= patience) return false;
    note_overload(admission, now_ns);
    pop_oldest(admission, refused);
    return true;
}

static void adapt_limit(furrow_admission *admission)
{
    size_t step = admission->limit / STEP > 0 ? admission->limit / STEP : 1;
    uint64_t swift_ns = SWIFT_NS * admission->samples;
    if (admission->spent_ns > SLOW * admission->usual_ns && admission->spent_ns > 2 * swift_ns)
        admission->limit = admission->limit - step > admission->floor ? admission->limit - step : admission->floor;
    else if (admission->wanted && (admission->spent_ns < BRISK * admission->usual_ns || admission->spent_ns < swift_ns))
        admission->limit = admission->limit + step < admission->most ? admission->limit + step : admission->most;
    admission->typical_ns = admission->usual_ns / admission->samples;
    admission->samples = 0;
    admission->spent_ns = admission->usual_ns = 0;
    admission->wanted = admission->queued > 0;
}

/* Faster ones are believed sooner: what makes a call slow is mostly not itself. */
static void learn_usual(furrow_pace *pace, uint64_t spent_ns)
{
    if (pace->usual_ns == 0)
        pace->usual_ns = spent_ns + 1;
    else if (spent_ns < pace->usual_ns)
        pace->usual_ns -= (pace->usual_ns - spent_ns) / 2;
    else
        pace->usual_ns += (spent_ns - pace->usual_ns) / SETTLING;
}

void furrow_admission_measure(furrow_admission *admission, furrow_pace *pace, uint64_t spent_ns, size_t company)
{
    if (company < ALONE) learn_usual(pace, spent_ns);
    if (pace->usual_ns == 0) return; /* it has only been seen in a crowd */
    admission->spent_ns += spent_ns;
    admission->usual_ns += pace->usual_ns;
    if (++admission->samples >= WINDOW && admission->samples >= admission->limit) adapt_limit(admission);
}
