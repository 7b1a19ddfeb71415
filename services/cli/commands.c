/*
 * The table of the tool's commands. Everything that is said of a command or an option is said here; options.h tells what
 * is made of it.
 */
#include "cli/cli.h"
#include "cli/rows.h"

#define SINGLE FLAG("--single-account", "for a NATS where one account is all there is")

#define CHOOSE_LETTERS                                                                                                 \
    TEXT("--service", "SERVICE", "only those of this service"),                                                        \
        TEXT("--entity", "ENTITY", "only those about this entity: its name, short name or stream"),                    \
        TEXT("--id", "ID", "only those about the entity with this id")

const cli_program cli_self = {
    .name = "furrow",
    .title = "the tool of the Furrow mesh",
    .environment = CLI_ENVIRONMENT
    "Contracts: those in ../lib/furrow/contracts beside the program, and of services of your own those in\n"
    "FURROW_CONTRACTS: paths of shared objects, or of folders with such, separated by \":\".",
    .contracts = true,
};

const cli_command cli_commands[] = {
    {.name = "provision",
     .arguments = "",
     .summary =
         "Make the streams and durable consumers of every contract, and load the library of functions into Redis",
     .help = "Into every Redis of FURROW_REDIS_URL (separated by commas), where it is missing. Safe to run again. The\n"
             "library's name changes with its text: nothing is replaced, and one that no service uses may be deleted.\n"
             "Each contract is held against what it was before (furrow breaking), and nothing is done where a change\n"
             "breaks what is stored, or who listens or calls.",
     .options = ROWS(MANY("--accept", "SERVICE", "take the changes of its contract that break something"),
                     NUMBER("--replicas", "N", "1", 1, 5, "copies of each stream in a cluster"),
                     NUMBER("--wait", "SECONDS", "0", 0, 3600, "so long for NATS and Redis to be there"),
                     CHOICE("--only", "nats|redis", "", "one of the two"), SINGLE,
                     TEXT("--retire", "SERVICE",
                          "the other way: take away its consumers, and its streams if nothing was ever written to any"),
                     FLAG("--watch", "go on, and put back what is missing within seconds; quiet while nothing is"),
                     DRY_RUN, JSON),
     .run = cli_provision},
    {.name = "breaking",
     .arguments = "[FILE]",
     .most = 1,
     .summary = "What a change of contracts breaks of what is stored, and for whom who listens or calls",
     .help =
         "The contracts that are known here, or the descriptors in FILE, against those in another file: made by\n"
         "`protoc -o`, `buf build -o` or `furrow describe --descriptors`. By the rules of Buf's category WIRE_JSON,\n"
         "and ours: entities, indexes, private and unique fields, and what others keep. Exit code 1: something\n"
         "breaks.",
     .options =
         ROWS(TEXT("--against", "FILE", "how it was; without it, as the mesh was provisioned last"), JSON, SINGLE),
     .run = cli_breaking},
    {.name = "ls",
     .arguments = "[SERVICE]",
     .most = 1,
     .summary = "Services, their methods, what they own and what they keep",
     .help = "Of what runs, by what each service answers of itself, and of the contracts that are known here.",
     .options = ROWS(FLAG("--offline", "only of the contracts that are known here; no mesh is asked"), JSON),
     .run = cli_ls},
    {.name = "describe",
     .arguments = "NAME",
     .least = 1,
     .most = 1,
     .summary = "What a contract says of NAME: comments, types, rules, options, and an example in JSON",
     .help = "Of a service, a method, a message or an enum, by its full name; a service also by its short one. Of the\n"
             "contracts that are known here; what is in none of them the mesh is asked for.",
     .options = ROWS(FLAG("--descriptors", "all .proto files there are, as a google.protobuf.FileDescriptorSet")),
     .run = cli_describe},
    {.name = "call",
     .arguments = "SUBJECT [JSON|-|@FILE]",
     .least = 1,
     .most = 2,
     .summary = "Call a method with JSON and print the answer",
     .help =
         "The body is {} when there is none; - reads it from standard input, @FILE from a file. The answer's headers\n"
         "go to standard error, as an error does, in one line.",
     .options = ROWS(MANY("-H", "'Name: value'", "a header; at most 16 times"),
                     NUMBER("--timeout", "MS", "5000", 1, 600000,
                            "how long to wait for the answer; the service is told (Grpc-Timeout)"),
                     FLAG("--json", "print an error as its body, a google.rpc.Status, on standard output")),
     .run = cli_call},
    {.name = "health",
     .arguments = "[SERVICE…]",
     .most = CLI_SERVICES_MAX,
     .summary = "How services are, and what they replicate",
     .help =
         "Every instance in a line, with why it does not serve, or what alarms it. Without names all services: of the\n"
         "contracts, and whoever else answers. Exit code 1: a service has no instance that serves.",
     .options = ROWS(FLAG("--json", "for programs: what each instance says, an object a line"),
                     NUMBER("--wait", "SECONDS", "0", 0, 3600, "so long for all to serve"),
                     CHOICE("--probe", "live|ready", NULL,
                            "of the instance FURROW_INSTANCE_ID of one SERVICE, by exit code. live: it answers, or\n"
                            "nothing is known of it; ready: it serves"),
                     NUMBER("--timeout", "MS", "3000", 1, 60000, "of a probe")),
     .run = cli_health},
    {.name = "check",
     .arguments = "",
     .summary = "Is the mesh as it should be: point by point, with what to do where it is not",
     .help = "NATS and its version, services, streams, consumers and their lag, dead letters, Redis' settings, "
             "functions and\n"
             "permissions, clocks, sealing keys; and the keys in a folder, with what each may do in NATS. As\n"
             "operator. Exit code 1: a point is wrong.",
     .options = ROWS(TEXT("--keys", "FOLDER", "look at the keys in it, too, and at their users' rights in NATS"), JSON,
                     SINGLE),
     .run = cli_check},
    {.name = "audit",
     .arguments = "[SERVICE [ENTITY]] | ENTITY ID --erased",
     .most = 2,
     .summary = "Compare what services keep in Redis with the log, record by record",
     .help = "",
     .options = ROWS(FLAG("--repair", "put right what is wrong; without it nothing is changed"),
                     FLAG("--erased", "is anything left of an entity that was erased?"), JSON, SINGLE),
     .run = cli_audit},
    {.name = "erase",
     .arguments = "ENTITY ID",
     .least = 2,
     .most = 2,
     .summary = "Have an entity erased by its owner, wait until nothing is left of it, and print a receipt",
     .help =
         "Nothing in the log, in Redis, at any consumer, in dead letters and remembered results. Safe to run again.",
     .options = ROWS(NUMBER("--wait", "SECONDS", "30", 0, 3600, "so long for the last of it to go"),
                     FLAG("--dry-run", "say what there is of it and where, and do nothing"), JSON, SINGLE),
     .run = cli_erase},
    {.name = "history",
     .arguments = "ENTITY ID",
     .least = 2,
     .most = 2,
     .summary = "What the log still has of one entity: when, whose command, which event, which fields it changed",
     .help = "",
     .options = ROWS(JSON, SINGLE),
     .run = cli_history},
    {.name = "lineage",
     .arguments = "",
     .summary = "Which service keeps which fields of whose entity, what that takes, and which bandwidth it saves",
     .help =
         "Read from the running mesh and from FURROW_REDIS_URL (several with commas), as operator or inspector. A\n"
         "service that is down is marked. Figures:\n"
         "  BYTES     mean body of a record that is kept, ALL the bodies of all; FULL: of the owner's records, all\n"
         "            declared fields; KEPT: ALL of FULL\n"
         "  EVENTS    that came to the running instances since each began, in each the whole entity; BYTES: bodies\n"
         "  READS     of single records for calls since then; IF ASKED: had the owner answered each with the entity,\n"
         "            private fields left out; SAVED: IF ASKED less BYTES",
     .options = ROWS(FLAG("--json", "for programs"), FLAG("--dot", "a graph for Graphviz"),
                     FLAG("--svg", "a picture that needs nothing else to be drawn"), SINGLE),
     .run = cli_lineage},
    {.name = "keys",
     .arguments = "FOLDER",
     .least = 1,
     .most = 1,
     .summary = "Make the keys of every user that are missing",
     .help = "NKey seeds, secret prefixes of inboxes, Redis passwords, sealing keys. None that is there is changed.",
     .options = ROWS(MANY("--client", "NAME", "one more client's, for each program its own"), DRY_RUN, JSON),
     .run = cli_keys},
    {.name = "permissions",
     .arguments = "",
     .summary = "What every user may do in NATS and in Redis, as follows from the contracts",
     .help = "",
     .options =
         ROWS(CHOICE("--format", "json|nats|redis", "json", "JSON, the accounts of a nats.conf, or Redis's ACL file"),
              TEXT("--keys", "FOLDER", "as `furrow keys FOLDER` made it; nats and redis need it"),
              FLAG("--single-account", "for a NATS where one account is all there is; it says what that gives up")),
     .run = cli_permissions},
    {.name = "deadletter list",
     .arguments = "",
     .summary = "What services could not apply, with the reason",
     .help = "A letter is called <service>/<number>.",
     .options = ROWS(CHOOSE_LETTERS, FLAG("--all", "of every service, as without it"), JSON, SINGLE),
     .run = cli_deadletter_list},
    {.name = "deadletter show",
     .arguments = "LETTER…",
     .least = 1,
     .most = CLI_MANY,
     .summary = "All that letters say, and which state of the entity is the newest",
     .help = "",
     .options = ROWS(JSON, SINGLE),
     .run = cli_deadletter_show},
    {.name = "deadletter replay",
     .arguments = "[LETTER…]",
     .most = CLI_MANY,
     .summary = "Have the newest state applied once more, when the cause is mended; then the letter goes",
     .help = "Letters by name, or by choice.",
     .options = ROWS(CHOOSE_LETTERS, FLAG("--all", "all there are"), DRY_RUN, JSON, SINGLE),
     .run = cli_deadletter_replay},
    {.name = "deadletter discard",
     .arguments = "[LETTER…]",
     .most = CLI_MANY,
     .summary = "Take letters away undone",
     .help = "Letters by name, or by choice.",
     .options = ROWS(CHOOSE_LETTERS, FLAG("--all", "all there are"), DRY_RUN, JSON, SINGLE),
     .run = cli_deadletter_discard},
    {.name = "rebuild",
     .arguments = "SERVICE ENTITY [ID]",
     .least = 2,
     .most = 3,
     .summary = "SERVICE builds what it keeps of ENTITY anew from the log",
     .help =
         "It is not ready until that is done. With ID: it reads the newest state of that one again, beside its work.",
     .options = ROWS(NUMBER("--wait", "SECONDS", "3600", 0, 86400, "so long for it to be done"), DRY_RUN, JSON),
     .run = cli_rebuild},
    {.name = "restore",
     .arguments = "SERVICE",
     .least = 1,
     .most = 1,
     .summary = "What a service does about a log of its own that lost something, when it waits for a word",
     .help =
         "It publishes again what its Redis still holds; then until it serves. Safe to run again; nothing to restore\n"
         "is no error.",
     .options = ROWS(FLAG("--accept", "do without what was lost, and take the log for the truth"),
                     NUMBER("--wait", "SECONDS", "60", 0, 86400, "so long for it to serve"), DRY_RUN, JSON),
     .run = cli_restore},
    {.name = "decode",
     .arguments = "MESSAGE",
     .least = 1,
     .most = 1,
     .summary = "Protobuf bytes on standard input to JSON",
     .help = "MESSAGE by its full name; one that no contract here has the mesh is asked for.",
     .options = ROWS(FLAG("--record", "as they lie in Redis, after 8 bytes of version")),
     .run = cli_decode},
    {.name = "new",
     .arguments = "FOLDER",
     .least = 1,
     .most = 1,
     .summary = "Make a folder with a service of one's own that builds, runs and passes its test",
     .help =
         "FOLDER is called as the service. Its contract, its decisions and its test are a beginning, to be changed.",
     .options = ROWS(TEXT("--entity", "NAME", "what it owns, as Bin; must be given"),
                     MANY("--keeps", "ENTITY:FIELDS",
                          "what it keeps of another's entity, as employee.v1.Employee:id,display_name,status"),
                     DRY_RUN, JSON),
     .run = cli_new},
    {.name = "dev run",
     .arguments = "FOLDER|PROGRAM",
     .least = 1,
     .most = 1,
     .summary = "A service of one's own joins the local mesh, and is started again whenever it is built anew",
     .help =
         "FOLDER has a CMakeLists.txt and is built into FOLDER/build; PROGRAM has its contract, *_contracts.so, "
         "beside\n"
         "it. Keys, accounts, permissions, streams and consumers are made while the mesh runs; what is refused, or\n"
         "ended half-way, is taken back. Its log is shown until Ctrl-C, which stops it. It stays joined: "
         "config/dev/up\n"
         "starts it with the others. `. .run/env` says where the mesh is (FURROW_DEV).",
     .options = ROWS(FLAG("--detach", "it runs on, and the command ends when it serves"),
                     FLAG("--accept", "take the changes of its contract that break what was here before")),
     .run = cli_dev_run},
    {.name = "dev leave",
     .arguments = "SERVICE",
     .least = 1,
     .most = 1,
     .summary = "A service of one's own leaves the local mesh: its rights and consumers go, what it wrote stays",
     .help = "",
     .run = cli_dev_leave},
    {.name = "dev list",
     .arguments = "",
     .summary = "Which services of one's own have joined the local mesh",
     .help = "",
     .run = cli_dev_list},
    COMPLETION("furrow"),
    MANUAL,
};
const size_t cli_command_count = sizeof cli_commands / sizeof *cli_commands;
