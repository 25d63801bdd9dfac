/* An engine's own configuration file, which we edit: read, replaced, and kept beside it as it would be
 * without us, in FILE.dri-broker-backup.  */
#ifndef DRI_CONFIG_FILE_H
#define DRI_CONFIG_FILE_H

#include "../../oci/error.h"
#include "text.h"

#define CONFIG_BACKUP ".dri-broker-backup"

struct config_file {
    char *path;   /* symbolic links resolved */
    char *backup; /* beside the name that was given */
};

void config_file_finish (struct config_file *file);

#define _cleanup_config_file_ __attribute__ ((cleanup (config_file_finish)))

/* Errors: a symbolic link to nowhere. The file need not be there.  */
int config_file_find (struct config_file *file, const char *path, struct error *err);

/* A file that is not there is a text without data; *text is the caller's.  */
int config_file_read (const char *path, struct text *text, struct error *err);

/* Creates the file, and the folder it is in, or replaces it whole. A new one gets the owner and mode of like
 * (it may keep a password), 0644 where that is not there either. Between the two steps of creating one it is
 * empty. A text without data removes it.  */
int config_file_write (const char *path, const struct text *text, const char *like, struct error *err);

#endif
