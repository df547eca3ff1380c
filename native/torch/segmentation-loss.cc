// tagmask::segmentation_loss: the cross entropy of resized logits and its gradient in one pass over the pixels. In libtorch's
// operators it is two dozen passes over the logits of full size, a sixth of a step of a small segmentation network.
#include <ATen/Parallel.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <torch/library.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <numeric>
#include <vector>

#include "target-clones.h"

namespace tagmask {
namespace segmentation {
namespace {

constexpr int64_t kUnsure = 254, kNone = 255;  // src/io/label-values.ts
constexpr double kNoCandidate = 1e4;  // what an unsure pixel costs of whose image none is
constexpr int64_t kAtOnce = int64_t{1} << 22;  // floats of scratch

// One axis of a bilinear resize without aligned corners, as libtorch's upsample_bilinear2d: output i is
// (1 - share[i]) in[from[i]] + share[i] in[to[i]]. Backward, input j sums outputs begin[j] to end[j], times weights from
// `weight[first[j]]` on.
struct Axis {
  std::vector<int32_t> from, to;
  std::vector<float> share, weight;
  std::vector<int64_t> begin, end, first;

  Axis(int64_t in, int64_t out) : from(out), to(out), share(out), begin(in, out), end(in, 0), first(in) {
    const float scale = static_cast<float>(in) / static_cast<float>(out);
    for (int64_t i = 0; i < out; i++) {
      const float source = std::max(0.0f, (static_cast<float>(i) + 0.5f) * scale - 0.5f);
      from[i] = static_cast<int32_t>(std::min<int64_t>(static_cast<int64_t>(source), in - 1));
      to[i] = std::min<int32_t>(from[i] + 1, static_cast<int32_t>(in - 1));
      share[i] = std::min(1.0f, source - static_cast<float>(from[i]));
      const auto use = [&](int64_t j) {
        begin[j] = std::min(begin[j], i);
        end[j] = i + 1;
      };
      if (share[i] < 1) use(from[i]);
      if (share[i] > 0) use(to[i]);
    }
    for (int64_t j = 0; j < in; j++) {
      first[j] = static_cast<int64_t>(weight.size());
      begin[j] = std::min(begin[j], end[j]);  // none: an image is reduced
      for (int64_t i = begin[j]; i < end[j]; i++)
        weight.push_back((from[i] == j ? 1 - share[i] : 0.0f) + (to[i] == j ? share[i] : 0.0f));
    }
  }
};

#include "exponential.h"
inline __attribute__((always_inline)) float expOf(float given) { return exponential<float, int32_t>(given); }

// A row of the image: to[label, i] = the resized logits, from rows `above` and `below` of [labels, h, w].
TAGMASK_CLONES void resizeRow(const float* __restrict above, const float* __restrict below, int64_t plane, float share,
                              const Axis& across, int64_t in, int64_t labels, int64_t width, float* __restrict between,
                              float* __restrict to) {
  const int32_t *from = across.from.data(), *next = across.to.data();
  const float* part = across.share.data();
  for (int64_t label = 0; label < labels; label++) {
    const float *a = above + label * plane, *b = below + label * plane;
    for (int64_t j = 0; j < in; j++) between[j] = (1 - share) * a[j] + share * b[j];
    float* row = to + label * width;
    for (int64_t i = 0; i < width; i++) row[i] = (1 - part[i]) * between[from[i]] + part[i] * between[next[i]];
  }
}

// sums[i] = sum over the open labels of e^(value - most), where most[i] is the largest of them.
TAGMASK_CLONES void sumExponentials(const float* __restrict values, const uint8_t* __restrict open, int64_t labels,
                                    int64_t width, float* __restrict most, float* __restrict sums) {
  const int64_t first = std::find_if(open, open + labels, [](uint8_t is) { return is != 0; }) - open;
  for (int64_t i = 0; i < width; i++) most[i] = values[first * width + i];
  for (int64_t label = first + 1; label < labels; label++) {
    if (!open[label]) continue;
    for (int64_t i = 0; i < width; i++) {
      const float value = values[label * width + i];
      most[i] = value > most[i] ? value : most[i];
    }
  }
  for (int64_t i = 0; i < width; i++) sums[i] = 0;
  for (int64_t label = first; label < labels; label++) {
    if (!open[label]) continue;
    for (int64_t i = 0; i < width; i++) sums[i] += expOf(values[label * width + i] - most[i]);
  }
}

// value becomes all * e^(value - most), less part * e^(value - mostOpen) where its label is open: what softmax has of all
// labels, less what it has of the candidates.
TAGMASK_CLONES void derive(float* __restrict values, const uint8_t* __restrict open, int64_t labels, int64_t width,
                           const float* __restrict most, const float* __restrict all, const float* __restrict mostOpen,
                           const float* __restrict part) {
  for (int64_t label = 0; label < labels; label++) {
    const bool is = open[label];
    for (int64_t i = 0; i < width; i++) {
      const float value = values[label * width + i], own = all[i] * expOf(value - most[i]);
      const float other = part[i] * expOf(value - mostOpen[i]);
      values[label * width + i] = is ? own - other : own;
    }
  }
}
TAGMASK_CLONES void deriveSure(float* __restrict values, int64_t labels, int64_t width, const float* __restrict most,
                               const float* __restrict all) {
  for (int64_t label = 0; label < labels; label++)
    for (int64_t i = 0; i < width; i++) values[label * width + i] = all[i] * expOf(values[label * width + i] - most[i]);
}

// to[label, j] = the gradient of a row, summed onto the `in` columns of the logits.
TAGMASK_CLONES void gatherRow(const float* __restrict gradient, const Axis& across, int64_t in, int64_t labels,
                              int64_t width, float* __restrict to) {
  for (int64_t label = 0; label < labels; label++) {
    const float* row = gradient + label * width;
    for (int64_t j = 0; j < in; j++) {
      const float* weight = across.weight.data() + across.first[j] - across.begin[j];
      float sum = 0;
      for (int64_t i = across.begin[j]; i < across.end[j]; i++) sum += row[i] * weight[i];
      to[label * in + j] = sum;
    }
  }
}
TAGMASK_CLONES void addRow(const float* __restrict from, float weight, int64_t count, float* __restrict to) {
  for (int64_t i = 0; i < count; i++) to[i] += weight * from[i];
}

// Which labels unsure pixels may have [B, C]: all where an image has no candidate, which `none` [B] tells.
struct Candidates {
  std::vector<uint8_t> open, none;

  Candidates(const float* given, int64_t batch, int64_t count) {
    for (int64_t image = 0; given != nullptr && image < batch; image++) {
      const float* own = given + image * count;
      none.push_back(std::all_of(own, own + count, [](float value) { return value == 0; }));
      for (int64_t c = 0; c < count; c++) open.push_back(none.back() || own[c] != 0);
    }
  }
};

struct Problem {
  const float* logits;
  const int64_t* labels;
  const float* weights;                // [C] or none
  int64_t count, h, w, height, width;  // of labels; of the logits; of the image
  Axis down, across;
  std::vector<uint8_t> every;  // [C] of ones
  Candidates candidates;       // empty: a pixel is sure or has no label
};

// The loss of a row; to[C, w] is its gradient, summed onto the columns of the logits. `wrong` becomes a label that is none.
double rowLoss(const Problem& at, int64_t image, int64_t y, float* scratch, float* to, int64_t& wrong) {
  const int64_t count = at.count, width = at.width, plane = at.h * at.w;
  float *values = scratch, *most = values + count * width, *sums = most + width, *mostOpen = sums + width,
        *sumsOpen = mostOpen + width, *between = sumsOpen + width;
  const float* logits = at.logits + image * count * plane;
  resizeRow(logits + at.down.from[y] * at.w, logits + at.down.to[y] * at.w, plane, at.down.share[y], at.across, at.w, count,
            width, between, values);
  sumExponentials(values, at.every.data(), count, width, most, sums);
  const int64_t* labels = at.labels + (image * at.height + y) * width;
  const bool unsure = !at.candidates.open.empty() && std::find(labels, labels + width, kUnsure) != labels + width;
  const uint8_t* open = unsure ? at.candidates.open.data() + image * count : nullptr;
  if (unsure) sumExponentials(values, open, count, width, mostOpen, sumsOpen);
  double loss = 0;
  for (int64_t x = 0; x < width; x++) {  // sums become what derive multiplies with
    const int64_t label = labels[x];
    float all = 0, part = 0;
    if (label >= 0 && label < count) {
      const float factor = at.weights ? at.weights[label] : 1.0f;
      loss += factor * (std::log(sums[x]) + (most[x] - values[label * width + x]));
      all = factor / sums[x];
    } else if (label == kUnsure && unsure) {
      loss += std::log(sums[x] / sumsOpen[x]) + (most[x] - mostOpen[x]) + (at.candidates.none[image] ? kNoCandidate : 0);
      all = 1 / sums[x];
      part = 1 / sumsOpen[x];
    } else if (label != kNone) {
      wrong = label;
    }
    sums[x] = all;
    sumsOpen[x] = part;
  }
  if (unsure) derive(values, open, count, width, most, sums, mostOpen, sumsOpen);
  else deriveSure(values, count, width, most, sums);
  for (int64_t x = 0; x < width; x++)
    if (labels[x] >= 0 && labels[x] < count) values[labels[x] * width + x] -= at.weights ? at.weights[labels[x]] : 1.0f;
  gatherRow(values, at.across, at.w, count, width, to);
  return loss;
}

// Sum over pixels, float32 [], and its gradient [B, C, h, w]; every sum in the same order, whatever the threads.
std::tuple<at::Tensor, at::Tensor> segmentationLoss(const at::Tensor& logits, const at::Tensor& labels,
                                                    const c10::optional<at::Tensor>& candidates,
                                                    const c10::optional<at::Tensor>& weights) {
  TORCH_CHECK(logits.dim() == 4 && logits.scalar_type() == at::kFloat, "segmentation_loss: logits ", logits.scalar_type(),
              logits.sizes());
  TORCH_CHECK(labels.dim() == 3 && labels.scalar_type() == at::kLong && labels.size(0) == logits.size(0),
              "segmentation_loss: labels ", labels.scalar_type(), labels.sizes(), " of logits ", logits.sizes());
  const int64_t batch = logits.size(0), count = logits.size(1), h = logits.size(2), w = logits.size(3),
                height = labels.size(1), width = labels.size(2);
  TORCH_CHECK(count > 0 && h > 0 && w > 0 && height > 0 && width > 0, "segmentation_loss: nothing in logits ", logits.sizes(),
              " or labels ", labels.sizes());
  TORCH_CHECK(count <= kUnsure, "segmentation_loss: ", count, " labels; at most ", kUnsure, " are told from those without one");
  const auto dense = [](const c10::optional<at::Tensor>& given, at::IntArrayRef shape) {
    if (!given || !given->defined()) return at::Tensor();
    TORCH_CHECK(given->sizes() == shape && given->scalar_type() == at::kFloat, "segmentation_loss: ", given->scalar_type(),
                given->sizes(), " where float32 ", shape, " is needed");
    return given->contiguous();
  };
  const at::Tensor own = logits.contiguous(), wanted = labels.contiguous(), open = dense(candidates, {batch, count}),
                   factors = dense(weights, {count});
  const auto dataOf = [](const at::Tensor& of) { return of.defined() ? of.data_ptr<float>() : nullptr; };
  const Problem at{dataOf(own), wanted.data_ptr<int64_t>(), dataOf(factors), count, h, w, height, width, Axis(h, height),
                   Axis(w, width), std::vector<uint8_t>(count, 1), Candidates(dataOf(open), batch, count)};
  at::Tensor gradient = at::empty(logits.sizes(), own.options());
  const int64_t line = count * w, images = std::max<int64_t>(1, std::min(batch, kAtOnce / (height * line)));
  std::vector<float> rows(images * height * line);
  std::vector<double> losses(batch * height);
  std::vector<int64_t> wrong(batch * height, kNone);
  for (int64_t first = 0; first < batch; first += images) {
    const int64_t some = std::min(images, batch - first);
    const int64_t grain = std::max<int64_t>(1, (1 << 13) / (count * width));
    at::parallel_for(0, some * height, grain, [&](int64_t begin, int64_t end) {
      std::vector<float> scratch(count * width + 4 * width + w);
      for (int64_t row = begin; row < end; row++) {
        const int64_t all = first * height + row;
        losses[all] = rowLoss(at, all / height, all % height, scratch.data(), rows.data() + row * line, wrong[all]);
      }
    });
    at::parallel_for(0, some * h, std::max<int64_t>(1, (1 << 13) / line), [&](int64_t begin, int64_t end) {
      std::vector<float> sum(line);
      for (int64_t k = begin; k < end; k++) {
        const int64_t image = k / h, j = k % h;
        std::fill(sum.begin(), sum.end(), 0.0f);
        for (int64_t y = at.down.begin[j]; y < at.down.end[j]; y++)
          addRow(rows.data() + (image * height + y) * line, at.down.weight[at.down.first[j] + y - at.down.begin[j]], line,
                 sum.data());
        float* to = gradient.data_ptr<float>() + (first + image) * count * h * w + j * w;
        for (int64_t c = 0; c < count; c++) std::copy_n(sum.data() + c * w, w, to + c * h * w);
      }
    });
  }
  for (const int64_t label : wrong)
    TORCH_CHECK_INDEX(label == kNone, "Target ", label, " is out of bounds.");
  const at::Tensor sum = at::empty({}, own.options());
  *sum.data_ptr<float>() = static_cast<float>(std::accumulate(losses.begin(), losses.end(), 0.0));
  return {sum, gradient};
}

}  // namespace
}  // namespace segmentation

TORCH_LIBRARY_FRAGMENT(tagmask, library) {
  library.def("segmentation_loss(Tensor logits, Tensor labels, Tensor? candidates, Tensor? weights) -> (Tensor, Tensor)");
}
TORCH_LIBRARY_IMPL(tagmask, CPU, library) { library.impl("segmentation_loss", segmentation::segmentationLoss); }

}  // namespace tagmask
