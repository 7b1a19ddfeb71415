/*
 * furrow check: is this mesh as it should be, point by point, and what is to be done where it is not. It looks and changes
 * nothing. A point that is right, wrong, or known for trouble that the mesh need not meet; only what is wrong makes the
 * exit code 1.
 */
#include "cli/check.h"

#include "cli/contracts.h"
#include "cli/health.h"
#include "cli/letter.h"
#include "cli/peer.h"
#include "cli/server.h"
#include "cli/text.h"

#include "base/clock.h"
#include "base/number.h"
#include "log/seal.h"
#include "store/functions.h"
#include "wire/json.h"

#include <inttypes.h>
#include <langinfo.h>
#include <locale.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ARENA_BYTES ((size_t)256 << 20)
#define CONNECT_MS  5000
#define ASK_MS      5000
#define CLOCK_S     2 /* two clocks may differ by, what is asked included */
#define TEXT_BYTES  1024

static void print_verdict(const check *self, check_verdict is, const char *text, const char *todo)
{
    static const char *const signs[] = {"√", "‼", "×"}, *const words[] = {"ok  ", "warn", "FAIL"};
    static const char *const colours[] = {"\x1b[32m", "\x1b[33m", "\x1b[31m"};
    printf("%s%s%s ", self->colours ? colours[is] : "", self->utf8 ? signs[is] : words[is],
           self->colours ? "\x1b[0m" : "");
    text_print(stdout, text);
    if (todo) {
        printf("\n    ");
        text_print(stdout, todo);
    }
    fputc('\n', stdout);
}

void check_tell(check *self, const char *name, check_verdict is, const char *todo, const char *format, ...)
{
    static const char *const states[] = {"ok", "warning", "failed"};
    char text[TEXT_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    self->counts[is]++;
    if (is == CHECK_WRONG) self->tool->exit_code = 1;
    if (!cli_flag(self->tool, "--json")) {
        print_verdict(self, is, text, todo);
        return;
    }
    furrow_buffer line;
    furrow_buffer_init(&line, (size_t)16 << 10);
    furrow_buffer_printf(&line, "{\"check\":\"%s\",\"state\":\"%s\"", name, states[is]);
    text_json(&line, "text", text);
    if (todo) text_json(&line, "todo", todo);
    furrow_buffer_append_text(&line, "}\n");
    if (!line.failed) fwrite(line.data, 1, line.len, stdout);
    furrow_buffer_fini(&line);
}

/* ---- NATS ---- */

static void check_nats_version(check *self)
{
    char version[64], why[200];
    peer_trouble trouble;
    if (!peer_nats_version(self->tool->config.nats_url, version, why)) {
        check_tell(self, "nats-version", CHECK_DOUBTFUL, NULL, "nats-server does not tell its version: %s", why);
        return;
    }
    if (peer_nats_trouble(version, &trouble))
        check_tell(self, "nats-version", trouble.loses ? CHECK_WRONG : CHECK_DOUBTFUL,
                   "run 2.10.27 or later, or the newest 2.12", "nats-server %s: %s", version, trouble.what);
    else
        check_tell(self, "nats-version", CHECK_RIGHT, NULL, "nats-server %s", version);
}

/* False: no more can be looked at. */
static bool check_nats(check *self)
{
    char server[SERVER_TEXT_MAX];
    if (!cli_link(self->tool)) return false;
    server_describe(self->tool, server);
    if (!furrow_link_wait_connected(self->tool->link, furrow_clock_in_ms(CONNECT_MS))) {
        check_tell(self, "nats", CHECK_WRONG, "furrow --help says where it looks; the operator's key opens all",
                   "no NATS at %s: %s", server, furrow_link_last_error(self->tool->link));
        return false;
    }
    check_tell(self, "nats", CHECK_RIGHT, NULL, "NATS answers at %s", server);
    return true;
}

/* ---- Redis ---- */

static furrow_status ask_redis(check *self, const char *const words[], size_t count, furrow_value *out,
                               furrow_error *err)
{
    furrow_bytes argv[8];
    for (size_t i = 0; i < count; i++) argv[i] = furrow_bytes_of(words[i]);
    return furrow_store_command(self->store, argv, count, self->all.arena, out, err);
}

/* The value of "name:value" in what INFO says; false: it is not there. */
static bool find_info(const char *info, const char *name, char out[64])
{
    for (const char *line = info; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        const char *rest = furrow_bytes_after(line, name);
        if (!rest || *rest != ':') continue;
        snprintf(out, 64, "%.*s", (int)strcspn(rest + 1, "\r\n"), rest + 1);
        return true;
    }
    return false;
}

static void check_redis_settings(check *self, const char *info)
{
    char version[64] = "?", policy[64] = "", role[64] = "", append[64] = "0", saved[64] = "ok";
    (void)find_info(info, "redis_version", version);
    (void)find_info(info, "maxmemory_policy", policy);
    (void)find_info(info, "role", role);
    (void)find_info(info, "aof_enabled", append);
    (void)find_info(info, "rdb_last_bgsave_status", saved);
    check_tell(self, "redis-version", version[0] >= '7' || version[1] != '.' ? CHECK_RIGHT : CHECK_WRONG,
               version[0] >= '7' || version[1] != '.' ? NULL : "functions need Redis 7 or later", "Redis %s", version);
    bool keeps = strcmp(policy, "noeviction") == 0;
    check_tell(self, "redis-eviction", keeps ? CHECK_RIGHT : CHECK_WRONG,
               keeps ? NULL : "maxmemory-policy noeviction: what is evicted is missing in answers",
               "maxmemory-policy is %s", policy);
    bool master = strcmp(role, "master") == 0;
    check_tell(self, "redis-role", master ? CHECK_RIGHT : CHECK_WRONG,
               master ? NULL : "FURROW_REDIS_URL must name the one that takes writes", "Redis is %s", role);
    bool lasts = strcmp(append, "1") == 0;
    check_tell(self, "redis-persistence",
               strcmp(saved, "ok") != 0 ? CHECK_WRONG
               : lasts                  ? CHECK_RIGHT
                                        : CHECK_DOUBTFUL,
               strcmp(saved, "ok") != 0 ? "its last save failed: see its log, and the room on its disk"
               : lasts                  ? NULL
                       : "appendonly yes: what Redis still holds is what a log that went back is mended from",
               "append-only file: %s, last save: %s", lasts ? "on" : "off", saved);
}

static void tell_clock(check *self, const char *whose, int64_t apart_s)
{
    check_tell(self, "clock", CHECK_WRONG, "let NTP keep the clocks of all machines: times of records come from them",
               "the clock of %s is %" PRId64 " s %s the one here", whose, apart_s < 0 ? -apart_s : apart_s,
               apart_s < 0 ? "behind" : "ahead of");
}

static bool clocks_differ(int64_t apart_s)
{
    return apart_s > CLOCK_S || apart_s < -CLOCK_S;
}

static void check_redis_clock(check *self)
{
    const char *const words[] = {"TIME"};
    furrow_value time;
    furrow_error err;
    uint64_t theirs_s, ours_s = (uint64_t)furrow_clock_wall_ns() / FURROW_NS_PER_S;
    if (ask_redis(self, words, 1, &time, &err) != FURROW_OK || time.count < 1 ||
        !furrow_number_parse(time.items[0].text, INT64_MAX, &theirs_s)) {
        check_tell(self, "clock", CHECK_DOUBTFUL, "the operator may ask for the time", "Redis does not tell its time");
        return;
    }
    int64_t apart_s = (int64_t)theirs_s - (int64_t)ours_s;
    if (clocks_differ(apart_s))
        tell_clock(self, "Redis", apart_s);
    else
        check_tell(self, "clock", CHECK_RIGHT, NULL, "the clock here is that of Redis, within %d s", CLOCK_S);
}

static void check_functions(check *self)
{
    bool there = false;
    furrow_error err;
    if (furrow_functions_look(self->store, &there, &err) != FURROW_OK)
        check_tell(self, "redis-functions", CHECK_DOUBTFUL, "ask as operator", "functions: %s", err.text);
    else
        check_tell(self, "redis-functions", there ? CHECK_RIGHT : CHECK_WRONG, there ? NULL : "run `furrow provision`",
                   "library of functions %s %s", furrow_functions_library(), there ? "is loaded" : "is missing");
}

/* What Redis says of a record of @owner's: may the user of @service read it? */
static furrow_status ask_redis_right(check *self, const char *service, const char *owner, bool *may, furrow_error *err)
{
    char key[128];
    furrow_value answer;
    snprintf(key, sizeof key, "%s:check", owner);
    furrow_status status =
        ask_redis(self, (const char *const[]){"ACL", "DRYRUN", service, "GET", key}, 5, &answer, err);
    *may = status == FURROW_OK && answer.text.len == 2; /* "OK", or why not */
    return status;
}

/* May each service read its own records, and no other's? */
static void check_redis_rights(check *self)
{
    static const char remedy[] = "furrow permissions --format redis makes Redis's aclfile";
    const char *services[CLI_SERVICES_MAX];
    size_t count = cli_services(services), wrong = 0;
    bool may;
    furrow_error err;
    for (size_t i = 0; i < count; i++) {
        if (ask_redis_right(self, services[i], services[i], &may, &err) != FURROW_OK) {
            bool refused = err.code == FURROW_PERMISSION_DENIED;
            check_tell(self, "redis-permissions", refused ? CHECK_DOUBTFUL : CHECK_WRONG,
                       refused ? "ask as operator" : remedy, "Redis user %s: %s", services[i], err.text);
            wrong++;
            if (refused) return;
            continue;
        }
        if (!may && ++wrong)
            check_tell(self, "redis-permissions", CHECK_WRONG, remedy, "Redis user %s may not read its own records",
                       services[i]);
        for (size_t k = 0; k < count; k++)
            if (k != i && ask_redis_right(self, services[i], services[k], &may, &err) == FURROW_OK && may && ++wrong)
                check_tell(self, "redis-permissions", CHECK_WRONG, remedy, "Redis user %s may read the records of %s",
                           services[i], services[k]);
    }
    if (wrong == 0)
        check_tell(self, "redis-permissions", CHECK_RIGHT, NULL, "each service may use its own records in Redis alone");
}

/* Is the key in the folder the one on record (runtime/sealkey.h)? What an instance was given, its own health says. */
static void check_seal(check *self, const char *service)
{
    char name[128], path[CLI_PATH_MAX], ours[FURROW_SEAL_FINGERPRINT];
    furrow_value there;
    furrow_error err;
    snprintf(name, sizeof name, "%s:@sealkey", service);
    const char *const words[] = {"GET", name};
    if (ask_redis(self, words, 2, &there, &err) != FURROW_OK) {
        check_tell(self, "seal-key", CHECK_DOUBTFUL, "ask as operator", "the sealing key of %s: %s", service, err.text);
        return;
    }
    if (there.kind != FURROW_VALUE_TEXT) {
        check_tell(self, "seal-key", CHECK_DOUBTFUL, "start the service once with FURROW_SEAL_KEY_FILE",
                   "the sealing key of %s is not on record yet", service);
        return;
    }
    if (!self->keys) {
        check_tell(self, "seal-key", CHECK_RIGHT, NULL, "the sealing key of %s is on record", service);
        return;
    }
    cli_key_path(path, self->keys, service, "seal");
    if (furrow_seal_fingerprint_file(path, ours, &err) != FURROW_OK)
        check_tell(self, "seal-key", CHECK_WRONG,
                   "`furrow keys` makes one only where none was ever used: take it from a backup",
                   "the sealing key of %s: %s", service, err.text);
    else if (!furrow_bytes_is(there.text, ours))
        check_tell(self, "seal-key", CHECK_WRONG,
                   "put the key in use there, from a backup: what is private is read with no other",
                   "%s is not the key that private fields of %s are sealed with (%.8s, not %.8s)", path, service, ours,
                   there.text.len >= 8 ? (const char *)there.text.data : "unknown");
    else
        check_tell(self, "seal-key", CHECK_RIGHT, NULL, "%s is the key that private fields of %s are sealed with", path,
                   service);
}

static void check_seals(check *self)
{
    const char *services[CLI_SERVICES_MAX];
    size_t count = cli_services(services);
    for (size_t i = 0; i < count; i++)
        if (cli_seals(services[i])) check_seal(self, services[i]);
}

static void check_redis(check *self)
{
    furrow_error err;
    furrow_value info;
    const char *const words[] = {"INFO"};
    const furrow_config *config = &self->tool->config;
    if (strchr(config->redis_url, ',')) {
        check_tell(self, "redis", CHECK_DOUBTFUL, "check each with its own FURROW_REDIS_URL",
                   "FURROW_REDIS_URL names several");
        return;
    }
    furrow_store_options options = {.url = config->redis_url,
                                    .user = config->redis_user,
                                    .password = config->redis_password,
                                    .provisioning = true,
                                    .timeout_ms = ASK_MS};
    self->store = furrow_store_create(self->tool->loop, &options, &err);
    if (self->store && furrow_store_wait_connected(self->store, furrow_clock_in_ms(CONNECT_MS))) {
        check_tell(self, "redis", CHECK_RIGHT, NULL, "Redis answers");
        if (ask_redis(self, words, 1, &info, &err) == FURROW_OK)
            check_redis_settings(self, (const char *)info.text.data);
        else
            check_tell(self, "redis-settings", CHECK_DOUBTFUL, "ask as operator or inspector", "Redis: %s", err.text);
        check_redis_clock(self);
        check_functions(self);
        check_redis_rights(self);
        check_seals(self);
    } else {
        check_tell(self, "redis", CHECK_WRONG,
                   "FURROW_REDIS_URL says where it is, FURROW_REDIS_USER and _PASSWORD_FILE as whom", "no Redis: %s",
                   self->store ? furrow_store_last_error(self->store) : err.text);
    }
}

/* ---- keys ---- */

static size_t check_key(check *self, const char *folder, const char *user, const char *kind)
{
    char path[CLI_PATH_MAX];
    struct stat file;
    cli_key_path(path, folder, user, kind);
    if (stat(path, &file) != 0) {
        check_tell(self, "keys", CHECK_WRONG, "`furrow keys FOLDER` makes what is missing", "%s is missing", path);
        return 1;
    }
    if ((file.st_mode & 077) == 0) return 0;
    check_tell(self, "keys", CHECK_WRONG, "chmod 600", "%s may be read by others", path);
    return 1;
}

static void check_key_files(check *self)
{
    const char *folder = self->keys;
    const char *services[CLI_SERVICES_MAX];
    size_t count = cli_services(services), wrong = 0;
    for (size_t i = 0; i < count; i++) {
        static const char *const kinds[] = {"nk", "redis", "secret"};
        char log[128];
        snprintf(log, sizeof log, "%s" CLI_LOG_USER, services[i]);
        for (size_t k = 0; k < 3; k++) wrong += check_key(self, folder, services[i], kinds[k]);
        wrong += check_key(self, folder, log, "nk");
        if (cli_seals(services[i])) wrong += check_key(self, folder, services[i], "seal");
    }
    wrong += check_key(self, folder, CLI_OPERATOR, "nk") + check_key(self, folder, CLI_INSPECTOR, "nk");
    if (wrong == 0)
        check_tell(self, "keys", CHECK_RIGHT, NULL, "every user has its keys in %s, readable by one alone", folder);
}

/* ---- the mesh ---- */

/* What it said just now lies between two of our own readings; a second of the way is within what clocks may differ by. */
static void note_clock(check *self, const health_row *row)
{
    int64_t theirs_ms, ours_ms = furrow_clock_wall_ns() / (int64_t)FURROW_NS_PER_MS;
    if (!row->document || !furrow_json_find_int(furrow_bytes_of(row->document), "now_ms", &theirs_ms)) return;
    int64_t apart_ms = theirs_ms - ours_ms, apart_s = (apart_ms + (apart_ms < 0 ? -500 : 500)) / 1000;
    self->clocks++;
    if (!clocks_differ(apart_s)) return;
    char whose[200];
    snprintf(whose, sizeof whose, "%s %s", row->service, row->instance);
    tell_clock(self, whose, apart_s);
    self->wrong_clocks++;
}

static void on_instance(void *arg, const health_row *row)
{
    check *self = arg;
    bool fine = row->serves && !row->why[0];
    check_tell(self, "service",
               fine          ? CHECK_RIGHT
               : row->serves ? CHECK_DOUBTFUL
                             : CHECK_WRONG,
               fine           ? NULL
               : row->answers ? "its log says more"
                              : "start it; or its user may not be asked by this one",
               "%s %s %s%s%s", row->service, row->instance,
               row->serves    ? "serves"
               : row->answers ? "does not serve"
                              : "does not answer",
               row->why[0] ? ": " : "", row->why);
    note_clock(self, row);
}

static void check_log(check *self)
{
    size_t notes = self->all.note_count;
    lineage_read_log(&self->all);
    for (size_t i = notes; i < self->all.note_count; i++)
        check_tell(self, "streams", strstr(self->all.notes[i], "is no replica") ? CHECK_DOUBTFUL : CHECK_WRONG,
                   "`furrow provision`, as operator", "%s", self->all.notes[i]);
    if (self->all.note_count == notes) check_tell(self, "streams", CHECK_RIGHT, NULL, "every entity has its stream");
    for (size_t i = 0; i < self->all.replica_count; i++) {
        const lineage_replica *replica = &self->all.replicas[i];
        bool ready = strcmp(replica->state, "ready") == 0;
        if (!replica->consumer)
            check_tell(self, "consumers", CHECK_WRONG, "`furrow provision` makes it",
                       "%s has no durable consumer of %s", replica->service, replica->entity->name);
        else
            check_tell(self, "lag", ready ? CHECK_RIGHT : CHECK_WRONG,
                       ready ? NULL : "it catches up once its service and Redis are well",
                       "%s keeps %s: %s, %" PRIu64 " events to go", replica->service, replica->entity->name,
                       replica->state[0] ? replica->state : "no answer", replica->pending);
    }
}

static void check_letters(check *self)
{
    letter *letters = NULL;
    letter_choice every = {.single = self->all.single_account};
    size_t count = 0;
    int before = self->tool->exit_code;
    self->tool->exit_code = 0;
    letter_find(self->tool, &every, self->all.arena, &letters, &count);
    bool asked = self->tool->exit_code == 0;
    self->tool->exit_code = before;
    free(letters);
    if (!asked)
        check_tell(self, "dead-letters", CHECK_WRONG, "ask as operator or inspector", "dead letters could not be read");
    else
        check_tell(self, "dead-letters", count > 0 ? CHECK_WRONG : CHECK_RIGHT,
                   count > 0 ? "`furrow deadletter show`, mend the cause, then `furrow deadletter replay`" : NULL,
                   "%zu dead letters", count);
}

static void check_mesh(check *self)
{
    lineage_add_contracts(&self->all);
    lineage_discover(&self->all);
    lineage_ask_health(&self->all);
    for (size_t i = 0; i < self->all.service_count; i++)
        (void)health_each(&self->all, self->all.services[i].name, on_instance, self);
    if (self->clocks > 0 && self->wrong_clocks == 0)
        check_tell(self, "clock", CHECK_RIGHT, NULL, "the clocks of all instances are the one here, within %d s",
                   CLOCK_S);
    check_log(self);
    check_letters(self);
}

static void make_look(check *self)
{
    const char *terminal = getenv("TERM"), *plain = getenv("NO_COLOR");
    setlocale(LC_CTYPE, "");
    self->utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
    self->colours = isatty(STDOUT_FILENO) && !(plain && plain[0]) && terminal && strcmp(terminal, "dumb") != 0;
}

int cli_check(cli *tool)
{
    static check self; /* more than a task's stack likes; the command runs once */
    self = (check){.tool = tool,
                   .keys = cli_option(tool, "--keys"),
                   .all = {.tool = tool, .single_account = cli_flag(tool, "--single-account")}};
    self.all.arena = furrow_arena_create(ARENA_BYTES);
    FURROW_REQUIRE(self.all.arena);
    make_look(&self);
    if (self.keys) check_key_files(&self);
    if (check_nats(&self)) {
        check_nats_version(&self);
        check_mesh(&self);
        if (self.keys) check_nats_rights(&self);
    }
    check_redis(&self);
    if (!cli_flag(tool, "--json"))
        printf("%zu right, %zu doubtful, %zu wrong\n", self.counts[CHECK_RIGHT], self.counts[CHECK_DOUBTFUL],
               self.counts[CHECK_WRONG]);
    if (self.store) furrow_store_destroy(self.store);
    lineage_fini(&self.all);
    return tool->exit_code;
}
