#include "modprobe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../oci/cleanup.h"
#include "boot_line.h"

static const char boot_source[] = "the kernel command line";

/* One word in place; NULL at the end of the line.  */
static char *
take_word (char **at)
{
    char *word = *at + strspn (*at, " \t\r");

    if (*word == '\0')
        return NULL;
    *at = word + strcspn (word, " \t\r");
    if (**at)
        *(*at)++ = '\0';
    return word;
}

/* Modules have two spellings.  */
static void
copy_module (char *out, size_t size, const char *name, size_t len)
{
    (void) snprintf (out, size, "%.*s", (int) len, name);
    for (; *out; out++)
        if (*out == '-')
            *out = '_';
}

static void
add_rule (struct modprobe *modprobe, enum modprobe_kind kind, const char *module, size_t len,
          const char *other, const char *source)
{
    struct modprobe_rule *rule = &modprobe->rules[modprobe->n_rules];

    if (modprobe->n_rules == MODPROBE_RULES_MAX) {
        modprobe->ignored++;
        return;
    }
    modprobe->n_rules++;
    *rule = (struct modprobe_rule){.kind = kind};
    copy_module (rule->module, sizeof rule->module, module, len);
    copy_module (rule->other, sizeof rule->other, other, strlen (other));
    (void) snprintf (rule->source, sizeof rule->source, "%s", source);
}

static void
add_id (struct modprobe *modprobe, const char *text, const char *source)
{
    uint32_t parts[4] = {MODPROBE_ANY, MODPROBE_ANY, MODPROBE_ANY, MODPROBE_ANY};
    size_t n = 0;

    while (n < countof (parts)) {
        char *end;
        unsigned long number = strtoul (text, &end, 16);

        if (end == text)
            break;
        parts[n++] = (uint32_t) number;
        if (*end != ':')
            break;
        text = end + 1;
    }
    /* The kernel refuses a vendor alone.  */
    if (n < 2)
        return;
    if (modprobe->n_ids == MODPROBE_IDS_MAX) {
        modprobe->ignored++;
        return;
    }
    modprobe->ids[modprobe->n_ids] = (struct modprobe_id){parts[0], parts[1], parts[2], parts[3], ""};
    (void) snprintf (modprobe->ids[modprobe->n_ids++].source, sizeof modprobe->ids->source, "%s", source);
}

static void
add_ids (struct modprobe *modprobe, const char *list, size_t len, const char *source)
{
    for (const char *end = list + len; list < end; list++) {
        size_t n = strcspn (list, ",");
        char text[64];

        if (n > (size_t) (end - list))
            n = (size_t) (end - list);
        (void) snprintf (text, sizeof text, "%.*s", (int) n, list);
        add_id (modprobe, text, source);
        list += n;
    }
}

/* "softdep MODULE pre: A B post: C"  */
static void
add_softdep (struct modprobe *modprobe, char *rest, const char *source)
{
    const char *module = take_word (&rest), *word;
    bool before = false;

    while (module && (word = take_word (&rest)) != NULL) {
        if (word[strlen (word) - 1] == ':')
            before = strcmp (word, "pre:") == 0;
        else if (before)
            add_rule (modprobe, MODPROBE_BEFORE, module, strlen (module), word, source);
    }
}

static void
add_options (struct modprobe *modprobe, char *rest, const char *source)
{
    const char *module = take_word (&rest), *word;

    if (!module || (strcmp (module, "vfio-pci") != 0 && strcmp (module, "vfio_pci") != 0))
        return;
    while ((word = take_word (&rest)) != NULL)
        if (strncmp (word, "ids=", 4) == 0)
            add_ids (modprobe, word + 4, strlen (word + 4), source);
}

static void
add_line (struct modprobe *modprobe, char *line, const char *source)
{
    const char *verb = take_word (&line), *module;

    if (!verb || *verb == '#')
        return;
    if (strcmp (verb, "options") == 0) {
        add_options (modprobe, line, source);
    } else if (strcmp (verb, "softdep") == 0) {
        add_softdep (modprobe, line, source);
    } else if (strcmp (verb, "blacklist") == 0) {
        module = take_word (&line);
        if (module)
            add_rule (modprobe, MODPROBE_BLACKLIST, module, strlen (module), "", source);
    }
}

void
modprobe_add_file (struct modprobe *modprobe, const char *source, const char *text)
{
    _cleanup_free_ char *copy = strdup (text);
    char *line = copy, *joint = copy ? strstr (copy, "\\\n") : NULL;

    /* A backslash before the newline goes on with the line.  */
    while (joint) {
        joint[0] = joint[1] = ' ';
        joint = strstr (joint, "\\\n");
    }
    while (line) {
        char *next = strchr (line, '\n');

        if (next)
            *next++ = '\0';
        add_line (modprobe, line, source);
        line = next;
    }
}

static void
add_blacklist (struct modprobe *modprobe, const char *line, const char *key)
{
    size_t len;
    const char *list = boot_line_value (line, key, &len);

    for (const char *end = list ? list + len : NULL; list < end; list++) {
        size_t n = strcspn (list, ",");

        if (n > (size_t) (end - list))
            n = (size_t) (end - list);
        add_rule (modprobe, MODPROBE_BLACKLIST, list, n, "", boot_source);
        list += n;
    }
}

void
modprobe_add_boot_line (struct modprobe *modprobe, const char *line)
{
    size_t len;
    const char *ids = boot_line_value (line, "vfio-pci.ids", &len);

    if (ids)
        add_ids (modprobe, ids, len, boot_source);
    add_blacklist (modprobe, line, "modprobe.blacklist");
    add_blacklist (modprobe, line, "module_blacklist");
}

static bool
fits (uint32_t wanted, uint32_t value)
{
    return wanted == MODPROBE_ANY || wanted == value;
}

bool
modprobe_id_matches (const struct modprobe_id *id, uint32_t vendor, uint32_t device, uint32_t subvendor,
                     uint32_t subdevice)
{
    return fits (id->vendor, vendor) && fits (id->device, device) && fits (id->subvendor, subvendor)
           && fits (id->subdevice, subdevice);
}

const struct modprobe_rule *
modprobe_find (const struct modprobe *modprobe, enum modprobe_kind kind, const char *module,
               const char *other)
{
    for (unsigned i = 0; i < modprobe->n_rules; i++) {
        const struct modprobe_rule *rule = &modprobe->rules[i];

        if (rule->kind == kind && strcmp (rule->module, module) == 0
            && (!other || strcmp (rule->other, other) == 0))
            return rule;
    }
    return NULL;
}
