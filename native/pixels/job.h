// Work whose result is a Float32Array: on a thread of its own, or at once.
#pragma once
#include <napi.h>

#include <functional>
#include <string>

namespace tagmask::pixels {

struct Work {
  const char* what;  // begins the message of an error nobody foresaw
  size_t length;     // of the result
  std::function<void(float* result)> run;
};

// To be called once, when the addon is loaded: the environment is not torn down while jobs run.
void prepareJobs(Napi::Env env);

// A Promise of the result. The thread is the work's own, so neither the event loop nor libuv's pool waits for it.
Napi::Value launch(Napi::Env env, Work work);

// The result; the calling thread does the work.
Napi::Value runNow(Napi::Env env, Work work);

// Calls body, and throws what it throws as an error of JavaScript; a BadInput's `field` is the error's.
Napi::Value guarded(Napi::Env env, const char* what, const std::function<Napi::Value()>& body);

}  // namespace tagmask::pixels
