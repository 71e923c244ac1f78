#pragma once
/* `todoke key rotate-seal`: seals the stored secrets with a new key, while no node runs on the directory. */

/* file NULL: DIR/secret.key. Returns the exit status. */
int key_seal_rotate(const char *dir, const char *file);
