package netwatch

import (
	"errors"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// groups are the news that we want: links, addresses and routes.
const groups = unix.RTMGRP_LINK | unix.RTMGRP_IPV4_IFADDR | unix.RTMGRP_IPV6_IFADDR |
	unix.RTMGRP_IPV4_ROUTE | unix.RTMGRP_IPV6_ROUTE

// listen is told by the kernel when to look. What it says is not read: to look is
// simpler, and cannot be out of date. Without it the ticks are left.
func listen() (pokes <-chan struct{}, stop func()) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_ROUTE)
	if err != nil {
		return nil, func() {}
	}
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: groups}); err != nil {
		_ = unix.Close(fd)
		return nil, func() {}
	}
	f := os.NewFile(uintptr(fd), "netlink")
	out, done := make(chan struct{}, 1), make(chan struct{})
	go func() {
		defer close(done)
		b := make([]byte, os.Getpagesize())
		for {
			// ENOBUFS: more happened than the socket holds, which is a reason to look.
			if _, err := f.Read(b); err != nil && !errors.Is(err, unix.ENOBUFS) {
				return
			}
			select {
			case out <- struct{}{}:
			default:
			}
		}
	}()
	return out, func() { _ = f.Close(); <-done }
}

// clocks reads the clock that stands still in sleep and the one that does not.
func clocks() Clocks {
	return Clocks{Awake: read(unix.CLOCK_MONOTONIC), Always: read(unix.CLOCK_BOOTTIME)}
}

func read(clock int32) time.Duration {
	var t unix.Timespec
	if unix.ClockGettime(clock, &t) != nil {
		return 0
	}
	return time.Duration(t.Nano())
}
