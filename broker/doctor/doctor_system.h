/* The kernel of the examined machine, and what it was told.  */
#ifndef DRI_DOCTOR_SYSTEM_H
#define DRI_DOCTOR_SYSTEM_H

#include "boot_line.h"
#include "doctor.h"
#include "modprobe.h"

/* A kernel as one number that can be compared.  */
#define KERNEL(major, minor) ((major) *1000U + (minor))

struct doctor_system {
    struct doctor *doctor;
    char *boot_line; /* /proc/cmdline, "" where it is not there; owned */
    enum boot_loader loader;
    char release[64];                   /* "6.8.12-4-pve", "" where it is not known */
    unsigned kernel;                    /* KERNEL() of it, 0 where it is not known */
    char distribution[24], version[16]; /* os-release(5): ID, VERSION_ID; "" where they are not known */
    struct modprobe modprobe;
    unsigned n_unread;                     /* files of modprobe.d that are there and cannot be read */
    char unread[MODPROBE_SOURCE_MAX + 64]; /* the first of them, and why */
};

/* Errors: memory.  */
int doctor_system_read (struct doctor_system *system, struct doctor *doctor, struct error *err);
void doctor_system_finish (struct doctor_system *system);

/* Says what of modprobe.d was left out.  */
void doctor_system_say_unread (const struct doctor_system *system);

/* doctor_next() with the commands that change the kernel's command line.  */
void doctor_next_boot_add (const struct doctor_system *system, const char *word);
void doctor_next_boot_remove (const struct doctor_system *system, const char *word);

/* Does the kernel have this module ("i915"), by modules.dep or modules.builtin? known: there is a list.  */
bool doctor_has_module (const struct doctor_system *system, const char *module, bool *known);

/* doctor_next() with the command that installs the package, of Debian's name, by this distribution's.  */
void doctor_next_install (const struct doctor_system *system, const char *package);

#endif
