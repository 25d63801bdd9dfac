/* The kernel's command line: what stands on it, and where it comes from on this machine. Pure.
 *
 * Sources: the kernel's admin-guide/kernel-parameters; Proxmox VE's "Host Bootloader" (sysboot) for who boots
 * from what and how a change is applied.  */
#ifndef DRI_BOOT_LINE_H
#define DRI_BOOT_LINE_H

#include <stdbool.h>
#include <stddef.h>

/* Who started the kernel. systemd-boot reads /etc/kernel/cmdline by way of proxmox-boot-tool, GRUB
 * /etc/default/grub; where proxmox-boot-tool keeps the boot partitions, it also applies GRUB's change.  */
enum boot_loader { BOOT_GRUB, BOOT_GRUB_PROXMOX, BOOT_SYSTEMD };

/* line is /proc/cmdline; by_tool: /etc/kernel/proxmox-boot-uuids is there.  */
enum boot_loader boot_loader_of (const char *line, bool by_tool);

/* The value of the last KEY=VALUE, or "" of the last bare KEY, as most of the kernel's parameters are read;
 * NULL where it is not there. "-" and "_" are the same in a key. Not terminated: *len is its length.  */
const char *boot_line_value (const char *line, const char *key, size_t *len);

/* Does one of the comma-separated values of any KEY=… say so?  */
bool boot_line_says (const char *line, const char *key, const char *value);

#endif
