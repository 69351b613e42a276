// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"encoding/hex"
	"os"
	"syscall"
	"time"
)

// breakUp ends the connection in the way that was asked for. It returns true
// when reading should go on (so that the closing handshake can complete).
func (m *member) breakUp(o *order) bool {
	hold := time.Duration(o.HoldMs) * time.Millisecond
	switch o.How {
	case "close":
		m.sendClose(o.Code, o.Reason)
		return true
	case "close_and_leave":
		m.sendClose(o.Code, o.Reason)
		time.Sleep(hold)
		return false
	case "drop":
		return false
	case "deaf":
		// Reads the client's Close frame but never answers it.
		m.conn.SetCloseHandler(func(int, string) error {
			time.Sleep(hold)
			return nil
		})
		m.post(map[string]string{"type": "ready"})
		return true
	case "unread":
		m.post(map[string]string{"type": "ready"})
		m.waitForUnread(5 * time.Second)
		return false
	case "reset":
		m.socket.SetLinger(0)
		return false
	case "raw":
		data, _ := hex.DecodeString(o.Hex)
		m.socket.Write(data)
		return true
	case "chatter":
		go m.chatter(time.Duration(o.HoldMs) * time.Millisecond)
		return true
	case "exit":
		os.Exit(o.Code)
	case "restart":
		m.sendClose(o.Code, o.Reason)
		time.Sleep(hold)
		os.Exit(0)
	case "crash":
		// Not here: net/http recovers a panic of a handler's goroutine.
		go crash()
		time.Sleep(10 * time.Second)
	}
	return false
}

func crash() {
	var nowhere *order
	nowhere.Code++
}

func (m *member) chatter(every time.Duration) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-m.done:
			return
		case <-ticker.C:
			m.post(map[string]string{"type": "said", "text": "anyone there?"})
		}
	}
}

// waitForUnread returns once data is queued in the kernel that was not read.
func (m *member) waitForUnread(limit time.Duration) {
	raw, err := m.socket.SyscallConn()
	if err != nil {
		return
	}
	one := make([]byte, 1)
	for deadline := time.Now().Add(limit); time.Now().Before(deadline); {
		n := 0
		raw.Control(func(fd uintptr) {
			n, _, _ = syscall.Recvfrom(int(fd), one,
				syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		})
		if n > 0 {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
}
