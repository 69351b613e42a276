// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import "sync"

// hub knows the rooms and who is in them.
type hub struct {
	mu    sync.Mutex
	rooms map[string]map[*member]bool
}

func newHub(rooms ...string) *hub {
	h := &hub{rooms: make(map[string]map[*member]bool)}
	for _, room := range rooms {
		h.rooms[room] = make(map[*member]bool)
	}
	return h
}

func (h *hub) has(room string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.rooms[room] != nil
}

func (h *hub) join(room string, m *member) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.rooms[room][m] = true
}

func (h *hub) leave(room string, m *member) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.rooms[room], m)
}

// say hands a message to everyone in the room; a member whose queue is full
// misses it rather than holding up the others.
func (h *hub) say(room string, message []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for m := range h.rooms[room] {
		select {
		case m.queue <- message:
		default:
		}
	}
}
