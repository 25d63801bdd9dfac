#include "install_docker.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../oci/cleanup.h"
#include "config_file.h"
#include "validator.h"

/* In the backup's place of a daemon.json that was not there. No JSON, so that it is never taken for one.  */
static const char no_file[] = "There was no daemon.json.\n";

#define _cleanup_outcome_ __attribute__ ((cleanup (docker_outcome_finish)))

void
docker_outcome_finish (struct docker_outcome *outcome)
{
    text_finish (&outcome->before);
    text_finish (&outcome->after);
}

enum backup { BACKUP_NONE, BACKUP_GOOD, BACKUP_BAD };

static int
backup_read (const char *path, struct text *original, enum backup *backup, struct error *err)
{
    _cleanup_text_ struct text text = {0};
    struct error ignored;

    if (config_file_read (path, &text, err) < 0)
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
validate (const struct text *text, enum docker_check *check, struct error *err)
{
    char *const argv[] = {"dockerd", "--validate", "--config-file", "/dev/stdin", NULL};
    _cleanup_validator_ struct validator dockerd = {0};

    if (validator_run (&dockerd, argv, text, false, err) < 0)
        return -1;
    if (dockerd.absent)
        *check = CHECK_NO_DOCKERD;
    else if (dockerd.passed)
        *check = CHECK_PASSED;
    else if (strstr (dockerd.said.data, "unknown flag: --validate"))
        *check = CHECK_TOO_OLD;
    else
        return error_set (err, 0, "dockerd does not take the new configuration (%.800s)",
                          validator_last_line (&dockerd));
    return 0;
}

/* Reads the file and its backup. *backup tells what the backup is good for.  */
static int
read_state (const struct docker_install *how, struct config_file *paths, struct text *now,
            struct text *original, enum backup *backup, struct error *err)
{
    if (config_file_find (paths, how->config, err) < 0 || config_file_read (paths->path, now, err) < 0)
        return -1;
    return backup_read (paths->backup, original, backup, err);
}

/* Keeps the text without us, unless the backup has it already.  */
static int
write_backup (const struct config_file *paths, enum backup backup, const struct text *original,
              const struct text *now, struct error *err)
{
    const struct text none = {.data = (char *) no_file, .len = strlen (no_file)};
    _cleanup_text_ struct text without = {0};
    const struct text *keep = now;

    if (backup == BACKUP_GOOD) {
        if (daemon_json_remove (now, original, &without, err) < 0)
            return -1;
        if (text_same (&without, original))
            return 0;
        keep = &without;
    }
    return config_file_write (paths->backup, keep->data ? keep : &none, paths->path, err);
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
write_added (const struct config_file *paths, const struct docker_outcome *done, enum backup backup,
             const struct text *original, struct error *err)
{
    if (write_backup (paths, backup, original, &done->before, err) < 0)
        return -1;
    /* dockerd takes an empty daemon.json for one without settings.  */
    if (config_file_write (paths->path, &done->after, paths->path, err) < 0) {
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
    _cleanup_config_file_ struct config_file paths = {0};
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
write_removed (const struct config_file *paths, const struct docker_outcome *done, enum backup backup,
               struct error *err)
{
    if (!text_same (&done->before, &done->after)
        && config_file_write (paths->path, &done->after, paths->path, err) < 0)
        return -1;
    if (backup == BACKUP_GOOD && unlink (paths->backup) < 0)
        return error_set (err, errno, "remove %s", paths->backup);
    return 0;
}

int
docker_uninstall (const struct docker_install *how, struct docker_outcome *outcome, struct error *err)
{
    _cleanup_outcome_ struct docker_outcome done = {.check = CHECK_NONE};
    _cleanup_text_ struct text original = {0};
    _cleanup_config_file_ struct config_file paths = {0};
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
