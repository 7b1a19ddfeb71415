/* See fault.h. The environment is read each time: whoever plants faults does not mind. */
#include "base/fault.h"

#include "base/bytes.h"
#include "base/number.h"

#include <stdlib.h>
#include <string.h>

#ifdef FURROW_FAULT_POINTS

enum { POINTS = 16 };

/* How often each has been asked for; they are few, and their names are literals. */
static unsigned *count_of(const char *name)
{
    static struct {
        const char *name;
        unsigned asked;
    } points[POINTS];
    size_t at = 0;
    while (at + 1 < POINTS && points[at].name && strcmp(points[at].name, name) != 0) at++;
    points[at].name = name;
    return &points[at].asked;
}

bool furrow_fault(const char *name)
{
    const char *on = getenv("FURROW_FAULTS");
    for (size_t len; on && *on; on += len + (on[len] == ',')) {
        len = strcspn(on, ",");
        size_t name_len = strcspn(on, ",:");
        uint64_t every = 1;
        if (!furrow_bytes_is((furrow_bytes){on, name_len}, name)) continue;
        if (name_len < len &&
            !furrow_number_parse((furrow_bytes){on + name_len + 1, len - name_len - 1}, UINT32_MAX, &every))
            return false;
        return every > 0 && ++*count_of(name) % every == 0;
    }
    return false;
}

#endif
