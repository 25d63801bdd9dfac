/* The varlink interface that the broker serves, in varlink's own language. The contract for every client.  */
#ifndef DRI_INTERFACE_H
#define DRI_INTERFACE_H

#define INTERFACE_NAME "io.dri.Broker"

extern const char interface_description[];

#endif
