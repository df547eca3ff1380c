// The row kernels for one instruction set: PIXELS_ISA names it, PIXELS_LANES is its width in floats.
// Uses nothing of the standard library's templates: the linker could hand their wide code to baseline callers.
#include "row-kernels.h"

#include "../vector.h"

namespace tagmask::pixels::PIXELS_ISA {
namespace {

// Calls f(offset, zero) for the widest pieces that cut a row of `channels` floats.
template <class F>
inline __attribute__((always_inline)) void eachPiece(int channels, F f) {
  if (channels == 1) return f(0, 0.0f);
  int c = 0;
  for (; c + PIXELS_LANES <= channels; c += PIXELS_LANES) f(c, Lanes<PIXELS_LANES>::Float{});
  if (PIXELS_LANES > 4 && c + 4 <= channels) f(c, F4{});
}

template <int C, int Taps>
void gatherRows(const int32_t* row, const float* weight, const float* values, float* out, int pixels, int dynamic,
                bool add) {
  const int channels = C ? C : dynamic;
  for (int p = 0; p < pixels; p++, row += Taps, weight += Taps, out += channels) {
    const float* from[Taps];
    for (int t = 0; t < Taps; t++) from[t] = values + size_t(row[t]) * channels;
    eachPiece(channels, [&](int c, auto zero) {
      typedef decltype(zero) T;
      T sum = add ? load<T>(out + c) : zero;
      for (int t = 0; t < Taps; t++) sum = multiplyAdd(broadcast<T>(weight[t]), load<T>(from[t] + c), sum);
      store(out + c, sum);
    });
  }
}

template <int C>
void gather(int taps, const int32_t* row, const float* weight, const float* values, float* out, int pixels,
            int channels, bool add) {
  if (taps == 3) return gatherRows<C, 3>(row, weight, values, out, pixels, channels, add);
  gatherRows<C, 6>(row, weight, values, out, pixels, channels, add);
}

template <int C, int Taps>
void scatterRows(const int32_t* row, const float* weight, float* values, const float* in, int pixels, int dynamic) {
  const int channels = C ? C : dynamic;
  for (int p = 0; p < pixels; p++, row += Taps, weight += Taps, in += channels) {
    float* to[Taps];
    for (int t = 0; t < Taps; t++) to[t] = values + size_t(row[t]) * channels;
    eachPiece(channels, [&](int c, auto zero) {
      typedef decltype(zero) T;
      const T value = load<T>(in + c);
      for (int t = 0; t < Taps; t++) store(to[t] + c, multiplyAdd(broadcast<T>(weight[t]), value, load<T>(to[t] + c)));
    });
  }
}

template <int C>
void scatter(int taps, const int32_t* row, const float* weight, float* values, const float* in, int pixels,
             int channels) {
  if (taps == 3) return scatterRows<C, 3>(row, weight, values, in, pixels, channels);
  scatterRows<C, 6>(row, weight, values, in, pixels, channels);
}

template <int C>
void collect(const uint32_t* first, const int32_t* copy, const float* in, float* out, int32_t begin, int32_t end,
             int dynamic) {
  const int channels = C ? C : dynamic;
  for (int32_t v = begin; v < end; v++) {
    eachPiece(channels, [&](int c, auto zero) {
      typedef decltype(zero) T;
      T total = zero;
      for (uint32_t e = first[v]; e < first[v + 1]; e++) total += load<T>(in + size_t(copy[e]) * channels + c);
      store(out + size_t(v) * channels + c, total);
    });
  }
}

template <int C>
void blur(const Neighbours* neighbours, const int32_t* vertex, const float* in, float* out, int32_t begin,
          int32_t end, float scale, int dynamic) {
  const int channels = C ? C : dynamic;
  for (int32_t i = begin; i < end; i++) {
    const int32_t v = vertex ? vertex[i] : i;
    const float* self = in + size_t(v) * channels;
    const float* before = in + size_t(neighbours[v].before) * channels;
    const float* after = in + size_t(neighbours[v].after) * channels;
    float* to = out + size_t(i) * channels;
    eachPiece(channels, [&](int c, auto zero) {
      typedef decltype(zero) T;
      const T around = load<T>(before + c) + load<T>(after + c);
      store(to + c, T(scale * multiplyAdd(broadcast<T>(0.5f), around, load<T>(self + c))));
    });
  }
}

inline void exp2All(float* values, int n) {
  int i = 0;
  for (; i + PIXELS_LANES <= n; i += PIXELS_LANES) {
    store(values + i, exp2Negative<PIXELS_LANES>(load<Lanes<PIXELS_LANES>::Float>(values + i)));
  }
  for (; i < n; i += 4) store(values + i, exp2Negative<4>(load<F4>(values + i)));
}

struct Add {
  static F4 of(F4 a, F4 b) { return a + b; }
};
struct Max {
  static F4 of(F4 a, F4 b) { return a > b ? a : b; }
};

// Lane i of the answer reduces the four lanes of rows[i].
template <class Op>
inline F4 reduceRows(const F4 rows[4]) {
  const F4 ab = Op::of(PIXELS_SHUFFLE(rows[0], rows[1], 0, 4, 1, 5), PIXELS_SHUFFLE(rows[0], rows[1], 2, 6, 3, 7));
  const F4 cd = Op::of(PIXELS_SHUFFLE(rows[2], rows[3], 0, 4, 1, 5), PIXELS_SHUFFLE(rows[2], rows[3], 2, 6, 3, 7));
  return Op::of(PIXELS_SHUFFLE(ab, cd, 0, 1, 4, 5), PIXELS_SHUFFLE(ab, cd, 2, 3, 6, 7));
}

// Each pixel's reduction of its row, for four pixels.
template <class Op>
inline F4 reducePixels(const float* rows, int channels) {
  F4 parts[4];
  for (int p = 0; p < 4; p++) {
    const float* row = rows + p * channels;
    parts[p] = load<F4>(row);
    for (int c = 4; c < channels; c += 4) parts[p] = Op::of(parts[p], load<F4>(row + c));
  }
  return reduceRows<Op>(parts);
}

template <int C>
void softmax(float* rows, const float* bias, float* last, int pixels, int dynamic) {
  const int channels = C ? C : dynamic;
  for (int p = 0; p < pixels; p += 4) {  // rows <- logit - max, last <- -max
    float* block = rows + p * channels;
    const float* blockBias = bias + p * channels;
    const F4 sums = reducePixels<Add>(block, channels);
    for (int i = 0; i < 4; i++) {
      eachPiece(channels, [&](int c, auto zero) {
        typedef decltype(zero) T;
        float* at = block + i * channels + c;
        store(at, T(load<T>(at) + load<T>(blockBias + i * channels + c) + broadcast<T>(sums[i])));
      });
    }
    const F4 top = Max::of(reducePixels<Max>(block, channels), F4{});
    for (int i = 0; i < 4; i++) {
      eachPiece(channels, [&](int c, auto zero) {
        typedef decltype(zero) T;
        float* at = block + i * channels + c;
        store(at, T(load<T>(at) - broadcast<T>(top[i])));
      });
    }
    store(last + p, -top);
  }
  const int padded = (pixels + 3) / 4 * 4;
  exp2All(rows, padded * channels);
  exp2All(last, padded);
  for (int p = 0; p < pixels; p += 4) {
    float* block = rows + p * channels;
    const F4 rest = load<F4>(last + p);
    const F4 inverse = 1.0f / (reducePixels<Add>(block, channels) + rest);
    store(last + p, rest * inverse);
    for (int i = 0; i < 4; i++) {
      eachPiece(channels, [&](int c, auto zero) {
        typedef decltype(zero) T;
        float* at = block + i * channels + c;
        store(at, T(load<T>(at) * broadcast<T>(inverse[i])));
      });
    }
  }
}

// Two labels: one logit, x = bias + 2 * message.
template <int N>
inline void sigmoid(float* rows, const float* bias, float* last) {
  typedef typename Lanes<N>::Float F;
  const F x = multiplyAdd(load<F>(rows), broadcast<F>(2.0f), load<F>(bias));
  const F small = exp2Negative<N>(x > 0.0f ? -x : x);
  const F winner = 1.0f / (1.0f + small);
  const F loser = small * winner;
  store(rows, F(x > 0.0f ? winner : loser));
  store(last, F(x > 0.0f ? loser : winner));
}

template <>
void softmax<1>(float* rows, const float* bias, float* last, int pixels, int) {
  int p = 0;
  for (; p + PIXELS_LANES <= pixels; p += PIXELS_LANES) sigmoid<PIXELS_LANES>(rows + p, bias + p, last + p);
  for (; p < pixels; p += 4) sigmoid<4>(rows + p, bias + p, last + p);
}

// log2(x) of positive normal floats (polynomial of Cephes' logf).
void log2All(float* values, int n) {
  typedef Lanes<PIXELS_LANES>::Float F;
  typedef Lanes<PIXELS_LANES>::Int I;
  for (int i = 0; i < n; i += PIXELS_LANES) {
    const F x = load<F>(values + i);
    const I exponent = (((I)x - 0x3f3504f3) >> 23);  // so that the mantissa lies in [sqrt(1/2), sqrt(2))
    const F m = (F)((I)x - (exponent << 23)) - 1.0f;
    const F e = __builtin_convertvector(exponent, F);
    F y = broadcast<F>(7.0376836292e-2f);
    y = multiplyAdd(y, m, broadcast<F>(-1.1514610310e-1f));
    y = multiplyAdd(y, m, broadcast<F>(1.1676998740e-1f));
    y = multiplyAdd(y, m, broadcast<F>(-1.2420140846e-1f));
    y = multiplyAdd(y, m, broadcast<F>(1.4249322787e-1f));
    y = multiplyAdd(y, m, broadcast<F>(-1.6668057665e-1f));
    y = multiplyAdd(y, m, broadcast<F>(2.0000714765e-1f));
    y = multiplyAdd(y, m, broadcast<F>(-2.4999993993e-1f));
    y = multiplyAdd(y, m, broadcast<F>(3.3333331174e-1f));
    y = y * m * (m * m) - 0.5f * (m * m);
    store(values + i, F((m + y) * 1.44269504f + e));
  }
}

template <int C>
RowKernels kernels(int channels) {
  return {channels, gather<C>, scatter<C>, collect<C>, blur<C>, softmax<C>, log2All};
}

}  // namespace

RowKernels rowKernels(int channels) {
  switch (channels) {
    case 1: return kernels<1>(channels);
    case 4: return kernels<4>(channels);
    case 8: return kernels<8>(channels);
    case 12: return kernels<12>(channels);
    case 16: return kernels<16>(channels);
    case 20: return kernels<20>(channels);
    default: return kernels<0>(channels);
  }
}

}  // namespace tagmask::pixels::PIXELS_ISA
