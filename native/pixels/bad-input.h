// A value the caller must mend; `field` is the option's name.
#pragma once
#include <stdexcept>
#include <string>
#include <utility>

namespace tagmask::pixels {

struct BadInput : std::runtime_error {
  std::string field;
  BadInput(std::string fieldName, const std::string& problem) : std::runtime_error(problem), field(std::move(fieldName)) {}
};

}  // namespace tagmask::pixels
