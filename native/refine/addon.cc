// The Node-API surface: denseCrf(request) -> Promise of the probabilities; par(request) -> Promise of the masks, and
// parNow(request) -> the masks; bilateralFilterNow(request) -> the filtered planes.
#include <napi.h>

#include <memory>

#include "crf/bilateral-filter.h"
#include "crf/crf-request.h"
#include "crf/mean-field.h"
#include "job.h"
#include "par/par-request.h"
#include "par/par.h"

namespace tagmask::refine {
namespace {

constexpr const char* kDenseCrf = "dense CRF";
constexpr const char* kFilter = "bilateral filter";
constexpr const char* kPar = "PAR";

Request requestOf(const Napi::CallbackInfo& info) {
  if (!info[0].IsObject()) throw BadInput("request", "not an object");
  return Request(info[0].As<Napi::Object>());
}

// The arrays of a request are copied: the script may change or detach them meanwhile.
Work crfWork(const Request& request) {
  const auto problem = std::make_shared<const Problem>(readProblem(request));
  return {kDenseCrf, problem->pixels() * problem->labels, [problem](float* result) { infer(*problem, result); }};
}

Work filterWork(const Request& request) {
  const auto problem = std::make_shared<const Problem>(readFilterProblem(request));
  const size_t length = problem->pixels() * problem->labels;
  return {kFilter, length, [problem](float* result) { bilateralFilter(*problem, result); }};
}

Work parWork(const Request& request) {
  const auto problem = std::make_shared<ParProblem>(readParProblem(request));
  return {kPar, problem->pixels() * problem->channels, [problem](float* result) { refineMasks(*problem, result); }};
}

template <class WorkOf, class Run>
Napi::Function entry(Napi::Env env, const char* name, const char* what, WorkOf workOf, Run run) {
  return Napi::Function::New(
      env,
      [=](const Napi::CallbackInfo& info) {
        return guarded(info.Env(), what, [&] { return run(info.Env(), workOf(requestOf(info))); });
      },
      name);
}

Napi::Object init(Napi::Env env, Napi::Object exports) {
  prepareJobs(env);
  exports.Set("denseCrf", entry(env, "denseCrf", kDenseCrf, crfWork, launch));
  exports.Set("bilateralFilterNow", entry(env, "bilateralFilterNow", kFilter, filterWork, runNow));
  exports.Set("par", entry(env, "par", kPar, parWork, launch));
  exports.Set("parNow", entry(env, "parNow", kPar, parWork, runNow));
  return exports;
}

NODE_API_MODULE(tagmask_refine, init)

}  // namespace
}  // namespace tagmask::refine
