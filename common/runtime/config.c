/* The settings table of every service. Bounds of queues and waits stand here, each with its default and range. */
#include "runtime/config.h"

#include "base/bytes.h"

#include <string.h>
#include <unistd.h>

#define NAME_BYTES 128

#define TEXT(name, field, fallback, help)                                                                              \
    {                                                                                                                  \
        name, FURROW_SETTING_TEXT, offsetof(furrow_config, field), fallback, 0, 0, help                                \
    }
#define SECRET(name, field, help)                                                                                      \
    {                                                                                                                  \
        name, FURROW_SETTING_SECRET, offsetof(furrow_config, field), NULL, 0, 0, help                                  \
    }
#define NUMBER(name, field, fallback, min, max, help)                                                                  \
    {                                                                                                                  \
        name, FURROW_SETTING_NUMBER, offsetof(furrow_config, field), fallback, min, max, help                          \
    }

const furrow_setting furrow_config_table[] = {
    TEXT("FURROW_NATS_URL", nats_url, "nats://127.0.0.1:4222", "NATS server, or servers separated by commas"),
    TEXT("FURROW_NATS_NKEY", nats_nkey, NULL, "file with the NKey seed to sign in with"),
    TEXT("FURROW_NATS_CREDS", nats_creds, NULL, "credentials file (JWT and seed) to sign in with"),
    TEXT("FURROW_NATS_USER", nats_user, NULL, "user to sign in with"),
    SECRET("FURROW_NATS_PASSWORD", nats_password, "its password"),
    TEXT("FURROW_NATS_LOG_NKEY", log_nkey, NULL,
         "file with the NKey seed of the user that works on the service's log, in the service's own account;\n"
         "default: the user above, where one account is all there is"),
    TEXT("FURROW_NATS_LOG_CREDS", log_creds, NULL, "the same as a credentials file"),
    TEXT("FURROW_NATS_LOG_USER", log_user, NULL, "the same as a user with a password"),
    SECRET("FURROW_NATS_LOG_PASSWORD", log_password, "its password"),
    SECRET("FURROW_NATS_INBOX", nats_inbox,
           "prefix of inboxes, to which a service adds a secret part; default _INBOX_<service>"),
    TEXT("FURROW_NATS_CA", tls_ca, NULL, "file with the CA that signed the server's certificate; turns TLS on"),
    TEXT("FURROW_NATS_CERT", tls_cert, NULL,
         "file with the client certificate, for a server that asks for one; with FURROW_NATS_CA"),
    TEXT("FURROW_NATS_KEY", tls_key, NULL, "file with its key"),
    TEXT("FURROW_REDIS_URL", redis_url, "redis://127.0.0.1:6379", "redis://host:port[/db] or unix:///path"),
    TEXT("FURROW_REDIS_USER", redis_user, NULL, "ACL user"),
    SECRET("FURROW_REDIS_PASSWORD", redis_password, "its password"),
    NUMBER("FURROW_REDIS_TIMEOUT_MS", redis_timeout_ms, "1000", 100, 60000,
           "without an answer for so long Redis counts as hung: not ready, and calls get UNAVAILABLE"),
    TEXT("FURROW_INSTANCE_ID", instance_id, NULL,
         "this instance's id in $SRV and in health, as a pod's name; default: a new one each start"),
    TEXT("FURROW_HASH_KEY_FILE", hash_key_file, NULL,
         "secret that ids and fingerprints are hashed with: 32 bytes or 64 hex digits, mode 0600; keep it as long as\n"
         "the data; default: FURROW_SEAL_KEY_FILE"),
    TEXT("FURROW_SEAL_KEY_FILE", seal_key_file, NULL,
         "master key of private fields: 32 bytes or 64 hex digits, mode 0600; the same for all instances"),
    TEXT("FURROW_SEAL_KEY_OLD_FILE", old_seal_key_file, NULL,
         "the master key before, when a new one is brought in: what it wraps is still read"),
    TEXT(
        "FURROW_LOG_LOSS", log_loss, "restore",
        "when the log went back and Redis still holds what was acknowledged: restore (publish it again, by itself),\n"
        "wait (not ready until `furrow restore`) or accept (take the log for the truth); a stream made anew waits for\n"
        "`furrow restore` unless it is accept"),
    TEXT(
        "FURROW_TRACE", trace, "carry",
        "what becomes of a request without a traceparent: carry (nothing: only what came is carried on) or begin (its\n"
        "events and calls get a new trace, which costs some 150 bytes of each)"),
    TEXT("FURROW_LOG_LEVEL", log_level, "info", "error, warn, info or debug"),
    NUMBER("FURROW_MAX_CALLS", max_calls, "1024", 1, 30000,
           "requests worked on or queued at once; more get RESOURCE_EXHAUSTED"),
    NUMBER(
        "FURROW_MIN_CALLS", min_calls, "64", 1, 30000,
        "requests worked on at once however slow they are; up to FURROW_MAX_CALLS while they are as fast as when few "
        "run"),
    NUMBER(
        "FURROW_QUEUE_MS", queue_ms, "2000", 1, 60000,
        "longest wait in the queue until RESOURCE_EXHAUSTED; 20 ms once it was full, and then the newest goes first"),
    NUMBER("FURROW_MAX_WAITING", max_waiting, "1024", 1, 30000,
           "requests that wait for a Furrow-After, for another with their Idempotency-Key, or for memory for a large "
           "read,\n"
           "at once; a caller may have half of them"),
    NUMBER("FURROW_WAIT_MS", wait_ms, "3000", 1, 60000,
           "longest such wait until UNAVAILABLE (for memory: RESOURCE_EXHAUSTED)"),
    NUMBER("FURROW_CALLER_BYTES", caller_bytes, "4194304", 65536, 1073741824,
           "bytes a second that one caller is sent in answers of 16 KiB and more, or in any while NATS takes no more; "
           "its\n"
           "reads past it get RESOURCE_EXHAUSTED, its $SRV.STATS and $SRV.INFO no answer"),
    NUMBER("FURROW_MAX_TASKS", max_tasks, "4096", 16, 30000, "tasks at once: requests, batches and reactions"),
    NUMBER("FURROW_MAX_REQUEST_BYTES", max_request_bytes, "1048576", 64, 67108864, "largest request"),
    NUMBER("FURROW_MEMORY_MB", memory_mb, "64", 16, 65536,
           "memory that work at hand may take beside that of an idle process; past it RESOURCE_EXHAUSTED; large reads "
           "have\n"
           "a quarter of it, and a caller's half of that"),
    NUMBER("FURROW_ENTITY_WAITERS", entity_waiters, "1024", 1, 30000,
           "writers that wait for their turn, per entity type; past it RESOURCE_EXHAUSTED"),
    NUMBER("FURROW_RESULTS_MAX", results_max, "100000", 1, 100000000,
           "answers of idempotency keys that Redis remembers, for a day each; of more the oldest go"),
    NUMBER("FURROW_RESULTS_MB", results_mb, "256", 1, 1048576,
           "room in Redis that they may take, of all the service's processes; of more the oldest go"),
    NUMBER("FURROW_DEADLETTER_MB", deadletter_mb, "256", 1, 1048576,
           "room that furrow provision gives to dead letters; when it is full, events that need it wait"),
    NUMBER("FURROW_TIMEOUT_MS", timeout_ms, "5000", 1, 600000, "deadline of a request that brings none"),
    NUMBER("FURROW_DRAIN_MS", drain_ms, "10000", 0, 600000,
           "after SIGTERM the process ends within so long, whoever is silent; begun work has all of it but the last "
           "second"),
    NUMBER("FURROW_REPLICA_BATCH", replica_batch, "1000", 1, 10000, "events a replica asks for at a time"),
    NUMBER("FURROW_REPLICA_IN_HAND", replica_in_hand, "4000", 1, 100000,
           "events fetched and not yet acked, per replica"),
    NUMBER("FURROW_REPLICA_WAITERS", replica_waiters, "4096", 1, 30000,
           "calls that wait for an event to arrive, per replica; past it RESOURCE_EXHAUSTED"),
    NUMBER("FURROW_REACTION_PATIENCE_S", reaction_patience_s, "3600", 1, 604800,
           "a reaction that has failed for so long, for a reason that may pass, goes to the dead letters"),
    NUMBER("FURROW_AUDIT_RATE", audit_rate, "50", 0, 100000,
           "events and records a second, per replica, that are compared with the log in the background; 0: none"),
    NUMBER("FURROW_AUDIT_PAUSE_S", audit_pause_s, "60", 1, 604800, "from the end of such an audit to the next"),
    NUMBER("FURROW_REACTIONS", reactions, "32", 1, 256, "reactions that run at once, per replica; more wait in Redis"),
};
const size_t furrow_config_count = sizeof furrow_config_table / sizeof *furrow_config_table;

furrow_status furrow_config_begins_traces(const furrow_config *config, bool *out, furrow_error *err)
{
    bool begins = strcmp(config->trace, "begin") == 0;
    if (!begins && strcmp(config->trace, "carry") != 0)
        return furrow_fail(err, FURROW_INVALID_ARGUMENT, "FURROW_TRACE is \"%.40s\": use carry or begin",
                           config->trace);
    *out = begins;
    return FURROW_OK;
}

furrow_link_options furrow_config_link(const furrow_config *config, const char *name, const char *inbox_prefix)
{
    return (furrow_link_options){.url = config->nats_url,
                                 .name = name,
                                 .inbox_prefix = config->nats_inbox ? config->nats_inbox : inbox_prefix,
                                 .nkey_seed = config->nats_nkey,
                                 .credentials = config->nats_creds,
                                 .max_buffered_bytes = (size_t)config->memory_mb << 18, /* a quarter of the budget */
                                 .user = config->nats_user,
                                 .password = config->nats_password,
                                 .password_file = furrow_settings_secret_file(config->nats_password),
                                 .tls_ca = config->tls_ca,
                                 .tls_cert = config->tls_cert,
                                 .tls_key = config->tls_key};
}

bool furrow_config_own_account(const furrow_config *config)
{
    return config->log_nkey || config->log_creds || config->log_user;
}

furrow_link_options furrow_config_log_link(const furrow_config *config, const char *name, const char *inbox_prefix)
{
    furrow_link_options options = furrow_config_link(config, name, inbox_prefix);
    if (!furrow_config_own_account(config)) return options;
    options.nkey_seed = config->log_nkey;
    options.credentials = config->log_creds;
    options.user = config->log_user;
    options.password = config->log_password;
    options.password_file = furrow_settings_secret_file(config->log_password);
    return options;
}

/* A pod has variables for each Kubernetes service of its namespace, and one of those may be called furrow-something:
 * FURROW_NATS_SERVICE_HOST=10.0.0.1, FURROW_NATS_PORT=tcp://10.0.0.1:4222. */
static bool is_of_kubernetes(const char *name, const char *value)
{
    return strstr(name, "_SERVICE_") || strstr(name, "_PORT_") || furrow_bytes_after(value, "tcp://");
}

void furrow_config_each_unknown(const furrow_setting own[], size_t own_count, furrow_config_unknown_fn *fn, void *arg)
{
    for (char **at = environ; *at; at++) {
        char name[NAME_BYTES];
        const char *value = strchr(*at, '=');
        if (!value || !furrow_bytes_after(*at, "FURROW_") || (size_t)(value - *at) >= sizeof name) continue;
        snprintf(name, sizeof name, "%.*s", (int)(value - *at), *at);
        if (is_of_kubernetes(name, value + 1) || furrow_settings_known(own, own_count, name) ||
            furrow_settings_known(furrow_config_table, furrow_config_count, name))
            continue;
        const char *nearest = furrow_settings_nearest(own, own_count, name);
        fn(arg, name, nearest ? nearest : furrow_settings_nearest(furrow_config_table, furrow_config_count, name));
    }
}
