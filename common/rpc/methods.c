/* Open addressing over FNV-1a; see methods.h. Depends on wire's contracts. */
#include "rpc/methods.h"

#include "base/hash.h"
#include "base/status.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define METHODS_MAX 16384

static size_t hash(const char *name)
{
    return furrow_hash_quick(FURROW_HASH_QUICK, furrow_bytes_of(name));
}

bool furrow_methods_init(furrow_methods *methods, const furrow_service_contract *service)
{
    size_t slots = 4;
    FURROW_REQUIRE(service->method_count <= METHODS_MAX);
    while (slots < 2 * service->method_count) slots *= 2;
    *methods = (furrow_methods){.service = service, .mask = slots - 1, .slots = calloc(slots, sizeof(uint16_t))};
    if (!methods->slots) return false;
    for (size_t i = 0; i < service->method_count; i++) {
        size_t at = hash(service->methods[i].name) & methods->mask;
        while (methods->slots[at] != 0) at = (at + 1) & methods->mask;
        methods->slots[at] = (uint16_t)(i + 1);
    }
    return true;
}

void furrow_methods_fini(furrow_methods *methods)
{
    free(methods->slots);
    methods->slots = NULL;
}

size_t furrow_methods_find(const furrow_methods *methods, const char *name)
{
    for (size_t at = hash(name) & methods->mask; methods->slots[at] != 0; at = (at + 1) & methods->mask) {
        size_t index = methods->slots[at] - 1u;
        if (strcmp(methods->service->methods[index].name, name) == 0) return index;
    }
    return FURROW_METHOD_NONE;
}

void furrow_methods_list(const furrow_methods *methods, char *out, size_t size)
{
    static const char more[] = ", ...";
    size_t used = 0;
    out[0] = '\0';
    for (size_t i = 0; i < methods->service->method_count; i++) {
        const char *name = methods->service->methods[i].name;
        bool last = i + 1 == methods->service->method_count;
        if (used + strlen(name) + 2 + (last ? 1 : sizeof more) > size) {
            snprintf(out + used, size - used, "%s", used > 0 ? more : "...");
            return;
        }
        used += (size_t)snprintf(out + used, size - used, "%s%s", used > 0 ? ", " : "", name);
    }
}
