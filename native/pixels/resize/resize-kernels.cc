// The kernels of the resize for one instruction set: PIXELS_ISA names it.
// Uses nothing of the standard library's templates: the linker could hand their wide code to baseline callers.
#include "resize-kernels.h"

#ifdef __AVX2__
#include <immintrin.h>
#endif

namespace tagmask::pixels::PIXELS_ISA {
namespace {

constexpr int32_t kHalf = 1 << (kPrecisionBits - 1);
constexpr int kBlock = 8;  // bytes of a row that `columns` makes

inline uint8_t clip8(int32_t sum) {
  const int32_t value = sum >> kPrecisionBits;
  return uint8_t(value < 0 ? 0 : value > 255 ? 255 : value);
}

#ifdef __AVX2__
// Four bytes of which the first three are a pixel.
inline __m128i pixelAt(const uint8_t* from) {
  int32_t bytes;
  __builtin_memcpy(&bytes, from, sizeof bytes);
  return _mm_cvtepu8_epi32(_mm_cvtsi32_si128(bytes));
}

void row(const uint8_t* source, const Tap* taps, int width, uint8_t* out) {
  for (int x = 0; x < width; x++, out += kRgb) {
    const Tap tap = taps[x];
    const uint8_t* const from = source + size_t(tap.start) * kRgb;
    __m128i sum = _mm_set1_epi32(kHalf);
    for (int k = 0; k < tap.count; k++) {
      sum = _mm_add_epi32(sum, _mm_mullo_epi32(pixelAt(from + k * kRgb), _mm_set1_epi32(tap.weights[k])));
    }
    const __m128i words = _mm_packs_epi32(_mm_srai_epi32(sum, kPrecisionBits), sum);
    const int32_t bytes = _mm_cvtsi128_si32(_mm_packus_epi16(words, words));
    __builtin_memcpy(out, &bytes, kRgb);
  }
}

// Eight bytes.
inline void columns(const uint8_t* source, size_t stride, const Tap& tap, uint8_t* out) {
  __m256i sum = _mm256_set1_epi32(kHalf);
  for (int k = 0; k < tap.count; k++) {
    const __m256i values = _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i*)(source + k * stride)));
    sum = _mm256_add_epi32(sum, _mm256_mullo_epi32(values, _mm256_set1_epi32(tap.weights[k])));
  }
  sum = _mm256_srai_epi32(sum, kPrecisionBits);
  const __m128i words = _mm_packs_epi32(_mm256_castsi256_si128(sum), _mm256_extracti128_si256(sum, 1));
  _mm_storel_epi64((__m128i*)out, _mm_packus_epi16(words, words));
}
#else
void row(const uint8_t* source, const Tap* taps, int width, uint8_t* out) {
  for (int x = 0; x < width; x++, out += kRgb) {
    const Tap tap = taps[x];
    const uint8_t* from = source + size_t(tap.start) * kRgb;
    int32_t red = kHalf, green = kHalf, blue = kHalf;
    for (int k = 0; k < tap.count; k++, from += kRgb) {
      red += from[0] * tap.weights[k];
      green += from[1] * tap.weights[k];
      blue += from[2] * tap.weights[k];
    }
    out[0] = clip8(red), out[1] = clip8(green), out[2] = clip8(blue);
  }
}

// Eight bytes; the compiler makes vectors of it.
inline void columns(const uint8_t* source, size_t stride, const Tap& tap, uint8_t* out) {
  int32_t sums[kBlock];
  for (int i = 0; i < kBlock; i++) sums[i] = kHalf;
  for (int k = 0; k < tap.count; k++)
    for (int i = 0; i < kBlock; i++) sums[i] += source[k * stride + i] * tap.weights[k];
  for (int i = 0; i < kBlock; i++) out[i] = clip8(sums[i]);
}
#endif

void column(const uint8_t* source, size_t stride, Tap tap, size_t length, uint8_t* out) {
  size_t i = 0;
  for (; i + kBlock <= length; i += kBlock) columns(source + i, stride, tap, out + i);
  for (; i < length; i++) {
    int32_t sum = kHalf;
    for (int k = 0; k < tap.count; k++) sum += source[k * stride + i] * tap.weights[k];
    out[i] = clip8(sum);
  }
}

}  // namespace

ResizeKernels resizeKernels() { return {row, column}; }

}  // namespace tagmask::pixels::PIXELS_ISA
