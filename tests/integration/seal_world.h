/** What the tests of sealed private fields share: sealers of the little mesh's counters (log_world.h). */
#ifndef FURROW_TEST_SEAL_WORLD_H
#define FURROW_TEST_SEAL_WORLD_H

#include "log_world.h"

#include <sys/types.h>

extern const char seal_hex[]; /* the usual master key: bytes 0 to 31 */

/* A file of this test's, always the same one. */
const char *seal_key_file(const char *text, size_t len, mode_t mode);
furrow_sealer *seal_open(furrow_entity *keys, const char *path);
furrow_sealer *seal_open_usual(furrow_entity *keys);

furrow_seal_target seal_target_of(furrow_entity *counters, const char *id, const furrow_command *command);

/* Makes counter c1 with the sealed furrow_bytes in @arg as its secret. */
furrow_status seal_decide_secret(void *arg, const furrow_state *current, furrow_arena *arena, furrow_decision *out,
                                 furrow_error *error);

/* What GET answers. */
furrow_bytes seal_redis_dump(log_world *world, const char *key);

#endif
