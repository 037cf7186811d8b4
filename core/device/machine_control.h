// What a device may ask of the machine that it is built into.
#pragma once

namespace mimus {

class MachineControl {
 public:
  virtual ~MachineControl() = default;
  // Both return at once; the vCPUs stop at an instruction boundary soon after. Any thread. The first request wins.
  virtual void request_power_off(int exit_code) = 0;
  virtual void request_reset() = 0;
};

}  // namespace mimus
