/* What is read: one function per method. Commands are decided in domain.c. */
#include "job/domain.h"
#include "job/v1/job.furrow.h"
#include "job/v1/job.server.h"

#include "runtime/listing.h"
#include "runtime/lookup.h"
#include "runtime/service.h"

static furrow_entity *jobs(furrow_call *call)
{
    return furrow_service_entity(furrow_service_of(call), &job_v1_job_entity);
}

static void answer(const furrow_state *state, Job__V1__JobState *response)
{
    state->message->n_unknown_fields = 0; /* the log's own bookkeeping is not the caller's */
    response->job = (Job__V1__Job *)state->message;
    response->version = (int64_t)state->version;
}

furrow_status job_get_job(furrow_call *call, const Job__V1__GetJobRequest *request, Job__V1__JobState *response,
                          furrow_error *err)
{
    furrow_state state;
    furrow_status status = furrow_subject_check_id(request->id, strlen(request->id), "id", err);
    if (status == FURROW_OK) status = furrow_entity_load(jobs(call), request->id, furrow_call_arena(call), &state, err);
    if (status != FURROW_OK) return status;
    if (!state.message) return furrow_fail(err, FURROW_NOT_FOUND, "no job %s", request->id);
    answer(&state, response);
    return FURROW_OK;
}

furrow_status job_batch_get_jobs(furrow_call *call, const Job__V1__BatchGetJobsRequest *request,
                                 Job__V1__BatchGetJobsResponse *response, furrow_error *err)
{
    furrow_arena *arena = furrow_call_arena(call);
    furrow_lookup found;
    furrow_status status = furrow_lookup_read(jobs(call), request->ids, request->n_ids, arena, &found, err);
    if (status != FURROW_OK) return status;
    Job__V1__JobState *all = furrow_arena_alloc(arena, (found.count + 1) * sizeof *all);
    response->jobs = furrow_arena_alloc(arena, (found.count + 1) * sizeof(*response->jobs));
    if (!all || !response->jobs)
        return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "the answer is too large; ask for fewer at once");
    for (size_t i = 0; i < found.count; i++) {
        job__v1__job_state__init(&all[i]);
        answer(&found.states[i], &all[i]);
        response->jobs[response->n_jobs++] = &all[i];
    }
    response->missing_ids = found.missing_ids;
    response->n_missing_ids = found.missing_count;
    response->damaged_ids = found.damaged_ids;
    response->n_damaged_ids = found.damaged_count;
    return FURROW_OK;
}

static bool matches(const ProtobufCMessage *job, const void *request)
{
    return job_matches((const Job__V1__Job *)job, request);
}

/* The narrowest index there is for the request; what it does not cover is filtered. */
static furrow_record_query query_of(const Job__V1__ListJobsRequest *request, furrow_arena *arena)
{
    bool any_status = request->status == JOB__V1__JOB_STATUS__JOB_STATUS_UNSPECIFIED;
    bool any_kind = request->kind == JOB__V1__JOB_KIND__JOB_KIND_UNSPECIFIED;
    if (request->code_prefix[0] || (any_status && any_kind))
        return (furrow_record_query){.index = "code", .value = furrow_bytes_of(request->code_prefix), .prefix = true};
    if (!any_kind)
        return (furrow_record_query){.index = "kind", .value = furrow_record_index_integer(request->kind, arena)};
    return (furrow_record_query){.index = "status", .value = furrow_record_index_integer(request->status, arena)};
}

furrow_status job_list_jobs(furrow_call *call, const Job__V1__ListJobsRequest *request,
                            Job__V1__ListJobsResponse *response, furrow_error *err)
{
    furrow_listing listing = {.entity = jobs(call),
                              .query = query_of(request, furrow_call_arena(call)),
                              .page_size = request->page_size,
                              .page_token = request->page_token,
                              .matches = matches,
                              .request = request};
    furrow_page page;
    furrow_status status = furrow_listing_read(&listing, furrow_call_arena(call), &page, err);
    if (status != FURROW_OK) return status;
    response->jobs = (Job__V1__Job **)page.messages;
    response->n_jobs = page.count;
    response->damaged_ids = page.damaged_ids;
    response->n_damaged_ids = page.damaged_count;
    response->next_page_token = page.next;
    return FURROW_OK;
}
