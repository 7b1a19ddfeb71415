/*
 * furrow rebuild: a service builds what it keeps of an entity anew from the log, or one record of it. The service itself
 * does it; the tool tells how far it is.
 */
#include "cli/cli.h"

#include "base/clock.h"
#include "base/id.h"
#include "cli/contracts.h"
#include "cli/replay.h"
#include "wire/json.h"

#include <string.h>
#include <unistd.h>

#define HEALTH_MS 1000
#define AGAIN_MS  200

typedef struct rebuild {
    cli *tool;
    const char *service, *entity, *stream, *id;
    replay_request asked;
    char state[32];
    bool json;
    int64_t position, goal;
    furrow_arena *arena;
} rebuild;

static bool is_called(const char *wanted, const char *name, const char *short_name)
{
    return strcmp(wanted, name) == 0 || strcmp(wanted, short_name) == 0;
}

/* What @service owns or keeps of @wanted. */
static bool find_wanted(rebuild *self, const char *wanted)
{
    for (size_t f = 0; f < cli_contract_count; f++) {
        for (size_t i = 0; i < cli_contracts[f]->entity_count; i++) {
            const furrow_entity_contract *own = cli_contracts[f]->entities[i];
            if (strcmp(own->owner, self->service) != 0 || !is_called(wanted, own->name, own->short_name)) continue;
            self->entity = own->name;
            self->stream = own->stream;
        }
        for (size_t i = 0; i < cli_contracts[f]->replica_count; i++) {
            const furrow_replica_contract *kept = cli_contracts[f]->replicas[i];
            if (strcmp(kept->service, self->service) != 0 || !is_called(wanted, kept->entity, kept->short_name))
                continue;
            self->entity = kept->entity;
            self->stream = kept->stream;
        }
    }
    return self->entity != NULL;
}

static void on_replica_progress(void *arg, furrow_bytes name, furrow_bytes value)
{
    rebuild *self = arg;
    char *stream = NULL, *state = NULL;
    (void)name;
    if (!furrow_json_find_text(value, "stream", self->arena, &stream) || strcmp(stream, self->stream) != 0) return;
    if (furrow_json_find_text(value, "state", self->arena, &state))
        snprintf(self->state, sizeof self->state, "%s", state);
    (void)furrow_json_find_int(value, "position", &self->position);
    (void)furrow_json_find_int(value, "goal", &self->goal);
}

/* The process that was asked, how far it is. */
static void look_at_rebuild(rebuild *self)
{
    char subject[FURROW_SUBJECT_MAX];
    furrow_error err;
    FURROW_AUTO(furrow_msg) reply = NULL;
    snprintf(subject, sizeof subject, "furrow.v1.Health.%s.%s", self->service, self->asked.instance);
    furrow_outgoing out = {.subject = subject};
    furrow_arena_reset(self->arena);
    snprintf(self->state, sizeof self->state, "no answer");
    if (furrow_link_request(self->tool->link, &out, furrow_clock_in_ms(HEALTH_MS), &reply, &err) == FURROW_OK)
        (void)furrow_json_each(reply->data, "replicas", on_replica_progress, self);
}

/* One line that changes, for a person; a line each time otherwise. */
static void tell_progress(const rebuild *self, int64_t *told)
{
    if (self->position == *told) return;
    *told = self->position;
    if (self->json) {
        printf("{\"service\":\"%s\",\"entity\":\"%s\",\"position\":%lld,\"goal\":%lld}\n", self->service, self->entity,
               (long long)self->position, (long long)self->goal);
        fflush(stdout);
        return;
    }
    printf("%s%s of %s: %lld of %lld events%s", isatty(STDOUT_FILENO) ? "\r" : "", self->entity, self->service,
           (long long)self->position, (long long)self->goal, isatty(STDOUT_FILENO) ? " " : "\n");
    fflush(stdout);
}

static int follow_rebuild(rebuild *self, int64_t wait_s)
{
    uint64_t until = furrow_clock_now_ns() + (uint64_t)wait_s * FURROW_NS_PER_S;
    int64_t told = -1;
    look_at_rebuild(self);
    while (strcmp(self->state, "ready") != 0) {
        tell_progress(self, &told);
        if (furrow_clock_now_ns() >= until)
            return cli_fail(self->tool, 1, "%s of %s is not ready yet: %s", self->entity, self->service, self->state);
        furrow_task_sleep_ms(AGAIN_MS);
        look_at_rebuild(self);
    }
    tell_progress(self, &told);
    if (self->json)
        printf("{\"service\":\"%s\",\"entity\":\"%s\",\"ready\":true}\n", self->service, self->entity);
    else
        printf("%s%s of %s is built anew\n", isatty(STDOUT_FILENO) ? "\n" : "", self->entity, self->service);
    return self->tool->exit_code;
}

/* Of --dry-run: contracts alone say it, nobody is asked. */
static int tell_plan(const rebuild *self)
{
    const char *id = self->id ? self->id : "";
    if (self->json)
        printf("{\"service\":\"%s\",\"entity\":\"%s\",\"id\":\"%s\",\"dry_run\":true}\n", self->service, self->entity,
               id);
    else
        printf("%s would build %s%s%s anew from stream %s\n", self->service, self->entity, id[0] ? " " : "", id,
               self->stream);
    return 0;
}

int cli_rebuild(cli *tool)
{
    rebuild self = {.tool = tool, .stream = "", .json = cli_flag(tool, "--json")};
    int64_t wait_s = cli_number(tool, "--wait");
    char about[FURROW_SUBJECT_MAX] = "";
    furrow_error err;
    self.service = tool->argv[0];
    self.id = tool->argc > 2 ? tool->argv[2] : NULL;
    if (!find_wanted(&self, tool->argv[1]))
        return cli_fail(tool, 2, "%s keeps nothing of %s (FURROW_CONTRACTS adds contracts)", self.service,
                        tool->argv[1]);
    if (self.id && !furrow_id_valid(self.id, strlen(self.id))) return cli_fail(tool, 2, "%s: no id", self.id);
    FURROW_AUTO(furrow_arena) arena = furrow_arena_create(0);
    FURROW_REQUIRE(arena);
    self.arena = arena;
    if (cli_flag(tool, "--dry-run")) return tell_plan(&self);
    if (!cli_connect(tool)) return tool->exit_code;
    if (self.id) snprintf(about, sizeof about, "%s.%s", self.entity, self.id);
    self.asked = (replay_request){.service = self.service, .stream = self.stream, .subject = about, .kind = "rebuild"};
    if (replay_ask(tool, &self.asked, &err) != FURROW_OK) return cli_fail_error(tool, self.service, &err);
    if (!self.id) return follow_rebuild(&self, wait_s);
    if (self.json)
        printf("{\"service\":\"%s\",\"entity\":\"%s\",\"id\":\"%s\",\"version\":\"%llu\"}\n", self.service, self.entity,
               self.id, (unsigned long long)self.asked.version);
    else
        printf("%s %s of %s is version %llu\n", self.entity, self.id, self.service,
               (unsigned long long)self.asked.version);
    return tool->exit_code;
}
