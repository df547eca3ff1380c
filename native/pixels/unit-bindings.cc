// Compiled as one: the headers of Node and of the standard library take most of the time of each file.
#include "team.cc"
#include "job.cc"
#include "crf/crf-request.cc"
#include "par/par-request.cc"
#include "addon.cc"
