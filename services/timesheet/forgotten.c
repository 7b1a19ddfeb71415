/* See forgotten.h. The ids of an employee's days differ in their dates alone, so their order is that of the days. */
#include "timesheet/forgotten.h"

#include "timesheet/clock.h"
#include "timesheet/v1/timesheet.access.h"

#include <string.h>

#define PAGE 64

/* A day that is to be closed. */
typedef struct closing {
    const forgotten *who;
    const workday_window *window;
} closing;

/* At its boundary, or when the employment ended, if that is known here and was before. */
static furrow_status decide_closing(void *arg, const furrow_state *current, furrow_arena *arena, furrow_decision *out,
                                    furrow_error *err)
{
    const closing *old = arg;
    const forgotten *who = old->who;
    const Timesheet__V1__WorkDay *day = work_day_of(current);
    Timesheet__V1__WorkDay *next;
    int64_t ended_ns = old->window->end_ns;
    if (!workday_is_open(day)) return FURROW_OK;
    if (who->employee) (void)workday_is_over(day, who->employee, who->now_ns, &ended_ns);
    furrow_status status = workday_end(day, old->window, ended_ns, who->now_ns, arena, &next, err);
    if (status == FURROW_OK) *out = (furrow_decision){.next = &next->base, .event = "closed"};
    return status;
}

furrow_status forgotten_close_day(const forgotten *who, const char *id, const workday_window *window,
                                  furrow_arena *arena, furrow_error *err)
{
    furrow_command command = furrow_service_command(CLOCK_SIDE_WRITE_MS);
    closing old = {.who = who, .window = window};
    furrow_write write = {.id = id, .command = &command, .decide = decide_closing, .arg = &old};
    furrow_written written;
    furrow_status status = work_day_write(who->service, &write, arena, &written, err);
    return status == FURROW_OK ? status : furrow_wrap(err, "close day %s, which was left open", id);
}

/* @newest: the id of the newest open day. */
static furrow_status close_if_forgotten(const forgotten *who, const char *id, const char *newest, furrow_arena *arena,
                                        furrow_error *err)
{
    workday_window window;
    if (who->spared && strcmp(id, who->spared) == 0) return FURROW_OK;
    if (workday_window_of_id(id, (int)clock_config.day_start_hour, &window, NULL) != FURROW_OK) return FURROW_OK;
    if (strcmp(id, newest) >= 0 && window.end_ns > who->until_ns) return FURROW_OK;
    furrow_status status = forgotten_close_day(who, id, &window, arena, err);
    return status == FURROW_DATA_LOSS ? FURROW_OK : status;
}

furrow_status forgotten_close_listed(const forgotten *who, const char *const ids[], size_t count, furrow_arena *arena,
                                     furrow_error *err)
{
    furrow_status status = FURROW_OK;
    for (size_t i = 0; status == FURROW_OK && i < count; i++)
        status = close_if_forgotten(who, ids[i], ids[count - 1], arena, err);
    return status;
}

/* The last of a page is weighed again with the next: only there it is known to be the newest or not. */
furrow_status forgotten_close_all(const forgotten *who, furrow_arena *arena, furrow_error *err)
{
    const char *last = NULL;
    furrow_ids open = {0};
    furrow_status status;
    do {
        status = work_day_ids_by_open_employee_id(who->service, who->employee_id, PAGE, open.next, arena, &open, err);
        if (status != FURROW_OK || open.count == 0) break;
        if (last) status = close_if_forgotten(who, last, open.ids[0], arena, err);
        for (size_t i = 0; status == FURROW_OK && i + 1 < open.count; i++)
            status = close_if_forgotten(who, open.ids[i], open.ids[open.count - 1], arena, err);
        last = open.ids[open.count - 1];
    } while (status == FURROW_OK && open.next);
    return status == FURROW_OK && last ? close_if_forgotten(who, last, last, arena, err) : status;
}
