/* See letter.h. What a letter says is what some service wrote, or whoever had its key: nothing of it is taken for granted.
 */
#include "cli/letter.h"

#include "base/clock.h"
#include "base/id.h"
#include "base/number.h"
#include "cli/contracts.h"
#include "link/deadletter.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ASK_MS      10000
#define HEADERS_MAX 64

typedef struct finding {
    const letter_choice *choice;
    const char *account; /* or NULL */
    furrow_arena *arena;
    letter *found;
    size_t count, capacity;
} finding;

furrow_status letter_turn_to(cli *tool, bool single, const char *stream, const char *service, furrow_error *err)
{
    return single ? FURROW_OK : furrow_js_import(tool->link, stream, service, err);
}

/* ---- one letter ---- */

typedef struct header_list {
    furrow_arena *arena;
    furrow_header *headers;
    size_t count;
} header_list;

static void take_header(void *arg, const char *name, const char *value)
{
    header_list *list = arg;
    if (list->count == HEADERS_MAX) return;
    char *own_name = furrow_arena_strdup(list->arena, name), *own_value = furrow_arena_strdup(list->arena, value);
    if (own_name && own_value) list->headers[list->count++] = (furrow_header){own_name, own_value};
}

static const char *letter_header(const letter *of, const char *name)
{
    for (size_t i = 0; i < of->header_count; i++)
        if (strcmp(of->headers[i].name, name) == 0) return of->headers[i].value;
    return "";
}

/* "deadletter.<service>.<stream>" */
static bool take_subject(const char *subject, letter *out, furrow_arena *arena)
{
    const char *service = furrow_bytes_after(subject, "deadletter.");
    const char *dot = service ? strchr(service, '.') : NULL;
    if (!dot || dot == service || !dot[1]) return false;
    out->service = furrow_arena_memdup(arena, service, (size_t)(dot - service));
    out->stream = furrow_arena_strdup(arena, dot + 1);
    return out->service && out->stream;
}

/* "<entity>.<id>" */
static bool take_entity(letter *out, furrow_arena *arena)
{
    const char *dot = strrchr(out->subject, '.');
    size_t len = dot ? (size_t)(dot - out->subject) : strlen(out->subject);
    out->entity = furrow_arena_memdup(arena, out->subject, len);
    out->id = dot ? dot + 1 : "";
    return out->entity != NULL;
}

/* False: it is no letter, or there is no memory for it. */
static bool take_letter(const furrow_js_stored *stored, furrow_arena *arena, letter *out)
{
    header_list list = {.arena = arena};
    letter made = {.at = stored->sequence, .time_ns = stored->timestamp_ns};
    list.headers = furrow_arena_alloc(arena, HEADERS_MAX * sizeof *list.headers);
    if (!list.headers || !take_subject(stored->subject, &made, arena)) return false;
    if (furrow_js_stored_has_headers(stored)) furrow_js_stored_each_header(stored, arena, take_header, &list);
    made.headers = list.headers;
    made.header_count = list.count;
    made.subject = letter_header(&made, FURROW_DEADLETTER_SUBJECT);
    made.sequence = letter_header(&made, FURROW_DEADLETTER_SEQUENCE);
    made.reason = letter_header(&made, FURROW_DEADLETTER_REASON);
    made.kind = letter_header(&made, FURROW_DEADLETTER_KIND);
    if (!take_entity(&made, arena)) return false;
    *out = made;
    return true;
}

/* An entity by its full name, its short one, or its stream's. */
static bool is_about(const letter *of, const char *entity)
{
    const char *dot = strrchr(of->entity, '.');
    return strcmp(of->entity, entity) == 0 || strcmp(of->stream, entity) == 0 || (dot && strcmp(dot + 1, entity) == 0);
}

static bool is_meant(const letter *of, const letter_choice *choice)
{
    return (!choice->service || strcmp(of->service, choice->service) == 0) &&
           (!choice->entity || is_about(of, choice->entity)) && (!choice->id || strcmp(of->id, choice->id) == 0);
}

/* ---- all of them ---- */

static furrow_status on_letters(void *arg, const furrow_js_stored *messages, size_t count, uint64_t reached,
                                furrow_error *err)
{
    finding *self = arg;
    (void)reached;
    for (size_t i = 0; i < count; i++) {
        letter made;
        if (!take_letter(&messages[i], self->arena, &made) || !is_meant(&made, self->choice)) continue;
        if (self->count == self->capacity) {
            size_t more = self->capacity ? 2 * self->capacity : 64;
            letter *grown = realloc(self->found, more * sizeof *grown);
            if (!grown) return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "out of memory");
            self->found = grown;
            self->capacity = more;
        }
        self->found[self->count++] = made;
    }
    return FURROW_OK;
}

static furrow_status read_account(cli *tool, finding *self, const char *service, furrow_error *err)
{
    furrow_js_stream_state state;
    furrow_status status = letter_turn_to(tool, self->choice->single, FURROW_DEADLETTER_LOG, service, err);
    if (status == FURROW_OK)
        status = furrow_js_stream_info(tool->link, FURROW_DEADLETTER_LOG, furrow_clock_in_ms(ASK_MS), &state, err);
    if (status == FURROW_NOT_FOUND) return furrow_wrap(err, "no stream of dead letters: run `furrow provision`");
    if (status != FURROW_OK || state.messages == 0) return status;
    furrow_js_read_options options = {
        .stream = FURROW_DEADLETTER_LOG, .start_seq = state.first_seq, .end_seq = state.last_seq};
    return furrow_js_read(tool->link, &options, on_letters, self, err);
}

static int by_service_and_age(const void *a, const void *b)
{
    const letter *one = a, *two = b;
    int service = strcmp(one->service, two->service);
    return service ? service : (one->at > two->at) - (one->at < two->at);
}

void letter_find(cli *tool, const letter_choice *choice, furrow_arena *arena, letter **out, size_t *count)
{
    const char *services[CLI_SERVICES_MAX];
    size_t service_count = choice->single ? 1 : cli_services(services);
    finding self = {.choice = choice, .arena = arena};
    for (size_t i = 0; i < service_count; i++) {
        furrow_error err;
        const char *service = choice->single ? NULL : services[i];
        if (service && choice->service && strcmp(service, choice->service) != 0) continue;
        if (read_account(tool, &self, service, &err) != FURROW_OK)
            cli_fail_error(tool, service ? service : "dead letters", &err);
    }
    if (self.count > 0) qsort(self.found, self.count, sizeof *self.found, by_service_and_age);
    *out = self.found;
    *count = self.count;
}

furrow_status letter_get(cli *tool, const char *name, bool single, furrow_arena *arena, letter *out, furrow_error *err)
{
    const char *slash = strchr(name, '/');
    char service[FURROW_ID_MAX + 1];
    uint64_t at = 0;
    furrow_js_stored stored;
    furrow_js_stream_state state;
    if (!slash || !furrow_id_valid(name, (size_t)(slash - name)) ||
        !furrow_number_parse(furrow_bytes_of(slash + 1), UINT64_MAX, &at) || at == 0)
        return furrow_fail(err, FURROW_INVALID_ARGUMENT, "no letter is called so: they are <service>/<number>");
    snprintf(service, sizeof service, "%.*s", (int)(slash - name), name);
    if (!cli_has_service(service))
        return furrow_fail(err, FURROW_INVALID_ARGUMENT, "no contract here has a service %s", service);
    furrow_status status = letter_turn_to(tool, single, FURROW_DEADLETTER_LOG, service, err);
    if (status == FURROW_OK)
        status = furrow_js_get(tool->link, FURROW_DEADLETTER_LOG, at, furrow_clock_in_ms(ASK_MS), arena, &stored, err);
    if (status == FURROW_NOT_FOUND) {
        status = furrow_js_stream_info(tool->link, FURROW_DEADLETTER_LOG, furrow_clock_in_ms(ASK_MS), &state, err);
        if (status != FURROW_OK) return status;
        return at > state.last_seq ? furrow_fail(err, FURROW_INVALID_ARGUMENT, "there has been no such letter yet")
                                   : furrow_fail(err, FURROW_NOT_FOUND, "it is not there any more");
    }
    if (status != FURROW_OK) return status;
    if (!take_letter(&stored, arena, out) || strcmp(out->service, service) != 0)
        return furrow_fail(err, FURROW_INVALID_ARGUMENT, "that is no letter of %s", service);
    return FURROW_OK;
}
