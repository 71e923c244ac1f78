#pragma once
/* `todoke key rotate-seal`: another key for the secrets at rest, while no node runs on the directory. */

/* file NULL: DIR/secret.key. The exit status. */
int key_seal_rotate(const char *dir, const char *file);
