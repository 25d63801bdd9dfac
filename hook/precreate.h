/* The stage "precreate" of Podman's hooks.d: config.json on stdin, and on stdout as it has to be
 * (oci-hooks(5), libpod's Container.setupOCIHooks).
 *
 * What the hook says on stderr is thrown away, and its failure told as "exit status 1". So a container that
 * is refused gets a config.json with which the runtime fails, in our words (apply_refusal).  */
#ifndef DRI_PRECREATE_H
#define DRI_PRECREATE_H

/* The exit code. What is no container of Podman's, or did not opt in, goes out as it came in.  */
int precreate (void);

#endif
