// Vm: one virtual machine. It owns memory, time, events, devices, host endpoints and the accelerator, and runs them:
// the vCPU threads belong to the accelerator, the event thread to the Vm, and run() waits for what ends the machine.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/base/bytes.h"
#include "core/device/clock.h"
#include "core/device/device.h"
#include "core/device/event_queue.h"
#include "core/device/guest_error.h"
#include "core/device/machine_control.h"
#include "core/device/timebase.h"
#include "core/engine/accelerator.h"
#include "core/memory/physical.h"

namespace mimus {

class Vm final : public MachineControl, public GuestErrorSink {
 public:
  explicit Vm(u64 timebase_hz);
  ~Vm() override;

  PhysicalMemory& memory() { return memory_; }
  Clock& clock() { return clock_; }
  EventQueue& events() { return events_; }
  Timebase& timebase() { return timebase_; }

  // Before the board is built: its interrupt controllers need the CPUs.
  void set_accelerator(std::unique_ptr<Accelerator> accelerator) { accelerator_ = std::move(accelerator); }
  Accelerator& accelerator() { return *accelerator_; }

  // Takes ownership; devices are destroyed before endpoints, both after the accelerator.
  template <class T>
  T& add_device(std::unique_ptr<T> device) {
    T& result = *device;
    devices_.push_back(std::move(device));
    return result;
  }
  template <class T>
  T& add_endpoint(std::unique_ptr<T> endpoint) {
    T& result = *endpoint;
    endpoints_.push_back(std::move(endpoint));
    return result;
  }
  std::span<const std::unique_ptr<Device>> devices() const { return devices_; }

  // Bytes that are written to guest memory at power-on and at each reset.
  void add_image(GuestPa address, Bytes bytes) { images_.push_back({address, std::move(bytes)}); }

  // What presses the board's power button; called with the machine lock held. Boards without a button leave it empty.
  void on_power_button(std::function<void()> press) { power_button_ = std::move(press); }

  // Runs from power-on until the machine ends; the process's exit code. Once.
  Expected<int> run();

  // -- any thread --
  void request_power_off(int exit_code) override;
  void request_reset() override;
  // Runs `action` on the thread of run(), which holds no lock: from there the CPUs may be stopped.
  void post_control(std::function<void()> action);
  void guest_error(std::string_view device, std::string_view what) override;
  bool press_power_button();  // false: the board has none
  // Where guest errors go, at most some per second; empty: only into recent_guest_errors().
  void on_guest_error(std::function<void(const std::string& line)> sink) { error_sink_ = std::move(sink); }
  std::string recent_guest_errors() const;

  // -- control thread: inside run() or an action given to post_control() --
  void set_paused(bool paused);  // the guest's CPUs stop at instruction boundaries; its clock goes on
  bool paused() const { return paused_; }
  // Runs `action` with all CPUs stopped and the machine lock held.
  void while_stopped(const std::function<void()>& action);

 private:
  struct Image {
    GuestPa address;
    Bytes bytes;
  };
  struct Requests {
    bool reset = false;
    std::optional<int> power_off;
    std::vector<std::function<void()>> actions;
  };
  Requests wait_for_request();
  Expected<void> load_images();
  void reset_machine();

  PhysicalMemory memory_;
  HostClock clock_;
  Timebase timebase_;
  EventQueue events_;
  std::vector<std::shared_ptr<void>> endpoints_;
  std::vector<std::unique_ptr<Device>> devices_;
  std::unique_ptr<Accelerator> accelerator_;
  std::vector<Image> images_;
  std::function<void()> power_button_;

  mutable std::mutex lock_;  // a leaf; everything below
  std::condition_variable requested_;
  Requests requests_;
  std::deque<std::string> errors_;
  u64 errors_seen_ = 0;
  u64 error_window_ns_ = 0;
  unsigned errors_in_window_ = 0;
  std::function<void(const std::string& line)> error_sink_;

  bool paused_ = false;  // control thread
};

}  // namespace mimus
