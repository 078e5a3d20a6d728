// An engine's worker threads: a first-in, first-out queue of jobs, each run whole by one thread. Uses uv's threads and
// locks, since the standard library's need newer system libraries than Node does.
#pragma once
#include <uv.h>

#include <atomic>
#include <deque>
#include <memory>
#include <vector>

#include "core/thread_state.h"

namespace keymill {

/** Something to run on a worker thread. */
class Job {
 public:
  virtual ~Job() = default;
  virtual void run(ThreadState& thread) = 0;
};

class Mutex {
 public:
  Mutex() { uv_mutex_init(&mutex_); }
  ~Mutex() { uv_mutex_destroy(&mutex_); }
  Mutex(const Mutex&) = delete;
  Mutex& operator=(const Mutex&) = delete;

  uv_mutex_t* get() { return &mutex_; }

 private:
  uv_mutex_t mutex_;
};

class Lock {
 public:
  explicit Lock(Mutex& mutex) : mutex_(mutex.get()) { uv_mutex_lock(mutex_); }
  ~Lock() { uv_mutex_unlock(mutex_); }
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;

 private:
  uv_mutex_t* mutex_;
};

/** Where finished jobs go. Called on worker threads. */
class JobSink {
 public:
  virtual void finished(std::unique_ptr<Job> job) = 0;

 protected:
  ~JobSink() = default;
};

class Pool {
 public:
  explicit Pool(JobSink& sink);
  ~Pool();

  /** Starts up to `threads` threads; returns how many run. */
  size_t start(size_t threads);
  void submit(std::unique_ptr<Job> job);
  /**
   * Drops jobs that have not begun, has running ones give up at their next item, and waits for the threads. Idempotent;
   * from any thread but the pool's own.
   */
  void stop();

 private:
  struct Worker {
    Pool* pool;
    uv_thread_t thread;
    ThreadState state;
  };
  static void thread_main(void* worker);
  std::unique_ptr<Job> next_job();
  bool is_stopping();

  JobSink& sink_;
  Mutex mutex_;
  uv_cond_t wake_;
  std::deque<std::unique_ptr<Job>> jobs_;
  bool stopping_ = false;
  std::vector<std::unique_ptr<Worker>> workers_;
};

}  // namespace keymill
