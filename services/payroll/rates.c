/*
 * Histories of rates: an employee's and a job's state say the present one alone, so each change that is seen here
 * becomes an entry, from the moment at which its owner wrote it. A reaction may run more than once and may skip states
 * in between: what is the same as before adds nothing, and what is older than the newest entry is no news.
 */
#include "payroll/rates.h"
#include "payroll/v1/payroll.access.h"
#include "payroll/v1/payroll.server.h"

#include "runtime/known.h"
#include "runtime/timestamp.h"

#include <string.h>

#define WRITE_MS  5000
#define RATES_MAX 500 /* as the contract says */

/* Room for one more behind those that stay: when there are too many, the oldest goes. */
static void *with_room(void *const *rates, size_t *count, furrow_arena *arena)
{
    void **all = furrow_arena_alloc(arena, (*count + 1) * sizeof *all);
    size_t gone = *count == RATES_MAX;
    if (!all) return NULL;
    if (*count > gone) memcpy(all, rates + gone, (*count - gone) * sizeof *all);
    *count -= gone;
    return all;
}

static bool is_newer(const Google__Protobuf__Timestamp *at, const Google__Protobuf__Timestamp *last)
{
    return furrow_timestamp_ns(at) > furrow_timestamp_ns(last);
}

static furrow_status decide_hourly(void *arg, const furrow_state *current, furrow_arena *arena, furrow_decision *out,
                                   furrow_error *err)
{
    static char all[] = RATES_ALL;
    const Payroll__V1__Employee *employee = arg;
    const Payroll__V1__EmployeeRates *present = employee_rates_of(current);
    const Payroll__V1__HourlyRate *last = present ? present->rates[present->n_rates - 1] : NULL;
    if (last && (last->cents == employee->hourly_rate_cents || !is_newer(employee->updated_at, last->from)))
        return FURROW_OK;
    Payroll__V1__EmployeeRates *next = furrow_arena_alloc(arena, sizeof *next);
    Payroll__V1__HourlyRate *rate = furrow_arena_alloc(arena, sizeof *rate);
    if (!next || !rate) return furrow_known_no_memory(err);
    payroll__v1__employee_rates__init(next);
    payroll__v1__hourly_rate__init(rate);
    rate->from = employee->updated_at;
    rate->cents = employee->hourly_rate_cents;
    next->id = employee->id;
    next->listed_as = all;
    next->n_rates = present ? present->n_rates : 0;
    next->rates = with_room(present ? (void *const *)present->rates : NULL, &next->n_rates, arena);
    if (!next->rates) return furrow_known_no_memory(err);
    next->rates[next->n_rates++] = rate;
    *out = (furrow_decision){.next = &next->base, .event = "rated"};
    return FURROW_OK;
}

static furrow_status decide_job(void *arg, const furrow_state *current, furrow_arena *arena, furrow_decision *out,
                                furrow_error *err)
{
    const Payroll__V1__Job *job = arg;
    const Payroll__V1__JobRates *present = job_rates_of(current);
    const Payroll__V1__JobRate *last = present ? present->rates[present->n_rates - 1] : NULL;
    bool same = last && last->type == job->pay->type && last->cents == job->pay->rate_cents &&
                strcmp(last->unit, job->pay->unit) == 0;
    if (same || (last && !is_newer(job->updated_at, last->from))) return FURROW_OK;
    Payroll__V1__JobRates *next = furrow_arena_alloc(arena, sizeof *next);
    Payroll__V1__JobRate *rate = furrow_arena_alloc(arena, sizeof *rate);
    if (!next || !rate) return furrow_known_no_memory(err);
    payroll__v1__job_rates__init(next);
    payroll__v1__job_rate__init(rate);
    rate->from = job->updated_at;
    rate->type = job->pay->type;
    rate->unit = job->pay->unit;
    rate->cents = job->pay->rate_cents;
    next->id = job->id;
    next->n_rates = present ? present->n_rates : 0;
    next->rates = with_room(present ? (void *const *)present->rates : NULL, &next->n_rates, arena);
    if (!next->rates) return furrow_known_no_memory(err);
    next->rates[next->n_rates++] = rate;
    *out = (furrow_decision){.next = &next->base, .event = "rated"};
    return FURROW_OK;
}

/* A history outlives who it is of: what was worked is still to be paid. */
furrow_status payroll_on_employee_change(furrow_service *service, const char *id, const Payroll__V1__Employee *before,
                                         const Payroll__V1__Employee *now, furrow_arena *arena, furrow_error *err)
{
    if (!now) return FURROW_OK;
    furrow_command command = furrow_service_command(WRITE_MS);
    furrow_write write = {.id = id, .command = &command, .decide = decide_hourly, .arg = (void *)now};
    furrow_written written;
    return employee_rates_write(service, &write, arena, &written, err);
}

furrow_status payroll_on_job_change(furrow_service *service, const char *id, const Payroll__V1__Job *before,
                                    const Payroll__V1__Job *now, furrow_arena *arena, furrow_error *err)
{
    if (!now || !now->pay) return FURROW_OK;
    furrow_command command = furrow_service_command(WRITE_MS);
    furrow_write write = {.id = id, .command = &command, .decide = decide_job, .arg = (void *)now};
    furrow_written written;
    return job_rates_write(service, &write, arena, &written, err);
}
