// What the engine relies on in LLVM, each as a small experiment: registers of the calling convention, blobs without
// relocations of other kinds, patchpoints as rare paths, floating point that is neither folded nor reordered.
#include <immintrin.h>

#include "backends/llvm/object.h"
#include "backends/llvm/self_test.h"
#include "tests/llvm/fixture.h"

namespace mimus::test {
namespace {

constexpr u32 kInexact = 1 << 5, kRoundUp = 2 << 13, kUsualMxcsr = 0x1f80;

class Contract : public LlvmTest {
 protected:
  void SetUp() override {
    LlvmTest::SetUp();
    compiler = *jit::Compiler::create();
    thunks = *jit::Thunks::create(*slab, *host);
  }
  // Runs the body of a function that keeps the register contract.
  void run(std::string_view body, std::string_view declarations = "") {
    const auto code =
        jit::place_text(*compiler, *slab, thunks, jit::contract_function(body) + std::string(declarations));
    ASSERT_TRUE(code) << code.error().message;
    host->enter(state, *code);
  }
  jit::Blob blob(std::string_view text) {
    const auto object = compiler->compile_text(text);
    EXPECT_TRUE(object) << object.error().message;
    auto read = jit::read_object(*object);
    EXPECT_TRUE(read) << read.error().message;
    return *read;
  }
  static std::string scratch(unsigned word) { return std::to_string(offsetof(CpuState, scratch) + 8 * word); }

  std::unique_ptr<jit::Compiler> compiler;
  jit::Thunks thunks;
  ToyState state;
};

TEST_F(Contract, ArgumentsAreThePinnedRegisters) {
  const auto checked = jit::check_register_contract(*compiler, *slab, *host, thunks);
  EXPECT_TRUE(checked) << checked.error().message;
}

// Eleven integers are what an indirect tail call can pass on; a twelfth runs out of registers.
TEST_F(Contract, IndirectTailCallsPassElevenIntegers) {
  const std::string parameters =
      "ptr %s, i64 %a, i64 %b, i64 %c, i64 %d, i64 %e, i64 %f, i64 %g, i64 %h, i64 %i, i64 %j";
  const auto made =
      compiler->compile_text("define hidden preserve_nonecc void @entry(" + parameters +
                             ") nounwind {\n  %t = load ptr, ptr %s\n  musttail call preserve_nonecc void %t(" +
                             parameters + ")\n  ret void\n}\n");
  EXPECT_TRUE(made) << made.error().message;
}

// An error inside LLVM is an error, not the end of the process.
TEST_F(Contract, ErrorsAreReported) { EXPECT_FALSE(compiler->compile_text("define void @entry( {")); }

TEST_F(Contract, BlobsCarryTheirConstants) {
  const jit::Blob b = blob(R"(
declare hidden void @outside()
define hidden double @entry(double %a, <4 x float> %v, ptr %p) nounwind {
  %w = fadd <4 x float> %v, <float 1.25, float 2.25, float 3.25, float 4.25>
  store <4 x float> %w, ptr %p
  %s = fmul double %a, 3.14159
  call void @outside()
  ret double %s
})");
  EXPECT_EQ(b.entry, 0u);
  EXPECT_GT(b.bytes.size(), b.code_bytes);
  ASSERT_EQ(b.references.size(), 1u);
  EXPECT_EQ(b.references[0].name, "outside");
}

// The rare path of an access: five bytes in the code, and a record of where everything is.
TEST_F(Contract, PatchpointsTellWhereValuesAre) {
  const jit::Blob b = blob(R"(
declare i64 @llvm.experimental.patchpoint.i64(i64, i32, ptr, i32, ...)
define hidden preserve_nonecc i64 @entry(ptr %s, i64 %a, double %d, float %f) nounwind {
  %t = load i64, ptr %s
  %odd = and i64 %t, 1
  %rare = icmp ne i64 %odd, 0
  br i1 %rare, label %slow, label %on
slow:
  %r = call anyregcc i64 (i64, i32, ptr, i32, ...) @llvm.experimental.patchpoint.i64(i64 7, i32 5, ptr null, i32 2,
      ptr %s, i64 %a, double %d, float %f, i64 %t, i32 -1)
  br label %on
on:
  %v = phi i64 [ %t, %0 ], [ %r, %slow ]
  ret i64 %v
})");
  ASSERT_EQ(b.stack_map.records.size(), 1u);
  const jit::StackMap::Record& record = b.stack_map.records[0];
  EXPECT_EQ(record.id, 7u);
  EXPECT_LE(record.offset + 5, b.code_bytes);
  using Kind = jit::Location::Kind;
  ASSERT_EQ(record.locations.size(), 7u);  // the result comes first
  const Kind expected[] = {Kind::general, Kind::general, Kind::general, Kind::vector,
                           Kind::vector,  Kind::general, Kind::constant};
  for (size_t i = 0; i < std::size(expected); ++i) EXPECT_EQ(record.locations[i].kind, expected[i]) << i;
  EXPECT_EQ(record.locations[1].reg, emit::kStateRegister);
  EXPECT_EQ(record.locations[2].reg, emit::kPinnedRegisters[0]);
  EXPECT_EQ(record.locations[6].value, -1);
}

constexpr std::string_view kConstrained = R"(
declare double @llvm.experimental.constrained.fadd.f64(double, double, metadata, metadata)
)";

// Constants are not folded: the sum is rounded as MXCSR says, and the flag is raised when the code runs.
TEST_F(Contract, ConstrainedArithmeticFollowsMxcsr) {
  const std::string body =
      "  %n = call double @llvm.experimental.constrained.fadd.f64(double 1.0, double "
      "0x3AF0000000000000, metadata !\"round.dynamic\", metadata !\"fpexcept.strict\") strictfp\n"
      "  %q = getelementptr i8, ptr %s, i64 " +
      scratch(0) + "\n  store double %n, ptr %q\n";
  for (const u32 mode : {0u, kRoundUp}) {
    state.guest_mxcsr = kUsualMxcsr | mode;
    ASSERT_NO_FATAL_FAILURE(run(body, kConstrained));
    EXPECT_EQ(state.scratch[0], mode ? 0x3ff0000000000001u : 0x3ff0000000000000u);
    EXPECT_TRUE(state.guest_mxcsr & kInexact);
  }
}

// A result that nobody uses still raises its flags.
TEST_F(Contract, UnusedArithmeticStaysForItsFlags) {
  state.guest_mxcsr = kUsualMxcsr;
  ASSERT_NO_FATAL_FAILURE(
      run("  %n = call double @llvm.experimental.constrained.fadd.f64(double 1.0, double 0x3AF0000000000000, metadata "
          "!\"round.dynamic\", metadata !\"fpexcept.strict\") strictfp\n",
          kConstrained));
  EXPECT_TRUE(state.guest_mxcsr & kInexact);
}

// Bits of a signaling NaN pass through loads, stores and joins as floats: nothing makes them quiet.
TEST_F(Contract, MovesKeepSignalingNans) {
  constexpr u64 kSignaling = 0x7ff0000000000001;
  state.scratch[0] = kSignaling;
  const std::string body = "  %q = getelementptr i8, ptr %s, i64 " + scratch(0) +
                           "\n  %v = load double, ptr %q\n  %c = icmp eq i64 %p1, 0\n  br i1 %c, label %a, label %b\n"
                           "a:\n  br label %j\nb:\n  br label %j\nj:\n  %m = phi double [ %v, %a ], [ 0.0, %b ]\n"
                           "  %r = getelementptr i8, ptr %s, i64 " +
                           scratch(1) + "\n  store double %m, ptr %r\n";
  ASSERT_NO_FATAL_FAILURE(run(body));
  EXPECT_EQ(state.scratch[1], kSignaling);
  EXPECT_FALSE(state.guest_mxcsr & 1);
}

}  // namespace
}  // namespace mimus::test
