#include "boot_line.h"

#include <stdio.h>
#include <string.h>

#include "../../oci/cleanup.h"

static bool
is_key (const char *word, size_t len, const char *key)
{
    if (strlen (key) != len)
        return false;
    for (size_t i = 0; i < len; i++)
        if (word[i] != key[i] && !(strchr ("-_", word[i]) && strchr ("-_", key[i])))
            return false;
    return true;
}

/* The next word at *at, with what it means; false at the end. A quoted part may hold spaces; what follows
 * "--" is init's.  */
static bool
next_word (const char **at, const char **word, size_t *len)
{
    bool quoted = false;
    const char *p = *at + strspn (*at, " \t\n");

    *word = p;
    for (; *p && (quoted || !strchr (" \t\n", *p)); p++)
        if (*p == '"')
            quoted = !quoted;
    *len = (size_t) (p - *word);
    *at = p;
    return *len > 0 && !(*len == 2 && strncmp (*word, "--", 2) == 0);
}

/* The next KEY or KEY=VALUE of that key.  */
static const char *
next_value (const char **at, const char *key, size_t *len)
{
    const char *word;
    size_t n;

    while (next_word (at, &word, &n)) {
        const char *equals = memchr (word, '=', n);
        size_t name = equals ? (size_t) (equals - word) : n;

        if (!is_key (word, name, key))
            continue;
        *len = equals ? n - name - 1 : 0;
        return equals ? equals + 1 : word + n;
    }
    return NULL;
}

const char *
boot_line_value (const char *line, const char *key, size_t *len)
{
    const char *found = NULL, *value;
    size_t n;

    while ((value = next_value (&line, key, &n)) != NULL) {
        found = value;
        *len = n;
    }
    return found;
}

bool
boot_line_says (const char *line, const char *key, const char *wanted)
{
    const char *value;
    size_t len;

    while ((value = next_value (&line, key, &len)) != NULL) {
        const char *end = value + len;

        while (value < end) {
            const char *comma = memchr (value, ',', (size_t) (end - value));
            size_t n = (size_t) ((comma ? comma : end) - value);

            if (n == strlen (wanted) && strncmp (value, wanted, n) == 0)
                return true;
            value += n + 1;
        }
    }
    return false;
}

enum boot_loader
boot_loader_of (const char *line, bool by_tool)
{
    size_t len = 0;

    /* GRUB tells the image's path as BOOT_IMAGE; systemd-boot hands on the EFI stub's initrd=\EFI\….  */
    if (!boot_line_value (line, "BOOT_IMAGE", &len)) {
        const char *initrd = boot_line_value (line, "initrd", &len);

        if (initrd && len > 0 && *initrd == '\\')
            return BOOT_SYSTEMD;
    }
    return by_tool ? BOOT_GRUB_PROXMOX : BOOT_GRUB;
}
