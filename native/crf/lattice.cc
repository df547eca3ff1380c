// Lattice construction. Every float operation is pydensecrf's, in its order and without fused multiply-adds, so that
// both find the same vertices: a vertex more or less changes what the blur reaches.
#include "lattice.h"

#include <algorithm>
#include <cmath>

#include "vertex-table.h"

namespace tagmask::crf {
namespace {

constexpr int32_t kAhead = 16;  // lookups between a prefetch and its use
constexpr int kLanes = 16;  // pixels whose simplices are found together

// A vertex's first D coordinates are congruent to r mod D + 1, 0 <= r <= D: coordinate i is (D + 1) q_i + r. A key
// packs r and the q_i into 64 bits, each as wide as the features' range needs. The last coordinate follows from these.
template <int D>
struct KeyLayout {
  uint64_t unit[D + 1] = {};  // what adds 1 to q_i; 0 for the last coordinate
  int shift[D + 1] = {};
  int32_t lowest[D + 1] = {};
  uint64_t all = 0;  // sum of the units

  // extent[i]: the largest scaled feature, the smallest being 0; field: the option to blame.
  KeyLayout(const float (&extent)[D], const char* field) {
    int bits = 3;  // r < 8
    double highest = 0;
    for (int i = D; i >= 0; i--) {
      const double depth = i == 0 ? 0 : i * double(extent[i - 1]);
      if (!(highest < kFarthest && depth < kFarthest)) tooSmall(field);
      if (i < D) {
        lowest[i] = int32_t(std::floor(-depth / (D + 1))) - 3;
        shift[i] = bits;
        unit[i] = uint64_t{1} << bits;
        all += unit[i];
        for (int32_t span = int32_t(std::ceil(highest / (D + 1))) + 3 - lowest[i]; span > 0; span /= 2) bits++;
        if (bits > 63) tooSmall(field);
      }
      if (i > 0) highest += extent[i - 1];
    }
  }

 private:
  static constexpr double kFarthest = 32000;  // pydensecrf's coordinates are 16 bits wide
  [[noreturn]] static void tooSmall(const char* field) {
    throw BadInput(field, "deviations too small for a picture of this size");
  }
};

// The simplices of kLanes pixels: scaled[i][lane] are feature i times its scale.
template <int D>
struct Simplices {
  uint64_t key[kLanes];  // of the vertex with r = 0
  int32_t rank[D + 1][kLanes];
  float excess[D + 1][kLanes];  // (elevated - rounded) / (D + 1)

  void find(const float (&scaled)[D][kLanes], const KeyLayout<D>& layout) {
    const float inverse = 1.0f / (D + 1);
    const float shift = 12582912.0f;  // 1.5 * 2^23: adding and subtracting it rounds to the nearest even integer
    int32_t base[D + 1][kLanes];  // q, before and after the turn
    float elevated[D + 1][kLanes], rounded[D + 1][kLanes], rest[D + 1][kLanes], sum[kLanes] = {};
    for (int l = 0; l < kLanes; l++) elevated[0][l] = 0;
    for (int i = D; i > 0; i--) {
      for (int l = 0; l < kLanes; l++) {
        elevated[i][l] = elevated[0][l] - float(i) * scaled[i - 1][l];
        elevated[0][l] += scaled[i - 1][l];
      }
    }
    for (int i = 0; i <= D; i++) {
      for (int l = 0; l < kLanes; l++) {
        const float nearest = inverse * elevated[i][l] + shift - shift;
        base[i][l] = int32_t(nearest);
        rounded[i][l] = nearest * (D + 1);
        rest[i][l] = elevated[i][l] - rounded[i][l];
        sum[l] += nearest;
      }
    }
    for (int i = 0; i <= D; i++) {
      for (int l = 0; l < kLanes; l++) rank[i][l] = int32_t(sum[l]);
    }
    for (int i = 0; i < D; i++) {
      for (int j = i + 1; j <= D; j++) {
        for (int l = 0; l < kLanes; l++) {
          const int32_t less = rest[i][l] < rest[j][l] ? 1 : 0;
          rank[i][l] += less;
          rank[j][l] += 1 - less;
        }
      }
    }
    for (int i = 0; i <= D; i++) {  // bring points that rounding moved off the plane back onto it
      for (int l = 0; l < kLanes; l++) {
        const int32_t turn = (rank[i][l] < 0 ? 1 : 0) - (rank[i][l] > D ? 1 : 0);
        rank[i][l] += turn * (D + 1);
        base[i][l] += turn;
        excess[i][l] = (elevated[i][l] - (rounded[i][l] + float(turn * (D + 1)))) * inverse;
      }
    }
    for (int l = 0; l < kLanes; l++) key[l] = 0;
    for (int i = 0; i < D; i++) {
      for (int l = 0; l < kLanes; l++) key[l] += uint64_t(uint32_t(base[i][l] - layout.lowest[i])) << layout.shift[i];
    }
  }

  // The keys and weights of one pixel's D + 1 vertices.
  void vertices(int lane, const KeyLayout<D>& layout, uint64_t* keys, float* weights) const {
    uint64_t unitOf[8];  // by rank, which the mask keeps in bounds
    float excessOf[8];
    for (int i = 0; i <= D; i++) {
      unitOf[rank[i][lane] & 7] = layout.unit[i];
      excessOf[rank[i][lane] & 7] = excess[i][lane];
    }
    keys[0] = key[lane];
    weights[0] = excessOf[D] + (1.0f - excessOf[0]);
    for (int r = 1; r <= D; r++) {
      keys[r] = keys[r - 1] + 1 - unitOf[D + 1 - r];
      weights[r] = excessOf[D - r] - excessOf[D + 1 - r];
    }
  }
};

template <int D>
void findNeighbours(const VertexTable& table, const KeyLayout<D>& layout, Lattice& lattice) {
  const int32_t count = table.size();
  lattice.vertices = count;
  Neighbours* all = lattice.neighbours.resize(size_t(count) * (D + 1));
  std::fill_n(all, size_t(count) * (D + 1), Neighbours{count, count});
  for (int axis = 0; axis <= D; axis++) {
    Neighbours* neighbours = all + size_t(axis) * count;
    const auto step = [&](int32_t v) {  // all coordinates fall by 1, the axis's own rises by D
      const uint64_t key = table.key(v);
      return layout.unit[axis] + ((key & 7) == 0 ? key + D - layout.all : key - 1);
    };
    for (int32_t v = 0; v < count; v++) {
      table.prefetch(step(std::min(v + kAhead, count - 1)));
      const int32_t before = table.find(step(v));
      if (before < 0) continue;
      neighbours[v].before = before;
      neighbours[before].after = v;
    }
  }
}

// fill(features, lanes) writes the scaled features of the next `lanes` pixels.
template <int D, class Fill>
void build(Lattice& lattice, size_t pixels, const KeyLayout<D>& layout, Fill fill) {
  VertexTable table;
  lattice.taps = D + 1;
  int32_t* vertex = lattice.vertex.resize(pixels * (D + 1));
  float* weight = lattice.weight.resize(pixels * (D + 1));
  Simplices<D> simplices;
  float features[D][kLanes] = {};
  uint64_t keys[kLanes * (D + 1)];
  for (size_t start = 0; start < pixels; start += kLanes) {
    const int lanes = int(std::min<size_t>(kLanes, pixels - start));
    fill(features, lanes);
    simplices.find(features, layout);
    for (int l = 0; l < lanes; l++) {
      uint64_t* pixelKeys = keys + l * (D + 1);
      simplices.vertices(l, layout, pixelKeys, weight + (start + l) * (D + 1));
      for (int r = 0; r <= D; r++) table.prefetch(pixelKeys[r]);
    }
    for (int k = 0; k < lanes * (D + 1); k++) vertex[start * (D + 1) + k] = table.findOrInsert(keys[k]);
  }
  if (pixels % 4 != 0) {  // pydensecrf pads the pixels to fours with zero features, whose vertices then exist
    const float zeros[D][kLanes] = {};
    float ignored[D + 1];
    simplices.find(zeros, layout);
    simplices.vertices(0, layout, keys, ignored);
    for (int r = 0; r <= D; r++) table.findOrInsert(keys[r]);
  }
  findNeighbours<D>(table, layout, lattice);
}

// The diagonal of the embedding (p. 5 of the paper), the blur's own deviation taken out.
template <int D>
void scales(float (&scale)[D]) {
  const float deviation = float(std::sqrt(2.0 / 3.0) * (D + 1));
  for (int i = 0; i < D; i++) scale[i] = float(1.0 / std::sqrt(double((i + 2) * (i + 1))) * deviation);
}

// Walks the pixels row by row.
struct Cursor {
  int width;
  int x = 0, y = 0;
  void next() {
    if (++x == width) {
      x = 0;
      y++;
    }
  }
};

std::vector<float> ramp(int size, float deviation, float scale) {
  std::vector<float> values(size);
  for (int i = 0; i < size; i++) values[i] = float(i) / deviation * scale;
  return values;
}

}  // namespace

void Lattice::buildPlane(const Problem& problem, const Kernel& kernel) {
  float scale[2];
  scales(scale);
  const auto xs = ramp(problem.width, kernel.sx, scale[0]), ys = ramp(problem.height, kernel.sy, scale[1]);
  const KeyLayout<2> layout({xs.back(), ys.back()}, "gaussian.sxy");
  Cursor at{problem.width};
  build<2>(*this, problem.pixels(), layout, [&](float (&features)[2][kLanes], int lanes) {
    for (int l = 0; l < lanes; l++, at.next()) {
      features[0][l] = xs[at.x];
      features[1][l] = ys[at.y];
    }
  });
}

void Lattice::buildColour(const Problem& problem, const Kernel& kernel) {
  float scale[5];
  scales(scale);
  const auto xs = ramp(problem.width, kernel.sx, scale[0]), ys = ramp(problem.height, kernel.sy, scale[1]);
  const auto reds = ramp(256, kernel.sr, scale[2]), greens = ramp(256, kernel.sg, scale[3]), blues = ramp(256, kernel.sb, scale[4]);
  const KeyLayout<5> layout({xs.back(), ys.back(), reds.back(), greens.back(), blues.back()}, "bilateral");
  Cursor at{problem.width};
  const uint8_t* rgb = problem.rgb.data();
  build<5>(*this, problem.pixels(), layout, [&](float (&features)[5][kLanes], int lanes) {
    for (int l = 0; l < lanes; l++, at.next(), rgb += 3) {
      features[0][l] = xs[at.x];
      features[1][l] = ys[at.y];
      features[2][l] = reds[rgb[0]];
      features[3][l] = greens[rgb[1]];
      features[4][l] = blues[rgb[2]];
    }
  });
}

}  // namespace tagmask::crf
