/* Replaces the embedded console files in a build without the console. */
#include "api/console.h"

const struct console_file console_files[] = {{0}};
