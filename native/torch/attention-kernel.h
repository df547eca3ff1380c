// Attention of a block of rows, for one instruction set. Included once for each: TAGMASK_SET names it, TAGMASK_WIDTH is the
// floats of its vectors, TAGMASK_ROWS the rows whose sums stay in registers; TAGMASK_PAIRS: products of bfloat16 pairs, too.
namespace tagmask {
namespace TAGMASK_SET {

constexpr size_t kWidth = TAGMASK_WIDTH, kRows = TAGMASK_ROWS, kPanel = 2 * kWidth;  // columns of a product at once
constexpr size_t panels(size_t columns) { return (columns + kPanel - 1) / kPanel * kPanel; }  // filled up
constexpr size_t wholeBlocks(size_t rows) { return (rows + kRows - 1) / kRows * kRows; }
using Vector = float __attribute__((vector_size(4 * TAGMASK_WIDTH), aligned(4), may_alias));
using Bits = int32_t __attribute__((vector_size(4 * TAGMASK_WIDTH)));

inline Vector load(const float* from) { return *reinterpret_cast<const Vector*>(from); }
inline void store(float* to, Vector value) { *reinterpret_cast<Vector*>(to) = value; }

#include "exponential.h"
inline Vector expOf(const Vector given) { return exponential<Vector, Bits>(given); }

// What products multiply: floats, or pairs of bfloat16 that follow one another along the sum.
#ifdef TAGMASK_PAIRS
using Pairs = uint32_t;
inline void multiplyAdd(Vector& sum, uint32_t a, const uint32_t* b) {
  sum = reinterpret_cast<Vector>(_mm512_dpbf16_ps(reinterpret_cast<__m512>(sum),
                                                  reinterpret_cast<__m512bh>(_mm512_set1_epi32(static_cast<int>(a))),
                                                  reinterpret_cast<__m512bh>(_mm512_loadu_si512(b))));
}
#else
using Pairs = float;  // none: bfloat16 becomes float
#endif
inline void multiplyAdd(Vector& sum, float a, const float* b) { sum += a * load(b); }

template <typename T>
using ItemOf = std::conditional_t<std::is_same_v<T, float>, float, Pairs>;
template <typename Item>
constexpr size_t kItem = std::is_same_v<Item, float> ? 1 : 2;  // numbers in an item

// Rows kRows of a: items of a row and rows are so far apart.
template <typename Item>
struct Left {
  const Item* data;
  size_t row, step;
};

// to[kRows, kPanel] = a[kRows, depth] b[depth, kPanel], or added to it; depth in items.
template <bool kAdded = false, typename Item>
void product(Left<Item> a, const Item* b, size_t bStride, size_t depth, float* to, size_t stride) {
  Vector sums[kRows][2] = {};
  for (size_t k = 0; k < depth; k++) {
#pragma GCC unroll 16
    for (size_t row = 0; row < kRows; row++) {
      multiplyAdd(sums[row][0], a.data[row * a.row + k * a.step], b + k * bStride);
      multiplyAdd(sums[row][1], a.data[row * a.row + k * a.step], b + k * bStride + kWidth);
    }
  }
  if constexpr (kAdded) {
    for (size_t row = 0; row < kRows; row++) {
      sums[row][0] += load(to + row * stride);
      sums[row][1] += load(to + row * stride + kWidth);
    }
  }
#pragma GCC unroll 16
  for (size_t row = 0; row < kRows; row++) {
    store(to + row * stride, sums[row][0]);
    store(to + row * stride + kWidth, sums[row][1]);
  }
}

inline float sumOf(Vector values) {
  float sum = 0;
  for (size_t lane = 0; lane < kWidth; lane++) sum += values[lane];
  return sum;
}

// Scores [padded] of `count` keys become e^(scale (score - the largest)); returns their sum.
inline float softmaxOf(float* scores, size_t count, size_t padded, float scale) {
  for (size_t j = count; j < padded; j++) scores[j] = -std::numeric_limits<float>::infinity();
  Vector most = load(scores);
  for (size_t j = kWidth; j < padded; j += kWidth) {
    const Vector next = load(scores + j);
    most = next > most ? next : most;
  }
  float largest = most[0];
  for (size_t lane = 1; lane < kWidth; lane++) largest = std::max(largest, most[lane]);
  Vector sums{};
  for (size_t j = 0; j < padded; j += kWidth) {
    const Vector e = expOf((load(scores + j) - largest) * scale);
    store(scores + j, e);
    sums += e;
  }
  return sumOf(sums);
}

#include "attention-items.h"

// `scratch`: kRows * 2 * (panels(d) + panels(keys)) floats.
template <typename T>
void attendRows(const Rows<T>& rows, const Problem& at, float* scratch) {
  using Item = ItemOf<T>;
  constexpr size_t kOf = kItem<Item>;
  const size_t d = at.d, wide = panels(d), padded = panels(at.keys), depth = (at.keys + kOf - 1) / kOf;
  auto* queries = reinterpret_cast<Item*>(scratch);                // [kRows, d / kOf]
  float* made = scratch + kRows * wide;                            // [kRows, wide]
  float* scores = made + kRows * wide;                             // [kRows, padded]
  auto* spare = reinterpret_cast<Item*>(scores + kRows * padded);  // [kRows, padded / kOf]
  const float scale = 1 / std::sqrt(static_cast<float>(d));
  for (size_t head = 0; head < at.heads; head++) {
    const auto* keys = static_cast<const Item*>(rows.keys) + head * padded * d / kOf;
    const auto* values = static_cast<const Item*>(rows.values) + head * depth * wide;
    for (size_t first = 0; first < rows.count; first += kRows) {
      const size_t here = std::min(kRows, rows.count - first);
      takeRows(rows.queries.from(first, head * d), here, d, queries);
      for (size_t j = 0; j < padded; j += kPanel)
        product(Left<Item>{queries, d / kOf, 1}, keys + j * d / kOf, kPanel, d / kOf, scores + j, padded);
      float shares[kRows];
      for (size_t row = 0; row < kRows; row++)
        shares[row] = 1 / softmaxOf(scores + row * padded, at.keys, padded, scale);
      const Left<Item> weights{itemsOf(scores, kRows * padded, spare), padded / kOf, 1};
      for (size_t k = 0; k < wide; k += kPanel) product(weights, values + k, wide, depth, made + k, wide);
      for (size_t row = 0; row < here; row++)
        putRow(made + row * wide, shares[row], d, rows.tokens + (first + row) * at.heads * d + head * d);
      for (size_t row = 0; row < here && first + row < rows.meanRows; row++) {
        float* mean = rows.mean + (first + row) * at.keys;
        const float share = shares[row] / at.heads;
        if (head == 0) std::fill(mean, mean + at.keys, 0.0f);
        size_t j = 0;
        for (; j + kWidth <= at.keys; j += kWidth)
          store(mean + j, load(mean + j) + share * load(scores + row * padded + j));
        for (; j < at.keys; j++) mean[j] += share * scores[row * padded + j];
      }
    }
  }
}

// Where a thread derives a head, laid out in `scratch`; items and floats alike take four bytes.
template <typename Item>
struct Room {
  Item *keys, *values;                // panels
  Item *keyItems;                     // [keys, wide]
  Item *queryItems, *gradientItems;   // [kDerived, wide]
  Item *queries, *gradients, *spare;  // of kRows rows
  Item *weightRows, *scoreRows;       // [kDerived, padded], and what a block of rows reads beyond
  float *scores, *weights;            // [kRows, padded]; the scores, then their gradient
  float *made;                        // [kRows, wide]
  float *dKeys, *dValues;             // [whole blocks of keys, wide]
  size_t floats = 0;

  Room(const Problem& at, float* scratch) {
    const size_t d = at.d, wide = panels(d), padded = panels(at.keys), blocks = wholeBlocks(at.keys);
    const auto take = [&](auto*& place, size_t count) {
      if (scratch != nullptr) place = reinterpret_cast<std::remove_reference_t<decltype(place)>>(scratch + floats);
      floats += count;
    };
    for (auto** place : {&keys, &values}) take(*place, padded * d);
    take(keyItems, blocks * wide);
    for (auto** place : {&queryItems, &gradientItems}) take(*place, kDerived * wide);
    for (auto** place : {&queries, &gradients}) take(*place, kRows * d);
    take(spare, kRows * padded);
    for (auto** place : {&weightRows, &scoreRows}) take(*place, kDerived * padded + kRows);
    for (auto** place : {&scores, &weights}) take(*place, kRows * padded);
    take(made, kRows * wide);
    for (auto** place : {&dKeys, &dValues}) take(*place, blocks * wide);
  }
};

template <typename T>
size_t derivedRoom(const Problem& at) {
  return Room<ItemOf<T>>(at, nullptr).floats;
}

// Gradients of a head's queries, keys and values. With P the weights and dP = dO v^T: dv = P^T dO, dS = P (dP - sum(P dP)),
// dq = dS k / sqrt(d), dk = dS^T q / sqrt(d). The weights are computed once more, kDerived rows at a time.
template <typename T>
void deriveHead(const Head<T>& head, const Problem& at, float* scratch) {
  using Item = ItemOf<T>;
  constexpr size_t kOf = kItem<Item>;
  const size_t d = at.d, wide = panels(d), padded = panels(at.keys), depth = (at.keys + kOf - 1) / kOf;
  const size_t blocks = wholeBlocks(at.keys);
  const auto [keys, values, keyItems, queryItems, gradientItems, queries, gradients, spare, weightRows, scoreRows, scores,
              weights, made, dKeys, dValues, floats] = Room<Item>(at, scratch);
  const float scale = 1 / std::sqrt(static_cast<float>(d));
  packKeys(head.keys, at.keys, d, keys);
  packKeys(head.values, at.keys, d, values);
  packValues(head.keys, at.keys, d, keyItems);
  std::fill(dKeys, dKeys + blocks * wide, 0.0f);
  std::fill(dValues, dValues + blocks * wide, 0.0f);
  for (size_t begin = 0; begin < at.queries; begin += kDerived) {
    const size_t some = std::min(kDerived, at.queries - begin), along = (some + kOf - 1) / kOf;
    packValues(head.queries.from(begin), some, d, queryItems);
    packValues(head.gradients.from(begin), some, d, gradientItems);
    for (size_t first = 0; first < some; first += kRows) {
      const size_t here = std::min(kRows, some - first);
      takeRows(head.queries.from(begin + first), here, d, queries);
      takeRows(head.gradients.from(begin + first), here, d, gradients);
      for (size_t j = 0; j < padded; j += kPanel) {
        product(Left<Item>{queries, d / kOf, 1}, keys + j * d / kOf, kPanel, d / kOf, weights + j, padded);
        product(Left<Item>{gradients, d / kOf, 1}, values + j * d / kOf, kPanel, d / kOf, scores + j, padded);
      }
      for (size_t row = 0; row < kRows; row++) {
        float *p = weights + row * padded, *s = scores + row * padded;
        const float share = 1 / softmaxOf(p, at.keys, padded, scale);
        if (row < here && begin + first + row < head.meanRows) {
          const float* of = head.mean + (begin + first + row) * at.keys;
          for (size_t j = 0; j < at.keys; j++) s[j] += of[j] / at.heads;
        }
        Vector sums{};
        for (size_t j = 0; j < padded; j += kWidth) {
          const Vector weight = load(p + j) * share;
          store(p + j, weight);
          sums += weight * load(s + j);
        }
        const float sum = sumOf(sums);
        for (size_t j = 0; j < padded; j += kWidth) store(s + j, load(p + j) * (load(s + j) - sum) * scale);
      }
      const Left<Item> dScores{itemsOf(scores, kRows * padded, spare), padded / kOf, 1};
      for (size_t k = 0; k < wide; k += kPanel) product(dScores, keyItems + k, wide, depth, made + k, wide);
      for (size_t row = 0; row < here; row++)
        putRow(made + row * wide, 1, d, head.dQueries.from(begin + first + row).data);
      for (size_t row = 0; row < kRows && first + row < some; row += kOf) {
        const size_t to = (first + row) / kOf * padded;
        stackRows(weights + row * padded, weights + (row + kOf - 1) * padded, padded, weightRows + to);
        stackRows(scores + row * padded, scores + (row + kOf - 1) * padded, padded, scoreRows + to);
      }
    }
    for (size_t j = 0; j < at.keys; j += kRows)
      for (size_t k = 0; k < wide; k += kPanel) {
        const size_t to = j * wide + k;
        product<true>(Left<Item>{weightRows + j, 1, padded}, gradientItems + k, wide, along, dValues + to, wide);
        product<true>(Left<Item>{scoreRows + j, 1, padded}, queryItems + k, wide, along, dKeys + to, wide);
      }
  }
  for (size_t j = 0; j < at.keys; j++) {
    putRow(dKeys + j * wide, 1, d, head.dKeys.from(j).data);
    putRow(dValues + j * wide, 1, d, head.dValues.from(j).data);
  }
}

}  // namespace TAGMASK_SET
}  // namespace tagmask

#undef TAGMASK_SET
#undef TAGMASK_WIDTH
#undef TAGMASK_ROWS
#undef TAGMASK_PAIRS
