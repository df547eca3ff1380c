// Rows of queries, keys and values as what products multiply, and sums as rows again. Part of attention-kernel.h: once for each set.

template <typename Item, typename T>
inline Item itemOf(T first, T second) {
  if constexpr (kItem<Item> == 1) return static_cast<float>(first);
  else return static_cast<uint32_t>(first.x) | static_cast<uint32_t>(second.x) << 16;
}

#if TAGMASK_WIDTH == 16
// 16 rows of 16 values of 32 bits, columns for rows.
inline void transpose(__m512i (&rows)[16]) {
  __m512i pairs[16], fours[16];
  for (size_t i = 0; i < 16; i += 2) {
    pairs[i] = _mm512_unpacklo_epi32(rows[i], rows[i + 1]);
    pairs[i + 1] = _mm512_unpackhi_epi32(rows[i], rows[i + 1]);
  }
  for (size_t i = 0; i < 16; i += 4)
    for (size_t of = 0; of < 2; of++) {
      fours[i + 2 * of] = _mm512_unpacklo_epi64(pairs[i + of], pairs[i + 2 + of]);
      fours[i + 2 * of + 1] = _mm512_unpackhi_epi64(pairs[i + of], pairs[i + 2 + of]);
    }
  // fours[4 i + c]: columns c, 4 + c, 8 + c and 12 + c of rows 4 i to 4 i + 3
  for (size_t c = 0; c < 4; c++) {
    const __m512i upper = _mm512_shuffle_i32x4(fours[c], fours[4 + c], 0x88);
    const __m512i upperOdd = _mm512_shuffle_i32x4(fours[c], fours[4 + c], 0xdd);
    const __m512i lower = _mm512_shuffle_i32x4(fours[8 + c], fours[12 + c], 0x88);
    const __m512i lowerOdd = _mm512_shuffle_i32x4(fours[8 + c], fours[12 + c], 0xdd);
    rows[c] = _mm512_shuffle_i32x4(upper, lower, 0x88);
    rows[4 + c] = _mm512_shuffle_i32x4(upperOdd, lowerOdd, 0x88);
    rows[8 + c] = _mm512_shuffle_i32x4(upper, lower, 0xdd);
    rows[12 + c] = _mm512_shuffle_i32x4(upperOdd, lowerOdd, 0xdd);
  }
}
#endif

// Whether rows of T are, as they lie there, rows of Item.
template <typename Item, typename T>
constexpr bool kAlike = kItem<Item> * sizeof(T) == sizeof(Item);

// keys [N, d] of a head as panels [panels, d, kPanel], filled up with 0.
template <typename T>
void packKeys(Slab<const T> keys, size_t count, size_t d, void* packed) {
  using Item = ItemOf<T>;
  auto* to = static_cast<Item*>(packed);
  const size_t depth = d / kItem<Item>;
#if TAGMASK_WIDTH == 16
  if constexpr (kAlike<Item, T>) {
    for (size_t begin = 0; begin < panels(count); begin += 16)
      for (size_t k = 0; k < depth; k += 16) {
        const size_t here = std::min<size_t>(16, depth - k);
        const auto some = static_cast<__mmask16>((1u << here) - 1);
        __m512i rows[16];
        for (size_t j = 0; j < 16; j++) {
          rows[j] = begin + j < count ? _mm512_maskz_loadu_epi32(some, keys.from(begin + j).data + k * kItem<Item>)
                                      : _mm512_setzero_si512();
        }
        transpose(rows);
        Item* const panel = to + begin / kPanel * kPanel * depth + begin % kPanel;
        for (size_t j = 0; j < here; j++) _mm512_storeu_si512(panel + (k + j) * kPanel, rows[j]);
      }
    return;
  }
#endif
  for (size_t begin = 0; begin < count; begin += kPanel, to += depth * kPanel)
    for (size_t j = 0; j < kPanel; j++) {
      const T* key = keys.from(begin + j).data;
      for (size_t k = 0; k < d; k += kItem<Item>)
        to[k / kItem<Item> * kPanel + j] = begin + j < count ? itemOf<Item>(key[k], key[k + kItem<Item> - 1]) : Item{};
    }
}

// values [N, d] of a head as items [N, whole panels], filled up with 0.
template <typename T>
void packValues(Slab<const T> values, size_t count, size_t d, void* packed) {
  using Item = ItemOf<T>;
  auto* to = static_cast<Item*>(packed);
  for (size_t j = 0; j < count; j += kItem<Item>, to += panels(d)) {
    const T *first = values.from(j).data, *second = values.from(j + kItem<Item> - 1).data;
    size_t done = 0;
#ifdef TAGMASK_PAIRS
    if constexpr (std::is_same_v<Item, uint32_t>)
      for (; j + 1 < count && done + kWidth <= d; done += kWidth) {
        const auto wide = [&](const T* from) {
          return _mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(from + done)));
        };
        _mm512_storeu_si512(to + done, _mm512_or_si512(wide(first), _mm512_slli_epi32(wide(second), 16)));
      }
#endif
    if (j + kItem<Item> <= count)
      for (size_t k = done; k < d; k++) to[k] = itemOf<Item>(first[k], second[k]);
    else
      for (size_t k = 0; k < d; k++) to[k] = itemOf<Item>(first[k], T(0));
    std::fill(to + d, to + panels(d), Item{});
  }
}

// e^scores as what products multiply.
inline const float* itemsOf(const float* scores, size_t, float*) { return scores; }
#ifdef TAGMASK_PAIRS
inline const uint32_t* itemsOf(const float* scores, size_t count, uint32_t* to) {
  for (size_t j = 0; j < count; j += kPanel) {
    const auto pairs = _mm512_cvtne2ps_pbh(reinterpret_cast<__m512>(load(scores + j + kWidth)),
                                           reinterpret_cast<__m512>(load(scores + j)));
    _mm512_storeu_si512(to + j / 2, reinterpret_cast<__m512i>(pairs));
  }
  return to;
}
#endif

// Rows [kRows, d] as items; the last stands in for those that are missing.
template <typename T, typename Item>
void takeRows(Slab<const T> from, size_t here, size_t d, Item* to) {
  constexpr size_t kOf = kItem<Item>;
  for (size_t row = 0; row < kRows; row++) {
    const T* source = from.from(std::min(row, here - 1)).data;
    if constexpr (kAlike<Item, T>)
      std::memcpy(to + row * d / kOf, source, d * sizeof(T));
    else
      for (size_t k = 0; k < d; k += kOf) to[(row * d + k) / kOf] = itemOf<Item>(source[k], source[k + kOf - 1]);
  }
}

// Rows as items of a product along them: one row, or two in pairs.
inline void stackRows(const float* row, const float*, size_t count, float* to) { std::copy(row, row + count, to); }
#ifdef TAGMASK_PAIRS
inline __m512i roundedOf(const float* row) {
  return _mm512_cvtepu16_epi32(reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(reinterpret_cast<__m512>(load(row)))));
}
inline void stackRows(const float* first, const float* second, size_t count, uint32_t* to) {
  for (size_t j = 0; j < count; j += kWidth)
    _mm512_storeu_si512(to + j, _mm512_or_si512(roundedOf(first + j), _mm512_slli_epi32(roundedOf(second + j), 16)));
}
#endif

// Sums [d] times `share` as numbers of T.
template <typename T>
void putRow(const float* sums, float share, size_t d, T* to) {
  size_t k = 0;
#ifdef TAGMASK_PAIRS
  if constexpr (!std::is_same_v<T, float>)
    for (; k + kWidth <= d; k += kWidth) {
      const auto rounded = _mm512_cvtneps_pbh(reinterpret_cast<__m512>(load(sums + k) * share));
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(to + k), reinterpret_cast<__m256i>(rounded));
    }
#endif
  for (; k < d; k++) to[k] = static_cast<T>(sums[k] * share);
}
