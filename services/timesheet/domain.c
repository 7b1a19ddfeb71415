/* The rules of working time; see domain.h. Depends on what is generated only. */
#include "timesheet/domain.h"

#include <inttypes.h>

#define OPEN   TIMESHEET__V1__DAY_STATUS__DAY_STATUS_OPEN
#define CLOSED TIMESHEET__V1__DAY_STATUS__DAY_STATUS_CLOSED
#define WORK   TIMESHEET__V1__ENTRY_KIND__ENTRY_KIND_WORK
#define MEAL   TIMESHEET__V1__ENTRY_KIND__ENTRY_KIND_MEAL
#define REST   TIMESHEET__V1__ENTRY_KIND__ENTRY_KIND_REST
#define NS     ((int64_t)FURROW_NS_PER_S)

furrow_status workday_check_at(const Google__Protobuf__Timestamp *at, int64_t now_ns, int64_t late_hours,
                               int64_t *at_ns, furrow_error *err)
{
    if (!at) {
        *at_ns = now_ns;
        return FURROW_OK;
    }
    int64_t earliest = now_ns / NS - late_hours * 3600, latest = now_ns / NS + TIMESHEET_FUTURE_S;
    if (at->seconds < earliest || at->seconds > latest || at->nanos < 0 || at->nanos >= NS)
        return furrow_fail_field(err, "at",
                                 "must be within the last %" PRId64
                                 " hours and at most 5 minutes ahead; use CorrectDay for what is older",
                                 late_hours);
    *at_ns = furrow_timestamp_ns(at);
    return FURROW_OK;
}

static bool done_at(const Timesheet__V1__Job *job, const char *location_id)
{
    for (size_t i = 0; i < job->n_location_ids; i++)
        if (strcmp(job->location_ids[i], location_id) == 0) return true;
    return job->n_location_ids == 0;
}

furrow_status workday_check_facts(const char *employee_id, const Timesheet__V1__Employee *employee, const char *job_id,
                                  const Timesheet__V1__Job *job, const char *location_id,
                                  const Timesheet__V1__Location *location, furrow_error *err)
{
    if (!employee)
        return furrow_fail_reason(err, FURROW_FAILED_PRECONDITION, "EMPLOYEE_UNKNOWN", "employee %s is not known here",
                                  employee_id);
    if (employee->status != EMPLOYEE__V1__EMPLOYMENT_STATUS__EMPLOYMENT_STATUS_ACTIVE)
        return furrow_fail_reason(err, FURROW_FAILED_PRECONDITION, "NOT_EMPLOYED", "%s (%s) is not employed",
                                  employee->display_name, employee_id);
    if (!job)
        return furrow_fail_reason(err, FURROW_FAILED_PRECONDITION, "JOB_UNKNOWN", "job %s is not known here", job_id);
    if (job->status != JOB__V1__JOB_STATUS__JOB_STATUS_OPEN)
        return furrow_fail_reason(err, FURROW_FAILED_PRECONDITION, "JOB_CLOSED", "job %s (%s) is closed", job->name,
                                  job_id);
    if (!location)
        return furrow_fail_reason(err, FURROW_FAILED_PRECONDITION, "LOCATION_UNKNOWN", "location %s is not known here",
                                  location_id);
    if (location->status != LOCATION__V1__LOCATION_STATUS__LOCATION_STATUS_OPEN)
        return furrow_fail_reason(err, FURROW_FAILED_PRECONDITION, "LOCATION_CLOSED", "location %s (%s) is closed",
                                  location->name, location_id);
    if (!done_at(job, location_id))
        return furrow_fail_reason(err, FURROW_FAILED_PRECONDITION, "JOB_NOT_DONE_THERE",
                                  "job %s (%s) is not done at %s", job->name, job_id, location_id);
    return FURROW_OK;
}

bool workday_is_open(const Timesheet__V1__WorkDay *day)
{
    return day && day->status == OPEN;
}

int64_t workday_now_after(const Timesheet__V1__WorkDay *day, int64_t now_ns)
{
    if (!day || day->n_entries == 0) return now_ns;
    const Timesheet__V1__Entry *last = day->entries[day->n_entries - 1];
    int64_t last_ns = furrow_timestamp_ns(last->end ? last->end : last->start);
    int64_t written_ns = furrow_timestamp_ns(day->updated_at);
    int64_t known_ns = (written_ns > now_ns ? written_ns : now_ns) + TIMESHEET_FUTURE_S * NS;
    return last_ns > now_ns && last_ns <= known_ns ? last_ns : now_ns;
}

static Timesheet__V1__Entry *running(const Timesheet__V1__WorkDay *day)
{
    return workday_is_open(day) && day->n_entries > 0 ? day->entries[day->n_entries - 1] : NULL;
}

/* A copy to change, with room for one more entry; entries are shared until one is replaced. Without @current the first
 * state of the stroke's day. */
static Timesheet__V1__WorkDay *successor(const Timesheet__V1__WorkDay *current, const workday_stroke *stroke,
                                         furrow_arena *arena)
{
    Timesheet__V1__WorkDay fresh = TIMESHEET__V1__WORK_DAY__INIT;
    Timesheet__V1__WorkDay *next = furrow_arena_memdup(arena, current ? current : &fresh, sizeof *next);
    if (!next) return NULL;
    if (!current) {
        next->id = furrow_arena_strdup(arena, stroke->day_id);
        next->employee_id = furrow_arena_strdup(arena, stroke->employee_id);
        next->date = furrow_arena_strdup(arena, stroke->window.date);
    }
    next->entries = furrow_arena_alloc(arena, (next->n_entries + 1) * sizeof(*next->entries));
    next->updated_at = furrow_timestamp_after(current ? current->updated_at : NULL, stroke->now_ns, arena);
    if (!next->id || !next->employee_id || !next->date || !next->entries || !next->updated_at) return NULL;
    if (current && current->n_entries > 0)
        memcpy(next->entries, current->entries, current->n_entries * sizeof(*next->entries));
    return next;
}

static furrow_status append_entry(Timesheet__V1__WorkDay *day, Timesheet__V1__EntryKind kind, const char *job_id,
                                  const char *location_id, int64_t start_ns, furrow_arena *arena, furrow_error *err)
{
    if (day->n_entries >= TIMESHEET_ENTRIES_MAX)
        return furrow_fail_reason(err, FURROW_FAILED_PRECONDITION, "DAY_FULL",
                                  "%s has %d entries already, the most a day can have", day->id, TIMESHEET_ENTRIES_MAX);
    Timesheet__V1__Entry *entry = furrow_arena_alloc(arena, sizeof *entry);
    if (!entry) return furrow_known_no_memory(err);
    timesheet__v1__entry__init(entry);
    entry->kind = kind;
    entry->job_id = furrow_arena_strdup(arena, job_id);
    entry->location_id = furrow_arena_strdup(arena, location_id);
    entry->start = furrow_timestamp_new(start_ns, arena);
    if (!entry->job_id || !entry->location_id || !entry->start) return furrow_known_no_memory(err);
    day->entries[day->n_entries++] = entry;
    return FURROW_OK;
}

/* Gives the last entry its end. */
static furrow_status end_last(Timesheet__V1__WorkDay *day, int64_t at_ns, furrow_arena *arena, furrow_error *err)
{
    Timesheet__V1__Entry *ended = furrow_arena_memdup(arena, day->entries[day->n_entries - 1], sizeof *ended);
    if (!ended || !(ended->end = furrow_timestamp_new(at_ns, arena))) return furrow_known_no_memory(err);
    day->entries[day->n_entries - 1] = ended;
    return FURROW_OK;
}

/* @by is lent to the day: a literal. */
static void set_open(Timesheet__V1__WorkDay *day, bool open, const char *by)
{
    day->status = open ? OPEN : CLOSED;
    day->open_employee_id = open ? day->employee_id : (char *)(uintptr_t)protobuf_c_empty_string;
    day->closed_by = (char *)(uintptr_t)by;
}

/* *entry: what runs at the moment of the stroke. */
static furrow_status find_running_entry(const Timesheet__V1__WorkDay *current, const workday_stroke *stroke,
                                        const Timesheet__V1__Entry **entry, furrow_error *err)
{
    char text[40];
    *entry = running(current);
    if (!*entry)
        return furrow_fail_reason(err, FURROW_FAILED_PRECONDITION, "NOT_CLOCKED_IN", "%s is not clocked in",
                                  stroke->employee_id);
    if (stroke->at_ns >= furrow_timestamp_ns((*entry)->start)) return FURROW_OK;
    furrow_clock_format(furrow_timestamp_ns((*entry)->start), text);
    return furrow_fail_reason(err, FURROW_FAILED_PRECONDITION, "MOMENT_TOO_EARLY",
                              "what %s does now began at %s, after that moment", stroke->employee_id, text);
}

furrow_status workday_clock_in(const Timesheet__V1__WorkDay *current, const workday_stroke *stroke, furrow_arena *arena,
                               Timesheet__V1__WorkDay **next, furrow_error *err)
{
    char text[40];
    if (workday_is_open(current)) {
        furrow_clock_format(furrow_timestamp_ns(current->entries[current->n_entries - 1]->start), text);
        return furrow_fail_reason(err, FURROW_FAILED_PRECONDITION, "CLOCKED_IN_ALREADY",
                                  "%s is clocked in already, since %s", stroke->employee_id, text);
    }
    const Timesheet__V1__Entry *last =
        current && current->n_entries > 0 ? current->entries[current->n_entries - 1] : NULL;
    if (last && stroke->at_ns < furrow_timestamp_ns(last->end)) {
        furrow_clock_format(furrow_timestamp_ns(last->end), text);
        return furrow_fail_reason(err, FURROW_FAILED_PRECONDITION, "MOMENT_TOO_EARLY",
                                  "%s worked until %s; that moment is before", stroke->employee_id, text);
    }
    Timesheet__V1__WorkDay *day = successor(current, stroke, arena);
    if (!day) return furrow_known_no_memory(err);
    set_open(day, true, "");
    furrow_status status = append_entry(day, WORK, stroke->job_id, stroke->location_id, stroke->at_ns, arena, err);
    if (status == FURROW_OK) *next = day;
    return status;
}

/* Ends what runs and begins @kind. */
static furrow_status change_over(const Timesheet__V1__WorkDay *current, const workday_stroke *stroke,
                                 Timesheet__V1__EntryKind kind, const char *job_id, const char *location_id,
                                 furrow_arena *arena, Timesheet__V1__WorkDay **next, furrow_error *err)
{
    Timesheet__V1__WorkDay *day = successor(current, stroke, arena);
    furrow_status status = day ? end_last(day, stroke->at_ns, arena, err) : furrow_known_no_memory(err);
    if (status == FURROW_OK) status = append_entry(day, kind, job_id, location_id, stroke->at_ns, arena, err);
    if (status == FURROW_OK) *next = day;
    return status;
}

furrow_status workday_switch_job(const Timesheet__V1__WorkDay *current, const workday_stroke *stroke,
                                 furrow_arena *arena, Timesheet__V1__WorkDay **next, furrow_error *err)
{
    const Timesheet__V1__Entry *entry;
    furrow_status status = find_running_entry(current, stroke, &entry, err);
    if (status != FURROW_OK) return status;
    if (entry->kind != WORK)
        return furrow_fail_reason(err, FURROW_FAILED_PRECONDITION, "ON_BREAK", "%s is on a break; end it first",
                                  stroke->employee_id);
    if (strcmp(entry->job_id, stroke->job_id) == 0 && strcmp(entry->location_id, stroke->location_id) == 0)
        return furrow_fail_reason(err, FURROW_FAILED_PRECONDITION, "WORKS_THERE_ALREADY",
                                  "%s works on %s at %s already", stroke->employee_id, stroke->job_id,
                                  stroke->location_id);
    return change_over(current, stroke, WORK, stroke->job_id, stroke->location_id, arena, next, err);
}

furrow_status workday_start_break(const Timesheet__V1__WorkDay *current, const workday_stroke *stroke,
                                  furrow_arena *arena, Timesheet__V1__WorkDay **next, furrow_error *err)
{
    const Timesheet__V1__Entry *entry;
    furrow_status status = find_running_entry(current, stroke, &entry, err);
    if (status != FURROW_OK) return status;
    if (entry->kind != WORK)
        return furrow_fail_reason(err, FURROW_FAILED_PRECONDITION, "ON_BREAK", "%s is on a break already",
                                  stroke->employee_id);
    return change_over(current, stroke, stroke->kind, entry->job_id, entry->location_id, arena, next, err);
}

furrow_status workday_end_break(const Timesheet__V1__WorkDay *current, const workday_stroke *stroke,
                                furrow_arena *arena, Timesheet__V1__WorkDay **next, furrow_error *err)
{
    const Timesheet__V1__Entry *entry;
    furrow_status status = find_running_entry(current, stroke, &entry, err);
    if (status != FURROW_OK) return status;
    if (entry->kind == WORK)
        return furrow_fail_reason(err, FURROW_FAILED_PRECONDITION, "NOT_ON_BREAK", "%s is not on a break",
                                  stroke->employee_id);
    return change_over(current, stroke, WORK, entry->job_id, entry->location_id, arena, next, err);
}

furrow_status workday_close(const Timesheet__V1__WorkDay *current, const workday_window *window, int64_t at_ns,
                            int64_t now_ns, const char *by, furrow_arena *arena, Timesheet__V1__WorkDay **next,
                            furrow_error *err)
{
    int64_t start_ns = furrow_timestamp_ns(running(current)->start);
    if (at_ns > window->end_ns) at_ns = window->end_ns;
    if (at_ns < start_ns) at_ns = start_ns;
    Timesheet__V1__WorkDay *day = successor(current, &(workday_stroke){.now_ns = now_ns}, arena);
    furrow_status status = day ? end_last(day, at_ns, arena, err) : furrow_known_no_memory(err);
    if (status != FURROW_OK) return status;
    set_open(day, false, by);
    *next = day;
    return FURROW_OK;
}

/* When what runs was clocked in: breaks and switches of jobs follow each other without a gap. So does, at the moment at
 * which the employment ended, the clock-in of a rehire by a clock that is behind; but that is one. */
static int64_t clocked_in_ns(const Timesheet__V1__WorkDay *day, int64_t ended_ns)
{
    size_t first = day->n_entries - 1;
    while (first > 0 && furrow_timestamp_ns(day->entries[first]->start) != ended_ns &&
           furrow_timestamp_ns(day->entries[first]->start) == furrow_timestamp_ns(day->entries[first - 1]->end))
        first--;
    return furrow_timestamp_ns(day->entries[first]->start);
}

bool workday_is_over(const Timesheet__V1__WorkDay *day, const Timesheet__V1__Employee *employee, int64_t now_ns,
                     int64_t *ended_ns)
{
    bool employed = employee && employee->status == EMPLOYEE__V1__EMPLOYMENT_STATUS__EMPLOYMENT_STATUS_ACTIVE;
    int64_t last_ns = employee ? furrow_timestamp_ns(employee->ended_at) : 0;
    if (!running(day) || (employed && clocked_in_ns(day, last_ns) >= last_ns)) return false;
    *ended_ns = last_ns ? last_ns : now_ns;
    return true;
}

furrow_status workday_end(const Timesheet__V1__WorkDay *current, const workday_window *window, int64_t ended_ns,
                          int64_t now_ns, furrow_arena *arena, Timesheet__V1__WorkDay **next, furrow_error *err)
{
    const char *by = ended_ns < window->end_ns ? "termination" : "boundary";
    if (ended_ns < window->end_ns && now_ns < ended_ns) now_ns = ended_ns; /* the owner's clock is ahead of ours */
    return workday_close(current, window, ended_ns, now_ns, by, arena, next, err);
}

furrow_status workday_check_begin(const Timesheet__V1__Employee *employee, int64_t at_ns, furrow_error *err)
{
    char text[40];
    int64_t ended_ns = furrow_timestamp_ns(employee->ended_at);
    if (at_ns >= ended_ns) return FURROW_OK;
    furrow_clock_format(ended_ns, text);
    return furrow_fail_reason(err, FURROW_FAILED_PRECONDITION, "NOT_EMPLOYED_THEN",
                              "the employment of %s (%s) at that moment ended at %s; use CorrectDay for work before",
                              employee->display_name, employee->id, text);
}

furrow_status workday_clock_out(const Timesheet__V1__WorkDay *current, const workday_stroke *stroke,
                                furrow_arena *arena, Timesheet__V1__WorkDay **next, furrow_error *err)
{
    const Timesheet__V1__Entry *entry;
    furrow_status status = find_running_entry(current, stroke, &entry, err);
    if (status != FURROW_OK) return status;
    return workday_close(current, &stroke->window, stroke->at_ns, stroke->now_ns, "employee", arena, next, err);
}

furrow_status workday_carry_over(const Timesheet__V1__WorkDay *before, const workday_stroke *stroke,
                                 furrow_arena *arena, Timesheet__V1__WorkDay **next, furrow_error *err)
{
    const Timesheet__V1__Entry *entry = running(before);
    Timesheet__V1__WorkDay *day = successor(NULL, stroke, arena);
    if (!day) return furrow_known_no_memory(err);
    set_open(day, true, "");
    furrow_status status =
        append_entry(day, entry->kind, entry->job_id, entry->location_id, stroke->window.start_ns, arena, err);
    if (status == FURROW_OK) *next = day;
    return status;
}

furrow_status workday_fence(const Timesheet__V1__WorkDay *current, const workday_stroke *stroke, furrow_arena *arena,
                            Timesheet__V1__WorkDay **next, furrow_error *err)
{
    Timesheet__V1__WorkDay *day = successor(current, stroke, arena);
    if (!day) return furrow_known_no_memory(err);
    if (!current) set_open(day, false, "termination");
    *next = day;
    return FURROW_OK;
}

/* At the moment that the day is updated, which is after all that was done to it. */
static furrow_status add_correction(const timesheet_correct_day_known *known, Timesheet__V1__WorkDay *day,
                                    furrow_error *err)
{
    if (day->n_corrections >= TIMESHEET_CORRECTIONS_MAX)
        return furrow_fail_reason(err, FURROW_FAILED_PRECONDITION, "TOO_MANY_CORRECTIONS",
                                  "%s was corrected %d times already, the most there can be", day->id,
                                  TIMESHEET_CORRECTIONS_MAX);
    Timesheet__V1__Correction **all = furrow_arena_alloc(known->arena, (day->n_corrections + 1) * sizeof(*all));
    Timesheet__V1__Correction *correction = furrow_arena_alloc(known->arena, sizeof *correction);
    day->updated_at = furrow_timestamp_after(day->updated_at, known->now_ns, known->arena);
    if (!all || !correction || !day->updated_at) return furrow_known_no_memory(err);
    timesheet__v1__correction__init(correction);
    correction->at = day->updated_at;
    correction->by = known->request->by;
    correction->reason = known->request->reason;
    if (day->n_corrections > 0) memcpy(all, day->corrections, day->n_corrections * sizeof(*all));
    all[day->n_corrections++] = correction;
    day->corrections = all;
    return FURROW_OK;
}

furrow_status workday_correct(const timesheet_correct_day_known *known, const workday_window *window,
                              Timesheet__V1__WorkDay *next, furrow_error *err)
{
    char field[40];
    next->entries = known->request->entries;
    next->n_entries = known->request->n_entries;
    set_open(next, false, "correction");
    furrow_status status = workday_check_entries(next, window, err);
    for (size_t i = 0; status == FURROW_OK && i < next->n_entries; i++) {
        if (furrow_timestamp_ns(next->entries[i]->start) < furrow_timestamp_ns(next->entries[i]->end)) continue;
        snprintf(field, sizeof field, "entries[%zu]", i);
        status = furrow_fail_field(err, field, "ends when it starts");
    }
    return status == FURROW_OK ? add_correction(known, next, err) : status;
}

void workday_totals(const Timesheet__V1__WorkDay *day, const workday_window *window, int64_t now_ns, int64_t *work_s,
                    int64_t *meal_s)
{
    int64_t work_ns = 0, meal_ns = 0, until_ns = now_ns < window->end_ns ? now_ns : window->end_ns;
    for (size_t i = 0; i < day->n_entries; i++) {
        const Timesheet__V1__Entry *entry = day->entries[i];
        int64_t start_ns = furrow_timestamp_ns(entry->start),
                end_ns = entry->end ? furrow_timestamp_ns(entry->end) : until_ns;
        if (end_ns > start_ns) *(entry->kind == MEAL ? &meal_ns : &work_ns) += end_ns - start_ns;
    }
    *work_s = work_ns / NS;
    *meal_s = meal_ns / NS;
}
