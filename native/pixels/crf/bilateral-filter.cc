// Splat, blur and slice, once.
#include "bilateral-filter.h"

#include <algorithm>

#include "workspace.h"

namespace tagmask::pixels {

void bilateralFilter(const Problem& problem, float* filtered) {
  const FlushDenormals flush;
  const PixelOrder order = problem.order();
  const int planes = problem.labels, channels = planes == 1 ? 1 : (planes + 3) / 4 * 4;
  const RowKernels kernels = rowKernels(channels);
  const WorkspaceLease lease;
  Term& term = (*lease).colour;
  Team team(problem.threads);
  term.lattice.buildColour(problem, *problem.bilateral, team);
  term.resize(channels);
  team.each(order.segments(), [&](int segment) {
    std::vector<float> rows(size_t(kBlock) * channels);
    term.clear(kernels, segment);
    order.eachBlock(segment, [&](const Block& block) {
      for (int k = 0; k < planes; k++) {
        const float* from = problem.planes.data() + k * order.pixels() + block.pixel;
        for (int i = 0; i < block.count; i++) rows[i * channels + k] = from[i];
      }
      term.scatter(kernels, segment, block.slot, block.count, rows.data());
    });
  });
  term.blur(kernels, 1, team);
  team.each(order.segments(), [&](int segment) {
    std::vector<float> rows(size_t(kBlock) * channels);
    order.eachBlock(segment, [&](const Block& block) {
      term.gather(kernels, segment, block.slot, block.count, rows.data(), false);
      for (int k = 0; k < planes; k++) {
        float* to = filtered + k * order.pixels() + block.pixel;
        for (int i = 0; i < block.count; i++) to[i] = rows[i * channels + k];
      }
    });
  });
}

}  // namespace tagmask::pixels
