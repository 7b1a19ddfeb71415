/* What the orchard has of its own beside its contract: nobody fells the oak, whoever asks; and a method that streams. */
#include "orchard/v1/orchard.server.h"

#include <string.h>

static furrow_status spare_the_oak(const furrow_interceptor *self, furrow_call *call, furrow_error *err)
{
    if (strcmp(furrow_call_method(call)->name, "FellTree") == 0) {
        const Orchard__V1__FellTreeRequest *request = (const Orchard__V1__FellTreeRequest *)furrow_call_request(call);
        if (strcmp(request->id, self->ctx) == 0)
            return furrow_fail(err, FURROW_PERMISSION_DENIED, "nobody fells the %s", request->id);
    }
    return furrow_interceptor_next(self, call, err);
}

static char oak[] = "OAK";
static const furrow_interceptor_ops sparing = {.call = spare_the_oak};
static const furrow_interceptor interceptors[] = {{.name = "oak", .ops = &sparing, .ctx = oak}, {0}};

furrow_status orchard_count_trees(furrow_call *call, const Orchard__V1__CountTreesRequest *request, furrow_error *err)
{
    Orchard__V1__CountedTree tree = ORCHARD__V1__COUNTED_TREE__INIT;
    furrow_status status = FURROW_OK;
    while (status == FURROW_OK && tree.number < request->count) {
        tree.number++;
        status = orchard_count_trees_send(call, &tree, err);
    }
    return status;
}

const furrow_startup orchard_startup = {.interceptors = interceptors};
