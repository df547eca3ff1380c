// Vectors of floats by GCC's and Clang's extensions, for the files that are compiled once per instruction set.
// PIXELS_ISA names the set, PIXELS_LANES is its width in floats.
#pragma once
#include <cstddef>
#include <cstdint>

#ifdef __FMA__
#include <immintrin.h>
#endif

namespace tagmask::pixels::PIXELS_ISA {

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

// 2^x for x <= 0 within 3e-7 of itself; 2^-125 below that.
template <int N>
inline typename Lanes<N>::Float exp2Negative(typename Lanes<N>::Float x) {
  typedef typename Lanes<N>::Float F;
  typedef typename Lanes<N>::Int I;
  const F shift = broadcast<F>(12582912.0f);  // 1.5 * 2^23: adding it leaves the rounded integer in the low bits
  const F clamped = x > -125.0f ? x : broadcast<F>(-125.0f);
  const F shifted = clamped + shift;
  const F r = clamped - (shifted - shift);
  F y = broadcast<F>(0.0013276471f);
  y = multiplyAdd(y, r, broadcast<F>(0.0096755416f));
  y = multiplyAdd(y, r, broadcast<F>(0.0555071328f));
  y = multiplyAdd(y, r, broadcast<F>(0.2402211972f));
  y = multiplyAdd(y, r, broadcast<F>(0.6931469671f));
  y = multiplyAdd(y, r, broadcast<F>(1.0f));
  return (F)((I)y + ((I)shifted << 23));
}

#ifdef __clang__
#define PIXELS_SHUFFLE(a, b, i, j, k, l) __builtin_shufflevector(a, b, i, j, k, l)
#else
#define PIXELS_SHUFFLE(a, b, i, j, k, l) __builtin_shuffle(a, b, Lanes<4>::Int{i, j, k, l})
#endif

}  // namespace tagmask::pixels::PIXELS_ISA
