// The Node-API surface: infer(request) -> Promise of the probabilities. Every request runs on a thread of its own,
// so neither the event loop nor libuv's pool waits for it.
#include <napi.h>

#include <cmath>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "mean-field.h"

namespace tagmask::crf {
namespace {

// Reads one request; every check that TypeScript makes is made again here, since a wrong size would read foreign memory.
class Request {
 public:
  explicit Request(const Napi::Object& object) : object_(object) {}

  int integer(const char* field, int lowest, int highest) const {
    const double value = number(field);
    if (!(value >= lowest && value <= highest) || value != std::floor(value)) {
      throw BadInput(field, "not an integer from " + std::to_string(lowest) + " to " + std::to_string(highest));
    }
    return int(value);
  }

  double number(const char* field) const {
    const Napi::Value value = object_.Get(field);
    if (!value.IsNumber() || !std::isfinite(value.As<Napi::Number>().DoubleValue())) {
      throw BadInput(field, "not a finite number");
    }
    return value.As<Napi::Number>().DoubleValue();
  }

  std::optional<float> optionalNumber(const char* field) const {
    if (!has(field)) return std::nullopt;
    return float(number(field));
  }

  bool has(const char* field) const { return !object_.Get(field).IsUndefined(); }

  template <class T>
  std::vector<T> array(const char* field, napi_typedarray_type type, size_t length) const {
    const Napi::Value value = object_.Get(field);
    if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != type) {
      throw BadInput(field, "not the right kind of typed array");
    }
    const auto array = value.As<Napi::TypedArrayOf<T>>();
    if (array.ElementLength() != length) {
      throw BadInput(field, "holds " + std::to_string(array.ElementLength()) + " values, not " + std::to_string(length));
    }
    return std::vector<T>(array.Data(), array.Data() + length);
  }

  // [sx, sy, compat] or [sx, sy, sr, sg, sb, compat].
  std::optional<Kernel> kernel(const char* field, size_t length) const {
    if (!has(field)) return std::nullopt;
    const std::vector<double> values = array<double>(field, napi_float64_array, length);
    for (size_t i = 0; i < length; i++) {
      const bool deviation = i + 1 < length;
      if (!(std::fabs(values[i]) <= 1e6) || (deviation && !(float(values[i]) > 0))) {
        throw BadInput(field, "deviations must be positive, and all numbers at most 1e6");
      }
    }
    Kernel kernel;
    kernel.sx = float(values[0]);
    kernel.sy = float(values[1]);
    if (length == 6) {
      kernel.sr = float(values[2]);
      kernel.sg = float(values[3]);
      kernel.sb = float(values[4]);
    }
    kernel.compat = float(values[length - 1]);
    return kernel;
  }

 private:
  Napi::Object object_;
};

constexpr int kMaxSide = 1 << 20;
constexpr size_t kMaxPixels = size_t{1} << 28;  // vertex numbers are 32 bits
constexpr size_t kMaxValues = size_t{1} << 31;

Problem readProblem(const Request& request) {
  Problem problem;
  problem.width = request.integer("width", 1, kMaxSide);
  problem.height = request.integer("height", 1, kMaxSide);
  problem.labels = request.integer("labels", 1, 1 << 16);
  problem.iterations = request.integer("iterations", 0, 1 << 20);
  problem.threads = request.integer("threads", 1, 256);
  const size_t pixels = problem.pixels();
  if (pixels > kMaxPixels || pixels * size_t(problem.labels) > kMaxValues) {
    throw BadInput("image", "too many pixels and labels");
  }
  problem.gaussian = request.kernel("gaussian", 3);
  problem.bilateral = request.kernel("bilateral", 6);
  problem.rgb = request.array<uint8_t>("image", napi_uint8_array, pixels * 3);
  if (request.has("labelMap")) {
    problem.unary = Unary::labels;
    problem.gtProb = request.number("gtProb");
    if (!(problem.gtProb > 0 && problem.gtProb < 1)) throw BadInput("gtProb", "not between 0 and 1");
    problem.labelMap = request.array<int32_t>("labelMap", napi_int32_array, pixels);
    for (const int32_t label : problem.labelMap) {
      if (label < problem.labels) continue;
      throw BadInput("unary", "holds label " + std::to_string(label) + " of " + std::to_string(problem.labels));
    }
    return problem;
  }
  const char* planes = request.has("scores") ? "scores" : "energies";
  problem.unary = request.has("scores") ? Unary::scores : Unary::energies;
  problem.clip = request.optionalNumber("clip");
  problem.scale = request.optionalNumber("scale");
  if (problem.clip && !(*problem.clip >= 1e-37f && *problem.clip <= 1)) {
    throw BadInput("clip", "not between 1e-37 and 1");
  }
  if (problem.scale && !(*problem.scale > 0 && *problem.scale <= 1)) {
    throw BadInput("scale", "not above 0 and at most 1");
  }
  problem.planes = request.array<float>(planes, napi_float32_array, pixels * problem.labels);
  return problem;
}

Napi::Error badInput(Napi::Env env, const BadInput& problem) {
  Napi::Error error = Napi::Error::New(env, problem.what());
  error.Set("field", problem.field);
  return error;
}

// The jobs of one environment that still run; it is not torn down before they have ended.
class Running {
 public:
  void begin() {
    const std::lock_guard lock(mutex_);
    count_++;
  }
  // The calling thread's job is over as soon as the thread is: from here on it runs none of this library's code.
  void endAtThreadExit() {
    std::unique_lock lock(mutex_);
    count_--;
    std::notify_all_at_thread_exit(none_, std::move(lock));
  }
  void cancel() {
    const std::lock_guard lock(mutex_);
    count_--;
  }
  void wait() {
    std::unique_lock lock(mutex_);
    none_.wait(lock, [&] { return count_ == 0; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable none_;
  int count_ = 0;
};

struct Job {
  Problem problem;
  Napi::Promise::Deferred deferred;
  Napi::Reference<Napi::Float32Array> output;
  float* probabilities = nullptr;
  std::exception_ptr failure = nullptr;
};

void settle(Napi::Env env, Napi::Function, void*, Job* job) {
  const std::unique_ptr<Job> owned(job);
  if (env == nullptr) {  // torn down: nobody waits, and references may not be touched
    job->output.SuppressDestruct();
    return;
  }
  const Napi::HandleScope scope(env);
  try {
    if (job->failure) std::rethrow_exception(job->failure);
    job->deferred.Resolve(job->output.Value());
  } catch (const BadInput& problem) {
    job->deferred.Reject(badInput(env, problem).Value());
  } catch (const std::exception& problem) {
    job->deferred.Reject(Napi::Error::New(env, std::string("dense CRF: ") + problem.what()).Value());
  }
}

using Done = Napi::TypedThreadSafeFunction<void, Job, settle>;

void work(Job* job, Done done, Running* running) {
  try {
    infer(job->problem, job->probabilities);
  } catch (...) {
    job->failure = std::current_exception();
  }
  if (done.NonBlockingCall(job) != napi_closing) done.Release();
  running->endAtThreadExit();
}

Napi::Value start(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  try {
    if (!info[0].IsObject()) throw BadInput("request", "not an object");
    Problem problem = readProblem(Request(info[0].As<Napi::Object>()));
    auto output = Napi::Float32Array::New(env, problem.pixels() * problem.labels);
    std::unique_ptr<Job> job(new Job{std::move(problem), Napi::Promise::Deferred::New(env), Napi::Persistent(output)});
    job->probabilities = output.Data();
    const Napi::Promise promise = job->deferred.Promise();
    Done done = Done::New(env, "tagmask_crf", 0, 1);
    auto* running = env.GetInstanceData<Running>();
    running->begin();
    try {
      std::thread(work, job.get(), done, running).detach();
    } catch (...) {
      running->cancel();
      done.Release();
      throw;
    }
    job.release();
    return promise;
  } catch (const BadInput& problem) {
    throw badInput(env, problem);
  } catch (const Napi::Error&) {
    throw;
  } catch (const std::exception& problem) {
    throw Napi::Error::New(env, std::string("dense CRF: ") + problem.what());
  }
}

Napi::Object init(Napi::Env env, Napi::Object exports) {
  auto* running = new Running;
  env.SetInstanceData(running);
  env.AddCleanupHook([](Running* all) { all->wait(); }, running);
  exports.Set("infer", Napi::Function::New(env, start, "infer"));
  return exports;
}

NODE_API_MODULE(tagmask_crf, init)

}  // namespace
}  // namespace tagmask::crf
