/*
 * Slow or lost? A connection or a process that dies takes events with it that the durable holds back until its ack wait
 * is over; a ready replica does not wait for that. But what is only slow comes by itself, and is not to be read twice. No
 * clock tells the one from the other; the durable does: it says how many it has delivered and not yet got an ack for,
 * and each process says how many it has in hand. Only when there are more of the former, look after look, while nothing
 * moves, some are in nobody's hands. What a process has in hand it has to have said since nothing moves: one that has
 * stopped for a while still has its own, perhaps more than it said last; whether it is gone, NATS knows.
 *
 *   ack_pending  =  in our hands + in the others' hands + on the way (moves) + lost (does not)
 *
 * On a busy stream nothing ever stands still but the floor, under which the lost one lies: when that has not moved for a
 * second, it alone counts. Who is slow has all that there is in hand by then, and gets no more.
 *
 * What was read aside stays unacked until the ack wait is over, and so does the ack floor where it is: meanwhile it is
 * enough that the floor does not move.
 */
#include "replica/inside.h"

#define ACK_WAIT_NS (35 * FURROW_NS_PER_S) /* of our durables, and a little */
#define FLOOR_NS    FURROW_NS_PER_S        /* for so long the floor does not move where all is well */

/* Nothing has happened since the last look; or, for long enough, not to the floor. */
static bool stands_still(furrow_replica *replica)
{
    const furrow_js_consumer_state *consumer = &replica->consumer;
    furrow_lost *lost = &replica->lost;
    uint64_t now = furrow_clock_now_ns();
    bool floor_same = lost->floor_seq == consumer->ack_floor_seq;
    if (!floor_same) lost->floor_ns = now;
    bool same = floor_same && lost->delivered_seq == consumer->delivered_seq &&
                lost->ack_pending == consumer->ack_pending && lost->received == replica->stats.received;
    lost->floor_seq = consumer->ack_floor_seq;
    lost->delivered_seq = consumer->delivered_seq;
    lost->ack_pending = consumer->ack_pending;
    lost->received = replica->stats.received;
    return same || (floor_same && (now < lost->lingers_ns || now - lost->floor_ns >= FLOOR_NS));
}

static bool some_are_nowhere(furrow_replica *replica)
{
    return replica->consumer.ack_pending > replica->intake.in_hand + furrow_steward_in_hands(replica);
}

/* What a process has in hand is known when it has said so since all stands still, or when it is gone. */
static bool hands_are_known(furrow_replica *replica)
{
    if (furrow_steward_heard_all(replica, replica->lost.since)) return true;
    furrow_replica_rouse(&replica->beside.steward);
    furrow_steward_ask(replica);
    return furrow_steward_heard_all(replica, replica->lost.since);
}

bool furrow_lost_is(furrow_replica *replica, uint64_t floor, unsigned looks)
{
    furrow_lost *lost = &replica->lost;
    if (!stands_still(replica) || floor >= replica->consumer.delivered_seq) {
        lost->looks = 0;
        return false;
    }
    if (lost->looks == 0) {
        lost->since = replica->beside.looks;
        furrow_replica_rouse(&replica->beside.steward);
    }
    if (lost->looks + 1 < looks) {
        lost->looks++;
        return false;
    }
    if (!hands_are_known(replica)) return false;
    if (!some_are_nowhere(replica)) furrow_steward_ask(replica);
    lost->looks = some_are_nowhere(replica) ? looks : 0;
    return lost->looks == looks;
}

void furrow_lost_settled(furrow_replica *replica)
{
    replica->lost.looks = 0;
    replica->lost.lingers_ns = furrow_clock_now_ns() + ACK_WAIT_NS;
}
