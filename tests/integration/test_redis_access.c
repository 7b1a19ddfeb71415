/*
 * What each user may do in Redis, tried by execution: every command that the server knows, on the user's own key and on
 * another's. What passes is held to a table, so a right that is added by accident, or a server that knows a new
 * command, shows here.
 */
#include "base/bytes.h"
#include "store/functions.h"
#include "support/farm.h"
#include "support/tempdir.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ARGUMENTS = 24 };

/* Without a key, so nobody's. AUTH, HELLO, QUIT and RESET are for everybody: Redis asks no right for them. */
#define KEYLESS "auth hello info ping quit reset select "

static const struct {
    const char *user, *own, *passes; /* in the order of the alphabet */
} users[] = {
    {"employee", "employee:{x}:1",
     "auth expire fcall get hdel hello hget hmget hscan hset hsetnx info llen lrange ltrim mget mset ping quit reset "
     "rpush "
     "select set unlink zadd zcard zrange zrangebylex zrangebyscore zrem "},
    {"location", "location:{x}:1",
     "auth expire fcall get hdel hello hget hmget hscan hset hsetnx info llen lrange ltrim mget mset ping quit reset "
     "rpush "
     "select set unlink zadd zcard zrange zrangebylex zrangebyscore zrem "},
    {"job", "job:{x}:1",
     "auth expire fcall get hdel hello hget hmget hscan hset hsetnx info llen lrange ltrim mget mset ping quit reset "
     "rpush "
     "select set unlink zadd zcard zrange zrangebylex zrangebyscore zrem "},
    {"timesheet", "timesheet:{x}:1",
     "auth expire fcall get hdel hello hget hmget hscan hset hsetnx info llen lrange ltrim mget mset ping quit reset "
     "rpush "
     "select set unlink zadd zcard zrange zrangebylex zrangebyscore zrem "},
    {"inspector", "location:{x}:1",
     "auth exists get hello hget hlen hmget info llen lrange mget ping pttl quit reset select strlen ttl type zcard "
     "zscore "},
};

static furrow_store *open_as(farm *f, const char *user)
{
    furrow_error err;
    char *password = furrow_test_read_file(farm_text(f, "%s/%s.redis", f->keys, user));
    password[strcspn(password, "\r\n")] = '\0';
    furrow_store *store = furrow_store_create(f->loop,
                                              &(furrow_store_options){.url = furrow_test_server_url(f->redis),
                                                                      .user = user,
                                                                      .password = password,
                                                                      .provisioning = true,
                                                                      .reconnect_min_ms = 1,
                                                                      .reconnect_max_ms = 5},
                                              &err);
    free(password);
    ck_assert_msg(store != NULL, "%s", err.text);
    ck_assert_msg(furrow_store_wait_connected(store, farm_within_ms(FARM_PATIENCE_MS)), "%s: %s", user,
                  furrow_store_last_error(store));
    return store;
}

typedef struct attempt {
    furrow_bytes words[ARGUMENTS];
    size_t count;
} attempt;

/* "config|get" is two words; then @key as often as the command wants arguments. */
static attempt make_attempt(farm *f, const char *name, int64_t arity, const char *key)
{
    attempt made = {.count = 0};
    char *copy = farm_text(f, "%s", name), *rest = NULL;
    for (char *word = strtok_r(copy, "|", &rest); word; word = strtok_r(NULL, "|", &rest))
        made.words[made.count++] = furrow_bytes_of(word);
    size_t wanted = (size_t)(arity < 0 ? -arity : arity);
    while (made.count < wanted && made.count < ARGUMENTS) made.words[made.count++] = furrow_bytes_of(key);
    if (strcmp(name, "fcall") == 0 || strcmp(name, "fcall_ro") == 0) {
        made.words[1] = furrow_bytes_of(farm_text(f, "%s_lease", furrow_functions_library()));
        made.words[2] = furrow_bytes_of("1");
        made.words[3] = furrow_bytes_of(key);
        made.count = 4;
    }
    return made;
}

/*
 * Anything but a refusal counts as passing, wrong arguments included. EXEC has a code of its own for it, and some
 * commands are refused to everybody before anybody's rights are looked at.
 */
static bool passes(farm *f, furrow_store *store, const attempt *what)
{
    furrow_error err = {0};
    furrow_value value;
    ck_assert(furrow_store_wait_connected(store, farm_within_ms(FARM_PATIENCE_MS)));
    furrow_status status = furrow_store_command(store, what->words, what->count, f->arena, &value, &err);
    return status != FURROW_PERMISSION_DENIED && !strstr(err.text, "NOPERM") &&
           !strstr(err.text, "command not allowed");
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

typedef struct command {
    const char *name;
    int64_t arity;
    bool everybodys; /* would change or end the connection that tries it */
} command;

enum { COMMANDS_MAX = 1000 };

static size_t take_command(const furrow_value *described, command commands[], size_t count)
{
    const furrow_value *fields = described->items;
    bool everybodys = false;
    for (size_t i = 0; i < fields[2].count; i++) everybodys |= strcmp(fields[2].items[i].text.data, "no_auth") == 0;
    size_t parts = described->count > 9 ? fields[9].count : 0;
    for (size_t i = 0; i < parts; i++) count = take_command(&fields[9].items[i], commands, count);
    ck_assert_uint_lt(count, COMMANDS_MAX);
    /* One that has subcommands is nothing without them. */
    if (parts == 0) commands[count++] = (command){fields[0].text.data, fields[1].integer, everybodys};
    return count;
}

/* All that the server knows, subcommands included. */
static size_t list_commands(farm *f, command commands[])
{
    furrow_error err;
    furrow_value list;
    size_t count = 0;
    furrow_store *store = open_as(f, "operator");
    ck_assert_int_eq(furrow_store_command(store, &FURROW_BYTES_LITERAL("COMMAND"), 1, f->arena, &list, &err),
                     FURROW_OK);
    for (size_t i = 0; i < list.count; i++) count = take_command(&list.items[i], commands, count);
    ck_assert_uint_gt(count, 300);
    furrow_store_destroy(store);
    return count;
}

static const char *what_passes(farm *f, const char *user, const char *key, const command commands[], size_t count)
{
    static const char *names[COMMANDS_MAX];
    size_t passing = 0;
    furrow_store *store = open_as(f, user);
    for (size_t i = 0; i < count; i++) {
        attempt what = make_attempt(f, commands[i].name, commands[i].arity, key);
        if (commands[i].everybodys || passes(f, store, &what)) names[passing++] = commands[i].name;
    }
    qsort(names, passing, sizeof *names, compare_names);
    char *joined = farm_text(f, "%s", "");
    for (size_t i = 0; i < passing; i++) joined = farm_text(f, "%s%s ", joined, names[i]);
    furrow_store_destroy(store);
    return joined;
}

static void every_command(farm *f)
{
    static command commands[COMMANDS_MAX];
    farm_provision(f);
    size_t count = list_commands(f, commands);
    for (size_t i = 0; i < sizeof users / sizeof *users; i++) {
        ck_assert_str_eq(what_passes(f, users[i].user, users[i].own, commands, count), users[i].passes);
        if (strcmp(users[i].user, "inspector") == 0) continue; /* reads all */
        ck_assert_str_eq(what_passes(f, users[i].user, "other:{x}:1", commands, count), KEYLESS);
        const char *next = users[(i + 1) % 4].own;
        ck_assert_str_eq(what_passes(f, users[i].user, next, commands, count), KEYLESS);
    }
}

START_TEST(of_all_commands_exactly_those_of_the_table_pass)
{
    farm_run(every_command);
}
END_TEST

static furrow_status ask(farm *f, furrow_store *store, const char *const words[], furrow_error *err)
{
    furrow_bytes argv[ARGUMENTS];
    furrow_value value;
    size_t argc = 0;
    while (words[argc]) argv[argc] = furrow_bytes_of(words[argc]), argc++;
    return furrow_store_command(store, argv, argc, f->arena, &value, err);
}

/* What would take Redis away from everybody, or show what is somebody's. */
static void nothing_endless(farm *f)
{
    static const char *const tries[][6] = {
        {"EVAL", "while true do end", "0"},
        {"EVAL_RO", "while true do end", "0"},
        {"SCRIPT", "LOAD", "while true do end"},
        {"FUNCTION", "LOAD",
         "#!lua name=endless\nredis.register_function('endless', function() while true do end end)"},
        {"FUNCTION", "FLUSH"},
        {"FUNCTION", "DELETE", "furrow"},
        {"FUNCTION", "KILL"},
        {"CLIENT", "PAUSE", "10000"},
        {"SCAN", "0"},
        {"KEYS", "*"},
        {"RANDOMKEY"},
        {"DBSIZE"},
        {"OBJECT", "ENCODING", "location:{x}:1"},
        {"MEMORY", "USAGE", "location:{x}:1"},
        {"SLOWLOG", "GET"},
        {"MONITOR"},
        {"CLIENT", "LIST"},
        {"ACL", "LOG"},
        {"SORT", "employee:{x}:1", "BY", "location:*"},
        {"PSUBSCRIBE", "__key*"},
        {"MULTI"},
    };
    farm_provision(f);
    for (size_t u = 0; u < 4; u++) {
        furrow_store *store = open_as(f, users[u].user);
        for (size_t i = 0; i < sizeof tries / sizeof *tries; i++) {
            furrow_error err = {0};
            furrow_status status = ask(f, store, tries[i], &err);
            ck_assert_msg(status == FURROW_PERMISSION_DENIED, "%s: %s %s: %s", users[u].user, tries[i][0],
                          tries[i][1] ? tries[i][1] : "", err.text);
        }
        furrow_store_destroy(store);
    }
}

START_TEST(no_service_stops_redis_or_sees_the_names_of_keys)
{
    farm_run(nothing_endless);
}
END_TEST

/* INFO is the one command that speaks of Redis as a whole: numbers, no names. */
static void no_names_in_info(farm *f)
{
    furrow_error err = {0};
    furrow_value info;
    farm_provision(f);
    furrow_store *secretive = open_as(f, "location"), *curious = open_as(f, "employee");
    const char *const set[] = {"SET", "location:{hidden-entity}:hidden-name", "1", NULL};
    ck_assert_int_eq(ask(f, secretive, set, &err), FURROW_OK);
    const furrow_bytes argv[] = {FURROW_BYTES_LITERAL("INFO"), FURROW_BYTES_LITERAL("everything")};
    ck_assert_int_eq(furrow_store_command(curious, argv, 2, f->arena, &info, &err), FURROW_OK);
    ck_assert_ptr_null(strstr(info.text.data, "hidden"));
    furrow_store_destroy(secretive);
    furrow_store_destroy(curious);
}

START_TEST(what_info_tells_has_no_names_of_keys)
{
    farm_run(no_names_in_info);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("redis access");
    TCase *tests = tcase_create("redis access");
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, of_all_commands_exactly_those_of_the_table_pass);
    tcase_add_test(tests, no_service_stops_redis_or_sees_the_names_of_keys);
    tcase_add_test(tests, what_info_tells_has_no_names_of_keys);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
