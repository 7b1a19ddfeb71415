/* See reflection.h. The set is united once, from what each contract brings (wire/descriptor.h), and answered as it is. */
#include "runtime/reflection.h"

#include "base/buffer.h"
#include "wire/descriptor.h"

#include <stdio.h>
#include <stdlib.h>

#define SET_MAX      ((size_t)1000 << 10) /* nats-server's max_payload is 1 MiB, unless configured otherwise */
#define SERVICES_MAX 64

struct furrow_reflection {
    furrow_link *link;
    furrow_server *server;
    furrow_subscription *subscription;
    furrow_buffer set;
};

/* Bounded like any large answer: an asker who reads none of them must not hold others up. */
static void on_reflection(void *arg, furrow_msg *request)
{
    furrow_reflection *reflection = arg;
    FURROW_AUTO(furrow_msg) msg = request;
    const furrow_header type = {.name = FURROW_HEADER_CONTENT_TYPE, .value = FURROW_TYPE_PROTOBUF};
    furrow_error lost; /* an unsent answer is the asker's time-out */
    if (!furrow_subject_is_inbox(msg->reply)) return;
    if (!furrow_server_may_tell(reflection->server, msg->reply, reflection->set.len)) return;
    (void)!furrow_link_publish(reflection->link,
                               &(furrow_outgoing){.subject = msg->reply,
                                                  .headers = &type,
                                                  .header_count = 1,
                                                  .data = {reflection->set.data, reflection->set.len}},
                               &lost);
}

static furrow_status unite_sets(furrow_reflection *reflection, furrow_error *err)
{
    furrow_bytes sets[SERVICES_MAX];
    size_t count = furrow_server_services(reflection->server);
    if (count > SERVICES_MAX)
        return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "more than %d contracts", SERVICES_MAX);
    for (size_t i = 0; i < count; i++) sets[i] = *furrow_server_service(reflection->server, i)->service->descriptors;
    return furrow_descriptor_unite(sets, count, &reflection->set, err);
}

furrow_reflection *furrow_reflection_create(furrow_link *link, furrow_server *server, const char *service,
                                            furrow_error *err)
{
    char subject[FURROW_SUBJECT_MAX];
    furrow_reflection *made = calloc(1, sizeof *made);
    if (!made) {
        furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "out of memory");
        return NULL;
    }
    *made = (furrow_reflection){.link = link, .server = server};
    furrow_buffer_init(&made->set, SET_MAX);
    snprintf(subject, sizeof subject, FURROW_DESCRIPTOR_REFLECTION "%s", service);
    furrow_subscribe_options options = {.queue = service, .max_per_turn = 64};
    if (unite_sets(made, err) == FURROW_OK)
        made->subscription = furrow_link_subscribe(link, subject, &options, on_reflection, made, err);
    if (made->subscription) return made;
    furrow_reflection_destroy(made);
    return NULL;
}

void furrow_reflection_destroy(furrow_reflection *reflection)
{
    if (!reflection) return;
    if (reflection->subscription) furrow_subscription_destroy(reflection->subscription);
    furrow_buffer_fini(&reflection->set);
    free(reflection);
}
