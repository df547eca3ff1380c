// Jobs on threads of their own.
#include "job.h"

#include <condition_variable>
#include <exception>
#include <memory>
#include <mutex>
#include <thread>

#include "bad-input.h"

namespace tagmask::pixels {
namespace {

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
  Work work;
  Napi::Promise::Deferred deferred;
  Napi::Reference<Napi::Float32Array> output;
  float* result = nullptr;
  std::exception_ptr failure = nullptr;
};

// The error of JavaScript for what a job or a request threw.
Napi::Error errorOf(Napi::Env env, const char* what, const std::exception_ptr& failure) {
  try {
    std::rethrow_exception(failure);
  } catch (const BadInput& problem) {
    Napi::Error error = Napi::Error::New(env, problem.what());
    error.Set("field", problem.field);
    return error;
  } catch (const Napi::Error& error) {
    return error;
  } catch (const std::exception& problem) {
    return Napi::Error::New(env, std::string(what) + ": " + problem.what());
  }
}

void settle(Napi::Env env, Napi::Function, void*, Job* job) {
  const std::unique_ptr<Job> owned(job);
  if (env == nullptr) {  // torn down: nobody waits, and references may not be touched
    job->output.SuppressDestruct();
    return;
  }
  const Napi::HandleScope scope(env);
  if (job->failure) {
    job->deferred.Reject(errorOf(env, job->work.what, job->failure).Value());
  } else {
    job->deferred.Resolve(job->output.Value());
  }
}

using Done = Napi::TypedThreadSafeFunction<void, Job, settle>;

void perform(Job* job, Done done, Running* running) {
  try {
    job->work.run(job->result);
  } catch (...) {
    job->failure = std::current_exception();
  }
  if (done.NonBlockingCall(job) != napi_closing) done.Release();
  running->endAtThreadExit();
}

}  // namespace

void prepareJobs(Napi::Env env) {
  auto* running = new Running;
  env.SetInstanceData(running);
  env.AddCleanupHook([](Running* all) { all->wait(); }, running);
}

Napi::Value launch(Napi::Env env, Work work) {
  auto output = Napi::Float32Array::New(env, work.length);
  std::unique_ptr<Job> job(new Job{std::move(work), Napi::Promise::Deferred::New(env), Napi::Persistent(output)});
  job->result = output.Data();
  const Napi::Promise promise = job->deferred.Promise();
  Done done = Done::New(env, "tagmask_pixels", 0, 1);
  auto* running = env.GetInstanceData<Running>();
  running->begin();
  try {
    std::thread(perform, job.get(), done, running).detach();
  } catch (...) {
    running->cancel();
    done.Release();
    throw;
  }
  job.release();
  return promise;
}

Napi::Value runNow(Napi::Env env, Work work) {
  auto output = Napi::Float32Array::New(env, work.length);
  work.run(output.Data());
  return output;
}

Napi::Value guarded(Napi::Env env, const char* what, const std::function<Napi::Value()>& body) {
  try {
    return body();
  } catch (...) {
    throw errorOf(env, what, std::current_exception());
  }
}

}  // namespace tagmask::pixels
