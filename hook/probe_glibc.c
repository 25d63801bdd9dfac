/* dri-probe runs with the C library of containers. Built against glibc 2.38 or newer, it and the libraries in
 * it would ask for these, which are the functions of old but for binary constants ("0b1"), and not start with
 * an older one. So they get them from here. Without <stdlib.h>, whose declarations would lead back here.  */

extern long strtol (const char *text, char **end, int base);
extern unsigned long strtoul (const char *text, char **end, int base);
extern long long strtoll (const char *text, char **end, int base);
extern unsigned long long strtoull (const char *text, char **end, int base);

long __isoc23_strtol (const char *text, char **end, int base);
unsigned long __isoc23_strtoul (const char *text, char **end, int base);
long long __isoc23_strtoll (const char *text, char **end, int base);
unsigned long long __isoc23_strtoull (const char *text, char **end, int base);

long
__isoc23_strtol (const char *text, char **end, int base)
{
    return strtol (text, end, base);
}

unsigned long
__isoc23_strtoul (const char *text, char **end, int base)
{
    return strtoul (text, end, base);
}

long long
__isoc23_strtoll (const char *text, char **end, int base)
{
    return strtoll (text, end, base);
}

unsigned long long
__isoc23_strtoull (const char *text, char **end, int base)
{
    return strtoull (text, end, base);
}
