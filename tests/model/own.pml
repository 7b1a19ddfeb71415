/*
 * An owner's table (common/replica/README.md, "An owner's own events"), as a model for spin: no durable brings what its
 * commands wrote. Each command applies its event itself, and notes in the same step that it did; the reader of each
 * process moves the position over what is noted, and reads from the log what is not. Names are those of replica.pml,
 * whose build, marker and verdict these are; what an owner does about a log that went back is restore.pml, here the table
 * is built anew. The lease, which spares work, is left out.
 *
 * Two processes; a Redis that is emptied or comes back older; a log that comes back shorter; a crash at every step, also
 * between the log's ack and the record.
 *
 * What is checked, of what a process may read:
 *   no loss      an event of the log up to the position is there
 *   no phantom   what is there is in the log, unless the other process wrote it when it had not yet noticed that the log
 *                was away
 *   at rest      when the position is the log's end, the records are the log
 */
#ifndef EVENTS
#define EVENTS 2
#endif
#ifndef FAULTS
#define FAULTS 2
#endif
#ifndef KINDS
#define KINDS 15 /* of faults: 1 emptied, 2 killed Redis, 4 killed log, 8 crash */
#endif
#define PUBLISHED (EVENTS + 1)
#define BUILDS    (3 + FAULTS) /* without the lease two processes could begin to build for ever */

#define NONE     0
#define BUILDING 1
#define OURS     2

byte last, stamp[EVENTS + 1], published; /* the log */
byte log_life = 1;

byte run_id = 1; /* Redis */
byte r_build, r_shape, r_run, r_position, r_newest, r_dated, rec[EVENTS + 1];
byte r_noted_of; /* the build whose versions are noted */
bit noted[EVENTS + 1];
byte s_build, s_shape, s_run, s_position, s_newest, s_dated, s_rec[EVENTS + 1], s_noted_of; /* what it saved */
bit s_noted[EVENTS + 1];
byte builds;
bit late; /* something was written by who had not noticed that the log was away */

byte conn[2], links[2], build[2];
bit trusted[2], reading[2];
byte reached[2];
byte seen_run[2], seen_position[2];
byte hand[2], hand_stamp[2], hand_links[2]; /* a command's event that the log has acknowledged */
byte faults;

#ifdef WITHOUT_BUILD_OF_NOTES
#define IS_NOTED(p, i) noted[i]
#else
#define IS_NOTED(p, i) (r_noted_of == build[p] && noted[i])
#endif
#ifdef WITHOUT_ONE_STEP
bit noted_only[2]; /* the note is in Redis, the record comes in another step */
#endif

#define MAY_READ(p)      (trusted[p] && conn[p] == run_id && r_build == build[p] && links[p] == log_life)
#define NEWEST_STANDS(n, d) (last >= n && (n == NONE || stamp[n] == d))

inline check_reads(p)
{
    if
    :: MAY_READ(p) ->
        i = 1;
        do
        :: i > EVENTS -> break
        :: else ->
            assert(late || !(i <= r_position && i <= last && rec[i] != stamp[i]));
            assert(late || rec[i] == NONE || (i <= last && rec[i] == stamp[i]));
            i++
        od;
        i = 0
    :: else
    fi
}

/* upsert, with the note */
inline upsert(p, seq, what, as_links, done)
{
    if
    :: conn[p] == run_id && r_build == build[p] && build[p] != NONE ->
        if
        :: rec[seq] == NONE -> rec[seq] = what
        :: else
        fi;
        if
        :: r_noted_of == build[p] -> noted[seq] = 1
        :: else
        fi;
        if
        :: seq > r_newest -> r_newest = seq; r_dated = what /* note_newest: of what is there already nothing new is noted */
        :: else
        fi;
        late = late || as_links != log_life || seq > last || what != stamp[seq];
        done = 1
    :: else -> done = 0
    fi
}

inline leave(p)
{
    conn[p] = 0; links[p] = 0; build[p] = NONE; trusted[p] = 0; reading[p] = 0; reached[p] = 0;
    seen_run[p] = 0; seen_position[p] = 0; hand[p] = NONE; hand_stamp[p] = NONE; hand_links[p] = 0
}

#define FOLLOW  1
#define REPLAY  2
#define REBUILD 3

inline look_at_marker()
{
    m_build = r_build; m_shape = r_shape; m_run = r_run; m_position = r_position;
    m_newest = r_newest; m_dated = r_dated; m_conn = conn[me]; m_links = links[me]
}

inline verdict()
{
    from = m_position;
    if
    :: m_build == NONE || m_shape == BUILDING || last < m_position || !NEWEST_STANDS(m_newest, m_dated) -> kind = REBUILD
    :: else ->
        if
        :: m_run != m_conn || (seen_run[me] != 0 && seen_run[me] != m_conn) ->
            kind = REPLAY;
            if
            :: seen_run[me] != 0 && seen_run[me] != m_conn && seen_position[me] < from -> from = seen_position[me]
            :: else
            fi
        :: else -> kind = FOLLOW
        fi
    fi
}

#define STANDS (conn[me] == run_id && m_conn == run_id && links[me] == log_life && m_links == log_life)

/* furrow_marker_move; what is noted begins with the first of its build */
inline move(to_run, to_position, done)
{
    if
    :: conn[me] == run_id && r_build == m_build && r_shape == m_shape && r_run == m_run ->
        r_run = to_run;
        if
        :: to_position > r_position -> r_position = to_position
        :: else
        fi;
        m_run = r_run; m_position = r_position;
        if
        :: r_noted_of != r_build ->
            r_noted_of = r_build;
#ifndef WITHOUT_BUILD_OF_NOTES
            i = 1;
            do
            :: i > EVENTS -> break
            :: else -> noted[i] = 0; i++
            od;
            i = 0
#endif
        :: else
        fi;
        done = 1
    :: else -> done = 0
    fi
}

proctype Keeper(bit me)
{
    byte m_build, m_shape, m_run, m_position, m_newest, m_dated, m_conn, m_links;
    byte kind, from, goal, i;
    bit done, behind = 1;

CONNECT:
    atomic { builds < BUILDS || r_shape == OURS ->
        trusted[me] = 0;
        if
        :: conn[me] != run_id -> conn[me] = run_id; behind = 1
        :: else
        fi;
        links[me] = log_life
    }
ASSESS:
    atomic { look_at_marker() }
    if
    :: atomic { links[me] != log_life || conn[me] != run_id -> goto CONNECT }
    :: atomic { links[me] == log_life && conn[me] == run_id -> verdict(); goal = last; m_links = links[me] }
    fi;
    if
    :: kind == FOLLOW -> goto BEGIN_TO_FOLLOW
    :: else -> atomic { trusted[me] = 0; behind = 1; reading[me] = 0 }
    fi;
    if
    :: kind == REBUILD -> skip
    :: else -> goto REPLAYING
    fi;

    atomic { /* begin */
        if
        :: conn[me] == run_id && m_conn == run_id && r_build == m_build && builds < BUILDS ->
            builds++;
            r_build = builds; r_shape = BUILDING; r_run = NONE; r_position = 0; r_newest = 0; r_dated = 0;
            m_build = builds; m_shape = BUILDING; m_run = NONE; m_position = 0;
            late = 0
        :: else -> goto CONNECT
        fi
    }
    i = 1;
    do /* clear */
    :: i > EVENTS -> break
    :: else ->
        atomic {
            if
            :: conn[me] == run_id && r_build == m_build -> rec[i] = NONE; i++
            :: else -> i = 0; goto CONNECT
            fi
        }
    od;
    i = 0;
    atomic { /* fill */
        if
        :: conn[me] == run_id && r_build == m_build && r_shape == BUILDING ->
            r_shape = OURS; m_shape = OURS;
            move(NONE, 0, done);
            build[me] = m_build; from = 0
        :: else -> goto CONNECT
        fi
    }

REPLAYING:
    atomic {
        if
        :: STANDS -> build[me] = m_build
        :: else -> goto CONNECT
        fi
    }
    do /* whatever is noted */
    :: from >= goal -> break
    :: else ->
        if
        :: atomic { STANDS && from + 1 <= last -> i = stamp[from + 1] }
        :: atomic { !(STANDS) || from + 1 > last -> i = 0; goto CONNECT }
        fi;
        atomic {
            if
            :: STANDS -> upsert(me, from + 1, i, links[me], done)
            :: else -> done = 0
            fi;
            i = 0;
            if
            :: done -> from++
            :: else -> goto CONNECT
            fi
        }
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
        seen_run[me] = m_conn; seen_position[me] = m_position;
        if
        :: build[me] != m_build -> reading[me] = 0; build[me] = m_build; behind = 1
        :: else
        fi;
        if
        :: !reading[me] -> reading[me] = 1; reached[me] = m_position
        :: else
        fi;
        if
        :: !behind -> goto BEGIN_TO_GUARD
        :: else
        fi
    }
    do
    :: atomic { !(STANDS) || r_build != build[me] -> goto CONNECT }
    :: atomic { STANDS && reached[me] >= goal -> break }
    od;
    atomic {
        if
        :: STANDS -> move(m_conn, reached[me], done)
        :: else -> done = 0
        fi;
        if
        :: !done -> goto CONNECT
        :: else -> seen_position[me] = m_position
        fi
    }
    atomic { look_at_marker() } /* confirm */
    atomic {
        if
        :: !(STANDS) -> goto CONNECT
        :: else ->
            verdict();
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
            m_build = 0; m_shape = 0; m_run = 0; m_position = 0; m_newest = 0; m_dated = 0; m_conn = 0; m_links = 0;
            kind = 0; from = 0; goal = 0; done = 0
        fi
    }
    do
    :: atomic { conn[me] != run_id || links[me] != log_life -> goto CONNECT }
    :: atomic { conn[me] == run_id && r_build != build[me] -> goto CONNECT }
    :: atomic { MAY_READ(me) -> check_reads(me) }
    :: atomic { MAY_READ(me) && !NEWEST_STANDS(r_newest, r_dated) -> goto CONNECT }
    :: atomic { MAY_READ(me) && seen_run[me] == r_run && reached[me] > r_position -> /* the tick */
        r_position = reached[me]; seen_position[me] = reached[me] }
    od
}

/* beside.c: over what is noted, and what is not is read and applied, in steps of their own */
proctype Reader(bit me)
{
    byte at, i;
    bit done;
    do
    :: atomic { reading[me] && conn[me] == run_id && links[me] == log_life && r_build == build[me] &&
                reached[me] < EVENTS && IS_NOTED(me, reached[me] + 1) -> reached[me]++ }
    :: atomic { reading[me] && conn[me] == run_id && links[me] == log_life && reached[me] < last && at == 0 ->
        at = reached[me] + 1; i = stamp[at] }
    :: atomic { at != 0 ->
        if
        :: reading[me] && conn[me] == run_id && links[me] == log_life && reached[me] + 1 == at ->
            upsert(me, at, i, links[me], done);
            if
            :: done -> reached[me]++
            :: else
            fi
        :: else
        fi;
        at = 0; i = 0; done = 0 }
    od
}

/* A command: the log's ack, then record and note; of what was begun before a doubt nothing is written after it */
proctype Writer(bit me)
{
    bit done;
    do
    :: atomic { hand[me] == NONE && links[me] == log_life && build[me] != NONE && last < EVENTS && published < PUBLISHED ->
        published++; last++; stamp[last] = published;
        hand[me] = last; hand_stamp[me] = published; hand_links[me] = links[me] }
#ifdef WITHOUT_ONE_STEP
    :: atomic { hand[me] != NONE && !noted_only[me] && conn[me] == run_id && r_build == build[me] && r_noted_of == build[me] ->
        noted[hand[me]] = 1; noted_only[me] = 1 }
    :: atomic { hand[me] != NONE && noted_only[me] ->
        upsert(me, hand[me], hand_stamp[me], hand_links[me], done);
        hand[me] = NONE; hand_stamp[me] = NONE; hand_links[me] = 0; done = 0; noted_only[me] = 0 }
#else
    :: atomic { hand[me] != NONE ->
        if
        :: hand_links[me] == links[me] -> upsert(me, hand[me], hand_stamp[me], hand_links[me], done)
        :: else
        fi;
        hand[me] = NONE; hand_stamp[me] = NONE; hand_links[me] = 0; done = 0 }
#endif
    :: atomic { hand[me] != NONE -> hand[me] = NONE; hand_stamp[me] = NONE; hand_links[me] = 0 } /* Redis was too slow */
    od
}

inline copy_redis()
{
    s_build = r_build; s_shape = r_shape; s_run = r_run; s_position = r_position; s_newest = r_newest; s_dated = r_dated;
    s_noted_of = r_noted_of;
    i = 1;
    do
    :: i > EVENTS -> break
    :: else -> s_rec[i] = rec[i]; s_noted[i] = noted[i]; i++
    od;
    i = 0
}

inline put_back_redis()
{
    r_build = s_build; r_shape = s_shape; r_run = s_run; r_position = s_position; r_newest = s_newest; r_dated = s_dated;
    r_noted_of = s_noted_of;
    i = 1;
    do
    :: i > EVENTS -> break
    :: else -> rec[i] = s_rec[i]; noted[i] = s_noted[i]; i++
    od;
    i = 0
}

proctype Faults()
{
    byte i;
    bit saved;
    do
    :: atomic { !saved && (KINDS & 2) -> saved = 1; copy_redis() }
    :: atomic { faults < FAULTS && (KINDS & 1) -> faults++;
        r_build = NONE; r_shape = NONE; r_run = NONE; r_position = 0; r_newest = 0; r_dated = 0; r_noted_of = NONE;
        i = 1;
        do
        :: i > EVENTS -> break
        :: else -> rec[i] = NONE; noted[i] = 0; i++
        od;
        i = 0; late = 0 }
    :: atomic { faults < FAULTS && (KINDS & 2) -> faults++; run_id++; put_back_redis() }
    :: atomic { faults < FAULTS && (KINDS & 4) && last > 0 -> faults++; log_life++; stamp[last] = NONE; last-- }
    :: atomic { faults < FAULTS && (KINDS & 8) -> faults++; leave(0) }
    :: atomic { faults < FAULTS && (KINDS & 8) -> faults++; leave(1) }
    od
}

init
{
    atomic {
        run Keeper(0); run Reader(0); run Writer(0); run Keeper(1); run Reader(1); run Writer(1);
        run Faults()
    }
}
