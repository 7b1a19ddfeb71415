/**
 * What every service can be told by its environment; `<service> --settings` prints the table.
 */
#ifndef FURROW_RUNTIME_CONFIG_H
#define FURROW_RUNTIME_CONFIG_H

#include "base/settings.h"
#include "link/link.h"

typedef struct furrow_config {
    const char *nats_url, *nats_nkey, *nats_creds, *nats_user, *nats_password, *nats_inbox;
    const char *log_nkey, *log_creds, *log_user, *log_password;
    const char *tls_ca, *tls_cert, *tls_key;
    const char *redis_url, *redis_user, *redis_password;
    const char *instance_id, *hash_key_file, *seal_key_file, *old_seal_key_file, *log_level, *log_loss, *trace;
    int64_t redis_timeout_ms, max_calls, min_calls, queue_ms, max_waiting, wait_ms, caller_bytes, max_tasks;
    int64_t max_request_bytes, memory_mb, entity_waiters, deadletter_mb, timeout_ms, drain_ms;
    int64_t replica_batch, replica_in_hand, replica_waiters, reactions, reaction_patience_s, results_max, results_mb;
    int64_t audit_rate, audit_pause_s;
} furrow_config;

extern const furrow_setting furrow_config_table[];
extern const size_t furrow_config_count;

/* FURROW_TRACE: are traces begun here? INVALID_ARGUMENT when it is none of its words. */
furrow_status furrow_config_begins_traces(const furrow_config *config, bool *out, furrow_error *err) FURROW_MUST_USE;

/* What the NATS settings come to, for a connection called @name; strings are lent. */
furrow_link_options furrow_config_link(const furrow_config *config, const char *name, const char *inbox_prefix);

/* Has a service an account of its own for its log? Else one account is all there is. */
bool furrow_config_own_account(const furrow_config *config);

/* The same for the connection to a service's log: as the user of its own account, where it has one. */
furrow_link_options furrow_config_log_link(const furrow_config *config, const char *name, const char *inbox_prefix);

/*
 * Variables of the environment that begin with FURROW_ and stand neither in this table nor in @own, what else the program
 * reads. @meant is a setting whose name is so near that it must have been meant. NULL: one environment may be for several
 * programs, and it is another's, of which nothing is known here. Kubernetes' own (FURROW_…_SERVICE_HOST) are passed over.
 */
typedef void furrow_config_unknown_fn(void *arg, const char *variable, const char *meant);
void furrow_config_each_unknown(const furrow_setting own[], size_t own_count, furrow_config_unknown_fn *fn, void *arg);

#endif
