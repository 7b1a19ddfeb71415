/* A reaction's trace: its event's, found in the log when it is wanted and not before. */
#include "replica_mesh.h"

#include "wire/trace.h"

#define PARENT(n) "00-4bf92f3577b34da6a3ce929d0e0e470" #n "-00f067aa0ba902b7-01"

/* What the handler of this process has seen. */
typedef struct seen_traces {
    size_t count, refused, refuse; /* so many calls are to fail first */
    bool asks;
    uint64_t version;
    char parent[FURROW_TRACE_PARENT_SIZE], state[600];
} seen_traces;

static furrow_status look(void *user, const furrow_change *change, furrow_arena *arena, furrow_error *err)
{
    seen_traces *seen = user;
    (void)arena;
    if (seen->refused < seen->refuse) {
        seen->refused++;
        return furrow_fail(err, FURROW_UNAVAILABLE, "not yet");
    }
    for (int time = 0; seen->asks && time < 2; time++) { /* the second is not looked for again */
        const furrow_trace *trace = furrow_trace_current();
        snprintf(seen->parent, sizeof seen->parent, "%s", trace ? trace->parent : "");
        snprintf(seen->state, sizeof seen->state, "%s", trace ? trace->state : "");
    }
    seen->version = change->version;
    seen->count++;
    return FURROW_OK;
}

static uint64_t put(test_mesh *mesh, const char *name, const furrow_header headers[], size_t count)
{
    test_person person = REPLICATEST__V1__PERSON__INIT;
    uint8_t body[256];
    furrow_js_puback ack;
    furrow_error err = {0};
    person.id = "e1";
    person.display_name = (char *)name;
    person.crew = "night";
    furrow_js_publish_options options = {
        .expected_seq = FURROW_JS_ANY_SEQUENCE, .headers = headers, .header_count = count};
    furrow_bytes bytes = {body, replicatest__v1__person__pack(&person, body)};
    furrow_status status = furrow_js_publish(mesh->link, "replicatest.v1.Person.e1", bytes, &options,
                                             furrow_clock_in_ms(40000), &ack, &err);
    ck_assert_msg(status == FURROW_OK, "%s", err.text);
    return ack.sequence;
}

static void on_get(void *arg, furrow_msg *msg)
{
    size_t *asked = arg;
    *asked += msg->data.len > 6 && strncmp(msg->data.data, "{\"seq\"", 6) == 0;
    furrow_msg_free(msg);
}

static void finds_it(test_mesh *mesh)
{
    static seen_traces seen = {.asks = true};
    const furrow_header one[] = {{"traceparent", PARENT(1)}, {"tracestate", "a=1"}},
                        two[] = {{"traceparent", PARENT(2)}};
    size_t asked = 0;
    furrow_subscription *heard =
        furrow_link_subscribe(mesh->link, "$JS.API.STREAM.MSG.GET.PERSON", NULL, on_get, &asked, NULL);
    ck_assert_ptr_nonnull(heard);
    furrow_replica *replica = mesh_replica(mesh, (furrow_replica_options){.react = look, .user = &seen});
    mesh_await_ready(replica);
    uint64_t version = put(mesh, "Ana", one, 2);
    AWAIT(seen.version == version);
    ck_assert_str_eq(seen.parent, PARENT(1));
    ck_assert_str_eq(seen.state, "a=1");
    version = put(mesh, "Bo", two, 1);
    AWAIT(seen.version == version);
    ck_assert_str_eq(seen.parent, PARENT(2));
    ck_assert_str_eq(seen.state, "");
    version = mesh_put(mesh, "e1", "Cy", 1);
    AWAIT(seen.version == version);
    ck_assert_str_eq(seen.parent, "");
    AWAIT(asked == 3); /* once for each, however often the handler wants to know */
    /* Of changes that are merged it is the newest's; one that wants none asks for none. */
    seen.refused = 0;
    seen.refuse = 1;
    (void)put(mesh, "Dan", one, 2);
    AWAIT(seen.refused == 1);
    version = put(mesh, "Eve", two, 1);
    AWAIT(seen.version == version);
    ck_assert_str_eq(seen.parent, PARENT(2));
    AWAIT(asked == seen.count);
    size_t before = asked;
    seen.asks = false;
    version = put(mesh, "Fay", one, 2);
    AWAIT(seen.version == version);
    seen.asks = true;
    version = put(mesh, "Gus", one, 2);
    AWAIT(seen.version == version);
    AWAIT(asked > before);
    ck_assert_uint_eq(asked, before + 1);
    furrow_subscription_destroy(heard);
    mesh_end(replica);
}

START_TEST(a_reaction_is_of_the_trace_of_its_event)
{
    mesh_run(NULL, finds_it);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("reaction trace");
    TCase *tests = tcase_create("reaction trace");
    tcase_set_timeout(tests, 90);
    tcase_add_test(tests, a_reaction_is_of_the_trace_of_its_event);
    suite_add_tcase(suite, tests);
    return mesh_main(suite, NULL);
}
