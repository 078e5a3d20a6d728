#include "implementations.h"

#include <openssl/err.h>

#include <algorithm>
#include <cstring>

#include "cpu.h"

namespace keymill {
namespace {

using List = ImplementationList (*)();
constexpr List kLists[] = {
    aead_implementations, hmac_implementations, sha2_implementations,    random_implementations,
#ifndef KEYMILL_WITHOUT_ASYMMETRIC
    rsa_implementations,  ec_implementations,   edwards_implementations,
#endif
};

constexpr char kEmulated[] = "emulated";
constexpr char kOpenssl[] = "openssl";
constexpr char kScalar[] = "scalar";

bool runs_here(const Implementation& implementation) {
#ifdef KEYMILL_WITHOUT_EMULATED
  if (std::strcmp(implementation.name, kEmulated) == 0) return false;
#endif
  return (implementation.required_cpu_features & ~cpu_features()) == 0;
}

/** Every implementation this processor can run, best first within a list. */
template <typename Visit>
void for_each_implementation(Visit visit) {
  for (const List list : kLists) {
    const ImplementationList rows = list();
    for (size_t i = 0; i < rows.count; i++) {
      if (runs_here(rows.rows[i])) visit(rows.rows[i]);
    }
  }
}

/** Stems share a test between rows where one test covers them; it runs once. */
template <typename Value>
bool contains(const std::vector<Value>& values, const Value& value) {
  return std::find(values.begin(), values.end(), value) != values.end();
}

/** The specs an implementation serves; none, for what needs no key, is 0. */
template <typename Visit>
void for_each_spec(const Implementation& implementation, Visit visit) {
  if (implementation.spec != KeySpec{}) {
    visit(implementation.spec);
    return;
  }
  bool has_key = false;
  for (const SpecAlgorithmRow& row : kSpecAlgorithmRows) {
    if (row.algorithm != implementation.algorithm) continue;
    has_key = true;
    visit(row.spec);
  }
  if (!has_key) visit(KeySpec{});
}

SelfTestReport run_self_tests(const std::string& fault, bool with_emulated) {
  const auto thread = std::make_unique<ThreadState>();
  thread->is_js_thread = true;
  SelfTestReport report;
  std::vector<SelfTest> done;
  for_each_implementation([&](const Implementation& implementation) {
    if (contains(done, implementation.self_test)) return;
    if (!with_emulated && std::strcmp(implementation.name, kEmulated) == 0) return;
    done.push_back(implementation.self_test);
    const std::string name = std::string(implementation.primitive) + " (" + implementation.name + ")";
    const bool faulty = fault == name || fault == kEveryTest;
    const bool ok = implementation.self_test && implementation.self_test(*thread, faulty);
    ERR_clear_error();
    if (!ok) report.refused.push_back(implementation.self_test);
    auto& names = ok ? report.passed : report.failed;
    if (!contains(names, name)) names.push_back(name);
  });
  return report;
}

/** What one engine's choice rests on; without a fault, made once a process. */
SelfTestReport report_for(const std::string& kernels, const std::string& fault) {
  const bool with_emulated = kernels == kEmulated;
  if (!fault.empty()) return run_self_tests(fault, with_emulated);
  if (with_emulated) {
    static const SelfTestReport everything = run_self_tests({}, true);
    return everything;
  }
  static const SelfTestReport report = run_self_tests({}, false);
  return report;
}

}  // namespace

SelfTestReport run_self_tests(const std::string& fault) { return run_self_tests(fault, true); }

Selection::Selection(const std::string& kernels, const std::string& fault) : self_tests_(report_for(kernels, fault)) {
  choices_.push_back(Choices{});
  const auto offer_where = [&](auto wanted) {
    for_each_implementation([&](const Implementation& implementation) {
      if (wanted(implementation) && !contains(self_tests_.refused, implementation.self_test)) offer(implementation);
    });
  };
  const auto named = [](const char* name) {
    return [name](const Implementation& implementation) { return std::strcmp(name, implementation.name) == 0; };
  };
  // Kernels of the name asked for, then OpenSSL's, then those that are plainest where it has none; `auto` takes the
  // lists' own order.
  if (kernels != "auto") {
    for (const char* name : {kernels.c_str(), kOpenssl, kScalar}) offer_where(named(name));
  }
  offer_where([](const Implementation&) { return true; });
  for_each_implementation([&](const Implementation& implementation) {
    // Kernels lean on OpenSSL's implementation where they cannot decide.
    const bool leant_on = named(kOpenssl)(implementation);
    if (leant_on && contains(self_tests_.refused, implementation.self_test)) complete_ = false;
    for_each_spec(implementation, [&](KeySpec spec) {
      if (!find(implementation.operation, implementation.algorithm, spec)) complete_ = false;
    });
  });
}

void Selection::offer(const Implementation& implementation) {
  auto& pair = pairs_[static_cast<size_t>(implementation.operation)][static_cast<size_t>(implementation.algorithm)];
  if (pair == 0) {
    pair = static_cast<uint8_t>(choices_.size());
    choices_.push_back(Choices{});
  }
  Choices& choices = choices_[pair];
  for_each_spec(implementation, [&](KeySpec spec) { place(choices, implementation, spec); });
}

/** The first offer stays: lists are best first. */
void Selection::place(Choices& choices, const Implementation& implementation, KeySpec spec) {
  const Implementation*& choice = choices[static_cast<size_t>(spec)];
  if (choice) return;
  choice = &implementation;
  const auto same = [&](const Kernel& kernel) { return std::strcmp(kernel.primitive, implementation.primitive) == 0; };
  if (std::find_if(kernels_.begin(), kernels_.end(), same) == kernels_.end()) {
    kernels_.push_back({implementation.primitive, implementation.name});
  }
}

}  // namespace keymill
