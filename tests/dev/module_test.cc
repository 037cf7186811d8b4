#include "core/base/module.h"

#include <gtest/gtest.h>

namespace mimus {
namespace {

TEST(Module, MissingOneNamesItselfAndItsPackage) {
  auto result = load_module("no_such_module", "make", "the frobnicator", "libfrob-dev");
  ASSERT_FALSE(result);
  for (const char* part : {"the frobnicator", "no_such_module.so", "libfrob-dev", "/lib/mimus/"})
    EXPECT_NE(result.error().message.find(part), std::string::npos) << result.error().message;
}

}  // namespace
}  // namespace mimus
