/*
 * furrow permissions: what every user of the mesh may do (rights.h; for Redis, here), as JSON, as the accounts of a
 * nats.conf, or as Redis's ACL file.
 */
#include "cli/clients.h"
#include "cli/contracts.h"
#include "cli/rights.h"

#include "link/nkey.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * What common/store uses, by itself and inside of its functions, which run with the caller's rights: each on keys that
 * it names. Nothing that loads or evaluates code, blocks, or tells the name of a key.
 */
#define REDIS_COMMANDS                                                                                                 \
    "-@all +auth +select +info +ping +fcall +get +getrange +bitfield +mget +set +mset +unlink +hget +hmget +hset "     \
    "+hsetnx +hdel +hscan +llen +lrange +ltrim +rpush +expire +zadd +zcard +zrange +zrem +zrangebylex +zrangebyscore"

/* Each is done in a moment, whatever is asked; what walks through the names of all keys or a whole value is not. */
#define REDIS_READS                                                                                                    \
    "-@all +auth +select +info +ping +get +mget +strlen +exists +type +ttl +pttl +hget +hmget +hlen +llen +lrange "    \
    "+zcard +zscore"

/* What the output is made of. */
typedef struct sources {
    cli *tool;
    FILE *out;
    const char *folder; /* of the keys */
    const rights *rights;
    const char *services[CLI_SERVICES_MAX];
    size_t service_count;
} sources;

/* ---- NATS ---- */

static void print_list(FILE *out, const rights_list *list, const char *indent)
{
    fprintf(out, "[");
    for (size_t i = 0; i < list->count; i++) fprintf(out, "%s\n%s  \"%s\"", i ? "," : "", indent, list->texts[i]);
    fprintf(out, "\n%s]", indent);
}

/* By its public key where there are keys, else by its name. */
static bool print_user(const sources *from, const rights_user *user)
{
    char path[CLI_PATH_MAX], key[FURROW_NKEY_MAX];
    furrow_error err;
    if (from->folder) {
        cli_key_path(path, from->folder, user->name, "nk");
        if (!clients_key_there(from->tool, path)) return false;
        if (furrow_nkey_public(path, key, &err) != FURROW_OK)
            return cli_fail_error(from->tool, "permissions", &err), false;
        fprintf(from->out, "\n        # %s\n        {\"nkey\": \"%s\"", user->name, key);
    } else {
        fprintf(from->out, "\n        {\"name\": \"%s\"", user->name);
    }
    fprintf(from->out, ", \"permissions\": {\n          \"publish\": {\"allow\": ");
    print_list(from->out, &user->publish, "          ");
    fprintf(from->out, "},\n          \"subscribe\": {\"allow\": ");
    print_list(from->out, &user->subscribe, "          ");
    fprintf(from->out, "}}}");
    return true;
}

static void print_export(FILE *out, const rights_export *shown)
{
    fprintf(out, "\n        {\"%s\": \"%s\", ", shown->messages ? "stream" : "service", shown->subject);
    if (shown->many) fprintf(out, "\"response_type\": \"stream\", ");
    fprintf(out, "\"accounts\": [");
    for (size_t i = 0; i < shown->to.count; i++) fprintf(out, "%s\"%s\"", i ? ", " : "", shown->to.texts[i]);
    fprintf(out, "]}");
}

static void print_import(FILE *out, const rights_import *taken)
{
    fprintf(out, "\n        {\"%s\": {\"account\": \"%s\", \"subject\": \"%s\"}",
            taken->messages ? "stream" : "service", taken->from, taken->subject);
    if (strcmp(taken->subject, taken->local) != 0) fprintf(out, ", \"to\": \"%s\"", taken->local);
    fprintf(out, "}");
}

/* A JSON object, which a nats.conf takes as well (but for the comments that name the users behind keys). */
static bool print_account(const sources *from, const rights_account *account)
{
    FILE *out = from->out;
    bool good = true;
    fprintf(out, "{\n");
    if (account->jetstream) fprintf(out, "      \"jetstream\": \"enabled\",\n");
    fprintf(out, "      \"users\": [");
    for (size_t i = 0; good && i < account->user_count; i++) {
        if (i) fprintf(out, ",");
        good = print_user(from, account->users[i]);
    }
    fprintf(out, "\n      ],\n      \"exports\": [");
    for (size_t i = 0; i < account->export_count; i++) {
        if (i) fprintf(out, ",");
        print_export(out, &account->exports[i]);
    }
    fprintf(out, "\n      ],\n      \"imports\": [");
    for (size_t i = 0; i < account->import_count; i++) {
        if (i) fprintf(out, ",");
        print_import(out, &account->imports[i]);
    }
    fprintf(out, "\n      ]\n    }");
    return good;
}

static void print_nats(const sources *from)
{
    if (from->rights->single)
        fprintf(
            from->out,
            "# All in one account: JetStream answers wherever a request says, also onto another service's subjects.\n"
            "# One key can so delete what is not its owner's. Accounts (without --single-account) exclude it.\n");
    fprintf(from->out, "accounts {");
    for (size_t i = 0; i < from->rights->account_count; i++) {
        fprintf(from->out, "\n    \"%s\": ", from->rights->accounts[i]->name);
        if (!print_account(from, from->rights->accounts[i])) return;
    }
    fprintf(from->out, "\n    SYS: {}\n}\nsystem_account: SYS\n");
}

/* ---- Redis ---- */

typedef struct redis_user {
    const char *name, *keys, *commands;
} redis_user;

/* The services, each with its own keys; then people. */
static size_t redis_users(const sources *from, redis_user users[CLI_SERVICES_MAX + 2])
{
    size_t count = 0;
    for (; count < from->service_count; count++)
        users[count] = (redis_user){.name = from->services[count], .commands = REDIS_COMMANDS};
    users[count++] = (redis_user){CLI_OPERATOR, "~* &*", "+@all"};
    users[count++] = (redis_user){CLI_INSPECTOR, "%R~*", REDIS_READS};
    return count;
}

static void print_redis_rule(FILE *out, const redis_user *who)
{
    fprintf(out, "resetkeys resetchannels ");
    if (who->keys)
        fprintf(out, "%s", who->keys);
    else
        fprintf(out, "~%s:*", who->name);
    fprintf(out, " %s", who->commands);
}

/*
 * Passwords go into the file as their hashes
 * (https://redis.io/docs/latest/operate/oss_and_stack/management/security/acl/). The default user is off, so that
 * nobody can be it, but it has every right: Redis 7.0 loads its append-only file as that user, checks a transaction's
 * commands against it, and drops the transaction when it may not.
 */
static void print_redis(const sources *from)
{
    redis_user users[CLI_SERVICES_MAX + 2];
    size_t count = redis_users(from, users);
    fprintf(from->out, "user default off resetpass ~* &* +@all\n");
    for (size_t i = 0; i < count; i++) {
        char path[CLI_PATH_MAX], password[CLIENTS_SECRET_MAX], hex[2 * crypto_hash_sha256_BYTES + 1];
        unsigned char hash[crypto_hash_sha256_BYTES];
        cli_key_path(path, from->folder, users[i].name, "redis");
        if (!clients_read_secret(from->tool, path, password)) return;
        crypto_hash_sha256(hash, (const unsigned char *)password, strlen(password));
        sodium_memzero(password, sizeof password);
        fprintf(from->out, "user %s on #%s ", users[i].name, sodium_bin2hex(hex, sizeof hex, hash, sizeof hash));
        print_redis_rule(from->out, &users[i]);
        fprintf(from->out, "\n");
    }
}

/* ---- all, and the command ---- */

static void print_rights_json(const sources *from)
{
    redis_user users[CLI_SERVICES_MAX + 2];
    size_t count = redis_users(from, users);
    fprintf(from->out, "{\"accounts\": {");
    for (size_t i = 0; i < from->rights->account_count; i++) {
        fprintf(from->out, "%s\n    \"%s\": ", i ? "," : "", from->rights->accounts[i]->name);
        (void)print_account(from, from->rights->accounts[i]);
    }
    fprintf(from->out, "\n  },\n  \"redis\": {");
    for (size_t i = 0; i < count; i++) {
        fprintf(from->out, "%s\n    \"%s\": \"", i ? "," : "", users[i].name);
        print_redis_rule(from->out, &users[i]);
        fprintf(from->out, "\"");
    }
    fprintf(from->out, "\n  }}\n");
}

/* All or nothing: half a file of permissions would be taken for one. */
static void print_at_once(sources *from, void (*print)(const sources *from))
{
    char *text = NULL;
    size_t len = 0;
    from->out = open_memstream(&text, &len);
    FURROW_REQUIRE(from->out);
    print(from);
    FURROW_REQUIRE(fclose(from->out) == 0);
    if (!from->tool->exit_code) fwrite(text, 1, len, stdout);
    free(text);
}

int cli_permissions(cli *tool)
{
    static const struct {
        const char *name;
        void (*print)(const sources *from);
        bool with_keys;
    } formats[] = {{"json", print_rights_json, false}, {"nats", print_nats, true}, {"redis", print_redis, true}};
    const char *format = cli_option(tool, "--format");
    sources from = {.tool = tool, .folder = cli_option(tool, "--keys")};
    bool single = cli_flag(tool, "--single-account");
    static clients list; /* more than a task's stack likes; the command runs once */
    furrow_error err;
    size_t chosen = 0;
    while (strcmp(formats[chosen].name, format) != 0) chosen++;
    if (formats[chosen].with_keys && !from.folder)
        return cli_fail(tool, 2, "--format %s needs --keys FOLDER, as `furrow keys FOLDER` makes it", format);
    if (!formats[chosen].with_keys) from.folder = NULL;
    if (clients_find(tool, from.folder, &list)) {
        rights *all = rights_make(list.all, list.count, single, &err);
        from.rights = all;
        from.service_count = cli_services(from.services);
        if (all)
            print_at_once(&from, formats[chosen].print);
        else
            cli_fail_error(tool, "permissions", &err);
        rights_destroy(all);
    }
    clients_fini(&list);
    return tool->exit_code;
}
