/**
 * The rules of jobs. Pure: no NATS, no Redis, no clock. Locations are given as what this service keeps of them.
 */
#ifndef FURROW_JOB_DOMAIN_H
#define FURROW_JOB_DOMAIN_H

#include "base/arena.h"

#include "job/v1/job.domain.h"

#include <stdbool.h>

#define JOB_LOCATIONS_MAX 100

/* INVALID_ARGUMENT names the field. */
furrow_status job_check_open(const Job__V1__OpenJobRequest *request, furrow_error *err) FURROW_MUST_USE;

/* FAILED_PRECONDITION for a location that is unknown (NULL) or closed; @locations[i] is what we know of @ids[i]. */
furrow_status job_check_locations(char *const ids[], const Job__V1__Location *const locations[], size_t count,
                                  furrow_error *err) FURROW_MUST_USE;

furrow_status job_open(const Job__V1__Job *current, const Job__V1__OpenJobRequest *request, const char *id,
                       int64_t now_ns, furrow_arena *arena, Job__V1__Job **next, furrow_error *err) FURROW_MUST_USE;

/* Opens or closes; *next NULL: it is so already. */
furrow_status job_set_status(const Job__V1__Job *current, const char *id, Job__V1__JobStatus status, int64_t now_ns,
                             furrow_arena *arena, Job__V1__Job **next, furrow_error *err) FURROW_MUST_USE;

bool job_matches(const Job__V1__Job *job, const Job__V1__ListJobsRequest *request);

#endif
