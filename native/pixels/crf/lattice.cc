// Lattice construction: every pixel's simplex, a number for every vertex that occurs, and who neighbours whom.
// The numbers never matter: rows are summed in the order of the segments.
#include "lattice.h"

#include <algorithm>
#include <cmath>

#include "simplices.h"
#include "vertex-table.h"

namespace tagmask::pixels {
namespace {

constexpr double kFarthest = 32000;  // pydensecrf's coordinates are 16 bits wide
constexpr int32_t kAhead = 16;       // lookups between a prefetch and its use

// extent[i]: the largest scaled feature, the smallest being 0; field: the option to blame.
template <int D>
KeyLayout keyLayout(const float (&extent)[D], const char* field) {
  KeyLayout layout;
  int bits = 3;  // r < 8
  double highest = 0;
  for (int i = D; i >= 0; i--) {
    const double depth = i == 0 ? 0 : i * double(extent[i - 1]);
    bool fits = highest < kFarthest && depth < kFarthest;
    if (fits && i < D) {
      layout.lowest[i] = int32_t(std::floor(-depth / (D + 1))) - 3;
      layout.shift[i] = bits;
      layout.unit[i] = uint64_t{1} << bits;
      layout.all += layout.unit[i];
      for (int32_t span = int32_t(std::ceil(highest / (D + 1))) + 3 - layout.lowest[i]; span > 0; span /= 2) bits++;
      fits = bits < 64;
    }
    if (!fits) throw BadInput(field, "deviations too small for an image of this size");
    if (i > 0) highest += extent[i - 1];
  }
  return layout;
}

void findNeighbours(const VertexTable& table, const KeyLayout& layout, Lattice& lattice, Team& team) {
  const int32_t count = table.size();
  const int dimensions = lattice.taps - 1;
  Neighbours* all = lattice.neighbours.resize(size_t(count) * lattice.taps);
  team.each(lattice.taps, [&](int axis) {
    Neighbours* neighbours = all + size_t(axis) * count;
    std::fill_n(neighbours, count, Neighbours{count, count});
    const auto step = [&](int32_t v) {  // all coordinates fall by 1, the axis's own rises by the dimensions
      const uint64_t key = table.key(v);
      return layout.unit[axis] + ((key & 7) == 0 ? key + dimensions - layout.all : key - 1);
    };
    for (int32_t v = 0; v < count; v++) {
      table.prefetch(step(std::min(v + kAhead, count - 1)));
      const int32_t before = table.find(step(v));
      if (before < 0) continue;
      neighbours[v].before = before;
      neighbours[before].after = v;
    }
  });
}

// Numbers the vertices of all segments' tables; lists the rows of each vertex.
void joinSegments(const std::vector<VertexTable>& segments, VertexTable& whole, Lattice& lattice) {
  lattice.firstRow.assign(1, 0);
  for (const VertexTable& table : segments) lattice.firstRow.push_back(lattice.rows() + table.size());
  int32_t* vertexOfRow = lattice.vertexOfRow.resize(lattice.rows());
  for (const VertexTable& table : segments) {
    for (int32_t v = 0; v < table.size(); v++) {
      whole.prefetch(table.key(std::min(v + kAhead, table.size() - 1)));
      *vertexOfRow++ = whole.findOrInsert(table.key(v));
    }
  }
  lattice.vertices = whole.size();
  uint32_t* next = lattice.firstOfVertex.resize(size_t(whole.size()) + 2);
  std::fill_n(next, size_t(whole.size()) + 2, 0);
  int32_t* rowOfVertex = lattice.rowOfVertex.resize(lattice.rows());
  for (int32_t r = 0; r < lattice.rows(); r++) next[lattice.vertexOfRow[r] + 2]++;
  for (int32_t v = 2; v < whole.size() + 2; v++) next[v] += next[v - 1];
  for (int32_t r = 0; r < lattice.rows(); r++) rowOfVertex[next[lattice.vertexOfRow[r] + 1]++] = r;
}

// fill(features, x, y, lanes) writes the scaled features of pixels (x, y) to (x + lanes - 1, y).
template <int D, class Fill>
void build(Lattice& lattice, const PixelOrder& order, const KeyLayout& layout, Team& team, Fill fill) {
  constexpr int kTaps = D + 1;
  const FindSimplices find = findSimplices(D);
  lattice.taps = kTaps;
  lattice.row.resize(order.pixels() * kTaps);
  lattice.weight.resize(order.pixels() * kTaps);
  std::vector<VertexTable> tables(order.segments());
  team.each(order.segments(), [&](int segment) {
    VertexTable table;
    int32_t* row = lattice.row.data() + order.firstSlot(segment) * kTaps;
    float* weight = lattice.weight.data() + order.firstSlot(segment) * kTaps;
    float features[D][kLanes] = {};
    float weights[kLanes * kTaps];
    uint64_t keys[kLanes * kTaps];
    order.eachBlock(segment, [&](const Block& block) {
      for (int start = 0; start < block.count; start += kLanes) {
        const int lanes = std::min(kLanes, block.count - start);
        fill(features, block.x + start, block.y, lanes);
        find(features, layout, keys, weights);
        for (int k = 0; k < lanes * kTaps; k++) table.prefetch(keys[k]);
        weight = std::copy_n(weights, lanes * kTaps, weight);
        for (int k = 0; k < lanes * kTaps; k++) *row++ = table.findOrInsert(keys[k]);
      }
    });
    tables[segment] = std::move(table);
  });
  VertexTable whole;
  if (order.pixels() % 4 != 0) {  // pydensecrf pads the pixels to fours with zero features, whose vertices then exist
    const float zeros[D][kLanes] = {};
    float weights[kLanes * kTaps];
    uint64_t keys[kLanes * kTaps];
    find(zeros, layout, keys, weights);
    for (int r = 0; r <= D; r++) whole.findOrInsert(keys[r]);
  }
  joinSegments(tables, whole, lattice);
  findNeighbours(whole, layout, lattice, team);
}

// The diagonal of the embedding (p. 5 of the paper), the blur's own deviation taken out.
template <int D>
void scales(float (&scale)[D]) {
  const float deviation = float(std::sqrt(2.0 / 3.0) * (D + 1));
  for (int i = 0; i < D; i++) scale[i] = float(1.0 / std::sqrt(double((i + 2) * (i + 1))) * deviation);
}

std::vector<float> ramp(int size, float deviation, float scale) {
  std::vector<float> values(size);
  for (int i = 0; i < size; i++) values[i] = float(i) / deviation * scale;
  return values;
}

}  // namespace

void Lattice::buildPlane(const Problem& problem, const Kernel& kernel, Team& team) {
  float scale[2];
  scales(scale);
  const auto xs = ramp(problem.width, kernel.sx, scale[0]), ys = ramp(problem.height, kernel.sy, scale[1]);
  const KeyLayout layout = keyLayout<2>({xs.back(), ys.back()}, "gaussian.sxy");
  build<2>(*this, problem.order(), layout, team, [&](float (&features)[2][kLanes], int x, int y, int lanes) {
    for (int l = 0; l < lanes; l++) {
      features[0][l] = xs[x + l];
      features[1][l] = ys[y];
    }
  });
}

void Lattice::buildColour(const Problem& problem, const Kernel& kernel, Team& team) {
  float scale[5];
  scales(scale);
  const auto xs = ramp(problem.width, kernel.sx, scale[0]), ys = ramp(problem.height, kernel.sy, scale[1]);
  const auto reds = ramp(256, kernel.sr, scale[2]), greens = ramp(256, kernel.sg, scale[3]);
  const auto blues = ramp(256, kernel.sb, scale[4]);
  const KeyLayout layout = keyLayout<5>({xs.back(), ys.back(), reds.back(), greens.back(), blues.back()}, "bilateral");
  build<5>(*this, problem.order(), layout, team, [&](float (&features)[5][kLanes], int x, int y, int lanes) {
    const uint8_t* rgb = problem.rgb.data() + 3 * (size_t(y) * problem.width + x);
    for (int l = 0; l < lanes; l++, rgb += 3) {
      features[0][l] = xs[x + l];
      features[1][l] = ys[y];
      features[2][l] = reds[rgb[0]];
      features[3][l] = greens[rgb[1]];
      features[4][l] = blues[rgb[2]];
    }
  });
}

}  // namespace tagmask::pixels
