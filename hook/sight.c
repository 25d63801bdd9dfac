#include "sight.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "../oci/below.h"
#include "../oci/cleanup.h"
#include "va_places.h"

enum { ENTRIES_MAX = 4096, PARTS_MAX = 16 };

typedef unsigned __int128 hash_t;

/* FNV-1a (draft-eastlake-fnv), of 128 bits.  */
static const hash_t fnv_offset = (hash_t) 0x6c62272e07bb0142 << 64 | 0x62b821756295c58d;
static const hash_t fnv_prime = (hash_t) 0x0000000001000000 << 64 | 0x13b;

static hash_t
hash_text (hash_t hash, const char *text)
{
    for (; *text; text++)
        hash = (hash ^ (unsigned char) *text) * fnv_prime;
    return hash;
}

struct look {
    int root;
    hash_t sum; /* in whatever order a folder has its files */
};

static int
open_inside (int root, const char *path, uint64_t flags)
{
    return open_below (root, path, flags, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
}

static bool
note (struct look *look, const char *path)
{
    _cleanup_close_ int fd = open_inside (look->root, path, O_PATH);
    char text[PATH_MAX + 128];
    struct stat st;

    if (fd < 0 || fstat (fd, &st) < 0)
        return false;
    (void) snprintf (text, sizeof text, "%s %o %ju %jd %jd.%09ld", path, st.st_mode, (uintmax_t) st.st_ino,
                     S_ISDIR (st.st_mode) ? 0 : (intmax_t) st.st_size, (intmax_t) st.st_mtim.tv_sec,
                     st.st_mtim.tv_nsec);
    look->sum += hash_text (fnv_offset, text);
    return S_ISREG (st.st_mode);
}

static bool
note_libva (struct look *look, const char *folder)
{
    static const char *const names[] = {"libva.so.2", "libva-drm.so.2"};
    bool all = true;

    for (size_t i = 0; i < countof (names); i++) {
        char path[PATH_MAX];

        (void) snprintf (path, sizeof path, "%s/%s", folder, names[i]);
        all &= note (look, path);
    }
    return all;
}

static bool
ends_with (const char *text, const char *end)
{
    const size_t len = strlen (text), end_len = strlen (end);

    return len >= end_len && strcmp (text + len - end_len, end) == 0;
}

static bool
note_drivers (struct look *look, const char *folder)
{
    int fd = open_inside (look->root, folder, O_RDONLY | O_DIRECTORY | O_NONBLOCK);
    DIR *entries = fd >= 0 ? fdopendir (fd) : NULL;
    const struct dirent *entry;
    unsigned n = 0;

    if (!entries) {
        if (fd >= 0)
            (void) close (fd);
        return false;
    }
    for (entry = readdir (entries); entry && n < ENTRIES_MAX; entry = readdir (entries), n++) {
        char path[PATH_MAX];

        if (!ends_with (entry->d_name, "_drv_video.so"))
            continue;
        (void) snprintf (path, sizeof path, "%s/%s", folder, entry->d_name);
        (void) note (look, path);
    }
    (void) closedir (entries);
    return false;
}

static bool
each_of (struct look *look, const char *const *folders, bool (*visit) (struct look *look, const char *folder))
{
    bool found = false;

    for (; *folders; folders++)
        found |= visit (look, *folders);
    return found;
}

/* Those of a variable, as "/a:/b". It is the container's: relative ones are nowhere, and of many only the
 * first count.  */
static bool
each_of_variable (struct look *look, const struct sight_variables *variables, const char *name,
                  bool (*visit) (struct look *look, const char *folder))
{
    const size_t name_len = strlen (name);
    bool found = false;
    unsigned parts = 0;

    for (unsigned i = 0; i < variables->n; i++) {
        if (strncmp (variables->list[i], name, name_len) != 0)
            continue;
        for (const char *part = variables->list[i] + name_len; *part && parts < PARTS_MAX; parts++) {
            const size_t len = strcspn (part, ":");
            char folder[PATH_MAX];

            (void) snprintf (folder, sizeof folder, "%.*s", (int) (len < PATH_MAX ? len : 0), part);
            if (folder[0] == '/')
                found |= visit (look, folder);
            part += len + (part[len] == ':');
        }
    }
    return found;
}

void
sight_look (struct sight *sight, int root, const struct sight_variables *variables)
{
    /* What the loader goes by; that a library comes or goes changes the time of its folder.  */
    static const char *const loader[] = {"/etc/ld.so.cache", "/etc/ld.so.preload", NULL};
    struct look look = {.root = root};
    int vainfo = sight_open_vainfo (root);
    bool own, usual, named;

    sight->vainfo = vainfo >= 0;
    if (vainfo >= 0)
        (void) close (vainfo);
    /* All of them: each is a part of the key.  */
    own = each_of (&look, va_own_folders, note_libva);
    usual = each_of (&look, va_library_folders, note_libva);
    named = each_of_variable (&look, variables, "LD_LIBRARY_PATH=", note_libva);
    sight->libva = own || usual || named;
    (void) each_of (&look, va_library_folders, note);
    (void) each_of (&look, va_driver_folders, note_drivers);
    (void) each_of_variable (&look, variables, "LIBVA_DRIVERS_PATH=", note_drivers);
    (void) each_of (&look, loader, note);
    (void) each_of (&look, va_vainfo_paths, note);
    sight->fingerprint[0] = (uint64_t) (look.sum >> 64);
    sight->fingerprint[1] = (uint64_t) look.sum;
}

int
sight_open_vainfo (int root)
{
    for (const char *const *path = va_vainfo_paths; *path; path++) {
        _cleanup_close_ int fd = open_inside (root, *path, O_PATH);
        struct stat st;

        if (fd >= 0 && fstat (fd, &st) == 0 && S_ISREG (st.st_mode) && (st.st_mode & 0111))
            return steal_fd (&fd);
    }
    return -1;
}

void
sight_key (const struct sight *sight, const char *facts, char key[SIGHT_KEY_MAX])
{
    const hash_t hash = hash_text (fnv_offset, facts);

    (void) snprintf (key, SIGHT_KEY_MAX, "%016jx%016jx-%016jx", (uintmax_t) sight->fingerprint[0],
                     (uintmax_t) sight->fingerprint[1], (uintmax_t) (hash >> 64 ^ hash));
}
