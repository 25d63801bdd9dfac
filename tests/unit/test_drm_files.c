#include "tests/unit/testing.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "broker/drm_files.h"
#include "broker/drm_memory.h"

enum { GPU = 20, OTHER = 21, PLAIN = 22, MANY = 30, PLENTY = 1000, NOW = 5000 };

/* What a player does to its own files when it is told to: a letter, answered by the same one.  */
enum {
    OPEN = 'o',
    CLOSE = 'c',
    MOVE = 'm',
    PUT_OVER = 'p',
    REPLACE = 'r',
    OPEN_MANY = 'n',
    OPEN_SLOWLY = 's'
};

struct player {
    pid_t pid;
    char text[16]; /* the pid */
    int ask, answer;
};

struct bed {
    struct drm_memory memory;
    struct drm_files look;
    unsigned found; /* clients in this look */
};

static void
open_as (const char *path, int number)
{
    int fd = open (path, O_RDONLY | O_CLOEXEC);

    if (fd < 0 || dup2 (fd, number) < 0 || close (fd) < 0)
        _exit (1);
}

static void
play (const char *gpu, char what)
{
    if (what == OPEN)
        open_as (gpu, GPU);
    else if (what == CLOSE)
        (void) close (GPU);
    else if (what == MOVE)
        (void) (dup2 (GPU, OTHER) + close (GPU));
    else if (what == PUT_OVER)
        open_as (gpu, PLAIN);
    else if (what == REPLACE)
        open_as ("/dev/null", GPU);
    else if (what == OPEN_SLOWLY) /* the GPU comes where what could not be opened at once has been */
        open_as (gpu, open (in_folder ("slow"), O_RDONLY | O_CLOEXEC));
    for (int i = 0; what == OPEN_MANY && i <= DRM_MEMORY_FILES; i++)
        open_as (gpu, MANY + i);
}

static void
start (struct player *player)
{
    int ask[2], answer[2];
    char what;

    assert_return_code (pipe (ask), errno);
    assert_return_code (pipe (answer), errno);
    player->pid = fork ();
    if (player->pid == 0) {
        (void) prctl (PR_SET_PDEATHSIG, SIGKILL);
        (void) close (ask[1]);
        open_as ("/dev/null", PLAIN);
        while (read (ask[0], &what, 1) == 1) {
            play (in_folder ("gpu.fdinfo"), what);
            (void) !write (answer[1], &what, 1);
        }
        _exit (0);
    }
    (void) close (ask[0]);
    (void) close (answer[1]);
    player->ask = ask[1];
    player->answer = answer[0];
    (void) snprintf (player->text, sizeof player->text, "%d", (int) player->pid);
}

static void
tell (const struct player *player, char what)
{
    char answer;

    assert_int_equal (write (player->ask, &what, 1), 1);
    assert_int_equal (read (player->answer, &answer, 1), 1);
}

static void
end (const struct player *player)
{
    (void) close (player->ask);
    (void) close (player->answer);
    assert_int_equal (kill (player->pid, SIGKILL), 0);
    assert_int_equal (waitpid (player->pid, NULL, 0), player->pid);
}

static void
count (void *userdata, const struct fdinfo *info)
{
    struct bed *bed = userdata;

    assert_int_equal (info->client, 7);
    bed->found++;
}

/* How many clients a look at this moment finds; files: how many it went through, remembered ones aside.  */
static unsigned
look_at (struct bed *bed, uint64_t now, const struct player *player, unsigned *files)
{
    bed->found = 0;
    bed->look.left = PLENTY;
    drm_memory_begin (&bed->memory, now);
    drm_files_look_at (&bed->look, player->text);
    drm_memory_end (&bed->memory);
    *files = PLENTY - bed->look.left;
    return bed->found;
}

/* Kernels before 6.2 do not.  */
static bool
kernel_counts_open_files (void)
{
    struct stat st;

    return stat ("/proc/self/fd", &st) == 0 && st.st_size > 0;
}

static bool
is_open (int fd)
{
    return fcntl (fd, F_GETFD) >= 0;
}

static int
set_up (void **state)
{
    struct bed *bed = calloc (1, sizeof *bed);

    if (!bed || folder_make (state) < 0)
        return -1;
    put (in_folder ("gpu.fdinfo"), "drm-driver:\ti915\ndrm-pdev:\t0000:00:02.0\ndrm-client-id:\t7\n");
    bed->memory.places = 64;
    bed->look = (struct drm_files){.proc = open ("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC),
                                   .memory = &bed->memory,
                                   .simulated = true,
                                   .found = count,
                                   .userdata = bed};
    *state = bed;
    return 0;
}

static int
tear_down (void **state)
{
    struct bed *bed = *state;

    drm_memory_forget (&bed->memory);
    (void) close (bed->look.proc);
    free (bed);
    return folder_remove (state);
}

static void
what_is_remembered_is_not_looked_for_again (void **state)
{
    struct bed *bed = *state;
    struct player player;
    unsigned files;

    start (&player);
    tell (&player, OPEN);
    assert_int_equal (look_at (bed, NOW, &player, &files), 1);
    assert_true (files > 3);
    assert_int_equal (look_at (bed, NOW + DRM_MEMORY_MS - 1, &player, &files), 1);
    assert_int_equal (files == 0, kernel_counts_open_files ());
    assert_int_equal (look_at (bed, NOW + DRM_MEMORY_MS, &player, &files), 1);
    assert_true (files > 3);
    end (&player);
}

static void
a_client_that_was_closed_is_not_told_again (void **state)
{
    struct bed *bed = *state;
    struct player player;
    unsigned files;

    start (&player);
    tell (&player, OPEN);
    assert_int_equal (look_at (bed, NOW, &player, &files), 1);
    tell (&player, CLOSE);
    assert_int_equal (look_at (bed, NOW, &player, &files), 0);
    tell (&player, OPEN);
    assert_int_equal (look_at (bed, NOW, &player, &files), 1);
    tell (&player, REPLACE); /* as many files as before */
    assert_int_equal (look_at (bed, NOW, &player, &files), 0);
    end (&player);
}

static void
a_client_that_comes_or_moves_is_seen_at_once (void **state)
{
    struct bed *bed = *state;
    struct player player;
    unsigned files;

    start (&player);
    assert_int_equal (look_at (bed, NOW, &player, &files), 0);
    tell (&player, OPEN);
    assert_int_equal (look_at (bed, NOW, &player, &files), 1);
    tell (&player, MOVE); /* as many files as before */
    assert_int_equal (look_at (bed, NOW, &player, &files), 1);
    end (&player);
}

static void
a_client_in_the_place_of_another_file_is_seen_within_the_bound (void **state)
{
    struct bed *bed = *state;
    struct player player;
    unsigned files;

    start (&player);
    assert_int_equal (look_at (bed, NOW, &player, &files), 0);
    tell (&player, PUT_OVER); /* as many files as before */
    (void) look_at (bed, NOW + DRM_MEMORY_MS / 2, &player, &files);
    assert_int_equal (look_at (bed, NOW + DRM_MEMORY_MS, &player, &files), 1);
    end (&player);
}

static void
what_was_not_seen_whole_is_not_remembered (void **state)
{
    struct bed *bed = *state;
    struct player player;
    unsigned files;

    start (&player);
    tell (&player, OPEN);
    bed->look.left = 2; /* far fewer than it has */
    drm_memory_begin (&bed->memory, NOW);
    drm_files_look_at (&bed->look, player.text);
    assert_int_equal (bed->found, 0);
    assert_true (bed->look.more);
    assert_int_equal (look_at (bed, NOW, &player, &files), 1);
    tell (&player, CLOSE);
    tell (&player, OPEN_MANY);
    assert_int_equal (look_at (bed, NOW, &player, &files), DRM_MEMORY_FILES + 1);
    assert_int_equal (look_at (bed, NOW, &player, &files), DRM_MEMORY_FILES + 1);
    end (&player);
}

static off_t
counted (const struct player *player)
{
    char path[40];
    struct stat st;

    (void) snprintf (path, sizeof path, "/proc/%s/fd", player->text);
    return stat (path, &st) == 0 ? st.st_size : -1;
}

static void
what_is_being_opened_is_seen_when_it_is_there (void **state)
{
    const char what = OPEN_SLOWLY;
    struct bed *bed = *state;
    struct player player;
    unsigned files;
    off_t before;
    char answer;
    int fd;

    assert_return_code (mkfifo (in_folder ("slow"), 0600), errno);
    start (&player);
    tell (&player, CLOSE); /* it runs */
    before = counted (&player);
    assert_int_equal (write (player.ask, &what, 1), 1);
    for (int i = 0; i < 10000 && before > 0 && counted (&player) == before; i++)
        (void) usleep (1000);
    assert_int_equal (look_at (bed, NOW, &player, &files), 0);
    fd = open (in_folder ("slow"), O_WRONLY | O_CLOEXEC);
    assert_return_code (fd, errno);
    assert_int_equal (read (player.answer, &answer, 1), 1);
    assert_int_equal (look_at (bed, NOW, &player, &files), 1);
    (void) close (fd);
    end (&player);
}

/* The one who looks for all devices gets all devices.  */
static void
see_device (void *userdata, const char *pid, unsigned device_major, unsigned device_minor)
{
    (void) pid;
    (void) device_major;
    (void) device_minor;
    ((struct bed *) userdata)->found += 100;
}

static void
who_asks_for_devices_is_told_of_all (void **state)
{
    struct bed *bed = *state;
    struct player player;
    unsigned files;

    start (&player);
    (void) look_at (bed, NOW, &player, &files);
    bed->look.device = see_device;
    assert_true (look_at (bed, NOW, &player, &files) >= 100);
    end (&player);
}

/* What a later process with the pid of an earlier one meets: a folder that was kept, of the earlier one.  */
static void
a_pid_that_is_used_again_is_another_process (void **state)
{
    struct bed *bed = *state;
    struct player first, second;
    struct drm_process *kept = NULL;
    unsigned files;

    start (&first);
    assert_int_equal (look_at (bed, NOW, &first, &files), 0);
    start (&second);
    tell (&second, OPEN);
    end (&first);
    for (unsigned i = 0; i < bed->memory.places; i++)
        if (bed->memory.table[i].pid == first.pid)
            kept = &bed->memory.table[i];
    if (kept) {
        struct drm_process *place = &bed->memory.table[(unsigned) second.pid % bed->memory.places];
        struct drm_process old = *kept;

        kept->pid = 0;
        *place = old;
        place->pid = second.pid;
    }
    assert_int_equal (look_at (bed, NOW, &second, &files), 1);
    end (&second);
}

static int
any_folder (void)
{
    int fd = open ("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    assert_return_code (fd, errno);
    return fd;
}

static int
keep (struct drm_memory *memory, int pid)
{
    struct drm_process seen = {.pid = pid, .fds = any_folder (), .open = 1};

    drm_memory_keep (memory, &seen);
    return seen.fds;
}

static void
what_was_not_asked_for_is_forgotten (void **state)
{
    struct drm_memory *memory = &((struct bed *) *state)->memory;
    int fd;

    drm_memory_begin (memory, NOW);
    fd = keep (memory, 17);
    drm_memory_end (memory);
    assert_true (is_open (fd));
    drm_memory_begin (memory, NOW + 1); /* its lease has gone */
    drm_memory_end (memory);
    assert_false (is_open (fd));
    assert_int_equal (memory->used, 0);
}

static void
memory_is_bounded (void **state)
{
    struct drm_memory *memory = &((struct bed *) *state)->memory;
    unsigned before, kept = 0;
    int last = -1;

    drm_memory_begin (memory, NOW);
    for (int pid = 1; pid <= 4 * (int) memory->places; pid++)
        last = keep (memory, pid);
    assert_false (is_open (last)); /* who has a place, keeps it */
    assert_int_equal (memory->used, memory->places);
    before = memory->used;
    drm_memory_begin (memory, NOW + DRM_MEMORY_MS); /* of use to none of them any more */
    last = keep (memory, 4 * (int) memory->places);
    assert_true (is_open (last));
    assert_int_equal (memory->used, before);
    drm_memory_end (memory);
    assert_int_equal (memory->used, 1);
    drm_memory_forget (memory);
    assert_false (is_open (last));
    for (unsigned i = 0; i < memory->places; i++)
        kept += memory->table[i].pid != 0;
    assert_int_equal (kept, 0);
    memory->places = 0;
    assert_false (is_open (keep (memory, 5)));
}

static void
what_the_kernel_does_not_count_is_not_kept (void **state)
{
    struct drm_memory *memory = &((struct bed *) *state)->memory;
    struct drm_process seen = {.pid = 17, .fds = any_folder (), .open = 0};
    int before;

    drm_memory_begin (memory, NOW);
    before = keep (memory, 17);
    drm_memory_keep (memory, &seen);
    assert_false (is_open (seen.fds));
    assert_false (is_open (before)); /* what was kept is no longer so */
    assert_int_equal (memory->used, 0);
}

int
main (void)
{
#define TEST(name) cmocka_unit_test_setup_teardown (name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST (what_is_remembered_is_not_looked_for_again),
        TEST (a_client_that_was_closed_is_not_told_again),
        TEST (a_client_that_comes_or_moves_is_seen_at_once),
        TEST (a_client_in_the_place_of_another_file_is_seen_within_the_bound),
        TEST (what_was_not_seen_whole_is_not_remembered),
        TEST (what_is_being_opened_is_seen_when_it_is_there),
        TEST (who_asks_for_devices_is_told_of_all),
        TEST (a_pid_that_is_used_again_is_another_process),
        TEST (what_was_not_asked_for_is_forgotten),
        TEST (memory_is_bounded),
        TEST (what_the_kernel_does_not_count_is_not_kept),
    };
#undef TEST

    return cmocka_run_group_tests (tests, NULL, NULL);
}
