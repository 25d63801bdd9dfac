#include "validator.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/wait.h>

#include "../../oci/cleanup.h"
#include "../../oci/file.h"

enum { VALIDATE_MS = 30000, OUTPUT_MAX = 1 << 20 };

void
validator_finish (struct validator *validator)
{
    text_finish (&validator->out);
    text_finish (&validator->said);
}

/* posix_spawnp's error is the result where it cannot be started.  */
static int
spawn (char *const argv[], int in, int out, int said, pid_t *pid)
{
    posix_spawn_file_actions_t actions;
    int status = posix_spawn_file_actions_init (&actions);

    if (status != 0)
        return status;
    if (posix_spawn_file_actions_adddup2 (&actions, in, STDIN_FILENO) != 0
        || posix_spawn_file_actions_adddup2 (&actions, out, STDOUT_FILENO) != 0
        || posix_spawn_file_actions_adddup2 (&actions, said, STDERR_FILENO) != 0)
        status = ENOMEM;
    else
        status = posix_spawnp (pid, argv[0], &actions, NULL, argv, environ);
    (void) posix_spawn_file_actions_destroy (&actions);
    return status;
}

/* 0, or an errno value: ETIMEDOUT, and it is killed then.  */
static int
wait_for (pid_t pid, int *wait_status)
{
    _cleanup_close_ int fd = pidfd_open (pid, 0);
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
    int status = 0, r;

    do {
        r = poll (&poll_fd, 1, VALIDATE_MS);
    } while (r < 0 && errno == EINTR);
    if (fd < 0 || r <= 0) {
        status = fd < 0 ? EMFILE : ETIMEDOUT;
        (void) kill (pid, SIGKILL);
    }
    while (waitpid (pid, wait_status, 0) < 0 && errno == EINTR)
        ;
    return status;
}

static int
take (int fd, struct text *text, struct error *err)
{
    off_t size = lseek (fd, 0, SEEK_END);
    char *data;

    if (size < 0 || size > OUTPUT_MAX)
        size = size < 0 ? 0 : OUTPUT_MAX;
    data = calloc (1, (size_t) size + 1);
    if (!data)
        return error_set (err, ENOMEM, "the output of a program");
    if (pread (fd, data, (size_t) size, 0) != (ssize_t) size) {
        free (data);
        return error_set (err, errno, "read the output of a program");
    }
    *text = (struct text){data, (size_t) size};
    return 0;
}

int
validator_run (struct validator *validator, char *const argv[], const struct text *text, bool with_out,
               struct error *err)
{
    _cleanup_close_ int in = memfd_create ("configuration", MFD_CLOEXEC);
    _cleanup_close_ int out = memfd_create ("output", MFD_CLOEXEC);
    _cleanup_close_ int said = memfd_create ("messages", MFD_CLOEXEC);
    int wait_status = 0, status;
    pid_t pid;

    *validator = (struct validator){0};
    if (in < 0 || out < 0 || said < 0 || (text->len > 0 && write_all (in, text->data, text->len) < 0)
        || lseek (in, 0, SEEK_SET) < 0)
        return error_set (err, errno, "run %s", argv[0]);
    status = spawn (argv, in, with_out ? out : said, said, &pid);
    if (status == ENOENT) {
        validator->absent = true;
        return 0;
    }
    if (status == 0)
        status = wait_for (pid, &wait_status);
    if (status != 0)
        return error_set (err, status, "run %s", argv[0]);
    validator->passed = WIFEXITED (wait_status) && WEXITSTATUS (wait_status) == 0;
    if (take (out, &validator->out, err) < 0 || take (said, &validator->said, err) < 0) {
        validator_finish (validator);
        return -1;
    }
    return 0;
}

const char *
validator_last_line (struct validator *validator)
{
    char *said = validator->said.data, *line;

    for (size_t len = strlen (said); len > 0 && said[len - 1] == '\n'; len--)
        said[len - 1] = '\0';
    line = strrchr (said, '\n');
    return line ? line + 1 : said;
}
