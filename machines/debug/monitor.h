// Monitor: looks at a running machine and steers it, by lines of text.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "core/engine/frontend.h"
#include "machines/vm/vm.h"

namespace mimus {

class Monitor {
 public:
  Monitor(Vm& vm, const Frontend& frontend) : vm_(vm), frontend_(frontend) {}

  // Runs one command and returns its answer (lines, or nothing). On the control thread of the Vm.
  std::string execute(std::string_view line);

 private:
  struct Command;  // a row of the command table
  static std::span<const Command> commands();

  std::string help(std::string_view);
  std::string info(std::string_view what);
  std::string registers(std::string_view which);
  std::string devices();
  std::string device_state(std::string_view name);
  std::string memory(std::string_view arguments);
  std::string stop(std::string_view);
  std::string cont(std::string_view);
  std::string reset(std::string_view);
  std::string powerdown(std::string_view);
  std::string quit(std::string_view);

  Vm& vm_;
  const Frontend& frontend_;
};

}  // namespace mimus
