#include "pve.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "../../oci/cleanup.h"

/* --- lines and properties --- */

/* The next "key: value" of the text before its first section; false at the end. Lengths bound both.  */
static bool
next_pair (const char **at, char *key, size_t key_size, char *value, size_t value_size)
{
    while (**at && **at != '[') {
        const char *line = *at, *end = strchrnul (line, '\n');
        const char *colon = memchr (line, ':', (size_t) (end - line));
        const char *sign = colon;

        *at = *end ? end + 1 : end;
        /* LXC's own keys are written both ways.  */
        if (strncmp (line, "lxc.", 4) == 0)
            sign = line + strcspn (line, ":=\n");
        if (*line == '#' || !sign || sign >= end)
            continue;
        (void) snprintf (key, key_size, "%.*s", (int) strcspn (line, " \t:="), line);
        sign++;
        sign += strspn (sign, " \t");
        while (end > sign && strchr (" \t\r", end[-1]))
            end--;
        (void) snprintf (value, value_size, "%.*s", (int) (end - sign), sign);
        return true;
    }
    return false;
}

/* The next of "a,b=c,d=e"; a word without "=" has name "". Both are cut to their sizes.  */
static bool
next_property (const char **at, char *name, size_t name_size, char *value, size_t value_size)
{
    size_t len = strcspn (*at, ",");
    const char *equals = memchr (*at, '=', len), *start = equals ? equals + 1 : *at;

    if (**at == '\0')
        return false;
    (void) snprintf (name, name_size, "%.*s", equals ? (int) (equals - *at) : 0, *at);
    (void) snprintf (value, value_size, "%.*s", (int) (*at + len - start), start);
    *at += len;
    if (**at == ',')
        (*at)++;
    return true;
}

/* Booleans of Proxmox VE.  */
static bool
is_true (const char *value)
{
    return strcmp (value, "1") == 0 || strcasecmp (value, "on") == 0 || strcasecmp (value, "yes") == 0
           || strcasecmp (value, "true") == 0;
}

static unsigned
number_of (const char *value)
{
    unsigned long number = strtoul (value, NULL, 10);

    return number > 0xffffffff ? 0 : (unsigned) number;
}

/* What is too long is cut.  */
static void
copy (char *out, size_t size, const char *text)
{
    size_t len = strnlen (text, size - 1);

    memcpy (out, text, len);
    out[len] = '\0';
}

/* --- virtual machines --- */

static void
add_hostpci (struct pve_vm *vm, unsigned index, const char *value)
{
    struct pve_hostpci *line = &vm->hostpci[vm->n_hostpci];
    char name[32], text[192];

    if (vm->n_hostpci == PVE_HOSTPCI_MAX)
        return;
    *line = (struct pve_hostpci){.index = index, .rombar = true};
    copy (line->text, sizeof line->text, value);
    while (next_property (&value, name, sizeof name, text, sizeof text)) {
        if (*name == '\0' || strcmp (name, "host") == 0)
            copy (line->host, sizeof line->host, text);
        else if (strcmp (name, "mapping") == 0)
            copy (line->mapping, sizeof line->mapping, text);
        else if (strcmp (name, "mdev") == 0)
            copy (line->mdev, sizeof line->mdev, text);
        else if (strcmp (name, "romfile") == 0)
            copy (line->romfile, sizeof line->romfile, text);
        else if (strcmp (name, "pcie") == 0)
            line->pcie = is_true (text);
        else if (strcmp (name, "x-vga") == 0)
            line->x_vga = is_true (text);
        else if (strcmp (name, "legacy-igd") == 0)
            line->legacy_igd = is_true (text);
        else if (strcmp (name, "rombar") == 0)
            line->rombar = is_true (text);
    }
    vm->n_hostpci++;
}

/* "[type=]q35,viommu=intel": the first property, or that of this name.  */
static void
copy_property (char *out, size_t size, const char *value, const char *wanted)
{
    char name[32], text[64];

    while (next_property (&value, name, sizeof name, text, sizeof text)) {
        if (*name == '\0' || strcmp (name, wanted) == 0) {
            copy (out, size, text);
            return;
        }
    }
}

static void
add_pair (struct pve_vm *vm, const char *key, const char *value, unsigned *sockets)
{
    if (strncmp (key, "hostpci", 7) == 0)
        add_hostpci (vm, number_of (key + 7), value);
    else if (strcmp (key, "machine") == 0)
        copy_property (vm->machine, sizeof vm->machine, value, "type");
    else if (strcmp (key, "bios") == 0)
        copy (vm->bios, sizeof vm->bios, value);
    else if (strcmp (key, "vga") == 0)
        copy_property (vm->vga, sizeof vm->vga, value, "type");
    else if (strcmp (key, "affinity") == 0)
        copy (vm->affinity, sizeof vm->affinity, value);
    else if (strcmp (key, "hugepages") == 0)
        copy (vm->hugepages, sizeof vm->hugepages, value);
    else if (strcmp (key, "memory") == 0)
        vm->memory = number_of (strncmp (value, "current=", 8) == 0 ? value + 8 : value);
    else if (strcmp (key, "cores") == 0)
        vm->cores = number_of (value);
    else if (strcmp (key, "sockets") == 0)
        *sockets = number_of (value);
    else if (strcmp (key, "onboot") == 0)
        vm->onboot = is_true (value);
    else if (strcmp (key, "template") == 0)
        vm->template = is_true (value);
    else if (strncmp (key, "serial", 6) == 0)
        vm->serial = true;
    else if (strcmp (key, "efidisk0") == 0)
        vm->efidisk = true;
}

void
pve_vm_parse (struct pve_vm *vm, unsigned id, const char *text)
{
    char key[40], value[512];
    unsigned sockets = 1;

    /* What qm.conf(5) has for those that are not given.  */
    *vm = (struct pve_vm){.id = id, .memory = 512, .cores = 1};
    while (next_pair (&text, key, sizeof key, value, sizeof value))
        add_pair (vm, key, value, &sockets);
    vm->cores *= sockets;
}

bool
pve_vm_is_q35 (const struct pve_vm *vm)
{
    return strstr (vm->machine, "q35") != NULL;
}

bool
pve_hostpci_names (const struct pve_hostpci *line, const char *address)
{
    const char *at = line->host;

    while (*at) {
        size_t len = strcspn (at, ";");
        char full[32];

        /* Without a domain it is the first one.  */
        if (memchr (at, ':', len) == memrchr (at, ':', len))
            (void) snprintf (full, sizeof full, "0000:%.*s", (int) len, at);
        else
            (void) snprintf (full, sizeof full, "%.*s", (int) len, at);
        if (strchr (full, '.')
                ? strcasecmp (full, address) == 0
                : strncasecmp (full, address, strlen (full)) == 0 && address[strlen (full)] == '.')
            return true;
        at += len;
        at += *at == ';';
    }
    return false;
}

/* Is the name one of the comma-separated list?  */
static bool
is_listed (const char *list, const char *name)
{
    char one[32], value[32];

    while (next_property (&list, value, sizeof value, one, sizeof one))
        if (strcmp (one, name) == 0)
            return true;
    return false;
}

void
pve_hostpci_edit (const struct pve_hostpci *line, const char *without, const char *with, char *out,
                  size_t size)
{
    const char *at = line->text;
    char name[32], value[192];
    size_t used = 0;

    out[0] = '\0';
    while (used < size && next_property (&at, name, sizeof name, value, sizeof value))
        if (!is_listed (without, name))
            used += (size_t) snprintf (out + used, size - used, "%s%s%s%s", used ? "," : "", name,
                                       *name ? "=" : "", value);
    if (used < size && *with)
        (void) snprintf (out + used, size - used, ",%s", with);
}

/* One "map id=…,node=…,path=…" of a mapping.  */
static bool
take_map (struct pve_hostpci *line, const char *value, const char *node)
{
    char name[32], text[sizeof line->host], path[sizeof line->host] = "";
    bool here = false;
    size_t used = strlen (line->host);

    while (next_property (&value, name, sizeof name, text, sizeof text)) {
        if (strcmp (name, "node") == 0)
            here = strcmp (text, node) == 0;
        else if (strcmp (name, "path") == 0)
            copy (path, sizeof path, text);
    }
    if (!here || *path == '\0')
        return false;
    (void) snprintf (line->host + used, sizeof line->host - used, "%s%s", used ? ";" : "", path);
    return true;
}

bool
pve_mapping_find (struct pve_hostpci *line, const char *text, const char *node)
{
    bool inside = false, found = false;

    while (*text) {
        size_t len = strcspn (text, "\n"), n = strspn (text, " \t");
        char word[512];

        (void) snprintf (word, sizeof word, "%.*s", len > n ? (int) (len - n) : 0, text + n);
        if (n == 0 && len > 0)
            inside = strlen (line->mapping) == strcspn (word, " \t\r")
                     && strncmp (word, line->mapping, strlen (line->mapping)) == 0;
        else if (inside && strncmp (word, "map ", 4) == 0)
            found |= take_map (line, word + 4, node);
        text += len;
        text += *text == '\n';
    }
    return found;
}

/* --- containers --- */

/* "c 226:128 rwm"; DRM's major is 226 (the kernel's admin-guide/devices).  */
static bool
parse_allow (struct pve_line *line)
{
    const char *numbers;

    if (strncmp (line->value, "c ", 2) != 0)
        return false;
    numbers = line->value + 2 + strspn (line->value + 2, " \t");
    if (strncmp (numbers, "226:", 4) != 0)
        return false;
    line->minor = numbers[4] == '*' ? PVE_ANY_MINOR : number_of (numbers + 4);
    return true;
}

static bool
parse_device (struct pve_line *line)
{
    const char *at = line->value;
    char name[32], text[96];

    while (next_property (&at, name, sizeof name, text, sizeof text)) {
        if (*name == '\0' || strcmp (name, "path") == 0)
            copy (line->path, sizeof line->path, text);
        else if (strcmp (name, "gid") == 0)
            line->has_gid = true;
    }
    return strncmp (line->path, "/dev/dri/", 9) == 0;
}

static bool
parse_mount (struct pve_line *line)
{
    copy (line->path, sizeof line->path, line->value);
    line->path[strcspn (line->path, " \t")] = '\0';
    return strncmp (line->path, "/dev/dri", 8) == 0;
}

static bool
parse_line (struct pve_line *line)
{
    if (strncmp (line->key, "dev", 3) == 0 && line->key[3]
        && line->key[3 + strspn (line->key + 3, "0123456789")] == '\0') {
        line->kind = PVE_DEVICE;
        return parse_device (line);
    }
    if (strcmp (line->key, "lxc.mount.entry") == 0) {
        line->kind = PVE_MOUNT;
        return parse_mount (line);
    }
    if (strcmp (line->key, "lxc.cgroup2.devices.allow") == 0) {
        line->kind = PVE_ALLOW;
        return parse_allow (line);
    }
    if (strcmp (line->key, "lxc.cgroup.devices.allow") == 0) {
        line->kind = PVE_ALLOW_OLD;
        return parse_allow (line);
    }
    if (strcmp (line->key, "lxc.idmap") == 0) {
        line->kind = PVE_IDMAP;
        return true;
    }
    line->kind = PVE_BROKER;
    return strcmp (line->key, "lxc.include") == 0 && strstr (line->value, "/dri-broker/lxc/") != NULL;
}

void
pve_container_parse (struct pve_container *container, unsigned id, const char *text)
{
    char key[40], value[160];

    *container = (struct pve_container){.id = id};
    while (next_pair (&text, key, sizeof key, value, sizeof value)) {
        struct pve_line *line = &container->lines[container->n_lines];

        if (strcmp (key, "unprivileged") == 0)
            container->unprivileged = is_true (value);
        if (container->n_lines == PVE_LINES_MAX)
            continue;
        *line = (struct pve_line){.kind = PVE_DEVICE};
        copy (line->key, sizeof line->key, key);
        copy (line->value, sizeof line->value, value);
        container->n_lines += parse_line (line);
    }
}

const struct pve_line *
pve_container_line (const struct pve_container *container, enum pve_line_kind kind)
{
    for (unsigned i = 0; i < container->n_lines; i++)
        if (container->lines[i].kind == kind)
            return &container->lines[i];
    return NULL;
}

bool
pve_container_has_gpu (const struct pve_container *container)
{
    for (unsigned i = 0; i < container->n_lines; i++)
        if (container->lines[i].kind != PVE_IDMAP)
            return true;
    return false;
}
