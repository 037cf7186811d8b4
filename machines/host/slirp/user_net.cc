// The NAT behind "--net user": libslirp between frames of the guest and sockets of the host. A module of its own,
// because libslirp brings glib along.
//
// Threads: everything runs under the machine lock. Frames of the guest are queued by send() and reach libslirp on the
// event thread, as do socket events and timers; what libslirp answers is delivered there too.
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <slirp/libslirp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <deque>
#include <map>
#include <memory>
#include <thread>
#include <utility>

#include "core/base/module.h"
#include "machines/host/net/segment_joiner.h"
#include "machines/host/net/user_net.h"

namespace mimus {

namespace {

constexpr size_t kMaxQueuedFrames = 1024;  // in each direction; more are dropped, as on any network
constexpr Ipv4 kNetwork = 0x0a000200;      // 10.0.2.0/24

struct PollFlag {
  short system;
  int slirp;
};
constexpr PollFlag kPollFlags[] = {{POLLIN, SLIRP_POLL_IN},
                                   {POLLOUT, SLIRP_POLL_OUT},
                                   {POLLPRI, SLIRP_POLL_PRI},
                                   {POLLERR, SLIRP_POLL_ERR},
                                   {POLLHUP, SLIRP_POLL_HUP}};

in_addr network_order(Ipv4 address) { return {htonl(address)}; }

class UserNet final : public NetEndpoint {
 public:
  UserNet(EventQueue& events, Clock& clock, GuestErrorSink* errors) : events_(events), clock_(clock), errors_(errors) {}
  ~UserNet() override;
  Expected<void> start(const UserNetConfig& config);

  void send(const NetFrame& frame) override;
  void attach(Deliver deliver) override { deliver_ = std::move(deliver); }
  void ready() override {
    if (!to_guest_.empty()) schedule();
  }
  // libslirp takes a TCP packet of any length over IPv4; over IPv6 it answers "too big".
  NetOffloads takes() const override { return {.tcp4 = true}; }
  NetOffloads gives() const override { return {.checksum = true, .tcp4 = true, .tcp6 = true}; }
  void allow(const NetOffloads& offloads) override;

 private:
  struct Timer {
    SlirpTimerCb callback;
    void* argument;
    UserNet* net;
    EventQueue::TimerId id;
  };

  static UserNet& self(void* opaque) { return *static_cast<UserNet*>(opaque); }
  static const SlirpCb& callbacks();
  void* new_timer(SlirpTimerCb callback, void* argument);

  Expected<void> forward(const PortForward& forward);
  void schedule();
  void process();
  void socket_event();
  void poll_sockets();
  void receive(std::span<const u8> frame);
  void deliver_frames();
  void prepare_thread();
  // Asks libslirp which sockets and deadlines it waits for, and watches those.
  void watch_sockets();
  int add_poll(int fd, int events);
  void unwatch(int fd);

  EventQueue& events_;
  Clock& clock_;
  GuestErrorSink* errors_;
  Slirp* slirp_ = nullptr;
  Deliver deliver_;
  NetOffloads allowed_;
  std::deque<std::vector<u8>> from_guest_;
  std::deque<JoinedFrame> to_guest_;
  bool finished_ = false;  // the first of to_guest_ has been offered to the NIC
  bool scheduled_ = false;

  struct Watch {
    EventQueue::WatchId id;
    short events;
    bool wanted;
  };
  std::map<int, Watch> watches_;  // by descriptor
  std::vector<pollfd> polls_;     // of the last watch_sockets(); libslirp knows them by index
  std::vector<std::unique_ptr<Timer>> timers_;
  EventQueue::TimerId timeout_ = 0;
  std::thread::id prepared_;
  std::shared_ptr<UserNet*> alive_ = std::make_shared<UserNet*>(this);  // what posted callbacks hold on to
};

const SlirpCb& UserNet::callbacks() {
  static const SlirpCb kCallbacks = [] {
    SlirpCb c{};
    c.send_packet = [](const void* data, size_t bytes, void* opaque) -> ssize_t {
      self(opaque).receive({static_cast<const u8*>(data), bytes});
      return ssize_t(bytes);
    };
    c.guest_error = [](const char* what, void* opaque) {
      if (self(opaque).errors_) self(opaque).errors_->guest_error("net", what);
    };
    c.clock_get_ns = [](void* opaque) { return int64_t(self(opaque).clock_.now_ns()); };
    c.timer_new = [](SlirpTimerCb callback, void* argument, void* opaque) {
      return self(opaque).new_timer(callback, argument);
    };
    c.timer_free = [](void* timer, void* opaque) { self(opaque).events_.disarm(static_cast<Timer*>(timer)->id); };
    c.timer_mod = [](void* timer, int64_t milliseconds, void* opaque) {
      self(opaque).events_.arm(static_cast<Timer*>(timer)->id, u64(milliseconds) * 1'000'000);
    };
    c.register_poll_fd = [](int, void*) {};  // watch_sockets() follows
    c.unregister_poll_fd = [](int fd, void* opaque) { self(opaque).unwatch(fd); };
    c.notify = [](void* opaque) { self(opaque).schedule(); };
    return c;
  }();
  return kCallbacks;
}

void* UserNet::new_timer(SlirpTimerCb callback, void* argument) {
  timers_.push_back(std::make_unique<Timer>(callback, argument, this, 0));
  Timer* timer = timers_.back().get();
  timer->id = events_.create_timer([timer] {
    timer->net->prepare_thread();
    timer->callback(timer->argument);
    timer->net->schedule();
  });
  return timer;
}

Expected<void> UserNet::start(const UserNetConfig& config) {
  SlirpConfig slirp{};
  slirp.version = 1;
  slirp.restricted = config.restrict_guest;
  slirp.in_enabled = true;
  slirp.vnetwork = network_order(kNetwork);
  slirp.vnetmask = network_order(0xffffff00);
  slirp.vhost = network_order(kNetwork + 2);
  slirp.vnameserver = network_order(kNetwork + 3);
  slirp.vdhcp_start = network_order(kNetwork + 15);
  slirp.in6_enabled = true;
  slirp.vprefix_addr6.s6_addr[0] = slirp.vhost6.s6_addr[0] = slirp.vnameserver6.s6_addr[0] = 0xfe;  // fec0::/64
  slirp.vprefix_addr6.s6_addr[1] = slirp.vhost6.s6_addr[1] = slirp.vnameserver6.s6_addr[1] = 0xc0;
  slirp.vprefix_len = 64;
  slirp.vhost6.s6_addr[15] = 2;
  slirp.vnameserver6.s6_addr[15] = 3;
  timeout_ = events_.create_timer([this] { process(); });
  slirp_ = slirp_new(&slirp, &callbacks(), this);
  if (!slirp_) return fail("--net user: libslirp could not be started");
  for (const PortForward& one : config.forwards) MIMUS_CHECK(forward(one));
  watch_sockets();
  return {};
}

UserNet::~UserNet() {
  *alive_ = nullptr;
  events_.disarm(timeout_);
  if (slirp_) slirp_cleanup(slirp_);
  for (const auto& timer : timers_) events_.disarm(timer->id);
  for (const auto& [fd, watch] : watches_) events_.unwatch(watch.id);
}

// libslirp lets two UDP sockets share a port; only an ordinary bind tells that one is taken.
int probe_udp(const PortForward& forward) {
  const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(forward.host_port);
  address.sin_addr = network_order(forward.host_address);
  const int result = bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 ? 0 : errno;
  close(fd);
  return result;
}

Expected<void> UserNet::forward(const PortForward& forward) {
  struct Advice {
    int error;
    const char* text;
  };
  static constexpr Advice kAdvice[] = {
      {EADDRINUSE, "is in use by another program; choose another port"},
      {EACCES, "is reserved for the administrator; choose a port of 1024 or more"},
      {EADDRNOTAVAIL, "has an address that is not one of this host"},
  };
  int error = forward.udp ? probe_udp(forward) : 0;
  if (error == 0) {
    const int result = slirp_add_hostfwd(slirp_, forward.udp, network_order(forward.host_address), forward.host_port,
                                         network_order(forward.guest_address), forward.guest_port);
    if (result == 0) return {};
    error = errno;
  }
  std::string why = std::string("cannot be opened: ") + std::strerror(error);
  for (const Advice& advice : kAdvice)
    if (advice.error == error) why = advice.text;
  return fail("--net user: " + std::string(forward.udp ? "udp" : "tcp") + " port " + ipv4_text(forward.host_address) +
              ":" + std::to_string(forward.host_port) + " of the host " + why);
}

void UserNet::send(const NetFrame& frame) {
  if (from_guest_.size() >= kMaxQueuedFrames) return;
  from_guest_.emplace_back(frame.bytes.begin(), frame.bytes.end());
  schedule();
}

// What was joined for the driver before may be nothing for the one that comes now.
void UserNet::allow(const NetOffloads& offloads) {
  allowed_ = offloads;
  std::erase_if(to_guest_, [](const JoinedFrame& frame) { return frame.segment_bytes != 0; });
  finished_ = !to_guest_.empty();
}

void UserNet::receive(std::span<const u8> frame) {
  const bool open = to_guest_.size() > (finished_ ? 1 : 0);
  if (open && join_segments(to_guest_.back(), frame, allowed_)) return;
  if (to_guest_.size() < kMaxQueuedFrames) to_guest_.push_back({{frame.begin(), frame.end()}});
}

void UserNet::schedule() {
  if (std::exchange(scheduled_, true)) return;
  events_.post([alive = alive_] {
    if (UserNet* net = *alive) net->process();
  });
}

void UserNet::process() {
  prepare_thread();
  scheduled_ = false;
  for (const auto& frame : std::exchange(from_guest_, {})) slirp_input(slirp_, frame.data(), int(frame.size()));
  poll_sockets();
  deliver_frames();
  watch_sockets();
}

// Several sockets are ready in one round of the event loop as a rule; the first of them has process() look at all.
void UserNet::socket_event() {
  if (::poll(polls_.data(), polls_.size(), 0) > 0) process();
}

// libslirp writes to sockets whose other end may be gone; that must not end the process.
void UserNet::prepare_thread() {
  if (prepared_ == std::this_thread::get_id()) return;
  prepared_ = std::this_thread::get_id();
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
}

// Looks at all sockets anew instead of collecting what the watches saw: by now that may be stale, and libslirp would
// block in accept(2) on a listening socket without a caller.
void UserNet::poll_sockets() {
  if (::poll(polls_.data(), polls_.size(), 0) < 0)
    for (pollfd& poll : polls_) poll.revents = 0;
  slirp_pollfds_poll(
      slirp_, 0,
      [](int index, void* opaque) {
        const auto& polls = self(opaque).polls_;
        const short seen = index >= 0 && size_t(index) < polls.size() ? polls[size_t(index)].revents : short{0};
        int result = 0;
        for (const PollFlag& flag : kPollFlags) result |= seen & flag.system ? flag.slirp : 0;
        return result;
      },
      this);
}

void UserNet::deliver_frames() {
  while (!to_guest_.empty()) {
    if (deliver_ && !deliver_(finish_joining(to_guest_.front()))) {
      finished_ = true;
      return;
    }
    to_guest_.pop_front();
    finished_ = false;
  }
}

void UserNet::watch_sockets() {
  polls_.clear();
  for (auto& [fd, watch] : watches_) watch.wanted = false;
  u32 timeout = ~u32{0};  // milliseconds
  slirp_pollfds_fill(
      slirp_, &timeout, [](int fd, int events, void* opaque) { return self(opaque).add_poll(fd, events); }, this);
  for (const pollfd& poll : polls_) {
    auto [watch, fresh] = watches_.try_emplace(poll.fd);
    watch->second.wanted = true;
    if (fresh)
      watch->second.id = events_.watch(poll.fd, poll.events, [this](short) { socket_event(); });
    else if (watch->second.events != poll.events)
      events_.set_events(watch->second.id, poll.events);
    watch->second.events = poll.events;
  }
  std::erase_if(watches_, [&](const auto& entry) {
    if (!entry.second.wanted) events_.unwatch(entry.second.id);
    return !entry.second.wanted;
  });
  if (timeout == ~u32{0})
    events_.disarm(timeout_);
  else
    events_.arm(timeout_, clock_.now_ns() + u64{timeout} * 1'000'000);
}

int UserNet::add_poll(int fd, int events) {
  short wanted = 0;
  for (const PollFlag& flag : kPollFlags) wanted |= events & flag.slirp ? flag.system : short{0};
  polls_.push_back({fd, wanted, 0});
  return int(polls_.size() - 1);
}

void UserNet::unwatch(int fd) {
  const auto found = watches_.find(fd);
  if (found == watches_.end()) return;
  events_.unwatch(found->second.id);
  watches_.erase(found);
}

}  // namespace

MIMUS_MODULE_FACTORY NetEndpoint* mimus_make_user_net(const UserNetConfig& config, EventQueue& events, Clock& clock,
                                                      GuestErrorSink* errors, Error& error) {
  auto net = std::make_unique<UserNet>(events, clock, errors);
  if (auto started = net->start(config); !started) {
    error = std::move(started).error();
    return nullptr;
  }
  return net.release();
}

}  // namespace mimus
