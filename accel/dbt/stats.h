// --stats: lines of "name value", and those that every kind of machine has.
#pragma once

#include <string>
#include <string_view>

#include "core/base/types.h"

namespace mimus::dbt {

class CodeCache;
class Translator;

struct StatLines {
  std::string text;
  void operator()(std::string_view name, u64 value);
};

void add_translation_stats(StatLines& line, const CodeCache& cache, const Translator& translator);
void add_tier_stats(StatLines& line, const CodeCache& cache, const Translator& translator);

}  // namespace mimus::dbt
