/*
 * Clients: each asks one thing under a key of its own, and asks again under the same key until the answer is one that
 * counts. They sit at the server, so that what they lose is what the world decides. Depends on nats.h.
 */
#include "world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATIENCE_NS  (6 * SIM_S)
#define INBOX        "_INBOX_client"
#define EMPLOYEES    "employee.v1.EmployeeService."
#define JOBS         "job.v1.JobService."
#define TIMESHEET    "timesheet.v1.TimesheetService."
#define HARVEST      "harvest.v1.HarvestService."
#define BADGE_SHARED 777
#define TICKETS      6

static sim_op *ops, **end;

const sim_op *sim_ops(void)
{
    return ops;
}

bool sim_ops_done(void)
{
    for (const sim_op *at = ops; at; at = at->next)
        if (!at->done) return false;
    return true;
}

const char *sim_op_name(const sim_op *op)
{
    char *name = sim_alloc(160);
    snprintf(name, 160, "command %u (%s %.80s)", op->number, op->subject, op->id ? op->id : "");
    return name;
}

/* ---- asking ---- */

static void ask_once(sim_op *op);

static void on_ask_again(void *arg)
{
    sim_op *op = arg;
    op->timer = NULL;
    ask_once(op);
}

static void on_silence(void *arg)
{
    sim_op *op = arg;
    sim_trace("client: no answer to %s", sim_op_name(op));
    op->timer = sim_at(sim_now_ns() + sim_random_between(SIM_MS, 200 * SIM_MS), on_ask_again, op);
}

static void ask_once(sim_op *op)
{
    char inbox[80], key[40];
    op->tries++;
    sim_trace("client: asks %s", sim_op_name(op));
    snprintf(inbox, sizeof inbox, INBOX ".%u.%u", op->number, op->tries);
    snprintf(key, sizeof key, "key-%u", op->number);
    sim_message *request = sim_message_make(op->subject, inbox, op->json, strlen(op->json));
    if (op->keyed) sim_message_add(request, "Idempotency-Key", key);
    op->timer = sim_at(sim_now_ns() + PATIENCE_NS, on_silence, op);
    (void)sim_nats_publish(request);
}

/* ---- answers ---- */

/* One that says nothing about what was asked. */
static bool says_nothing(int code)
{
    return code == FURROW_UNAVAILABLE || code == FURROW_DEADLINE_EXCEEDED || code == FURROW_ABORTED ||
           code == FURROW_RESOURCE_EXHAUSTED || code == FURROW_INTERNAL || code == FURROW_UNKNOWN;
}

const char *sim_op_stream(const sim_op *op)
{
    if (strncmp(op->subject, "timesheet", 9) == 0) return "WORK_DAY";
    if (strncmp(op->subject, "harvest", 7) == 0) return "TICKET";
    return strncmp(op->subject, "job", 3) == 0 ? "JOB" : "EMPLOYEE";
}

/* The last one in the answer is the state's. */
static void note_version(sim_op *op)
{
    static const char mark[] = "\"version\":\"";
    const char *json = op->answer->data, *found = NULL;
    for (const char *at = strstr(json, mark); at; at = strstr(at + 1, mark)) found = at;
    if (!found || op->kind == PLAN_LIST) return;
    op->version = strtoull(found + sizeof mark - 1, NULL, 10);
    const sim_stored *stored = sim_js_at(sim_js_stream(sim_op_stream(op)), op->version);
    op->state = stored ? stored->message : NULL;
    op->state_ns = stored ? stored->time_ns : 0;
}

static void take_answer(sim_op *op, const sim_message *message)
{
    const char *code = sim_message_header(message, "Nats-Service-Error-Code"),
               *error = sim_message_header(message, "Nats-Service-Error"),
               *status = sim_message_header(message, "Status");
    sim_cancel(op->timer);
    op->timer = NULL;
    op->code = status ? FURROW_UNAVAILABLE : code ? atoi(code) : 0;
    op->error = error ? error : status ? "nobody serves it" : "";
    sim_trace("client: %s -> %d %s", sim_op_name(op), op->code, op->error);
    if (says_nothing(op->code)) {
        op->timer = sim_at(sim_now_ns() + sim_random_between(20 * SIM_MS, 400 * SIM_MS), on_ask_again, op);
        return;
    }
    op->done = true;
    op->done_ns = sim_now_ns();
    op->answer = message;
    if (op->code == 0) note_version(op);
    sim_trace("client: %s is at version %llu", sim_op_name(op), (unsigned long long)op->version);
}

static void on_answer(void *arg, const sim_message *message)
{
    unsigned number = 0, tries = 0;
    if (sscanf(message->subject, INBOX ".%u.%u", &number, &tries) != 2) return;
    for (sim_op *at = ops; at; at = at->next)
        if (at->number == number && !at->done && at->tries == tries) take_answer(at, message);
}

void sim_clients_start(void)
{
    ops = NULL;
    end = &ops;
    sim_nats_listen(INBOX ".>", on_answer, NULL);
}

/* ---- what there is to ask ---- */

static sim_op *begin(sim_op made)
{
    sim_op *op = sim_alloc(sizeof *op);
    *op = made;
    op->asked_ns = sim_now_ns();
    *end = op;
    end = &op->next;
    ask_once(op);
    return op;
}

sim_op *sim_ask_json(const char *subject, const char *json, bool keyed)
{
    static const unsigned setup = 1000; /* beside those of plans */
    unsigned number = setup;
    for (const sim_op *at = ops; at; at = at->next) number++;
    return begin(
        (sim_op){.kind = PLAN_KINDS, .subject = subject, .json = sim_strdup(json), .keyed = keyed, .number = number});
}

/* What a ticket's scan says follows from its number, however often it comes. */
static void write_ticket(const sim_op *op, char *out, size_t size)
{
    unsigned ticket = op->number % TICKETS;
    if (op->kind == PLAN_SCAN)
        snprintf(out, size,
                 "{\"id\":\"T%u\",\"badge\":\"%u\",\"jobId\":\"P1\",\"locationId\":\"L1\",\"crew\":\"c%u\","
                 "\"quantity\":\"%u\",\"pickedAt\":\"2026-09-%02uT10:00:00Z\"}",
                 ticket, ticket % PLAN_PEOPLE + 1, ticket % 2, 1000 + 37 * ticket, 19 + ticket % 2);
    else if (op->kind == PLAN_CORRECT)
        snprintf(out, size,
                 "{\"id\":\"T%u\",\"employeeId\":\"E%u\",\"jobId\":\"P1\",\"locationId\":\"L1\",\"crew\":\"c%u\","
                 "\"quantity\":\"%u\",\"by\":\"sim\",\"reason\":\"moved\"}",
                 ticket, op->who, op->number % 3, 1 + op->number);
    else
        snprintf(out, size, "{\"id\":\"T%u\",\"by\":\"sim\",\"reason\":\"twice\"}", ticket);
}

/* Hires share a badge now and then: one of them may have it. */
static void write_json(const sim_op *op, char *out, size_t size)
{
    if (op->kind == PLAN_SCAN || op->kind == PLAN_CORRECT || op->kind == PLAN_VOID)
        write_ticket(op, out, size);
    else if (op->kind == PLAN_HIRE)
        snprintf(out, size, "{\"id\":\"N%u\",\"givenName\":\"New\",\"familyName\":\"Hand\",\"badge\":\"%u\"}",
                 op->number, op->number % 3 == 0 ? BADGE_SHARED : 1000 + op->number);
    else if (op->kind == PLAN_UPDATE)
        snprintf(out, size, "{\"employee\":{\"id\":\"E%u\",\"crew\":\"crew%u\"},\"updateMask\":\"crew\"}", op->who,
                 op->number);
    else if (op->kind == PLAN_CLOCK_IN)
        snprintf(out, size, "{\"employeeId\":\"E%u\",\"jobId\":\"J1\",\"locationId\":\"L1\"}", op->who);
    else if (op->kind == PLAN_CLOCK_OUT)
        snprintf(out, size, "{\"employeeId\":\"E%u\"}", op->who);
    else if (op->kind == PLAN_LIST)
        snprintf(out, size, "{}");
    else if (op->kind == PLAN_CLOSE_JOB || op->kind == PLAN_REOPEN_JOB)
        snprintf(out, size, "{\"id\":\"J2\"}");
    else
        snprintf(out, size, "{\"id\":\"E%u\"}", op->who);
}

sim_op *sim_ask(plan_kind kind, unsigned who, unsigned number)
{
    static const char *const subjects[PLAN_COMMANDS] = {
        [PLAN_UPDATE] = EMPLOYEES "UpdateEmployee", [PLAN_TERMINATE] = EMPLOYEES "TerminateEmployee",
        [PLAN_REHIRE] = EMPLOYEES "RehireEmployee", [PLAN_HIRE] = EMPLOYEES "HireEmployee",
        [PLAN_CLOCK_IN] = TIMESHEET "ClockIn",      [PLAN_CLOCK_OUT] = TIMESHEET "ClockOut",
        [PLAN_CLOSE_JOB] = JOBS "CloseJob",         [PLAN_REOPEN_JOB] = JOBS "ReopenJob",
        [PLAN_SCAN] = HARVEST "RecordTicket",       [PLAN_CORRECT] = HARVEST "CorrectTicket",
        [PLAN_VOID] = HARVEST "VoidTicket",         [PLAN_GET] = EMPLOYEES "GetEmployee",
        [PLAN_LIST] = EMPLOYEES "ListEmployees"};
    char json[300], id[16];
    sim_op made = {.kind = kind, .who = who, .number = number, .subject = subjects[kind]};
    made.keyed = kind != PLAN_GET && kind != PLAN_LIST;
    if (kind == PLAN_HIRE)
        snprintf(id, sizeof id, "N%u", number);
    else if (kind == PLAN_CLOSE_JOB || kind == PLAN_REOPEN_JOB)
        snprintf(id, sizeof id, "J2");
    else if (kind == PLAN_SCAN || kind == PLAN_CORRECT || kind == PLAN_VOID)
        snprintf(id, sizeof id, "T%u", number % TICKETS);
    else
        snprintf(id, sizeof id, "E%u", who);
    made.id = sim_strdup(id);
    write_json(&made, json, sizeof json);
    made.json = sim_strdup(json);
    return begin(made);
}
