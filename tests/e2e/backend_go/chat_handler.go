// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gorilla/websocket"
)

type chatHandler struct {
	hub         *hub
	tokenPrefix string
	readLimit   int64
}

func newChatHandler(h *hub, tokenPrefix string, readLimit int64) *chatHandler {
	return &chatHandler{hub: h, tokenPrefix: tokenPrefix, readLimit: readLimit}
}

// refuse answers the opening handshake with an HTTP error where one is due.
// A status in the query stands for a failure further inside the application.
func (h *chatHandler) refuse(w http.ResponseWriter, r *http.Request) bool {
	query := r.URL.Query()
	if status, err := strconv.Atoi(query.Get("answer")); err == nil {
		http.Error(w, http.StatusText(status), status)
		return true
	}
	if !strings.HasPrefix(query.Get("token"), h.tokenPrefix) {
		http.Error(w, "invalid token", http.StatusUnauthorized)
		return true
	}
	if !h.hub.has(roomOf(r)) {
		http.NotFound(w, r)
		return true
	}
	return false
}

func roomOf(r *http.Request) string {
	if room := r.URL.Query().Get("room"); room != "" {
		return room
	}
	return "lobby"
}

func (h *chatHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if h.refuse(w, r) {
		return
	}
	query := r.URL.Query()
	// CheckOrigin stays nil: gorilla then compares Origin with Host.
	upgrader := websocket.Upgrader{
		Subprotocols:      []string{"chat.v1"},
		EnableCompression: query.Get("compress") != "",
	}
	conn, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		return
	}
	conn.SetReadLimit(h.readLimit)
	socket := conn.UnderlyingConn().(*net.TCPConn)
	if err := applySocketOptions(socket, query); err != nil {
		conn.Close()
		return
	}
	m := newMember(conn, socket, h.hub, roomOf(r))
	m.serve(pingInterval(query.Get("ping_ms")))
}

func pingInterval(text string) time.Duration {
	if ms, err := strconv.Atoi(text); err == nil && ms > 0 {
		return time.Duration(ms) * time.Millisecond
	}
	return 30 * time.Second
}
