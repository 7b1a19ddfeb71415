/*
 * farm seed: a ranch of any size as three CSV files, the same for the same seed and size on every machine. Random
 * numbers are SplitMix64's (https://prng.di.unimi.it/splitmix64.c), integers only.
 */
#include "farm/farm.h"

#include "cli/text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/stat.h>

#define PEOPLE_PER_CREW  25
#define PEOPLE_PER_BLOCK 20
#define ROWS_PER_BLOCK   8
#define COUNT(list)      (sizeof(list) / sizeof *(list))

static const char *const given_names[] = {
    "María", "José",  "Guadalupe", "Juan",    "Rosa",   "Luis",   "Ana",    "Carlos",  "Elena", "Miguel",
    "Lucía", "Pedro", "Teresa",    "Antonio", "Carmen", "Javier", "Sofía",  "Rafael",  "Irma",  "Hector",
    "Olga",  "Tomás", "Beatriz",   "Andrés",  "Norma",  "Daniel", "Silvia", "Gerardo", "Alma",  "Ramón"};
static const char *const family_names[] = {
    "García", "Hernández", "Martínez", "López",    "González", "Pérez",   "Rodríguez", "Sánchez", "Ramírez", "Cruz",
    "Flores", "Gómez",     "Morales",  "Vásquez",  "Reyes",    "Jiménez", "Torres",    "Díaz",    "Ruiz",    "Ortiz",
    "Santos", "Mendoza",   "Aguilar",  "Castillo", "Chávez",   "Rivera",  "Salazar",   "Luna",    "Ríos",    "Vega"};
static const struct {
    const char *crop, *variety;
} crops[] = {{"orange", "Navel"},  {"mandarin", "Tango"},   {"grape", "Flame"},
             {"peach", "O'Henry"}, {"almond", "Nonpareil"}, {"lemon", "Eureka"}};
static const struct {
    const char *code, *name, *kind, *unit;
    int rate_cents;
} jobs[] = {{"HARV", "Harvest", "harvest", "bin", 3200},
            {"PRUN", "Pruning", "prune", "", 0},
            {"IRRI", "Irrigation", "irrigate", "", 0},
            {"THIN", "Thinning", "thin", "", 0},
            {"WEED", "Weeding", "weed", "", 0}};
static const char *const languages[] = {"es", "es", "es", "mix", "en", "zap"};

typedef struct seeder {
    cli *tool;
    const char *folder;
    uint64_t random;
    int64_t people, blocks;
} seeder;

static uint64_t below(seeder *s, uint64_t limit)
{
    uint64_t z = (s->random += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (z ^ (z >> 31)) % limit;
}

static FILE *open_csv(seeder *s, const char *name, const char *header)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", s->folder, name);
    FILE *out = fopen(path, "w");
    if (!out)
        cli_fail(s->tool, 1, "%s: %s", path, strerror(errno));
    else
        fprintf(out, "%s\n", header);
    return out;
}

static void close_file(seeder *s, FILE *out, const char *name)
{
    if (fclose(out) != 0) cli_fail(s->tool, 1, "%s/%s: %s", s->folder, name, strerror(errno));
}

static void write_locations(seeder *s)
{
    FILE *out = open_csv(s, "locations.csv",
                         "id,kind,name,parent_id,crop,variety,area_ha,time_zone,centroid.latitude,centroid.longitude");
    if (!out) return;
    fprintf(out, "R1,ranch,Home Ranch,,,,%" PRId64 ",America/Los_Angeles,36.5963,-119.4504\n", s->blocks * 8);
    for (int64_t b = 1; b <= s->blocks; b++) {
        size_t crop = below(s, COUNT(crops));
        fprintf(out, "B%03" PRId64 ",block,Block %" PRId64 ",R1,%s,%s,%d.%d,,36.%04d,-119.%04d\n", b, b,
                crops[crop].crop, crops[crop].variety, 4 + (int)below(s, 8), (int)below(s, 10),
                5000 + (int)below(s, 2000), 4000 + (int)below(s, 1000));
        for (int r = 1; r <= ROWS_PER_BLOCK; r++)
            fprintf(out, "B%03" PRId64 "-%02d,row,Row %d,B%03" PRId64 ",,,,,,\n", b, r, r, b);
    }
    close_file(s, out, "locations.csv");
}

static void write_jobs(seeder *s)
{
    FILE *out = open_csv(s, "jobs.csv", "id,code,name,kind,pay.type,pay.unit,pay.rate_cents,location_ids");
    if (!out) return;
    for (size_t j = 0; j < COUNT(jobs); j++) {
        fprintf(out, "J-%s,%s,%s,%s,%s,%s,", jobs[j].code, jobs[j].code, jobs[j].name, jobs[j].kind,
                jobs[j].unit[0] ? "piece" : "hourly", jobs[j].unit);
        if (jobs[j].rate_cents > 0) fprintf(out, "%d", jobs[j].rate_cents);
        fprintf(out, ",\n"); /* anywhere on the ranch */
    }
    int64_t named = s->blocks < 90 ? s->blocks : 90;
    fprintf(out, "J-HARV-1,HARV-1,Harvest of the first blocks,harvest,piece,bin,3500,");
    for (int64_t b = 1; b <= named && b <= 4; b++) fprintf(out, "%sB%03" PRId64, b > 1 ? ";" : "", b);
    fprintf(out, "\n");
    close_file(s, out, "jobs.csv");
}

static void write_employees(seeder *s)
{
    FILE *out = open_csv(s, "employees.csv",
                         "id,given_name,family_name,badge,crew,language,contact.phone,hourly_rate_cents,hire_date,"
                         "private.tax_id,private.birth_date");
    if (!out) return;
    for (int64_t p = 1; p <= s->people; p++) {
        const char *given = given_names[below(s, COUNT(given_names))],
                   *family = family_names[below(s, COUNT(family_names))];
        const char *second = family_names[below(s, COUNT(family_names))],
                   *language = languages[below(s, COUNT(languages))];
        fprintf(out,
                "E%05" PRId64 ",%s,%s %s,%06" PRId64 ",crew-%02" PRId64
                ",%s,+1559555%04d,%d,20%02d-%02d-%02d,%03d-%02d-%04d,19%02d-%02d-%02d\n",
                p, given, family, second, 100000 + p, 1 + (p - 1) / PEOPLE_PER_CREW, language, (int)below(s, 10000),
                1650 + 25 * (int)below(s, 20), 15 + (int)below(s, 11), 1 + (int)below(s, 12), 1 + (int)below(s, 28),
                900 + (int)below(s, 100), 10 + (int)below(s, 80), (int)below(s, 10000), 60 + (int)below(s, 40),
                1 + (int)below(s, 12), 1 + (int)below(s, 28));
    }
    close_file(s, out, "employees.csv");
}

static void tell_seeded(const seeder *s, bool dry_run, bool json)
{
    static const char *const files[] = {"locations.csv", "jobs.csv", "employees.csv"};
    for (size_t i = 0; json && i < COUNT(files); i++) {
        char path[512];
        snprintf(path, sizeof path, "%s/%s", s->folder, files[i]);
        text_json_line("file", path, dry_run);
    }
    if (!json)
        printf("%s: locations.csv, jobs.csv, employees.csv of a ranch with %" PRId64 " people%s\n", s->folder,
               s->people, dry_run ? " would be made" : "");
}

int farm_seed(cli *tool)
{
    seeder s = {.tool = tool};
    s.random = (uint64_t)cli_number(tool, "--seed");
    s.people = cli_number(tool, "--people");
    s.folder = cli_option(tool, "--out");
    if (!s.folder) return cli_fail(tool, 2, "seed: --out says which folder they go to");
    bool dry_run = cli_flag(tool, "--dry-run"), json = cli_flag(tool, "--json");
    if (!dry_run && mkdir(s.folder, 0777) != 0 && errno != EEXIST)
        return cli_fail(tool, 1, "%s: %s", s.folder, strerror(errno));
    s.blocks = 1 + (s.people - 1) / PEOPLE_PER_BLOCK;
    if (!dry_run) write_locations(&s);
    if (!dry_run && tool->exit_code == 0) write_jobs(&s);
    if (!dry_run && tool->exit_code == 0) write_employees(&s);
    if (tool->exit_code == 0) tell_seeded(&s, dry_run, json);
    return tool->exit_code;
}
