/* drictl top, and drictl status --watch: a screen once a second; lines where there is no terminal.
 *
 * The terminal is told what ECMA-48 has (and xterm's second screen, which others ignore), and its modes are
 * those of termios: no library of terminals is asked, and TERM counts only where it says "dumb". All signals
 * that end or stop us are waited for as descriptors, so that the terminal is put back before they have their
 * way.  */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <termios.h>
#include <unistd.h>

#include "../../oci/cleanup.h"
#include "../../oci/file.h"
#include "drictl.h"
#include "drictl_status.h"
#include "print.h"
#include "screen.h"
#include "status_lines.h"

#define SCREEN_ENTER "\033[?1049h\033[?25l\033[2J"
#define SCREEN_LEAVE "\033[?25h\033[?1049l"
#define SCREEN_HOME  "\033[H"
#define LINE_REST    "\033[0m\033[K"
#define SCREEN_REST  "\033[J"

struct top {
    struct status_reader *reader;
    struct screen screen;
    struct history history;
    json_t *status;
    struct error err;
    struct termios before; /* of the terminal that keys come from */
    bool has_keys;
    int signals, timer; /* owned */
};

/* --- the terminal --- */

static bool
put (const char *text)
{
    return write_all (STDOUT_FILENO, text, strlen (text)) == 0;
}

static void
enter_screen (struct top *t)
{
    struct termios raw;

    t->has_keys = tcgetattr (STDIN_FILENO, &t->before) == 0;
    if (t->has_keys) {
        raw = t->before;
        raw.c_lflag &= ~(tcflag_t) (ICANON | ECHO);
        raw.c_cc[VMIN] = 0;
        raw.c_cc[VTIME] = 0;
        (void) tcsetattr (STDIN_FILENO, TCSADRAIN, &raw);
    }
    (void) put (SCREEN_ENTER);
}

static void
leave_screen (const struct top *t)
{
    (void) put (SCREEN_LEAVE);
    if (t->has_keys)
        (void) tcsetattr (STDIN_FILENO, TCSADRAIN, &t->before);
}

static void
measure (struct screen *screen)
{
    struct winsize size = {0};

    (void) ioctl (STDOUT_FILENO, TIOCGWINSZ, &size);
    screen->columns = size.ws_col > 0 ? size.ws_col : 80;
    screen->rows = size.ws_row > 0 ? size.ws_row : 24;
}

/* In one write, over what was there: nothing flickers. False: there is no terminal any more.  */
static bool
show (struct top *t)
{
    _cleanup_free_ char *text = NULL, *frame = NULL;
    char *line, *rest;
    size_t len;
    FILE *out;

    t->screen.now = time (NULL);
    t->screen.message = t->err.message[0] ? t->err.message : NULL;
    text = screen_draw (&t->screen, t->status, &t->history);
    out = text ? open_memstream (&frame, &len) : NULL;
    if (!out)
        return true;
    (void) fputs (SCREEN_HOME, out);
    rest = text;
    for (line = strsep (&rest, "\n"); line; line = strsep (&rest, "\n"))
        (void) fprintf (out, "%s" LINE_REST "%s", line, rest ? "\r\n" : SCREEN_REST);
    (void) fclose (out);
    return put (frame);
}

/* --- figures --- */

static int
take_figures (struct top *t)
{
    json_t *status = NULL;
    int code;

    t->err.message[0] = '\0';
    code = status_reader_read (t->reader, &status, &t->err);
    history_take (&t->history, code == EXIT_GOOD ? status : NULL);
    if (code != EXIT_GOOD)
        return code;
    json_decref (t->status);
    t->status = status;
    return code;
}

/* --- events --- */

static const int ending[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};

static int
open_events (struct top *t, struct error *err)
{
    static const struct itimerspec second = {.it_interval = {.tv_sec = 1}, .it_value = {.tv_sec = 1}};
    sigset_t set;

    (void) sigemptyset (&set);
    for (size_t i = 0; i < countof (ending); i++)
        (void) sigaddset (&set, ending[i]);
    (void) sigaddset (&set, SIGWINCH);
    (void) sigaddset (&set, SIGTSTP);
    if (sigprocmask (SIG_BLOCK, &set, NULL) < 0)
        return error_set (err, errno, "block signals");
    t->signals = signalfd (-1, &set, SFD_CLOEXEC);
    t->timer = timerfd_create (CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (t->signals < 0 || t->timer < 0 || timerfd_settime (t->timer, 0, &second, NULL) < 0)
        return error_set (err, errno, "wait for signals and time");
    return 0;
}

/* Lets the signal do what it does by default, now.  */
static void
let_through (int number)
{
    sigset_t set;

    (void) sigemptyset (&set);
    (void) sigaddset (&set, number);
    (void) raise (number);
    (void) sigprocmask (SIG_UNBLOCK, &set, NULL);
    (void) sigprocmask (SIG_BLOCK, &set, NULL);
}

static void
on_signal (struct top *t)
{
    struct signalfd_siginfo info;

    if (read (t->signals, &info, sizeof info) != sizeof info)
        return;
    if (info.ssi_signo == SIGWINCH) {
        measure (&t->screen);
        return;
    }
    leave_screen (t);
    let_through ((int) info.ssi_signo);
    /* Still here: it was stopped, and goes on.  */
    enter_screen (t);
    measure (&t->screen);
}

/* False: it is over.  */
static bool
on_keys (struct top *t)
{
    char keys[32];
    ssize_t n = read (STDIN_FILENO, keys, sizeof keys);

    if (n <= 0)
        t->has_keys = false;
    for (ssize_t i = 0; i < n; i++) {
        if (keys[i] == 'q' || keys[i] == 'Q')
            return false;
        (void) screen_sort_key (keys[i], &t->screen.sort);
    }
    return true;
}

static void
watch_screen (struct top *t)
{
    bool goes_on = true;

    enter_screen (t);
    measure (&t->screen);
    while (goes_on) {
        struct pollfd fds[] = {{.fd = t->signals, .events = POLLIN},
                               {.fd = t->timer, .events = POLLIN},
                               {.fd = t->has_keys ? STDIN_FILENO : -1, .events = POLLIN}};
        uint64_t times;

        if (!show (t) || (poll (fds, countof (fds), -1) < 0 && errno != EINTR))
            break;
        if (fds[0].revents)
            on_signal (t);
        if (fds[2].revents)
            goes_on = on_keys (t);
        if (goes_on && read (t->timer, &times, sizeof times) > 0)
            (void) take_figures (t);
    }
    leave_screen (t);
}

/* --- no terminal --- */

/* A second later, whatever the last round took.  */
static void
wait_a_second (const struct top *t)
{
    struct pollfd fds[] = {{.fd = t->signals, .events = POLLIN}, {.fd = t->timer, .events = POLLIN}};
    struct signalfd_siginfo info;
    uint64_t times;

    do {
        if (poll (fds, countof (fds), -1) > 0 && fds[0].revents
            && read (t->signals, &info, sizeof info) == sizeof info && info.ssi_signo != SIGWINCH)
            let_through ((int) info.ssi_signo);
    } while (read (t->timer, &times, sizeof times) < 0);
}

static int
stream (struct top *t, bool json)
{
    for (;;) {
        if (json)
            (void) json_dumpf (t->status, stdout,
                               JSON_COMPACT | JSON_ENSURE_ASCII | JSON_REAL_PRECISION (15));
        else
            status_print_lines (t->status, time (NULL), stdout);
        if (json)
            (void) putchar ('\n');
        if (fflush (stdout) != 0)
            return EXIT_BAD;
        do {
            wait_a_second (t);
            if (take_figures (t) != EXIT_GOOD)
                print_line (stderr, "drictl: %s", t->err.message);
        } while (t->err.message[0]);
    }
}

int
status_watch (struct status_reader *reader, const struct status_options *options)
{
    static struct top t; /* large */
    int code;

    t = (struct top){
        .reader = reader,
        .signals = -1,
        .timer = -1,
        .screen = {.utf8 = print_in_utf8 (), .color = print_in_color (stdout), .sort = SORT_RENDER}};
    history_init (&t.history);
    code = take_figures (&t);
    if (code == EXIT_GOOD && open_events (&t, &t.err) < 0)
        code = EXIT_BAD;
    if (code != EXIT_GOOD)
        return fail (code, &t.err);
    if (options->json || !print_on_screen (stdout))
        code = stream (&t, options->json);
    else
        watch_screen (&t);
    json_decref (t.status);
    (void) close (t.signals);
    (void) close (t.timer);
    return code;
}
