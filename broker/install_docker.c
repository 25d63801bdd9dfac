#include "install_docker.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "../oci/cleanup.h"
#include "../oci/clock.h"
#include "../oci/file.h"

enum { CONFIG_MAX = 1 << 20, VALIDATE_MS = 30000 };

/* In the backup's place of a daemon.json that was not there. No JSON, so that it is never taken for one.  */
static const char no_file[] = "There was no daemon.json.\n";

struct paths {
    char *config; /* symbolic links resolved */
    char *backup;
};

static void
paths_finish (struct paths *paths)
{
    free (paths->config);
    free (paths->backup);
}

#define _cleanup_paths_   __attribute__ ((cleanup (paths_finish)))
#define _cleanup_outcome_ __attribute__ ((cleanup (docker_outcome_finish)))

void
docker_outcome_finish (struct docker_outcome *outcome)
{
    text_finish (&outcome->before);
    text_finish (&outcome->after);
}

static int
paths_find (struct paths *paths, const char *config, struct error *err)
{
    _cleanup_free_ char *real = realpath (config, NULL);
    struct stat st;

    if (!real && errno != ENOENT)
        return error_set (err, errno, "%s", config);
    if (!real && lstat (config, &st) == 0)
        return error_set (err, 0, "%s is a symbolic link to nowhere", config);
    if (!real)
        real = strdup (config);
    if (!real || asprintf (&paths->backup, "%s.dri-broker-backup", config) < 0)
        return error_set (err, ENOMEM, "%s", config);
    paths->config = steal_ptr (&real);
    return 0;
}

/* A file that is not there is a text without data.  */
static int
text_read (const char *path, struct text *text, struct error *err)
{
    if (file_read (path, CONFIG_MAX, &text->data, &text->len, err) == 0)
        return 0;
    if (err->status != ENOENT)
        return -1;
    *text = (struct text){0};
    return 0;
}

enum backup { BACKUP_NONE, BACKUP_GOOD, BACKUP_BAD };

static int
backup_read (const char *path, struct text *original, enum backup *backup, struct error *err)
{
    _cleanup_text_ struct text text = {0};
    struct error ignored;

    if (text_read (path, &text, err) < 0)
        return -1;
    if (!text.data) {
        *backup = BACKUP_NONE;
    } else if (text.len == strlen (no_file) && memcmp (text.data, no_file, text.len) == 0) {
        *backup = BACKUP_GOOD;
    } else if (daemon_json_check (&text, &ignored) < 0) {
        *backup = BACKUP_BAD;
    } else {
        *backup = BACKUP_GOOD;
        *original = text;
        text = (struct text){0};
    }
    return 0;
}

static int
create_empty (const char *path, const struct stat *like, struct error *err)
{
    _cleanup_close_ int fd = open (path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

    if (fd < 0)
        return error_set (err, errno, "create %s", path);
    if ((like->st_uid != geteuid () || like->st_gid != getegid ())
        && fchown (fd, like->st_uid, like->st_gid) < 0)
        return error_set (err, errno, "chown %s", path);
    if (fchmod (fd, like->st_mode & 0777) < 0)
        return error_set (err, errno, "chmod %s", path);
    return 0;
}

/* Creates the file, with the owner and mode of like, or replaces it. dockerd takes an empty daemon.json for
 * one without settings, so that the moment between is no broken one.  */
static int
text_write (const char *path, const struct text *text, const struct stat *like, struct error *err)
{
    bool created = false;

    if (access (path, F_OK) < 0 && errno == ENOENT) {
        if (create_empty (path, like, err) < 0)
            return -1;
        created = true;
    }
    if (file_replace (path, text->data, text->len, err) < 0) {
        if (created)
            (void) unlink (path);
        return -1;
    }
    return 0;
}

/* Docker's packages do not always make /etc/docker.  */
static int
make_folder (const char *path, struct error *err)
{
    char folder[PATH_MAX];
    const char *name;

    if (snprintf (folder, sizeof folder, "%s", path) >= (int) sizeof folder)
        return error_set (err, ENAMETOOLONG, "%s", path);
    name = dirname (folder);
    if (mkdir (name, 0755) < 0 && errno != EEXIST)
        return error_set (err, errno, "make folder %s", name);
    return 0;
}

/* Mode and owner for a new file: daemon.json's, which may keep a proxy's password; 0644 where there is none.
 */
static void
stat_like (const char *path, struct stat *like)
{
    if (stat (path, like) == 0)
        return;
    *like = (struct stat){.st_mode = 0644, .st_uid = geteuid (), .st_gid = getegid ()};
}

/* Reads what the child says until it closes the pipe; more than fits is read and dropped. -1 with errno:
 * ETIMEDOUT after VALIDATE_MS.  */
static int
read_output (int fd, char *output, size_t size)
{
    int64_t end = clock_ms () + VALIDATE_MS;
    size_t used = 0;

    for (;;) {
        struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
        int64_t left = end - clock_ms ();
        char chunk[512];
        ssize_t n;

        if (left <= 0 || poll (&poll_fd, 1, (int) left) == 0) {
            errno = ETIMEDOUT;
            return -1;
        }
        n = read (fd, chunk, sizeof chunk);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        if ((size_t) n > size - 1 - used)
            n = (ssize_t) (size - 1 - used);
        memcpy (output + used, chunk, (size_t) n);
        used += (size_t) n;
    }
    output[used] = '\0';
    return 0;
}

/* dockerd reads the text from its standard input: no file is left behind. posix_spawnp's error is the result
 * where it cannot be started.  */
static int
spawn_dockerd (int in, int out, pid_t *pid)
{
    char *const argv[] = {"dockerd", "--validate", "--config-file", "/dev/stdin", NULL};
    posix_spawn_file_actions_t actions;
    int status = posix_spawn_file_actions_init (&actions);

    if (status != 0)
        return status;
    if (posix_spawn_file_actions_adddup2 (&actions, in, STDIN_FILENO) != 0
        || posix_spawn_file_actions_adddup2 (&actions, out, STDOUT_FILENO) != 0
        || posix_spawn_file_actions_adddup2 (&actions, out, STDERR_FILENO) != 0)
        status = ENOMEM;
    else
        status = posix_spawnp (pid, "dockerd", &actions, NULL, argv, environ);
    (void) posix_spawn_file_actions_destroy (&actions);
    return status;
}

/* The last line: what comes before it is the log.  */
static const char *
last_line (char *output)
{
    char *line;

    for (size_t len = strlen (output); len > 0 && output[len - 1] == '\n'; len--)
        output[len - 1] = '\0';
    line = strrchr (output, '\n');
    return line ? line + 1 : output;
}

static int
judge (int wait_status, char *output, enum docker_check *check, struct error *err)
{
    if (WIFEXITED (wait_status) && WEXITSTATUS (wait_status) == 0)
        *check = CHECK_PASSED;
    else if (strstr (output, "unknown flag: --validate"))
        *check = CHECK_TOO_OLD;
    else
        return error_set (err, 0, "dockerd does not take the new configuration (%.800s)", last_line (output));
    return 0;
}

static int
validate (const struct text *text, enum docker_check *check, struct error *err)
{
    _cleanup_close_ int in = memfd_create ("daemon.json", MFD_CLOEXEC);
    int pipe_fds[2], wait_status = 0, status;
    char output[4096];
    pid_t pid;

    if (in < 0 || write_all (in, text->data, text->len) < 0 || lseek (in, 0, SEEK_SET) < 0
        || pipe2 (pipe_fds, O_CLOEXEC) < 0)
        return error_set (err, errno, "dockerd --validate");
    status = spawn_dockerd (in, pipe_fds[1], &pid);
    (void) close (pipe_fds[1]);
    if (status != 0) {
        (void) close (pipe_fds[0]);
        *check = CHECK_NO_DOCKERD;
        return status == ENOENT ? 0 : error_set (err, status, "run dockerd --validate");
    }
    status = read_output (pipe_fds[0], output, sizeof output) < 0 ? errno : 0;
    (void) close (pipe_fds[0]);
    if (status != 0)
        (void) kill (pid, SIGKILL);
    while (waitpid (pid, &wait_status, 0) < 0 && errno == EINTR)
        ;
    return status == 0 ? judge (wait_status, output, check, err)
                       : error_set (err, status, "dockerd --validate");
}

/* Reads the file and its backup. *backup tells what the backup is good for.  */
static int
read_state (const struct docker_install *how, struct paths *paths, struct text *now, struct text *original,
            enum backup *backup, struct error *err)
{
    if (paths_find (paths, how->config, err) < 0 || text_read (paths->config, now, err) < 0)
        return -1;
    return backup_read (paths->backup, original, backup, err);
}

/* Keeps the text without us, unless the backup has it already.  */
static int
write_backup (const struct paths *paths, enum backup backup, const struct text *original,
              const struct text *now, struct error *err)
{
    const struct text none = {.data = (char *) no_file, .len = strlen (no_file)};
    _cleanup_text_ struct text without = {0};
    const struct text *keep = now;
    struct stat like;

    if (backup == BACKUP_GOOD) {
        if (daemon_json_remove (now, original, &without, err) < 0)
            return -1;
        if (text_same (&without, original))
            return 0;
        keep = &without;
    }
    stat_like (paths->config, &like);
    return text_write (paths->backup, keep->data ? keep : &none, &like, err);
}

static int
check_runtime (const char *runtime, struct error *err)
{
    struct stat st;

    if (runtime[0] != '/')
        return error_set (err, 0, "%s: Docker needs the whole path of dri-runtime", runtime);
    if (stat (runtime, &st) < 0)
        return error_set (err, errno, "%s; name the installed dri-runtime with --runtime", runtime);
    if (!S_ISREG (st.st_mode) || !(st.st_mode & 0111))
        return error_set (err, 0, "%s is not a program; name the installed dri-runtime with --runtime",
                          runtime);
    return 0;
}

static int
write_added (const struct paths *paths, const struct docker_outcome *done, enum backup backup,
             const struct text *original, struct error *err)
{
    struct stat like;

    stat_like (paths->config, &like);
    if (make_folder (paths->config, err) < 0
        || write_backup (paths, backup, original, &done->before, err) < 0)
        return -1;
    if (text_write (paths->config, &done->after, &like, err) < 0) {
        if (backup == BACKUP_NONE)
            (void) unlink (paths->backup);
        return -1;
    }
    return 0;
}

/* Without a backup that is of use, whatever stands there is the user's.  */
static int
add (const struct docker_install *how, struct docker_outcome *done, enum backup backup,
     const struct text *original, struct error *err)
{
    const struct daemon_json_edit edit = {how->runtime, how->default_runtime, how->resources};

    if (daemon_json_add (&done->before, backup == BACKUP_GOOD ? original : &done->before, &edit, &done->after,
                         err)
        < 0)
        return error_wrap (err, "%s", how->config);
    return 0;
}

int
docker_install (const struct docker_install *how, struct docker_outcome *outcome, struct error *err)
{
    _cleanup_outcome_ struct docker_outcome done = {.check = CHECK_NONE};
    _cleanup_text_ struct text original = {0};
    _cleanup_paths_ struct paths paths = {0};
    enum backup backup;

    if (check_runtime (how->runtime, err) < 0
        || read_state (how, &paths, &done.before, &original, &backup, err) < 0)
        return -1;
    if (add (how, &done, backup, &original, err) < 0)
        return -1;
    done.bad_backup = backup == BACKUP_BAD;
    if (!text_same (&done.before, &done.after)) {
        if (validate (&done.after, &done.check, err) < 0)
            return error_wrap (err, "%s", how->config);
        if (!how->dry_run && write_added (&paths, &done, backup, &original, err) < 0)
            return -1;
    }
    *outcome = done;
    done = (struct docker_outcome){0};
    return 0;
}

static int
write_removed (const struct paths *paths, const struct docker_outcome *done, enum backup backup,
               struct error *err)
{
    struct stat like;

    stat_like (paths->config, &like);
    if (!done->after.data) {
        if (unlink (paths->config) < 0)
            return error_set (err, errno, "remove %s", paths->config);
    } else if (!text_same (&done->before, &done->after)
               && text_write (paths->config, &done->after, &like, err) < 0) {
        return -1;
    }
    if (backup == BACKUP_GOOD && unlink (paths->backup) < 0)
        return error_set (err, errno, "remove %s", paths->backup);
    return 0;
}

int
docker_uninstall (const struct docker_install *how, struct docker_outcome *outcome, struct error *err)
{
    _cleanup_outcome_ struct docker_outcome done = {.check = CHECK_NONE};
    _cleanup_text_ struct text original = {0};
    _cleanup_paths_ struct paths paths = {0};
    enum backup backup;

    if (read_state (how, &paths, &done.before, &original, &backup, err) < 0)
        return -1;
    done.bad_backup = backup == BACKUP_BAD;
    if (done.before.data) {
        if (daemon_json_remove (&done.before, backup == BACKUP_GOOD ? &original : NULL, &done.after, err) < 0)
            return error_wrap (err, "%s", how->config);
        if (done.after.data && !text_same (&done.before, &done.after)
            && validate (&done.after, &done.check, err) < 0)
            return error_wrap (err, "%s", how->config);
        if (!how->dry_run && write_removed (&paths, &done, backup, err) < 0)
            return -1;
    }
    *outcome = done;
    done = (struct docker_outcome){0};
    return 0;
}

static bool
is_program (const char *path)
{
    struct error ignored;

    return check_runtime (path, &ignored) == 0;
}

int
docker_find_runtime (char *path, size_t size, struct error *err)
{
    char self[PATH_MAX];
    ssize_t n = readlink ("/proc/self/exe", self, sizeof self - 1);

    if (n < 0)
        return error_set (err, errno, "readlink /proc/self/exe");
    self[n] = '\0';
    if (snprintf (path, size, "%s/dri-runtime", dirname (self)) < (int) size && is_program (path))
        return 0;
    return error_set (err, 0, "no dri-runtime beside drictl; name the installed one with --runtime");
}
