/*
 * furrow deadletter: looks at what services could not apply, and settles it. `replay` asks the service itself, which
 * applies the newest state by its ordinary way; only when it has answered OK is the letter taken away. So nothing is lost
 * whatever fails in between, and doing it twice, or two at once, does no more than once.
 */
#include "cli/cli.h"
#include "cli/contracts.h"
#include "cli/letter.h"
#include "cli/replay.h"
#include "cli/text.h"

#include "base/buffer.h"
#include "base/clock.h"
#include "link/deadletter.h"
#include "wire/json.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define ASK_MS       7000 /* the service gives up before */
#define ARENA_BYTES  ((size_t)4 << 30)
#define LINE_BYTES   ((size_t)1 << 20)
#define REASON_SHOWN 100
#define TRIES        20 /* while as many replays run as may */
#define AGAIN_MS     100

typedef struct options {
    letter_choice choice;
    bool all, json, dry_run;
} options;

/* How a letter ended. */
typedef struct outcome {
    const char *word; /* "replayed", "discarded", "gone already"; NULL: it failed */
    uint64_t version; /* that is applied now; 0: none */
    furrow_error err;
} outcome;

typedef outcome settle_fn(cli *tool, const options *with, const letter *what);

/* ---- output ---- */

static void json_name(furrow_buffer *out, const char *service, uint64_t at)
{
    furrow_buffer_printf(out, "{\"letter\":\"%s/%" PRIu64 "\"", service, at);
}

static void end_json(furrow_buffer *out)
{
    furrow_buffer_append_text(out, "}\n");
    if (!out->failed) fwrite(out->data, 1, out->len, stdout);
    furrow_buffer_fini(out);
}

static void print_letter_json(const letter *what)
{
    furrow_buffer out;
    char time[TEXT_TIME_SIZE];
    text_time(what->time_ns, time);
    furrow_buffer_init(&out, LINE_BYTES);
    json_name(&out, what->service, what->at);
    text_json(&out, "service", what->service);
    text_json(&out, "time", time);
    text_json(&out, "kind", what->kind);
    text_json(&out, "stream", what->stream);
    text_json(&out, "entity", what->entity);
    text_json(&out, "id", what->id);
    text_json(&out, "sequence", what->sequence);
    text_json(&out, "reason", what->reason);
    furrow_buffer_append_text(&out, ",\"headers\":{");
    for (size_t i = 0; i < what->header_count; i++) {
        if (i > 0) furrow_buffer_append_byte(&out, ',');
        furrow_json_append_string(&out, furrow_bytes_of(what->headers[i].name));
        furrow_buffer_append_byte(&out, ':');
        furrow_json_append_string(&out, furrow_bytes_of(what->headers[i].value));
    }
    furrow_buffer_append_byte(&out, '}');
    end_json(&out);
}

static void print_letter_line(const letter *what)
{
    char name[96], time[TEXT_TIME_SIZE], reason[REASON_SHOWN + 1];
    snprintf(name, sizeof name, "%s/%" PRIu64, what->service, what->at);
    snprintf(reason, sizeof reason, "%s", what->reason);
    text_time(what->time_ns, time);
    printf("%-16s %s  %-8s ", name, time, what->kind);
    text_print(stdout, what->subject);
    printf(" @");
    text_print(stdout, what->sequence);
    printf("  ");
    text_print(stdout, reason);
    printf("%s\n", strlen(what->reason) > REASON_SHOWN ? "…" : "");
}

/* ---- list, show ---- */

static int list(cli *tool, const options *with)
{
    letter *letters;
    size_t count;
    FURROW_AUTO(furrow_arena) arena = furrow_arena_create(ARENA_BYTES);
    if (!arena) return cli_fail(tool, 1, "out of memory");
    letter_find(tool, &with->choice, arena, &letters, &count);
    for (size_t i = 0; i < count; i++) with->json ? print_letter_json(&letters[i]) : print_letter_line(&letters[i]);
    if (!with->json && tool->exit_code == 0) printf("%zu dead letters\n", count);
    free(letters);
    return tool->exit_code;
}

/* What a replay would apply. */
static void print_newest(cli *tool, const options *with, const letter *what)
{
    furrow_error err;
    furrow_js_stored newest;
    const furrow_entity_contract *entity = cli_find_stream(what->stream);
    FURROW_AUTO(furrow_arena) arena = furrow_arena_create(ARENA_BYTES);
    if (!arena || !entity) return;
    furrow_status status = letter_turn_to(tool, with->choice.single, entity->stream, entity->owner, &err);
    if (status == FURROW_OK)
        status = furrow_js_get_last(tool->link, entity->stream, what->subject, furrow_clock_in_ms(ASK_MS), arena,
                                    &newest, &err);
    if (status == FURROW_OK)
        printf("newest state   %" PRIu64 "%s\n", newest.sequence, newest.data.len == 0 ? ", a deletion" : "");
    else if (status == FURROW_NOT_FOUND || status == FURROW_INVALID_ARGUMENT)
        printf("newest state   none: there is nothing to replay\n");
    else
        cli_fail_error(tool, "newest state", &err);
}

static void print_letter_whole(cli *tool, const options *with, const letter *what)
{
    char time[TEXT_TIME_SIZE];
    const struct {
        const char *name, *text;
    } lines[] = {{"kind", what->kind},
                 {"reason", what->reason},
                 {"stream", what->stream},
                 {"subject", what->subject},
                 {"sequence", what->sequence}};
    text_time(what->time_ns, time);
    printf("letter         %s/%" PRIu64 "\ntime           %s\n", what->service, what->at, time);
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        printf("%-14s ", lines[i].name);
        text_print(stdout, lines[i].text);
        printf("\n");
    }
    print_newest(tool, with, what);
    for (size_t i = 0; i < what->header_count; i++) {
        printf("  ");
        text_print(stdout, what->headers[i].name);
        printf(": ");
        text_print(stdout, what->headers[i].value);
        printf("\n");
    }
}

static int show(cli *tool, const options *with)
{
    FURROW_AUTO(furrow_arena) arena = furrow_arena_create(ARENA_BYTES);
    if (!arena) return cli_fail(tool, 1, "out of memory");
    for (int i = 0; i < tool->argc; i++) {
        letter found;
        furrow_error err;
        if (letter_get(tool, tool->argv[i], with->choice.single, arena, &found, &err) != FURROW_OK)
            cli_fail_error(tool, tool->argv[i], &err);
        else if (with->json)
            print_letter_json(&found);
        else
            print_letter_whole(tool, with, &found);
    }
    return tool->exit_code;
}

/* ---- replay, discard ---- */

static furrow_status take_away(cli *tool, const options *with, const letter *what, bool *was_there, furrow_error *err)
{
    furrow_status status = letter_turn_to(tool, with->choice.single, FURROW_DEADLETTER_LOG, what->service, err);
    return status == FURROW_OK
               ? furrow_deadletter_remove(tool->link, what->at, furrow_clock_in_ms(ASK_MS), was_there, err)
               : status;
}

static outcome discard_one(cli *tool, const options *with, const letter *what)
{
    outcome end = {.word = with->dry_run ? "would be discarded" : NULL};
    bool was_there;
    if (with->dry_run) return end;
    if (take_away(tool, with, what, &was_there, &end.err) == FURROW_OK)
        end.word = was_there ? "discarded" : "gone already";
    return end;
}

/* The service applies it; while it is at as many as it may, again. */
static furrow_status ask_service(cli *tool, const letter *what, uint64_t *version, furrow_error *err)
{
    furrow_status status = FURROW_RESOURCE_EXHAUSTED;
    bool reaction = strcmp(what->kind, FURROW_DEADLETTER_REACTION) == 0;
    replay_request ask = {.service = what->service, .stream = what->stream, .subject = what->subject};
    ask.kind = reaction ? FURROW_DEADLETTER_REACTION : "event";
    for (int i = 0; status == FURROW_RESOURCE_EXHAUSTED && i < TRIES; i++) {
        if (i > 0) furrow_task_sleep_ms(AGAIN_MS);
        status = replay_ask(tool, &ask, err);
    }
    *version = ask.version;
    return status;
}

static outcome replay_one(cli *tool, const options *with, const letter *what)
{
    outcome end = {.word = with->dry_run ? "would be replayed" : NULL};
    bool was_there;
    if (with->dry_run) return end;
    if (ask_service(tool, what, &end.version, &end.err) != FURROW_OK) return end;
    if (take_away(tool, with, what, &was_there, &end.err) == FURROW_OK) end.word = "replayed";
    return end;
}

static void print_outcome(cli *tool, const options *with, const char *name, const outcome *end)
{
    if (with->json) {
        furrow_buffer out;
        furrow_buffer_init(&out, LINE_BYTES);
        furrow_buffer_append_text(&out, "{\"letter\":");
        furrow_json_append_string(&out, furrow_bytes_of(name));
        text_json(&out, "outcome", end->word ? end->word : "failed");
        if (end->word && end->version) furrow_buffer_printf(&out, ",\"version\":\"%" PRIu64 "\"", end->version);
        if (!end->word) text_json(&out, "code", furrow_status_name(end->err.code));
        if (!end->word) text_json(&out, "error", end->err.text);
        end_json(&out);
        if (!end->word) tool->exit_code = 1;
    } else if (end->word && end->version) {
        printf("%s %s: version %" PRIu64 " is applied\n", name, end->word, end->version);
    } else if (end->word) {
        printf("%s %s\n", name, end->word);
    } else {
        cli_fail_error(tool, name, &end->err);
    }
}

static void settle_named(cli *tool, const options *with, settle_fn *settle)
{
    FURROW_AUTO(furrow_arena) arena = furrow_arena_create(ARENA_BYTES);
    for (int i = 0; arena && i < tool->argc; i++) {
        letter found;
        outcome end = {.word = NULL};
        furrow_status status = letter_get(tool, tool->argv[i], with->choice.single, arena, &found, &end.err);
        if (status == FURROW_OK)
            end = settle(tool, with, &found);
        else if (status == FURROW_NOT_FOUND)
            end.word = "gone already";
        print_outcome(tool, with, tool->argv[i], &end);
        furrow_arena_reset(arena);
    }
}

static void settle_chosen(cli *tool, const options *with, settle_fn *settle)
{
    letter *letters;
    size_t count, failed = 0;
    FURROW_AUTO(furrow_arena) arena = furrow_arena_create(ARENA_BYTES);
    if (!arena) {
        cli_fail(tool, 1, "out of memory");
        return;
    }
    letter_find(tool, &with->choice, arena, &letters, &count);
    for (size_t i = 0; i < count; i++) {
        char name[96];
        snprintf(name, sizeof name, "%s/%" PRIu64, letters[i].service, letters[i].at);
        outcome end = settle(tool, with, &letters[i]);
        failed += end.word == NULL;
        print_outcome(tool, with, name, &end);
    }
    if (!with->json)
        printf("%zu %s, %zu failed\n", count - failed, with->dry_run ? "would be settled" : "settled", failed);
    free(letters);
}

static bool has_choice(const options *with)
{
    return with->choice.service || with->choice.entity || with->choice.id || with->all;
}

/* What was given; not every command has all of it. */
static options take_choice(cli *tool, bool chooses)
{
    options with = {.choice = {.single = cli_flag(tool, "--single-account")}, .json = cli_flag(tool, "--json")};
    if (!chooses) return with;
    with.choice.service = cli_option(tool, "--service");
    with.choice.entity = cli_option(tool, "--entity");
    with.choice.id = cli_option(tool, "--id");
    with.all = cli_flag(tool, "--all");
    return with;
}

/* Wrong usage is told before anything is asked. */
static bool is_service_known(cli *tool, const options *with)
{
    if (!with->choice.service || cli_has_service(with->choice.service)) return true;
    cli_fail(tool, 2, "no contract here has a service %s (FURROW_CONTRACTS adds some)", with->choice.service);
    return false;
}

int cli_deadletter_list(cli *tool)
{
    options with = take_choice(tool, true);
    return is_service_known(tool, &with) && cli_connect(tool) ? list(tool, &with) : tool->exit_code;
}

int cli_deadletter_show(cli *tool)
{
    options with = take_choice(tool, false);
    return cli_connect(tool) ? show(tool, &with) : tool->exit_code;
}

/* Letters are named or chosen, not both. */
static int settle_letters(cli *tool, settle_fn *one)
{
    options with = take_choice(tool, true);
    bool choosing = has_choice(&with);
    with.dry_run = cli_flag(tool, "--dry-run");
    if (!cli_arguments(tool, choosing ? 0 : 1, choosing ? 0 : CLI_MANY) || !is_service_known(tool, &with) ||
        !cli_connect(tool))
        return tool->exit_code;
    if (choosing)
        settle_chosen(tool, &with, one);
    else
        settle_named(tool, &with, one);
    return tool->exit_code;
}

int cli_deadletter_replay(cli *tool)
{
    return settle_letters(tool, replay_one);
}

int cli_deadletter_discard(cli *tool)
{
    return settle_letters(tool, discard_one);
}
