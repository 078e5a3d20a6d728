#include "pool.h"

#include <algorithm>
#include <cstdlib>

namespace keymill {
namespace {

/**
 * Pools with running threads. process.exit() runs no environment cleanup, but exit handlers: OpenSSL's frees what our
 * threads use. This one, registered later and so run earlier, stops the threads first.
 */
class RunningPools {
 public:
  void add(Pool* pool) {
    Lock lock(mutex_);
    pools_.push_back(pool);
  }
  void remove(Pool* pool) {
    Lock lock(mutex_);
    pools_.erase(std::remove(pools_.begin(), pools_.end(), pool), pools_.end());
  }
  void stop_all() {
    for (;;) {
      Pool* pool;
      {
        Lock lock(mutex_);
        if (pools_.empty()) return;
        pool = pools_.back();
        pools_.pop_back();
      }
      pool->stop();
    }
  }

 private:
  Mutex mutex_;
  std::vector<Pool*> pools_;
};

RunningPools& running_pools() {
  static RunningPools* const pools = [] {
    auto* const made = new RunningPools;
    std::atexit([] { running_pools().stop_all(); });
    return made;
  }();
  return *pools;
}

}  // namespace

Pool::Pool(JobSink& sink) : sink_(sink) { uv_cond_init(&wake_); }

Pool::~Pool() {
  stop();
  uv_cond_destroy(&wake_);
}

size_t Pool::start(size_t threads) {
  for (size_t i = 0; i < threads; i++) {
    auto worker = std::make_unique<Worker>();
    worker->pool = this;
    if (uv_thread_create(&worker->thread, thread_main, worker.get()) != 0) break;
    workers_.push_back(std::move(worker));
  }
  if (!workers_.empty()) running_pools().add(this);
  return workers_.size();
}

void Pool::submit(std::unique_ptr<Job> job) {
  Lock lock(mutex_);
  if (stopping_) return;
  jobs_.push_back(std::move(job));
  uv_cond_signal(&wake_);
}

void Pool::stop() {
  std::deque<std::unique_ptr<Job>> dropped;
  {
    Lock lock(mutex_);
    if (stopping_) return;
    stopping_ = true;
    dropped.swap(jobs_);
    uv_cond_broadcast(&wake_);
  }
  for (auto& worker : workers_) worker->state.cancelled.store(true, std::memory_order_relaxed);
  for (auto& worker : workers_) uv_thread_join(&worker->thread);
  if (!workers_.empty()) running_pools().remove(this);
  workers_.clear();
}

std::unique_ptr<Job> Pool::next_job() {
  Lock lock(mutex_);
  while (jobs_.empty() && !stopping_) uv_cond_wait(&wake_, mutex_.get());
  if (stopping_) return nullptr;
  std::unique_ptr<Job> job = std::move(jobs_.front());
  jobs_.pop_front();
  return job;
}

bool Pool::is_stopping() {
  Lock lock(mutex_);
  return stopping_;
}

void Pool::thread_main(void* data) {
  auto* worker = static_cast<Worker*>(data);
  Pool& pool = *worker->pool;
  while (std::unique_ptr<Job> job = pool.next_job()) {
    job->run(worker->state);
    // Whoever stops a pool is leaving and wants no results.
    if (!pool.is_stopping()) pool.sink_.finished(std::move(job));
  }
}

}  // namespace keymill
