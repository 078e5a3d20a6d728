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

bool runs_here(const Implementation& implementation) {
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
bool contains(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace

namespace {

constexpr char kEmulated[] = "emulated";

SelfTestReport run_self_tests(bool fault, bool with_emulated) {
  const auto thread = std::make_unique<ThreadState>();
  thread->is_js_thread = true;
  SelfTestReport report;
  std::vector<decltype(Implementation::self_test)> done;
  for_each_implementation([&](const Implementation& implementation) {
    if (std::find(done.begin(), done.end(), implementation.self_test) != done.end()) return;
    if (!with_emulated && std::strcmp(implementation.name, kEmulated) == 0) return;
    done.push_back(implementation.self_test);
    const std::string name = std::string(implementation.primitive) + " (" + implementation.name + ")";
    const bool ok = implementation.self_test && implementation.self_test(*thread, fault);
    ERR_clear_error();
    auto& names = ok ? report.passed : report.failed;
    if (!contains(names, name)) names.push_back(name);
  });
  return report;
}

}  // namespace

SelfTestReport run_self_tests(bool fault) { return run_self_tests(fault, true); }

const SelfTestReport& self_test_report(const std::string& kernels) {
  if (kernels == kEmulated) {
    static const SelfTestReport everything = run_self_tests(false, true);
    return everything;
  }
  static const SelfTestReport report = run_self_tests(false, false);
  return report;
}

Selection::Selection(const std::string& kernels) : self_tests_(self_test_report(kernels)) {
  choices_.push_back(Choices{});
  // Kernels of the name asked for, then OpenSSL's, then whatever is the only one there is; `auto` takes the lists' own
  // order.
  if (kernels != "auto") {
    for_each_implementation([&](const Implementation& implementation) {
      if (kernels == implementation.name) offer(implementation);
    });
    for_each_implementation([&](const Implementation& implementation) {
      if (std::strcmp(implementation.name, "openssl") == 0) offer(implementation);
    });
  }
  for_each_implementation([&](const Implementation& implementation) { offer(implementation); });
}

void Selection::offer(const Implementation& implementation) {
  auto& pair = pairs_[static_cast<size_t>(implementation.operation)][static_cast<size_t>(implementation.algorithm)];
  if (pair == 0) {
    pair = static_cast<uint8_t>(choices_.size());
    choices_.push_back(Choices{});
  }
  Choices& choices = choices_[pair];
  if (implementation.spec != KeySpec{}) {
    place(choices, implementation, implementation.spec);
    return;
  }
  bool has_key = false;
  for (const SpecAlgorithmRow& row : kSpecAlgorithmRows) {
    if (row.algorithm != implementation.algorithm) continue;
    has_key = true;
    place(choices, implementation, row.spec);
  }
  if (!has_key) place(choices, implementation, KeySpec{});
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
