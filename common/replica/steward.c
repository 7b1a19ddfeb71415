/*
 * The steward: one task per replica that says every second that this process keeps the table, in what shape, and how
 * much it has in hand; and sees who else does (store/generation.h). A generation whose processes have all ended, or say
 * nothing new for FURROW_PEER_DEAD looks, it retires and clears away, once our own can be read: so there is always one
 * that can. If the durable was its, it is ours then (beside.c).
 *
 * Looks are counted, not seconds: a process that was stopped itself has not seen others be silent meanwhile.
 */
#include "replica/inside.h"

#include "base/number.h"

#include <stdio.h>
#include <string.h>

#define TICK_MS        1000
#define STILL_NS       (TICK_MS * FURROW_NS_PER_MS / 10 * 9) /* from one look that counts to the next */
#define ASK_LOOKS      2                                     /* silent for so long: it is asked for */
#define KNOWN_MS       (2 * TICK_MS + 500)
#define SPREAD_MS      500
#define SPREAD_LOOK_MS 4
#define ANSWER_NS      (100 * FURROW_NS_PER_MS) /* left of a call's time */
#define ARENA_BYTES    ((size_t)4 << 20)

static bool is_serving(const furrow_replica *replica)
{
    return replica->phase == FURROW_PHASE_GUARD && furrow_table_trusted(replica->table);
}

/* ---- the others ---- */

static furrow_peer *find_peer(furrow_beside *beside, const furrow_generation_holder *holder)
{
    for (size_t i = 0; i < beside->peer_count; i++)
        if (beside->peers[i].generation == holder->generation &&
            strcmp(beside->peers[i].instance, holder->instance) == 0)
            return &beside->peers[i];
    if (beside->peer_count == FURROW_PEERS_MAX) return NULL;
    furrow_peer *peer = &beside->peers[beside->peer_count++];
    *peer = (furrow_peer){.generation = holder->generation};
    snprintf(peer->instance, sizeof peer->instance, "%s", holder->instance);
    return peer;
}

/* "<word> <in hand> <ready>" */
static void understand(furrow_peer *peer)
{
    const char *hand = strchr(peer->word, ' '), *ready = hand ? strchr(hand + 1, ' ') : NULL;
    uint64_t number = 0;
    if (ready) (void)furrow_number_parse((furrow_bytes){hand + 1, (size_t)(ready - hand) - 1}, UINT32_MAX, &number);
    peer->in_hand = (size_t)number;
    peer->ready = ready && ready[1] == '1';
}

static void note(furrow_beside *beside, const furrow_generation_holder *holder)
{
    furrow_peer *peer = find_peer(beside, holder);
    if (!peer) return;
    uint64_t now = furrow_clock_now_ns();
    peer->listed = true;
    if (strcmp(peer->word, holder->word) == 0) {
        if (now - peer->still_ns < STILL_NS) return; /* we were roused: it has had no time to say more */
        peer->still_ns = now;
        peer->still++;
        return;
    }
    peer->still_ns = now;
    peer->still = 0;
    peer->heard = beside->looks;
    peer->gone = false;
    snprintf(peer->word, sizeof peer->word, "%s", holder->word);
    understand(peer);
}

static void note_generations(furrow_beside *beside, const furrow_generations *seen)
{
    beside->alone = true;
    for (int g = 0; g < FURROW_GENERATIONS_MAX; g++)
        if (g != seen->ours && seen->of[g].shape[0]) beside->alone = false;
}

static void note_all(furrow_replica *replica, const furrow_generations *seen)
{
    furrow_beside *beside = &replica->beside;
    size_t kept = 0;
    beside->looks++;
    for (size_t i = 0; i < beside->peer_count; i++) beside->peers[i].listed = false;
    for (size_t i = 0; i < seen->holder_count; i++)
        if (strcmp(seen->holders[i].instance, replica->options.instance) != 0) note(beside, &seen->holders[i]);
    for (size_t i = 0; i < beside->peer_count; i++)
        if (beside->peers[i].listed) beside->peers[kept++] = beside->peers[i];
    beside->peer_count = kept;
    note_generations(beside, seen);
}

static void ask_for(furrow_replica *replica, furrow_peer *peer)
{
    char instance[sizeof peer->instance];
    if (!replica->options.is_gone || peer->gone) return;
    snprintf(instance, sizeof instance, "%s", peer->instance);
    bool gone = replica->options.is_gone(replica->options.user, instance);
    for (size_t i = 0; gone && i < replica->beside.peer_count; i++) /* the list may have changed meanwhile */
        if (strcmp(replica->beside.peers[i].instance, instance) == 0) replica->beside.peers[i].gone = true;
}

void furrow_steward_ask(furrow_replica *replica)
{
    for (size_t i = 0; i < replica->beside.peer_count; i++)
        if (replica->beside.peers[i].generation == furrow_table_generation(replica->table))
            ask_for(replica, &replica->beside.peers[i]);
}

/* One that NATS does not know may have lost no more than its connection: then it goes on saying that it is there. */
static bool is_dead(const furrow_peer *peer)
{
    return (peer->gone && peer->still >= ASK_LOOKS) || peer->still >= FURROW_PEER_DEAD;
}

static bool has_hands(const furrow_replica *replica, const furrow_peer *peer)
{
    return peer->generation == furrow_table_generation(replica->table) && !is_dead(peer) && !peer->gone;
}

size_t furrow_steward_in_hands(furrow_replica *replica)
{
    size_t sum = 0;
    for (size_t i = 0; i < replica->beside.peer_count; i++)
        if (has_hands(replica, &replica->beside.peers[i])) sum += replica->beside.peers[i].in_hand;
    return sum;
}

/* What is seen at the next look may have been said before; what is new at the one after it was not. */
bool furrow_steward_heard_all(furrow_replica *replica, uint64_t since)
{
    for (size_t i = 0; i < replica->beside.peer_count; i++)
        if (has_hands(replica, &replica->beside.peers[i]) && replica->beside.peers[i].heard < since + 2) return false;
    return true;
}

static size_t list_served(const furrow_replica *replica, int generations[FURROW_GENERATIONS_MAX])
{
    size_t count = 0;
    bool listed[FURROW_GENERATIONS_MAX] = {[0] = false};
    for (size_t i = 0; i < replica->beside.peer_count; i++) {
        const furrow_peer *peer = &replica->beside.peers[i];
        if (!peer->ready || peer->still > ASK_LOOKS || is_dead(peer) || listed[peer->generation]) continue;
        if (peer->generation == furrow_table_generation(replica->table)) continue;
        listed[peer->generation] = true;
        generations[count++] = peer->generation;
    }
    return count;
}

void furrow_steward_spread(furrow_replica *replica, const char *id, uint64_t version)
{
    int generations[FURROW_GENERATIONS_MAX];
    uint64_t versions[FURROW_GENERATIONS_MAX], until_ns = furrow_clock_in_ms(SPREAD_MS);
    size_t count = replica->beside.alone ? 0 : list_served(replica, generations);
    uint64_t deadline_ns = furrow_task_deadline();
    if (deadline_ns != FURROW_NEVER && deadline_ns - ANSWER_NS < until_ns) until_ns = deadline_ns - ANSWER_NS;
    while (count > 0 && furrow_clock_now_ns() < until_ns && !replica->draining) {
        if (furrow_generation_versions(replica->table, id, generations, count, versions, NULL) != FURROW_OK) return;
        size_t left = 0;
        for (size_t i = 0; i < count; i++)
            if (versions[i] < version) generations[left++] = generations[i];
        count = left;
        if (count > 0) furrow_task_sleep_ms(SPREAD_LOOK_MS);
    }
}

/* ---- our own place ---- */

static furrow_status claim(furrow_replica *replica, bool allocate, furrow_arena *arena, furrow_generations *seen,
                           furrow_error *err)
{
    char word[48];
    bool ready = is_serving(replica) && !replica->draining;
    snprintf(word, sizeof word, "%llu %zu %d", (unsigned long long)++replica->beside.word, replica->intake.in_hand,
             ready);
    if (!ready)
        replica->beside.announced_ns = 0;
    else if (!replica->beside.announced_ns)
        replica->beside.announced_ns = furrow_clock_now_ns();
    furrow_generation_claim what = {
        .shape = replica->shape, .instance = replica->options.instance, .word = word, .allocate = allocate};
    return furrow_generation_claim_one(replica->table, &what, arena, seen, err);
}

/* Elsewhere than before: all that is known of the table was of other keys. */
static void move_to(furrow_replica *replica, int generation)
{
    furrow_feed_close(replica);
    furrow_table_doubt(replica->table, "they are kept in another place");
    furrow_table_adopt(replica->table, "");
    replica->build[0] = '\0';
    furrow_table_place(replica->table, generation);
}

/*
 * An owner's records may be all that is left of what the log has lost. So who begins to keep them in another shape looks
 * at what those have that are there.
 */
static furrow_status look_at_elder(furrow_replica *replica, const furrow_generations *seen, furrow_error *err)
{
    replica->sight.elder = (furrow_marker){.found = false};
    bool other = seen->durable >= 0 && seen->durable != seen->ours && !seen->of[seen->durable].clearing[0];
    if (!replica->sight.own || !other) return FURROW_OK;
    return furrow_generation_marker(replica->table, seen->durable, &replica->sight.elder, err);
}

furrow_status furrow_steward_claim(furrow_replica *replica, furrow_error *err)
{
    furrow_generations seen;
    FURROW_AUTO(furrow_arena) arena = furrow_arena_create(ARENA_BYTES);
    if (!arena) return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "out of memory");
    furrow_status status = claim(replica, true, arena, &seen, err);
    if (status != FURROW_OK) return status;
    if (seen.ours < 0)
        return furrow_fail(err, FURROW_UNAVAILABLE, "%s is kept in %d other shapes: stop processes of some of them",
                           replica->about.entity, FURROW_GENERATIONS_MAX);
    if (seen.ours != furrow_table_generation(replica->table)) move_to(replica, seen.ours);
    note_generations(&replica->beside, &seen);
    replica->beside.heir = seen.durable == seen.ours && seen.behind;
    replica->beside.leads = seen.durable == seen.ours && !seen.behind;
    replica->beside.durable = replica->beside.leads && !replica->options.own;
    return look_at_elder(replica, &seen, err);
}

/*
 * Who serves beside another generation waits until its processes know: from then on their commands are answered when we
 * have them, too.
 */
bool furrow_steward_may_serve(const furrow_replica *replica)
{
    const furrow_beside *beside = &replica->beside;
    if (beside->alone) return true;
    return beside->announced_ns && furrow_clock_now_ns() - beside->announced_ns > KNOWN_MS * FURROW_NS_PER_MS;
}

void furrow_steward_release(furrow_replica *replica, uint64_t deadline_ns)
{
    if (!furrow_store_connected(replica->store)) return; /* it is missed soon enough */
    uint64_t before = furrow_task_set_deadline(deadline_ns);
    (void)!furrow_generation_release(replica->table, replica->options.instance, NULL);
    (void)furrow_task_set_deadline(before);
}

/* ---- those that nobody keeps ---- */

static bool is_generation_kept(furrow_replica *replica, const furrow_generations *seen, int generation)
{
    for (size_t i = 0; i < seen->holder_count; i++) {
        if (seen->holders[i].generation != generation) continue;
        furrow_peer *peer = find_peer(&replica->beside, &seen->holders[i]);
        if (!peer) return true; /* one more than are told apart */
        if (peer->still >= ASK_LOOKS) ask_for(replica, peer);
        if (!is_dead(peer)) return true;
    }
    return false;
}

static furrow_status tidy(furrow_replica *replica, furrow_generations *seen, furrow_error *err)
{
    for (int g = 0; g < FURROW_GENERATIONS_MAX; g++) {
        const furrow_generation *it = &seen->of[g];
        bool done = false;
        furrow_status status = FURROW_OK;
        if (g == seen->ours || !it->shape[0]) continue;
        if (it->clearing[0])
            status = furrow_generation_clear(replica->table, seen, g, err);
        else if (!is_generation_kept(replica, seen, g))
            status = furrow_generation_retire(replica->table, seen, g, &done, err);
        if (status != FURROW_OK) return status;
        if (done) furrow_replica_nudge(replica); /* the durable may be ours now */
    }
    return FURROW_OK;
}

static furrow_status tick(furrow_replica *replica, furrow_error *err)
{
    furrow_generations seen;
    FURROW_AUTO(furrow_arena) arena = furrow_arena_create(ARENA_BYTES);
    if (!arena) return furrow_fail(err, FURROW_RESOURCE_EXHAUSTED, "out of memory");
    furrow_status status = claim(replica, false, arena, &seen, err);
    if (status != FURROW_OK) return status;
    note_all(replica, &seen);
    if (seen.ours != furrow_table_generation(replica->table) && replica->build[0]) {
        furrow_table_doubt(replica->table, "their generation has ended");
        furrow_replica_nudge(replica);
    }
    return is_serving(replica) && seen.ours == furrow_table_generation(replica->table) ? tidy(replica, &seen, err)
                                                                                       : FURROW_OK;
}

void furrow_steward_keep(void *arg)
{
    furrow_replica *replica = arg;
    while (!replica->stopping && !replica->draining) {
        if (furrow_store_connected(replica->store)) (void)!tick(replica, NULL); /* again in a second */
        furrow_replica_rest(replica, &replica->beside.steward, TICK_MS);
    }
    furrow_replica_task_ended(replica);
}
