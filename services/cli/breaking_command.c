/* furrow breaking: the contracts as they are here, or a file's, against what they were: in a file, or as provisioned. */
#include "cli/breaking.h"
#include "cli/contract_memory.h"
#include "cli/descriptor_sets.h"
#include "cli/text.h"

#include <stdio.h>

#define LINE_BYTES ((size_t)16 << 10)

void breaking_print(const breaking_finding *finding, bool json, FILE *out)
{
    furrow_buffer line;
    furrow_buffer_init(&line, LINE_BYTES);
    if (json) {
        furrow_buffer_printf(&line, "{\"start_line\":%d,\"start_column\":%d", finding->line, finding->column);
        text_json(&line, "path", finding->file);
        text_json(&line, "type", finding->rule);
        text_json(&line, "message", finding->what);
        text_json(&line, "remedy", finding->remedy);
        furrow_buffer_append_byte(&line, '}');
    } else {
        furrow_buffer_printf(&line, "%s:%d:%d: %s: %s; %s", finding->file, finding->line, finding->column,
                             finding->rule, finding->what, finding->remedy);
    }
    furrow_buffer_append_byte(&line, '\0');
    if (!line.failed) text_print(out, (const char *)line.data);
    fputc('\n', out);
    furrow_buffer_fini(&line);
}

static void print_finding(void *arg, const breaking_finding *finding)
{
    breaking_print(finding, cli_flag(arg, "--json"), stdout);
}

/* Against what the mesh remembers. */
static size_t compare_with_mesh(cli *tool)
{
    static contract_memory memory; /* more than a task's stack likes; once */
    furrow_error err;
    size_t count = 0;
    furrow_provisioner *provisioner = cli_provisioner(tool, &err);
    furrow_status status = provisioner ? FURROW_OK : err.code;
    if (provisioner) {
        status = contract_memory_init(&memory, provisioner, cli_flag(tool, "--single-account"), &err);
        if (status == FURROW_OK) status = contract_memory_judge(&memory, print_finding, tool, &count, &err);
        contract_memory_fini(&memory);
    }
    furrow_provisioner_destroy(provisioner);
    if (status != FURROW_OK && !tool->exit_code) cli_fail_error(tool, "breaking", &err);
    return count;
}

/* Without a mesh. */
static size_t compare_with_file(cli *tool, const char *against)
{
    descriptor_pool before, after;
    size_t count = 0;
    bool known = tool->argc == 0;
    if (!descriptor_sets_read(tool, against, &before)) return 0;
    if (known) descriptor_sets_pool(&after);
    if (known || descriptor_sets_read(tool, tool->argv[0], &after)) {
        count = breaking_compare(&before, &after, print_finding, tool);
        descriptor_pool_fini(&after);
    }
    descriptor_pool_fini(&before);
    return count;
}

int cli_breaking(cli *tool)
{
    const char *against = cli_option(tool, "--against");
    if (!against && tool->argc > 0)
        return cli_fail(tool, 2, "breaking: --against FILE says what %s is held against", tool->argv[0]);
    size_t count = against ? compare_with_file(tool, against) : compare_with_mesh(tool);
    if (count > 0) cli_fail(tool, 1, "breaking: %zu change%s", count, count == 1 ? "" : "s");
    return tool->exit_code;
}
