#include "hw/misc/test_finisher.h"

#include "tests/dev/fixture.h"

namespace mimus {
namespace {

struct Requests final : MachineControl {
  std::string log;
  void request_power_off(int exit_code) override { log += "off " + std::to_string(exit_code) + ";"; }
  void request_reset() override { log += "reset;"; }
};

TEST(TestFinisher, Requests) {
  Requests machine;
  TestFinisher finisher(machine);
  finisher.write(0, 0, 4, 0x5555);
  finisher.write(0, 0, 4, 0x3333 | 42 << 16);
  finisher.write(0, 0, 4, 0x7777);
  finisher.write(0, 0, 4, 0x1234);
  finisher.write(0, 4, 4, 0x5555);
  EXPECT_EQ(machine.log, "off 0;off 42;reset;");
  EXPECT_EQ(finisher.read(0, 0, 4), 0u);
  TestFinisher other(machine);
  transplant(finisher, other);
}

}  // namespace
}  // namespace mimus
