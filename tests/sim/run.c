/*
 * Runs schedules, each in a process of its own (so that nothing of one is left in the next, and what crashes is found by
 * its seed), and shortens the first that fails: steps are left out for as long as it fails.
 */
#include "world.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define JOBS_MAX   16
#define SCHEDULE_S 10 /* of a processor: then it hangs */
#define SHRINKS    300

time_t __real_time(time_t *out); /* the world has its own */

typedef struct options {
    uint64_t seed, schedules, faults, seconds;
    unsigned jobs;
    bool trace, expect_failure, keep_going;
} options;

typedef struct job {
    pid_t pid;
    int from; /* the pipe that tells why */
    uint64_t seed;
} job;

/* ---- one schedule in a child ---- */

static void run_child(const plan *of, int to, bool trace)
{
    static char why[WORLD_FAILURE];
    setrlimit(RLIMIT_CPU, &(struct rlimit){SCHEDULE_S, SCHEDULE_S + 1});
    sim_trace_on(trace);
    if (!trace && !freopen("/dev/null", "w", stderr)) _exit(3); /* what the services log */
    bool well = sim_world_run(of, why);
    if (!well && write(to, why, strlen(why)) < 0) _exit(3);
    _exit(well ? 0 : 1);
}

static job start(const plan *of, bool trace)
{
    int ends[2];
    job made = {.seed = of->seed};
    if (pipe(ends) != 0) abort();
    fflush(NULL);
    made.pid = fork();
    if (made.pid < 0) abort();
    if (made.pid == 0) {
        close(ends[0]);
        run_child(of, ends[1], trace);
    }
    close(ends[1]);
    made.from = ends[0];
    return made;
}

/* Of the job that ended with @status: true if all is well. */
static bool finish(const job *of, int status, char why[WORLD_FAILURE])
{
    ssize_t len = read(of->from, why, WORLD_FAILURE - 1);
    why[len > 0 ? len : 0] = '\0';
    close(of->from);
    if (WIFSIGNALED(status))
        snprintf(why, WORLD_FAILURE, "ended by signal %d%s", WTERMSIG(status),
                 WTERMSIG(status) == SIGXCPU ? ": it hangs" : "");
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static bool run_alone(const plan *of, bool trace, char why[WORLD_FAILURE])
{
    int status = 0;
    job made = start(of, trace);
    while (waitpid(made.pid, &status, 0) < 0) continue;
    return finish(&made, status, why);
}

/* ---- the shortest ---- */

static void shorten(plan *of, char why[WORLD_FAILURE])
{
    int tries = 0;
    for (bool shorter = true; shorter && tries < SHRINKS;) {
        shorter = false;
        for (size_t i = of->count; i-- > 0 && tries < SHRINKS;) {
            char now[WORLD_FAILURE];
            if (of->steps[i].left_out) continue;
            of->steps[i].left_out = true;
            tries++;
            if (run_alone(of, false, now)) {
                of->steps[i].left_out = false;
            } else {
                shorter = true;
                memcpy(why, now, WORLD_FAILURE);
            }
        }
    }
}

static void report(const options *with, uint64_t seed, char why[WORLD_FAILURE])
{
    plan of;
    plan_draw(&of, seed, with->faults);
    printf("seed %llu: %s\n", (unsigned long long)seed, why);
    if (with->expect_failure) return;
    shorten(&of, why);
    printf("the shortest history that fails, with: %s\n", why);
    plan_print(&of, stdout);
    printf("again, with all that happens: tests/sim/run --seed %llu --schedules 1 --trace\n", (unsigned long long)seed);
    if (with->trace) (void)run_alone(&of, true, why);
}

/* ---- many ---- */

static size_t await_one(job jobs[], size_t *running, const options *with)
{
    int status = 0;
    pid_t pid = wait(&status);
    for (size_t i = 0; i < *running; i++) {
        char why[WORLD_FAILURE];
        if (jobs[i].pid != pid) continue;
        job ended = jobs[i];
        jobs[i] = jobs[--*running];
        if (finish(&ended, status, why)) return 0;
        report(with, ended.seed, why);
        return 1;
    }
    return 0;
}

static size_t run_all(const options *with, uint64_t *done)
{
    job jobs[JOBS_MAX];
    size_t running = 0, failed = 0;
    uint64_t next = 0;
    time_t until = with->seconds ? __real_time(NULL) + (time_t)with->seconds : 0;
    for (;;) {
        bool more =
            next < with->schedules && (failed == 0 || with->keep_going) && (!until || __real_time(NULL) < until);
        if (!more && running == 0) return failed;
        if (more && running < with->jobs) {
            plan of;
            plan_draw(&of, with->seed + next++, with->faults);
            jobs[running++] = start(&of, false);
        } else {
            failed += await_one(jobs, &running, with);
            ++*done;
        }
    }
}

static int print_help(void)
{
    printf("tests/sim/run [--seed N] [--schedules M] [--seconds S] [--jobs J] [--fault NAME]… [--plant NAME] "
           "[--keep-going] [--trace]\n\n"
           "Runs M schedules (100), with the seeds N (1), N + 1, …, in J processes (2), for S seconds at most. "
           "--fault: only these happen, else all.\n"
           "--plant: puts a fault into the code, and fails unless it is found. --trace: tells what "
           "happens.\n\n"
           "faults:");
    for (unsigned i = PLAN_COMMANDS; i < PLAN_KINDS; i++) printf(" %s", plan_kind_name((plan_kind)i));
    printf("\nto plant:\n");
    sim_plant_list(stdout);
    return 0;
}

static bool take_fault(options *with, const char *name, bool *some)
{
    plan_kind kind;
    if (!plan_kind_find(name, &kind) || kind < PLAN_COMMANDS) return false;
    if (!*some) with->faults = 0;
    *some = true;
    with->faults |= (uint64_t)1 << kind;
    return true;
}

/* -1: go on. */
static int read_options(int argc, char **argv, options *with)
{
    bool some = false;
    for (int i = 1; i < argc; i++) {
        const char *name = argv[i], *value = i + 1 < argc ? argv[i + 1] : "";
        bool takes = true, known = true;
        if (strcmp(name, "--help") == 0) return print_help();
        if (strcmp(name, "--seed") == 0)
            with->seed = strtoull(value, NULL, 10);
        else if (strcmp(name, "--schedules") == 0)
            with->schedules = strtoull(value, NULL, 10);
        else if (strcmp(name, "--seconds") == 0)
            with->seconds = strtoull(value, NULL, 10);
        else if (strcmp(name, "--jobs") == 0)
            with->jobs = (unsigned)strtoul(value, NULL, 10);
        else if (strcmp(name, "--fault") == 0)
            known = take_fault(with, value, &some);
        else if (strcmp(name, "--plant") == 0)
            known = with->expect_failure = sim_plant(value);
        else
            takes = false;
        if (strcmp(name, "--trace") == 0)
            with->trace = true;
        else if (strcmp(name, "--keep-going") == 0)
            with->keep_going = true;
        else if (!takes || !known) {
            fprintf(stderr, "tests/sim/run: %s %s is not known; try --help\n", name, takes ? value : "");
            return 2;
        }
        i += takes;
    }
    if (with->jobs < 1 || with->jobs > JOBS_MAX) with->jobs = 2;
    return -1;
}

/* Each schedule begins with fresh memory: in small pages that costs a quarter of all the time. The C library reads this
 * when a program begins. */
static void use_large_pages(char **argv)
{
    static const char name[] = "GLIBC_TUNABLES";
    if (getenv(name) || setenv(name, "glibc.malloc.hugetlb=1", 1) != 0) return;
    (void)execv("/proc/self/exe", argv); /* else it goes on without */
}

int main(int argc, char **argv)
{
    char folder[] = "/tmp/furrow-sim-XXXXXX", key[sizeof folder + 8];
    options with = {.seed = 1, .schedules = 100, .jobs = 2, .faults = plan_all_faults()};
    use_large_pages(argv);
    int code = read_options(argc, argv, &with);
    if (code >= 0) return code;
    if (!mkdtemp(folder)) return 2;
    sim_farm_prepare(folder);
    uint64_t done = 0;
    size_t failed = run_all(&with, &done);
    printf("%llu schedules, %zu failed\n", (unsigned long long)done, failed);
    snprintf(key, sizeof key, "%s/key", folder);
    unlink(key);
    rmdir(folder);
    if (with.expect_failure && failed == 0) printf("what was planted was not found\n");
    return with.expect_failure ? failed == 0 : failed != 0;
}
