/*
 * What an owner does about a log of its own that lost something (common/replica/README.md, "A log that lost something"),
 * as a model for spin (https://spinroot.com). Names are those of common/replica/loss.c.
 *
 * One process of the owner at a time: the lease, and compare-and-set where it fails, are replica.pml's matter. It writes
 * states of two entities, looks after the log each time it starts, and crashes between any two steps. FAULTS bounds how
 * often the log comes back shorter, or Redis as it was when it was last saved.
 *
 * An entity's states are 1, 2, 3, … in the order in which they were acknowledged.
 *
 * What is checked, whenever the owner serves:
 *   lost only together   the newest state of each entity is no older than what log and Redis still had after each fault
 *   only forward         what the log has newest of an entity is what the record is made from
 */
#ifndef FAULTS
#define FAULTS 2
#endif
#define WRITES 3  /* states that are acknowledged, of both entities */
#define END    16 /* sequences that there may be */
#define NONE   255

/* ---- the log: of each sequence which entity and state, or the epoch ---- */
byte last, log_id[END], log_state[END];
#define EPOCH 2 /* as an id; its state: 2 * epoch + whole */
/* ---- Redis, and what it saved ---- */
byte rec_state[2], rec_version[2], newest, r_epoch;
byte s_state[2], s_version[2], s_newest, s_epoch;
/* ---- what must not be lost ---- */
byte safe[2];

byte epochs, writes, faults;
byte epoch, fork, at, id, newest_seq[2];
bit whole, serving;
bit lost; /* a connection was, since the last look */

/* The newest of each entity, and the epoch: look. */
inline look()
{
    d_step {
        epoch = 0; whole = 1; newest_seq[0] = 0; newest_seq[1] = 0; at = 1;
        do
        :: at <= last ->
           if
           :: log_id[at] == EPOCH -> epoch = log_state[at] / 2; whole = log_state[at] % 2
           :: else -> newest_seq[log_id[at]] = at
           fi;
           at++
        :: else -> break
        od
    }
}

inline append(what, value)
{
    assert(last < END - 1);
    last++;
    log_id[last] = what;
    log_state[last] = value
}

/* The log has it; a crash may come before Redis does. */
inline apply(which)
{
    d_step {
        if
        :: newest_seq[which] > rec_version[which] ->
           rec_state[which] = log_state[newest_seq[which]];
           rec_version[which] = newest_seq[which];
           if
           :: newest_seq[which] > newest -> newest = newest_seq[which]
           :: else
           fi
        :: else
        fi
    }
}

/* What neither has any more may be missing afterwards. */
inline lower_safe()
{
    d_step {
        w_id = 0;
        do
        :: w_id < 2 ->
           w_best = rec_state[w_id]; w_at = 1;
           do
           :: w_at <= last ->
              if
              :: log_id[w_at] == w_id && log_state[w_at] > w_best -> w_best = log_state[w_at]
              :: else
              fi;
              w_at++
           :: else -> break
           od;
           if
           :: w_best < safe[w_id] -> safe[w_id] = w_best
           :: else
           fi;
           w_id++
        :: else -> break
        od
    }
}

/* Any moment may be the last: then the next start begins with a look, as does who has lost a connection. */
#define OR_CRASH :: goto start
#define STEP if OR_CRASH :: !lost fi

active proctype owner()
{
start:
    atomic { serving = 0; lost = 0; look() }
    if
    :: !whole || epoch < r_epoch || last < newest -> goto restore
    :: whole && epoch > r_epoch -> goto restore /* it joins */
    :: else -> goto follow
    fi;

restore:
#ifndef WITHOUT_BEGIN
    if
    :: whole && epoch <= r_epoch ->
       atomic { epochs++; epoch = epochs; whole = 0; append(EPOCH, 2 * epoch) }
    :: else
    fi;
    STEP;
#endif
#ifndef WITHOUT_FILL
    do
    :: atomic { !lost && last < newest -> append(EPOCH, 2 * epoch + whole) }
    :: lost -> goto start
    :: !lost && last >= newest -> break
    od;
    STEP;
#endif
    id = 0;
    do
    :: id < 2 ->
       atomic {
           !lost -> fork = id; look(); id = fork;
           if
           :: rec_version[id] > newest_seq[id] -> append(id, rec_state[id])
           :: rec_version[id] == newest_seq[id] && newest_seq[id] > 0 && rec_state[id] > log_state[newest_seq[id]] ->
              append(id, rec_state[id])
           :: else
           fi;
           id++
       }
       STEP
    :: else -> break
    od;
#ifdef WITHOUT_BEGIN
    epochs++; epoch = epochs;
#endif
    atomic { look(); apply(0); apply(1) }
    STEP;
    atomic {
#ifdef WITHOUT_BEGIN
        epoch = epochs;
#endif
        r_epoch = epoch
    }
    STEP;
    if
    :: lost -> goto start
#ifdef WITHOUT_LINK
    :: atomic { !whole -> append(EPOCH, 2 * r_epoch + 1) }
#else
    :: atomic { !lost && !whole -> append(EPOCH, 2 * r_epoch + 1) }
#endif
    :: !lost && whole
    fi;
    goto start;

follow:
    atomic { look(); apply(0); apply(1) }
    STEP;
serve:
    atomic {
        look();
        if
        :: lost -> goto start
        :: else
        fi;
        serving = 1;
        assert(newest_seq[0] == 0 && safe[0] == 0 || newest_seq[0] > 0 && log_state[newest_seq[0]] >= safe[0]);
        assert(newest_seq[1] == 0 && safe[1] == 0 || newest_seq[1] > 0 && log_state[newest_seq[1]] >= safe[1]);
        assert(rec_version[0] == newest_seq[0] && rec_version[1] == newest_seq[1]);
        assert(newest_seq[0] == 0 || rec_state[0] == log_state[newest_seq[0]]);
        assert(newest_seq[1] == 0 || rec_state[1] == log_state[newest_seq[1]])
    }
    do
    :: atomic {
           writes < WRITES ->
           look();
           if
           :: lost -> goto start
           :: else
           fi;
           if :: id = 0 :: id = 1 fi;
           writes++;
           append(id, rec_state[id] + 1);
           safe[id] = rec_state[id] + 1
       }
       STEP;
       atomic { look(); apply(0); apply(1) }
       goto serve
    OR_CRASH
    :: writes == WRITES && faults == FAULTS -> break
    od
}

active proctype world()
{
    byte w_at, w_id, w_best;
    do
    :: atomic { faults < FAULTS && last > 0 -> faults++; lost = 1; last--; do :: last > 0 -> last-- :: break od; lower_safe() }
    :: atomic {
           faults < FAULTS -> faults++; lost = 1;
           rec_state[0] = s_state[0]; rec_state[1] = s_state[1];
           rec_version[0] = s_version[0]; rec_version[1] = s_version[1];
           newest = s_newest; r_epoch = s_epoch;
           lower_safe()
       }
    :: atomic {
           faults < FAULTS && s_newest != newest ->
           s_state[0] = rec_state[0]; s_state[1] = rec_state[1];
           s_version[0] = rec_version[0]; s_version[1] = rec_version[1];
           s_newest = newest; s_epoch = r_epoch
       }
    :: faults == FAULTS -> break
    od
}
