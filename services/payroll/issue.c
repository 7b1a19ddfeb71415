/* See issue.h. */
#include "payroll/issue.h"

#include "base/clock.h"
#include "payroll/rates.h"
#include "payroll/statements.h"
#include "payroll/v1/payroll.access.h"
#include "runtime/timestamp.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGE     4 /* people: what they are paid for is read into one arena */
#define WRITE_MS 5000

/* How far this process is in the period at hand. */
typedef struct issue_round {
    char period[11];
    char *after; /* of the listing of people; NULL: at its beginning */
    size_t failed;
    furrow_error first; /* of those */
} issue_round;

static issue_round at_hand;

static void begin_round(const char *period)
{
    free(at_hand.after);
    at_hand = (issue_round){.after = NULL};
    snprintf(at_hand.period, sizeof at_hand.period, "%s", period);
}

static furrow_status decide_issued(void *arg, const furrow_state *current, furrow_arena *arena, furrow_decision *out,
                                   furrow_error *err)
{
    const Payroll__V1__PayPeriod *present = pay_period_of(current);
    if (!present || present->status != PAYROLL__V1__PERIOD_STATUS__PERIOD_STATUS_CLOSED) return FURROW_OK;
    Payroll__V1__PayPeriod *next = furrow_arena_memdup(arena, present, sizeof *next);
    if (!next) return furrow_known_no_memory(err);
    next->status = PAYROLL__V1__PERIOD_STATUS__PERIOD_STATUS_ISSUED;
    next->updated_at = furrow_timestamp_new(furrow_clock_wall_ns(), arena);
    if (!next->updated_at) return furrow_known_no_memory(err);
    *out = (furrow_decision){.next = &next->base, .event = "issued"};
    return FURROW_OK;
}

/* Everybody has been tried. */
static furrow_status finish_round(furrow_service *service, furrow_arena *arena, furrow_error *err)
{
    issue_round ended = at_hand;
    at_hand.period[0] = '\0'; /* whatever comes of it: from the beginning */
    if (ended.failed > 0) {
        *err = ended.first;
        return furrow_wrap(err, "%zu statements of %s could not be issued, of which the first", ended.failed,
                           ended.period);
    }
    furrow_command command = furrow_service_command(WRITE_MS);
    furrow_write write = {.id = ended.period, .command = &command, .decide = decide_issued};
    furrow_written written;
    return pay_period_write(service, &write, arena, &written, err);
}

/* Does it concern this one alone, and will it be so again? Else everybody has to wait. */
static bool is_ones_own(furrow_status status)
{
    return status == FURROW_FAILED_PRECONDITION || status == FURROW_INVALID_ARGUMENT || status == FURROW_DATA_LOSS ||
           status == FURROW_OUT_OF_RANGE;
}

static furrow_status issue_to(furrow_service *service, const char *employee_id, furrow_arena *arena, furrow_error *err)
{
    int64_t first_day = 0;
    furrow_written written;
    furrow_command command = furrow_service_command(WRITE_MS);
    furrow_status status = calendar_period_of_id(&farm_calendar, "id", at_hand.period, &first_day, err);
    const statements_issuing what = {.service = service,
                                     .employee_id = employee_id,
                                     .first_day = first_day,
                                     .command = &command,
                                     .unless_empty = true};
    if (status == FURROW_OK) status = statements_issue(&what, arena, &written, err);
    if (!is_ones_own(status)) return status;
    if (at_hand.failed++ == 0) at_hand.first = *err;
    return FURROW_OK;
}

static furrow_status issue_page(furrow_service *service, furrow_arena *arena, furrow_error *err)
{
    furrow_ids people;
    furrow_status status =
        employee_rates_ids_by_listed_as(service, RATES_ALL, PAGE, at_hand.after, arena, &people, err);
    for (size_t i = 0; status == FURROW_OK && i < people.count; i++)
        status = issue_to(service, people.ids[i], arena, err);
    if (status != FURROW_OK) return status;
    if (!people.next) return finish_round(service, arena, err);
    char *after = strdup(people.next);
    if (!after) return furrow_known_no_memory(err);
    free(at_hand.after);
    at_hand.after = after;
    return FURROW_OK;
}

furrow_status issue_some(furrow_service *service, bool *more, furrow_arena *arena, furrow_error *err)
{
    furrow_ids periods;
    furrow_status status = pay_period_ids_by_status(service, PAYROLL__V1__PERIOD_STATUS__PERIOD_STATUS_CLOSED, 1, NULL,
                                                    arena, &periods, err);
    if (status != FURROW_OK || periods.count == 0) return status;
    if (strcmp(at_hand.period, periods.ids[0]) != 0) begin_round(periods.ids[0]);
    *more = true;
    return issue_page(service, arena, err);
}
