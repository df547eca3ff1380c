// Uninitialised storage that keeps its memory when it is sized again; 64-byte aligned.
#pragma once
#include <cstddef>
#include <memory>
#include <new>

namespace tagmask::pixels {

template <class T>
class Buffer {
 public:
  T* resize(size_t size) {
    if (size > capacity_) {
      data_.reset();
      data_.reset(static_cast<T*>(::operator new(size * sizeof(T), std::align_val_t{64})));
      capacity_ = size;
    }
    return data_.get();
  }
  T* data() { return data_.get(); }
  const T* data() const { return data_.get(); }
  T& operator[](size_t i) { return data_.get()[i]; }
  const T& operator[](size_t i) const { return data_.get()[i]; }

 private:
  struct Free {
    void operator()(T* data) const { ::operator delete(data, std::align_val_t{64}); }
  };
  std::unique_ptr<T, Free> data_;
  size_t capacity_ = 0;
};

}  // namespace tagmask::pixels
