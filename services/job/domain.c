/* The rules of jobs. Locations are what this service keeps of them. Depends on generated types and input checks only. */
#include "job/v1/job.domain.h"

#define HOURLY JOB__V1__PAY_TYPE__PAY_TYPE_HOURLY

static furrow_status check_pay(const Job__V1__Pay *pay, furrow_error *err)
{
    if (pay->type == HOURLY && (pay->unit[0] || pay->rate_cents))
        return furrow_fail_field(err, "pay",
                                 "an hourly job pays the employee's own rate; leave out unit and rate_cents");
    if (pay->type == HOURLY) return FURROW_OK;
    if (!pay->unit[0]) return furrow_fail_field(err, "pay.unit", "is required for a piece rate");
    return pay->rate_cents ? FURROW_OK : furrow_fail_field(err, "pay.rate_cents", "is required for a piece rate");
}

furrow_status job_check_job(const Job__V1__Job *job, furrow_error *err)
{
    furrow_status status = check_pay(job->pay, err);
    return status == FURROW_OK ? furrow_timestamp_read("updated_at", job->updated_at, NULL, err) : status;
}

/* A job is done at places that are known here, and open. */
static furrow_status check_places(char *const ids[], const Job__V1__Location *const locations[], size_t count,
                                  furrow_error *err)
{
    for (size_t i = 0; i < count; i++) {
        if (!locations[i])
            return furrow_fail_reason(err, FURROW_FAILED_PRECONDITION, "LOCATION_UNKNOWN",
                                      "location %s is not known here", ids[i]);
        if (locations[i]->status != LOCATION__V1__LOCATION_STATUS__LOCATION_STATUS_OPEN)
            return furrow_fail_reason(err, FURROW_FAILED_PRECONDITION, "LOCATION_CLOSED", "location %s (%s) is closed",
                                      ids[i], locations[i]->name);
    }
    return FURROW_OK;
}

furrow_status job_open_job(const job_open_job_known *known, Job__V1__Job *next, furrow_error *err)
{
    const Job__V1__OpenJobRequest *request = known->request;
    furrow_status status = furrow_input_name("name", request->name, err);
    if (status == FURROW_OK) status = check_pay(request->pay, err);
    if (status == FURROW_OK) status = check_places(request->location_ids, known->locations, known->n_locations, err);
    if (status != FURROW_OK) return status;
    next->code = request->code;
    next->name = furrow_unicode_nfc(request->name, known->arena);
    next->kind = request->kind;
    next->pay = request->pay;
    next->status = JOB__V1__JOB_STATUS__JOB_STATUS_OPEN;
    next->location_ids = request->location_ids;
    next->n_location_ids = request->n_location_ids;
    return next->name ? FURROW_OK : furrow_known_no_memory(err);
}

furrow_status job_close_job(const job_close_job_known *known, Job__V1__Job *next, furrow_error *err)
{
    (void)known, (void)err;
    next->status = JOB__V1__JOB_STATUS__JOB_STATUS_CLOSED;
    return FURROW_OK;
}

furrow_status job_reopen_job(const job_reopen_job_known *known, Job__V1__Job *next, furrow_error *err)
{
    if (next->status == JOB__V1__JOB_STATUS__JOB_STATUS_OPEN) return FURROW_OK;
    next->status = JOB__V1__JOB_STATUS__JOB_STATUS_OPEN;
    return check_places(next->location_ids, known->locations, known->n_locations, err);
}
