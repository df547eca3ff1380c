// Open-addressing hash from packed lattice coordinates to vertex numbers, in the order of insertion.
#pragma once
#include <cstdint>
#include <vector>

namespace tagmask::pixels {

class VertexTable {
 public:
  VertexTable() { allocate(1 << 13); }  // small, so that it grows no larger than the cache needs to hold

  int32_t size() const { return int32_t(keys_.size()); }
  uint64_t key(int32_t vertex) const { return keys_[vertex]; }

  void prefetch(uint64_t key) const { __builtin_prefetch(&slots_[home(key)]); }

  // -1 where there is none.
  int32_t find(uint64_t key) const {
    for (size_t i = home(key);; i = (i + 1) & mask_) {
      if (slots_[i].key == key) return slots_[i].vertex;
      if (slots_[i].key == kEmpty) return -1;
    }
  }

  int32_t findOrInsert(uint64_t key) {
    for (size_t i = home(key);; i = (i + 1) & mask_) {
      if (slots_[i].key == key) return slots_[i].vertex;
      if (slots_[i].key == kEmpty) return insert(i, key);
    }
  }

 private:
  static constexpr uint64_t kEmpty = ~uint64_t{0};
  struct Slot {
    uint64_t key;
    int32_t vertex;
  };

  size_t home(uint64_t key) const { return (key * 0x9e3779b97f4a7c15ull) >> shift_; }

  void allocate(size_t capacity) {
    slots_.assign(capacity, {kEmpty, -1});
    mask_ = capacity - 1;
    shift_ = 64 - __builtin_ctzll(capacity);
  }

  int32_t insert(size_t slot, uint64_t key) {
    const int32_t vertex = size();
    keys_.push_back(key);
    slots_[slot] = {key, vertex};
    if (4 * keys_.size() > slots_.size()) {
      allocate(2 * slots_.size());
      for (int32_t v = 0; v < size(); v++) {
        size_t i = home(keys_[v]);
        while (slots_[i].key != kEmpty) i = (i + 1) & mask_;
        slots_[i] = {keys_[v], v};
      }
    }
    return vertex;
  }

  std::vector<Slot> slots_;
  std::vector<uint64_t> keys_;
  size_t mask_ = 0;
  int shift_ = 0;
};

}  // namespace tagmask::pixels
