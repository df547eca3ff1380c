// Mean field: Q <- softmax(-U + sum_k compat_k D_k^-1/2 K_k D_k^-1/2 Q), D_k the row sums of K_k.
// The filter is linear and Q adds up to 1, so the last label's message is the filtered constant minus the other
// labels' messages and is never filtered itself. On one thread a block of pixels is sliced, normalised and
// splatted while its rows are in the cache; on several, the splat is a sum per vertex over the same pixels in the same order.
#include "mean-field.h"

#include <algorithm>
#include <cmath>

#include "lattice.h"
#include "row-kernels.h"
#include "team.h"
#include "unary.h"

namespace tagmask::crf {
namespace {

// One pairwise term. Its weights come to hold the barycentric weight times D^-1/2 of the pixel.
struct Term {
  Lattice lattice;
  float compat = 0;
  Buffer<float> values, spare;  // [vertices + 1][channels], the last row zero
  Buffer<float> constant;       // [slots]: compat times the filtered constant 1
  Buffer<uint32_t> first;       // splat turned round: the entries of each vertex, see invert()
  Buffer<int32_t> slot;
  Buffer<float> entryWeight;

  void clear(Buffer<float>& rows, int channels) {
    std::fill_n(rows.resize((size_t(lattice.vertices) + 1) * channels), (size_t(lattice.vertices) + 1) * channels, 0.0f);
  }
  const int32_t* vertexOf(size_t slot) const { return lattice.vertex.data() + slot * lattice.taps; }
  const float* weightOf(size_t slot) const { return lattice.weight.data() + slot * lattice.taps; }

  // Blurs values along every axis; the last pass scales the result.
  void blur(const RowKernels& kernels, float scale, Team& team) {
    scale /= 1.0f + std::exp2(-float(lattice.taps - 1));  // the lattice's own normalisation
    for (int axis = 0; axis < lattice.taps; axis++) {
      const Neighbours* neighbours = lattice.neighbours.data() + size_t(axis) * lattice.vertices;
      const float factor = axis == lattice.taps - 1 ? scale : 1.0f;
      team.split(lattice.vertices, 1024, [&](size_t begin, size_t end) {
        kernels.blur(neighbours, values.data(), spare.data(), int32_t(begin), int32_t(end), factor, kernels.channels);
      });
      std::swap(values, spare);
    }
  }

  // out[p] = (K 1)[p] with the present weights.
  void filterOnes(size_t pixels, float* out, float scale) {
    const RowKernels kernels = rowKernels(1);
    clear(values, 1);
    clear(spare, 1);
    float ones[kBlock];
    std::fill_n(ones, kBlock, 1.0f);
    for (size_t p = 0; p < pixels; p += kBlock) {
      const int count = int(std::min<size_t>(kBlock, pixels - p));
      kernels.scatter(lattice.taps, vertexOf(p), weightOf(p), values.data(), ones, count, 1);
    }
    Team alone(1);
    blur(kernels, scale, alone);
    kernels.gather(lattice.taps, vertexOf(0), weightOf(0), values.data(), out, int(pixels), 1, false);
  }

  void normalise(size_t pixels) {
    float* norm = constant.resize(pixels);
    filterOnes(pixels, norm, 1);
    float* weight = lattice.weight.data();
    for (size_t p = 0; p < pixels; p++) {
      const float factor = float(1.0 / std::sqrt(double(norm[p]) + 1e-20));
      for (int t = 0; t < lattice.taps; t++) *weight++ *= factor;
    }
    filterOnes(pixels, constant.data(), compat);
  }

  void invert(size_t pixels) {
    const size_t entries = pixels * lattice.taps;
    uint32_t* next = first.resize(size_t(lattice.vertices) + 2);
    slot.resize(entries);
    entryWeight.resize(entries);
    std::fill_n(next, size_t(lattice.vertices) + 2, 0);
    const int32_t* vertex = lattice.vertex.data();
    for (size_t e = 0; e < entries; e++) next[vertex[e] + 2]++;
    for (int32_t v = 2; v < lattice.vertices + 2; v++) next[v] += next[v - 1];
    for (size_t p = 0, e = 0; p < pixels; p++) {
      for (int t = 0; t < lattice.taps; t++, e++) {
        const uint32_t entry = next[vertex[e] + 1]++;
        slot[entry] = int32_t(p);
        entryWeight[entry] = lattice.weight[e];
      }
    }
  }
};

struct Inference {
  const Problem& problem;
  float* probabilities;
  Team team;
  const RowKernels kernels;
  const size_t pixels;
  const PixelOrder order;
  std::vector<Term> terms;
  Buffer<float> bias;  // [slots][channels]
  Buffer<float> rows;  // [slots][channels], on several threads: Q

  Inference(const Problem& asked, float* out)
      : problem(asked), probabilities(out), team(asked.threads), kernels(rowKernels(rowChannels(asked.labels))), pixels(asked.pixels()), order(asked.order()) {}

  void prepareTerms() {
    const auto add = [&](const std::optional<Kernel>& kernel) {
      if (!kernel || kernel->compat == 0 || problem.iterations == 0) return;
      terms.emplace_back().compat = kernel->compat;
    };
    add(problem.bilateral);
    const size_t colour = terms.size();
    add(problem.gaussian);
    team.run([&](int part) {
      for (size_t k = part; k < terms.size(); k += team.size()) {
        if (k < colour) {
          terms[k].lattice.buildColour(problem, *problem.bilateral);
        } else {
          terms[k].lattice.buildPlane(problem, *problem.gaussian);
        }
        terms[k].normalise(pixels);
        if (team.size() > 1) terms[k].invert(pixels);
        terms[k].clear(terms[k].values, kernels.channels);
        terms[k].clear(terms[k].spare, kernels.channels);
      }
    });
  }

  // Q of the pixels of a block in q, the last label's in last; messages from the blurred values, if any yet.
  void blockProbabilities(const Block& block, bool messages, float* q, float* last) {
    const int channels = kernels.channels, count = block.count;
    float* blockBias = bias.data() + block.slot * channels;
    if (messages) {
      for (const Term& term : terms) {
        kernels.gather(term.lattice.taps, term.vertexOf(block.slot), term.weightOf(block.slot), term.spare.data(), q, count, channels, &term != &terms[0]);
      }
    } else {
      std::fill_n(q, count * channels, 0.0f);
    }
    std::fill(q + count * channels, q + (count + 3) / 4 * 4 * channels, 0.0f);
    kernels.softmax(q, blockBias, last, count, channels);
    if (messages) return;
    for (const Term& term : terms) {  // from now on the bias holds the last label's share of the constant
      for (int i = 0; i < count; i++) {
        const float constant = term.constant[block.slot + i];
        for (int c = 0; c < channels; c++) blockBias[i * channels + c] -= constant;
      }
    }
  }

  void writeBlock(const Block& block, const float* q, const float* last) {
    const int channels = kernels.channels;
    for (int label = 0; label < problem.labels - 1; label++) {
      float* to = probabilities + label * pixels + block.pixel;
      for (int i = 0; i < block.count; i++) to[i] = q[i * channels + label];
    }
    std::copy_n(last, block.count, probabilities + (problem.labels - 1) * pixels + block.pixel);
  }

  // Makes Q of every pixel from the blurred values in `spare` and splats it into `values`, or writes it out.
  void step(bool messages, bool final) {
    const int channels = kernels.channels;
    const bool shared = team.size() > 1;
    team.split(order.blocks(), 1, [&](size_t begin, size_t end) {
      Buffer<float> own;
      float last[kBlock];
      float* q = own.resize(size_t(kBlock) * channels);
      for (size_t b = begin; b < end; b++) {
        const Block block = order.block(b);
        blockProbabilities(block, messages, q, last);
        if (final) {
          writeBlock(block, q, last);
        } else if (shared) {
          std::copy_n(q, block.count * channels, rows.data() + block.slot * channels);
        } else {
          for (Term& term : terms) {
            kernels.scatter(term.lattice.taps, term.vertexOf(block.slot), term.weightOf(block.slot), term.values.data(), q, block.count, channels);
          }
        }
      }
    });
    if (final || !shared) return;
    for (Term& term : terms) {
      team.split(term.lattice.vertices, 256, [&](size_t begin, size_t end) {
        kernels.sum(term.first.data(), term.slot.data(), term.entryWeight.data(), rows.data(), term.values.data(), int32_t(begin), int32_t(end), channels);
      });
    }
  }

  void run() {
    const int channels = kernels.channels;
    std::fill_n(bias.resize((pixels + 3) / 4 * 4 * channels), (pixels + 3) / 4 * 4 * channels, 0.0f);
    team.split(order.blocks(), 1, [&](size_t begin, size_t end) {
      for (size_t b = begin; b < end; b++) unaryBias(problem, kernels, order.block(b), bias.data());
    });
    prepareTerms();
    if (team.size() > 1) rows.resize(pixels * channels);
    step(false, terms.empty());
    if (terms.empty()) return;
    for (int i = 1; i <= problem.iterations; i++) {
      for (Term& term : terms) {
        term.blur(kernels, term.compat, team);
        std::swap(term.values, term.spare);
        if (team.size() == 1) term.clear(term.values, channels);
      }
      step(true, i == problem.iterations);
    }
  }
};

}  // namespace

void infer(const Problem& problem, float* probabilities) {
  const FlushDenormals flush;
  if (problem.labels == 1) {
    std::fill_n(probabilities, problem.pixels(), 1.0f);
    return;
  }
  Inference(problem, probabilities).run();
}

}  // namespace tagmask::crf
