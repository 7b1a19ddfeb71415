/* See server.h. A context is a file of the nats CLI (github.com/synadia-io/orbit.go/natscontext); what is read of it is
 * kept to the end of the process. */
#include "cli/server.h"

#include "wire/json.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define CONTEXT_BYTES 65536
#define PATH_BYTES    2048
#define URL_BYTES     512

typedef struct context {
    char *url, *nkey, *creds, *user, *password, *ca, *cert, *key, *inbox;
    const char *ca_from, *cert_from, *key_from; /* how refusals name the three */
} context;

static const char *set(const char *name)
{
    const char *value = getenv(name);
    return value && value[0] ? value : NULL;
}

/* $XDG_CONFIG_HOME/nats/@name */
static bool config_path(const char *name, char path[PATH_BYTES])
{
    const char *xdg = set("XDG_CONFIG_HOME"), *home = set("HOME");
    int len = xdg ? snprintf(path, PATH_BYTES, "%s/nats/%s", xdg, name)
                  : snprintf(path, PATH_BYTES, "%s/.config/nats/%s", home ? home : "", name);
    return len < PATH_BYTES && (xdg || home);
}

/* Up to @size bytes, and how many; 0: none, and errno says why. */
static size_t read_small_file(const char *path, char *out, size_t size)
{
    errno = 0;
    FILE *file = fopen(path, "re");
    size_t len = file ? fread(out, 1, size, file) : 0;
    if (file) fclose(file);
    return len;
}

/* A path as the nats CLI takes it, where ~ is the home. */
static char *expand_home(char *path, furrow_arena *arena)
{
    const char *home = set("HOME"), *rest = path ? furrow_bytes_after(path, "~/") : NULL;
    if (!rest || !home) return path;
    size_t size = strlen(home) + strlen(rest) + 2;
    char *whole = furrow_arena_zalloc(arena, size);
    FURROW_REQUIRE(whole);
    snprintf(whole, size, "%s/%s", home, rest);
    return whole;
}

/* What a context may sign in with that nothing here does; NULL: nothing of that. */
static const char *foreign_member(cli *tool, furrow_bytes text)
{
    static const char *const members[] = {"token", "user_jwt", "user_seed", "nsc"};
    char *value;
    for (size_t i = 0; i < sizeof members / sizeof *members; i++)
        if (furrow_json_find_text(text, members[i], tool->texts, &value) && value[0]) return members[i];
    return NULL;
}

/* "cert in ~/.config/nats/context/farm.json", kept to the end. */
static const char *name_member(cli *tool, const char *member, const char *path)
{
    size_t size = strlen(member) + strlen(path) + sizeof " in ";
    char *whole = furrow_arena_zalloc(tool->texts, size);
    FURROW_REQUIRE(whole);
    snprintf(whole, size, "%s in %s", member, path);
    return whole;
}

static bool read_context(cli *tool, const char *name, context *out)
{
    const struct {
        const char *member;
        char **into;
        bool is_path;
    } members[] = {{"url", &out->url, false},           {"nkey", &out->nkey, true},
                   {"creds", &out->creds, true},        {"user", &out->user, false},
                   {"password", &out->password, false}, {"ca", &out->ca, true},
                   {"cert", &out->cert, true},          {"key", &out->key, true},
                   {"inbox_prefix", &out->inbox, false}};
    static char text[CONTEXT_BYTES];
    char path[PATH_BYTES], file[300];
    snprintf(file, sizeof file, "context/%s.json", name);
    if (name[0] == '.' || strchr(name, '/') || !config_path(file, path))
        return cli_fail(tool, 1, "NATS_CONTEXT is \"%s\": no name of a context", name), false;
    size_t len = read_small_file(path, text, sizeof text);
    if (len == 0)
        return cli_fail(tool, 1, "context %s: %s: %s", name, path, errno ? strerror(errno) : "it is empty"), false;
    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        if (!furrow_json_find_text((furrow_bytes){text, len}, members[i].member, tool->texts, members[i].into))
            continue;
        if (!(*members[i].into)[0]) *members[i].into = NULL; /* the nats CLI writes out what is not set */
        if (members[i].is_path) *members[i].into = expand_home(*members[i].into, tool->texts);
    }
    if (!out->url) return cli_fail(tool, 1, "context %s: %s has no url", name, path), false;
    const char *foreign = foreign_member(tool, (furrow_bytes){text, len});
    if (foreign)
        return cli_fail(tool, 1, "context %s: %s signs in with its %s: furrow takes nkey, creds or user", name, path,
                        foreign),
               false;
    out->ca_from = name_member(tool, "ca", path);
    out->cert_from = name_member(tool, "cert", path);
    out->key_from = name_member(tool, "key", path);
    return true;
}

/* The name in context.txt; NULL: none is selected. */
static const char *selected_context(void)
{
    static char name[256];
    char path[PATH_BYTES];
    if (!config_path("context.txt", path)) return NULL;
    size_t len = read_small_file(path, name, sizeof name - 1);
    name[len] = '\0';
    name[strcspn(name, " \t\r\n")] = '\0';
    return name[0] ? name : NULL;
}

/* A user is one whole: nobody's key is sent with another's name. */
static void take_user(furrow_config *config, const context *from)
{
    if (config->nats_nkey || config->nats_creds || config->nats_user) return;
    config->nats_nkey = from->nkey;
    config->nats_creds = from->creds;
    config->nats_user = from->user;
    config->nats_password = from->password;
}

static void take_context(cli *tool, const context *from, const char *source)
{
    furrow_config *config = &tool->config;
    if (!tool->server_from && from->url) {
        config->nats_url = from->url;
        tool->server_from = source;
    }
    take_user(config, from);
    if (!config->tls_ca && from->ca) {
        config->tls_ca = from->ca;
        tool->ca_from = from->ca_from;
    }
    if (!config->tls_cert && !config->tls_key && (from->cert || from->key)) {
        config->tls_cert = from->cert;
        config->tls_key = from->key;
        tool->cert_from = from->cert_from;
        tool->key_from = from->key_from;
    }
    if (!config->nats_inbox) config->nats_inbox = from->inbox;
}

static char *variable(const char *name)
{
    return (char *)(uintptr_t)set(name);
}

/* Are NATS and its user said nowhere but in a context? */
static bool is_unsaid(const cli *tool)
{
    const furrow_config *config = &tool->config;
    return !tool->server_from && !config->nats_nkey && !config->nats_creds && !config->nats_user;
}

bool server_find(cli *tool)
{
    if (tool->server_from) return true; /* already */
    const context environment = {.url = variable("NATS_URL"),
                                 .nkey = variable("NATS_NKEY"),
                                 .creds = variable("NATS_CREDS"),
                                 .user = variable("NATS_USER"),
                                 .ca = variable("NATS_CA"),
                                 .password = variable("NATS_PASSWORD"),
                                 .cert = variable("NATS_CERT"),
                                 .key = variable("NATS_KEY"),
                                 .ca_from = "NATS_CA",
                                 .cert_from = "NATS_CERT",
                                 .key_from = "NATS_KEY"};
    context named = {.url = NULL};
    tool->server_from = set("FURROW_NATS_URL") ? "FURROW_NATS_URL" : NULL;
    take_context(tool, &environment, "NATS_URL");
    const char *name = set("NATS_CONTEXT");
    if (!name && is_unsaid(tool)) name = selected_context();
    if (name && !read_context(tool, name, &named)) return false;
    if (name)
        take_context(tool, &named, set("NATS_CONTEXT") ? "the context NATS_CONTEXT" : "the selected context of nats");
    if (!tool->server_from) tool->server_from = "default; FURROW_NATS_URL says where it is";
    return true;
}

/* Without what stands before "@", which may be a password; each of several. */
static void hide_users(const char *urls, char out[URL_BYTES])
{
    size_t len = 0;
    for (const char *at = urls; *at && len < URL_BYTES - 8; at++) {
        const char *end = at + strcspn(at, ","), *user = strchr(at, '@');
        bool host = strstr(at, "://") && strstr(at, "://") < end;
        const char *first = host ? strstr(at, "://") + 3 : at;
        len += (size_t)snprintf(out + len, URL_BYTES - len, "%.*s", (int)(first - at), at);
        if (len >= URL_BYTES) break;
        if (user && user < end) first = user + 1;
        len += (size_t)snprintf(out + len, URL_BYTES - len, "%.*s%s", (int)(end - first), first, *end ? "," : "");
        at = *end ? end : end - 1;
    }
    out[URL_BYTES - 1] = '\0';
}

void server_describe_user(const cli *tool, char out[SERVER_TEXT_MAX])
{
    const furrow_config *config = &tool->config;
    const char *file = config->nats_nkey ? config->nats_nkey : config->nats_creds,
               *slash = file ? strrchr(file, '/') : NULL;
    const char *name = slash ? slash + 1 : file;
    if (file)
        snprintf(out, SERVER_TEXT_MAX, "%.*s (%s %.400s)", (int)strcspn(name, "."), name,
                 config->nats_nkey ? "key" : "credentials", file);
    else
        snprintf(out, SERVER_TEXT_MAX, "%.200s",
                 config->nats_user ? config->nats_user
                                   : "nobody: FURROW_NATS_NKEY, or a context of nats, says with which key");
}

void server_describe(const cli *tool, char out[SERVER_TEXT_MAX])
{
    char user[SERVER_TEXT_MAX], urls[URL_BYTES] = "";
    server_describe_user(tool, user);
    hide_users(tool->config.nats_url, urls);
    snprintf(out, SERVER_TEXT_MAX, "%s as %.480s", urls, user);
}

int server_fail(cli *tool, const char *why)
{
    char user[SERVER_TEXT_MAX], urls[URL_BYTES] = "";
    server_describe_user(tool, user);
    hide_users(tool->config.nats_url, urls);
    return cli_fail(tool, 1, "no way into NATS at %s (by %s) as %s: %s", urls, tool->server_from, user, why);
}
