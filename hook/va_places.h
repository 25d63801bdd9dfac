/* Where images keep libva, its drivers, and vainfo, beside the places that their loader knows by itself.  */
#ifndef DRI_VA_PLACES_H
#define DRI_VA_PLACES_H

/* Each list ends with NULL; paths begin with a slash and do not end with one. Those of a program's own come
 * first: where there is one, that is what the program uses.  */
extern const char *const va_own_folders[];     /* libraries: of such a program */
extern const char *const va_library_folders[]; /* libraries: of the system */
extern const char *const va_driver_folders[];  /* NAME_drv_video.so */
extern const char *const va_vainfo_paths[];

#endif
