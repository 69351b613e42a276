// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"encoding/json"
	"fmt"
	"log"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/gorilla/websocket"
)

const tcpUserTimeout = 18 // TCP_USER_TIMEOUT of linux/tcp.h

type chatHandler struct {
	*settings
	hub *hub
}

type member struct {
	conn *websocket.Conn
	mu   sync.Mutex
	done chan struct{}
}

type hub struct {
	mu      sync.Mutex
	members map[*member]bool
}

func newHub() *hub { return &hub{members: make(map[*member]bool)} }

func (h *hub) each(work func(*member)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for m := range h.members {
		work(m)
	}
}

// join returns how many members there are now.
func (h *hub) join(m *member) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.members[m] = true
	return len(h.members)
}

func (h *hub) leave(m *member) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.members, m)
}

func (h *chatHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	bearer := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	if h.token != "" && bearer != h.token {
		http.Error(w, "token is expired", http.StatusUnauthorized)
		return
	}
	upgrader := websocket.Upgrader{Subprotocols: []string{"chat.v1"}}
	conn, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		log.Printf("%s: %v", r.URL.Path, err)
		return
	}
	if h.readLimit > 0 {
		conn.SetReadLimit(h.readLimit)
	}
	setUserTimeout(conn.UnderlyingConn().(*net.TCPConn), h.userTimeout)
	m := &member{conn: conn, done: make(chan struct{})}
	defer conn.Close()
	defer h.hub.leave(m)
	if n := h.hub.join(m); h.maxMembers > 0 && n > h.maxMembers {
		conn.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(
			websocket.ClosePolicyViolation, "session limit reached"), time.Now().Add(time.Second))
		return
	}
	h.serve(m, r.URL.Path)
}

func setUserTimeout(socket *net.TCPConn, limit time.Duration) {
	socket.SetKeepAlive(false)
	if limit == 0 {
		return
	}
	if raw, err := socket.SyscallConn(); err == nil {
		raw.Control(func(fd uintptr) {
			syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, tcpUserTimeout,
				int(limit.Milliseconds()))
		})
	}
}

func (h *chatHandler) serve(m *member, path string) {
	defer close(m.done)
	if h.readDeadline > 0 {
		m.conn.SetReadDeadline(time.Now().Add(h.readDeadline))
	}
	if h.pongWait > 0 {
		m.conn.SetReadDeadline(time.Now().Add(h.pongWait))
		m.conn.SetPongHandler(func(string) error {
			return m.conn.SetReadDeadline(time.Now().Add(h.pongWait))
		})
	}
	h.say(m, "welcome", "hello")
	h.start(m)
	for {
		_, data, err := m.conn.ReadMessage()
		if err != nil {
			log.Printf("%s: %v", path, err)
			return
		}
		var said struct{ Text string }
		json.Unmarshal(data, &said)
		h.hub.each(func(other *member) { go h.say(other, "said", said.Text) })
	}
}

// start begins whatever the server does without being asked.
func (h *chatHandler) start(m *member) {
	if h.pingEvery > 0 {
		go every(h.pingEvery, m.done, func() error {
			return m.conn.WriteControl(websocket.PingMessage, nil, time.Now().Add(time.Second))
		})
	}
	writers := 1
	if h.twoWriters {
		writers = 2
	}
	for i := 0; h.sayEvery > 0 && i < writers; i++ {
		go every(h.sayEvery, m.done, func() error {
			return h.say(m, "news", strings.Repeat("x", h.saySize))
		})
	}
}

func every(period time.Duration, done chan struct{}, work func() error) {
	ticker := time.NewTicker(period)
	defer ticker.Stop()
	for {
		select {
		case <-done:
			return
		case <-ticker.C:
			if work() != nil {
				return
			}
		}
	}
}

func (h *chatHandler) say(m *member, kind, text string) error {
	if !h.twoWriters {
		m.mu.Lock()
		defer m.mu.Unlock()
	}
	if h.writeWait > 0 {
		m.conn.SetWriteDeadline(time.Now().Add(h.writeWait))
	}
	err := m.conn.WriteMessage(websocket.TextMessage,
		[]byte(fmt.Sprintf(`{"type":%q,"text":%q}`, kind, text)))
	if err != nil {
		log.Printf("write: %v", err)
		// As the chat example of gorilla does when its write pump fails.
		m.conn.Close()
	}
	return err
}
