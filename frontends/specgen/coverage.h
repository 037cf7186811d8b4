// How often each row of an instruction table has been met.
#pragma once

#include <fmt/format.h>

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "core/base/types.h"

namespace mimus::specgen {

template <class Desc>
class Coverage {
 public:
  explicit Coverage(std::span<const Desc> table) : table_(table), counts_(table.size()) {}
  void count(const Desc& row) { ++counts_[index(row)]; }
  u64 of(const Desc& row) const { return counts_[index(row)]; }
  void add(const Coverage& other) {
    for (size_t i = 0; i < counts_.size(); ++i) counts_[i] += other.counts_[i];
  }
  // "addi 120  slti 87 ...", the rows that were never met first.
  std::string report(const std::function<bool(const Desc&)>& filter) const {
    std::string missed, met;
    for (const Desc& row : table_) {
      if (!filter(row)) continue;
      const u64 n = of(row);
      (n ? met : missed) += fmt::format(" {} {}", row.mnemonic, n);
    }
    return (missed.empty() ? "" : "never met:" + missed + "\n") + "met:" + met + "\n";
  }

 private:
  size_t index(const Desc& row) const { return size_t(&row - table_.data()); }

  std::span<const Desc> table_;
  std::vector<u64> counts_;
};

}  // namespace mimus::specgen
