#include "machines/cli/host_signals.h"

#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

namespace mimus::cli {

HostSignals::HostSignals(EventQueue& events, Handlers handlers) : events_(events), handlers_(std::move(handlers)) {
  sigset_t set;
  sigemptyset(&set);
  for (int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP}) sigaddset(&set, signal);
  pthread_sigmask(SIG_BLOCK, &set, &before_);
  fd_ = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
  watch_ = events_.watch(fd_, POLLIN, [this](short) { readable(); });
}

HostSignals::~HostSignals() {
  events_.unwatch(watch_);
  close(fd_);
  pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

void HostSignals::readable() {
  signalfd_siginfo info;
  while (read(fd_, &info, sizeof info) == ssize_t(sizeof info)) {
    if (info.ssi_signo == SIGTSTP) {
      handlers_.before_stop();
      kill(getpid(), SIGSTOP);
      handlers_.after_stop();
    } else {
      handlers_.terminate(int(info.ssi_signo));
    }
  }
}

}  // namespace mimus::cli
