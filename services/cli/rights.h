/**
 * Who may do what in NATS, derived from the contracts and from nothing else: the accounts, the users in them, and what
 * one account shows another.
 *
 *   <service>   an account for each service, with JetStream: its log, and the user `<service>.log` that works on it. What
 *               the server writes on somebody's behalf (an answer of JetStream goes wherever the request's reply subject
 *               says) stays in the account of whoever asked. A consuming service reaches the one durable consumer that
 *               is its own, and reads; so it is imported, subject by subject.
 *   MESH        calls: methods, inboxes, $SRV, health. Without JetStream, so nothing in it can be stored. The user
 *               `<service>` answers, `client` and its like ask.
 *   OPS         the operator: all of MESH, and the JetStream of each service as $JS.<service>.API, which the stock CLI
 *               calls a domain (`nats --js-domain employee`).
 *   INSPECT     the inspector: the same, as far as it only reads. An account of its own, since JetStream's answers to it
 *               must not come where they mean something.
 *
 * Who has only one account of somebody else's NATS asks for the rights of a single one: then the users of a service are
 * one, and a key can make the server write what its owner could not.
 */
#ifndef FURROW_CLI_RIGHTS_H
#define FURROW_CLI_RIGHTS_H

#include "cli/contracts.h"

#define RIGHTS_TEXT_MAX (2 * FURROW_SUBJECT_MAX)
#define RIGHTS_NAME_MAX 80

typedef struct rights_list {
    char (*texts)[RIGHTS_TEXT_MAX];
    size_t count, capacity;
} rights_list;

/* Subjects, or "subject queue" pairs. */
typedef struct rights_user {
    char name[RIGHTS_NAME_MAX]; /* of its key, too: <name>.nk */
    rights_list publish, subscribe;
} rights_user;

/* A service (requests) or a stream (messages) of an account, and the accounts that may import it. */
typedef struct rights_export {
    char subject[RIGHTS_TEXT_MAX];
    bool messages; /* a stream of messages; else requests */
    bool many;     /* a request has more than one answer */
    rights_list to;
} rights_export;

typedef struct rights_import {
    char subject[RIGHTS_TEXT_MAX], local[RIGHTS_TEXT_MAX]; /* as the other calls it, and as it is called here */
    const char *from;
    bool messages;
} rights_import;

typedef struct rights_account {
    char name[RIGHTS_NAME_MAX];
    bool jetstream;
    rights_user **users;
    rights_export *exports;
    rights_import *imports;
    size_t user_count, export_count, import_count;
} rights_account;

typedef struct rights {
    rights_account **accounts;
    size_t account_count;
    bool single;
} rights;

/* A user like CLI_CLIENT. */
typedef struct rights_client {
    const char *name;
    const char *inbox; /* its secret prefix; NULL: any that begins with _INBOX_<name> */
} rights_client;

/*
 * @clients: CLI_CLIENT is one of them or not. Freed by rights_destroy. NULL: an entity that
 * is kept has no owner among the contracts; @err says which.
 */
rights *rights_make(const rights_client *clients, size_t client_count, bool single, furrow_error *err);
void rights_destroy(rights *all);

#endif
