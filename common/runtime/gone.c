/* Is another process of the service gone? See furrow_is_gone_fn of replica.h. May depend on: assembly. */
#include "base/clock.h"
#include "runtime/assembly.h"

#include <stdio.h>
#include <string.h>

#define ASK_MS 500

/* A process answers for its health on a subject of its own; of one that is gone NATS knows that nobody listens there. */
bool furrow_assembly_is_gone(void *user, const char *instance)
{
    furrow_service *service = user;
    char subject[FURROW_SUBJECT_MAX];
    furrow_error err = {0};
    FURROW_AUTO(furrow_msg) reply = NULL;
    uint64_t reconnects = furrow_link_reconnects(service->link);
    int len = snprintf(subject, sizeof subject, "furrow.v1.Health.%s.%s", service->definition->name, instance);
    if (len < 0 || (size_t)len >= sizeof subject || !furrow_link_connected(service->link)) return false;
    furrow_status status = furrow_link_request(service->link, &(furrow_outgoing){.subject = subject},
                                               furrow_clock_in_ms(ASK_MS), &reply, &err);
    bool same = furrow_link_connected(service->link) && furrow_link_reconnects(service->link) == reconnects;
    return same && status == FURROW_UNAVAILABLE && strstr(err.text, "no responders") != NULL;
}
