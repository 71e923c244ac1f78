#include <stdio.h>

int main(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    (void)fputs("todoke " TODOKE_VERSION "\n", stdout);
    return 0;
}
