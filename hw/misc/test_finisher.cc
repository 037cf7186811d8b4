#include "hw/misc/test_finisher.h"

namespace mimus {

void TestFinisher::write(RegionId, u64 offset, unsigned width, u64 value) {
  if (offset != 0 || width < 2) return;
  const int code = int(bits(value, 16, 16));
  switch (bits(value, 0, 16)) {
    case kFail: return machine_.request_power_off(code);
    case kPass: return machine_.request_power_off(0);
    case kReset: return machine_.request_reset();
    default: return;  // reserved
  }
}

void TestFinisher::visit_state(StateVisitor& visitor) {
  visitor.begin("finisher", 1);
  visitor.end();
}

}  // namespace mimus
