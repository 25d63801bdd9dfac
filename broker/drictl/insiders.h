/* As whom the processes of a container run, whatever it was started as: images drop to other users. Read from
 * /proc (proc_pid_status(5)), which needs no privilege.  */
#ifndef DRI_INSIDERS_H
#define DRI_INSIDERS_H

#include <stdbool.h>
#include <sys/types.h>

enum { INSIDERS_MAX = 16, INSIDER_GIDS_MAX = 64 };

/* Ids as the host has them; of those that a process opens files with.  */
struct insider {
    uid_t uid;
    gid_t gid;
    gid_t gids[INSIDER_GIDS_MAX];
    unsigned n_gids;
    bool dac_override; /* effective CAP_DAC_OVERRIDE */
    char name[17];     /* of one of its processes, which may hold anything */
    pid_t pid;         /* of that */
};

/* Each different user of the processes in the control group of pid and below it, pid's own first. Returns how
 * many; 0 where pid is gone. Of more than INSIDERS_MAX the others are left out.  */
unsigned insiders_read (pid_t pid, struct insider insiders[INSIDERS_MAX]);

/* Takes the text of /proc/PID/status apart. False: something in it is missing.  */
bool insider_parse (struct insider *insider, const char *status);

/* May it read and write a file of this owner and mode? userns_knows: the file's owner and group are mapped in
 * its user namespace, without which no capability there counts (kernel, capable_wrt_inode_uidgid).  */
bool insider_may_open (const struct insider *insider, uid_t uid, gid_t gid, mode_t mode, bool userns_knows);

#endif
