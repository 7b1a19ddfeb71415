/*
 * furrow check: what each user of NATS may do, against what `furrow permissions` derives from the contracts (rights.h).
 * The server is asked as that user, right by right (link/attempt.h), and nothing is done. What a user must not do has no
 * end, so that is tried where rights come from: everybody else's in its account, the steps beside each of its own (another
 * token, one more, without the queue group), and what changes a stream.
 */
#include "cli/check.h"
#include "cli/clients.h"

#include "base/clock.h"
#include "link/attempt.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define POINT      "nats-permissions"
#define SAMPLE     "furrow_check" /* stands for any token */
#define CONNECT_MS 10000
#define LOOK_MS    50
#define TRY_MS     30000
#define SHOWN      3 /* of what is too much */

static const char todo[] =
    "`furrow permissions --format nats --keys FOLDER` makes the accounts of nats.conf; then reload "
    "nats-server";

/* What is asked as one user. */
typedef struct probes {
    furrow_arena *arena;
    const rights_user *user;
    furrow_attempt *tries;
    const char **shown;             /* the right that each of them is a sample of */
    size_t count, needed, capacity; /* the first are needed, the others too much */
} probes;

typedef struct totals {
    size_t users, needed, refused;
    bool wrong;
} totals;

/* ---- subjects ---- */

/* Does @subject, which has no wildcards, fit @pattern up to @end? */
static bool subject_fits(const char *pattern, const char *end, const char *subject)
{
    while (pattern < end) {
        if (*pattern == '>') return *subject != '\0';
        const furrow_bytes token = {subject, strcspn(subject, ".")}, wanted = {pattern, strcspn(pattern, ". ")};
        if (token.len == 0 || (!furrow_bytes_is(wanted, "*") && !furrow_bytes_equal(wanted, token))) return false;
        pattern += wanted.len;
        subject += token.len;
        if (pattern < end && (*pattern++ != '.' || *subject++ != '.')) return false;
    }
    return *subject == '\0';
}

/* A right to a queue group is none to listen without it; the other way round it is. */
static bool is_granted(const rights_list *list, const furrow_attempt *attempt)
{
    for (size_t i = 0; i < list->count; i++) {
        const char *text = list->texts[i], *end = text + strcspn(text, " ");
        bool group = *end == '\0' || (attempt->queue && strcmp(end + 1, attempt->queue) == 0);
        if (group && subject_fits(text, end, attempt->subject)) return true;
    }
    return false;
}

/* @right with a token for each wildcard; a secret one (subject.h) becomes such a token, too, where it is another's. */
static char *sample_subject(furrow_arena *arena, const char *right, bool own)
{
    char out[4 * RIGHTS_TEXT_MAX];
    size_t len = 0;
    for (const char *at = right; *at && *at != ' ';) {
        size_t token = strcspn(at, ". ");
        bool stands = *at == '*' || *at == '>' || (*at == '~' && !own);
        len += (size_t)snprintf(out + len, sizeof out - len, "%.*s%s", stands ? (int)(sizeof SAMPLE - 1) : (int)token,
                                stands ? SAMPLE : at, at[token] == '.' ? "." : "");
        FURROW_REQUIRE(len < sizeof out);
        at += token + (at[token] == '.');
    }
    char *kept = furrow_arena_strdup(arena, out);
    FURROW_REQUIRE(kept);
    return kept;
}

/* As it may be read by anybody. */
static char *hide_secret(furrow_arena *arena, const char *right)
{
    char *shown = furrow_arena_strdup(arena, right), *secret = shown ? strstr(shown, ".~") : NULL;
    FURROW_REQUIRE(shown);
    if (secret && secret[2]) {
        size_t len = strcspn(secret + 2, ".");
        memmove(secret + 2, secret + 2 + len, strlen(secret + 2 + len) + 1);
    }
    return shown;
}

/* ---- what is tried ---- */

static void add_attempt(probes *self, const furrow_attempt *attempt, const char *right)
{
    if (self->count == self->capacity) {
        self->capacity = self->capacity ? 2 * self->capacity : 256;
        self->tries = realloc(self->tries, self->capacity * sizeof *self->tries);
        self->shown = realloc(self->shown, self->capacity * sizeof *self->shown);
        FURROW_REQUIRE(self->tries && self->shown);
    }
    self->tries[self->count] = *attempt;
    self->shown[self->count++] = hide_secret(self->arena, right);
}

static bool is_tried(const probes *self, const furrow_attempt *attempt)
{
    for (size_t i = 0; i < self->count; i++) {
        const furrow_attempt *at = &self->tries[i];
        if (at->publish == attempt->publish && !at->queue == !attempt->queue &&
            strcmp(at->subject, attempt->subject) == 0)
            return true;
    }
    return false;
}

static void try_right(probes *self, const char *right, bool publish, bool own)
{
    const rights_list *list = publish ? &self->user->publish : &self->user->subscribe;
    const char *space = strchr(right, ' ');
    char *queue = space ? furrow_arena_strdup(self->arena, space + 1) : NULL;
    furrow_attempt attempt = {.subject = sample_subject(self->arena, right, own), .queue = queue, .publish = publish};
    if (strlen(attempt.subject) > FURROW_ATTEMPT_MAX || is_tried(self, &attempt)) return;
    if (own || !is_granted(list, &attempt)) add_attempt(self, &attempt, right);
}

/* One step beside @right: each of its tokens another, one more, and without its queue group. */
static void try_beside(probes *self, const char *right, bool publish)
{
    char text[2 * RIGHTS_TEXT_MAX];
    int len = (int)strcspn(right, " ");
    for (const char *at = right; at < right + len;) {
        size_t token = strcspn(at, ". ");
        snprintf(text, sizeof text, "%.*s*%.*s", (int)(at - right), right, (int)(right + len - at - (ptrdiff_t)token),
                 at + token);
        try_right(self, text, publish, false);
        at += token + 1;
    }
    snprintf(text, sizeof text, "%.*s.*", len, right);
    try_right(self, text, publish, false);
    snprintf(text, sizeof text, "%.*s", len, right);
    if (right[len]) try_right(self, text, publish, false);
}

/* What changes a stream, where @user has to do with its API at all. */
static void try_stream(probes *self, const char *api, const char *stream)
{
    static const char *const verbs[] = {
        "STREAM.CREATE.%s",     "STREAM.UPDATE.%s",   "STREAM.DELETE.%s",     "STREAM.PURGE.%s",
        "STREAM.MSG.DELETE.%s", "STREAM.SNAPSHOT.%s", "CONSUMER.CREATE.%s.*", "CONSUMER.DURABLE.CREATE.%s.*",
        "CONSUMER.DELETE.%s.*"};
    bool concerned = false;
    for (size_t i = 0; i < self->user->publish.count && !concerned; i++)
        concerned = furrow_bytes_after(self->user->publish.texts[i], api) != NULL;
    for (size_t i = 0; concerned && i < sizeof verbs / sizeof *verbs; i++) {
        int before = (int)(strstr(verbs[i], "%s") - verbs[i]);
        const char *right =
            furrow_arena_printf(self->arena, "%s%.*s%s%s", api, before, verbs[i], stream, verbs[i] + before + 2);
        FURROW_REQUIRE(right);
        try_right(self, right, true, false);
    }
}

static void try_streams(probes *self)
{
    for (size_t f = 0; f < cli_contract_count; f++)
        for (size_t e = 0; e < cli_contracts[f]->entity_count; e++) {
            const furrow_entity_contract *entity = cli_contracts[f]->entities[e];
            char api[RIGHTS_TEXT_MAX];
            snprintf(api, sizeof api, "$JS.%s.API.", entity->owner);
            try_stream(self, "$JS.API.", entity->stream);
            try_stream(self, api, entity->stream);
        }
}

static void gather_probes(probes *self, const rights_account *account)
{
    const rights_user *user = self->user;
    for (size_t i = 0; i < user->publish.count; i++) try_right(self, user->publish.texts[i], true, true);
    for (size_t i = 0; i < user->subscribe.count; i++) try_right(self, user->subscribe.texts[i], false, true);
    self->needed = self->count;
    try_right(self, ">", true, false);
    try_right(self, ">", false, false);
    for (size_t u = 0; u < account->user_count; u++) {
        const rights_user *other = account->users[u];
        for (size_t i = 0; i < other->publish.count; i++) try_right(self, other->publish.texts[i], true, false);
        for (size_t i = 0; i < other->subscribe.count; i++) try_right(self, other->subscribe.texts[i], false, false);
    }
    try_streams(self);
    for (size_t i = 0; i < user->publish.count; i++) try_beside(self, user->publish.texts[i], true);
    for (size_t i = 0; i < user->subscribe.count; i++) try_beside(self, user->subscribe.texts[i], false);
}

/* ---- what came of it ---- */

static void tell_missing(check *self, const probes *asked, totals *all)
{
    for (size_t i = 0; i < asked->needed; i++) {
        if (asked->tries[i].allowed) continue;
        all->wrong = true;
        check_tell(self, POINT, CHECK_WRONG, todo, "NATS user %s may not %s %s, which the contracts need",
                   asked->user->name, asked->tries[i].publish ? "publish to" : "subscribe to", asked->shown[i]);
    }
}

static void tell_too_much(check *self, const probes *asked, bool publish, totals *all)
{
    const char *list = "";
    size_t found = 0;
    for (size_t i = asked->needed; i < asked->count; i++) {
        if (asked->tries[i].publish != publish) continue;
        if (!asked->tries[i].allowed)
            all->refused++;
        else if (found++ < SHOWN)
            list = furrow_arena_printf(asked->arena, "%s%s%s", list, found > 1 ? ", " : "", asked->shown[i]);
        FURROW_REQUIRE(list);
    }
    if (found == 0) return;
    all->wrong = true;
    if (found > SHOWN) list = furrow_arena_printf(asked->arena, "%s and %zu more", list, found - SHOWN);
    check_tell(self, POINT, CHECK_WRONG, todo, "NATS user %s may %s %s beyond the contracts", asked->user->name,
               publish ? "publish to" : "subscribe to", list);
}

/* Refused, which is told at once, or no connection in time. */
static bool is_let_in(furrow_link *link)
{
    uint64_t deadline = furrow_clock_in_ms(CONNECT_MS);
    while (!furrow_link_wait_connected(link, furrow_clock_in_ms(LOOK_MS)))
        if (strcasestr(furrow_link_last_error(link), "authorization") || furrow_clock_now_ns() >= deadline)
            return false;
    return true;
}

/* As whoever has the key @path. NULL: that is told. */
static furrow_link *connect_as(check *self, const char *user, char *path)
{
    static cli as; /* more than a task's stack likes; one at a time */
    char inbox[CLI_INBOX_MAX];
    furrow_error err;
    as = *self->tool;
    as.config.nats_nkey = path;
    as.config.nats_creds = as.config.nats_user = as.config.nats_password = as.config.nats_inbox = NULL;
    furrow_link_options options = cli_link_options(&as, inbox);
    furrow_link *link = furrow_link_create(self->tool->loop, &options, &err);
    if (link && is_let_in(link)) return link;
    check_tell(self, POINT, CHECK_WRONG, todo, "NATS does not let in %s (key %s): %s", user, path,
               link ? furrow_link_last_error(link) : err.text);
    if (link) furrow_link_destroy(link);
    return NULL;
}

static void check_user(check *self, const rights_account *account, const rights_user *user, totals *all)
{
    char path[CLI_PATH_MAX];
    furrow_error err;
    cli_key_path(path, self->keys, user->name, "nk");
    if (access(path, F_OK) != 0) return; /* who must have one has been told */
    furrow_link *link = connect_as(self, user->name, path);
    all->users++;
    all->wrong |= !link;
    if (!link) return;
    probes asked = {.user = user, .arena = furrow_arena_create(0)};
    FURROW_REQUIRE(asked.arena);
    gather_probes(&asked, account);
    all->needed += asked.needed;
    if (furrow_attempt_all(link, asked.tries, asked.count, furrow_clock_in_ms(TRY_MS), &err) == FURROW_OK) {
        tell_missing(self, &asked, all);
        tell_too_much(self, &asked, true, all);
        tell_too_much(self, &asked, false, all);
    } else {
        all->wrong = true;
        check_tell(self, POINT, CHECK_WRONG, "run it again", "what %s may do in NATS: %s", user->name, err.text);
    }
    free(asked.tries);
    free(asked.shown);
    furrow_arena_destroy(asked.arena);
    furrow_link_destroy(link);
}

void check_nats_rights(check *self)
{
    static clients list; /* more than a task's stack likes; the command runs once */
    totals all = {.users = 0};
    furrow_error err;
    rights *contracts = NULL;
    if (!clients_find(self->tool, self->keys, &list))
        check_tell(self, POINT, CHECK_WRONG, "mend the folder of keys", "not compared with the contracts");
    else if (!(contracts = rights_make(list.all, list.count, self->all.single_account, &err)))
        check_tell(self, POINT, CHECK_WRONG, "FURROW_CONTRACTS names what is missing", "%s", err.text);
    for (size_t a = 0; contracts && a < contracts->account_count; a++)
        for (size_t u = 0; u < contracts->accounts[a]->user_count; u++)
            check_user(self, contracts->accounts[a], contracts->accounts[a]->users[u], &all);
    if (contracts && !all.wrong)
        check_tell(self, POINT, CHECK_RIGHT, NULL,
                   "%zu users of NATS have the %zu rights that contracts need, and are refused %zu others", all.users,
                   all.needed, all.refused);
    rights_destroy(contracts);
    clients_fini(&list);
}
