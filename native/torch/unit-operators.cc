// Compiled as one: libtorch's headers take most of the time of each file.
#include "adamw.cc"
#include "attention.cc"
#include "blas.cc"
#include "segmentation-loss.cc"
