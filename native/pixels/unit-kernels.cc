// Compiled as one, once for each instruction set.
#include "crf/row-kernels.cc"
#include "crf/simplices.cc"
#include "par/pixel-kernels.cc"
#include "resize/resize-kernels.cc"
