// The text form: files that round-trip, files that do not parse, files that do not verify.
#include <gtest/gtest.h>

#include "tests/ir/case_file.h"
#include "tests/ir/machine.h"
#include "tests/ir/op_reference.h"
#include "tests/ir/random_ir.h"

namespace mimus::test {
namespace {

// Canonical text comes back byte for byte.
TEST(Text, FilesRoundTrip) {
  for (const auto& file : case_files("text")) {
    SCOPED_TRACE(file.filename());
    const std::string text = read_text(file);
    const auto block = ir::parse(text, text_context());
    ASSERT_TRUE(block) << block.error().message;
    const auto verified = ir::verify(*block, text_context());
    ASSERT_TRUE(verified) << verified.error().message;
    EXPECT_EQ(ir::print(*block, text_context()), text);
  }
}

TEST(Text, RandomBlocksRoundTrip) {
  for (u64 seed = 0; seed < 300; ++seed) {
    const ir::Block block = random_block(seed, {});
    const auto verified = ir::verify(block, text_context());
    const std::string text = ir::print(block, text_context());
    ASSERT_TRUE(verified) << verified.error().message << "\n" << text;
    const auto again = ir::parse(text, text_context());
    ASSERT_TRUE(again) << again.error().message << "\n" << text;
    ASSERT_EQ(ir::print(*again, text_context()), text);
  }
}

// Each section is one bad text; its first line, a comment, is the message.
void expect_messages(const std::string& folder, bool verifying) {
  for (const auto& file : case_files(folder)) {
    for (const std::string& section : sections(read_text(file))) {
      SCOPED_TRACE(file.filename().string() + "\n" + section);
      const std::string expected = section.substr(2, section.find('\n') - 2);
      const auto block = ir::parse(section, text_context());
      if (!verifying) {
        ASSERT_FALSE(block);
        EXPECT_EQ(block.error().message, expected);
        continue;
      }
      ASSERT_TRUE(block) << block.error().message;
      const auto verified = ir::verify(*block, text_context());
      ASSERT_FALSE(verified);
      EXPECT_EQ(verified.error().message.substr(0, verified.error().message.find('\n')), expected);
    }
  }
}
TEST(Text, ParserErrorsNameLineAndColumn) { expect_messages("bad_text", false); }
TEST(Text, VerifierNamesWhatIsWrong) { expect_messages("bad_ir", true); }

TEST(Text, TypesRoundTrip) {
  for (unsigned e = 1; e <= unsigned(ir::Elem::f80); ++e)
    for (u16 lanes : {1, 2, 16, 256})
      EXPECT_EQ(ir::parse_type(ir::to_string({ir::Elem(e), lanes})), (ir::Type{ir::Elem(e), lanes}));
  for (const char* bad : {"", "i2", "v", "v1i8", "v4", "x", "void", "v4void", "i64 "})
    EXPECT_TRUE(ir::parse_type(bad).is_void()) << bad;
}

// To renew: build/release/bin/ir_reference > docs/reference/ir.md
TEST(Reference, IsCurrent) {
  EXPECT_EQ(read_text(std::string(MIMUS_SOURCE_DIR) + "/docs/reference/ir.md"), op_reference())
      << "run ir_reference > docs/reference/ir.md";
}

}  // namespace
}  // namespace mimus::test
