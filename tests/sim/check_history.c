/*
 * Do the answers that clients got and the log fit together? Each command took effect at one moment between question and
 * answer, once; what was acknowledged is in the log; nobody was told something definite that was never so.
 */
#include "checks.h"

#include "employee/v1/employee.pb-c.h"
#include "timesheet/v1/timesheet.pb-c.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

typedef Employee__V1__Employee employee_state;
typedef Timesheet__V1__WorkDay day_state;

static char *why;

static void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void fail(const char *format, ...)
{
    if (why[0]) return;
    va_list args;
    va_start(args, format);
    vsnprintf(why, WORLD_FAILURE, format, args);
    va_end(args);
}

static int64_t wall_of(uint64_t now_ns)
{
    return sim_wall_ns() - (int64_t)(sim_now_ns() - now_ns);
}

static const employee_state *employee_in(const sim_message *event)
{
    return sim_unpack(&employee__v1__employee__descriptor, event);
}

static const day_state *day_in(const sim_message *event)
{
    return sim_unpack(&timesheet__v1__work_day__descriptor, event);
}

/* Of a bad event; it takes no state's place. */
static bool is_no_state(const sim_message *event)
{
    return event->len == strlen(SIM_NO_STATE) && memcmp(event->data, SIM_NO_STATE, event->len) == 0;
}

/* ---- once ---- */

static void check_once(const char *name)
{
    const sim_stream *stream = sim_js_stream(name);
    for (uint64_t i = 1; i <= sim_js_last(stream); i++) {
        const char *id = sim_message_header(sim_js_at(stream, i)->message, "Nats-Msg-Id");
        for (uint64_t j = 1; id && j < i; j++) {
            const char *other = sim_message_header(sim_js_at(stream, j)->message, "Nats-Msg-Id");
            if (other && strcmp(id, other) == 0)
                fail("applied twice: %s has one command's event at %llu and at %llu (%s)", name, (unsigned long long)j,
                     (unsigned long long)i, sim_js_at(stream, i)->message->subject);
        }
    }
}

/* ---- one after the other ---- */

static bool ends_with(const char *text, const char *end)
{
    size_t len = strlen(text), end_len = strlen(end);
    return len >= end_len && strcmp(text + len - end_len, end) == 0;
}

/* What a command does not change stays as the event before it has it: else one was decided on a state that was past. */
static void check_successor(const sim_stored *before, const sim_stored *stored)
{
    const char *type = sim_message_header(stored->message, "ce-type");
    const employee_state *a = employee_in(before->message), *b = employee_in(stored->message);
    if (!a || !b || !type) return;
    bool ends = ends_with(type, ".terminated"), begins = ends_with(type, ".rehired");
    bool well = ends || begins ? strcmp(a->crew, b->crew) == 0 : a->status == b->status;
    if (!well)
        fail("lost update: %s at %llu does not go on from the event before it, at %llu (%s)", stored->message->subject,
             (unsigned long long)stored->sequence, (unsigned long long)before->sequence, type);
}

static void check_successors(void)
{
    const sim_stream *stream = sim_js_stream("EMPLOYEE");
    for (uint64_t i = 1; i <= sim_js_last(stream); i++) {
        for (uint64_t j = i - 1; j > 0; j--) {
            if (is_no_state(sim_js_at(stream, j)->message)) continue;
            if (strcmp(sim_js_at(stream, i)->message->subject, sim_js_at(stream, j)->message->subject) != 0) continue;
            check_successor(sim_js_at(stream, j), sim_js_at(stream, i));
            break;
        }
    }
}

/* ---- at one moment ---- */

/* Was the event @version the newest of its subject at a moment from @from_ns to @to_ns? */
static bool was_newest(const sim_stream *stream, uint64_t version, uint64_t from_ns, uint64_t to_ns)
{
    const sim_stored *stored = sim_js_at(stream, version);
    if (!stored || stored->time_ns > wall_of(to_ns)) return false;
    for (uint64_t i = version + 1; i <= sim_js_last(stream); i++) {
        const sim_stored *next = sim_js_at(stream, i);
        if (is_no_state(next->message)) continue;
        if (strcmp(next->message->subject, stored->message->subject) == 0) return next->time_ns >= wall_of(from_ns);
    }
    return true;
}

typedef bool holds_fn(const sim_message *event);

/* Was there a moment while @op was asked at which the newest event of the entities whose id begins with its id held? */
static bool held(const char *name, const sim_op *op, holds_fn *holds)
{
    const sim_stream *stream = sim_js_stream(name);
    for (uint64_t i = 1; i <= sim_js_last(stream); i++) {
        const sim_message *event = sim_js_at(stream, i)->message;
        if (strncmp(sim_id_of(event), op->id, strlen(op->id)) != 0) continue;
        if (was_newest(stream, i, op->asked_ns, op->done_ns) && holds(event)) return true;
    }
    return false;
}

static bool is_active(const sim_message *event)
{
    const employee_state *state = employee_in(event);
    return state && state->status == EMPLOYEE__V1__EMPLOYMENT_STATUS__EMPLOYMENT_STATUS_ACTIVE;
}

static bool is_terminated(const sim_message *event)
{
    const employee_state *state = employee_in(event);
    return state && state->status == EMPLOYEE__V1__EMPLOYMENT_STATUS__EMPLOYMENT_STATUS_TERMINATED;
}

static bool is_open(const sim_message *event)
{
    const day_state *state = day_in(event);
    return state && state->status == TIMESHEET__V1__DAY_STATUS__DAY_STATUS_OPEN;
}

/* ---- what was acknowledged ---- */

static bool has_crew(const sim_op *op)
{
    char crew[32];
    const sim_stream *stream = sim_js_stream("EMPLOYEE");
    snprintf(crew, sizeof crew, "crew%u", op->number);
    for (uint64_t i = 1; i <= sim_js_last(stream); i++) {
        const employee_state *state = employee_in(sim_js_at(stream, i)->message);
        if (state && strcmp(state->crew, crew) == 0) return true;
    }
    return false;
}

static void check_acknowledged(const sim_op *op)
{
    if (!op->state || strncmp(sim_id_of(op->state), op->id, strlen(op->id)) != 0) {
        fail("%s was acknowledged with the version %llu, which is not in the log", sim_op_name(op),
             (unsigned long long)op->version);
        return;
    }
    if (op->kind == PLAN_UPDATE && !has_crew(op)) fail("%s was acknowledged, and no event has it", sim_op_name(op));
    if (!was_newest(sim_js_stream(sim_op_stream(op)), op->version, op->asked_ns, op->done_ns))
        fail("%s was answered with the version %llu, which was not the newest at any moment meanwhile", sim_op_name(op),
             (unsigned long long)op->version);
    if (op->tries > 1) return; /* a repetition may be answered by a later state */
    bool right = op->kind == PLAN_TERMINATE  ? is_terminated(op->state)
                 : op->kind == PLAN_REHIRE   ? is_active(op->state)
                 : op->kind == PLAN_CLOCK_IN ? is_open(op->state)
                                             : true;
    if (!right) fail("%s was acknowledged with a state that it does not make", sim_op_name(op));
}

/* ---- what was refused ---- */

static bool says(const sim_op *op, const char *text)
{
    return strstr(op->error, text) != NULL;
}

/* Was there a moment while @op was asked at which its entity did not exist yet? */
static bool was_missing(const sim_op *op)
{
    const sim_stream *stream = sim_js_stream(sim_op_stream(op));
    for (uint64_t i = 1; i <= sim_js_last(stream); i++)
        if (strcmp(sim_id_of(sim_js_at(stream, i)->message), op->id) == 0)
            return sim_js_at(stream, i)->time_ns >= wall_of(op->asked_ns);
    return true;
}

static void check_refused(const sim_op *op)
{
    bool of_ticket = op->kind == PLAN_CORRECT || op->kind == PLAN_VOID;
    if ((op->code == FURROW_NOT_FOUND && !(of_ticket && was_missing(op))) || says(op, "not known here"))
        fail("%s was told \"%s\" of what is there", sim_op_name(op), op->error);
    if (op->kind == PLAN_REHIRE && says(op, "is employed") && !held("EMPLOYEE", op, is_active))
        fail("%s was told \"%s\", and it was not so at any moment meanwhile", sim_op_name(op), op->error);
    if (op->kind == PLAN_CLOCK_IN && (says(op, "clocked in already") || says(op, "works on")) &&
        !held("WORK_DAY", op, is_open))
        fail("%s was told \"%s\", and it was not so at any moment meanwhile", sim_op_name(op), op->error);
    /* Nobody else hires under this id. */
    if (op->kind == PLAN_HIRE && op->code == FURROW_ALREADY_EXISTS && says(op, op->id) && says(op, "exists"))
        fail("%s was told \"%s\" when it was repeated", sim_op_name(op), op->error);
    if (op->code == FURROW_DATA_LOSS) fail("%s was told \"%s\"", sim_op_name(op), op->error);
}

/* ---- questions ---- */

static void check_list(const sim_op *op)
{
    for (unsigned i = 0; i < PLAN_PEOPLE; i++) {
        char id[24];
        snprintf(id, sizeof id, "\"id\":\"E%u\"", i);
        if (!strstr(op->answer->data, id)) fail("%s left out E%u, which is there", sim_op_name(op), i);
    }
}

static void check_got(const sim_op *op)
{
    if (!op->state || strcmp(sim_id_of(op->state), op->id) != 0)
        fail("%s was shown the version %llu, which is not in the log", sim_op_name(op),
             (unsigned long long)op->version);
}

static void check_op(const sim_op *op)
{
    if (op->kind == PLAN_KINDS) return; /* of the setup */
    if (op->code != 0)
        check_refused(op);
    else if (op->kind == PLAN_LIST)
        check_list(op);
    else if (op->kind == PLAN_GET)
        check_got(op);
    else
        check_acknowledged(op);
}

/* ---- rules of the farm ---- */

static void check_badges(void)
{
    const sim_stream *stream = sim_js_stream("EMPLOYEE");
    for (uint64_t i = 1; i <= sim_js_last(stream); i++) {
        const sim_stored *a = sim_js_at(stream, i);
        for (uint64_t j = 1; j < i; j++) {
            const sim_stored *b = sim_js_at(stream, j);
            if (sim_js_newest(stream, a->message->subject) != a || sim_js_newest(stream, b->message->subject) != b)
                continue;
            if (!is_active(a->message) || !is_active(b->message)) continue;
            if (strcmp(employee_in(a->message)->badge, employee_in(b->message)->badge) == 0)
                fail("%s and %s have one badge", sim_id_of(a->message), sim_id_of(b->message));
        }
    }
}

/* Whoever is terminated after he clocked in has his day closed by it. */
static void check_days(void)
{
    const sim_stream *days = sim_js_stream("WORK_DAY"), *people = sim_js_stream("EMPLOYEE");
    for (uint64_t i = 1; i <= sim_js_last(days); i++) {
        char subject[200];
        const sim_stored *day = sim_js_at(days, i);
        if (sim_js_newest(days, day->message->subject) != day || !is_open(day->message)) continue;
        snprintf(subject, sizeof subject, "employee.v1.Employee.%s", day_in(day->message)->employee_id);
        const sim_stored *person = sim_js_newest(people, subject);
        if (person && is_terminated(person->message) && person->time_ns > day->time_ns)
            fail("%s is open, and its employee was terminated %lld ms later", sim_id_of(day->message),
                 (long long)(person->time_ns - day->time_ns) / 1000000);
    }
}

void sim_check_rules(char out[WORLD_FAILURE])
{
    why = out;
    why[0] = '\0';
    check_badges();
    check_days();
}

/* Of the acknowledged states of the entity of @op, is its the one that the log took last? */
static bool is_last(const sim_op *op)
{
    for (const sim_op *at = sim_ops(); at; at = at->next)
        if (at->state && strcmp(at->state->subject, op->state->subject) == 0 && at->state_ns > op->state_ns)
            return false;
    return true;
}

static bool has_state(const sim_stream *stream, const sim_message *state)
{
    for (uint64_t i = 1; i <= sim_js_last(stream); i++) {
        const sim_message *event = sim_js_at(stream, i)->message;
        if (strcmp(event->subject, state->subject) == 0 && event->len == state->len &&
            memcmp(event->data, state->data, event->len) == 0)
            return true;
    }
    return false;
}

/*
 * What the log has lost, Redis still had: the owner has put the newest state of each entity back. That is the one which
 * was acknowledged, or what a reaction made of it before it was lost.
 */
static void check_restored(const sim_op *op)
{
    const sim_stream *stream = sim_js_stream(sim_op_stream(op));
    if (op->kind == PLAN_GET || op->kind == PLAN_KINDS || !op->state || !is_last(op)) return;
    if (has_state(stream, op->state)) return;
    size_t found = 0;
    for (const sim_stored *later; (later = sim_js_lost(stream, op->state->subject, op->state_ns, &found));)
        if (has_state(stream, later->message)) return;
    fail("%s was acknowledged, and lost: the log lost its end, and Redis did not", sim_op_name(op));
}

void sim_check_history(bool lost, bool both, char out[WORLD_FAILURE])
{
    why = out;
    why[0] = '\0';
    check_once("EMPLOYEE");
    check_once("WORK_DAY");
    check_once("JOB");
    check_once("TICKET");
    if (!lost) check_successors();
    for (const sim_op *at = sim_ops(); at; at = at->next) {
        if (!lost)
            check_op(at);
        else if (!both)
            check_restored(at);
    }
}
