// TORCH_VERSION_MAJOR and its like, wherever this libtorch has them.
#pragma once
#if __has_include(<torch/version.h>)
#include <torch/version.h>
#else
#include <torch/csrc/api/include/torch/version.h>
#endif
