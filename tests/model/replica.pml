/*
 * The replica protocol of common/replica/README.md, as a model for spin (https://spinroot.com). Names are those of the
 * code: phases of keeper.c, functions of furrow.lua, fields of the marker.
 *
 * Two processes of a service keep one table of one Redis, from a log that a durable consumer shares out between them.
 * Each step that is atomic in reality is atomic here (a function in Redis, one question to NATS); between any two of
 * them the other process, the log, Redis and the faults may do what they like, and each process may crash.
 *
 * An event is a sequence and a stamp (what the log took then, and when); each is an entity of its own. FAULTS bounds how
 * often something breaks, of: Redis is emptied; Redis is killed and comes back with what it had saved; the log is killed
 * and comes back shorter, its durable, too, or not; a process crashes; a lease ends too early.
 *
 * What is checked:
 *   no loss      what the durable was acked of an event is in what a process may read, whatever happened (but for what it
 *                leaves out since it was acked of one that is no more; that comes by reading aside)
 *   no phantom   what a process may read is in the log it knows, unless the other process wrote it when it had not yet
 *                noticed that the log was away (it notices before it does anything else, and then `newest` tells)
 *   at rest      when nothing is under way, the records are the log
 *   no deadlock  every process can always go on
 */
#ifndef EVENTS
#define EVENTS 2
#endif
#ifndef FAULTS
#define FAULTS 2
#endif
#ifndef KINDS
#define KINDS 63 /* of faults: 1 emptied, 2 killed Redis, 4 killed log, 8 crash, 16 lease, 32 killed log, not its durable */
#endif
#define PUBLISHED (EVENTS + 1) /* one more may take the place of one that was lost */

#define NONE     0
#define PENDING  0 /* of the durable: not delivered, in somebody's hands, done */
#define GIVEN    1
#define ACKED    2
#define BUILDING 1 /* the marker's shape: being cleared, ours */
#define OURS     2

/* ---- the log and its durable consumer ---- */
byte last, stamp[EVENTS + 1], state[EVENTS + 1], published;
byte log_life = 1; /* grows when the log was away: reconnects */
bit left_out[EVENTS + 1]; /* the durable was acked of another event of that sequence, and never brings this one */

/* ---- Redis ---- */
byte run_id = 1; /* its run id */
byte r_build, r_shape, r_run, r_position, r_newest, r_dated, r_astray, rec[EVENTS + 1];
bit r_lease_held, r_lease;
byte s_build, s_shape, s_run, s_position, s_newest, s_dated, s_astray, s_rec[EVENTS + 1]; /* what it saved */
byte builds; /* identities drawn */
bit late;    /* something was written by who had not noticed that the log was away */

/* ---- the processes ---- */
byte conn[2], links[2];     /* run id of the connection to Redis; log_life of the one to NATS. 0: not connected */
byte build[2];              /* adopted: what we write belongs to it */
bit trusted[2], open[2];    /* reads count; the intake is open */
byte intake_links[2];       /* links when it was opened */
byte seen_run[2], seen_position[2];
byte hand[2], hand_stamp[2]; /* the event in hand, or 0 */
bit applied[2];              /* and it is in Redis */
byte astray[2];              /* up to here the durable tells of a log that is no more; 0: it does not */
byte untold[2], untold_from[2]; /* the same, as long as the marker does not say so; the position before it was seen */

byte faults;

/*
 * What makes it work, one by one: tests/model/run leaves each out in turn and expects spin to find what goes wrong then.
 */
#ifdef WITHOUT_IDENTITY
#define DRAW_BUILD builds = 1
#else
#define DRAW_BUILD builds++
#endif
#ifdef WITHOUT_BUILD_IN_WRITES
#define WRITE_BELONGS(p) 1
#else
#define WRITE_BELONGS(p) (r_build == build[p] && build[p] != NONE)
#endif
#ifdef WITHOUT_BUILD_IN_MOVES
#define MOVE_BELONGS 1
#else
#define MOVE_BELONGS (r_build == m_build)
#endif
#ifdef WITHOUT_BUILD_IN_READS
#define READ_BELONGS(p) 1
#else
#define READ_BELONGS(p) (r_build == build[p])
#endif
#ifdef WITHOUT_DOUBT_OF_REDIS
#define CONNECTION_STANDS(p) 1
#else
#define CONNECTION_STANDS(p) (conn[p] == run_id)
#endif
#ifdef WITHOUT_NEWEST
#define NEWEST_STANDS(newest, dated) 1
#else
#define NEWEST_STANDS(newest, dated) (last >= newest && (newest == NONE || stamp[newest] == dated))
#endif
#ifdef WITHOUT_LETTING_GO
#define LET_GO_OF_THE_OLD(p) intake_links[p] = log_life
#else
#define LET_GO_OF_THE_OLD(p) let_go(p)
#endif

#ifdef WITHOUT_ASTRAY
byte own_astray[2]; /* who found it keeps it to himself */
#define TOLD_ASTRAY(p) own_astray[p]
#else
#define TOLD_ASTRAY(p) r_astray
#endif

/* furrow_table_trusted, and a read that came back with this build on this connection */
#define MAY_READ(p) (trusted[p] && CONNECTION_STANDS(p) && READ_BELONGS(p) && links[p] == log_life)

inline ack_floor(out)
{
    out = 0;
    do
    :: out < last && state[out + 1] == ACKED -> out++
    :: else -> break
    od
}

/* What the durable was told of, whatever the log has by now. */
inline told(out)
{
    out = EVENTS;
    do
    :: out > 0 && state[out] == PENDING -> out--
    :: else -> break
    od
}

/*
 * check_not_astray, with the marker that was looked at: what the durable knows and the log has no more counts for nothing.
 * @acked_to, @given_to: its ack floor and what it has delivered, as far as they count.
 */
inline look_at_consumer(p, known, at, acked_to, given_to)
{
    if
    :: untold[p] <= known -> untold[p] = 0
    :: else
    fi;
    if
    :: untold[p] == 0 -> untold_from[p] = at
    :: else
    fi;
    told(given_to);
    if
    :: given_to > last && given_to > known && given_to > untold[p] -> untold[p] = given_to
    :: else
    fi;
    astray[p] = (untold[p] > known -> untold[p] : known);
    if
    :: untold[p] == 0 && given_to > astray[p] && at >= astray[p] -> astray[p] = 0; untold_from[p] = 0
    :: else
    fi;
    ack_floor(acked_to);
    if
    :: astray[p] > 0 && given_to <= astray[p] -> acked_to = 0; given_to = (last < astray[p] -> last : astray[p])
    :: astray[p] > 0 && given_to > astray[p] -> acked_to = 0
    :: else
    fi;
    if
    :: untold[p] == 0 -> untold_from[p] = 0 /* forgotten, for fewer states */
    :: else
    fi
}

inline check_reads(p)
{
    if
    :: MAY_READ(p) ->
        ack_floor(to);
        at_rest = MAY_READ(1 - p) && hand[0] == NONE && hand[1] == NONE && to == last && untold[0] == 0 && untold[1] == 0;
        i = 1;
        do /* what is left out was read aside by whoever moved the position past it */
        :: i > EVENTS -> break
        :: else -> at_rest = at_rest && (!left_out[i] || r_position >= i); i++
        od;
        to = 0;
        i = 1;
        do
        :: i > EVENTS -> break
        :: else ->
            assert(!(state[i] == ACKED && i <= last && rec[i] != stamp[i] && !late && !left_out[i]));
            assert(rec[i] == NONE || (i <= last && rec[i] == stamp[i]) || late);
            assert(!at_rest || late || rec[i] == ((i <= last) -> stamp[i] : NONE));
            i++
        od
    :: else
    fi;
    i = 0; at_rest = 0
}

/* Redis: upsert, apply. Refused unless the table belongs to our build. */
inline upsert(p, seq, what, done)
{
    if
    :: conn[p] == run_id && WRITE_BELONGS(p) ->
        if
        :: rec[seq] == NONE -> rec[seq] = what
        :: else
        fi;
        if
        :: seq >= r_newest -> r_newest = seq; r_dated = what
        :: else
        fi;
        late = late || (r_build == build[p] && (links[p] != log_life || what != stamp[seq] || seq > last));
        done = 1
    :: else -> done = 0
    fi
}

inline let_go(p) /* furrow_intake_close: what is in hand goes back */
{
    open[p] = 0;
    hand[p] = NONE; hand_stamp[p] = NONE; applied[p] = 0
}

inline leave(p) /* nothing of the process is left but what others have */
{
    if
    :: r_lease_held && r_lease == p -> r_lease_held = 0 /* it ends by itself */
    :: else
    fi;
    conn[p] = 0; links[p] = 0; build[p] = NONE; trusted[p] = 0; open[p] = 0;
    intake_links[p] = 0; seen_run[p] = 0; seen_position[p] = 0; astray[p] = 0; untold[p] = 0; untold_from[p] = 0;
    hand[p] = NONE; hand_stamp[p] = NONE; applied[p] = 0
}

/* What the keeper saw: look() */
#define FOLLOW  1
#define REPLAY  2
#define REBUILD 3

inline look_at_marker()
{
    m_build = r_build; m_shape = r_shape; m_run = r_run; m_position = r_position; m_astray = TOLD_ASTRAY(me);
    m_newest = r_newest; m_dated = r_dated; m_conn = conn[me]; m_links = links[me]
}

inline verdict()
{
    if
    :: m_build == NONE || m_shape == BUILDING -> kind = REBUILD
    :: else ->
        if
        :: last < m_position || !NEWEST_STANDS(m_newest, m_dated) -> kind = REBUILD
        :: else ->
            if
            :: (seen_run[me] != 0 && seen_run[me] != m_conn) || m_run != m_conn ->
                kind = REPLAY;
                from = m_position;
                if
                :: seen_run[me] != 0 && seen_run[me] != m_conn && seen_position[me] < from -> from = seen_position[me]
                :: else
                fi
            :: else ->
                if
                :: untold[me] > 0 ->
                    kind = REPLAY;
                    from = (untold_from[me] < m_position -> untold_from[me] : m_position)
                :: else -> kind = FOLLOW
                fi
            fi
        fi
    fi
}

/* look_stands: no doubt since. (That another build has begun is met by whoever reads or writes.) */
#define STANDS (conn[me] == run_id && m_conn == run_id && links[me] == log_life && m_links == log_life)

/* furrow_marker_move: only from what it is known to be. */
inline move(to_run, to_position, done)
{
    if
    :: conn[me] == run_id && MOVE_BELONGS && r_shape == m_shape && r_run == m_run && TOLD_ASTRAY(me) == m_astray ->
        r_run = to_run;
        TOLD_ASTRAY(me) = astray[me]; m_astray = astray[me];
        if
        :: to_position > r_position -> r_position = to_position
        :: else
        fi;
        m_run = r_run; m_position = r_position;
        done = 1
    :: else -> done = 0
    fi
}

proctype Keeper(bit me)
{
    byte m_build, m_shape, m_run, m_position, m_newest, m_dated, m_astray, m_conn, m_links;
    byte kind, from, to, most, goal, floor, i;
    bit done, leased, behind = 1, at_rest;

CONNECT:
    atomic {
        trusted[me] = 0;
        if
        :: leased && r_lease_held && r_lease == me -> r_lease_held = 0
        :: else
        fi;
        leased = 0;
        if
        :: conn[me] != run_id -> conn[me] = run_id; behind = 1
        :: else
        fi;
        if
        :: links[me] != log_life ->
            LET_GO_OF_THE_OLD(me);
            links[me] = log_life
        :: else
        fi
    }
ASSESS:
    atomic { look_at_marker() }
    if
    :: atomic { links[me] != log_life || conn[me] != run_id -> goto CONNECT }
    :: atomic { links[me] == log_life && conn[me] == run_id ->
        look_at_consumer(me, m_astray, m_position, to, most);
        verdict(); goal = last; m_links = links[me]; to = 0; most = 0 }
    fi;
    if
    :: kind == FOLLOW -> goto BEGIN_TO_FOLLOW
    :: else
    fi;
    atomic {
        trusted[me] = 0; behind = 1;
        if
        :: build[me] != m_build -> let_go(me)
        :: else
        fi
    }
    if
    :: leased -> skip
    :: else -> /* LEASE: spares work, and may be lost at any time */
        atomic {
            if
            :: !r_lease_held || r_lease == me -> r_lease_held = 1; r_lease = me; leased = 1
            :: else
            fi
        }
        goto CONNECT_KEEPING
    fi;
    if
    :: kind == REBUILD -> goto CLEAR
    :: else -> goto REPLAYING
    fi;
CONNECT_KEEPING:
    if
    :: atomic { conn[me] == run_id && links[me] == log_life -> goto ASSESS }
    :: else -> goto CONNECT
    fi;

CLEAR:
    atomic { let_go(me) }
    atomic { /* begin */
        if
        :: conn[me] == run_id && m_conn == run_id && r_build == m_build ->
            DRAW_BUILD;
            r_build = builds; r_shape = BUILDING; r_run = NONE; r_position = 0; r_newest = 0; r_dated = 0; r_astray = 0;
            m_build = builds; m_shape = BUILDING; m_run = NONE; m_position = 0; m_astray = 0;
            late = 0;
            done = 1
        :: else -> done = 0
        fi
    }
    if
    :: !done -> goto CONNECT
    :: else
    fi;
    i = 1;
    do /* clear: step by step */
    :: i > EVENTS -> break
    :: else ->
        atomic {
            if
            :: conn[me] == run_id && r_build == m_build -> rec[i] = NONE; i++
            :: else -> goto CONNECT
            fi
        }
    od;
    i = 0;
    atomic { /* fill: move to our shape */
        if
        :: conn[me] == run_id && MOVE_BELONGS && r_shape == BUILDING ->
            r_shape = OURS; m_shape = OURS; build[me] = m_build; from = 0;
            TOLD_ASTRAY(me) = astray[me]; m_astray = astray[me]
        :: else -> goto CONNECT
        fi
    }

REPLAYING:
    if /* look at the consumer: what was delivered up to now may have been acked for a Redis that lost it */
    :: atomic { STANDS ->
        look_at_consumer(me, m_astray, m_position, most, to);
        most = 0;
        if
        :: build[me] != m_build -> let_go(me); build[me] = m_build
        :: else
        fi;
        open[me] = 1; intake_links[me] = links[me] }
    :: atomic { !(STANDS) -> goto CONNECT }
    fi;
    do /* the side reader */
    :: from >= to -> break
    :: else ->
        if
        :: atomic { STANDS && from + 1 <= last -> i = stamp[from + 1] }
        :: atomic { STANDS && from + 1 > last -> from = to; i = 0 }
        :: atomic { !(STANDS) -> i = 0; goto CONNECT }
        fi;
        if
        :: i != 0 ->
            atomic {
                if
                :: STANDS -> upsert(me, from + 1, i, done)
                :: else -> done = 0
                fi;
                i = 0;
                if
                :: done -> from++
                :: else -> goto CONNECT
                fi
            }
        :: else
        fi
    od;
    atomic {
        if
        :: STANDS -> move(m_conn, from, done)
        :: else -> done = 0
        fi;
        if
        :: !done -> goto CONNECT
        :: else
        fi
    }

BEGIN_TO_FOLLOW:
    atomic {
        if
        :: !(STANDS) -> goto CONNECT
        :: else
        fi;
        if
        :: leased && r_lease_held && r_lease == me -> r_lease_held = 0
        :: else
        fi;
        leased = 0;
        seen_run[me] = m_conn; seen_position[me] = m_position; /* remember */
        if
        :: build[me] != m_build -> let_go(me); build[me] = m_build; behind = 1 /* adopt */
        :: else
        fi;
        open[me] = 1; intake_links[me] = links[me];
        floor = m_position;
        if
        :: !behind -> goto BEGIN_TO_GUARD
        :: else
        fi
    }
FOLLOWING:
    do
    :: atomic { !(STANDS) || r_build != build[me] -> goto CONNECT }
    :: atomic { STANDS && floor < goal ->
        look_at_consumer(me, m_astray, m_position, to, most);
        if
        :: to > floor -> floor = to
        :: else
        fi;
        if /* read_the_gap, for which the durable is not asked */
        :: astray[me] > 0 && floor < goal && floor < last ->
            upsert(me, floor + 1, stamp[floor + 1], done);
            if
            :: done -> floor++
            :: else
            fi;
            done = 0
        :: else
        fi;
        to = 0; most = 0 }
        atomic { /* the floor is stored; it only grows */
            if
            :: floor > m_position && STANDS ->
                move(m_conn, floor, done);
                if
                :: done -> seen_position[me] = m_position
                :: else -> goto CONNECT
                fi
            :: else
            fi
        }
    :: atomic { STANDS && floor >= goal -> break }
    od;
    atomic { look_at_marker() } /* confirm */
    atomic {
        if
        :: !(STANDS) -> goto CONNECT
        :: else ->
            look_at_consumer(me, m_astray, m_position, to, most);
            verdict(); to = 0; most = 0;
            if
            :: kind != FOLLOW || m_build != build[me] -> goto ASSESS
            :: else
            fi
        fi
    }
BEGIN_TO_GUARD:
    atomic {
        if
        :: !(STANDS) -> goto CONNECT
        :: else ->
            trusted[me] = 1; behind = 0;
            m_build = 0; m_shape = 0; m_run = 0; m_position = 0; m_newest = 0; m_dated = 0; m_astray = 0; m_conn = 0; m_links = 0;
            kind = 0; from = 0; to = 0; goal = 0; floor = 0; done = 0 /* forgotten, for fewer states */
        fi
    }
GUARDING:
    do
    :: atomic { conn[me] != run_id || links[me] != log_life -> goto CONNECT } /* on_store, on_link */
    :: atomic { conn[me] == run_id && r_build != build[me] -> goto CONNECT }  /* met by a read, a write or the next tick */
    :: atomic { MAY_READ(me) -> check_reads(me) }
    :: atomic { MAY_READ(me) && !NEWEST_STANDS(r_newest, r_dated) -> goto CONNECT } /* the tick */
    :: atomic { MAY_READ(me) && seen_run[me] == r_run ->
        look_at_consumer(me, TOLD_ASTRAY(me), r_position, to, most);
        if
        :: untold[me] > 0 -> to = 0; most = 0; goto CONNECT /* the verdict is no longer to follow */
        :: else
        fi;
        to = (to > r_position -> to : r_position);
        if /* fill_gaps: what the durable leaves out is read aside */
        :: astray[me] > 0 && to < most ->
            upsert(me, to + 1, stamp[to + 1], done);
            if
            :: done -> to++
            :: else
            fi;
            done = 0
        :: else
        fi;
        if /* the tick stores the position */
        :: to > r_position -> r_position = to; seen_position[me] = to; TOLD_ASTRAY(me) = astray[me]
        :: else -> if :: r_position > seen_position[me] -> seen_position[me] = r_position :: else fi
        fi;
        to = 0; most = 0 }
    od
}

/* The workers of the intake: one event at a time. */
proctype Worker(bit me)
{
    byte i;
    bit done;
    do
    :: atomic { open[me] && hand[me] == NONE && links[me] == log_life && intake_links[me] == links[me] ->
        i = 1;
        do
        :: i > last -> break
        :: i <= last && (state[i] == PENDING || (state[i] == GIVEN && hand[1 - me] != i)) -> break /* the ack wait is over */
        :: else -> i++
        od;
        if
        :: i <= last -> hand[me] = i; hand_stamp[me] = stamp[i]; state[i] = GIVEN; applied[me] = 0
        :: else
        fi;
        i = 0 }
    :: atomic { hand[me] != NONE && !applied[me] && intake_links[me] == links[me] ->
        upsert(me, hand[me], hand_stamp[me], done);
        applied[me] = done; done = 0 }
    :: atomic { hand[me] != NONE && applied[me] ->
        if
        :: links[me] == log_life && intake_links[me] == links[me] ->
            if
            :: state[hand[me]] == GIVEN -> state[hand[me]] = ACKED
            :: else
            fi
        :: else /* no ack reaches a log that was away */
        fi;
        hand[me] = NONE; hand_stamp[me] = NONE; applied[me] = 0 }
    od
}

proctype Publisher()
{
    do
    :: atomic { last < EVENTS && published < PUBLISHED ->
        published++; last++; stamp[last] = published; left_out[last] = (state[last] == ACKED) }
    od
}

inline copy_redis()
{
    s_build = r_build; s_shape = r_shape; s_run = r_run; s_position = r_position; s_newest = r_newest; s_dated = r_dated;
    s_astray = r_astray;
    i = 1;
    do
    :: i > EVENTS -> break
    :: else -> s_rec[i] = rec[i]; i++
    od;
    i = 0
}

inline put_back_redis()
{
    r_build = s_build; r_shape = s_shape; r_run = s_run; r_position = s_position; r_newest = s_newest; r_dated = s_dated;
    r_astray = s_astray;
    i = 1;
    do
    :: i > EVENTS -> break
    :: else -> rec[i] = s_rec[i]; i++
    od;
    i = 0
}

proctype Faults()
{
    byte i;
    bit saved;
    do
    :: atomic { !saved && (KINDS & 2) -> saved = 1; copy_redis() }
    :: atomic { faults < FAULTS && (KINDS & 1) -> faults++; /* FLUSHALL */
        r_build = NONE; r_shape = NONE; r_run = NONE; r_position = 0; r_newest = 0; r_dated = 0; r_astray = 0; r_lease_held = 0;
        i = 1;
        do
        :: i > EVENTS -> break
        :: else -> rec[i] = NONE; i++
        od;
        i = 0; late = 0 }
    :: atomic { faults < FAULTS && (KINDS & 2) -> faults++; run_id++; put_back_redis(); r_lease_held = 0 } /* killed; what it had saved */
    :: atomic { faults < FAULTS && (KINDS & 4) && last > 0 -> faults++; log_life++; /* killed; its last event is lost */
        state[last] = PENDING; stamp[last] = NONE; left_out[last] = 0; last-- }
    :: atomic { faults < FAULTS && (KINDS & 32) && last > 0 -> faults++; log_life++; /* its durable keeps what it was told */
        stamp[last] = NONE; left_out[last] = 0; last-- }
    :: atomic { faults < FAULTS && (KINDS & 8) -> faults++; leave(0) } /* a crash at any step: the keeper finds itself at its start */
    :: atomic { faults < FAULTS && (KINDS & 8) -> faults++; leave(1) }
    :: atomic { faults < FAULTS && (KINDS & 16) && r_lease_held -> faults++; r_lease_held = 0 }
    od
}

init
{
    atomic {
        run Keeper(0); run Worker(0); run Keeper(1); run Worker(1);
        run Publisher(); run Faults()
    }
}
