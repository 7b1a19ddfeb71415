/* See rights.h. Memory: out of it ends the tool, which holds nothing. */
#include "cli/rights.h"

#include "base/bytes.h"
#include "wire/descriptor.h"
#include "wire/subject.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MESH    "MESH"
#define OPS     "OPS"
#define INSPECT "INSPECT"
#define SINGLE  "FURROW"
#define REPLIES "_R_.>" /* how nats-server calls the inbox of a request that came from another account */

/* What only reads of `$JS.API.`, as far as the stock CLI asks for it. */
static const char *const reads[] = {
    "INFO",         "STREAM.NAMES",     "STREAM.LIST",     "STREAM.INFO.*",    "STREAM.MSG.GET.*",
    "DIRECT.GET.>", "CONSUMER.NAMES.*", "CONSUMER.LIST.*", "CONSUMER.INFO.*.*"};

/* One more element at the end of an array, zeroed. What pointed into it before does not any more. */
static void *add_element(void *array, size_t *count, size_t size)
{
    char *grown = realloc(array, (*count + 1) * size);
    FURROW_REQUIRE(grown);
    memset(grown + *count * size, 0, size);
    (*count)++;
    return grown;
}

/* A new @size bytes, and a place for its address at the end of an array. */
static void *add_object(void *array, size_t *count, size_t size, void **made)
{
    void **grown = add_element(array, count, sizeof *grown);
    FURROW_REQUIRE((grown[*count - 1] = *made = calloc(1, size)) != NULL);
    return grown;
}

static void add_rights_text(rights_list *list, const char *text)
{
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->texts[i], text) == 0) return;
    list->texts = add_element(list->texts, &list->count, sizeof *list->texts);
    snprintf(list->texts[list->count - 1], sizeof *list->texts, "%s", text);
}

static void grant(rights_list *list, const char *format, ...) FURROW_PRINTF(2, 3);
static void grant(rights_list *list, const char *format, ...)
{
    char text[RIGHTS_TEXT_MAX];
    va_list arguments;
    va_start(arguments, format);
    FURROW_REQUIRE(vsnprintf(text, sizeof text, format, arguments) < (int)sizeof text);
    va_end(arguments);
    add_rights_text(list, text);
}

static rights_account *account_of(rights *all, const char *name)
{
    const char *wanted = all->single ? SINGLE : name;
    for (size_t i = 0; i < all->account_count; i++)
        if (strcmp(all->accounts[i]->name, wanted) == 0) return all->accounts[i];
    void *made;
    all->accounts = add_object(all->accounts, &all->account_count, sizeof(rights_account), &made);
    rights_account *account = made;
    snprintf(account->name, sizeof account->name, "%s", wanted);
    return account;
}

static rights_user *user_of(rights *all, const char *account, const char *name)
{
    rights_account *in = account_of(all, account);
    for (size_t i = 0; i < in->user_count; i++)
        if (strcmp(in->users[i]->name, name) == 0) return in->users[i];
    void *made;
    in->users = add_object(in->users, &in->user_count, sizeof(rights_user), &made);
    rights_user *user = made;
    snprintf(user->name, sizeof user->name, "%s", name);
    return user;
}

/* Who works on @service's log: of an account with nobody else in it, or whoever answers its calls. */
static rights_user *log_user(rights *all, const char *service)
{
    char name[RIGHTS_NAME_MAX];
    snprintf(name, sizeof name, all->single ? "%s" : "%s" CLI_LOG_USER, service);
    return user_of(all, service, name);
}

typedef struct share {
    const char *from, *to;
    bool messages, many;
} share;

static rights_export *export_of(rights_account *from, const share *what, const char *subject)
{
    for (size_t i = 0; i < from->export_count; i++)
        if (from->exports[i].messages == what->messages && strcmp(from->exports[i].subject, subject) == 0)
            return &from->exports[i];
    from->exports = add_element(from->exports, &from->export_count, sizeof *from->exports);
    rights_export *made = &from->exports[from->export_count - 1];
    *made = (rights_export){.messages = what->messages, .many = what->many};
    snprintf(made->subject, sizeof made->subject, "%s", subject);
    return made;
}

/* @subject of one account can be reached from another, where it is called @local. */
static void cross(rights *all, const share *what, const char *subject, const char *local)
{
    if (all->single) return;
    rights_account *to = account_of(all, what->to);
    for (size_t i = 0; i < to->import_count; i++)
        if (to->imports[i].messages == what->messages && strcmp(to->imports[i].local, local) == 0 &&
            strcmp(to->imports[i].from, what->from) == 0)
            return;
    to->imports = add_element(to->imports, &to->import_count, sizeof *to->imports);
    rights_import *made = &to->imports[to->import_count - 1];
    *made = (rights_import){.from = what->from, .messages = what->messages};
    snprintf(made->subject, sizeof made->subject, "%s", subject);
    snprintf(made->local, sizeof made->local, "%s", local);
    rights_account *from = account_of(all, what->from);
    add_rights_text(&export_of(from, what, subject)->to, what->to);
}

/*
 * A right of @reader's log user on @owner's stream: $<prefix>.<rest> in its own account, or through an import in the
 * owner's. There the API is called $JS.<owner>.API, since the reader has a $JS.API of its own; acks keep their subject,
 * which the server wrote.
 */
static void reach(rights *all, const char *reader, const char *owner, bool many, const char *format, ...)
    FURROW_PRINTF(5, 6);
static void reach(rights *all, const char *reader, const char *owner, bool many, const char *format, ...)
{
    char subject[RIGHTS_TEXT_MAX], local[RIGHTS_TEXT_MAX];
    bool own = all->single || strcmp(reader, owner) == 0;
    va_list arguments;
    va_start(arguments, format);
    FURROW_REQUIRE(vsnprintf(subject, sizeof subject, format, arguments) < (int)sizeof subject);
    va_end(arguments);
    const char *verb = own ? NULL : furrow_bytes_after(subject, "$JS.API.");
    if (verb)
        FURROW_REQUIRE(snprintf(local, sizeof local, "$JS.%s.API.%s", owner, verb) < (int)sizeof local);
    else
        snprintf(local, sizeof local, "%s", subject);
    add_rights_text(&log_user(all, reader)->publish, local);
    if (!own) cross(all, &(share){.from = owner, .to = reader, .many = many}, subject, local);
}

/* What a service does with a stream that it owns or keeps some of: read it, and work off its one durable. */
static void reach_stream(rights *all, const char *reader, const char *owner, const char *stream)
{
    reach(all, reader, owner, false, "$JS.API.STREAM.INFO.%s", stream);
    reach(all, reader, owner, false, "$JS.API.STREAM.MSG.GET.%s", stream);
    reach(all, reader, owner, false, "$JS.API.DIRECT.GET.%s", stream);
    reach(all, reader, owner, false, "$JS.API.CONSUMER.INFO.%s.%s", stream, reader);
    reach(all, reader, owner, true, "$JS.API.CONSUMER.MSG.NEXT.%s.%s", stream, reader);
    /*
     * As many tokens as servers write, in the first form, and in the second, which they may from 2.14 on. With fewer the
     * second would grant $JS.ACK.<stream>.<another reader>.<stream>.<reader>.1.1.1: an ack of the first form, of
     * another's durable, which can ask for its messages (+NXT).
     */
    reach(all, reader, owner, false, "$JS.ACK.%s.%s.*.*.*.*.*", stream, reader);
    reach(all, reader, owner, false, "$JS.ACK.*.*.%s.%s.*.*.*.*.>", stream, reader);
    grant(&log_user(all, reader)->publish, "deadletter.%s.%s", reader, stream);
}

static void add_entities(rights *all, const furrow_file_contract *file)
{
    for (size_t i = 0; i < file->entity_count; i++) {
        const furrow_entity_contract *entity = file->entities[i];
        reach_stream(all, entity->owner, entity->owner, entity->stream);
        grant(&log_user(all, entity->owner)->publish, "%s", entity->subjects);
        cross(all, &(share){.from = entity->owner, .to = OPS, .messages = true}, entity->subjects, entity->subjects);
        cross(all, &(share){.from = entity->owner, .to = INSPECT, .messages = true}, entity->subjects,
              entity->subjects);
        grant(&user_of(all, INSPECT, CLI_INSPECTOR)->subscribe, "%s", entity->subjects);
    }
}

static furrow_status add_replicas(rights *all, const furrow_file_contract *file, furrow_error *err)
{
    for (size_t i = 0; i < file->replica_count; i++) {
        const furrow_replica_contract *replica = file->replicas[i];
        if (!cli_has_service(replica->owner))
            return furrow_fail(err, FURROW_FAILED_PRECONDITION,
                               "%s: %s keeps some of %s, whose owner %s is in no contract here: add it "
                               "(FURROW_CONTRACTS)",
                               file->file, replica->service, replica->entity, replica->owner);
        reach_stream(all, replica->service, replica->owner, replica->stream);
    }
    return FURROW_OK;
}

/* Its log for people: all of it for the operator, what only reads for the inspector. */
static void show_log(rights *all, const char *service)
{
    char local[RIGHTS_TEXT_MAX], subject[RIGHTS_TEXT_MAX];
    const char *api = all->single ? "$JS.API" : local;
    rights_user *inspector = user_of(all, INSPECT, CLI_INSPECTOR);
    snprintf(local, sizeof local, "$JS.%s.API.>", service);
    cross(all, &(share){.from = service, .to = OPS, .many = true}, "$JS.API.>", local);
    for (size_t i = 0; i < sizeof reads / sizeof *reads; i++) {
        snprintf(subject, sizeof subject, "$JS.API.%s", reads[i]);
        snprintf(local, sizeof local, "$JS.%s.API.%s", service, reads[i]);
        cross(all, &(share){.from = service, .to = INSPECT}, subject, local);
        grant(&inspector->publish, "%s", api == local ? local : subject);
    }
    snprintf(subject, sizeof subject, FURROW_DESCRIPTOR_SUBJECT "%s",
             service); /* provisioned: written by the operator */
    cross(all, &(share){.from = service, .to = OPS}, subject, subject);
    snprintf(subject, sizeof subject, "deadletter.%s.*", service);
    cross(all, &(share){.from = service, .to = OPS, .messages = true}, subject, subject);
    cross(all, &(share){.from = service, .to = INSPECT, .messages = true}, subject, subject);
    cross(all, &(share){.from = service, .to = OPS, .messages = true}, "$JS.EVENT.ADVISORY.>", "$JS.EVENT.ADVISORY.>");
    cross(all, &(share){.from = service, .to = INSPECT, .messages = true}, "$JS.EVENT.ADVISORY.>",
          "$JS.EVENT.ADVISORY.>");
}

/*
 * Answers go to the inboxes of the mesh's users: nobody can guess one that somebody listens on. A client listens only
 * under its secret prefix, by which services know it; they are not told what that is before it asks them something.
 */
static void add_inbox(rights *all, const char *user, const char *prefix, const char *const *services,
                      size_t service_count)
{
    if (prefix)
        grant(&user_of(all, MESH, user)->subscribe, "%s.>", prefix);
    else
        grant(&user_of(all, MESH, user)->subscribe, "_INBOX_%s.>", user);
    for (size_t i = 0; i < service_count; i++) grant(&user_of(all, MESH, services[i])->publish, "_INBOX_%s.>", user);
}

/* To do again what went to the dead letters; the operator asks. */
static void add_replay(rights *all, const char *service)
{
    char subject[RIGHTS_TEXT_MAX];
    snprintf(subject, sizeof subject, "furrow.v1.Replay.%s", service);
    grant(&user_of(all, MESH, service)->subscribe, "%s %s", subject, service);
    cross(all, &(share){.from = MESH, .to = OPS}, subject, subject);
}

static void add_service(rights *all, const char *name)
{
    static const char *const verbs[] = {"PING", "INFO", "STATS"};
    rights_user *who = user_of(all, MESH, name);
    account_of(all, name)->jetstream = true;             /* its dead letters, at least */
    grant(&who->publish, "furrow.v1.Health.%s.*", name); /* its own probes */
    grant(&who->publish, REPLIES);
    for (size_t v = 0; v < sizeof verbs / sizeof *verbs; v++) {
        grant(&who->subscribe, "$SRV.%s", verbs[v]);
        grant(&who->subscribe, "$SRV.%s.%s", verbs[v], name);
        grant(&who->subscribe, "$SRV.%s.%s.*", verbs[v], name);
    }
    grant(&who->subscribe, "furrow.v1.Health.%s %s", name, name);
    grant(&who->subscribe, "furrow.v1.Health.%s.*", name);
    grant(&who->subscribe, FURROW_DESCRIPTOR_REFLECTION "%s %s", name, name);
    add_replay(all, name);
    reach(all, name, name, false, "$JS.API.STREAM.INFO.DEADLETTER"); /* how many there are */
    grant(&log_user(all, name)->subscribe, "_INBOX_%s.>", name);
    show_log(all, name);
}

static const furrow_method_contract *find_method_of(const char *subject)
{
    for (size_t f = 0; f < cli_contract_count; f++)
        for (size_t s = 0; s < cli_contracts[f]->service_count; s++) {
            const furrow_service_contract *service = cli_contracts[f]->services[s];
            for (size_t m = 0; m < service->method_count; m++)
                if (strcmp(service->methods[m].subject, subject) == 0) return &service->methods[m];
        }
    return NULL;
}

/* To call it; and where it streams, to say how much was read: <method>.<instance>.<stream>.<number>, of which nobody can
 * guess the stream of another. */
static void grant_call(rights_user *who, const char *subject)
{
    const furrow_method_contract *method = find_method_of(subject);
    grant(&who->publish, "%s", subject);
    if (method && method->server_streams) grant(&who->publish, "%s.*.*.*", subject);
}

/* What callers say of streams. */
static void hear_streams(rights_user *who, const furrow_service_contract *service)
{
    for (size_t m = 0; m < service->method_count; m++)
        if (service->methods[m].server_streams) grant(&who->subscribe, "%s.*.*.*.*", service->name);
}

static void add_methods(rights *all, const furrow_file_contract *file)
{
    for (size_t i = 0; i < file->service_count; i++) {
        const furrow_service_contract *service = file->services[i];
        char subjects[RIGHTS_TEXT_MAX];
        snprintf(subjects, sizeof subjects, "%s.*", service->name);
        grant(&user_of(all, MESH, service->short_name)->subscribe, "%s %s", subjects, service->short_name);
        hear_streams(user_of(all, MESH, service->short_name), service);
        cross(all, &(share){.from = MESH, .to = OPS}, subjects, subjects);
    }
}

/* Whom a service asks: those methods of others that its contract names. */
static void add_calls(rights *all, const furrow_file_contract *file)
{
    for (size_t i = 0; i < file->service_count; i++)
        for (size_t c = 0; c < file->services[i]->call_count; c++)
            grant_call(user_of(all, MESH, file->services[i]->short_name), file->services[i]->calls[c]);
}

static void may_look(rights *all, const char *account, rights_user *who)
{
    static const char *const subjects[] = {"$SRV.>", "furrow.v1.Health.>", FURROW_DESCRIPTOR_REFLECTION ">"};
    for (size_t i = 0; i < sizeof subjects / sizeof *subjects; i++) {
        grant(&who->publish, "%s", subjects[i]);
        if (strcmp(account, MESH) != 0)
            cross(all, &(share){.from = MESH, .to = account, .many = true}, subjects[i], subjects[i]);
    }
}

static void add_client(rights *all, const char *name)
{
    rights_user *who = user_of(all, MESH, name);
    may_look(all, MESH, who);
    for (size_t f = 0; f < cli_contract_count; f++)
        for (size_t s = 0; s < cli_contracts[f]->service_count; s++) {
            const furrow_service_contract *service = cli_contracts[f]->services[s];
            for (size_t m = 0; m < service->method_count; m++)
                if (!service->methods[m].restricted) grant_call(who, service->methods[m].subject);
        }
}

static void add_operator(rights *all)
{
    rights_user *who = user_of(all, OPS, CLI_OPERATOR);
    may_look(all, OPS, who);
    who->publish.count = 0; /* rather all */
    grant(&who->publish, ">");
    grant(&who->subscribe, ">");
}

static void add_inspector(rights *all)
{
    rights_user *who = user_of(all, INSPECT, CLI_INSPECTOR);
    may_look(all, INSPECT, who);
    grant(&who->subscribe, "_INBOX_" CLI_INSPECTOR ".>");
    grant(&who->subscribe, "$JS.EVENT.ADVISORY.>");
    grant(&who->subscribe, "deadletter.>");
}

/* In one account the answers to all users come to it. */
static void add_people_inboxes(rights *all, const char *const *services, size_t count)
{
    for (size_t i = 0; all->single && i < count; i++) {
        grant(&user_of(all, MESH, services[i])->publish, "_INBOX_" CLI_OPERATOR ".>");
        grant(&user_of(all, MESH, services[i])->publish, "_INBOX_" CLI_INSPECTOR ".>");
    }
}

rights *rights_make(const rights_client *clients, size_t client_count, bool single, furrow_error *err)
{
    const char *services[CLI_SERVICES_MAX];
    size_t count = cli_services(services);
    rights *all = calloc(1, sizeof *all);
    FURROW_REQUIRE(all);
    all->single = single;
    for (size_t i = 0; i < count; i++) add_service(all, services[i]);
    for (size_t i = 0; i < count; i++) add_inbox(all, services[i], NULL, services, count);
    for (size_t i = 0; i < client_count; i++) {
        add_client(all, clients[i].name);
        add_inbox(all, clients[i].name, clients[i].inbox, services, count);
    }
    add_operator(all);
    add_inspector(all);
    add_people_inboxes(all, services, count);
    furrow_status status = FURROW_OK;
    for (size_t f = 0; f < cli_contract_count; f++) {
        add_methods(all, cli_contracts[f]);
        add_calls(all, cli_contracts[f]);
        add_entities(all, cli_contracts[f]);
    }
    for (size_t f = 0; status == FURROW_OK && f < cli_contract_count; f++)
        status = add_replicas(all, cli_contracts[f], err);
    if (status == FURROW_OK) return all;
    rights_destroy(all);
    return NULL;
}

void rights_destroy(rights *all)
{
    for (size_t i = 0; all && i < all->account_count; i++) {
        rights_account *account = all->accounts[i];
        for (size_t u = 0; u < account->user_count; u++) {
            free(account->users[u]->publish.texts);
            free(account->users[u]->subscribe.texts);
            free(account->users[u]);
        }
        for (size_t e = 0; e < account->export_count; e++) free(account->exports[e].to.texts);
        free(account->users);
        free(account->exports);
        free(account->imports);
        free(account);
    }
    if (all) free(all->accounts);
    free(all);
}
