/*
 * furrow permissions: what every user of the mesh may do, derived from the contracts and from nothing else, as JSON, as
 * the accounts of a nats.conf, or as Redis's ACL file. A service may take requests for its own methods, write its own
 * entities, and read those streams that it owns or keeps a replica of, each through its own consumers.
 */
#include "cli/cli.h"
#include "cli/contracts.h"

#include "link/nkey.h"
#include "wire/subject.h"

#include <errno.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GRANT_MAX    (2 * FURROW_SUBJECT_MAX)
#define PASSWORD_MAX 256
#define RESPONSES    "10m" /* longer than any deadline (FURROW_TIMEOUT_MS) */

/*
 * What common/store uses, by itself and inside of its functions, which run with the caller's rights: each on keys that
 * it names. Nothing that loads or evaluates code, blocks, or tells the name of a key.
 */
#define REDIS_COMMANDS                                                                                                 \
    "-@all +auth +select +info +ping +fcall +get +mget +set +mset +unlink +hget +hmget +hset +hsetnx +hdel +hscan "    \
    "+llen +lrange +ltrim +rpush +zadd +zrem +zrangebylex"

/* Each is done in a moment, whatever is asked; what walks through the names of all keys or a whole value is not. */
#define REDIS_READS                                                                                                    \
    "-@all +auth +select +info +ping +get +mget +strlen +exists +type +ttl +pttl +hget +hmget +hlen +llen +lrange "    \
    "+zcard +zscore"

typedef struct grants {
    char (*texts)[GRANT_MAX];
    size_t count, capacity;
} grants;

typedef struct user {
    const char *name;
    grants publish, subscribe;
    bool responds;
    const char *redis_keys, *redis_commands; /* NULL: no user of Redis */
} user;

static void grant(grants *all, const char *format, ...) FURROW_PRINTF(2, 3);
static void grant(grants *all, const char *format, ...)
{
    char text[GRANT_MAX];
    va_list arguments;
    va_start(arguments, format);
    FURROW_REQUIRE(vsnprintf(text, sizeof text, format, arguments) < (int)sizeof text);
    va_end(arguments);
    for (size_t i = 0; i < all->count; i++)
        if (strcmp(all->texts[i], text) == 0) return;
    if (all->count == all->capacity) {
        all->capacity = all->capacity ? 2 * all->capacity : 32;
        all->texts = realloc(all->texts, all->capacity * sizeof *all->texts);
        FURROW_REQUIRE(all->texts);
    }
    memcpy(all->texts[all->count++], text, sizeof text);
}

/* What a service does with a stream that it owns or replicates: its durable, the side reader (MSG.GET), its dead
 * letters. */
static void grant_stream(user *who, const char *stream)
{
    const char *service = who->name;
    grants *publish = &who->publish;
    grant(publish, "$JS.API.STREAM.INFO.%s", stream);
    grant(publish, "$JS.API.STREAM.MSG.GET.%s", stream);
    grant(publish, "$JS.API.CONSUMER.INFO.%s.%s", stream, service);
    grant(publish, "$JS.API.CONSUMER.MSG.NEXT.%s.%s", stream, service);
    grant(publish, "$JS.ACK.%s.%s.>", stream, service);
    grant(publish, "$JS.ACK.*.*.%s.%s.>", stream, service); /* as servers from 2.14 on may write it */
    grant(publish, "deadletter.%s.%s", service, stream);
}

static void grant_contract(user *who, const furrow_file_contract *file)
{
    for (size_t i = 0; i < file->service_count; i++)
        if (strcmp(file->services[i]->short_name, who->name) == 0)
            grant(&who->subscribe, "%s.* %s", file->services[i]->name, who->name);
    for (size_t i = 0; i < file->entity_count; i++)
        if (strcmp(file->entities[i]->owner, who->name) == 0) {
            grant(&who->publish, "%s", file->entities[i]->subjects);
            grant_stream(who, file->entities[i]->stream);
        }
    for (size_t i = 0; i < file->replica_count; i++)
        if (strcmp(file->replicas[i]->service, who->name) == 0) grant_stream(who, file->replicas[i]->stream);
}

static user service_user(const char *name)
{
    static const char *const verbs[] = {"PING", "INFO", "STATS"};
    user who = {.name = name, .responds = true, .redis_commands = REDIS_COMMANDS};
    for (size_t f = 0; f < cli_contract_count; f++) grant_contract(&who, cli_contracts[f]);
    grant(&who.publish, "furrow.v1.Health.%s.*", name); /* its own probes */
    grant(&who.subscribe, "_INBOX_%s.>", name);
    for (size_t v = 0; v < sizeof verbs / sizeof *verbs; v++) {
        grant(&who.subscribe, "$SRV.%s", verbs[v]);
        grant(&who.subscribe, "$SRV.%s.%s", verbs[v], name);
        grant(&who.subscribe, "$SRV.%s.%s.*", verbs[v], name);
    }
    grant(&who.subscribe, "furrow.v1.Health.%s %s", name, name);
    grant(&who.subscribe, "furrow.v1.Health.%s.*", name);
    return who;
}

static user operator_user(void)
{
    user who = {.name = CLI_OPERATOR, .redis_keys = "~* &*", .redis_commands = "+@all"};
    grant(&who.publish, ">");
    grant(&who.subscribe, ">");
    return who;
}

static user inspector_user(void)
{
    static const char *const reads[] = {
        "INFO",         "STREAM.NAMES",     "STREAM.LIST",     "STREAM.INFO.*",    "STREAM.MSG.GET.*",
        "DIRECT.GET.>", "CONSUMER.NAMES.*", "CONSUMER.LIST.*", "CONSUMER.INFO.*.*"};
    user who = {.name = CLI_INSPECTOR, .redis_keys = "%R~*", .redis_commands = REDIS_READS};
    grant(&who.publish, "$SRV.>");
    grant(&who.publish, "furrow.v1.Health.>");
    for (size_t i = 0; i < sizeof reads / sizeof *reads; i++) grant(&who.publish, "$JS.API.%s", reads[i]);
    grant(&who.subscribe, "_INBOX_" CLI_INSPECTOR ".>");
    grant(&who.subscribe, "$JS.EVENT.ADVISORY.>");
    grant(&who.subscribe, "deadletter.>");
    for (size_t f = 0; f < cli_contract_count; f++)
        for (size_t i = 0; i < cli_contracts[f]->entity_count; i++)
            grant(&who.subscribe, "%s", cli_contracts[f]->entities[i]->subjects);
    return who;
}

static user client_user(void)
{
    user who = {.name = CLI_CLIENT};
    grant(&who.publish, "$SRV.>");
    grant(&who.publish, "furrow.v1.Health.>");
    grant(&who.subscribe, "_INBOX_" CLI_CLIENT ".>");
    for (size_t f = 0; f < cli_contract_count; f++)
        for (size_t s = 0; s < cli_contracts[f]->service_count; s++) {
            const furrow_service_contract *service = cli_contracts[f]->services[s];
            for (size_t m = 0; m < service->method_count; m++)
                if (!service->methods[m].restricted) grant(&who.publish, "%s", service->methods[m].subject);
        }
    return who;
}

static void print_list(FILE *out, const grants *all, const char *indent)
{
    fprintf(out, "[");
    for (size_t i = 0; i < all->count; i++) fprintf(out, "%s\n%s  \"%s\"", i ? "," : "", indent, all->texts[i]);
    fprintf(out, "\n%s]", indent);
}

/* The permissions of one user: a JSON object, which a nats.conf takes as well. */
static void print_permissions(FILE *out, const user *who, const char *indent)
{
    char deeper[32];
    snprintf(deeper, sizeof deeper, "%s  ", indent);
    fprintf(out, "{\n%s\"publish\": {\"allow\": ", deeper);
    print_list(out, &who->publish, deeper);
    fprintf(out, "},\n%s\"subscribe\": {\"allow\": ", deeper);
    print_list(out, &who->subscribe, deeper);
    fprintf(out, "}");
    if (who->responds) fprintf(out, ",\n%s\"allow_responses\": {\"max\": 1, \"expires\": \"" RESPONSES "\"}", deeper);
    fprintf(out, "\n%s}", indent);
}

static void print_redis_rule(FILE *out, const user *who)
{
    fprintf(out, "resetkeys resetchannels ");
    if (who->redis_keys)
        fprintf(out, "%s", who->redis_keys);
    else
        fprintf(out, "~%s:*", who->name);
    fprintf(out, " %s", who->redis_commands);
}

static int print_json(cli *tool, FILE *out, const char *folder, const user *users, size_t count)
{
    fprintf(out, "{\"users\": [");
    for (size_t i = 0; i < count; i++) {
        fprintf(out, "%s\n  {\"name\": \"%s\",\n   \"nats\": ", i ? "," : "", users[i].name);
        print_permissions(out, &users[i], "   ");
        if (users[i].redis_commands) {
            fprintf(out, ",\n   \"redis\": \"");
            print_redis_rule(out, &users[i]);
            fprintf(out, "\"");
        }
        fprintf(out, "}");
    }
    fprintf(out, "\n]}\n");
    return 0;
}

static int print_nats(cli *tool, FILE *out, const char *folder, const user *users, size_t count)
{
    char path[CLI_PATH_MAX], key[FURROW_NKEY_MAX];
    furrow_error err;
    fprintf(out, "accounts {\n  FURROW: {\n    jetstream: enabled\n    users: [");
    for (size_t i = 0; i < count; i++) {
        cli_key_path(path, folder, users[i].name, "nk");
        if (furrow_nkey_public(path, key, &err) != FURROW_OK) return cli_fail_error(tool, "permissions", &err);
        fprintf(out, "%s\n      # %s\n      {nkey: %s, permissions: ", i ? "," : "", users[i].name, key);
        print_permissions(out, &users[i], "      ");
        fprintf(out, "}");
    }
    fprintf(out, "\n    ]\n  }\n  SYS: {}\n}\nsystem_account: SYS\n");
    return 0;
}

static bool read_password(cli *tool, const char *path, char password[PASSWORD_MAX])
{
    FILE *file = fopen(path, "re");
    bool good = file && fgets(password, PASSWORD_MAX, file);
    if (!good) cli_fail(tool, 1, "%s: %s", path, file ? "is empty" : strerror(errno));
    if (good) password[strcspn(password, "\r\n")] = '\0';
    if (file) fclose(file);
    return good;
}

/*
 * Passwords go into the file as their hashes
 * (https://redis.io/docs/latest/operate/oss_and_stack/management/security/acl/). The default user is off, so that
 * nobody can be it, but it has every right: Redis 7.0 loads its append-only file as that user, checks a transaction's
 * commands against it, and drops the transaction when it may not.
 */
static int print_redis(cli *tool, FILE *out, const char *folder, const user *users, size_t count)
{
    fprintf(out, "user default off resetpass ~* &* +@all\n");
    for (size_t i = 0; i < count; i++) {
        char path[CLI_PATH_MAX], password[PASSWORD_MAX], hex[2 * crypto_hash_sha256_BYTES + 1];
        unsigned char hash[crypto_hash_sha256_BYTES];
        if (!users[i].redis_commands) continue;
        cli_key_path(path, folder, users[i].name, "redis");
        if (!read_password(tool, path, password)) return tool->exit_code;
        crypto_hash_sha256(hash, (const unsigned char *)password, strlen(password));
        sodium_memzero(password, sizeof password);
        fprintf(out, "user %s on #%s ", users[i].name, sodium_bin2hex(hex, sizeof hex, hash, sizeof hash));
        print_redis_rule(out, &users[i]);
        fprintf(out, "\n");
    }
    return 0;
}

int cli_permissions(cli *tool)
{
    static const struct {
        const char *name;
        int (*print)(cli *tool, FILE *out, const char *folder, const user *users, size_t count);
        bool with_keys;
    } formats[] = {{"json", print_json, false}, {"nats", print_nats, true}, {"redis", print_redis, true}};
    const char *format = cli_option(tool, "--format", "json"), *folder = cli_option(tool, "--keys", NULL);
    const char *names[CLI_SERVICES_MAX];
    user users[CLI_SERVICES_MAX + 3];
    size_t count = cli_services(names), chosen = 0;
    while (chosen < 3 && strcmp(formats[chosen].name, format) != 0) chosen++;
    if (tool->exit_code) return tool->exit_code;
    if (tool->argc > 0) return cli_fail(tool, 2, "permissions: %s is too much", tool->argv[0]);
    if (chosen == 3) return cli_fail(tool, 2, "--format is \"%s\": use json, nats or redis", format);
    if (formats[chosen].with_keys && !folder)
        return cli_fail(tool, 2, "--format %s needs --keys FOLDER, as `furrow keys FOLDER` makes it", format);
    for (size_t i = 0; i < count; i++) users[i] = service_user(names[i]);
    users[count++] = operator_user();
    users[count++] = inspector_user();
    users[count++] = client_user();
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len); /* all or nothing: half a file of permissions would be taken for one */
    FURROW_REQUIRE(out);
    int code = formats[chosen].print(tool, out, folder, users, count);
    FURROW_REQUIRE(fclose(out) == 0);
    if (code == 0) fwrite(text, 1, len, stdout);
    free(text);
    for (size_t i = 0; i < count; i++) {
        free(users[i].publish.texts);
        free(users[i].subscribe.texts);
    }
    return tool->exit_code;
}
