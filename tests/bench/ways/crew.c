/*
 * A consumer of the comparison: clocks people in on days of its own, by timesheet's rules. It differs from timesheet in
 * where the facts come from, which WAYS_WAY says (facts.h), and in that it does no more than clock in. One source for
 * crew1 to crew8; crew.h says which this is.
 */
#include "crew.h"
#include "ways/facts.h"

#include "base/clock.h"
#include "runtime/input.h"
#include "timesheet/domain.h"
#include "ways/v1/ways.pb-c.h"

#include <stdlib.h>
#include <time.h>

#define DAY_START_HOUR 4
#define LATE_HOURS     36

static const facts_source *const sources[] = {&facts_sequential, &facts_parallel, &facts_hybrid, &facts_replica};

static const facts_source *source;

static furrow_status too_much_memory(furrow_error *err)
{
    return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "the request needs more memory than it may use");
}

static furrow_entity *crew_days(furrow_service *service)
{
    return furrow_service_entity(service, &crew_day_entity);
}

/* The same fields under another name. What either points to is shared. */
static void copy_to_timesheet(const crew_day *from, Timesheet__V1__WorkDay *to)
{
    timesheet__v1__work_day__init(to);
    to->id = from->id, to->employee_id = from->employee_id, to->date = from->date, to->status = from->status;
    to->n_entries = from->n_entries, to->entries = from->entries;
    to->n_corrections = from->n_corrections, to->corrections = from->corrections;
    to->closed_by = from->closed_by, to->open_employee_id = from->open_employee_id, to->updated_at = from->updated_at;
}

static void copy_from_timesheet(const Timesheet__V1__WorkDay *from, crew_day *to)
{
    crew_day_init(to);
    to->id = from->id, to->employee_id = from->employee_id, to->date = from->date, to->status = from->status;
    to->n_entries = from->n_entries, to->entries = from->entries;
    to->n_corrections = from->n_corrections, to->corrections = from->corrections;
    to->closed_by = from->closed_by, to->open_employee_id = from->open_employee_id, to->updated_at = from->updated_at;
}

static furrow_status check_crew_day(const ProtobufCMessage *message, furrow_error *err)
{
    Timesheet__V1__WorkDay day;
    copy_to_timesheet((const crew_day *)message, &day);
    furrow_status status = furrow_rule_first(&timesheet_v1_work_day_field_rules, &day.base, err);
    return status == FURROW_OK ? timesheet_check_work_day(&day, err) : status;
}

/* As timesheet checks what it keeps. */
static furrow_status check_name_and_status(const char *name, int status, furrow_error *err)
{
    if (!name[0]) return furrow_fail_field(err, "name", "is required");
    return status != 0 ? FURROW_OK : furrow_fail_field(err, "status", "is required");
}

static furrow_status check_employee(const ProtobufCMessage *message, furrow_error *err)
{
    const crew_employee *employee = (const crew_employee *)message;
    return check_name_and_status(employee->display_name, (int)employee->status, err);
}

static furrow_status check_job(const ProtobufCMessage *message, furrow_error *err)
{
    const crew_job *job = (const crew_job *)message;
    return check_name_and_status(job->name, (int)job->status, err);
}

static furrow_status check_location(const ProtobufCMessage *message, furrow_error *err)
{
    const crew_location *location = (const crew_location *)message;
    return check_name_and_status(location->name, (int)location->status, err);
}

/* One clock-in: what it asks for, and what it reads. */
typedef struct clocking {
    workday_stroke stroke;
    facts facts;
    furrow_record_read reads[1 + FACTS_KINDS]; /* the day, and what the source wants read with it */
    char day_id[FURROW_ID_MAX + 1];
    bool decided; /* a further decision must look at the facts anew */
} clocking;

/* Nearly all are of one day, and a zone's rules cost more than the rest: its window is kept. */
static workday_window window_at(int64_t at_ns)
{
    static workday_window kept;
    if (at_ns < kept.start_ns || at_ns >= kept.end_ns) kept = workday_window_at(at_ns, DAY_START_HOUR);
    return kept;
}

static furrow_status prepare_clocking(clocking *self, furrow_call *call, const Timesheet__V1__ClockInRequest *request,
                                      furrow_error *err)
{
    self->decided = false;
    self->facts = (facts){.call = call, .ids = {request->employee_id, request->job_id, request->location_id}};
    self->stroke = (workday_stroke){.day_id = self->day_id,
                                    .employee_id = request->employee_id,
                                    .job_id = request->job_id,
                                    .location_id = request->location_id,
                                    .now_ns = furrow_clock_wall_ns()};
    furrow_status status = workday_check_at(request->at, self->stroke.now_ns, LATE_HOURS, &self->stroke.at_ns, err);
    if (status != FURROW_OK) return status;
    self->stroke.window = window_at(self->stroke.at_ns);
    workday_day_id(request->employee_id, &self->stroke.window, self->day_id);
    return FURROW_OK;
}

/* The facts, and with @day the crew's own record of it, as much as can be at once. */
static furrow_status look(clocking *self, bool day, furrow_arena *arena, furrow_error *err)
{
    furrow_service *service = furrow_service_of(self->facts.call);
    furrow_status status = FURROW_OK;
    size_t own = day ? 1 : 0, count;
    self->facts.arena = arena;
    furrow_record_read *wanted = source->ask(&self->facts, &count);
    if (day)
        self->reads[0] = (furrow_record_read){
            .table = furrow_entity_table(crew_days(service)), .id = self->day_id, .to_write = true};
    memcpy(self->reads + own, wanted, count * sizeof *wanted);
    if (own + count > 0)
        status = furrow_record_read_many(furrow_service_store(service), self->reads, own + count, arena, err);
    memcpy(wanted, self->reads + own, count * sizeof *wanted);
    /* Whatever became of Redis: calls that were asked for end here. */
    furrow_status taken = source->take(&self->facts, status == FURROW_OK ? err : NULL);
    return status == FURROW_OK ? taken : status;
}

static furrow_status check_facts(const facts *found, furrow_error *err)
{
    const uint64_t *versions = found->versions;
    furrow_status status =
        workday_check_facts(found->ids[FACTS_EMPLOYEE], versions[FACTS_EMPLOYEE] ? &found->employee : NULL,
                            found->ids[FACTS_JOB], versions[FACTS_JOB] ? &found->job : NULL, found->ids[FACTS_LOCATION],
                            versions[FACTS_LOCATION] ? &found->location : NULL, err);
    if (status == FURROW_OK) return FURROW_OK;
    /* Who measures how old they were has to know. */
    return furrow_wrap(err, "facts %llu/%llu/%llu", (unsigned long long)versions[FACTS_EMPLOYEE],
                       (unsigned long long)versions[FACTS_JOB], (unsigned long long)versions[FACTS_LOCATION]);
}

static furrow_status decide_clock_in(void *arg, const furrow_state *current, furrow_arena *arena, furrow_decision *out,
                                     furrow_error *err)
{
    clocking *self = arg;
    Timesheet__V1__WorkDay before, *after;
    furrow_status status = self->decided ? look(self, false, arena, err) : FURROW_OK;
    self->decided = true;
    if (status == FURROW_OK) status = check_facts(&self->facts, err);
    if (status != FURROW_OK) return status;
    if (current->message) copy_to_timesheet((const crew_day *)current->message, &before);
    status = workday_clock_in(current->message ? &before : NULL, &self->stroke, arena, &after, err);
    if (status != FURROW_OK) return status;
    crew_day *next = furrow_arena_alloc(arena, sizeof *next);
    if (!next) return too_much_memory(err);
    copy_from_timesheet(after, next);
    *out = (furrow_decision){.next = &next->base, .event = "clocked_in"};
    return FURROW_OK;
}

static void set_versions(const facts *found, Ways__V1__FactVersions *out)
{
    out->employee = (int64_t)found->versions[FACTS_EMPLOYEE];
    out->job = (int64_t)found->versions[FACTS_JOB];
    out->location = (int64_t)found->versions[FACTS_LOCATION];
}

static furrow_status answer_day(const clocking *self, const furrow_state *written, furrow_arena *arena,
                                Ways__V1__DayState *response, furrow_error *err)
{
    Timesheet__V1__WorkDay *day = furrow_arena_alloc(arena, sizeof *day);
    Ways__V1__FactVersions *versions = furrow_arena_alloc(arena, sizeof *versions);
    if (!day || !versions) return too_much_memory(err);
    copy_to_timesheet((const crew_day *)written->message, day);
    ways__v1__fact_versions__init(versions);
    set_versions(&self->facts, versions);
    response->day = day;
    response->version = (int64_t)written->version;
    response->facts = versions;
    return FURROW_OK;
}

/* What a clock-in reads before it decides, all in one round trip if its source is local. */
static furrow_status begin_clocking(furrow_call *call, const Timesheet__V1__ClockInRequest *request, clocking **out,
                                    furrow_state *day, furrow_error *err)
{
    furrow_arena *arena = furrow_call_arena(call);
    clocking *self = furrow_arena_alloc(arena, sizeof *self); /* a task's stack is small */
    if (!self) return too_much_memory(err);
    furrow_status status = prepare_clocking(self, call, request, err);
    if (status == FURROW_OK) status = look(self, true, arena, err);
    if (status == FURROW_OK)
        status = furrow_entity_unpack(crew_days(furrow_service_of(call)), self->day_id, &self->reads[0].record, arena,
                                      day, err);
    if (status == FURROW_OK) *out = self;
    return status;
}

furrow_status crew_clock_in(furrow_call *call, const Timesheet__V1__ClockInRequest *request,
                            Ways__V1__DayState *response, furrow_error *err)
{
    furrow_arena *arena = furrow_call_arena(call);
    clocking *self;
    furrow_state day;
    furrow_written written;
    furrow_status status = begin_clocking(call, request, &self, &day, err);
    if (status != FURROW_OK) return status;
    furrow_write write = {.id = self->day_id,
                          .command = furrow_call_command(call),
                          .known = &day,
                          .decide = decide_clock_in,
                          .arg = self};
    status = furrow_entity_write(crew_days(furrow_service_of(call)), &write, arena, &written, err);
    if (status != FURROW_OK) return status;
    furrow_call_wrote(call, written.subject, written.state.version);
    return answer_day(self, &written.state, arena, response, err);
}

furrow_status crew_check_clock_in(furrow_call *call, const Timesheet__V1__ClockInRequest *request,
                                  Ways__V1__FactVersions *response, furrow_error *err)
{
    clocking *self;
    furrow_state day;
    furrow_decision unused;
    furrow_status status = begin_clocking(call, request, &self, &day, err);
    if (status == FURROW_OK) status = decide_clock_in(self, &day, furrow_call_arena(call), &unused, err);
    if (status == FURROW_OK) set_versions(&self->facts, response);
    return status;
}

static const furrow_handlers *const handlers[] = {&crew_service_handlers, NULL};

static const furrow_service_entity_definition entities[] = {{.contract = &crew_day_entity, .rules = check_crew_day},
                                                            {0}};

static const furrow_service_replica_definition replicas[] = {
    {.contract = &crew_employee_replica, .rules = check_employee},
    {.contract = &crew_job_replica, .rules = check_job},
    {.contract = &crew_location_replica, .rules = check_location},
    {0},
};

static const furrow_setting settings[] = {
    {"WAYS_WAY", FURROW_SETTING_TEXT, offsetof(facts_settings, way), "replica", 0, 0,
     "where facts of others come from: sequential, parallel, hybrid or replica"},
    {"WAYS_TTL_MS", FURROW_SETTING_NUMBER, offsetof(facts_settings, ttl_ms), "1000", 0, 3600000,
     "hybrid: for how long an owner's answer is used"},
    {"WAYS_CACHE_MAX", FURROW_SETTING_NUMBER, offsetof(facts_settings, cache_max), "100000", 1, 10000000,
     "hybrid: answers of each owner that are kept"},
    {"WAYS_BATCH_MAX", FURROW_SETTING_NUMBER, offsetof(facts_settings, batch_max), "64", 1, FACTS_BATCH_MAX,
     "hybrid: ids in one request to an owner"},
    {"WAYS_BATCHES", FURROW_SETTING_NUMBER, offsetof(facts_settings, batches), "4", 1, 64,
     "hybrid: requests that are on their way to an owner at once"},
    {"WAYS_QUEUE_MAX", FURROW_SETTING_NUMBER, offsetof(facts_settings, queue_max), "4096", 1, 1000000,
     "hybrid: ids that wait to be asked for; past it commands are refused"},
};

static furrow_status choose_way(furrow_error *err);

static const furrow_startup startup = {
    .settings = settings,
    .setting_count = sizeof settings / sizeof *settings,
    .settings_into = &facts_config,
    .prepare = choose_way,
};

static furrow_service_definition definition = {
    .name = CREW_NAME,
    .version = "0.1.0",
    .description = "A consumer of the comparison of the ways",
    .handlers = handlers,
    .entities = entities,
    .startup = &startup,
};

/* Only who lives on replicas has any. */
static furrow_status choose_way(furrow_error *err)
{
    setenv("TZ", "UTC", 1);
    tzset();
    for (size_t i = 0; i < sizeof sources / sizeof *sources; i++)
        if (strcmp(sources[i]->name, facts_config.way) == 0) source = sources[i];
    if (!source)
        return furrow_fail(err, FURROW_INVALID_ARGUMENT,
                           "WAYS_WAY is \"%.40s\": use sequential, parallel, hybrid or replica", facts_config.way);
    if (source->keeps) definition.replicas = replicas;
    return FURROW_OK;
}

int main(int argc, char **argv)
{
    return furrow_service_main(argc, argv, &definition);
}
