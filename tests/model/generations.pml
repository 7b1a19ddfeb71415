/*
 * Generations of common/replica/README.md, as a model for spin (https://spinroot.com): one process keeps a table in the old
 * shape, fed by the durable consumer; one keeps it in the newer shape beside, by own reading, and retires the old one
 * at any time, since it has ended or is taken for dead, though it may still have an event in hand and go on later. The
 * newer one may crash at every step. Faults of Redis and of the log are replica.pml's.
 *
 * What is checked: what the durable was acked of is in the generation whose it is, once that has settled; and at rest
 * all that is in the log is there.
 */
#ifndef EVENTS
#define EVENTS 4
#endif
#ifndef CRASHES
#define CRASHES 2
#endif
#define PENDING 0
#define GIVEN   1
#define ACKED   2

byte last, state[EVENTS + 1], delivered; /* the log, and its durable */
bit rec0[EVENTS + 1], rec1[EVENTS + 1];  /* the records of either shape */
bit alive0 = 1;                          /* the old build is somebody's */
bit durable, behind;                     /* of @generations */
byte position;                           /* of the newer generation's marker */
byte crashes;

#ifdef WITHOUT_REFUSAL
#define IS_TAKEN 1
#else
#define IS_TAKEN alive0
#endif
#ifdef WITHOUT_SETTLING
#define BEGINS_BEHIND 0
#else
#define BEGINS_BEHIND 1
#endif

inline check()
{
    i = 1;
    do
    :: i > EVENTS -> break
    :: else ->
        assert(durable == 1 || state[i] != ACKED || rec0[i]);
        assert(durable == 0 || behind || state[i] != ACKED || rec1[i]);
        i++
    od;
    i = 0
}

inline pull(out)
{
    i = 1;
    do
    :: i > last -> break
    :: i <= last && state[i] == PENDING -> break
    :: else -> i++
    od;
    if
    :: i <= last -> out = i; state[i] = GIVEN;
        if
        :: i > delivered -> delivered = i
        :: else
        fi
    :: else
    fi;
    i = 0
}

proctype Old()
{
    byte hand, i;
    bit applied;
    do
    :: atomic { hand == 0 -> pull(hand) }
    :: atomic { hand != 0 && !applied ->
        if
        :: IS_TAKEN -> rec0[hand] = 1; applied = 1 /* upsert */
        :: else -> state[hand] = PENDING; hand = 0; break /* refused: it begins anew, beside */
        fi }
    :: atomic { hand != 0 && applied -> state[hand] = ACKED; hand = 0; applied = 0; check() }
    od
}

proctype Newer()
{
    byte reached, hand, end, i;
    bit applied;
READING:
    do
    :: atomic { reached < last -> reached++; rec1[reached] = 1 }
    :: atomic { reached > position -> position = reached } /* move */
    :: atomic { durable == 0 -> alive0 = 0; durable = 1; behind = BEGINS_BEHIND; check() } /* retire */
    :: atomic { durable == 1 && behind -> end = delivered } /* a look at the durable, after one at @generations */
        atomic {
            if
            :: reached >= end -> behind = 0; check() /* settle */
            :: else
            fi;
            end = 0
        }
    :: atomic { durable == 1 && !behind -> break }
    :: atomic { crashes < CRASHES -> crashes++; reached = position; end = 0 }
    od;
    do /* fed by the durable */
    :: atomic { hand == 0 -> pull(hand) }
    :: atomic { hand != 0 && !applied -> rec1[hand] = 1; applied = 1 }
    :: atomic { hand != 0 && applied -> state[hand] = ACKED; hand = 0; applied = 0; check() }
    :: atomic { crashes < CRASHES -> crashes++;
        if
        :: hand != 0 -> state[hand] = PENDING /* after the ack wait */
        :: else
        fi;
        hand = 0; applied = 0; reached = position; goto READING }
    od
}

proctype Publisher()
{
    do
    :: atomic { last < EVENTS -> last++ }
    :: last == EVENTS -> break
    od
}

init
{
    atomic { run Old(); run Newer(); run Publisher() }
}
