/* See chore.h. A piece at a time, so that an end need not wait for all of it. May depend on the assembly. */
#include "runtime/chore.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/logger.h"
#include "runtime/assembly.h"

#define PAUSE_MS       1000 /* when there was nothing more to do */
#define AFTER_ERROR_MS 5000

static furrow_status do_piece(furrow_service *service, bool *more, furrow_error *err)
{
    FURROW_AUTO(furrow_arena) arena = furrow_arena_create(0);
    *more = false;
    if (!arena) return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "out of memory");
    return service->definition->startup->work(service, more, arena, err);
}

/* Once for each reason: what lasts is not said every five seconds. */
static void tell_failure(furrow_chore *chore, furrow_status status, const furrow_error *err)
{
    const char *why = status == FURROW_OK ? "" : err->text;
    if (strcmp(chore->failed, why) == 0) return;
    snprintf(chore->failed, sizeof chore->failed, "%s", why);
    if (status != FURROW_OK) furrow_logger(FURROW_LOG_WARN, "own work failed", "why=%s", why);
}

static void run_chore(void *arg)
{
    furrow_service *service = arg;
    furrow_chore *chore = &service->chore;
    furrow_status status = FURROW_OK;
    furrow_error err = {0};
    bool more = true;
    while (status == FURROW_OK && more && service->open && !service->stopping.done)
        status = do_piece(service, &more, &err);
    tell_failure(chore, status, &err);
    chore->due_ns = furrow_clock_in_ms(status == FURROW_OK ? PAUSE_MS : AFTER_ERROR_MS);
    chore->running = false;
    if (chore->ending) furrow_waiter_done(chore->ending);
}

void furrow_chore_look(furrow_service *service, bool ready)
{
    furrow_chore *chore = &service->chore;
    const furrow_startup *startup = service->definition->startup;
    bool due = startup && startup->work && ready && service->open && !service->stopping.done;
    if (!due || chore->running || furrow_clock_now_ns() < chore->due_ns) return;
    furrow_error err;
    chore->running = furrow_loop_spawn(service->loop, run_chore, service, &err) == FURROW_OK; /* else soon again */
}

furrow_status furrow_chore_drain(furrow_service *service, uint64_t deadline_ns, furrow_error *err)
{
    furrow_chore *chore = &service->chore;
    if (!chore->running) return FURROW_OK;
    furrow_waiter waiter = furrow_waiter_make();
    chore->ending = &waiter;
    bool ended = furrow_wait(&waiter, deadline_ns);
    chore->ending = NULL;
    return ended ? FURROW_OK : furrow_fail(err, FURROW_DEADLINE_EXCEEDED, "the service's own work has not ended");
}
