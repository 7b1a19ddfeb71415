/*
 * An open loop: a request is sent when it is due, whatever came back, and its time counts from then. It speaks the NATS
 * protocol itself, so that it takes as little of the machine as can be from whom it loads.
 *
 *   overload --url U --subject S --body B --rate 50000     requests a second, evenly spaced
 *   overload --url U --subject S --body B --in-flight 64   a closed loop instead: what the service can do
 *   -> overload sent=150000 per_s=26000.0 good_p50_us=900.0 good_p99_us=2100.0 refused_per_s=24000.0
 *      refused_p50_us=… refused_p99_us=… failed=0 nobody=0 lost=0 late_p99_us=300.0 cpu=0.21
 *
 * In B, %d stands for a number of seven digits that counts to --keys and begins again, %n for one that goes on counting
 * from --first. Counted are --seconds after --warm-up of them. Good is an answer without an error, refused is
 * RESOURCE_EXHAUSTED, `nobody` are answers of the server that nobody serves it, failed is any other error; lost got no
 * answer in LOST_S. `late` is how long after it was due a request was sent: what the loader itself was short of.
 *
 * May depend on: POSIX. Threads: one.
 */
#include "measure.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define SLOTS     (1u << 21)
#define IN_BYTES  (1u << 20)
#define OUT_BYTES (8u << 20)
#define BODY_MAX  512
#define POLL_NS   500000 /* what has become due meanwhile leaves in one write */
#define LOST_S    5
#define EXHAUSTED 8
#define NS_PER_S  1000000000ull
#define NOBODY    (-1)
#define NO_ERROR  0

typedef struct settings {
    const char *url, *subject, *body;
    double rate, seconds, warm_up;
    size_t in_flight, keys, first;
} settings;

typedef struct overload {
    const settings *set;
    int fd;
    char *out, *in;
    size_t out_at, out_len, in_len;
    char inbox[80];
    uint64_t due_ns[SLOTS]; /* of the request in the slot */
    uint32_t free[SLOTS];   /* slots, the last used first: the server remembers reply subjects that come again */
    size_t free_count, outstanding;
    size_t sent, good, refused, failed, nobody;
    measure_samples good_us, refused_us, late_us;
    uint64_t begin_ns, end_ns; /* what counts */
} overload;

static _Noreturn void die(const char *what, const char *why)
{
    fprintf(stderr, "overload: %s: %s\n", what, why);
    exit(1);
}

static int connect_to(const char *url)
{
    char host[256], port[16];
    const char *at = strchr(url, '@'), *from = at ? at + 1 : url + strlen("nats://");
    if (strlen(url) < 8 || sscanf(from, "%255[^:]:%15[0-9]", host, port) != 2) die(url, "is not nats://host:port");
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found = NULL;
    if (getaddrinfo(host, port, &hints, &found) != 0) die(url, "no such host");
    int fd = socket(found->ai_family, SOCK_STREAM, 0), on = 1;
    if (fd < 0 || connect(fd, found->ai_addr, found->ai_addrlen) != 0) die(url, strerror(errno));
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    freeaddrinfo(found);
    return fd;
}

static void send_all(int fd, const char *text)
{
    if (write(fd, text, strlen(text)) != (ssize_t)strlen(text)) die("write", strerror(errno));
}

static void expect(overload *self, const char *what)
{
    char line[4096];
    size_t len = 0;
    do {
        ssize_t got = read(self->fd, line + len, sizeof line - 1 - len);
        if (got <= 0) die(what, "the server has closed");
        len += (size_t)got;
        line[len] = '\0';
        if (strstr(line, "-ERR")) die("server", line);
    } while (!strstr(line, what));
}

static void sign_in(overload *self)
{
    char text[512], user[64] = "", password[64] = "", prefix[64];
    (void)!sscanf(self->set->url, "nats://%63[^:@]:%63[^@]@", user, password);
    measure_inbox(self->set->url, prefix);
    self->fd = connect_to(self->set->url);
    expect(self, "INFO ");
    snprintf(text, sizeof text,
             "CONNECT {\"verbose\":false,\"pedantic\":false,\"headers\":true,\"no_responders\":true,\"user\":\"%s\","
             "\"pass\":\"%s\",\"lang\":\"c\",\"version\":\"0\",\"protocol\":1,\"name\":\"overload\"}\r\n",
             password[0] ? user : "", password);
    send_all(self->fd, text);
    snprintf(self->inbox, sizeof self->inbox, "%s.o%d", prefix, (int)getpid());
    snprintf(text, sizeof text, "SUB %s.* 1\r\nPING\r\n", self->inbox);
    send_all(self->fd, text);
    expect(self, "PONG");
    fcntl(self->fd, F_SETFL, fcntl(self->fd, F_GETFL) | O_NONBLOCK);
}

/* The body with its holes filled. */
static size_t write_body(const settings *set, size_t number, char out[BODY_MAX])
{
    size_t len = 0;
    for (const char *at = set->body; *at && len < BODY_MAX - 32; at++) {
        if (at[0] == '%' && (at[1] == 'd' || at[1] == 'n')) {
            len += (size_t)(at[1] == 'd' ? sprintf(out + len, "%07zu", number % set->keys)
                                         : sprintf(out + len, "%zu", set->first + number));
            at++;
        } else {
            out[len++] = *at;
        }
    }
    return len;
}

static bool has_room(const overload *self)
{
    return self->free_count > 0 && self->out_len + BODY_MAX * 2 < OUT_BYTES;
}

static void send_request(overload *self, uint64_t due_ns, uint64_t now_ns)
{
    char body[BODY_MAX];
    size_t len = write_body(self->set, self->sent++, body);
    uint32_t slot = self->free[--self->free_count];
    self->due_ns[slot] = due_ns;
    self->outstanding++;
    if (due_ns >= self->begin_ns) measure_add(&self->late_us, (double)(now_ns - due_ns) / 1e3);
    self->out_len +=
        (size_t)sprintf(self->out + self->out_len, "PUB %s %s.%x %zu\r\n", self->set->subject, self->inbox, slot, len);
    memcpy(self->out + self->out_len, body, len);
    memcpy(self->out + self->out_len + len, "\r\n", 2);
    self->out_len += len + 2;
}

static void count_answer(overload *self, uint32_t slot, int code, uint64_t now_ns)
{
    uint64_t due_ns = self->due_ns[slot];
    bool counts = now_ns >= self->begin_ns && now_ns < self->end_ns, timed = due_ns >= self->begin_ns;
    if (slot >= SLOTS || due_ns == 0) die("answer", "to a request that was not sent, or has been answered");
    self->due_ns[slot] = 0;
    self->free[self->free_count++] = slot;
    self->outstanding--;
    if (timed && code == NO_ERROR) measure_add(&self->good_us, (double)(now_ns - due_ns) / 1e3);
    if (timed && code == EXHAUSTED) measure_add(&self->refused_us, (double)(now_ns - due_ns) / 1e3);
    if (counts)
        ++*(code == NO_ERROR    ? &self->good
            : code == EXHAUSTED ? &self->refused
            : code == NOBODY    ? &self->nobody
                                : &self->failed);
    if (self->set->in_flight > 0 && now_ns < self->end_ns) send_request(self, now_ns, now_ns);
}

/* What a header block says: NO_ERROR, a status code, or NOBODY. */
static int error_of(const char *headers, size_t len)
{
    static const char name[] = "Nats-Service-Error-Code:";
    if (len > 12 && memcmp(headers, "NATS/1.0 503", 12) == 0) return NOBODY;
    const char *at = memmem(headers, len, name, sizeof name - 1);
    return at ? atoi(at + sizeof name - 1) : NO_ERROR;
}

/* One protocol message of those in self->in from @at on; how long it is, 0 when it is not all there. */
static size_t take_message(overload *self, size_t at, uint64_t now_ns)
{
    const char *line = self->in + at, *end = memmem(line, self->in_len - at, "\r\n", 2);
    if (!end) return 0;
    size_t head = (size_t)(end - line) + 2;
    if (line[0] == '-') die("server", "has complained");
    if (memcmp(line, "PING", 4) == 0) {
        memcpy(self->out + self->out_len, "PONG\r\n", 6);
        self->out_len += 6;
    }
    if (line[0] != 'M' && line[0] != 'H') return head;
    char text[512], subject[256];
    size_t headers = 0, total = 0;
    snprintf(text, sizeof text, "%.*s", (int)(head - 2), line);
    int read = line[0] == 'M' ? sscanf(text, "MSG %255s 1 %zu", subject, &total)
                              : sscanf(text, "HMSG %255s 1 %zu %zu", subject, &headers, &total);
    if (read < 2) die("server", text);
    if (self->in_len - at < head + total + 2) return 0;
    count_answer(self, (uint32_t)strtoul(strrchr(subject, '.') + 1, NULL, 16), error_of(line + head, headers), now_ns);
    return head + total + 2;
}

static void read_answers(overload *self)
{
    ssize_t got = read(self->fd, self->in + self->in_len, IN_BYTES - self->in_len);
    if (got == 0 || (got < 0 && errno != EAGAIN)) die("read", got == 0 ? "the server has closed" : strerror(errno));
    if (got < 0) return;
    uint64_t now_ns = measure_now_ns();
    size_t at = 0, len;
    self->in_len += (size_t)got;
    while (at < self->in_len && (len = take_message(self, at, now_ns)) > 0) at += len;
    memmove(self->in, self->in + at, self->in_len - at);
    self->in_len -= at;
}

static void write_requests(overload *self)
{
    if (self->out_len == self->out_at) return;
    ssize_t put = write(self->fd, self->out + self->out_at, self->out_len - self->out_at);
    if (put < 0 && errno != EAGAIN) die("write", strerror(errno));
    if (put > 0) self->out_at += (size_t)put;
    if (self->out_at < self->out_len && self->out_at < OUT_BYTES / 2) return;
    memmove(self->out, self->out + self->out_at, self->out_len - self->out_at);
    self->out_len -= self->out_at;
    self->out_at = 0;
}

static void turn(overload *self)
{
    struct timespec wait = {.tv_nsec = POLL_NS};
    write_requests(self);
    struct pollfd poll = {.fd = self->fd, .events = (short)(POLLIN | (self->out_len > self->out_at ? POLLOUT : 0))};
    ppoll(&poll, 1, &wait, NULL);
    if (poll.revents & (POLLIN | POLLHUP)) read_answers(self);
}

static void send_due(overload *self, uint64_t start_ns, uint64_t now_ns)
{
    double due = (double)(now_ns - start_ns) / 1e9 * self->set->rate;
    while ((double)self->sent < due && has_room(self))
        send_request(self, start_ns + (uint64_t)((double)self->sent / self->set->rate * 1e9), now_ns);
}

static void run(overload *self)
{
    const settings *set = self->set;
    uint64_t start_ns = measure_now_ns(), now_ns = start_ns;
    self->begin_ns = start_ns + (uint64_t)(set->warm_up * 1e9);
    self->end_ns = self->begin_ns + (uint64_t)(set->seconds * 1e9);
    for (size_t i = 0; i < set->in_flight; i++) send_request(self, start_ns, start_ns);
    while ((now_ns = measure_now_ns()) < self->end_ns) {
        if (set->in_flight == 0) send_due(self, start_ns, now_ns);
        turn(self);
    }
    while (self->outstanding > 0 && measure_now_ns() < self->end_ns + LOST_S * NS_PER_S) turn(self);
}

static void print(overload *self)
{
    double s = self->set->seconds;
    printf("overload sent=%zu per_s=%.1f good_p50_us=%.1f good_p99_us=%.1f refused_per_s=%.1f refused_p50_us=%.1f "
           "refused_p99_us=%.1f failed=%zu nobody=%zu lost=%zu late_p99_us=%.1f cpu=%.2f\n",
           self->sent, (double)self->good / s, measure_percentile(&self->good_us, 50),
           measure_percentile(&self->good_us, 99), (double)self->refused / s, measure_percentile(&self->refused_us, 50),
           measure_percentile(&self->refused_us, 99), self->failed, self->nobody, self->outstanding,
           measure_percentile(&self->late_us, 99), measure_cpu_us() / 1e6 / (s + self->set->warm_up));
}

static _Noreturn void usage(void)
{
    fprintf(
        stderr,
        "usage: overload --url U --subject S --rate N|--in-flight N [--body B] [--keys N] [--first N] [--seconds S] "
        "[--warm-up S]\n");
    exit(2);
}

static void take_option(settings *set, int option)
{
    switch (option) {
    case 'u':
        set->url = optarg;
        break;
    case 's':
        set->subject = optarg;
        break;
    case 'b':
        set->body = optarg;
        break;
    case 'r':
        set->rate = atof(optarg);
        break;
    case 'n':
        set->in_flight = measure_number(optarg);
        break;
    case 'k':
        set->keys = measure_number(optarg);
        break;
    case 'f':
        set->first = measure_number(optarg);
        break;
    case 't':
        set->seconds = atof(optarg);
        break;
    case 'w':
        set->warm_up = atof(optarg);
        break;
    default:
        usage();
    }
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"url", 1, NULL, 'u'},       {"subject", 1, NULL, 's'}, {"body", 1, NULL, 'b'},    {"rate", 1, NULL, 'r'},
        {"keys", 1, NULL, 'k'},      {"first", 1, NULL, 'f'},   {"seconds", 1, NULL, 't'}, {"warm-up", 1, NULL, 'w'},
        {"in-flight", 1, NULL, 'n'}, {NULL, 0, NULL, 0}};
    static overload self;
    settings set = {.body = "", .keys = 1, .seconds = 3, .warm_up = 1};
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) take_option(&set, option);
    if (optind != argc || !set.url || !set.subject || (set.rate <= 0) == (set.in_flight == 0) || set.keys == 0) usage();
    self.set = &set;
    self.out = malloc(OUT_BYTES);
    self.in = malloc(IN_BYTES);
    if (!self.out || !self.in) die("buffers", "out of memory");
    for (uint32_t i = 0; i < SLOTS; i++) self.free[self.free_count++] = SLOTS - 1 - i;
    prctl(PR_SET_TIMERSLACK, 1);
    sign_in(&self);
    run(&self);
    print(&self);
    return 0;
}
