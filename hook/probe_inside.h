/* The confined side of dri-probe, from the moment that the loader of wherever it runs has started it.  */
#ifndef DRI_PROBE_INSIDE_H
#define DRI_PROBE_INSIDE_H

/* The word that dri-probe is started with inside: "dri-probe confined LEVEL REQUIRE".  */
#define PROBE_CONFINED "confined"

/* Reports on CONFINE_REPORT about CONFINE_NODE, and ends the process without any destructor of foreign code.
 */
void probe_inside (const char *level, const char *require) __attribute__ ((noreturn));

#endif
