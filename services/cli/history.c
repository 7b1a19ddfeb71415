/*
 * furrow history: what the log still has of one entity, oldest first: when, whose command, which event, and which fields
 * it changed. It reads with the right to read the stream and no more; what is sealed stays so.
 */
#include "cli/cli.h"
#include "cli/contracts.h"
#include "cli/diff.h"
#include "cli/letter.h"
#include "cli/text.h"

#include "base/buffer.h"
#include "base/clock.h"
#include "base/number.h"
#include "wire/json.h"
#include "wire/message.h"

#include <inttypes.h>
#include <string.h>

#define ASK_MS      10000
#define ARENA_BYTES ((size_t)2 << 30)
#define LINE_BYTES  ((size_t)64 << 20)

typedef struct teller {
    cli *tool;
    const furrow_entity_contract *entity;
    bool json;
    furrow_arena *arena;
    const ProtobufCMessage *before; /* the state before; NULL: none, or not known */
    bool known;                     /* `before` is what it was */
    size_t events, states;
    bool erased;           /* an event said so */
    furrow_buffer changes; /* of the event at hand, as text or as JSON */
} teller;

static const char *event_header(const teller *self, const furrow_js_stored *event, const char *name)
{
    const char *value = furrow_js_stored_header(event, name, self->arena);
    return value ? value : "";
}

/* By the inbox that the answer went to: "_INBOX_payroll". */
static const char *who(const teller *self, const furrow_js_stored *event)
{
    const char *by = event_header(self, event, FURROW_HEADER_BY), *source = event_header(self, event, "ce-source");
    const char *client = furrow_bytes_after(by, "_INBOX_");
    if (client) return client;
    if (strcmp(by, "_R_") == 0) return CLI_OPERATOR; /* who calls from another account */
    if (by[0]) return by;
    return source[0] == '/' && source[1] ? source + 1 : "?";
}

static void tell_value(furrow_buffer *out, furrow_bytes value)
{
    if (value.data)
        furrow_buffer_append(out, value.data, value.len);
    else
        furrow_buffer_append_text(out, "none");
}

static void tell_change(void *arg, const char *path, const ProtobufCFieldDescriptor *field, furrow_bytes before,
                        furrow_bytes now)
{
    teller *self = arg;
    bool private = field && field == self->entity->private_field;
    if (private) { /* sealed, and even how much it is should stay unsaid */
        if (before.data) before = FURROW_BYTES_LITERAL("\"sealed\"");
        if (now.data) now = FURROW_BYTES_LITERAL("\"sealed\"");
    }
    if (!self->json) {
        furrow_buffer_printf(&self->changes, "  %s", path);
        if (field) furrow_buffer_append_text(&self->changes, ": ");
        if (field && self->known) tell_value(&self->changes, before);
        if (field && self->known) furrow_buffer_append_text(&self->changes, " -> ");
        if (field) tell_value(&self->changes, now);
        furrow_buffer_append_byte(&self->changes, '\n');
        return;
    }
    furrow_buffer_printf(&self->changes, "%s{\"field\":\"%s\"", self->changes.len ? "," : "", path);
    if (before.data) {
        furrow_buffer_append_text(&self->changes, ",\"before\":");
        furrow_buffer_append(&self->changes, before.data, before.len);
    }
    if (now.data) {
        furrow_buffer_append_text(&self->changes, ",\"now\":");
        furrow_buffer_append(&self->changes, now.data, now.len);
    }
    furrow_buffer_append_byte(&self->changes, '}');
}

/* Lines of ours with texts of others in them. */
static void print_lines(furrow_bytes text, furrow_arena *arena)
{
    const char *at = text.data, *end = at + text.len;
    while (at < end) {
        const char *line_end = memchr(at, '\n', (size_t)(end - at));
        char *line = furrow_arena_memdup(arena, at, (size_t)(line_end - at));
        if (line) text_print(stdout, line);
        printf("\n");
        at = line_end + 1;
    }
}

static void print_event(teller *self, const furrow_js_stored *event, const char *what, const char *trouble)
{
    char time[TEXT_TIME_SIZE];
    furrow_buffer out;
    text_time(event->timestamp_ns, time);
    if (!self->json) {
        printf("%" PRIu64 "  %s  ", event->sequence, time);
        text_print(stdout, what);
        printf("  by ");
        text_print(stdout, who(self, event));
        printf("\n%s%s%s", trouble ? "  no state: " : "", trouble ? trouble : "", trouble ? "\n" : "");
        if (self->changes.len > 0) print_lines((furrow_bytes){self->changes.data, self->changes.len}, self->arena);
        return;
    }
    furrow_buffer_init(&out, LINE_BYTES);
    furrow_buffer_printf(&out, "{\"version\":\"%" PRIu64 "\"", event->sequence);
    text_json(&out, "time", time);
    text_json(&out, "event", what);
    text_json(&out, "by", who(self, event));
    text_json(&out, "trace", event_header(self, event, FURROW_HEADER_TRACEPARENT));
    if (trouble) text_json(&out, "trouble", trouble);
    furrow_buffer_printf(&out, ",\"known_before\":%s,\"deleted\":%s,\"changes\":[", self->known ? "true" : "false",
                         event->data.len == 0 && !trouble ? "true" : "false");
    furrow_buffer_append(&out, self->changes.data, self->changes.len);
    furrow_buffer_append_text(&out, "]}\n");
    if (!out.failed) fwrite(out.data, 1, out.len, stdout);
    if (out.failed) cli_fail(self->tool, 1, "event %" PRIu64 " does not fit into memory", event->sequence);
    furrow_buffer_fini(&out);
}

/* What came before the first that is kept is known only if it says that it follows nothing. */
static void look_before(teller *self, const furrow_js_stored *event)
{
    uint64_t follows;
    const char *text = event_header(self, event, FURROW_HEADER_EXPECTED_SEQ);
    if (self->events++ == 0)
        self->known = furrow_number_parse(furrow_bytes_of(text), UINT64_MAX, &follows) && follows == 0;
}

static void tell_event(teller *self, const furrow_js_stored *event)
{
    furrow_error err = {0};
    ProtobufCMessage *now = NULL;
    const char *type = event_header(self, event, "ce-type"), *what = furrow_bytes_after(type, self->entity->name);
    what = what && what[0] == '.' ? what + 1 : type[0] ? type : "?";
    look_before(self, event);
    furrow_buffer_reset(&self->changes);
    furrow_status status =
        event->data.len == 0
            ? furrow_js_stored_check_deletion(event, self->entity->name, self->entity->owner, self->arena, &err)
            : furrow_message_unpack(self->entity->descriptor, event->data, self->arena, &now, &err);
    if (status == FURROW_OK && now && !diff_messages(self->before, now, self->arena, tell_change, self)) {
        cli_fail(self->tool, 1, "event %" PRIu64 " does not fit into memory", event->sequence);
        return;
    }
    if (status == FURROW_OK && !now) self->erased = strstr(what, "erased") != NULL;
    print_event(self, event, what, status == FURROW_OK ? NULL : err.text);
    if (status != FURROW_OK) return; /* nobody has used it: what follows follows the one before */
    self->before = now;
    self->known = true;
    self->states += now != NULL;
}

static void tell_end(teller *self, const char *id)
{
    if (self->json) return;
    if (self->states == 0 && self->erased)
        printf("%s %s is erased: the log has none of its states any more\n", self->entity->name, id);
    else if (!self->before && self->events > 0)
        printf("%s %s is deleted\n", self->entity->name, id);
}

static int tell_history(teller *self, const char *id)
{
    furrow_error err;
    char subject[FURROW_SUBJECT_MAX];
    furrow_js_stored event = {.sequence = 0};
    cli *tool = self->tool;
    furrow_status status = furrow_subject_of_entity(self->entity->name, id, subject, &err);
    if (status != FURROW_OK) return cli_fail(tool, 2, "%s", err.text);
    while (status == FURROW_OK && !tool->exit_code) {
        uint64_t deadline_ns = furrow_clock_in_ms(ASK_MS);
        status = furrow_js_get_next(tool->link, self->entity->stream, subject, event.sequence + 1, deadline_ns,
                                    self->arena, &event, &err);
        if (status == FURROW_OK) tell_event(self, &event);
    }
    if (status != FURROW_OK && status != FURROW_NOT_FOUND) return cli_fail_error(tool, self->entity->stream, &err);
    if (self->events == 0) return cli_fail(tool, 1, "stream %s has nothing of %s", self->entity->stream, id);
    tell_end(self, id);
    return tool->exit_code;
}

int cli_history(cli *tool)
{
    furrow_error err;
    bool single = cli_flag(tool, "--single-account");
    teller self = {.tool = tool, .json = cli_flag(tool, "--json")};
    self.entity = cli_find_entity(tool->argv[0]);
    if (!self.entity)
        return cli_fail(tool, 2, "no contract here has an entity %s (FURROW_CONTRACTS adds some)", tool->argv[0]);
    if (furrow_subject_check_id(tool->argv[1], strlen(tool->argv[1]), "", &err) != FURROW_OK)
        return cli_fail(tool, 2, "%s: %s", tool->argv[1], err.text);
    if (!cli_connect(tool)) return tool->exit_code;
    self.arena = furrow_arena_create(ARENA_BYTES);
    if (!self.arena) return cli_fail(tool, 1, "out of memory");
    furrow_buffer_init(&self.changes, LINE_BYTES);
    if (letter_turn_to(tool, single, self.entity->stream, self.entity->owner, &err) != FURROW_OK)
        cli_fail_error(tool, self.entity->stream, &err);
    else
        tell_history(&self, tool->argv[1]);
    furrow_buffer_fini(&self.changes);
    furrow_arena_destroy(self.arena);
    return tool->exit_code;
}
