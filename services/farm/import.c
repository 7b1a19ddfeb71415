/*
 * farm import: rows of CSV become create requests (see row.h), or are compared with what there is.
 *
 *              nobody there           made
 *   WAITING ---------------> SENT ----------> MADE
 *      |                      | exists (somebody else's meanwhile)
 *      | exists               v
 *      +-----------------> compared: UNCHANGED, DIFFERS or, with --update, UPDATED
 *
 * Each pass asks first which rows exist, for the answer to a create request may be one that is remembered from an earlier
 * import. A row that fails for what may pass (its parent or location is not there yet, a service is away) waits (AGAIN) for
 * another pass, as long as passes get somewhere. So running an import again is safe, and so is one that was cut off.
 */
#include "farm/import.h"

#include "base/clock.h"
#include "wire/message.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>
#include <uv.h>

#define IDLE_PASSES   25 /* passes without progress before what is left is given up */
#define PASS_PAUSE_MS 200
#define LOOK_UP_ROWS  100 /* so many of the largest entities fit an answer */
#define DRAW_ROWS     16
#define ARENA_BYTES   ((size_t)4 * CSV_FILE_MAX)

const furrow_method_contract *import_method(const import *in, size_t index)
{
    return &in->kind->service->methods[index];
}

void import_settle(import_row *row, import_state state, const furrow_error *err)
{
    import *in = row->in;
    row->state = state;
    if (err && (row->reason || (row->reason = furrow_arena_alloc(in->arena, IMPORT_REASON_SIZE))))
        snprintf(row->reason, IMPORT_REASON_SIZE, "%s: %.100s%s%.255s", furrow_status_name(err->code), err->field,
                 err->field[0] ? " " : "", err->text);
    if (state >= IMPORT_MADE) in->done++;
    in->counts[state]++;
}

import_state import_state_of(furrow_status status)
{
    switch (status) {
    case FURROW_FAILED_PRECONDITION:
    case FURROW_UNAVAILABLE:
    case FURROW_DEADLINE_EXCEEDED:
    case FURROW_RESOURCE_EXHAUSTED:
    case FURROW_ABORTED:
        return IMPORT_AGAIN;
    default:
        return IMPORT_BAD;
    }
}

furrow_status import_call(import_row *row, const furrow_method_contract *method, const ProtobufCMessage *request,
                          furrow_arena *arena, ProtobufCMessage **response, furrow_error *err)
{
    furrow_bytes packed;
    uint8_t hash[FURROW_HASH_BYTES];
    char key[FURROW_HASH_HEX];
    furrow_status status = furrow_message_pack(request, arena, &packed, err);
    if (status != FURROW_OK) return status;
    furrow_hash((furrow_bytes[]){furrow_bytes_of("import"), furrow_bytes_of(method->subject), packed}, 3, hash);
    furrow_hash_hex(hash, key);
    furrow_call_options options = {.idempotency_key = key};
    uint64_t sent_ns = furrow_clock_now_ns();
    status = furrow_client_call(row->in->tool->client, method, request, &options, arena, response, err);
    window_answered(&row->in->window, furrow_clock_now_ns() - sent_ns,
                    status == FURROW_RESOURCE_EXHAUSTED || status == FURROW_UNAVAILABLE ||
                        status == FURROW_DEADLINE_EXCEEDED);
    return status;
}

/* ---- rows in flight ---- */

static void create_row(import_row *row)
{
    furrow_error err = {0};
    ProtobufCMessage *request, *response;
    FURROW_AUTO(furrow_arena) arena = furrow_arena_create(0);
    furrow_status status = arena ? import_request(row, arena, &request, &err)
                                 : furrow_fail(&err, FURROW_RESOURCE_EXHAUSTED, "out of memory");
    if (status == FURROW_OK) {
        row->attempted = IMPORT_MADE;
        status = import_call(row, import_method(row->in, row->in->kind->create), request, arena, &response, &err);
    }
    if (status == FURROW_OK)
        import_settle(row, IMPORT_MADE, NULL);
    else if (status == FURROW_ALREADY_EXISTS) /* the row's own id, or another's badge */
        import_judge(row, &err);
    else
        import_settle(row, import_state_of(status), &err);
}

static void row_task(void *arg)
{
    import_row *row = arg;
    import *in = row->in;
    if (row->exists)
        import_judge(row, NULL);
    else
        create_row(row);
    in->in_flight--;
    if (in->done % DRAW_ROWS == 0) import_draw(in, false);
    if (in->room) furrow_waiter_done(in->room);
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

static void send_row(import_row *row)
{
    import *in = row->in;
    furrow_error err;
    if (in->options->dry_run && !row->exists) {
        import_settle(row, IMPORT_MADE, NULL);
        return;
    }
    wait_for_room(in, in->window.limit - 1);
    row->state = IMPORT_SENT;
    in->in_flight++;
    if (furrow_loop_spawn(in->tool->loop, row_task, row, &err) == FURROW_OK) return;
    in->in_flight--;
    import_settle(row, IMPORT_AGAIN, &err);
}

static bool is_open(const import_row *row)
{
    return row->state == IMPORT_WAITING || row->state == IMPORT_AGAIN;
}

/* Looks the next rows up from @at on and sends them: where the ones after them begin. */
static size_t send_some(import *in, size_t at)
{
    import_row *rows[LOOK_UP_ROWS];
    size_t count = 0;
    furrow_error err = {0};
    for (; at < in->file.row_count && count < LOOK_UP_ROWS; at++)
        if (is_open(&in->rows[at])) rows[count++] = &in->rows[at];
    furrow_status status = count > 0 ? import_look_up(in, rows, count, &err) : FURROW_OK;
    if (status != FURROW_OK) furrow_wrap(&err, "ask which rows exist");
    for (size_t i = 0; i < count && !in->stop->wanted; i++) {
        if (status != FURROW_OK)
            import_settle(rows[i], import_state_of(status), &err);
        else if (is_open(rows[i]))
            send_row(rows[i]);
    }
    return at;
}

/* Sends every row that is not settled; true when another pass may get further. */
static bool pass(import *in)
{
    size_t before = in->done;
    for (size_t at = 0; at < in->file.row_count && !in->stop->wanted;) at = send_some(in, at);
    wait_for_room(in, 0);
    return in->done > before;
}

/* ---- a file ---- */

static const import_kind *import_kind_of(const char *named, const char *path)
{
    const char *base = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
    for (size_t i = 0; i < import_kind_count; i++)
        if (named ? strcmp(named, import_kinds[i].name) == 0
                  : furrow_bytes_after_nocase(base, import_kinds[i].name) != NULL)
            return &import_kinds[i];
    return NULL;
}

/* A bar is for people who watch it. */
static bool may_draw(void)
{
    const char *no_color = getenv("NO_COLOR");
    return isatty(STDERR_FILENO) && !(no_color && no_color[0]);
}

static void import_file(cli *tool, const import_options *options, const import_stop *stop, const char *path)
{
    furrow_error err;
    const char *shown = strcmp(path, CSV_STDIN) == 0 ? CSV_STDIN_SAY : path;
    FURROW_AUTO(furrow_arena) arena = furrow_arena_create(ARENA_BYTES);
import in = {.tool = tool, .options = options, .stop = stop, .path = path, .shown = shown, .arena = arena };
    if (!arena) {
        cli_fail(tool, 1, "%s: out of memory", shown);
        return;
    }
    in.kind = import_kind_of(options->kind, path);
    /* Of a file that cannot be read it does not matter of what kind it is; for standard input nobody waits in vain. */
    if ((in.kind || shown == path) && csv_read(path, options->encoding, arena, &in.file, &err) != FURROW_OK) {
        cli_fail_error(tool, "import", &err);
        return;
    }
    if (!in.kind) {
        cli_fail(tool, 2, "%s: of what kind? use --kind employees, locations or jobs, or name the file employees….csv",
                 shown);
        return;
    }
    in.draw = may_draw();
    in.window = window_make();
    in.began_ns = furrow_clock_now_ns();
    if (!import_header(&in)) return;
    if (!import_prepare(&in)) {
        cli_fail(tool, 1, "%s: too many rows", shown);
        return;
    }
    for (size_t idle = 0; idle < IDLE_PASSES && in.done < in.file.row_count && !stop->wanted;) {
        idle = pass(&in) ? 0 : idle + 1;
        if (idle > 0 && in.done < in.file.row_count) furrow_task_sleep_ms(PASS_PAUSE_MS);
    }
    import_report(&in);
}

/* ---- the command ---- */

/* Ctrl-C: what is in flight is waited for and told; pressed once more, it ends the tool at once. */
typedef struct interrupt {
    uv_signal_t handles[2];
    import_stop stop;
    size_t open; /* handles */
} interrupt;

static void on_interrupt(uv_signal_t *handle, int number)
{
    interrupt *self = handle->data;
    self->stop.wanted = true;
}

static void on_closed(uv_handle_t *handle)
{
    interrupt *self = handle->data;
    if (--self->open == 0) free(self);
}

static interrupt *watch_interrupts(cli *tool)
{
    static const int numbers[] = {SIGINT, SIGTERM};
    interrupt *self = calloc(1, sizeof *self);
    for (size_t i = 0; self && i < 2; i++) {
        uv_signal_init(furrow_loop_uv(tool->loop), &self->handles[i]);
        self->handles[i].data = self;
        self->open++;
        uv_signal_start_oneshot(&self->handles[i], on_interrupt, numbers[i]);
    }
    return self;
}

int farm_import(cli *tool)
{
    const import_options options = {.kind = cli_option(tool, "--kind"),
                                    .encoding = cli_option(tool, "--encoding"),
                                    .update = cli_flag(tool, "--update"),
                                    .dry_run = cli_flag(tool, "--dry-run"),
                                    .json = cli_flag(tool, "--json")};
    if (!cli_connect(tool)) return tool->exit_code;
    interrupt *interrupts = watch_interrupts(tool);
    if (!interrupts) return cli_fail(tool, 1, "out of memory");
    for (int i = 0; i < tool->argc; i++) {
        if (interrupts->stop.wanted)
            cli_fail(tool, 1, "%s: not begun: stopped", tool->argv[i]);
        else
            import_file(tool, &options, &interrupts->stop, tool->argv[i]);
    }
    for (size_t i = 0; i < 2; i++) uv_close((uv_handle_t *)&interrupts->handles[i], on_closed);
    return tool->exit_code;
}
