/* One function per method that is no command, get or list. */
#include "payroll/window.h"
#include "payroll/statements.h"
#include "payroll/v1/payroll.access.h"
#include "payroll/v1/payroll.server.h"

#include <stdio.h>

#define ISSUE_MS 5000 /* for the statement of an earlier period */

furrow_status payroll_preview_statement(furrow_call *call, const Payroll__V1__PreviewStatementRequest *request,
                                        Payroll__V1__Statement *response, furrow_error *err)
{
    int64_t day;
    if (!window_day(request->period_id, &day))
        return furrow_fail_field(err, "period_id", "\"%.20s\" is no date; name any day of the period, as 2026-01-05",
                                 request->period_id);
    return statements_compute(furrow_service_of(call), request->employee_id, window_period_of(&farm_calendar, day),
                              furrow_call_arena(call), response, err);
}

static furrow_status is_closed(furrow_call *call, int64_t first_day, bool *out, furrow_error *err)
{
    char date[11];
    furrow_state period;
    furrow_status status =
        pay_period_load(furrow_service_of(call), window_date(first_day, date), furrow_call_arena(call), &period, err);
    if (status == FURROW_OK) *out = pay_period_of(&period) != NULL;
    return status;
}

/*
 * Those of earlier periods that were closed come first, the earliest of them before all: what a later one adjusts must
 * have been issued. Somebody who had nothing then has a statement of nothing.
 */
static furrow_status issue_earlier(furrow_call *call, const char *employee_id, int64_t first_day, furrow_error *err)
{
    furrow_status status = FURROW_OK;
    for (int64_t i = statements_config.adjusted; status == FURROW_OK && i > 0; i--) {
        int64_t earlier = window_period_after(&farm_calendar, first_day, -i);
        bool closed = false;
        furrow_written written;
        furrow_command command = furrow_service_command(ISSUE_MS);
        status = is_closed(call, earlier, &closed, err);
        if (status == FURROW_OK && closed)
            status = statements_issue(furrow_service_of(call), employee_id, earlier, &command, furrow_call_arena(call),
                                      &written, err);
    }
    return status;
}

furrow_status payroll_issue_statement(furrow_call *call, const Payroll__V1__IssueStatementRequest *request,
                                      Payroll__V1__StatementState *response, furrow_error *err)
{
    int64_t first_day;
    bool closed = false;
    furrow_written written;
    furrow_status status = window_period_of_id(&farm_calendar, "period_id", request->period_id, &first_day, err);
    if (status == FURROW_OK) status = is_closed(call, first_day, &closed, err);
    if (status != FURROW_OK) return status;
    if (!closed)
        return furrow_fail(err, FURROW_FAILED_PRECONDITION,
                           "the period %s is not closed; ClosePeriod first, or PreviewStatement", request->period_id);
    status = issue_earlier(call, request->employee_id, first_day, err);
    if (status == FURROW_OK)
        status = statements_issue(furrow_service_of(call), request->employee_id, first_day, furrow_call_command(call),
                                  furrow_call_arena(call), &written, err);
    if (status != FURROW_OK) return status;
    furrow_call_wrote(call, written.subject, written.state.version);
    response->statement = statement_shown(&written.state);
    response->version = (int64_t)written.state.version;
    return FURROW_OK;
}

furrow_status payroll_get_rules(furrow_call *call, const Payroll__V1__GetRulesRequest *request,
                                Payroll__V1__RuleSet *response, furrow_error *err)
{
    *response = *statements_rules;
    return FURROW_OK;
}
