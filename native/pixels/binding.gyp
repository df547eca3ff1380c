{
  # The kernels are compiled once per instruction set and picked at run time (AVX-512 was measured: no faster); the rest
  # is baseline code. No contraction, so that the lattice falls on the same vertices everywhere: fused multiply-adds
  # are said outright.
  'target_defaults': {
    'include_dirs': ['<!(node -p "require(\'node-addon-api\').include_dir")'],
    'cflags': ['-O3', '-ffp-contract=off'],
    'cflags_cc': ['-std=gnu++17', '-fexceptions', '-Wall', '-Wextra', '-Wno-psabi', '-fvisibility=hidden'],
    'cflags_cc!': ['-fno-exceptions'],
    'defines': ['NAPI_VERSION=8', 'NAPI_CPP_EXCEPTIONS', 'NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS'],
    'xcode_settings': {
      'GCC_ENABLE_CPP_EXCEPTIONS': 'YES',
      'CLANG_CXX_LANGUAGE_STANDARD': 'gnu++17',
      'GCC_OPTIMIZATION_LEVEL': '3',
      'OTHER_CFLAGS': ['-ffp-contract=off'],
    },
  },
  'targets': [
    {
      'target_name': 'pixels_kernels_baseline',
      'type': 'static_library',
      'sources': ['unit-kernels.cc'],
      'defines': ['PIXELS_ISA=baseline', 'PIXELS_LANES=4'],
    },
    {
      'target_name': 'tagmask_pixels',
      'dependencies': ['pixels_kernels_baseline'],
      'sources': ['unit-bindings.cc', 'unit-images.cc'],
      'conditions': [
        ['target_arch=="x64" and OS!="win"', {
          'dependencies': ['pixels_kernels_avx2'],
          'defines': ['PIXELS_X64'],
        }],
        ['OS=="linux"', { 'libraries': ['-pthread'] }],
      ],
    },
  ],
  'conditions': [
    ['target_arch=="x64" and OS!="win"', {
      'targets': [
        {
          'target_name': 'pixels_kernels_avx2',
          'type': 'static_library',
          'sources': ['unit-kernels.cc'],
          'defines': ['PIXELS_ISA=avx2', 'PIXELS_LANES=8'],
          'cflags': ['-mavx2', '-mfma'],
          'xcode_settings': { 'OTHER_CFLAGS': ['-mavx2', '-mfma'] },
        },
      ],
    }],
  ],
}
