/* What may go into a command that a person pastes into a root shell.  */
#include "testing.h"

#include <stdarg.h>
#include <stdio.h>

#include "broker/doctor/next_line.h"

static bool is_safe (const char *format, ...) __attribute__ ((format (printf, 1, 2)));

static bool
is_safe (const char *format, ...)
{
    va_list args;
    bool safe;

    va_start (args, format);
    safe = next_line_is_safe (format, args);
    va_end (args);
    return safe;
}

static const char *const hostile[] = {
    "",         "-rf",    "a b", "a\nreboot", "a\tb",  "a\033[2J",     "a\177", "$(reboot)",
    "`reboot`", "${IFS}", "a;b", "a&b",       "a|b",   "a>b",          "a'b",   "a\"b",
    "a\\",      "a*",     "a?",  "[a]",       "{a,b}", "~root",        "!a",    "a#b",
    "(a)",      "=a",     "%1",  "\xc3\xa9",  "a\x9b", "\xe2\x80\xae",
};

static void
a_name_that_is_not_plain_is_no_word (void **state)
{
    (void) state;
    for (size_t i = 0; i < countof (hostile); i++) {
        if (is_safe ("cat %s", hostile[i]))
            fail_msg ("a word: \"%s\"", hostile[i]);
        if (is_safe ("cat /etc/%s.conf && reboot", hostile[i]))
            fail_msg ("part of a word: \"%s\"", hostile[i]);
        if (is_safe ("reboot  # see %s", hostile[i]))
            fail_msg ("in a comment: \"%s\"", hostile[i]);
    }
    assert_true (is_safe ("cat %s/%s", "/etc/modprobe.d", "vfio-2.conf"));
    assert_true (is_safe ("cat x  # %s", "0000:00:02.0"));
    assert_false (is_safe ("cat %s %s", "good", "$(bad)"));
}

static void
what_is_quoted_ends_neither_the_quotes_nor_what_sed_looks_for (void **state)
{
    static const char *const bad[] = {"",       "-n",        "a'b",      "a\"b", "a/e", "a\\", "a\nb",
                                      "a\033b", "$(reboot)", "`reboot`", "a&b",  "a*",  "!a",  "\xc3\xa9"};

    (void) state;
    for (size_t i = 0; i < countof (bad); i++) {
        if (is_safe ("sed -i '/%s/d' file", bad[i]))
            fail_msg ("in single quotes: \"%s\"", bad[i]);
        if (is_safe ("labels: {a: \"%s\"}", bad[i]))
            fail_msg ("in double quotes: \"%s\"", bad[i]);
    }
    assert_true (is_safe ("qm set 1 -hostpci0 '%s'", "0000:01:00.0;0000:01:00.1,pcie=1"));
    assert_true (is_safe ("a: \"%s\"", "40%"));
}

static void
quotes_are_those_of_the_format (void **state)
{
    (void) state;
    assert_false (is_safe ("echo 'a' %s", "b;c"));
    assert_true (is_safe ("echo 'a' '%s'", "b;c"));
    assert_true (is_safe ("echo \"'%s\"", "b;c"));
    assert_false (is_safe ("echo \"'\"%s", "b;c"));
    assert_false (is_safe ("echo \\'%s\\'", "b;c"));
    assert_false (is_safe ("echo 'a\\'%s", "b;c"));
    assert_true (is_safe ("echo \"a\\\"%s\"", "b;c"));
    assert_false (is_safe ("echo  # don't %s", "b;c"));
    assert_true (is_safe ("echo a  # the host's %s", "b"));
    assert_false (is_safe ("echo a#'%s", "b"));
    assert_false (is_safe ("echo 'a %s", "b"));
}

static void
numbers_are_counted_and_what_else_there_is_refused (void **state)
{
    (void) state;
    assert_true (is_safe ("%u %04x %d %lu 100%% %s", 1U, 2U, 3, 4UL, "a"));
    assert_false (is_safe ("%u %04x %d %lu %s", 1U, 2U, 3, 4UL, "a b"));
    assert_false (is_safe ("%c", ';'));
    assert_false (is_safe ("%llu", 1ULL));
    assert_false (is_safe ("%.*s", 1, "a;"));
    assert_false (is_safe ("%5s", "a"));
    assert_false (is_safe ("%f", 1.0));
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (a_name_that_is_not_plain_is_no_word),
        cmocka_unit_test (what_is_quoted_ends_neither_the_quotes_nor_what_sed_looks_for),
        cmocka_unit_test (quotes_are_those_of_the_format),
        cmocka_unit_test (numbers_are_counted_and_what_else_there_is_refused),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
