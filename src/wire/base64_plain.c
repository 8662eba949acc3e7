/* Processors without a path of their own. */
#include "wire/base64.h"

const base64_path *const base64_paths[] = {&base64_scalar, NULL};
