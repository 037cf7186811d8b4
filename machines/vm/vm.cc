#include "machines/vm/vm.h"

#include <fmt/format.h>

#include <thread>
#include <utility>

namespace mimus {
namespace {

constexpr size_t kErrorsKept = 64;
constexpr unsigned kErrorsPerWindow = 5;
constexpr u64 kErrorWindowNs = 1'000'000'000;

}  // namespace

Vm::Vm(u64 timebase_hz) : timebase_(clock_, timebase_hz), events_(clock_, memory_.machine_lock()) {}

Vm::~Vm() {
  accelerator_.reset();
  devices_.clear();
  endpoints_.clear();
}

Expected<void> Vm::load_images() {
  for (const Image& image : images_) {
    if (!memory_.write(image.address, image.bytes))
      return fail(fmt::format("cannot place {} bytes at {:#x}: not RAM", image.bytes.size(), image.address));
  }
  return {};
}

void Vm::reset_machine() {
  while_stopped([this] {
    for (auto& device : devices_) device->reset(ResetKind::warm);
    [[maybe_unused]] auto loaded = load_images();  // they fitted at power-on
    accelerator_->reset();
  });
}

Vm::Requests Vm::wait_for_request() {
  std::unique_lock guard(lock_);
  requested_.wait(guard, [this] { return requests_.reset || requests_.power_off || !requests_.actions.empty(); });
  return std::exchange(requests_, {});
}

Expected<int> Vm::run() {
  MIMUS_CHECK(load_images());
  std::thread event_thread([this] { events_.run(); });
  auto started = accelerator_->start();
  std::optional<int> exit_code;
  while (started && !exit_code) {
    Requests requests = wait_for_request();
    exit_code = requests.power_off;
    for (auto& action : requests.actions) action();
    if (!exit_code && requests.reset) reset_machine();
  }
  set_paused(false);  // stopped CPUs cannot be joined
  accelerator_->stop();
  events_.stop();
  event_thread.join();
  if (!started) return std::unexpected(started.error());
  return *exit_code;
}

void Vm::request_power_off(int exit_code) {
  std::scoped_lock guard(lock_);
  if (!requests_.power_off) requests_.power_off = exit_code;
  requested_.notify_one();
}

bool Vm::press_power_button() {
  if (!power_button_) return false;
  std::scoped_lock guard(memory_.machine_lock());
  power_button_();
  return true;
}

void Vm::request_reset() {
  std::scoped_lock guard(lock_);
  requests_.reset = true;
  requested_.notify_one();
}

void Vm::post_control(std::function<void()> action) {
  std::scoped_lock guard(lock_);
  requests_.actions.push_back(std::move(action));
  requested_.notify_one();
}

void Vm::set_paused(bool paused) {
  if (paused == paused_) return;
  paused_ = paused;
  if (paused) {
    accelerator_->pause();
  } else {
    accelerator_->resume();
  }
}

void Vm::while_stopped(const std::function<void()>& action) {
  accelerator_->pause();
  {
    std::scoped_lock guard(memory_.machine_lock());
    action();
  }
  accelerator_->resume();
}

void Vm::guest_error(std::string_view device, std::string_view what) {
  std::scoped_lock guard(lock_);
  errors_seen_++;
  std::string line = fmt::format("guest error: {}: {}", device, what);
  if (errors_.size() == kErrorsKept) errors_.pop_front();
  errors_.push_back(line);
  const u64 now = clock_.now_ns();
  if (now - error_window_ns_ >= kErrorWindowNs) {
    error_window_ns_ = now;
    errors_in_window_ = 0;
  }
  if (error_sink_ && errors_in_window_++ < kErrorsPerWindow) error_sink_(line);
}

std::string Vm::recent_guest_errors() const {
  std::scoped_lock guard(lock_);
  std::string text = fmt::format("{} guest errors\n", errors_seen_);
  for (const std::string& line : errors_) text += line + "\n";
  return text;
}

}  // namespace mimus
