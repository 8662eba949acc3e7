#include "wire/base64.h"

const base64_path *const base64_paths[] = {&base64_neon, &base64_scalar, NULL};
