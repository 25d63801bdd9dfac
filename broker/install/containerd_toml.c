#include "containerd_toml.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../oci/cleanup.h"

static const char begin_line[] =
    "# drictl install containerd: begin. `drictl uninstall containerd` takes this block out.\n";
static const char end_line[] = "# drictl install containerd: end.";

#define CRI_2 "plugins.\"io.containerd.grpc.v1.cri\""
#define CRI_3 "plugins.\"io.containerd.cri.v1.runtime\""

/* --- lines of TOML, as containerd writes it: a setting a line --- */

struct setting {
    const char *table; /* "[a.b]", not terminated; "" above all tables */
    size_t table_len;
    const char *line; /* without the white space around it */
    size_t len;
};

/* The next setting, or table, from *p on; *p is moved behind it. A table is a setting without a line.  */
static bool
next_setting (const char **p, struct setting *setting)
{
    while (**p) {
        const char *line = *p + strspn (*p, " \t\r\n"), *end = strchrnul (line, '\n');

        *p = end;
        while (end > line && strchr (" \t\r", end[-1]))
            end--;
        if (end == line || *line == '#')
            continue;
        if (*line == '[') {
            *setting = (struct setting){line, (size_t) (end - line), line, 0};
            return true;
        }
        setting->line = line;
        setting->len = (size_t) (end - line);
        return true;
    }
    return false;
}

static bool
table_ends (const struct setting *setting, const char *with)
{
    size_t len = strlen (with);

    return setting->table_len >= len && memcmp (setting->table + setting->table_len - len, with, len) == 0;
}

static bool
is_ours (const struct setting *setting)
{
    return table_ends (setting, ".containerd.runtimes.dri]")
           || table_ends (setting, ".containerd.runtimes.dri.options]");
}

/* The value behind "name = ", and its length; NULL for another setting.  */
static const char *
value_of (const struct setting *setting, const char *name, size_t *len)
{
    const char *end = setting->line + setting->len, *p = setting->line + strlen (name);

    if (setting->len <= strlen (name) || memcmp (setting->line, name, strlen (name)) != 0)
        return NULL;
    p += strspn (p, " \t");
    if (*p != '=')
        return NULL;
    p++;
    p += strspn (p, " \t");
    *len = p < end ? (size_t) (end - p) : 0;
    return p;
}

unsigned
containerd_version_of (const struct text *text)
{
    struct setting setting = {.table = ""};
    const char *p = text->data ? text->data : "", *value;
    size_t len;

    while (next_setting (&p, &setting) && setting.table_len == 0) {
        value = value_of (&setting, "version", &len);
        if (value && len > 0)
            return (unsigned) strtoul (value, NULL, 10);
    }
    return 1;
}

/* --- our block --- */

/* A cut block stands at the end of a file that has no newline there, before and after.  */
int
containerd_without (const struct text *text, struct text *without, bool *found, struct error *err)
{
    const char *data = text->data ? text->data : "", *begin = strstr (data, begin_line), *end;
    struct text copy;

    *found = false;
    if (begin && begin > data && begin[-1] != '\n')
        begin = NULL;
    if (!begin)
        return text_copy (text, without, err);
    end = strstr (begin, end_line);
    if (!end)
        return error_set (err, 0, "our block in it has lost its end, the line \"%s\"; write it anew there",
                          end_line);
    end += strlen (end_line);
    if (*end == '\n')
        end++;
    else if (begin > data)
        begin--;
    *found = true;
    *without = (struct text){0};
    if (begin == data && !*end)
        return 0;
    copy.len = text->len - (size_t) (end - begin);
    copy.data = malloc (copy.len + 1);
    if (!copy.data)
        return error_set (err, ENOMEM, "config.toml");
    memcpy (copy.data, data, (size_t) (begin - data));
    memcpy (copy.data + (begin - data), end, strlen (end) + 1);
    *without = copy;
    return 0;
}

static bool
is_default (const char *value, size_t len)
{
    static const char *const defaults[] = {"\"\"", "''", "0", "false", "[]"};

    for (size_t i = 0; i < countof (defaults); i++)
        if (len == strlen (defaults[i]) && memcmp (value, defaults[i], len) == 0)
            return true;
    return false;
}

/* Whether a pod has the cgroup driver of its kubelet, and the like, must not depend on its runtime. The names
 * that are the same in every version.  */
static bool
is_to_share (const struct setting *setting)
{
    static const char *const names[] = {"privileged_without_host_devices",
                                        "privileged_without_host_devices_all_devices_allowed",
                                        "base_runtime_spec",
                                        "cni_conf_dir",
                                        "cni_max_conf_num",
                                        "snapshotter"};
    size_t len;

    for (size_t i = 0; i < countof (names); i++)
        if (value_of (setting, names[i], &len))
            return true;
    return false;
}

/* Has it the value that nothing has, too? What a runtime's options do not say is 0 or empty (containerd's
 * core/runtime/v2/runc/options is protobuf); another table may have other defaults.  */
static bool
says_nothing (const struct setting *setting)
{
    const char *equals = setting->len > 0 ? memchr (setting->line, '=', setting->len) : NULL;

    if (!equals)
        return true;
    equals += 1 + strspn (equals + 1, " \t");
    return is_default (equals, (size_t) (setting->line + setting->len - equals));
}

/* Writes the settings of runc's table, or of its options, that are not the default.  */
static void
copy_runc (FILE *out, const char *dump, bool options, bool whole)
{
    const char *table = options ? ".containerd.runtimes.runc.options]" : ".containerd.runtimes.runc]";
    struct setting setting = {.table = ""};

    while (next_setting (&dump, &setting)) {
        size_t len;

        if (!table_ends (&setting, table) || says_nothing (&setting))
            continue;
        if (whole || (options ? !value_of (&setting, "BinaryName", &len) : is_to_share (&setting)))
            (void) fprintf (out, "%s%.*s\n", options ? "    " : "  ", (int) setting.len, setting.line);
    }
}

static void
print_block (FILE *out, const struct containerd_edit *edit, const char *cri, bool head)
{
    (void) fputs (begin_line, out);
    if (head)
        (void) fprintf (out, "%s%s\n", CONTAINERD_HEAD, edit->with_imports ? CONTAINERD_IMPORTS : "");
    if (edit->with_runc) {
        (void) fprintf (out,
                        "# As containerd has it by itself, and would lose it below.\n"
                        "[%s.containerd.runtimes.runc]\n",
                        cri);
        copy_runc (out, edit->dump, false, true);
        (void) fprintf (out, "  [%s.containerd.runtimes.runc.options]\n", cri);
        copy_runc (out, edit->dump, true, true);
        (void) fputc ('\n', out);
    }
    (void) fprintf (out,
                    "[%s.containerd.runtimes.dri]\n"
                    "  runtime_type = \"io.containerd.runc.v2\"\n"
                    "  # Without these the annotations of a pod do not get as far as dri-runtime.\n"
                    "  pod_annotations = [\"dri.*\"]\n"
                    "  container_annotations = [\"dri.*\"]\n",
                    cri);
    copy_runc (out, edit->dump, false, false);
    (void) fprintf (out,
                    "  [%s.containerd.runtimes.dri.options]\n"
                    "    BinaryName = \"%s\"\n",
                    cri, edit->runtime);
    copy_runc (out, edit->dump, true, false);
    (void) fputs (end_line, out);
}

int
containerd_with (const struct text *text, const struct containerd_edit *edit, struct text *after,
                 struct error *err)
{
    bool cut = text->len > 0 && text->data[text->len - 1] != '\n';
    char *data = NULL;
    size_t len;
    FILE *out;

    out = open_memstream (&data, &len);
    if (!out)
        return error_set (err, ENOMEM, "config.toml");
    if (text->data)
        (void) fwrite (text->data, 1, text->len, out);
    if (cut)
        (void) fputc ('\n', out);
    print_block (out, edit, containerd_version_of (text) >= 3 ? CRI_3 : CRI_2, !text->data);
    if (!cut)
        (void) fputc ('\n', out);
    /* It may move the text.  */
    if (fclose (out) != 0) {
        free (data);
        return error_set (err, ENOMEM, "config.toml");
    }
    *after = (struct text){data, len};
    return 0;
}

/* --- dumps --- */

bool
containerd_dump_has (const char *dump, const char *runtime)
{
    struct setting setting = {.table = ""};
    const char *value;
    size_t len;

    while (next_setting (&dump, &setting)) {
        if (!is_ours (&setting))
            continue;
        if (!*runtime)
            return true;
        /* In quotes of either kind.  */
        value = table_ends (&setting, ".options]") ? value_of (&setting, "BinaryName", &len) : NULL;
        if (value && len == strlen (runtime) + 2 && memcmp (value + 1, runtime, len - 2) == 0)
            return true;
    }
    return false;
}

/* The names of containerd 1, version 1 and 2, and of containerd 2.  */
bool
containerd_dump_has_no_cri (const char *dump)
{
    static const char *const names[] = {"cri\"", "cri'", "io.containerd.cri.v1.runtime"};
    struct setting setting = {.table = ""};
    const char *value, *found;
    size_t len;

    while (next_setting (&dump, &setting) && setting.table_len == 0) {
        value = value_of (&setting, "disabled_plugins", &len);
        for (size_t i = 0; value && i < countof (names); i++) {
            found = strstr (value, names[i]);
            if (found && found < value + len)
                return true;
        }
    }
    return false;
}

static bool
dump_holds (const char *dump, const struct setting *wanted)
{
    struct setting setting = {.table = ""};

    while (next_setting (&dump, &setting))
        if (setting.len == wanted->len && setting.table_len == wanted->table_len
            && memcmp (setting.line, wanted->line, wanted->len) == 0
            && memcmp (setting.table, wanted->table, wanted->table_len) == 0)
            return true;
    return false;
}

static bool
lacks (const char *dump, const char *all, char *what, size_t size)
{
    struct setting setting = {.table = ""};

    while (next_setting (&all, &setting)) {
        if (setting.len == 0 || is_ours (&setting) || dump_holds (dump, &setting)
            || (table_ends (&setting, ".containerd.runtimes.runc.options]") && says_nothing (&setting)))
            continue;
        (void) snprintf (what, size, "%.*s of %.*s", (int) setting.len, setting.line, (int) setting.table_len,
                         setting.table);
        return true;
    }
    return false;
}

bool
containerd_dumps_differ (const char *before, const char *after, char *what, size_t size)
{
    return lacks (after, before, what, size) || lacks (before, after, what, size);
}
