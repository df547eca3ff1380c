// Vectors of floats by GCC's and Clang's extensions, for the files that are compiled once per instruction set.
// CRF_ISA names the set, CRF_LANES is its width in floats.
#pragma once
#include <cstddef>
#include <cstdint>

#ifdef __FMA__
#include <immintrin.h>
#endif

namespace tagmask::crf::CRF_ISA {

template <int N>
struct Lanes {
  typedef float Float __attribute__((vector_size(N * 4)));
  typedef int32_t Int __attribute__((vector_size(N * 4)));
};
template <>
struct Lanes<1> {
  typedef float Float;
};
typedef Lanes<4>::Float F4;
typedef Lanes<8>::Float F8;

template <class T>
inline T load(const float* from) {
  T value;
  __builtin_memcpy(&value, from, sizeof value);
  return value;
}

template <class T>
inline void store(float* to, T value) {
  __builtin_memcpy(to, &value, sizeof value);
}

template <class T>
inline T broadcast(float value) {
  return value - T{};
}

// a * b + c, in one rounding where the processor can. Said outright: the files are compiled without contraction.
#ifdef __FMA__
inline float multiplyAdd(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
inline F4 multiplyAdd(F4 a, F4 b, F4 c) { return _mm_fmadd_ps(a, b, c); }
inline F8 multiplyAdd(F8 a, F8 b, F8 c) { return _mm256_fmadd_ps(a, b, c); }
#else
template <class T>
inline T multiplyAdd(T a, T b, T c) {
  return a * b + c;
}
#endif

#ifdef __clang__
#define CRF_SHUFFLE(a, b, i, j, k, l) __builtin_shufflevector(a, b, i, j, k, l)
#else
#define CRF_SHUFFLE(a, b, i, j, k, l) __builtin_shuffle(a, b, Lanes<4>::Int{i, j, k, l})
#endif

}  // namespace tagmask::crf::CRF_ISA
