/* One function per method that is no command, get or list. */
#include "payroll/calendar.h"
#include "payroll/statements.h"
#include "payroll/v1/payroll.access.h"
#include "payroll/v1/payroll.server.h"

furrow_status payroll_preview_statement(furrow_call *call, const Payroll__V1__PreviewStatementRequest *request,
                                        Payroll__V1__Statement *response, furrow_error *err)
{
    int64_t day;
    if (!calendar_day(request->period_id, &day))
        return furrow_fail_field(err, "period_id", "\"%.20s\" is no date; name any day of the period, as 2026-01-05",
                                 request->period_id);
    return statements_compute(furrow_service_of(call), request->employee_id, calendar_period_of(&farm_calendar, day),
                              furrow_call_arena(call), response, err);
}

furrow_status payroll_issue_statement(furrow_call *call, const Payroll__V1__IssueStatementRequest *request,
                                      Payroll__V1__StatementState *response, furrow_error *err)
{
    int64_t first_day;
    furrow_written written;
    furrow_status status = calendar_period_of_id(&farm_calendar, "period_id", request->period_id, &first_day, err);
    if (status != FURROW_OK) return status;
    const statements_issuing what = {.service = furrow_service_of(call),
                                     .employee_id = request->employee_id,
                                     .first_day = first_day,
                                     .command = furrow_call_command(call)};
    status = statements_issue(&what, furrow_call_arena(call), &written, err);
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
