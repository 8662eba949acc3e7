#include "wire/base64.h"

const base64_path *const base64_paths[] = {&base64_avx2, &base64_ssse3, &base64_scalar, NULL};
