/*
 * Child processes of tests. Invariants: a child is reaped exactly once (`ended`); its three standard streams are files
 * in a temporary directory of ours. May depend on: tempdir, wait, Linux (prctl).
 */
#include "support/process.h"
#include "support/tempdir.h"
#include "support/wait.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

struct furrow_test_process {
    pid_t pid;
    bool ended;
    int exit_code;
    char in_path[128], out_path[128], err_path[128];
    char *out_text, *err_text;
};

static void redirect(const char *path, int flags, int to)
{
    int fd = open(path, flags, 0600);
    if (fd < 0 || dup2(fd, to) < 0) _exit(126);
    if (fd != to) close(fd);
}

static bool names_same(const char *pair, const char *other)
{
    size_t len = strcspn(pair, "=");
    return strncmp(pair, other, len + 1) == 0;
}

/* Our own environment with @pairs on top; each is theirs, the list ours. */
static char **make_environment(const char *const *pairs)
{
    size_t own = 0, added = 0, count = 0;
    while (environ[own]) own++;
    while (pairs && pairs[added]) added++;
    char **list = calloc(own + added + 1, sizeof *list);
    if (!list) abort();
    for (size_t i = 0; i < own; i++) list[count++] = environ[i];
    for (size_t i = 0; i < added; i++) {
        size_t at = 0;
        while (at < count && !names_same(pairs[i], list[at])) at++;
        list[at] = (char *)pairs[i];
        if (at == count) count++;
    }
    return list;
}

/* The test may have other threads, which hold a lock of malloc's at the moment of the fork: so nothing here asks for one. */
static _Noreturn void become(const furrow_test_process *process, const furrow_test_process_options *options,
                             char *const environment[], pid_t parent)
{
    /* PDEATHSIG is lost if the parent died between fork and prctl: look whether it is still there. */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent) _exit(126);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    redirect(process->in_path, O_RDONLY, STDIN_FILENO);
    redirect(process->out_path, O_WRONLY | O_CREAT | O_APPEND, STDOUT_FILENO);
    redirect(process->err_path, O_WRONLY | O_CREAT | O_APPEND, STDERR_FILENO);
    execvpe(options->argv[0], (char *const *)options->argv, environment);
    dprintf(STDERR_FILENO, "test support: cannot run %s: %s\n", options->argv[0], strerror(errno));
    _exit(127);
}

furrow_test_process *furrow_test_process_start(const furrow_test_process_options *options)
{
    furrow_test_process *process = calloc(1, sizeof *process);
    if (!process) abort();
    const char *dir = furrow_test_tempdir();
    snprintf(process->in_path, sizeof process->in_path, "%s/in", dir);
    snprintf(process->out_path, sizeof process->out_path, "%s/out", dir);
    snprintf(process->err_path, sizeof process->err_path, "%s/err", dir);
    furrow_test_write_file(process->in_path, options->input ? options->input : "");
    fflush(NULL);
    char **environment = make_environment(options->env);
    pid_t parent = getpid();
    process->pid = fork();
    if (process->pid < 0) {
        perror("test support: fork");
        abort();
    }
    if (process->pid == 0) become(process, options, environment, parent);
    free(environment);
    return process;
}

static void (*breathe)(void) = furrow_test_breathe;

void furrow_test_process_breathe_by(void (*fn)(void))
{
    breathe = fn;
}

pid_t furrow_test_process_pid(const furrow_test_process *process)
{
    return process->pid;
}

static void note_end(furrow_test_process *process, int status)
{
    process->ended = true;
    process->exit_code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

bool furrow_test_process_running(furrow_test_process *process)
{
    int status;
    if (!process->ended && waitpid(process->pid, &status, WNOHANG) == process->pid) note_end(process, status);
    return !process->ended;
}

bool furrow_test_process_wait(furrow_test_process *process, uint64_t timeout_ms, int *exit_code)
{
    uint64_t end = furrow_test_now_ms() + timeout_ms;
    while (furrow_test_process_running(process)) {
        if (furrow_test_now_ms() >= end) return false;
        breathe();
    }
    if (exit_code) *exit_code = process->exit_code;
    return true;
}

void furrow_test_process_signal(furrow_test_process *process, int signal)
{
    int status;
    siginfo_t seen;
    if (!furrow_test_process_running(process)) return;
    kill(process->pid, signal);
    /* One of its threads stops the others, once it runs: on a busy machine they do many things before. */
    if (signal == SIGSTOP) waitid(P_PID, (id_t)process->pid, &seen, WSTOPPED | WEXITED | WNOWAIT);
    if (signal == SIGKILL && waitpid(process->pid, &status, 0) == process->pid) note_end(process, status);
}

static const char *reread(const char *path, char **text)
{
    free(*text);
    *text = furrow_test_read_file(path);
    return *text;
}

const char *furrow_test_process_stdout(furrow_test_process *process)
{
    return reread(process->out_path, &process->out_text);
}

const char *furrow_test_process_stderr(furrow_test_process *process)
{
    return reread(process->err_path, &process->err_text);
}

static bool wrote(furrow_test_process *process, const char *text)
{
    return strstr(furrow_test_process_stdout(process), text) || strstr(furrow_test_process_stderr(process), text);
}

bool furrow_test_process_wait_for(furrow_test_process *process, const char *text, uint64_t timeout_ms)
{
    uint64_t end = furrow_test_now_ms() + timeout_ms;
    for (bool running = true; running; breathe()) {
        /* Asked first: what it wrote just before its end is then not missed. */
        running = furrow_test_process_running(process) && furrow_test_now_ms() < end;
        if (wrote(process, text)) return true;
    }
    return false;
}

void furrow_test_process_destroy(furrow_test_process *process)
{
    if (!process) return;
    furrow_test_process_signal(process, SIGKILL);
    free(process->out_text);
    free(process->err_text);
    free(process);
}

/* What AddressSanitizer says once of every program with fibers is nothing that the program said. */
static void drop_notices(char *text)
{
    static const char notice[] = "==WARNING: ASan doesn't fully support makecontext";
    for (char *at; (at = strstr(text, notice)) != NULL;) {
        char *end = strchr(at, '\n');
        while (at > text && at[-1] != '\n') at--;
        if (!end) end = at + strlen(at) - 1;
        memmove(at, end + 1, strlen(end + 1) + 1);
    }
}

int furrow_test_process_finish(furrow_test_process *process, uint64_t timeout_ms, char **output)
{
    int exit_code = 0;
    if (!furrow_test_process_wait(process, timeout_ms, &exit_code)) {
        furrow_test_process_signal(process, SIGKILL);
        exit_code = process->exit_code;
    }
    if (output) {
        const char *out = furrow_test_process_stdout(process), *err = furrow_test_process_stderr(process);
        if (asprintf(output, "%s%s", out, err) < 0) abort();
        drop_notices(*output);
    }
    furrow_test_process_destroy(process);
    return exit_code;
}

int furrow_test_run(const furrow_test_process_options *options, uint64_t timeout_ms, char **output)
{
    return furrow_test_process_finish(furrow_test_process_start(options), timeout_ms, output);
}
