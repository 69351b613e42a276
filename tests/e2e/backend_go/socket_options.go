// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"net"
	"net/url"
	"strconv"
	"syscall"
	"time"
)

// TCP_USER_TIMEOUT of linux/tcp.h; package syscall does not name it.
const tcpUserTimeout = 18

type socketOption struct {
	parameter string
	option    int
}

// Short timers, asked for in the query, so that a test need not wait for the
// minutes or hours of the kernel's defaults.
var socketOptions = []socketOption{
	{"user_timeout_ms", tcpUserTimeout},
	{"keepalive_idle_s", syscall.TCP_KEEPIDLE},
	{"keepalive_interval_s", syscall.TCP_KEEPINTVL},
	{"keepalive_probes", syscall.TCP_KEEPCNT},
}

func applySocketOptions(socket *net.TCPConn, query url.Values) error {
	// Go turns keepalive on with 15 s; it must not disturb other timers.
	if err := socket.SetKeepAlive(query.Get("keepalive_idle_s") != ""); err != nil {
		return err
	}
	socket.SetDeadline(time.Time{})
	raw, err := socket.SyscallConn()
	if err != nil {
		return err
	}
	for _, o := range socketOptions {
		value, err := strconv.Atoi(query.Get(o.parameter))
		if err != nil {
			continue
		}
		var failed error
		raw.Control(func(fd uintptr) {
			failed = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, o.option, value)
		})
		if failed != nil {
			return failed
		}
	}
	return nil
}
