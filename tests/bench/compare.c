/* Times commands beside one another, interleaved: in every round each case has its turn, and the order turns
 * too, so that what else the machine does meanwhile falls on all alike. Prints each case's median, and beside
 * its base the median of the differences in one round with its 95 % interval; the difference of the tenth
 * percentiles
 * ("quiet"): what others do on the machine only ever adds, so that is nearer to what a quiet one would show;
 * and the difference in CPU time, of which a busy machine changes little.
 *
 *   compare SECONDS LOG PLAN
 *
 * A plan has a line each, words apart by blanks, no quotes:
 *   case NAME [BASE]      what follows belongs to it; BASE is an earlier case
 *   setup COMMAND…        once, before the rounds
 *   before COMMAND…       in each round, not timed
 *   time COMMAND…         in each round; the times of several are added
 *   after COMMAND…        in each round, not timed
 *   teardown COMMAND…     once, after the rounds; may fail
 * Commands have our own stdin, and LOG for stdout and stderr.  */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../oci/cleanup.h"
#include "stats.h"

enum { CASES_MAX = 16, STEPS_MAX = 12, WORDS_MAX = 40, ROUNDS_MAX = 20000, WARM_UP = 3 };

enum when { SETUP, BEFORE, TIME, AFTER, TEARDOWN };
static const char *const when_names[] = {"setup", "before", "time", "after", "teardown"};

struct step {
    enum when when;
    char *argv[WORDS_MAX + 1];
};

struct scenario {
    const char *name;
    const struct scenario *base;
    struct step steps[STEPS_MAX];
    unsigned n_steps;
    double samples[ROUNDS_MAX]; /* ms */
    double cpu[ROUNDS_MAX];     /* ms, user and system, of the timed commands and what they waited for */
};

struct cost {
    double ms, cpu_ms;
};

static struct scenario cases[CASES_MAX];
static unsigned n_cases;
static posix_spawn_file_actions_t output;

extern char **environ;

static void __attribute__ ((noreturn, format (printf, 1, 2))) die (const char *format, ...)
{
    va_list args;

    (void) fputs ("compare: ", stderr);
    va_start (args, format);
    (void) vfprintf (stderr, format, args);
    va_end (args);
    (void) fputc ('\n', stderr);
    exit (EXIT_FAILURE);
}

/* --- the plan --- */

static const struct scenario *
find_case (const char *name)
{
    for (unsigned i = 0; i < n_cases; i++)
        if (strcmp (cases[i].name, name) == 0)
            return &cases[i];
    die ("no case %s before this one", name);
}

static void
add_case (const char *name, const char *base)
{
    const struct scenario *other = base ? find_case (base) : NULL;

    if (!name || n_cases == CASES_MAX)
        die ("too many cases, or one without a name");
    cases[n_cases].name = name;
    cases[n_cases++].base = other;
}

static void
add_step (const char *word, char *save)
{
    struct scenario *c = n_cases > 0 ? &cases[n_cases - 1] : NULL;
    struct step *step;
    unsigned n = 0;

    if (!c || c->n_steps == STEPS_MAX)
        die ("%s: no case, or too many steps in it", word);
    step = &c->steps[c->n_steps++];
    while (step->when <= TEARDOWN && strcmp (word, when_names[step->when]) != 0)
        step->when++;
    if (step->when > TEARDOWN)
        die ("%s: unknown word", word);
    for (char *arg = strtok_r (NULL, " \t\n", &save); arg; arg = strtok_r (NULL, " \t\n", &save)) {
        if (n == WORDS_MAX)
            die ("%s: too many words", word);
        step->argv[n++] = arg;
    }
    if (n == 0)
        die ("%s: no command", word);
}

/* The words stay where they were read.  */
static void
read_plan (const char *path)
{
    _cleanup_fclose_ FILE *in = fopen (path, "re");
    char *line = NULL;
    size_t room = 0;

    if (!in)
        die ("%s: %s", path, strerror (errno));
    for (; getline (&line, &room, in) >= 0; line = NULL, room = 0) {
        char *save = NULL, *word = strtok_r (line, " \t\n", &save);

        if (!word || word[0] == '#') {
            free (line);
        } else if (strcmp (word, "case") == 0) {
            const char *name = strtok_r (NULL, " \t\n", &save);

            add_case (name, strtok_r (NULL, " \t\n", &save));
        } else {
            add_step (word, save);
        }
    }
    free (line);
}

/* --- the rounds --- */

static double
to_ms (struct timeval t)
{
    return (double) t.tv_sec * 1e3 + (double) t.tv_usec / 1e3;
}

static struct cost
run (const struct scenario *c, const struct step *step)
{
    double before = now_us (), after;
    struct rusage usage;
    int status;
    pid_t pid;

    errno = posix_spawnp (&pid, step->argv[0], &output, NULL, step->argv, environ);
    if (errno != 0 || wait4 (pid, &status, 0, &usage) != pid)
        die ("%s: %s: %s", c->name, step->argv[0], strerror (errno));
    after = now_us ();
    if (status != 0 && step->when != TEARDOWN)
        die ("%s: %s %s %s…: status %#x (see the log)", c->name, when_names[step->when], step->argv[0],
             step->argv[1] ? step->argv[1] : "", (unsigned) status);
    return (struct cost){(after - before) / 1e3, to_ms (usage.ru_utime) + to_ms (usage.ru_stime)};
}

static struct cost
run_all (const struct scenario *c, enum when first, enum when last)
{
    struct cost timed = {0};

    for (unsigned i = 0; i < c->n_steps; i++) {
        const struct step *step = &c->steps[i];
        struct cost cost;

        if (step->when < first || step->when > last)
            continue;
        cost = run (c, step);
        if (step->when == TIME) {
            timed.ms += cost.ms;
            timed.cpu_ms += cost.cpu_ms;
        }
    }
    return timed;
}

static unsigned
run_rounds (double seconds)
{
    double end = 0;
    unsigned round = 0;

    for (unsigned i = 0; i < WARM_UP + ROUNDS_MAX; i++) {
        if (i == WARM_UP)
            end = now_us () + seconds * 1e6;
        if (i > WARM_UP && now_us () > end)
            break;
        round = i < WARM_UP ? 0 : i - WARM_UP;
        for (unsigned j = 0; j < n_cases; j++) {
            struct scenario *c = &cases[((i & 1) ? n_cases - 1 - j + i / 2 : j + i / 2) % n_cases];
            struct cost cost = run_all (c, BEFORE, AFTER);

            c->samples[round] = cost.ms;
            c->cpu[round] = cost.cpu_ms;
        }
    }
    return round + 1;
}

/* --- the figures --- */

static void
print_case (const struct scenario *c, unsigned n)
{
    static double own[ROUNDS_MAX], base[ROUNDS_MAX], differences[ROUNDS_MAX], ratios[ROUNDS_MAX],
        cpu[ROUNDS_MAX];
    unsigned margin = (unsigned) (0.98 * sqrt (n)); /* ranks around the median that hold it with 95 % */

    memcpy (own, c->samples, n * sizeof *own);
    sort_samples (own, n);
    (void) printf ("%-38s %9.3f ms", c->name, quantile (own, n, 0.5));
    if (!c->base) {
        (void) printf ("   (%u rounds)\n", n);
        return;
    }
    memcpy (base, c->base->samples, n * sizeof *base);
    sort_samples (base, n);
    for (unsigned i = 0; i < n; i++) {
        differences[i] = c->samples[i] - c->base->samples[i];
        ratios[i] = c->samples[i] / c->base->samples[i];
        cpu[i] = c->cpu[i] - c->base->cpu[i];
    }
    sort_samples (differences, n);
    (void) printf ("   %+8.3f ms [%+.3f … %+.3f]  quiet %+.3f  CPU %+.3f  ×%.3f of %s\n",
                   quantile (differences, n, 0.5), differences[n / 2 > margin ? n / 2 - margin : 0],
                   differences[n / 2 + margin < n ? n / 2 + margin : n - 1],
                   quantile (own, n, 0.1) - quantile (base, n, 0.1), median (cpu, n), median (ratios, n),
                   c->base->name);
}

int
main (int argc, char **argv)
{
    unsigned n;

    if (argc != 4)
        die ("usage: compare SECONDS LOG PLAN");
    (void) posix_spawn_file_actions_init (&output);
    (void) posix_spawn_file_actions_addopen (&output, 1, argv[2], O_WRONLY | O_CREAT | O_APPEND, 0600);
    (void) posix_spawn_file_actions_adddup2 (&output, 1, 2);
    read_plan (argv[3]);
    for (unsigned i = 0; i < n_cases; i++)
        (void) run_all (&cases[i], SETUP, SETUP);
    n = run_rounds (strtod (argv[1], NULL));
    for (unsigned i = 0; i < n_cases; i++)
        (void) run_all (&cases[i], TEARDOWN, TEARDOWN);
    for (unsigned i = 0; i < n_cases; i++)
        print_case (&cases[i], n);
    return 0;
}
