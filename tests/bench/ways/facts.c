/* What the sources have in common; see facts.h. */
#include "ways/facts.h"

#include "base/clock.h"
#include "employee/v1/employee.pb-c.h"
#include "job/v1/job.pb-c.h"
#include "location/v1/location.pb-c.h"

facts_settings facts_config;

#define USUAL_SLACK_NS (100 * FURROW_NS_PER_MS)

static bool copy_text(facts *what, char **into, const char *text)
{
    return (*into = furrow_arena_strdup(what->arena, text)) != NULL;
}

static bool set_employee(facts *what, const Employee__V1__Employee *from)
{
    timesheet__v1__employee__init(&what->employee);
    what->employee.status = from->status;
    return copy_text(what, &what->employee.id, from->id) &&
           copy_text(what, &what->employee.display_name, from->display_name);
}

static bool set_job(facts *what, const Job__V1__Job *from)
{
    timesheet__v1__job__init(&what->job);
    what->job.status = from->status;
    what->job.location_ids = furrow_arena_alloc(what->arena, (from->n_location_ids + 1) * sizeof(char *));
    if (!what->job.location_ids) return false;
    for (; what->job.n_location_ids < from->n_location_ids; what->job.n_location_ids++)
        if (!copy_text(what, &what->job.location_ids[what->job.n_location_ids],
                       from->location_ids[what->job.n_location_ids]))
            return false;
    return copy_text(what, &what->job.id, from->id) && copy_text(what, &what->job.name, from->name);
}

static bool set_location(facts *what, const Location__V1__Location *from)
{
    timesheet__v1__location__init(&what->location);
    what->location.status = from->status;
    return copy_text(what, &what->location.id, from->id) && copy_text(what, &what->location.name, from->name);
}

furrow_status facts_set(facts *what, int kind, const ProtobufCMessage *answer, furrow_error *err)
{
    bool whole, copied;
    int64_t version;
    if (kind == FACTS_EMPLOYEE) {
        const Employee__V1__EmployeeState *state = (const Employee__V1__EmployeeState *)answer;
        whole = state->employee != NULL, version = state->version;
        copied = whole && set_employee(what, state->employee);
    } else if (kind == FACTS_JOB) {
        const Job__V1__JobState *state = (const Job__V1__JobState *)answer;
        whole = state->job != NULL, version = state->version;
        copied = whole && set_job(what, state->job);
    } else {
        const Location__V1__LocationState *state = (const Location__V1__LocationState *)answer;
        whole = state->location != NULL, version = state->version;
        copied = whole && set_location(what, state->location);
    }
    if (!whole || version <= 0) return furrow_fail(err, FURROW_INTERNAL, "an owner answers without a state");
    if (!copied) return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "the request needs more memory than it may use");
    what->versions[kind] = (uint64_t)version;
    return FURROW_OK;
}

/* A header costs the owner more than the call itself: the usual deadline is not sent. */
uint64_t facts_deadline(const facts *what)
{
    uint64_t deadline = furrow_call_deadline(what->call);
    uint64_t usual = furrow_clock_now_ns() + FURROW_RPC_TIMEOUT_MS * FURROW_NS_PER_MS;
    return deadline + USUAL_SLACK_NS >= usual ? 0 : deadline;
}
