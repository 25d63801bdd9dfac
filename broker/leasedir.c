#include "leasedir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>

#include "../oci/cleanup.h"

enum { DRM_MAJOR = 226 }; /* Documentation/admin-guide/devices.txt */

/* In a user namespace nobody makes device nodes, whatever his capabilities (user_namespaces(7)). A render
 * node, because the service may make no others.  */
static bool
makes_nodes (int root)
{
    static const char name[] = ".probe";
    bool refused = mknodat (root, name, S_IFCHR, makedev (DRM_MAJOR, 128)) < 0 && errno == EPERM;

    (void) unlinkat (root, name, 0);
    return !refused;
}

int
leasedir_open (struct leasedir *dir, const char *path, struct error *err)
{
    _cleanup_close_ int fd = -1;
    struct statvfs fs;
    struct stat st;

    if (strlen (path) >= sizeof dir->path || path[0] != '/')
        return error_set (err, 0, "lease root %s: not an absolute path of less than %zu characters", path,
                          sizeof dir->path);
    fd = open (path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return error_set (err, errno, "lease root %s (systemctl start 'run-dri\\x2dbroker-leases.mount')",
                          path);
    if (fstat (fd, &st) < 0 || fstatvfs (fd, &fs) < 0)
        return error_set (err, errno, "lease root %s", path);
    if (st.st_uid != geteuid () || (st.st_mode & 077))
        return error_set (err, 0, "lease root %s: it has to be root's alone (chown root, chmod 0700)", path);
    dir->bound = !makes_nodes (fd);
    if (!dir->bound && fs.f_flag & ST_NODEV)
        return error_set (err, 0,
                          "lease root %s is on a nodev mount, where no device node can be opened: "
                          "mount a tmpfs there without nodev",
                          path);
    dir->root = steal_fd (&fd);
    (void) snprintf (dir->path, sizeof dir->path, "%s", path);
    return 0;
}

/* Paths from the root instead of a descriptor of the directory: two system calls less, and nobody but us can
 * change what they mean.  */
struct below {
    char path[160];
};

static size_t
put (struct below *below, size_t at, const char *text)
{
    size_t len = strnlen (text, sizeof below->path - 1 - at);

    memcpy (below->path + at, text, len);
    below->path[at + len] = '\0';
    return at + len;
}

/* folder: "/", "/by-path/".  */
static const char *
below (struct below *below, const char *id, const char *folder, const char *name)
{
    (void) put (below, put (below, put (below, 0, id), folder), name);
    return below->path;
}

static int
make_node (int root, bool bound, const char *id, const struct layout_node *node, struct error *err)
{
    dev_t device = makedev (node->node.major, node->node.minor);
    struct below path;

    if (bound)
        return mknodat (root, below (&path, id, "/", node->node.name), S_IFREG, 0) < 0
                   ? error_set (err, errno, "make %s", node->node.name)
                   : 0;

    /* The broker's umask is 0: the mode is as it stands here. Until the chown the node is root's alone.  */
    if (mknodat (root, below (&path, id, "/", node->node.name), S_IFCHR | node->mode, device) < 0)
        return error_set (err, errno, "mknod %s", node->node.name);
    if ((node->uid != 0 || node->gid != 0)
        && fchownat (root, path.path, node->uid, node->gid, AT_SYMLINK_NOFOLLOW) < 0)
        return error_set (err, errno, "chown %s", node->node.name);
    return 0;
}

static int
make_links (int root, const char *id, const struct layout *layout, struct error *err)
{
    struct below path;

    if (layout->n_links > 0 && mkdirat (root, below (&path, id, "/", "by-path"), 0755) < 0)
        return error_set (err, errno, "mkdir by-path");
    for (unsigned i = 0; i < layout->n_links; i++)
        if (symlinkat (layout->links[i].target, root, below (&path, id, "/by-path/", layout->links[i].name))
            < 0)
            return error_set (err, errno, "symlink by-path/%s", layout->links[i].name);
    return 0;
}

int
leasedir_fill (const struct leasedir *dir, const char *id, const struct layout *layout, struct error *err)
{
    int r = 0;

    for (unsigned i = 0; i < layout->n_nodes && r == 0; i++)
        r = make_node (dir->root, dir->bound, id, &layout->nodes[i], err);
    if (r == 0)
        r = make_links (dir->root, id, layout, err);
    if (r < 0) {
        leasedir_empty (dir, id);
        return error_wrap (err, "the lease directory in %s", dir->path);
    }
    return 0;
}

int
leasedir_make (const struct leasedir *dir, const char *id, const struct layout *layout, struct error *err)
{
    if (mkdirat (dir->root, id, 0755) < 0)
        return error_set (err, errno, "the lease directory in %s", dir->path);
    if (leasedir_fill (dir, id, layout, err) < 0) {
        (void) unlinkat (dir->root, id, AT_REMOVEDIR);
        return -1;
    }
    return 0;
}

void
leasedir_own (const struct leasedir *dir, struct layout *layout)
{
    for (unsigned i = 0; dir->bound && i < layout->n_nodes; i++) {
        const struct layout_node *real = layout->nodes;
        struct layout_node *node = &layout->nodes[i];
        char path[48];
        struct stat st;

        /* An alias stands behind the node of the same numbers.  */
        while (real->node.major != node->node.major || real->node.minor != node->node.minor)
            real++;
        (void) snprintf (path, sizeof path, "/dev/dri/%s", real->node.name);
        if (stat (path, &st) < 0)
            continue;
        node->uid = st.st_uid;
        node->gid = st.st_gid;
        node->mode = st.st_mode & 0777;
    }
}

/* NULL where it is no directory, or a link to one.  */
static DIR *
open_directory (int parent, const char *name)
{
    int fd = openat (parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *entries = fd >= 0 ? fdopendir (fd) : NULL;

    if (!entries && fd >= 0)
        (void) close (fd);
    return entries;
}

/* By the inode, and only that of a device: the name may be a link that a container has put there. Once it is
 * root's, its mode is root's to change too.  */
static void
close_node (int parent, const char *name)
{
    _cleanup_close_ int fd = openat (parent, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    char path[32];
    struct stat st;

    if (fd < 0 || fstat (fd, &st) < 0 || !S_ISCHR (st.st_mode))
        return;
    (void) snprintf (path, sizeof path, "/proc/self/fd/%d", fd);
    if (fchownat (fd, "", 0, 0, AT_EMPTY_PATH) == 0)
        (void) chmod (path, 0);
}

static void remove_below (int parent, const char *name, unsigned depth);

static void
remove_entry (int parent, const char *name, unsigned depth)
{
    close_node (parent, name);
    if (unlinkat (parent, name, 0) == 0 || errno != EISDIR)
        return;
    remove_below (parent, name, depth);
    (void) unlinkat (parent, name, AT_REMOVEDIR);
}

/* A lease directory holds nothing deeper than by-path, but a container with CAP_SYS_ADMIN can mount it
 * writable and put there what it likes.  */
static void
remove_below (int parent, const char *name, unsigned depth)
{
    enum { DEPTH_MAX = 64 };
    DIR *entries = depth < DEPTH_MAX ? open_directory (parent, name) : NULL;
    const struct dirent *entry;

    if (!entries)
        return;
    for (entry = readdir (entries); entry; entry = readdir (entries))
        if (strcmp (entry->d_name, ".") != 0 && strcmp (entry->d_name, "..") != 0)
            remove_entry (dirfd (entries), entry->d_name, depth + 1);
    (void) closedir (entries);
}

void
leasedir_empty (const struct leasedir *dir, const char *id)
{
    remove_below (dir->root, id, 0);
}

/* One that a broker left when it was killed may not be the workload's yet.  */
static bool
is_made (const struct stat *st, bool bound, const struct layout_node *node)
{
    if (bound)
        return S_ISREG (st->st_mode);
    return st->st_rdev == makedev (node->node.major, node->node.minor) && st->st_uid == node->uid
           && st->st_gid == node->gid && st->st_mode == (S_IFCHR | node->mode);
}

static bool
is_expected (int fd, bool bound, const char *name, const struct layout *layout)
{
    struct stat st;

    if (fstatat (fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return false;
    for (unsigned i = 0; i < layout->n_nodes; i++)
        if (strcmp (layout->nodes[i].node.name, name) == 0)
            return is_made (&st, bound, &layout->nodes[i]);
    return false;
}

bool
leasedir_shows (const struct leasedir *dir, const char *id, const struct layout *layout)
{
    DIR *entries = open_directory (dir->root, id);
    const struct dirent *entry;
    bool same = entries;
    unsigned nodes = 0;

    if (!entries)
        return false;
    for (entry = readdir (entries); entry && same; entry = readdir (entries))
        if (entry->d_type != DT_DIR) {
            same = is_expected (dirfd (entries), dir->bound, entry->d_name, layout);
            nodes++;
        }
    (void) closedir (entries);
    return same && nodes == layout->n_nodes;
}

/* The names that are known are unlinked without looking what there is, which is most of the cost.  */
static void
unlink_layout (int root, const char *id, const struct layout *layout)
{
    struct below path;

    for (unsigned i = 0; i < layout->n_nodes; i++)
        (void) unlinkat (root, below (&path, id, "/", layout->nodes[i].node.name), 0);
    for (unsigned i = 0; i < layout->n_links; i++)
        (void) unlinkat (root, below (&path, id, "/by-path/", layout->links[i].name), 0);
    if (layout->n_links > 0)
        (void) unlinkat (root, below (&path, id, "/", "by-path"), AT_REMOVEDIR);
}

void
leasedir_remove (const struct leasedir *dir, const char *id, const struct layout *expected)
{
    if (expected)
        unlink_layout (dir->root, id, expected);
    if (unlinkat (dir->root, id, AT_REMOVEDIR) == 0 || errno == ENOENT)
        return;
    leasedir_empty (dir, id);
    (void) unlinkat (dir->root, id, AT_REMOVEDIR);
}

bool
leasedir_exists (const struct leasedir *dir, const char *id)
{
    return faccessat (dir->root, id, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

void
leasedir_sweep (const struct leasedir *dir, bool (*keep) (void *userdata, const char *id), void *userdata)
{
    DIR *entries = open_directory (dir->root, ".");
    const struct dirent *entry;

    if (!entries)
        return;
    for (entry = readdir (entries); entry; entry = readdir (entries))
        if (lease_id_valid (entry->d_name) && !keep (userdata, entry->d_name))
            leasedir_remove (dir, entry->d_name, NULL);
    (void) closedir (entries);
}
