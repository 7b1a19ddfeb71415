/*
 * furrow import: rows of CSV become create requests (see row.h).
 *
 * Rows are sent many at a time. A row that fails FAILED_PRECONDITION (its parent or location is not there yet) or
 * UNAVAILABLE is tried again in another pass as long as passes get somewhere. A row whose entity exists is left alone:
 * running an import again is safe.
 */
#include "cli/cli.h"
#include "cli/row.h"

#include "base/clock.h"
#include "base/id.h"
#include "employee/v1/employee.furrow.h"
#include "job/v1/job.furrow.h"
#include "location/v1/location.furrow.h"
#include "wire/json.h"

#include <ctype.h>
#include <stdlib.h>
#include <strings.h>
#include <unistd.h>

#define IN_FLIGHT      128
#define IDLE_PASSES    25 /* passes without progress before what is left is given up */
#define PASS_PAUSE_MS  200
#define ARENA_BYTES    ((size_t)4 * CSV_FILE_MAX)
#define BAD_ROWS_SHOWN 20

typedef struct import_kind {
    const char *name;
    const furrow_service_contract *service;
    size_t create, get;
} import_kind;

static const import_kind kinds[] = {
    {"locations", &location_v1_location_service, LOCATION_V1_LOCATION_SERVICE_CREATE_LOCATION,
     LOCATION_V1_LOCATION_SERVICE_GET_LOCATION},
    {"jobs", &job_v1_job_service, JOB_V1_JOB_SERVICE_OPEN_JOB, JOB_V1_JOB_SERVICE_GET_JOB},
    {"employees", &employee_v1_employee_service, EMPLOYEE_V1_EMPLOYEE_SERVICE_HIRE_EMPLOYEE,
     EMPLOYEE_V1_EMPLOYEE_SERVICE_GET_EMPLOYEE},
};

typedef enum row_state { WAITING, SENT, IMPORTED, UNCHANGED, BAD, AGAIN } row_state;

typedef struct import import;

typedef struct import_row {
    import *in;
    const csv_row *csv;
    row_state state;
    char reason[400];
} import_row;

struct import {
    cli *tool;
    const char *path;
    const import_kind *kind;
    const ProtobufCMessageDescriptor *request;
    csv_file file;
    import_row *rows;
    size_t id_column; /* of "id", or the header's count */
    size_t in_flight, done, imported, unchanged, bad;
    furrow_waiter *room; /* waits until in_flight falls */
    bool draw;
};

static const import_kind *kind_of(cli *tool, const char *named, const char *path)
{
    const char *base = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (named ? strcmp(named, kinds[i].name) == 0 : furrow_bytes_after_nocase(base, kinds[i].name) != NULL)
            return &kinds[i];
    cli_fail(tool, 2, "%s: of what kind? name the file employees….csv, locations….csv or jobs….csv, or use --kind",
             path);
    return NULL;
}

static void draw_progress(const import *in, bool last)
{
    enum { WIDTH = 30 };
    static const char bar[] = "##############################..............................";
    if (!in->draw) return;
    size_t total = in->file.row_count, filled = total > 0 ? in->done * WIDTH / total : WIDTH;
    fprintf(stderr, "\r%-10s [%.*s] %zu/%zu%s", in->kind->name, WIDTH, bar + WIDTH - filled, in->done, total,
            last ? "\n" : "");
    fflush(stderr);
}

static void settle(import_row *row, row_state state, const furrow_error *err)
{
    import *in = row->in;
    row->state = state;
    if (err)
        snprintf(row->reason, sizeof row->reason, "%s: %.100s%s%.255s", furrow_status_name(err->code), err->field,
                 err->field[0] ? " " : "", err->text);
    if (state != AGAIN && state != WAITING) in->done++;
    in->imported += state == IMPORTED;
    in->unchanged += state == UNCHANGED;
    in->bad += state == BAD;
}

static void release(import *in)
{
    in->in_flight--;
    if (in->done % 16 == 0) draw_progress(in, false);
    if (in->room) furrow_waiter_done(in->room);
}

static const furrow_method_contract *method(const import *in, size_t index)
{
    return &in->kind->service->methods[index];
}

/* ALREADY_EXISTS may mean the row's own id (unchanged) or another's badge (bad): is there one of that id? */
static void check_exists(import_row *row, const furrow_error *refusal)
{
    import *in = row->in;
    FURROW_AUTO(furrow_arena) arena = furrow_arena_create(0);
    const furrow_method_contract *get = method(in, in->kind->get);
    char text[FURROW_ID_MAX + 16];
    ProtobufCMessage *request, *response;
    furrow_error err;
    const char *id = in->id_column < row->csv->count ? row->csv->fields[in->id_column] : "";
    snprintf(text, sizeof text, "{\"id\":\"%.*s\"}", FURROW_ID_MAX, id);
    bool there = id[0] && furrow_json_decode(get->input, furrow_bytes_of(text), arena, &request, &err) == FURROW_OK &&
                 furrow_client_call(in->tool->client, get, request, NULL, arena, &response, &err) == FURROW_OK;
    settle(row, there ? UNCHANGED : BAD, there ? NULL : refusal);
}

static void send_row(void *arg)
{
    import_row *row = arg;
    import *in = row->in;
    furrow_error err = {0};
    ProtobufCMessage *request, *response;
    FURROW_AUTO(furrow_arena) arena = furrow_arena_create(0);
    furrow_status status = arena ? row_request(&in->file.header, row->csv, in->request, arena, &request, &err)
                                 : furrow_fail(&err, FURROW_RESOURCE_EXHAUSTED, "out of memory");
    if (status == FURROW_OK)
        status =
            furrow_client_call(in->tool->client, method(in, in->kind->create), request, NULL, arena, &response, &err);
    switch (status) {
    case FURROW_OK:
        settle(row, IMPORTED, NULL);
        break;
    case FURROW_ALREADY_EXISTS:
        check_exists(row, &err);
        break;
    case FURROW_FAILED_PRECONDITION:
    case FURROW_UNAVAILABLE:
    case FURROW_DEADLINE_EXCEEDED:
    case FURROW_RESOURCE_EXHAUSTED:
    case FURROW_ABORTED:
        settle(row, AGAIN, &err);
        break;
    default:
        settle(row, BAD, &err);
        break;
    }
    release(in);
}

static void wait_for_room(import *in, size_t most)
{
    while (in->in_flight > most) {
        furrow_waiter waiter = furrow_waiter_make();
        in->room = &waiter;
        furrow_wait(&waiter, FURROW_NEVER);
        in->room = NULL;
    }
}

/* Sends every row that is not settled; true when another pass may get further. */
static bool pass(import *in)
{
    size_t before = in->done;
    furrow_error err;
    for (size_t i = 0; i < in->file.row_count; i++) {
        import_row *row = &in->rows[i];
        if (row->state != WAITING && row->state != AGAIN) continue;
        wait_for_room(in, IN_FLIGHT - 1);
        row->state = SENT;
        in->in_flight++;
        if (furrow_loop_spawn(in->tool->loop, send_row, row, &err) != FURROW_OK) {
            settle(row, AGAIN, &err);
            in->in_flight--;
        }
    }
    wait_for_room(in, 0);
    return in->done > before;
}

static void report(import *in)
{
    size_t shown = 0;
    draw_progress(in, true);
    for (size_t i = 0; i < in->file.row_count; i++) {
        import_row *row = &in->rows[i];
        if (row->state == AGAIN) settle(row, BAD, NULL);
        if (row->state != BAD || shown++ >= BAD_ROWS_SHOWN) continue;
        fprintf(stderr, "%s:%zu: %s\n", in->path, row->csv->line, row->reason);
    }
    if (shown > BAD_ROWS_SHOWN) fprintf(stderr, "%s: and %zu more\n", in->path, shown - BAD_ROWS_SHOWN);
    printf("%s: %zu imported, %zu unchanged, %zu bad\n", in->kind->name, in->imported, in->unchanged, in->bad);
    if (in->bad > 0) in->tool->exit_code = 1;
}

static bool check_header(import *in)
{
    const csv_row *header = &in->file.header;
    furrow_error err = {0};
    in->id_column = header->count;
    for (size_t c = 0; c < header->count; c++)
        if (strcmp(header->fields[c], "id") == 0) in->id_column = c;
    if (row_check_header(header, in->request, &err) == FURROW_OK) return true;
    cli_fail(in->tool, 1, "%s:1: %s", in->path, err.text);
    return false;
}

static void import_file(cli *tool, const char *named, const char *path)
{
    furrow_error err;
    FURROW_AUTO(furrow_arena) arena = furrow_arena_create(ARENA_BYTES);
import in = {.tool = tool, .path = path, .kind = kind_of(tool, named, path), .draw = isatty(STDERR_FILENO) };
    if (!in.kind || !arena) return;
    in.request = method(&in, in.kind->create)->input;
    if (csv_read(path, arena, &in.file, &err) != FURROW_OK) {
        cli_fail_error(tool, "import", &err);
        return;
    }
    if (!check_header(&in)) return;
    in.rows = furrow_arena_zalloc(arena, (in.file.row_count + 1) * sizeof *in.rows);
    if (!in.rows) {
        cli_fail(tool, 1, "%s: too many rows", path);
        return;
    }
    for (size_t i = 0; i < in.file.row_count; i++) in.rows[i] = (import_row){.in = &in, .csv = &in.file.rows[i]};
    for (size_t idle = 0; idle < IDLE_PASSES && in.done < in.file.row_count;) {
        idle = pass(&in) ? 0 : idle + 1;
        if (idle > 0) furrow_task_sleep_ms(PASS_PAUSE_MS);
    }
    report(&in);
}

int cli_import(cli *tool)
{
    const char *named = cli_option(tool, "--kind", NULL);
    if (!cli_arguments(tool, 1, CLI_MANY) || !cli_connect(tool)) return tool->exit_code;
    for (int i = 0; i < tool->argc; i++) import_file(tool, named, tool->argv[i]);
    return tool->exit_code;
}
