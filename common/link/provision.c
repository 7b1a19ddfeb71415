/*
 * Provisioning with nats.c's js_*, blocking, on a connection of its own. What is wanted is one configuration; what
 * exists is compared with it setting by setting: nothing differs -> nothing is done; what NATS can change is changed;
 * what it can not is refused by name before anything is touched. May depend on: nats.c, wire/contract.
 */
#include "link/provision.h"
#include "link/api.h"
#include "link/internal.h"
#include "wire/descriptor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECOND             ((int64_t)FURROW_NS_PER_S)
#define DUPLICATE_WINDOW   (120 * SECOND)
#define ACK_WAIT           (30 * SECOND)
#define MAX_ACK_PENDING    20000 /* more than all replicas of a service have in hand at once */
#define MAX_WAITING        256   /* pull requests of all replicas; each has a handful outstanding */
#define DESCRIPTION_MAX    512
#define LETTER_BYTES       2048 /* more than nearly all dead letters have */
#define ERR_WRONG_SEQUENCE 10071

struct furrow_provisioner {
    natsConnection *native;
    furrow_signer signer;
    jsCtx *js;
    int64_t timeout_ms;
    char account[FURROW_SUBJECT_MAX]; /* whose JetStream; "": of the account we are in */
    uint64_t changes;
    bool only_look;
};

typedef enum change { SAME, CHANGEABLE, FIXED } change;

typedef struct difference {
    const char *setting;
    change kind;
} difference;

static natsStatus open_jetstream(furrow_provisioner *provisioner, jsCtx **js)
{
    char prefix[FURROW_SUBJECT_MAX + 16];
    jsOptions options;
    natsStatus status = jsOptions_Init(&options);
    if (status != NATS_OK) return status;
    snprintf(prefix, sizeof prefix, "$JS.%s.API", provisioner->account);
    if (provisioner->account[0]) options.Prefix = prefix;
    options.Wait = provisioner->timeout_ms;
    return natsConnection_JetStream(js, provisioner->native, &options);
}

furrow_provisioner *furrow_provisioner_create(const furrow_link_options *options, uint64_t timeout_ms,
                                              furrow_error *err)
{
    furrow_provisioner *made = calloc(1, sizeof *made);
    natsOptions *native = made ? furrow_link_make_options(options, &made->signer, err) : NULL;
    if (!native) {
        free(made);
        return NULL;
    }
    made->timeout_ms = (int64_t)timeout_ms;
    natsStatus status = natsOptions_SetTimeout(native, (int64_t)timeout_ms);
    if (status == NATS_OK) status = furrow_signer_connect(&made->signer, native, &made->native);
    if (status == NATS_OK) status = open_jetstream(made, &made->js);
    natsOptions_Destroy(native);
    furrow_status ours = furrow_link_fail_native(err, status, "connect to NATS");
    if (ours == FURROW_OK) return made;
    char text[FURROW_LINK_ERROR_MAX];
    snprintf(text, sizeof text, "%s", furrow_link_native_text(status));
    furrow_tls_explain(options, text, sizeof text);
    furrow_fail(err, ours, "connect to NATS: %s", text);
    furrow_provisioner_destroy(made);
    return NULL;
}

void furrow_provisioner_destroy(furrow_provisioner *provisioner)
{
    if (!provisioner) return;
    jsCtx_Destroy(provisioner->js);
    natsConnection_Destroy(provisioner->native);
    furrow_signer_fini(&provisioner->signer);
    nats_ReleaseThreadMemory();
    free(provisioner);
}

furrow_status furrow_provisioner_use(furrow_provisioner *provisioner, const char *account, furrow_error *err)
{
    const char *wanted = account ? account : "";
    if (strcmp(provisioner->account, wanted) == 0) return FURROW_OK;
    if (account && !furrow_js_name_ok(account)) return furrow_fail(err, FURROW_INVALID_ARGUMENT, "not an account");
    jsCtx_Destroy(provisioner->js);
    provisioner->js = NULL;
    snprintf(provisioner->account, sizeof provisioner->account, "%s", wanted);
    return furrow_link_fail_native(err, open_jetstream(provisioner, &provisioner->js), "use JetStream");
}

static bool same_text(const char *a, const char *b)
{
    return strcmp(a ? a : "", b ? b : "") == 0;
}

/* NATS writes "none" as -1 or 0. */
static bool same_limit(int64_t a, int64_t b)
{
    return a == b || (a <= 0 && b <= 0);
}

/* A cluster that has no leader yet, or not yet as many nodes as a stream is to have copies; JetStream not yet on. */
static bool may_pass(jsErrCode code)
{
    static const int passing[] = {10005, 10008, 10009, 10023, 10039, 10076};
    for (size_t i = 0; i < sizeof passing / sizeof passing[0]; i++)
        if ((int)code == passing[i]) return true;
    return false;
}

static furrow_status fail_managing(natsStatus status, jsErrCode code, const char *kind, const char *name,
                                   furrow_error *err)
{
    char doing[160];
    snprintf(doing, sizeof doing, "%s %s", kind, name);
    if (status == NATS_TIMEOUT)
        return furrow_fail(err, FURROW_UNAVAILABLE,
                           "%s: no answer: is JetStream on, and is this user allowed to manage it?", doing);
    if (code != 0)
        return furrow_fail(err, may_pass(code) ? FURROW_UNAVAILABLE : FURROW_FAILED_PRECONDITION, "%s: %s (%d)", doing,
                           furrow_link_native_text(status), (int)code);
    return furrow_link_fail_native(err, status, doing);
}

/* A setting that cannot be changed is refused; else the answer is whether anything must be changed. */
static furrow_status judge_differences(const difference *differences, size_t count, const char *kind, const char *name,
                                       bool *change_it, furrow_error *err)
{
    *change_it = false;
    for (size_t i = 0; i < count; i++) {
        if (differences[i].kind == FIXED)
            return furrow_fail(
                err, FURROW_FAILED_PRECONDITION,
                "%s %s exists with another setting '%s', which NATS cannot change: move its data or delete it by hand",
                kind, name, differences[i].setting);
        if (differences[i].kind == CHANGEABLE) *change_it = true;
    }
    return FURROW_OK;
}

#define DIFFERS(setting, is_same, kind)                                                                                \
    {                                                                                                                  \
        (setting), (is_same) ? SAME : (kind)                                                                           \
    }

static furrow_status compare_stream(const jsStreamConfig *have, const jsStreamConfig *want, bool *change_it,
                                    furrow_error *err)
{
    bool same_subjects = have->SubjectsLen == want->SubjectsLen;
    for (int i = 0; same_subjects && i < have->SubjectsLen; i++)
        same_subjects = same_text(have->Subjects[i], want->Subjects[i]);
    const difference differences[] = {
        DIFFERS("storage", have->Storage == want->Storage, FIXED),
        DIFFERS("retention", have->Retention == want->Retention, FIXED),
        DIFFERS("deny_delete", have->DenyDelete == want->DenyDelete, have->DenyDelete ? FIXED : CHANGEABLE),
        DIFFERS("deny_purge", have->DenyPurge == want->DenyPurge, have->DenyPurge ? FIXED : CHANGEABLE),
        DIFFERS("subjects", same_subjects, CHANGEABLE),
        DIFFERS("description", same_text(have->Description, want->Description), CHANGEABLE),
        DIFFERS("max_msgs_per_subject", have->MaxMsgsPerSubject == want->MaxMsgsPerSubject, CHANGEABLE),
        DIFFERS("max_msgs", same_limit(have->MaxMsgs, want->MaxMsgs), CHANGEABLE),
        DIFFERS("max_bytes", same_limit(have->MaxBytes, want->MaxBytes), CHANGEABLE),
        DIFFERS("discard", have->Discard == want->Discard, CHANGEABLE),
        DIFFERS("max_age", have->MaxAge == want->MaxAge, CHANGEABLE),
        DIFFERS("num_replicas", have->Replicas == want->Replicas, CHANGEABLE),
        DIFFERS("duplicate_window", have->Duplicates == want->Duplicates, CHANGEABLE),
        DIFFERS("allow_direct", have->AllowDirect == want->AllowDirect, CHANGEABLE),
    };
    return judge_differences(differences, sizeof differences / sizeof differences[0], "stream", want->Name, change_it,
                             err);
}

/* Ours over what exists, so that settings we have no opinion on (placement, mirrors of it, …) stay. */
static void merge_stream(jsStreamConfig *into, const jsStreamConfig *want)
{
    into->Description = want->Description;
    into->Subjects = want->Subjects;
    into->SubjectsLen = want->SubjectsLen;
    into->MaxMsgsPerSubject = want->MaxMsgsPerSubject;
    into->MaxMsgs = want->MaxMsgs;
    into->MaxBytes = want->MaxBytes;
    into->Discard = want->Discard;
    into->MaxAge = want->MaxAge;
    into->Replicas = want->Replicas;
    into->Duplicates = want->Duplicates;
    into->AllowDirect = want->AllowDirect;
    into->DenyDelete = want->DenyDelete;
    into->DenyPurge = want->DenyPurge;
}

static furrow_status ensure_stream(furrow_provisioner *provisioner, jsStreamConfig *want, furrow_error *err)
{
    jsStreamInfo *info = NULL;
    jsErrCode code = 0;
    bool change_it = false;
    natsStatus status = js_GetStreamInfo(&info, provisioner->js, want->Name, NULL, &code);
    if (status == NATS_NOT_FOUND || code == FURROW_JS_NO_STREAM) {
        provisioner->changes++;
        if (provisioner->only_look) return FURROW_OK;
        code = 0;
        status = js_AddStream(NULL, provisioner->js, want, NULL, &code);
        return status == NATS_OK ? FURROW_OK : fail_managing(status, code, "create stream", want->Name, err);
    }
    if (status != NATS_OK) return fail_managing(status, code, "look at stream", want->Name, err);
    furrow_status compared = compare_stream(info->Config, want, &change_it, err);
    if (compared == FURROW_OK && change_it) {
        jsStreamConfig merged = *info->Config;
        merge_stream(&merged, want);
        provisioner->changes++;
        status = provisioner->only_look ? NATS_OK : js_UpdateStream(NULL, provisioner->js, &merged, NULL, &code);
        if (status != NATS_OK) compared = fail_managing(status, code, "change stream", want->Name, err);
    }
    jsStreamInfo_Destroy(info);
    return compared;
}

static furrow_status compare_consumer(const jsConsumerConfig *have, const jsConsumerConfig *want, bool *change_it,
                                      furrow_error *err)
{
    const difference differences[] = {
        DIFFERS("deliver_subject (it is a push consumer)", same_text(have->DeliverSubject, NULL), FIXED),
        DIFFERS("deliver_policy", have->DeliverPolicy == want->DeliverPolicy, FIXED),
        DIFFERS("ack_policy", have->AckPolicy == want->AckPolicy, FIXED),
        DIFFERS("filter_subject", same_text(have->FilterSubject, want->FilterSubject), FIXED),
        DIFFERS("max_waiting", have->MaxWaiting == want->MaxWaiting, FIXED),
        DIFFERS("description", same_text(have->Description, want->Description), CHANGEABLE),
        DIFFERS("ack_wait", have->AckWait == want->AckWait, CHANGEABLE),
        DIFFERS("max_deliver", have->MaxDeliver == want->MaxDeliver, CHANGEABLE),
        DIFFERS("max_ack_pending", have->MaxAckPending == want->MaxAckPending, CHANGEABLE),
    };
    return judge_differences(differences, sizeof differences / sizeof differences[0], "consumer", want->Durable,
                             change_it, err);
}

static furrow_status ensure_consumer(furrow_provisioner *provisioner, const char *stream, const char *name,
                                     const char *description, furrow_error *err)
{
    jsConsumerConfig want;
    jsConsumerInfo *info = NULL;
    jsErrCode code = 0;
    bool change_it = false;
    if (!furrow_js_name_ok(name) || !furrow_js_name_ok(stream))
        return furrow_fail(err, FURROW_INVALID_ARGUMENT, "not a stream and a consumer name");
    jsConsumerConfig_Init(&want);
    want.Durable = name;
    want.Description = description;
    want.DeliverPolicy = js_DeliverAll;
    want.AckPolicy = js_AckExplicit;
    want.AckWait = ACK_WAIT;
    want.MaxDeliver = -1;
    want.MaxAckPending = MAX_ACK_PENDING;
    want.MaxWaiting = MAX_WAITING;
    natsStatus status = js_GetConsumerInfo(&info, provisioner->js, stream, name, NULL, &code);
    if (status == NATS_NOT_FOUND && code != FURROW_JS_NO_STREAM) {
        provisioner->changes++;
        if (provisioner->only_look) return FURROW_OK;
        code = 0;
        status = js_AddConsumer(NULL, provisioner->js, stream, &want, NULL, &code);
        return status == NATS_OK ? FURROW_OK : fail_managing(status, code, "create consumer", name, err);
    }
    if (code == FURROW_JS_NO_STREAM && provisioner->only_look) { /* its turn would come after the stream's */
        provisioner->changes++;
        return FURROW_OK;
    }
    if (code == FURROW_JS_NO_STREAM)
        return furrow_fail(err, FURROW_FAILED_PRECONDITION,
                           "stream %s does not exist: provision its owner's contract first", stream);
    if (status != NATS_OK) return fail_managing(status, code, "look at consumer", name, err);
    furrow_status compared = compare_consumer(info->Config, &want, &change_it, err);
    if (compared == FURROW_OK && change_it) {
        provisioner->changes++;
        status =
            provisioner->only_look ? NATS_OK : js_UpdateConsumer(NULL, provisioner->js, stream, &want, NULL, &code);
        if (status != NATS_OK) compared = fail_managing(status, code, "change consumer", name, err);
    }
    jsConsumerInfo_Destroy(info);
    return compared;
}

static void init_stream(jsStreamConfig *config, const char *name, const char **subjects, const char *description,
                        uint32_t replicas)
{
    jsStreamConfig_Init(config);
    config->Name = name;
    config->Subjects = subjects;
    config->SubjectsLen = 1;
    config->Description = description;
    config->Retention = js_LimitsPolicy;
    config->Discard = js_DiscardOld; /* of one subject's states: there is no other limit */
    config->MaxMsgs = config->MaxBytes = -1;
    config->MaxAge = 0;
    config->Replicas = replicas ? replicas : 1;
    config->Duplicates = DUPLICATE_WINDOW;
    config->AllowDirect = true; /* for replays: a read that is not the leader's work */
}

furrow_status furrow_provision_entity(furrow_provisioner *provisioner, const furrow_entity_contract *entity,
                                      uint32_t default_replicas, furrow_error *err)
{
    jsStreamConfig config;
    const char *subjects[] = {entity->subjects};
    char description[DESCRIPTION_MAX];
    if (!furrow_js_name_ok(entity->stream)) return furrow_fail(err, FURROW_INVALID_ARGUMENT, "not a stream name");
    snprintf(description, sizeof description, "owner=%s entity=%s%s%s", entity->owner, entity->name,
             entity->description[0] ? " : " : "", entity->description);
    init_stream(&config, entity->stream, subjects, description, entity->replicas ? entity->replicas : default_replicas);
    config.MaxMsgsPerSubject = entity->history;
    config.Storage = entity->memory ? js_MemoryStorage : js_FileStorage;
    config.DenyDelete = config.DenyPurge = true;
    furrow_status status = ensure_stream(provisioner, &config, err);
    return status == FURROW_OK ? furrow_provision_owner(provisioner, entity, err) : status;
}

furrow_status furrow_provision_owner(furrow_provisioner *provisioner, const furrow_entity_contract *entity,
                                     furrow_error *err)
{
    char description[DESCRIPTION_MAX];
    snprintf(description, sizeof description, "owner of %s", entity->name);
    return ensure_consumer(provisioner, entity->stream, entity->owner, description, err);
}

furrow_status furrow_provision_remove_replica(furrow_provisioner *provisioner, const furrow_replica_contract *replica,
                                              furrow_error *err)
{
    jsErrCode code = 0;
    jsConsumerInfo *info = NULL;
    natsStatus status = js_GetConsumerInfo(&info, provisioner->js, replica->stream, replica->service, NULL, &code);
    if (status == NATS_NOT_FOUND) return FURROW_OK;
    jsConsumerInfo_Destroy(info);
    if (status == NATS_OK) provisioner->changes++;
    if (status == NATS_OK && !provisioner->only_look)
        status = js_DeleteConsumer(provisioner->js, replica->stream, replica->service, NULL, &code);
    return status == NATS_OK ? FURROW_OK : fail_managing(status, code, "remove consumer", replica->service, err);
}

furrow_status furrow_provision_look_empty(furrow_provisioner *provisioner, const furrow_entity_contract *entity,
                                          bool *empty, furrow_error *err)
{
    jsErrCode code = 0;
    jsStreamInfo *info = NULL;
    natsStatus status = js_GetStreamInfo(&info, provisioner->js, entity->stream, NULL, &code);
    if (status != NATS_OK && status != NATS_NOT_FOUND)
        return fail_managing(status, code, "look at stream", entity->stream, err);
    *empty = status == NATS_NOT_FOUND || info->State.LastSeq == 0;
    jsStreamInfo_Destroy(info);
    return FURROW_OK;
}

furrow_status furrow_provision_remove_entity(furrow_provisioner *provisioner, const furrow_entity_contract *entity,
                                             furrow_error *err)
{
    jsErrCode code = 0;
    jsStreamInfo *info = NULL;
    natsStatus status = js_GetStreamInfo(&info, provisioner->js, entity->stream, NULL, &code);
    if (status == NATS_NOT_FOUND) return FURROW_OK;
    jsStreamInfo_Destroy(info);
    if (status == NATS_OK) provisioner->changes++;
    if (status == NATS_OK && !provisioner->only_look)
        status = js_DeleteStream(provisioner->js, entity->stream, NULL, &code);
    return status == NATS_OK ? FURROW_OK : fail_managing(status, code, "remove stream", entity->stream, err);
}

void furrow_provisioner_only_look(furrow_provisioner *provisioner)
{
    provisioner->only_look = true;
}

uint64_t furrow_provisioner_changes(const furrow_provisioner *provisioner)
{
    return provisioner->changes;
}

furrow_status furrow_provision_replica(furrow_provisioner *provisioner, const furrow_replica_contract *replica,
                                       furrow_error *err)
{
    char description[DESCRIPTION_MAX];
    snprintf(description, sizeof description, "keeps=%s", replica->keeps);
    /* No filter: a replica takes the whole stream, and a filter equal to its subjects would only cost the server a
     * search. */
    return ensure_consumer(provisioner, replica->stream, replica->service, description, err);
}

furrow_status furrow_provision_deadletter(furrow_provisioner *provisioner, uint32_t default_replicas, int64_t max_bytes,
                                          furrow_error *err)
{
    jsStreamConfig config;
    const char *subjects[] = {"deadletter.>"};
    init_stream(&config, "DEADLETTER", subjects, "events that a replica could not apply, with their reasons",
                default_replicas);
    config.MaxMsgsPerSubject = -1;
    config.MaxBytes = max_bytes ? max_bytes : FURROW_DEADLETTER_BYTES;
    /* Near its limit of bytes the server counts a new message without its overhead, takes it, and drops the oldest after
     * all. Its limit of messages it keeps to. */
    config.MaxMsgs = config.MaxBytes / LETTER_BYTES;
    if (config.MaxMsgs > FURROW_DEADLETTER_MESSAGES) config.MaxMsgs = FURROW_DEADLETTER_MESSAGES;
    if (config.MaxMsgs < 1) config.MaxMsgs = 1;
    config.Discard = js_DiscardNew;
    config.Storage = js_FileStorage;
    return ensure_stream(provisioner, &config, err);
}

/* ---- descriptors ---- */

furrow_status furrow_provision_descriptors(furrow_provisioner *provisioner, uint32_t default_replicas,
                                           furrow_error *err)
{
    jsStreamConfig config;
    const char *subjects[] = {FURROW_DESCRIPTOR_SUBJECT ">"};
    init_stream(&config, FURROW_DESCRIPTOR_STREAM, subjects, "contracts as they were provisioned", default_replicas);
    config.MaxMsgsPerSubject = FURROW_DESCRIPTORS_KEPT;
    config.Storage = js_FileStorage;
    return ensure_stream(provisioner, &config, err);
}

static const char *descriptor_subject(const char *service, char out[FURROW_SUBJECT_MAX])
{
    snprintf(out, FURROW_SUBJECT_MAX, FURROW_DESCRIPTOR_SUBJECT "%s", service);
    return out;
}

/*
 * *msg NULL: there is none. A stream that another `furrow provision` has just begun to make must not be asked for its
 * messages (api.h): the look comes first.
 */
static furrow_status read_newest(furrow_provisioner *provisioner, const char *subject, natsMsg **msg, furrow_error *err)
{
    jsErrCode code = 0;
    jsStreamInfo *info = NULL;
    *msg = NULL;
    natsStatus status = js_GetStreamInfo(&info, provisioner->js, FURROW_DESCRIPTOR_STREAM, NULL, &code);
    bool filled = status == NATS_OK && info->State.LastSeq > 0;
    jsStreamInfo_Destroy(info);
    if (filled) status = js_GetLastMsg(msg, provisioner->js, FURROW_DESCRIPTOR_STREAM, subject, NULL, &code);
    if (status == NATS_OK || status == NATS_NOT_FOUND || code == FURROW_JS_NO_STREAM) return FURROW_OK;
    return fail_managing(status, code, "read", subject, err);
}

furrow_status furrow_provisioner_recall(furrow_provisioner *provisioner, const char *service, furrow_arena *arena,
                                        furrow_bytes *set, uint64_t *sequence, furrow_error *err)
{
    char subject[FURROW_SUBJECT_MAX];
    natsMsg *msg;
    *set = (furrow_bytes){0};
    *sequence = 0;
    furrow_status status = read_newest(provisioner, descriptor_subject(service, subject), &msg, err);
    if (status != FURROW_OK || !msg) return status;
    size_t len = (size_t)natsMsg_GetDataLength(msg);
    const void *copy = furrow_arena_memdup(arena, natsMsg_GetData(msg), len);
    *set = (furrow_bytes){copy, len};
    *sequence = natsMsg_GetSequence(msg);
    natsMsg_Destroy(msg);
    return copy ? FURROW_OK : furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "%s: too large", subject);
}

furrow_status furrow_provisioner_remember(furrow_provisioner *provisioner, const char *service, furrow_bytes set,
                                          uint64_t sequence, furrow_error *err)
{
    char subject[FURROW_SUBJECT_MAX];
    jsPubOptions options;
    jsErrCode code = 0;
    provisioner->changes++;
    if (provisioner->only_look) return FURROW_OK;
    jsPubOptions_Init(&options);
    options.ExpectLastSubjectSeq =
        sequence; /* 0 is taken for no expectation: the first of two firsts is then history */
    options.MaxWait = provisioner->timeout_ms;
    natsStatus status = js_Publish(NULL, provisioner->js, descriptor_subject(service, subject), set.data, (int)set.len,
                                   &options, &code);
    if (code == ERR_WRONG_SEQUENCE)
        return furrow_fail(err, FURROW_ABORTED, "%s: somebody else provisions it, too; try again", subject);
    if (status == NATS_NO_RESPONDERS || status == NATS_TIMEOUT)
        return furrow_fail(err, FURROW_UNAVAILABLE,
                           "%s: nobody takes it: has NATS read what `furrow permissions` says now?", subject);
    return status == NATS_OK ? FURROW_OK : fail_managing(status, code, "write", subject, err);
}

furrow_status furrow_provisioner_forget(furrow_provisioner *provisioner, const char *service, furrow_error *err)
{
    char subject[FURROW_SUBJECT_MAX];
    natsMsg *msg;
    jsErrCode code = 0;
    jsOptions options;
    furrow_status found = read_newest(provisioner, descriptor_subject(service, subject), &msg, err);
    if (found != FURROW_OK || !msg) return found;
    natsMsg_Destroy(msg);
    provisioner->changes++;
    if (provisioner->only_look) return FURROW_OK;
    jsOptions_Init(&options);
    options.Stream.Purge.Subject = subject;
    natsStatus status = js_PurgeStream(provisioner->js, FURROW_DESCRIPTOR_STREAM, &options, &code);
    return status == NATS_OK ? FURROW_OK : fail_managing(status, code, "purge", subject, err);
}
