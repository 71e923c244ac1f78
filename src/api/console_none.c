/* Instead of the console's files where the binary is built without them. */
#include "api/console.h"

const struct console_file console_files[] = {{0}};
