/*
 * nats-server and redis-server as child processes. A server is a command line built once (port, directory, socket) and
 * a process that may be started from it again and again; it counts as ready when it greets (nats: INFO, after JetStream
 * has recovered) or answers PING (redis: not while it loads), and shows that it is ours: another test's may have taken
 * the port first. May depend on: process, tempdir, wait.
 */
#include "support/servers.h"
#include "support/process.h"
#include "support/tempdir.h"
#include "support/wait.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define ARGS_MAX    48
#define READY_MS    20000
#define START_TRIES 8

typedef struct kind {
    const char *scheme, *variable, *program;
} kind;

static const kind nats_kind = {"nats", "FURROW_NATS_SERVER", "nats-server"};
static const kind redis_kind = {"redis", "FURROW_REDIS_SERVER", "redis-server"};

struct furrow_test_server {
    const kind *kind;
    furrow_test_process *process;
    int port;
    char url[48], port_text[8], dir[96], name[96], socket[108], config[108];
    char ask[256];      /* sent after connecting, or "" */
    char greeting[128]; /* in the answer of a server that is ready and ours */
    const char *library;
    const char *argv[ARGS_MAX];
    size_t argc;
};

#define ANSWER_MAX 4096 /* nats-server's INFO */

static struct sockaddr_in loopback(int port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

/*
 * Below the range the system gives to outgoing connections (32768 and up), so that nobody takes the port while a killed
 * server is down.
 */
static int free_port(void)
{
    static unsigned seed;
    if (!seed) seed = (unsigned)getpid() * 2654435761u ^ (unsigned)time(NULL);
    for (int tries = 0; tries < 1000; tries++) {
        int port = 10000 + rand_r(&seed) % 22000, on = 1;
        struct sockaddr_in address = loopback(port);
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        bool is_free = fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof address) == 0;
        close(fd);
        if (is_free) return port;
    }
    fprintf(stderr, "test support: no free port\n");
    abort();
}

/* Debian puts nats-server where the PATH of nobody but root looks. What is in PATH goes first. */
static void look_in_sbin(void)
{
    const char *path = getenv("PATH");
    char longer[4096];
    if (!path || strstr(path, "/usr/sbin")) return;
    if (snprintf(longer, sizeof longer, "%s:/usr/sbin", path) < (int)sizeof longer) setenv("PATH", longer, 1);
}

static void add_arg(furrow_test_server *server, const char *arg)
{
    if (server->argc + 1 >= ARGS_MAX) abort();
    server->argv[server->argc++] = arg;
}

static void add_option(furrow_test_server *server, const char *name, const char *value)
{
    add_arg(server, name);
    add_arg(server, value);
}

static furrow_test_server *server_new(const kind *what)
{
    furrow_test_server *server = calloc(1, sizeof *server);
    if (!server) abort();
    const char *program = getenv(what->variable);
    look_in_sbin();
    server->kind = what;
    snprintf(server->dir, sizeof server->dir, "%s", furrow_test_tempdir());
    add_arg(server, program && *program ? program : what->program);
    return server;
}

static void set_port(furrow_test_server *server)
{
    server->port = free_port();
    snprintf(server->port_text, sizeof server->port_text, "%d", server->port);
    snprintf(server->url, sizeof server->url, "%s://127.0.0.1:%d", server->kind->scheme, server->port);
}

/* Redis has a socket of its own, nats-server a name in what it says. */
static int connect_to(const furrow_test_server *server)
{
    struct sockaddr_in port = loopback(server->port);
    struct sockaddr_un path = {.sun_family = AF_UNIX};
    struct timeval patience = {.tv_sec = 1};
    bool local = server->socket[0];
    memcpy(path.sun_path, server->socket, sizeof path.sun_path);
    int fd = socket(local ? AF_UNIX : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (fd >= 0 && connect(fd, local ? (struct sockaddr *)&path : (struct sockaddr *)&port,
                           local ? sizeof path : sizeof port) == 0)
        return fd;
    if (fd >= 0) close(fd);
    return -1;
}

/* One look: does it greet as a server that is ready does? */
static bool greets(const furrow_test_server *server)
{
    char answer[ANSWER_MAX] = "";
    size_t ask = strlen(server->ask), len = 0;
    int fd = connect_to(server);
    if (fd < 0) return false;
    bool ready = false;
    ssize_t got = ask == 0 || send(fd, server->ask, ask, MSG_NOSIGNAL) == (ssize_t)ask;
    while (got > 0 && !ready && len < sizeof answer - 1) {
        got = recv(fd, answer + len, sizeof answer - 1 - len, 0);
        if (got > 0) len += (size_t)got;
        ready = strstr(answer, server->greeting) != NULL;
        if (strstr(answer, "-LOADING") || strstr(answer, "-NOAUTH")) break;
    }
    close(fd);
    return ready;
}

/* One that kept its data has the library already, and says so. */
static bool load_library(const furrow_test_server *server)
{
    char head[64], answer[256] = "";
    if (!server->library) return true;
    size_t len = strlen(server->library);
    int fd = connect_to(server),
        used = snprintf(head, sizeof head, "*3\r\n$8\r\nFUNCTION\r\n$4\r\nLOAD\r\n$%zu\r\n", len);
    bool sent = fd >= 0 && send(fd, head, (size_t)used, MSG_NOSIGNAL) == used &&
                send(fd, server->library, len, MSG_NOSIGNAL) == (ssize_t)len && send(fd, "\r\n", 2, MSG_NOSIGNAL) == 2;
    bool answered = sent && recv(fd, answer, sizeof answer - 1, 0) > 0;
    if (fd >= 0) close(fd);
    return answered && (answer[0] == '$' || strstr(answer, "already exists"));
}

static bool launch(furrow_test_server *server)
{
    furrow_test_process_destroy(server->process);
    server->process = furrow_test_process_start(&(furrow_test_process_options){.argv = server->argv});
    bool ready = false;
    /* Either may have had no answer within its second, on a busy machine, and is asked again. */
    (void)FURROW_TEST_EVENTUALLY(
        (ready = greets(server) && load_library(server)) || !furrow_test_process_running(server->process), READY_MS);
    return ready && furrow_test_process_running(server->process);
}

static _Noreturn void give_up(furrow_test_server *server)
{
    fprintf(stderr, "test support: %s did not start on port %d; its log:\n%s%s\n", server->argv[0], server->port,
            furrow_test_process_stdout(server->process), furrow_test_process_stderr(server->process));
    abort();
}

/* Another process may have taken the port since it was found free: then another one is tried. */
static furrow_test_server *start_somewhere(furrow_test_server *server, bool stopped)
{
    for (int tries = 0; tries < START_TRIES; tries++) {
        set_port(server);
        if (stopped || launch(server)) return server;
        if (furrow_test_process_running(server->process)) break;
    }
    give_up(server);
}

furrow_test_server *furrow_test_nats_start(const furrow_test_nats_options *options)
{
    static const furrow_test_nats_options defaults;
    if (!options) options = &defaults;
    furrow_test_server *server = server_new(&nats_kind);
    snprintf(server->name, sizeof server->name, "%s", strrchr(server->dir, '/') + 1);
    snprintf(server->greeting, sizeof server->greeting, "\"server_name\":\"%s\"", server->name);
    add_option(server, "-n", server->name);
    add_option(server, "-a", "127.0.0.1");
    add_option(server, "-p", server->port_text);
    if (!options->no_jetstream) {
        add_arg(server, "-js");
        add_option(server, "-sd", server->dir);
    }
    if (options->config) {
        snprintf(server->config, sizeof server->config, "%s/nats.conf", server->dir);
        furrow_test_write_file(server->config, options->config);
        add_option(server, "-c", server->config);
    }
    return start_somewhere(server, options->stopped);
}

furrow_test_server *furrow_test_redis_start(const furrow_test_redis_options *options)
{
    static const furrow_test_redis_options defaults;
    if (!options) options = &defaults;
    furrow_test_server *server = server_new(&redis_kind);
    server->library = options->library;
    if (options->user) snprintf(server->ask, sizeof server->ask, "AUTH %s %s\r\n", options->user, options->password);
    strcat(server->ask, "PING\r\n");
    strcpy(server->greeting, "+PONG");
    snprintf(server->socket, sizeof server->socket, "%s/redis.sock", server->dir);
    add_option(server, "--bind", "127.0.0.1");
    add_option(server, "--port", server->port_text);
    add_option(server, "--unixsocket", server->socket);
    add_option(server, "--dir", server->dir);
    add_option(server, "--save", "");
    add_option(server, "--appendonly", options->appendonly ? "yes" : "no");
    add_option(server, "--timeout", "4"); /* as config/dev writes it */
    add_option(server, "--tcp-keepalive", "1");
    for (const char *const *arg = options->args; arg && *arg; arg++) add_arg(server, *arg);
    return start_somewhere(server, options->stopped);
}

const char *furrow_test_server_url(const furrow_test_server *server)
{
    return server->url;
}

int furrow_test_server_port(const furrow_test_server *server)
{
    return server->port;
}

const char *furrow_test_server_socket(const furrow_test_server *server)
{
    return server->socket[0] ? server->socket : NULL;
}

const char *furrow_test_server_log(const furrow_test_server *server)
{
    return furrow_test_process_stderr(server->process);
}

const char *furrow_test_server_dir(const furrow_test_server *server)
{
    return server->dir;
}

void furrow_test_server_kill(furrow_test_server *server)
{
    if (server->process) furrow_test_process_signal(server->process, SIGKILL);
}

void furrow_test_server_stop(furrow_test_server *server)
{
    if (!server->process) return;
    furrow_test_process_signal(server->process, SIGTERM);
    if (!furrow_test_process_wait(server->process, READY_MS, NULL)) furrow_test_server_kill(server);
}

void furrow_test_server_restart(furrow_test_server *server)
{
    furrow_test_server_kill(server);
    if (!launch(server)) give_up(server);
}

void furrow_test_server_pause(furrow_test_server *server)
{
    furrow_test_process_signal(server->process, SIGSTOP);
}

void furrow_test_server_resume(furrow_test_server *server)
{
    furrow_test_process_signal(server->process, SIGCONT);
}

void furrow_test_server_signal(furrow_test_server *server, int signal)
{
    furrow_test_process_signal(server->process, signal);
}

bool furrow_test_server_running(furrow_test_server *server)
{
    return server->process && furrow_test_process_running(server->process);
}

long furrow_test_server_memory_kib(const furrow_test_server *server)
{
    if (!server->process || !furrow_test_process_running(server->process)) return 0;
    char path[48];
    snprintf(path, sizeof path, "/proc/%d/status", (int)furrow_test_process_pid(server->process));
    char *status = furrow_test_read_file(path);
    const char *line = strstr(status, "VmRSS:");
    long kib = line ? strtol(line + 6, NULL, 10) : 0;
    free(status);
    return kib;
}

void furrow_test_server_destroy(furrow_test_server *server)
{
    if (!server) return;
    furrow_test_process_destroy(server->process);
    free(server);
}
