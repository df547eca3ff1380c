// The simplex search of Adams, Baek and Davis (2010) for kLanes pixels at once, for one instruction set (PIXELS_ISA).
// Every float operation is pydensecrf's, in its order and rounded on its own, so that both find the same vertices: a
// vertex more or less changes what the blur reaches. No templates of the standard library, as in row-kernels.cc.
#include "simplices.h"

#include "../vector.h"

namespace tagmask::pixels::PIXELS_ISA {
namespace {

typedef Lanes<PIXELS_LANES>::Float F;
typedef Lanes<PIXELS_LANES>::Int I;

inline I toInt(F value) { return __builtin_convertvector(value, I); }
inline F toFloat(I value) { return __builtin_convertvector(value, F); }

// What the vectors leave for the scalar end, per coordinate i or vertex r and lane.
template <int D>
struct Found {
  alignas(64) int32_t quotient[D + 1][PIXELS_LANES];  // above the layout's lowest
  alignas(64) int32_t lowered[D + 1][PIXELS_LANES];   // the coordinate by which vertex r + 1 is below vertex r
  alignas(64) float weight[D + 1][PIXELS_LANES];
};

template <int D>
inline void search(const F (&scaled)[D], const KeyLayout& layout, Found<D>& found) {
  const F inverse = broadcast<F>(1.0f / (D + 1));
  const F shift = broadcast<F>(12582912.0f);  // 1.5 * 2^23: adding and subtracting it rounds to the nearest even integer
  F elevated[D + 1], rest[D + 1];
  I quotient[D + 1], rank[D + 1], sum{};
  elevated[0] = F{};
  for (int i = D; i > 0; i--) {
    elevated[i] = elevated[0] - float(i) * scaled[i - 1];
    elevated[0] += scaled[i - 1];
  }
  for (int i = 0; i <= D; i++) {
    const F nearest = inverse * elevated[i] + shift - shift;
    quotient[i] = toInt(nearest);
    rest[i] = elevated[i] - nearest * float(D + 1);
    sum += quotient[i];
  }
  for (int i = 0; i <= D; i++) rank[i] = sum;
  for (int i = 0; i < D; i++) {
    for (int j = i + 1; j <= D; j++) {
      const I less = rest[i] < rest[j];  // -1 where true
      rank[i] -= less;
      rank[j] += 1 + less;
    }
  }
  F excess[D + 1];
  for (int i = 0; i <= D; i++) {  // bring points that rounding moved off the plane back onto it
    const I turn = (I)(rank[i] > D) - (I)(rank[i] < 0);
    rank[i] += turn * (D + 1);
    quotient[i] += turn;
    excess[i] = (elevated[i] - toFloat(quotient[i] * (D + 1))) * inverse;
    const I fromLowest = quotient[i] - layout.lowest[i];
    __builtin_memcpy(found.quotient[i], &fromLowest, sizeof fromLowest);
  }
  F first{}, above{};  // the excess of the coordinate of rank D, and of the one a rank higher
  for (int r = 0; r <= D; r++) {
    F ranked{};
    I which{};
    for (int i = 0; i <= D; i++) {
      const I here = rank[i] == D - r;
      ranked = here ? excess[i] : ranked;
      which = here ? I{} + i : which;
    }
    __builtin_memcpy(found.lowered[r], &which, sizeof which);
    if (r == 0) first = ranked;
    store(found.weight[r], F(ranked - above));
    above = ranked;
  }
  store(found.weight[0], F(first + (1.0f - above)));
}

template <int D>
void find(const float (*scaled)[kLanes], const KeyLayout& layout, uint64_t* keys, float* weights) {
  for (int start = 0; start < kLanes; start += PIXELS_LANES) {
    F features[D];
    for (int i = 0; i < D; i++) features[i] = load<F>(scaled[i] + start);
    Found<D> found;
    search<D>(features, layout, found);
    for (int l = 0; l < PIXELS_LANES; l++, keys += D + 1, weights += D + 1) {
      uint64_t key = 0;
      for (int i = 0; i < D; i++) key += uint64_t(uint32_t(found.quotient[i][l])) << layout.shift[i];
      for (int r = 0; r <= D; r++) {
        keys[r] = key;
        key += 1 - layout.unit[found.lowered[r][l]];
        weights[r] = found.weight[r][l];
      }
    }
  }
}

}  // namespace

FindSimplices findSimplices(int dimensions) { return dimensions == 2 ? find<2> : find<5>; }

}  // namespace tagmask::pixels::PIXELS_ISA
