// A function compiled for several instruction sets, of which the loader picks: its loops become the compiler's vectors. No
// templates: those have no clones.
#pragma once

#if defined(__x86_64__)
#define TAGMASK_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default"), optimize("O3")))
#else
#define TAGMASK_CLONES
#endif
