// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"encoding/json"
	"net"
	"time"

	"github.com/gorilla/websocket"
)

const (
	writeTimeout = 5 * time.Second
	queueLength  = 64
)

// member is one connected user: the calling goroutine reads, a second one
// writes, as gorilla asks for.
type member struct {
	conn   *websocket.Conn
	socket *net.TCPConn
	hub    *hub
	room   string
	queue  chan []byte
	done   chan struct{}
}

// order is what a client sends: something to say, or a way to end.
type order struct {
	Type   string `json:"type"`
	Text   string `json:"text"`
	How    string `json:"how"`
	Code   int    `json:"code"`
	Reason string `json:"reason"`
	Hex    string `json:"hex"`
	HoldMs int    `json:"hold_ms"`
}

func newMember(conn *websocket.Conn, socket *net.TCPConn, h *hub, room string) *member {
	return &member{
		conn: conn, socket: socket, hub: h, room: room,
		queue: make(chan []byte, queueLength), done: make(chan struct{}),
	}
}

func (m *member) serve(ping time.Duration) {
	defer m.conn.Close()
	m.hub.join(m.room, m)
	defer m.hub.leave(m.room, m)
	go m.write(ping)
	defer close(m.done)

	m.post(map[string]string{"type": "welcome", "room": m.room})
	for {
		kind, data, err := m.conn.ReadMessage()
		if err != nil {
			return
		}
		if kind == websocket.BinaryMessage {
			m.sendClose(websocket.CloseUnsupportedData, "text only")
			continue
		}
		if !m.obey(data) {
			return
		}
	}
}

// obey returns false when the connection is to be closed.
func (m *member) obey(data []byte) bool {
	var o order
	if json.Unmarshal(data, &o) != nil {
		m.sendClose(websocket.ClosePolicyViolation, "not JSON")
		return true
	}
	switch o.Type {
	case "say":
		said, _ := json.Marshal(map[string]string{"type": "said", "text": o.Text})
		m.hub.say(m.room, said)
	case "break":
		return m.breakUp(&o)
	}
	return true
}

func (m *member) post(message interface{}) {
	data, _ := json.Marshal(message)
	select {
	case m.queue <- data:
	default:
	}
}

func (m *member) write(ping time.Duration) {
	ticker := time.NewTicker(ping)
	defer ticker.Stop()
	for {
		var err error
		select {
		case <-m.done:
			return
		case data := <-m.queue:
			m.conn.SetWriteDeadline(time.Now().Add(writeTimeout))
			err = m.conn.WriteMessage(websocket.TextMessage, data)
		case <-ticker.C:
			err = m.conn.WriteControl(websocket.PingMessage, []byte("hb"),
				time.Now().Add(writeTimeout))
		}
		if err != nil {
			return
		}
	}
}

func (m *member) sendClose(code int, reason string) {
	data := []byte{}
	if code != 0 {
		data = websocket.FormatCloseMessage(code, reason)
	}
	m.conn.WriteControl(websocket.CloseMessage, data, time.Now().Add(writeTimeout))
}
