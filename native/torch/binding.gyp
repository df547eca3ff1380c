# Variables come from scripts/setup.mjs: libtorch_include (list), libtorch_lib (list), libtorch_std, libtorch_abi, libtorch_defines (list).
# -fopenmp for the compiler alone: the threads are those of the OpenMP that libtorch brings.
# unused/ beside the addon comes first of all folders with libraries: scripts/stand-ins.mjs.
# Each unit includes the files that are compiled with it.
# NDEBUG: as libtorch was built; at::RecordFunction has another layout without.
{
  "targets": [
    {
      "target_name": "tagmask_torch",
      "sources": ["unit-bindings.cc", "unit-operators.cc"],
      "include_dirs": ["<!(node -p \"require('node-addon-api').include_dir\")", "<@(libtorch_include)"],
      "defines": ["NDEBUG", "NAPI_VERSION=8", "NODE_ADDON_API_CPP_EXCEPTIONS", "NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS", "_GLIBCXX_USE_CXX11_ABI=<(libtorch_abi)", "<@(libtorch_defines)"],
      "cflags_cc!": ["-fno-exceptions", "-fno-rtti"],
      "cflags_cc": ["-std=<(libtorch_std)", "-fexceptions", "-frtti", "-O2", "-fopenmp", "-fvisibility=hidden", "-Wno-unused-parameter", "-Wno-deprecated-declarations", "-Wno-missing-field-initializers", "-Wno-comment", "-Wno-cast-function-type"],
      "libraries": ["<@(libtorch_lib_flags)"],
      "ldflags": ["-Wl,--disable-new-dtags", "-Wl,-rpath,\\$$ORIGIN/unused"]
    }
  ]
}
