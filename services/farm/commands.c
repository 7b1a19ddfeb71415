/* The table of the farm's commands; cli/options.h tells what is made of it. */
#include "farm/farm.h"
#include "farm/season.h"

#include "cli/rows.h"

const cli_program cli_self = {
    .name = "farm",
    .title = "brings the farm its people, places and jobs, and plays its seasons",
    .environment = CLI_ENVIRONMENT,
};

const cli_command cli_commands[] = {
    {.name = "import",
     .arguments = "FILE.csv…|-",
     .least = 1,
     .most = CLI_MANY,
     .summary = "Import CSV files with headers; bad rows are reported, good ones kept",
     .help = "A FILE of \"-\" is standard input, with --kind. A row that exists already is compared with what there "
             "is. Bad rows go to FILE.bad.csv, to be mended and imported; running an import again doubles nothing. "
             "Ctrl-C stops, and tells how far it got.",
     .options = ROWS(CHOICE("--kind", "employees|locations|jobs", NULL,
                            "what the rows are, where the file's name does "
                            "not say it"),
                     TEXT("--encoding", "NAME",
                          "windows-1252, latin1 or another that `iconv -l` lists, of files that are neither UTF-8 nor "
                          "have a byte order mark"),
                     FLAG("--update", "change what exists and differs as the file says"),
                     FLAG("--dry-run", "say what would be done, and write nothing"), JSON),
     .run = farm_import},
    {.name = "seed",
     .arguments = "",
     .summary = "Make the CSV files of a ranch of any size, the same for the same seed",
     .help = "",
     .options = ROWS(TEXT("--out", "FOLDER", "where they go; made where it is missing"),
                     NUMBER("--seed", "N", "1", 0, INT64_MAX, "of the random numbers"),
                     NUMBER("--people", "N", "300", 1, 900000, "how many employees"), DRY_RUN, JSON),
     .run = farm_seed},
    {.name = "simulate",
     .arguments = "",
     .summary = "Play a season into the mesh as foremen and scanners do, and audit what came of it",
     .help =
         "The same people, days and seed make the same season, whatever breaks meanwhile. It lies in the past: "
         "timesheet must take strokes as old (FURROW_CLOCK_LATE_HOURS). FURROW_TIME_ZONE and "
         "FURROW_DAY_START_HOUR are the services'. Run it as the operator: it audits with the furrow tool beside it.",
     .options =
         ROWS(NUMBER("--employees", "N", "300", 25, SEASON_PEOPLE_MAX, "how many people"),
              NUMBER("--days", "N", "6", 1, SEASON_DAYS_MAX, "how many days"),
              NUMBER("--seed", "N", "1", 0, INT64_MAX, "of the random numbers"),
              TEXT("--from", "DATE", "the first day; default: so that yesterday is the last"),
              NUMBER("--speed", "N", "0", 0, 1000000, "times the speed of life; 0: as fast as the mesh takes it")),
     .run = farm_simulate},
    COMPLETION("farm"),
    MANUAL,
};
const size_t cli_command_count = sizeof cli_commands / sizeof *cli_commands;
