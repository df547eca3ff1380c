// PAR: the neighbours' weights once, then passes from one set of planes to the other. Planes have rows with the border
// values repeated on both sides, so that a neighbour is an offset; above and below it is another row.
#include "par.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "../buffer.h"
#include "../team.h"
#include "pixel-kernels.h"

namespace tagmask::pixels {
namespace {

constexpr int kVector = 8;     // pixels: rows of tiles are multiples of it
constexpr int kPage = 1024;    // floats; places as far apart as this compete for the same lines of the cache
constexpr int kShift = 144;    // floats: the same place of successive planes falls on different lines
constexpr int kTileRows = 32;  // the unit of work inside an image: so many rows of a tile

struct Step {
  int dx, dy;
};

class Refinement {
 public:
  explicit Refinement(const ParProblem& problem)
      : problem_(problem),
        kernels_(pixelKernels()),
        team_(problem.threads),
        margin_((*std::max_element(problem.dilations.begin(), problem.dilations.end()) + kVector - 1) / kVector * kVector),
        stride_(2 * margin_ + (problem.width + kVector - 1) / kVector * kVector),
        plane_((size_t(stride_) * problem.height + kPage - 1) / kPage * kPage + kShift) {
    for (const int d : problem.dilations) {
      for (int dy = -d; dy <= d; dy += d) {
        for (int dx = -d; dx <= d; dx += d) {
          if (dx != 0 || dy != 0) steps_.push_back({dx, dy});
        }
      }
    }
  }

  void weighNeighbours() {
    Buffer<float> image;
    fillPlanes(image.resize(plane_ * kColours), kColours, [&](int c, int y, float* row) {
      std::copy_n(problem_.image.data() + c * problem_.pixels() + size_t(y) * problem_.width, problem_.width, row);
    });
    const float* const planes[kColours] = {image.data(), image.data() + plane_, image.data() + 2 * plane_};
    const std::vector<float> position = positionTerm();
    weights_.resize(size_t(tileEnd(tiles() - 1)) * problem_.height * steps_.size());
    eachTileRow([&](int tile, int y, const ptrdiff_t* neighbour) {
      const ptrdiff_t pixel = ptrdiff_t(y) * stride_ + margin_ + tile * kTile;
      kernels_.weigh(planes, neighbour, pixel, int(steps_.size()), position.data(), problem_.w1, weightsOf(tile, y),
                     tileWidth(tile));
    });
  }

  // The masks at the image's size, bilinear with aligned corners.
  void resizeMasks(const float* masks) {
    const int w = problem_.maskWidth, h = problem_.maskHeight;
    fillPlanes(masks_.resize(plane_ * problem_.channels), problem_.channels, [&](int c, int y, float* row) {
      const float* const mask = masks + size_t(c) * w * h;
      const Taps down = taps(y, h, problem_.height);
      const float* const above = mask + size_t(down.low) * w;
      const float* const below = mask + size_t(down.high) * w;
      for (int x = 0; x < problem_.width; x++) {
        const Taps across = taps(x, w, problem_.width);
        row[x] = down.rest * (across.rest * above[across.low] + across.part * above[across.high]) +
                 down.part * (across.rest * below[across.low] + across.part * below[across.high]);
      }
    });
  }

  void iterate(float* refined) {
    for (int i = 1; i < problem_.iterations; i++) {
      float* const to = spare_.resize(plane_ * problem_.channels);
      average([&](int c, int y, int x, const float* values, int count) {
        float* const row = to + c * plane_ + size_t(y) * stride_;
        std::copy_n(values, count, row + margin_ + x);
        if (x == 0) std::fill_n(row, margin_, values[0]);
        if (x + count == problem_.width) std::fill(row + margin_ + x + count, row + stride_, values[count - 1]);
      });
      std::swap(masks_, spare_);
    }
    const auto write = [&](int c, int y, int x, const float* values, int count) {
      std::copy_n(values, count, refined + c * problem_.pixels() + size_t(y) * problem_.width + x);
    };
    if (problem_.iterations > 0) return average(write);
    for (int c = 0; c < problem_.channels; c++) {
      for (int y = 0; y < problem_.height; y++) {
        write(c, y, 0, masks_.data() + c * plane_ + size_t(y) * stride_ + margin_, problem_.width);
      }
    }
  }

 private:
  struct Taps {
    int low, high;
    float rest, part;  // shares of low and high
  };

  static Taps taps(int i, int inputs, int outputs) {
    const float scale = outputs > 1 ? float(inputs - 1) / float(outputs - 1) : 0.0f;
    const float at = scale * float(i);
    const int low = std::min(int(at), inputs - 1);
    const float part = std::min(std::max(at - float(low), 0.0f), 1.0f);
    return {low, std::min(low + 1, inputs - 1), 1.0f - part, part};
  }

  // w2 * softmax over the neighbours of -(distance / deviation of the distances / w1)^2: the same for every pixel.
  std::vector<float> positionTerm() const {
    const size_t count = steps_.size();
    std::vector<double> values;
    double mean = 0, squares = 0, top = -HUGE_VAL, total = 0;
    for (const Step& step : steps_) values.push_back(std::hypot(step.dx, step.dy));
    for (const double value : values) mean += value / double(count);
    for (const double value : values) squares += (value - mean) * (value - mean);
    const double scale = (std::sqrt(squares / double(count - 1)) + 1e-8) * problem_.w1;
    for (double& value : values) {
      value = -(value / scale) * (value / scale);
      top = std::max(top, value);
    }
    for (double& value : values) total += value = std::exp(value - top);
    std::vector<float> shares;
    for (const double value : values) shares.push_back(float(problem_.w2 * value / total));
    return shares;
  }

  // row(plane, y, begin of the pixels) of every plane, and the borders beside them.
  template <class Row>
  void fillPlanes(float* planes, int count, Row row) {
    team_.each(count * problem_.height, [&](int i) {
      const int plane = i / problem_.height, y = i % problem_.height;
      float* const begin = planes + plane * plane_ + size_t(y) * stride_;
      float* const end = begin + margin_ + problem_.width;
      row(plane, y, begin + margin_);
      std::fill_n(begin, margin_, begin[margin_]);
      std::fill(end, begin + stride_, end[-1]);
    });
  }

  // write(c, y, x, values, count) with the averages of all pixels, a row of a tile at a time.
  template <class Write>
  void average(Write write) {
    const int groups = (problem_.channels + kMostChannels - 1) / kMostChannels;
    eachTileRow([&](int tile, int y, const ptrdiff_t* neighbour) {
      const int x = tile * kTile, count = std::min(kTile, problem_.width - x);
      float values[kMostChannels * kTile];
      for (int group = 0; group < groups; group++) {
        const int first = problem_.channels * group / groups, channels = problem_.channels * (group + 1) / groups - first;
        kernels_.average(masks_.data() + first * plane_, plane_, channels, neighbour, int(steps_.size()),
                         weightsOf(tile, y), values, tileWidth(tile));
        for (int c = 0; c < channels; c++) write(first + c, y, x, values + c * kTile, count);
      }
    });
  }

  // task(tile, y, neighbour): the offsets in a plane of the neighbours of the first pixel of a tile's row.
  template <class Task>
  void eachTileRow(Task task) {
    const int strips = (problem_.height + kTileRows - 1) / kTileRows;
    team_.each(tiles() * strips, [&](int unit) {
      const int tile = unit / strips, begin = unit % strips * kTileRows;
      std::vector<ptrdiff_t> neighbour(steps_.size());
      for (int y = begin; y < std::min(begin + kTileRows, problem_.height); y++) {
        for (size_t n = 0; n < steps_.size(); n++) {
          const int row = std::clamp(y + steps_[n].dy, 0, problem_.height - 1);
          neighbour[n] = ptrdiff_t(row) * stride_ + margin_ + tile * kTile + steps_[n].dx;
        }
        task(tile, y, neighbour.data());
      }
    });
  }

  int tiles() const { return (problem_.width + kTile - 1) / kTile; }
  int tileEnd(int tile) const { return std::min((tile + 1) * kTile, (problem_.width + kVector - 1) / kVector * kVector); }
  int tileWidth(int tile) const { return tileEnd(tile) - tile * kTile; }
  // [steps][width of the tile]
  float* weightsOf(int tile, int y) {
    const size_t pixels = size_t(tile) * kTile * problem_.height + size_t(y) * tileWidth(tile);
    return weights_.data() + pixels * steps_.size();
  }

  const ParProblem& problem_;
  const PixelKernels kernels_;
  Team team_;
  const int margin_, stride_;  // floats
  const size_t plane_;         // floats
  std::vector<Step> steps_;
  Buffer<float> weights_;        // [tiles][height][steps][width of the tile]
  Buffer<float> masks_, spare_;  // [channels][height][stride]
};

}  // namespace

void refineMasks(ParProblem& problem, float* refined) {
  const FlushDenormals flush;
  Refinement refinement(problem);
  if (problem.iterations > 0) refinement.weighNeighbours();
  refinement.resizeMasks(problem.masks.data());
  std::vector<float>().swap(problem.masks);
  refinement.iterate(refined);
}

}  // namespace tagmask::pixels
