#include "tree_options.h"

#include <getopt.h>

int
tree_options_read (const struct verb *verb, int argc, char **argv, bool with_host,
                   struct tree_options *options)
{
    static const struct option names[] = {{"host", no_argument, NULL, 3},
                                          {"json", no_argument, NULL, 1},
                                          {"root", required_argument, NULL, 2},
                                          {0}};
    int c;

    *options = (struct tree_options){.root = "/"};
    while ((c = getopt_long (argc, argv, "", names + !with_host, NULL)) != -1) {
        switch (c) {
        case 1:
            options->json = true;
            break;
        case 2:
            options->root = optarg;
            break;
        case 3:
            options->host = true;
            break;
        default:
            return usage_error ("the usage is: drictl %s %s", verb->name, verb->arguments);
        }
    }
    return EXIT_GOOD;
}
