#include "tests/unit/testing.h"

#include "broker/install/text.h"

/* What patch(1) does with a unified diff, without its search for another place: every context line has to be
 * where the numbers say. The result is NULL where it does not fit.  */
static char *
apply (const char *before, const char *diff)
{
    char *after = calloc (1, strlen (before) + strlen (diff) + 1);
    const char *from = before;
    size_t line = 1, start, count;

    for (const char *p = diff; *p; p = *p ? strchrnul (p, '\n') + (*strchrnul (p, '\n') == '\n') : p) {
        size_t len = (size_t) (strchrnul (p, '\n') - p) + 1, left;
        bool cut = p[len - 1] && p[len] == '\\';
        const char *rest;

        if (strncmp (p, "---", 3) == 0 || strncmp (p, "+++", 3) == 0 || *p == '\\')
            continue;
        if (*p == '@') {
            assert_int_equal (sscanf (p, "@@ -%zu,%zu", &start, &count), 2);
            for (start += count == 0; line < start; line++) {
                left = (size_t) (strchrnul (from, '\n') - from) + 1;
                (void) strncat (after, from, left);
                from += left;
            }
            continue;
        }
        rest = p + 1;
        left = len - 1 - cut;
        if (*p != '+') {
            assert_memory_equal (from, rest, left);
            from += left;
            line++;
        }
        if (*p != '-')
            (void) strncat (after, rest, left);
    }
    (void) strcat (after, from);
    return after;
}

static void
check (const char *before, const char *after)
{
    const struct text a = {(char *) before, strlen (before)}, b = {(char *) after, strlen (after)};
    char *diff = text_diff (&a, &b, "f"), *applied = apply (before, diff);

    assert_string_equal (applied, after);
    free (applied);
    free (diff);
}

static void
lines_that_are_read_by_hand (UNUSED void **state)
{
    const struct text a = {(char *) "1\n2\n3\n4\n5\n6\n7\n8\n9\n", 18},
                      b = {(char *) "1\n2\n3\n4\nx\n6\n7\n8\n9\n", 18}, none = {0};
    char *diff = text_diff (&a, &b, "a/file");

    assert_string_equal (diff, "--- a/file\n+++ a/file\n@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+x\n 6\n 7\n 8\n");
    free (diff);
    diff = text_diff (&a, &a, "f");
    assert_string_equal (diff, "");
    free (diff);
    diff = text_diff (&none, &(struct text){(char *) "new", 3}, "f");
    assert_string_equal (diff, "--- /dev/null\n+++ f\n@@ -0,0 +1,1 @@\n+new\n\\ No newline at end of file\n");
    free (diff);
}

static void
random_texts_become_each_other (UNUSED void **state)
{
    unsigned seed = 7;

    for (int round = 0; round < 3000; round++) {
        char texts[2][256] = {"", ""};

        for (int i = 0; i < 2; i++) {
            int n = rand_r (&seed) % 30;

            /* Much is the same in both: letters of few, and at the same places.  */
            for (int j = 0; j < n; j++) {
                char line[4] = {(char) ('a' + (rand_r (&seed) % 4 ? j % 5 : rand_r (&seed) % 5)), '\n', 0};

                (void) strcat (texts[i], line);
            }
            if (n > 0 && rand_r (&seed) % 3 == 0)
                texts[i][strlen (texts[i]) - 1] = '\0';
        }
        check (texts[0], texts[1]);
    }
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (lines_that_are_read_by_hand),
        cmocka_unit_test (random_texts_become_each_other),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
