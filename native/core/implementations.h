// Which implementation runs: every stem's list, proven by its known-answer tests, chosen by processor and option.
#pragma once
#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "operation.h"
#include "thread_state.h"

namespace keymill {

/** Names of known-answer tests, as `primitive (implementation)`. */
struct SelfTestReport {
  std::vector<std::string> passed;
  std::vector<std::string> failed;
  /** The failed tests themselves: implementations that have one of them are not chosen. */
  std::vector<SelfTest> refused;
};

/** As a `fault`: every test's. */
constexpr char kEveryTest[] = "all";

/**
 * Runs the tests of everything this processor can run. `fault` names a test that finds a bit of its answer flipped and
 * so must fail, to show that tests have power and what a refused kernel leads to; empty: none.
 */
SelfTestReport run_self_tests(const std::string& fault);

/** One engine's choice of implementations. Immutable. */
class Selection {
 public:
  /**
   * `kernels`: `auto` takes the best of each list; another name prefers implementations of that name, then OpenSSL's.
   * What fails its test is passed over. The tests run once a process; the emulated kernels', slow and for tests alone,
   * only where `kernels` asks for them; with a `fault` all run again.
   */
  Selection(const std::string& kernels, const std::string& fault);

  /** Whether everything offered here has an implementation that proved itself, and OpenSSL's did. */
  bool complete() const { return complete_; }

  /** Whether this operation and algorithm exist at all. */
  bool has(Operation operation, Algorithm algorithm) const { return pair_of(operation, algorithm) != 0; }
  /** What runs it for keys of a spec (none: 0); nullptr where that spec does not have the algorithm. */
  const Implementation* find(Operation operation, Algorithm algorithm, KeySpec spec) const {
    const auto id = static_cast<size_t>(spec);
    return id < kSpecs ? choices_[pair_of(operation, algorithm)][id] : nullptr;
  }

  struct Kernel {
    const char* primitive;
    const char* name;
  };
  /** Each primitive with the implementation chosen, in the order of the lists. */
  const std::vector<Kernel>& kernels() const { return kernels_; }
  /** The tests this choice rests on. */
  const SelfTestReport& self_tests() const { return self_tests_; }

 private:
  static constexpr size_t kOperations = 16;
  static constexpr size_t kAlgorithms = 128;
  static constexpr size_t kSpecs = 64;
  using Choices = std::array<const Implementation*, kSpecs>;

  size_t pair_of(Operation operation, Algorithm algorithm) const {
    const auto row = static_cast<size_t>(operation), column = static_cast<size_t>(algorithm);
    return row < kOperations && column < kAlgorithms ? pairs_[row][column] : 0;
  }
  void offer(const Implementation& implementation);
  void place(Choices& choices, const Implementation& implementation, KeySpec spec);

  /** Index into `choices_`; 0 is the empty row of what does not exist. */
  uint8_t pairs_[kOperations][kAlgorithms] = {};
  std::vector<Choices> choices_;
  std::vector<Kernel> kernels_;
  SelfTestReport self_tests_;
  bool complete_ = true;
};

}  // namespace keymill
