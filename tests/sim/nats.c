/*
 * See nats.h. Each direction of a connection is a queue in time: what is sent later arrives later. A connection that
 * breaks loses what is on its way to the client, or not, as the dice say, and so for what is on its way to the server.
 * A dark one keeps all until it is light again, as TCP does. Depends on sim.h.
 */
#include "nats.h"

#include <stdio.h>
#include <string.h>

#define LATENCY_MIN_NS (20 * SIM_US)

typedef struct subscription {
    struct subscription *next;
    sim_conn *conn; /* NULL: a listener of the world's */
    uint64_t sid;
    const char *pattern, *queue;
    bool gone;
    void (*fn)(void *arg, const sim_message *message);
    void *arg;
} subscription;

typedef struct arrival {
    struct arrival *next;
    uint64_t sid;
    const sim_message *message;
} arrival;

struct sim_conn {
    sim_conn *next;
    sim_process *process;
    const sim_conn_events *events;
    void *client;
    bool at_server, at_client, closed; /* at_*: that side holds it for alive */
    uint64_t up_ns, down_ns;           /* when the last of each direction arrives */
    uint64_t dark_until_ns;
    arrival *head, **tail; /* arrived and not yet read */
};

/* Those without wildcards lie by what they listen to; those with, in the last list. */
#define LISTS 1024

static struct {
    bool up;
    sim_conn *conns;
    subscription *lists[LISTS + 1];
    uint64_t latency_ns;
    unsigned loses;
} server;

/* ---- messages ---- */

sim_message *sim_message_make(const char *subject, const char *reply, const void *data, size_t len)
{
    sim_message *made = sim_alloc(sizeof *made);
    *made = (sim_message){
        .subject = sim_strdup(subject), .reply = sim_strdup(reply), .data = sim_memdup(data, len), .len = len};
    return made;
}

void sim_message_add(sim_message *message, const char *name, const char *value)
{
    sim_header *headers = sim_alloc((message->header_count + 1) * sizeof *headers);
    if (message->header_count) memcpy(headers, message->headers, message->header_count * sizeof *headers);
    headers[message->header_count++] = (sim_header){sim_strdup(name), sim_strdup(value)};
    message->headers = headers;
}

const char *sim_message_header(const sim_message *message, const char *name)
{
    for (size_t i = 0; i < message->header_count; i++)
        if (strcmp(message->headers[i].name, name) == 0) return message->headers[i].value;
    return NULL;
}

char *sim_message_block(const sim_message *message)
{
    size_t size = sizeof "NATS/1.0\r\n\r\n";
    if (message->header_count == 0) return NULL;
    for (size_t i = 0; i < message->header_count; i++)
        size += strlen(message->headers[i].name) + strlen(message->headers[i].value) + 4;
    char *block = sim_alloc(size), *at = block + sprintf(block, "NATS/1.0\r\n");
    for (size_t i = 0; i < message->header_count; i++)
        at += sprintf(at, "%s: %s\r\n", message->headers[i].name, message->headers[i].value);
    memcpy(at, "\r\n", 3);
    return block;
}

bool sim_subject_matches(const char *pattern, const char *subject)
{
    while (*pattern && *subject) {
        if (*pattern == '>') return true;
        if (*pattern == '*') {
            subject += strcspn(subject, ".");
            pattern++;
        } else if (*pattern++ != *subject++) {
            return false;
        }
    }
    return !*pattern && !*subject;
}

/* ---- who listens ---- */

static subscription **list_of(const char *subject)
{
    uint64_t hash = 14695981039346656037U;
    for (const char *at = subject; *at; at++) hash = (hash ^ (uint8_t)*at) * 1099511628211U;
    return &server.lists[hash % LISTS];
}

static void listen(subscription made)
{
    subscription **at = strpbrk(made.pattern, "*>") ? &server.lists[LISTS] : list_of(made.pattern);
    subscription *kept = sim_alloc(sizeof *kept);
    *kept = made;
    for (; *at; at = &(*at)->next) continue;
    *at = kept;
}

static void stop_listening(const sim_conn *conn, uint64_t sid)
{
    for (size_t i = 0; i <= LISTS; i++)
        for (subscription *at = server.lists[i]; at; at = at->next)
            if (at->conn == conn && at->sid == sid) at->gone = true;
}

/* Whoever is gone goes from the list as well. */
static void tidy(subscription **list)
{
    while (*list) {
        if ((*list)->gone || ((*list)->conn && !(*list)->conn->at_server))
            *list = (*list)->next;
        else
            list = &(*list)->next;
    }
}

/* ---- travel ---- */

static uint64_t arrival_ns(const sim_conn *conn, uint64_t last_ns)
{
    uint64_t at = sim_now_ns() + sim_random_between(LATENCY_MIN_NS, server.latency_ns);
    if (at < conn->dark_until_ns) at = conn->dark_until_ns + LATENCY_MIN_NS;
    return at > last_ns ? at : last_ns + 1;
}

typedef struct parcel {
    sim_conn *conn;
    uint64_t sid;
    const sim_message *message;
    const char *subject, *queue; /* of a subscription that begins */
} parcel;

/* Was it still on its way when the light went out? Then it waits. */
static bool waits_in_the_dark(sim_conn *conn, uint64_t *last_ns, sim_fn *fn, parcel *what, sim_process *process)
{
    if (sim_now_ns() >= conn->dark_until_ns) return false;
    *last_ns = *last_ns > conn->dark_until_ns ? *last_ns + 1 : conn->dark_until_ns + 1;
    sim_at_process(process, *last_ns, fn, what);
    return true;
}

static void arrive_at_client(void *arg)
{
    parcel *what = arg;
    sim_conn *conn = what->conn;
    if (!conn->at_client || waits_in_the_dark(conn, &conn->down_ns, arrive_at_client, what, conn->process)) return;
    arrival *made = sim_alloc(sizeof *made);
    *made = (arrival){.sid = what->sid, .message = what->message};
    *conn->tail = made;
    conn->tail = &made->next;
    conn->events->readable(conn->client);
}

static void send_down(sim_conn *conn, uint64_t sid, const sim_message *message)
{
    if (server.loses && sim_chance(server.loses)) {
        sim_trace("nats: lost on its way to %s: %s", conn->process->name, message->subject);
        return;
    }
    parcel *what = sim_alloc(sizeof *what);
    *what = (parcel){.conn = conn, .sid = sid, .message = message};
    conn->down_ns = arrival_ns(conn, conn->down_ns);
    sim_at_process(conn->process, conn->down_ns, arrive_at_client, what);
}

static void arrive_at_server(void *arg)
{
    parcel *what = arg;
    sim_conn *conn = what->conn;
    if (!conn->at_server || !server.up || waits_in_the_dark(conn, &conn->up_ns, arrive_at_server, what, NULL)) return;
    if (what->message) {
        (void)sim_nats_publish(what->message);
    } else if (what->subject) {
        listen((subscription){.conn = conn, .sid = what->sid, .pattern = what->subject, .queue = what->queue});
    } else {
        stop_listening(conn, what->sid);
    }
}

static void send_up(sim_conn *conn, parcel what)
{
    if (!conn->at_client) return;
    parcel *sent = sim_alloc(sizeof *sent);
    *sent = what;
    sent->conn = conn;
    conn->up_ns = arrival_ns(conn, conn->up_ns);
    sim_at(conn->up_ns, arrive_at_server, sent);
}

/* ---- routing ---- */

static void deliver(const subscription *to, const sim_message *message)
{
    if (to->conn)
        send_down(to->conn, to->sid, message);
    else
        to->fn(to->arg, message);
}

static bool takes(const subscription *at, const char *subject)
{
    return !at->gone && (!at->conn || at->conn->at_server) && sim_subject_matches(at->pattern, subject);
}

/* Of each queue group one, by the dice; @first is the first of it that was met. */
static const subscription *pick(const subscription *first, const char *subject)
{
    const subscription *picked = first;
    size_t count = 1;
    for (const subscription *at = first->next; at; at = at->next)
        if (at->queue && strcmp(at->queue, first->queue) == 0 && takes(at, subject) && sim_random_below(++count) == 0)
            picked = at;
    return picked;
}

static bool met_before(const subscription *list, const subscription *until, const char *subject)
{
    for (const subscription *at = list; at != until; at = at->next)
        if (at->queue && strcmp(at->queue, until->queue) == 0 && takes(at, subject)) return true;
    return false;
}

static size_t route_list(subscription **list, const char *subject, const sim_message *message)
{
    size_t count = 0;
    tidy(list);
    const subscription *first = *list;
    for (const subscription *at = first; at; at = at->next) {
        if (!takes(at, subject)) continue;
        if (at->queue && met_before(first, at, subject)) continue;
        deliver(at->queue ? pick(at, subject) : at, message);
        count++;
    }
    return count;
}

static size_t route(const char *subject, const sim_message *message)
{
    size_t exact = route_list(list_of(subject), subject, message);
    return exact + route_list(&server.lists[LISTS], subject, message);
}

bool sim_nats_send(const char *inbox, const sim_message *message)
{
    return server.up && route(inbox, message) > 0;
}

size_t sim_nats_publish(const sim_message *message)
{
    if (!server.up) return 0;
    size_t count = route(message->subject, message);
    if (sim_js_take(message)) count++;
    if (count == 0 && message->reply) {
        sim_message *none = sim_message_make(message->reply, NULL, "", 0);
        sim_message_add(none, "Status", "503");
        (void)route(message->reply, none);
    }
    return count;
}

void sim_nats_listen(const char *subject, void (*fn)(void *arg, const sim_message *message), void *arg)
{
    listen((subscription){.pattern = sim_strdup(subject), .fn = fn, .arg = arg});
}

/* ---- connections ---- */

sim_conn *sim_conn_open(sim_process *process, const sim_conn_events *events, void *client)
{
    if (!server.up) return NULL;
    sim_conn *made = sim_alloc(sizeof *made);
    *made = (sim_conn){.next = server.conns,
                       .process = process,
                       .events = events,
                       .client = client,
                       .at_server = true,
                       .at_client = true};
    made->tail = &made->head;
    server.conns = made;
    return made;
}

void sim_conn_close(sim_conn *conn)
{
    conn->at_client = conn->at_server = false;
    conn->closed = true;
}

static void say_readable(void *arg)
{
    sim_conn *conn = arg;
    if (!conn->closed) conn->events->readable(conn->client);
}

void sim_conn_look(sim_conn *conn)
{
    sim_at_process(conn->process, sim_now_ns(), say_readable, conn);
}

bool sim_conn_over(const sim_conn *conn)
{
    return !conn->at_client;
}

bool sim_conn_next(sim_conn *conn, uint64_t *sid, const sim_message **message)
{
    arrival *first = conn->head;
    if (!first) return false;
    conn->head = first->next;
    if (!conn->head) conn->tail = &conn->head;
    *sid = first->sid;
    *message = first->message;
    return true;
}

void sim_conn_subscribe(sim_conn *conn, uint64_t sid, const char *subject, const char *queue)
{
    send_up(conn, (parcel){.sid = sid, .subject = sim_strdup(subject), .queue = sim_strdup(queue)});
}

void sim_conn_unsubscribe(sim_conn *conn, uint64_t sid)
{
    send_up(conn, (parcel){.sid = sid});
}

void sim_conn_publish(sim_conn *conn, const sim_message *message)
{
    send_up(conn, (parcel){.message = message});
}

uint64_t sim_conn_pong_ns(const sim_conn *conn)
{
    if (!conn->at_client || !conn->at_server) return UINT64_MAX;
    uint64_t up = conn->up_ns > sim_now_ns() ? conn->up_ns : sim_now_ns();
    if (up < conn->dark_until_ns) up = conn->dark_until_ns;
    uint64_t down = conn->down_ns > up ? conn->down_ns : up;
    return down + 2 * server.latency_ns;
}

static void tell_over(void *arg)
{
    sim_conn *conn = arg;
    if (conn->closed || !conn->at_client) return;
    conn->at_client = false;
    conn->events->readable(conn->client);
}

static void forget_client(void *arg)
{
    ((sim_conn *)arg)->at_server = false;
}

static void break_conn(sim_conn *conn)
{
    if (!conn->at_client) return;
    uint64_t later = sim_now_ns() + sim_random_between(LATENCY_MIN_NS, server.latency_ns);
    bool reads_on = sim_chance(500); /* what had been sent before still comes */
    if (reads_on && conn->down_ns > later) later = conn->down_ns + 1;
    conn->dark_until_ns = 0;
    if (sim_chance(500))
        conn->at_server = false;
    else /* what is on its way to the server still counts */
        sim_at(conn->up_ns + LATENCY_MIN_NS, forget_client, conn);
    sim_at_process(conn->process, later, tell_over, conn);
}

static bool is_of(const sim_conn *conn, const sim_process *process)
{
    return !process || conn->process == process;
}

void sim_nats_break(const sim_process *process)
{
    for (sim_conn *at = server.conns; at; at = at->next)
        if (is_of(at, process)) break_conn(at);
}

void sim_nats_darken(const sim_process *process, uint64_t until_ns)
{
    for (sim_conn *at = server.conns; at; at = at->next)
        if (is_of(at, process) && at->at_client) at->dark_until_ns = until_ns;
}

void sim_nats_lose(unsigned in_1000)
{
    server.loses = in_1000;
}

void sim_nats_latency(uint64_t max_ns)
{
    server.latency_ns = max_ns;
}

void sim_nats_set_up(bool up)
{
    if (!up) {
        for (sim_conn *at = server.conns; at; at = at->next) {
            break_conn(at);
            at->at_server = false;
        }
    }
    server.up = up;
}

bool sim_nats_is_up(void)
{
    return server.up;
}

void sim_nats_start(void)
{
    memset(&server, 0, sizeof server);
    server.up = true;
    server.latency_ns = 300 * SIM_US;
    sim_js_start();
}
