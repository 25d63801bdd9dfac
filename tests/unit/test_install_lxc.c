#include "tests/unit/testing.h"

#include "broker/install/install_lxc.h"

#define FILE_  "/etc/dri-broker/lxc/101.conf"
#define SPACED "lxc.include = " FILE_
#define COLON  "lxc.include: " FILE_

static const struct {
    const char *before, *after;
} cases[] = {
    {"", SPACED "\n"},
    {"a = b\n", "a = b\n" SPACED "\n"},
    {"a = b\n\n", "a = b\n\n" SPACED "\n"},
    {"a = b", "a = b\n" SPACED},
    {"arch: amd64\n[snap]\narch: amd64\n", "arch: amd64\n" COLON "\n[snap]\narch: amd64\n"},
    {"arch: amd64\n\n[snap]\nx: y", "arch: amd64\n\n" COLON "\n[snap]\nx: y"},
    {"[snap]\n", COLON "\n[snap]\n"},
    {"lxc.include = " FILE_ ".d\n", "lxc.include = " FILE_ ".d\n" SPACED "\n"},
    {"#lxc.include = " FILE_ "\n", "#lxc.include = " FILE_ "\n" SPACED "\n"},
};

static void
the_line_comes_and_goes_to_the_byte (void **state)
{
    (void) state;
    for (size_t i = 0; i < countof (cases); i++) {
        char *with = lxc_with (cases[i].before, FILE_), *without;

        assert_string_equal (with, cases[i].after);
        assert_null (lxc_with (with, FILE_));
        without = lxc_without (with, FILE_);
        assert_string_equal (without, cases[i].before);
        assert_null (lxc_without (without, FILE_));
        free (without);
        free (with);
    }
}

/* Proxmox VE sorts its configurations and writes them anew.  */
static void
the_line_is_known_in_other_writings (void **state)
{
    static const char *const lines[] = {
        "lxc.include:" FILE_,
        "lxc.include=" FILE_,
        "lxc.include \t= " FILE_ " ",
        "lxc.include: " FILE_ "\r",
    };

    (void) state;
    for (size_t i = 0; i < countof (lines); i++) {
        char text[200], *without;

        (void) snprintf (text, sizeof text, "a: b\n%s\nc: d\n", lines[i]);
        assert_null (lxc_with (text, FILE_));
        without = lxc_without (text, FILE_);
        assert_string_equal (without, "a: b\nc: d\n");
        free (without);
    }
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (the_line_comes_and_goes_to_the_byte),
        cmocka_unit_test (the_line_is_known_in_other_writings),
    };

    return cmocka_run_group_tests (tests, NULL, NULL);
}
